/*
 * Forward convolution of channels-last tensors by Winograd's F(4x4, 3x3): 36 products of matrices over tiles of 4 x 4
 * outputs, in place of 144 multiplications a tile and pair of channels: a quarter of the work.
 *
 * It rounds some ten times as coarsely as the direct sum (measured on 37 channels: 7e-6 of the largest output; on the
 * logits of ResNet-18, ResNet-50 and VGG-16: 1.5e-6 of the largest, as the direct sums' own distance). That is too
 * coarse for gradients of deep nets, where an activation on the wrong side of a kink changes everything before it. So
 * it serves sessions that only run forward (exec->fast), and only where planes are large enough that the transformed
 * weights, four times as many, are used often.
 *
 * A piece of work is some tiles of one image and some panels of output channels; nothing depends on how they are cut.
 */
#include "conv_plan.h"
#include "kernels/kernels.h"

#include <string.h>

enum {
    TILE = 4, POINTS = 36, TAPS = 9,
    LEAST_SIDE = 14, LEAST_CHANNELS = 32,
    MOST_TILES = 56,             /* of a piece; a multiple of every PIXEL_ROWS */
    PIECE_FLOATS = 1 << 19,      /* of transformed pixels: 2 MiB, the second-level cache */
    K_BLOCK = 128,
    LEAST_SHARE = 21             /* tiles for a thread: below that the output channels are divided */
};

static size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }

bool xai_conv_takes_winograd(const xai_conv *conv)
{
    const xai_window *w = &conv->window;
    const xai_conv_plan *plan = conv->plan;
    for (int axis = 0; axis < 2; axis++)
        if (w->kernel[axis] != 3 || w->stride[axis] != 1 || w->dilation[axis] != 1) return false;
    return plan->pixels && conv->group == 1 && plan->in.c >= LEAST_CHANNELS && conv->channels >= LEAST_CHANNELS &&
           plan->out.h >= LEAST_SIDE && plan->out.w >= LEAST_SIDE;
}

/* ---- packing: U = G g G' */

static void transform_axis(const double g[3], double out[6])
{
    out[0] = g[0] / 4;
    out[1] = -(g[0] + g[1] + g[2]) / 6;
    out[2] = -(g[0] - g[1] + g[2]) / 6;
    out[3] = g[0] / 24 + g[1] / 12 + g[2] / 6;
    out[4] = g[0] / 24 - g[1] / 12 + g[2] / 6;
    out[5] = g[2];
}

static void transform_weights(const float *g, double out[POINTS])
{
    double rows[3][6];
    for (int y = 0; y < 3; y++) {
        const double row[3] = {(double)g[3 * y], (double)g[3 * y + 1], (double)g[3 * y + 2]};
        transform_axis(row, rows[y]);
    }
    for (int x = 0; x < 6; x++) {
        const double column[3] = {rows[0][x], rows[1][x], rows[2][x]};
        double u[6];
        transform_axis(column, u);
        for (int y = 0; y < 6; y++) out[y * 6 + x] = u[y];
    }
}

/* Panel by panel, point by point: channels x lanes of the panel. */
xai_status xai_conv_winograd_pack(const xai_conv *conv, const float **packed, xai_arena *arena, xai_error *err)
{
    size_t width = xai_kernels_get()->width, n = (size_t)conv->channels, all = ceil_div(n, width);
    size_t in = (size_t)conv->plan->in.c, size;
    bool fits = !__builtin_mul_overflow(all * width * POINTS, in, &size);
    float *out = fits ? XAI_NEW(arena, float, size) : NULL;
    *packed = out;
    if (!out) XAI_NO_MEMORY(err);
    for (size_t p = 0; p < xai_panels_of(all); p++) {
        size_t first = xai_panel_start(all, p) * width, lanes = xai_panel_start(all, p + 1) * width - first;
        float *panel = out + first * POINTS * in;
        for (size_t i = 0; i < lanes && first + i < n; i++)
            for (size_t k = 0; k < in; k++) {
                double u[POINTS];
                transform_weights(conv->weight + ((first + i) * in + k) * TAPS, u);
                for (size_t e = 0; e < POINTS; e++) panel[(e * in + k) * lanes + i] = (float)u[e];
            }
    }
    return XAI_OK;
}

/* ---- running */

typedef struct job {
    const xai_conv_run *run;
    const xai_conv_plan *plan;
    const xai_kernels *kernels;
    size_t across, tiles;    /* tiles in a row and in an image */
    size_t count, pieces;    /* tiles of a piece, pieces of an image */
    size_t vecs, panels, groups;
} job;

/* A thread's scratch. */
typedef struct desk {
    const float **x;
    float **y;
    float *pixels;   /* points x tiles x channels */
    float *products; /* points x tiles x lanes of a panel */
} desk;

static size_t tiles_of_piece(const xai_conv_plan *plan)
{
    size_t most = PIECE_FLOATS / POINTS / (size_t)plan->in.c / 7 * 7;
    return most < 14 ? 14 : most > MOST_TILES ? MOST_TILES : most;
}

static size_t panel_lanes(void) { return XAI_PIXEL_VECS * xai_kernels_get()->width; }

size_t xai_conv_winograd_scratch(const xai_conv *conv)
{
    size_t tiles = tiles_of_piece(conv->plan);
    return tiles * (2 * sizeof(float *) + POINTS * ((size_t)conv->plan->in.c + panel_lanes()) * sizeof(float));
}

static desk desk_of(const job *j, int thread)
{
    const float **x = xai_scratch(j->run->exec, thread);
    float **y = (float **)(void *)(x + j->count), *pixels = (float *)(void *)(y + j->count);
    return (desk){x, y, pixels, pixels + j->count * POINTS * (size_t)j->plan->in.c};
}

static void transform_pixels(const job *j, const desk *d, size_t image, size_t first, size_t count)
{
    const xai_conv_run *run = j->run;
    size_t c = (size_t)j->plan->in.c;
    int high = (int)run->from.h, wide = (int)run->from.w;
    const float *base = run->source + image * (size_t)(run->from.h * run->from.w) * c;
    for (size_t t = 0; t < count; t++) {
        int top = (int)((first + t) / j->across) * TILE - (int)run->conv->window.pads[0];
        int left = (int)((first + t) % j->across) * TILE - (int)run->conv->window.pads[1];
        const float *x[POINTS];
        for (int i = 0; i < POINTS; i++) {
            int sy = top + i / 6, sx = left + i % 6;
            bool inside = sy >= 0 && sy < high && sx >= 0 && sx < wide;
            x[i] = inside ? base + (size_t)(sy * wide + sx) * c : j->plan->forward.zeros;
        }
        j->kernels->winograd_in(&(xai_winograd_in){x, c, d->pixels + t * c, j->count * c});
    }
}

static void multiply(const job *j, const desk *d, size_t count, const float *packed, size_t vecs)
{
    size_t c = (size_t)j->plan->in.c, lanes = vecs * j->kernels->width, step = ceil_div(c, ceil_div(c, K_BLOCK));
    for (size_t e = 0; e < POINTS; e++) {
        for (size_t t = 0; t < count; t++) {
            d->x[t] = d->pixels + (e * j->count + t) * c;
            d->y[t] = d->products + (e * j->count + t) * lanes;
        }
        for (size_t k = 0; k < c; k += step)
            j->kernels->pixel_panel(&(xai_pixel_panel){
                .count = count, .x = d->x, .x_pitch = count, .x_at = k, .taps = 1, .k = c - k < step ? c - k : step,
                .w = packed + (e * c + k) * lanes, .vecs = vecs, .lanes = lanes, .y = d->y, .accumulate = k > 0,
                .clamp = xai_clamp_none()});
    }
}

static void finish(const job *j, const desk *d, size_t image, size_t first, size_t count, size_t at, size_t vecs)
{
    const xai_conv_run *run = j->run;
    size_t n = (size_t)run->conv->channels, lanes = vecs * j->kernels->width, high = (size_t)run->to.h;
    size_t wide = (size_t)run->to.w;
    for (size_t t = 0; t < count; t++) {
        size_t top = (first + t) / j->across * TILE, left = (first + t) % j->across * TILE;
        float *y[TILE * TILE];
        const float *add[TILE * TILE];
        for (size_t i = 0; i < TILE * TILE; i++) {
            size_t row = top + i / TILE, col = left + i % TILE, pixel = ((image * high + row) * wide + col) * n;
            bool inside = row < high && col < wide;
            y[i] = inside ? run->target + pixel : NULL;
            add[i] = inside && run->residual ? run->residual + pixel : NULL;
        }
        j->kernels->winograd_out(&(xai_winograd_out){
            .m = d->products + t * lanes, .pitch = j->count * lanes, .lanes = n - at < lanes ? n - at : lanes,
            .bias = j->plan->forward.bias ? j->plan->forward.bias + at : NULL, .y = y,
            .add = run->residual ? add : NULL, .at = at, .clamp = run->conv->act});
    }
}

static void run_piece(void *context, size_t index, int thread)
{
    const job *j = context;
    size_t group = index % j->groups, image = index / j->groups / j->pieces;
    size_t first = index / j->groups % j->pieces * j->count;
    size_t count = j->tiles - first < j->count ? j->tiles - first : j->count;
    desk d = desk_of(j, thread);
    transform_pixels(j, &d, image, first, count);
    for (size_t p = group * j->panels; p < (group + 1) * j->panels && p < xai_panels_of(j->vecs); p++) {
        size_t vec = xai_panel_start(j->vecs, p), vecs = xai_panel_start(j->vecs, p + 1) - vec;
        size_t at = vec * j->kernels->width;
        multiply(j, &d, count, j->plan->winograd + at * POINTS * (size_t)j->plan->in.c, vecs);
        finish(j, &d, image, first, count, at, vecs);
    }
}

void xai_conv_winograd_run(const xai_conv_run *run)
{
    job j = {.run = run, .plan = run->conv->plan, .kernels = xai_kernels_get()};
    size_t images = (size_t)run->from.n, threads = (size_t)xai_par_threads(run->exec->par);
    j.across = ceil_div((size_t)run->to.w, TILE);
    j.tiles = j.across * ceil_div((size_t)run->to.h, TILE);
    j.count = xai_even_piece(j.tiles, tiles_of_piece(j.plan));
    size_t share = images < threads ? ceil_div(j.tiles, ceil_div(threads, images)) : j.tiles;
    if (share >= LEAST_SHARE && share < j.count) j.count = xai_even_piece(j.tiles, share);
    j.pieces = ceil_div(j.tiles, j.count);
    j.vecs = ceil_div((size_t)run->conv->channels, j.kernels->width);
    j.panels = xai_panels_a_piece(xai_panels_of(j.vecs), j.pieces * images, threads);
    j.groups = ceil_div(xai_panels_of(j.vecs), j.panels);
    xai_par_for(run->exec->par, images * j.pieces * j.groups, run_piece, &j);
}
