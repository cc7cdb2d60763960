/* Scale space: five products a channel, each on one thread. Pure. */
#include "scale_space.h"

#include "blur.h"
#include "kernels/gemm.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 16 }; /* floats */

static size_t round_up(size_t n) { return (n + ALIGN - 1) / ALIGN * ALIGN; }

/* Where what lies in the room, in floats; a panel may be read a little beyond its end. */
typedef struct layout {
    size_t matrix, packed_w, packed_h, changed_h; /* [T; D] of an axis; packed */
    size_t rows, moved, out;                      /* channels x height x 2 x width; channels x height x width; as rows */
    size_t weights;                               /* two kernels, in doubles */
    size_t scratch, count;
} layout;

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static layout lay_out(const xai_scale_space *s)
{
    size_t h = (size_t)s->height, w = (size_t)s->width, plane = (size_t)s->channels * h * w, n = larger(h, w);
    layout l = {0};
    l.packed_w = round_up(2 * n * n + XAI_PANEL_SLACK);
    l.packed_h = l.packed_w + round_up(xai_gemm_packed_size(2 * w, w) + XAI_PANEL_SLACK);
    l.changed_h = l.packed_h + round_up(xai_gemm_packed_size(h, h) + XAI_PANEL_SLACK);
    l.rows = l.changed_h + round_up(xai_gemm_packed_size(h, h) + XAI_PANEL_SLACK);
    l.moved = l.rows + round_up(2 * plane + XAI_PANEL_SLACK);
    l.out = l.moved + round_up(plane + XAI_PANEL_SLACK);
    l.weights = l.out + round_up(2 * plane + XAI_PANEL_SLACK);
    l.scratch = l.weights + round_up(4 * n);
    l.count = l.scratch + round_up(xai_gemm_scratch(larger(2 * w, h)) / sizeof(float) + ALIGN);
    return l;
}

size_t xai_scale_space_room(const xai_scale_space *s) { return lay_out(s).count; }

/* ---------------------------------------------------------------- matrices */

/* weights[n] by distance, beyond the kernel 0. */
static void fill_weights(double sigma, int n, double *weights)
{
    double *kernel = weights;
    int radius = xai_blur_radius(sigma), last = radius < n ? radius : n - 1;
    xai_blur_kernel(sigma, radius, n, kernel);
    for (int k = last + 1; k < n; k++) weights[k] = 0;
}

/* T above D: matrix[2n x n]. */
static void fill_matrix(int n, double sigma, double step, double *weights, float *matrix)
{
    double *here = weights, *there = weights + n;
    fill_weights(sigma, n, here);
    fill_weights(sigma + step, n, there);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            int k = abs(i - j);
            matrix[i * n + j] = (float)here[k];
            matrix[(n + i) * n + j] = (float)((there[k] - here[k]) / step);
        }
}

static void pack(const float *matrix, int n, int rows, float *packed)
{
    static const int FIRST[] = {0};
    xai_gemm_weights w = {.data = matrix, .row_step = (size_t)n, .channel_step = 1, .tap = FIRST, .taps = 1};
    xai_gemm_pack(&w, (size_t)rows, (size_t)n, packed);
}

/* ---------------------------------------------------------------- products */

typedef struct product {
    const float *packed, *in; /* A: rows x k; B: a plane of k x cols for each channel */
    size_t rows, k;
    int cols;
    float *out;
    size_t out_image, out_row, out_col; /* floats from one element of the result to the next */
    bool accumulate;
} product;

static void multiply(const xai_scale_space *s, const product *p, float *scratch)
{
    static const int SHIFT[][2] = {{0, 0}};
    xai_gemm g = {.grid = {(size_t)s->channels, 1, p->cols, 0, 0}, .groups = 1, .rows = p->rows, .k = p->k,
                  .packed = p->packed, .clamp = xai_clamp_none(), .accumulate = p->accumulate,
                  .gather = {.channel = (size_t)p->cols, .height = 1, .width = p->cols, .taps = 1, .tap = SHIFT, .step = 1},
                  .in = p->in, .in_image = p->k * (size_t)p->cols, .step_row = 1, .out = p->out,
                  .out_image = p->out_image, .out_channel = p->out_row, .out_row = 0, .out_col = p->out_col};
    xai_par alone = {NULL};
    xai_gemm_run(&g, &alone, (unsigned char *)scratch, xai_gemm_scratch(p->rows));
}

const float *xai_scale_space_step(const xai_scale_space *s, double sigma, double step, float *room)
{
    layout l = lay_out(s);
    size_t h = (size_t)s->height, w = (size_t)s->width, lines = (size_t)s->channels * h;
    double *weights = (double *)(void *)(room + l.weights);
    float *rows = room + l.rows, *moved = room + l.moved, *out = room + l.out, *scratch = room + l.scratch;
    fill_matrix(s->width, sigma, step, weights, room);
    pack(room, s->width, 2 * s->width, room + l.packed_w);
    fill_matrix(s->height, sigma, step, weights, room);
    pack(room, s->height, s->height, room + l.packed_h);
    pack(room + h * h, s->height, s->height, room + l.changed_h);
    /* rows: P T' beside P D' */
    multiply(s, &(product){.packed = room + l.packed_w, .in = s->turned, .rows = 2 * w, .k = w, .cols = s->height,
                           .out = rows, .out_image = 2 * h * w, .out_row = 1, .out_col = 2 * w}, scratch);
    for (size_t i = 0; i < lines; i++)
        for (size_t x = 0; x < w; x++)
            moved[i * w + x] = (float)((double)rows[2 * i * w + x] + step * (double)rows[2 * i * w + w + x]);
    /* out: T P T' beside T P D' + D (P T' + h P D') */
    multiply(s, &(product){.packed = room + l.packed_h, .in = rows, .rows = h, .k = h, .cols = 2 * s->width, .out = out,
                           .out_image = 2 * h * w, .out_row = 2 * w, .out_col = 1}, scratch);
    multiply(s, &(product){.packed = room + l.changed_h, .in = moved, .rows = h, .k = h, .cols = s->width, .out = out + w,
                           .out_image = 2 * h * w, .out_row = 2 * w, .out_col = 1, .accumulate = true}, scratch);
    return out;
}
