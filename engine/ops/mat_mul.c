/*
 * MatMul with numpy's rules: a vector is a row on the left and a column on the right, leading dimensions broadcast.
 *
 * Matrices are multiplied one after the other, so that the gradient of a factor that is broadcast sums in their
 * order. Where a sample has many rows (tokens, pixels) they go through matrix_tall.c; the rows of a matrix of two axes
 * are samples.
 */
#include "matrix.h"

#include <string.h>

typedef struct state {
    int64_t m, n, k, matrices;
    bool tall;
    xai_packed packed, packed_back; /* a constant right factor, and its transpose */
    int64_t step_a[XAI_MAX_RANK], step_b[XAI_MAX_RANK]; /* floats a step along each leading axis; 0: broadcast */
    xai_shape lead;                                     /* the leading axes */
} state;

/* Dimension `axis` of the leading axes, aligned at their end; 1 where the shape has none. */
static int64_t lead_dim(const xai_shape *shape, const xai_shape *lead, int axis)
{
    int own = axis - (lead->rank - (shape->rank - 2));
    return own < 0 || shape->rank < 2 ? 1 : shape->dim[own];
}

static xai_status broadcast(const xai_node *node, state *s, const xai_shape *a, const xai_shape *b, xai_error *err)
{
    int64_t size_a = s->m * s->k, size_b = s->k * s->n;
    s->lead.rank = (a->rank > b->rank ? a->rank : b->rank) - 2;
    if (s->lead.rank < 0) s->lead.rank = 0;
    for (int axis = s->lead.rank - 1; axis >= 0; axis--) {
        int64_t da = lead_dim(a, &s->lead, axis), db = lead_dim(b, &s->lead, axis);
        XAI_NODE_CHECK(da == db || da == 1 || db == 1, node, BAD_MODEL, err, "dimensions %lld and %lld do not fit",
                       (long long)da, (long long)db);
        s->lead.dim[axis] = da == 1 ? db : da;
        s->step_a[axis] = da == 1 ? 0 : size_a;
        s->step_b[axis] = db == 1 ? 0 : size_b;
        size_a *= da;
        size_b *= db;
    }
    return XAI_OK;
}

/* Samples side by side before one matrix are more rows of one product. */
static void merge_rows(state *s)
{
    while (s->lead.rank > 0) {
        int last = s->lead.rank - 1;
        if (s->step_b[last] != 0 || (s->step_a[last] == 0 && s->lead.dim[last] != 1)) return;
        s->m *= s->lead.dim[last];
        s->lead.rank--;
    }
}

static xai_shape output_shape(const state *s, const xai_shape *a, const xai_shape *b)
{
    xai_shape out = s->lead;
    if (a->rank > 1) out.dim[out.rank++] = s->m;
    if (b->rank > 1) out.dim[out.rank++] = s->n;
    return out;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    state *s = node->state;
    const xai_shape *a = &node->in[0]->shape, *b = &node->in[1]->shape;
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32 && node->in[1]->dtype == XAI_F32, node, UNSUPPORTED_OP, err,
                   "only float32 is served");
    XAI_NODE_CHECK(a->rank >= 1 && b->rank >= 1, node, BAD_MODEL, err, "a factor is a scalar");
    s->m = a->rank > 1 ? a->dim[a->rank - 2] : 1;
    s->k = a->dim[a->rank - 1];
    s->n = b->rank > 1 ? b->dim[b->rank - 1] : 1;
    int64_t rows = b->dim[b->rank > 1 ? b->rank - 2 : 0];
    XAI_NODE_CHECK(rows == s->k, node, BAD_MODEL, err, "the left factor has %lld columns, the right one %lld rows",
                   (long long)s->k, (long long)rows);
    XAI_TRY(broadcast(node, s, a, b, err));
    xai_shape out = output_shape(s, a, b);
    XAI_TRY(xai_node_output(node, 0, XAI_F32, &out, err));
    s->tall = a->rank > 2 && s->m >= XAI_TALL_ROWS;
    merge_rows(s);
    s->matrices = xai_shape_count(&s->lead);
    node->scratch = xai_matrix_scratch(s->m, s->n, s->k);
    if (s->tall && node->scratch < xai_matrix_tall_scratch(NULL)) node->scratch = xai_matrix_tall_scratch(NULL);
    node->macs = (double)xai_shape_count(&out) * (double)s->k;
    return XAI_OK;
}

static xai_matrix matrix(float *data, int64_t at, int64_t rows, int64_t cols)
{
    return (xai_matrix){data + at, rows, cols, cols, 1};
}

/* Where the factors of product `index` begin. */
static void locate(const state *s, int64_t index, int64_t *a, int64_t *b)
{
    *a = *b = 0;
    for (int axis = s->lead.rank - 1; axis >= 0; axis--) {
        int64_t i = index % s->lead.dim[axis];
        index /= s->lead.dim[axis];
        *a += i * s->step_a[axis];
        *b += i * s->step_b[axis];
    }
}

/* The right factor stays the same: one matrix, whose weights nobody replaces. In bfloat16 that serves few rows too. */
static bool packs(const xai_node *node, const xai_setup *setup)
{
    const state *s = node->state;
    return (s->tall || setup->bf16) && s->matrices == 1 && node->in[1]->constant && !setup->open_weights;
}

static xai_status prepare(xai_node *node, xai_setup *setup, xai_error *err)
{
    state *s = node->state;
    if (!packs(node, setup)) return XAI_OK;
    size_t scratch = xai_matrix_tall_scratch(setup->bf16);
    if (node->scratch < scratch) node->scratch = scratch;
    xai_matrix b = matrix(node->in[1]->constant->data, 0, s->k, s->n);
    return xai_matrix_pack(b, setup->bf16, setup->arena, &s->packed, err);
}

static xai_status prepare_backward(xai_node *node, xai_setup *setup, xai_error *err)
{
    state *s = node->state;
    if (!packs(node, setup)) return XAI_OK;
    xai_matrix b = xai_matrix_transposed(matrix(node->in[1]->constant->data, 0, s->k, s->n));
    return xai_matrix_pack(b, NULL, setup->arena, &s->packed_back, err);
}

/* out += a * b, in the way of the layer. */
static void multiply(const state *s, const xai_exec *exec, xai_matrix a, xai_matrix b, const xai_packed *packed,
                     xai_matrix out)
{
    if (packed->bf16 || (s->tall && xai_matrix_is_tall(a, out))) xai_matrix_packed_product(exec, a, b, packed, out);
    else xai_matrix_product(exec, 1, a, b, out);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    const state *s = node->state;
    float *a = xai_in_data(exec, node, 0), *b = xai_in_data(exec, node, 1), *y = xai_out_f32(exec, node, 0);
    int64_t count = s->matrices * s->m * s->n, at_a, at_b;
    for (int64_t i = 0; i < count; i++) y[i] = 0;
    for (int64_t i = 0; i < s->matrices; i++) {
        locate(s, i, &at_a, &at_b);
        multiply(s, exec, matrix(a, at_a, s->m, s->k), matrix(b, at_b, s->k, s->n), &s->packed,
                 matrix(y, i * s->m * s->n, s->m, s->n));
    }
}

/* One row a sample, and weights: then the samples are rows of one product, and the weights are read once for all. */
static void forward_slots(const xai_node *node, const xai_exec *exec, int count)
{
    const state *s = node->state;
    bool rows = s->m == 1 && s->matrices == 1 && node->in[1]->constant;
    for (int i = 0; i < count; i++) {
        if (!rows) forward(node, &exec[i]);
        else memset(xai_out_f32(&exec[i], node, 0), 0, (size_t)s->n * sizeof(float));
    }
    if (!rows) return;
    xai_matrix a = xai_matrix_of_slots(exec, count, node->in[0]), y = xai_matrix_of_slots(exec, count, node->out[0]);
    multiply(s, exec, a, matrix(xai_in_data(exec, node, 1), 0, s->k, s->n), &s->packed, y);
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    const state *s = node->state;
    float *a = xai_in_data(exec, node, 0), *b = xai_in_data(exec, node, 1), *gy = exec->grads[node->out[0]->id];
    float *ga = xai_grad_in(exec, node, 0), *gb = xai_grad_in(exec, node, 1);
    int64_t at_a, at_b;
    for (int64_t i = 0; gy && i < s->matrices; i++) {
        locate(s, i, &at_a, &at_b);
        xai_matrix y = matrix(gy, i * s->m * s->n, s->m, s->n), left = matrix(a, at_a, s->m, s->k);
        xai_matrix right = matrix(b, at_b, s->k, s->n);
        if (ga) multiply(s, exec, y, xai_matrix_transposed(right), &s->packed_back, matrix(ga, at_a, s->m, s->k));
        if (gb) multiply(s, exec, xai_matrix_transposed(left), y, &(xai_packed){NULL, NULL}, matrix(gb, at_b, s->k, s->n));
    }
}

static const xai_op_case CASES[] = {
    {"classifier", {"3x37", "~37x70", NULL}, "", 0},
    {"rows_of_many_samples", {"2x3x4x5", "~5x6", NULL}, "", 0},
    {"tokens", {"2x19x37", "~37x70", NULL}, "", 0},
    {"scores_of_attention", {"2x3x9x5", "2x3x5x9", NULL}, "", 0},
    {"many_tokens", {"1x300x150", "~150x50", NULL}, "", 0},
    {"both_broadcast", {"2x1x3x4", "5x4x2", NULL}, "", 0},
    {"left_broadcast", {"3x4", "2x4x5", NULL}, "", 0},
    {"vector_left", {"4", "2x4x3", NULL}, "", 0},
    {"vector_right", {"2x3x4", "4", NULL}, "", 0},
    {"two_vectors", {"9", "9", NULL}, "", 0},
    {0},
};

const xai_op xai_op_mat_mul = {
    .type = "MatMul",
    .min_in = 2,
    .max_in = 2,
    .max_out = 1,
    .state_size = sizeof(state),
    .setup = setup,
    .prepare = prepare,
    .prepare_backward = prepare_backward,
    .forward = forward,
    .forward_slots = forward_slots,
    .backward = backward,
    .bilinear = true,
    .flow = XAI_FLOW_WEIGH,
    .cases = CASES,
};
