/*
 * Gemm: Y = alpha * A' * B' + beta * C, with A' and B' transposed on request and C broadcast to Y.
 *
 * The samples are the rows of A'; see matrix.h for why a sample's result does not depend on the others. In a program
 * of precision bf16 a constant B is packed in bfloat16.
 */
#include "matrix.h"

typedef struct state {
    float alpha, beta;
    bool trans_a, trans_b;
    int64_t m, n, k;
    int64_t c_row, c_col; /* steps of C; 0 where it is broadcast */
    xai_packed packed;    /* B', if that is in bfloat16 */
} state;

/* C may be a scalar, N, 1 x N, M x 1 or M x N. */
static xai_status read_addend(xai_node *node, state *s, xai_error *err)
{
    if (!xai_has_input(node, 2)) return XAI_OK;
    const xai_shape *c = &node->in[2]->shape;
    int64_t rows = c->rank == 2 ? c->dim[0] : 1, cols = c->rank >= 1 ? c->dim[c->rank - 1] : 1;
    XAI_NODE_CHECK(c->rank <= 2 && (rows == 1 || rows == s->m) && (cols == 1 || cols == s->n), node, BAD_MODEL, err,
                   "C cannot be broadcast to %lld x %lld", (long long)s->m, (long long)s->n);
    XAI_NODE_CHECK(node->in[2]->dtype == XAI_F32, node, UNSUPPORTED_OP, err, "only float32 is served");
    s->c_col = cols == 1 ? 0 : 1;
    s->c_row = rows == 1 ? 0 : cols;
    return XAI_OK;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    state *s = node->state;
    const xai_shape *a = &node->in[0]->shape, *b = &node->in[1]->shape;
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32 && node->in[1]->dtype == XAI_F32, node, UNSUPPORTED_OP, err,
                   "only float32 is served");
    XAI_NODE_CHECK(a->rank == 2 && b->rank == 2, node, BAD_MODEL, err, "A and B must be matrices");
    s->alpha = xai_attr_real(node, "alpha", 1);
    s->beta = xai_attr_real(node, "beta", 1);
    s->trans_a = xai_attr_int(node, "transA", 0) != 0;
    s->trans_b = xai_attr_int(node, "transB", 0) != 0;
    s->m = a->dim[s->trans_a];
    s->k = a->dim[!s->trans_a];
    s->n = b->dim[!s->trans_b];
    XAI_NODE_CHECK(b->dim[s->trans_b] == s->k, node, BAD_MODEL, err, "A has %lld columns and B %lld rows",
                   (long long)s->k, (long long)b->dim[s->trans_b]);
    XAI_TRY(read_addend(node, s, err));
    node->scratch = xai_matrix_scratch(s->m, s->n, s->k);
    node->macs = (double)s->m * (double)s->n * (double)s->k;
    return xai_node_output(node, 0, XAI_F32, &(xai_shape){2, {s->m, s->n}}, err);
}

static xai_matrix matrix(float *data, int64_t rows, int64_t cols, bool transposed)
{
    if (transposed) return (xai_matrix){data, rows, cols, 1, rows};
    return (xai_matrix){data, rows, cols, cols, 1};
}

static xai_status prepare(xai_node *node, xai_setup *setup, xai_error *err)
{
    state *s = node->state;
    const xai_tensor *b = node->in[1]->constant;
    if (!setup->bf16 || !b || setup->open_weights || s->trans_a || s->alpha != 1) return XAI_OK;
    size_t scratch = xai_matrix_tall_scratch(setup->bf16);
    if (node->scratch < scratch) node->scratch = scratch;
    return xai_matrix_pack(matrix(b->data, s->k, s->n, s->trans_b), setup->bf16, setup->arena, &s->packed, err);
}

static void multiply(const state *s, const xai_exec *exec, xai_matrix a, xai_matrix b, xai_matrix out)
{
    if (s->packed.data) xai_matrix_packed_product(exec, a, b, &s->packed, out);
    else xai_matrix_product(exec, s->alpha, a, b, out);
}

static void begin(const xai_node *node, const xai_exec *exec)
{
    const state *s = node->state;
    float *y = xai_out_f32(exec, node, 0);
    const float *c = xai_has_input(node, 2) ? xai_in_f32(exec, node, 2) : NULL;
    for (int64_t i = 0; i < s->m; i++)
        for (int64_t j = 0; j < s->n; j++) y[i * s->n + j] = c ? s->beta * c[i * s->c_row + j * s->c_col] : 0;
}

/* One row a sample, and weights: then the samples are rows of one product, and the weights are read once for all. */
static void forward_slots(const xai_node *node, const xai_exec *exec, int count)
{
    const state *s = node->state;
    bool rows = s->m == 1 && !s->trans_a && node->in[1]->constant;
    for (int i = 0; i < count; i++) {
        begin(node, &exec[i]);
        if (rows) continue;
        xai_matrix a = matrix(xai_in_data(&exec[i], node, 0), s->m, s->k, s->trans_a);
        xai_matrix b = matrix(xai_in_data(&exec[i], node, 1), s->k, s->n, s->trans_b);
        multiply(s, &exec[i], a, b, matrix(xai_out_f32(&exec[i], node, 0), s->m, s->n, false));
    }
    if (!rows) return;
    xai_matrix a = xai_matrix_of_slots(exec, count, node->in[0]), y = xai_matrix_of_slots(exec, count, node->out[0]);
    multiply(s, exec, a, matrix(xai_in_data(exec, node, 1), s->k, s->n, s->trans_b), y);
}

static void forward(const xai_node *node, const xai_exec *exec) { forward_slots(node, exec, 1); }

static void backward(const xai_node *node, const xai_exec *exec)
{
    const state *s = node->state;
    float *ga = xai_grad_in(exec, node, 0), *gb = xai_grad_in(exec, node, 1), *gc = xai_grad_in(exec, node, 2);
    float *gy = exec->grads[node->out[0]->id];
    if (!gy) return;
    xai_matrix y = matrix(gy, s->m, s->n, false);
    xai_matrix a = matrix(xai_in_data(exec, node, 0), s->m, s->k, s->trans_a);
    xai_matrix b = matrix(xai_in_data(exec, node, 1), s->k, s->n, s->trans_b);
    if (ga) xai_matrix_product(exec, s->alpha, y, xai_matrix_transposed(b), matrix(ga, s->m, s->k, s->trans_a));
    if (gb) xai_matrix_product(exec, s->alpha, xai_matrix_transposed(a), y, matrix(gb, s->k, s->n, s->trans_b));
    for (int64_t i = 0; gc && i < s->m; i++)
        for (int64_t j = 0; j < s->n; j++) gc[i * s->c_row + j * s->c_col] += s->beta * gy[i * s->n + j];
}

static const xai_op_case CASES[] = {
    {"classifier", {"3x37", "~11x37", "~11", NULL}, "transB=1", 0},
    {"scaled", {"2x5", "~5x70", "~1x70", NULL}, "alpha=0.5;beta=2.0", 0},
    {"all_transposed_and_variable", {"5x3", "4x5", "3x1", NULL}, "transA=1;transB=1;alpha=1.5", 0},
    {"no_addend", {"1x9", "9x4", NULL}, "", 0},
    {0},
};

const xai_op xai_op_gemm = {
    .type = "Gemm",
    .min_in = 2,
    .max_in = 3,
    .max_out = 1,
    .state_size = sizeof(state),
    .setup = setup,
    .prepare = prepare,
    .forward = forward,
    .forward_slots = forward_slots,
    .backward = backward,
    .bilinear = true,
    .flow = XAI_FLOW_WEIGH,
    .cases = CASES,
};
