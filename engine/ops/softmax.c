/* Softmax: exp(x) / sum of exp(x), relative to the largest, so that nothing overflows. */
#include "softmax.h"

#include "kernels/kernels.h"

enum { PIECE = 4096 }; /* elements a piece of work, about */

xai_status xai_softmax_setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    xai_softmax *s = node->state;
    const xai_shape *in = &node->in[0]->shape;
    bool one_axis = node->opset >= 13;
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32, node, UNSUPPORTED_OP, err, "%s is not served, only float32",
                   xai_dtype_name(node->in[0]->dtype));
    int axis = xai_shape_axis(in, xai_attr_int(node, "axis", one_axis ? -1 : 1));
    XAI_NODE_CHECK(axis >= 0, node, BAD_MODEL, err, "axis is out of range");
    int end = one_axis ? axis + 1 : in->rank;
    *s = (xai_softmax){xai_shape_span(in, 0, axis), xai_shape_span(in, axis, end), xai_shape_span(in, end, in->rank)};
    return xai_node_output(node, 0, XAI_F32, in, err);
}

double xai_softmax_sum(const xai_softmax_row *row, float *largest)
{
    float m = row->x[0];
    for (int64_t i = 1; i < row->n; i++) m = row->x[i * row->step] > m ? row->x[i * row->step] : m;
    double sum = 0;
    for (int64_t i = 0; i < row->n; i++) sum += (double)expf(row->x[i * row->step] - m);
    *largest = m;
    return sum;
}

typedef struct run {
    xai_softmax_fn fn;
    const xai_softmax *s;
    xai_softmax_row row; /* the first */
    int64_t group, count;
} run;

static void run_piece(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    int64_t first = (int64_t)index * r->group;
    for (int64_t i = first; i < first + r->group && i < r->count; i++) {
        int64_t at = i / r->s->inner * r->s->n * r->s->inner + i % r->s->inner;
        xai_softmax_row row = r->row;
        row.x += at;
        row.y += at;
        if (row.gy) row.gy += at;
        if (row.gx) row.gx += at;
        if (row.dx) row.dx += at;
        if (row.dy) row.dy += at;
        r->fn(&row);
    }
}

/* `row` with the passes' own vectors; those of the forward are added here. */
static void run_rows(const xai_node *node, const xai_exec *exec, xai_softmax_fn fn, xai_softmax_row row)
{
    const xai_softmax *s = node->state;
    run r = {.fn = fn, .s = s, .row = row, .group = 1 + PIECE / (s->n + 1), .count = s->outer * s->inner};
    r.row.x = xai_in_f32(exec, node, 0);
    r.row.y = xai_out_f32(exec, node, 0);
    r.row.n = s->n;
    r.row.step = s->inner;
    if (s->n > 0) xai_par_for(exec->par, (size_t)((r.count + r.group - 1) / r.group), run_piece, &r);
}

void xai_softmax_run_forward(const xai_node *node, const xai_exec *exec, xai_softmax_fn fn)
{
    run_rows(node, exec, fn, (xai_softmax_row){0});
}

void xai_softmax_run_backward(const xai_node *node, const xai_exec *exec, xai_softmax_fn fn)
{
    xai_softmax_row row = {.gy = xai_grad_out(exec, node, 0), .gx = xai_grad_in(exec, node, 0)};
    if (row.gy && row.gx) run_rows(node, exec, fn, row);
}

void xai_softmax_run_tangent(const xai_node *node, const xai_exec *exec, xai_softmax_fn fn)
{
    xai_softmax_row row = {.dx = xai_tangent_in(exec, node, 0), .dy = xai_tangent_out(exec, node, 0)};
    if (row.dx && row.dy) run_rows(node, exec, fn, row);
}

void xai_softmax_run_curve(const xai_node *node, const xai_exec *exec, xai_softmax_fn fn)
{
    xai_softmax_row row = {.dx = xai_tangent_in(exec, node, 0),
                           .dy = xai_tangent_out(exec, node, 0),
                           .gy = xai_first_out(exec, node, 0),
                           .gx = xai_grad_in(exec, node, 0)};
    if (row.dx && row.dy && row.gy && row.gx) run_rows(node, exec, fn, row);
}

/* ---- forward: whole vectors, or, along an axis that is not the last, COLUMNS vectors side by side */

enum { LANES = 8, COLUMNS = 64 };

static float largest_of(const float *x, int64_t n)
{
    float lane[LANES], m;
    int64_t i = 0;
    for (int k = 0; k < LANES; k++) lane[k] = x[0];
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++) lane[k] = x[i + k] > lane[k] ? x[i + k] : lane[k];
    for (; i < n; i++) lane[0] = x[i] > lane[0] ? x[i] : lane[0];
    m = lane[0];
    for (int k = 1; k < LANES; k++) m = lane[k] > m ? lane[k] : m;
    return m;
}

static double sum_of(const float *x, int64_t n)
{
    double lane[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++) lane[k] += (double)x[i + k];
    for (; i < n; i++) lane[i % LANES] += (double)x[i];
    return ((lane[0] + lane[4]) + (lane[1] + lane[5])) + ((lane[2] + lane[6]) + (lane[3] + lane[7]));
}

static void forward_row(const float *x, float *y, int64_t n)
{
    float m = largest_of(x, n);
    for (int64_t i = 0; i < n; i++) y[i] = x[i] - m;
    xai_kernels_get()->map_exp(y, y, (size_t)n);
    float share = (float)(1 / sum_of(y, n));
    for (int64_t i = 0; i < n; i++) y[i] *= share;
}

/* `wide` vectors of n elements that lie `step` floats apart. */
static void forward_columns(const float *x, float *y, int64_t n, int64_t step, int64_t wide)
{
    float m[COLUMNS], share[COLUMNS];
    double sum[COLUMNS] = {0};
    for (int64_t c = 0; c < wide; c++) m[c] = x[c];
    for (int64_t i = 1; i < n; i++)
        for (int64_t c = 0; c < wide; c++) m[c] = x[i * step + c] > m[c] ? x[i * step + c] : m[c];
    for (int64_t i = 0; i < n; i++) {
        float *to = y + i * step;
        for (int64_t c = 0; c < wide; c++) to[c] = x[i * step + c] - m[c];
        xai_kernels_get()->map_exp(to, to, (size_t)wide);
        for (int64_t c = 0; c < wide; c++) sum[c] += (double)to[c];
    }
    for (int64_t c = 0; c < wide; c++) share[c] = (float)(1 / sum[c]);
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < wide; c++) y[i * step + c] *= share[c];
}

static void forward_piece(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    int64_t n = r->s->n, inner = r->s->inner, first = (int64_t)index * r->group;
    int64_t blocks = (inner + COLUMNS - 1) / COLUMNS;
    if (inner == 1) {
        for (int64_t i = first; i < first + r->group && i < r->count; i++)
            forward_row(r->row.x + i * n, r->row.y + i * n, n);
        return;
    }
    int64_t col = (int64_t)index % blocks * COLUMNS, at = (int64_t)index / blocks * n * inner + col;
    forward_columns(r->row.x + at, r->row.y + at, n, inner, inner - col < COLUMNS ? inner - col : COLUMNS);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    const xai_softmax *s = node->state;
    run r = {.s = s, .group = 1 + PIECE / (s->n + 1), .count = s->outer * s->inner};
    r.row.x = xai_in_f32(exec, node, 0);
    r.row.y = xai_out_f32(exec, node, 0);
    int64_t blocks = (s->inner + COLUMNS - 1) / COLUMNS;
    int64_t pieces = s->inner == 1 ? (r.count + r.group - 1) / r.group : s->outer * blocks;
    if (s->n > 0) xai_par_for(exec->par, (size_t)pieces, forward_piece, &r);
}

/* ---- backward, and tangents */

/* gx = y * (gy - sum(gy * y)) */
static void backward_row(const xai_softmax_row *r)
{
    double dot = 0;
    for (int64_t i = 0; i < r->n; i++) dot += (double)r->gy[i * r->step] * (double)r->y[i * r->step];
    for (int64_t i = 0; i < r->n; i++)
        r->gx[i * r->step] += (float)((double)r->y[i * r->step] * ((double)r->gy[i * r->step] - dot));
}

/* gx = dy * (gy - sum(gy * y)) - y * sum(gy * dy) */
static void curve_row(const xai_softmax_row *r)
{
    double by_y = 0, by_dy = 0;
    for (int64_t i = 0; i < r->n; i++) {
        by_y += (double)r->gy[i * r->step] * (double)r->y[i * r->step];
        by_dy += (double)r->gy[i * r->step] * (double)r->dy[i * r->step];
    }
    for (int64_t i = 0; i < r->n; i++)
        r->gx[i * r->step] += (float)((double)r->dy[i * r->step] * ((double)r->gy[i * r->step] - by_y) -
                                      (double)r->y[i * r->step] * by_dy);
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    xai_softmax_run_backward(node, exec, backward_row);
}

static void curve(const xai_node *node, const xai_exec *exec) { xai_softmax_run_curve(node, exec, curve_row); }

static const xai_op_case CASES[] = {
    {"classes", {"3x10", NULL}, "", 0},
    {"channels_of_a_map", {"2x5x3x4", NULL}, "axis=1", 0},
    {"coerced_to_two_axes", {"2x3x4", NULL}, "axis=1", 11},
    {"wide_map", {"2x3x9x9", NULL}, "axis=1", 0},
    {"many_rows", {"700x9", NULL}, "axis=1", 0},
    {0},
};

const xai_op xai_op_softmax = {
    .type = "Softmax",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .state_size = sizeof(xai_softmax),
    .setup = xai_softmax_setup,
    .forward = forward,
    .backward = backward,
    .symmetric = true,
    .curve = curve,
    .cases = CASES,
};
