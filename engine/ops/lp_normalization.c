/* LpNormalization: vectors along an axis, divided by their L1 or L2 norm; those of norm 0 stay 0. */
#include "softmax.h"

typedef struct norms {
    xai_softmax rows; /* first: what softmax.c runs by */
    int64_t p;
} norms;

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    norms *s = node->state;
    const xai_shape *in = &node->in[0]->shape;
    int axis = xai_shape_axis(in, xai_attr_int(node, "axis", -1));
    s->p = xai_attr_int(node, "p", 2);
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32, node, UNSUPPORTED_OP, err, "%s is not served, only float32",
                   xai_dtype_name(node->in[0]->dtype));
    XAI_NODE_CHECK(axis >= 0, node, BAD_MODEL, err, "axis is out of range");
    XAI_NODE_CHECK(s->p == 1 || s->p == 2, node, BAD_MODEL, err, "p is %lld", (long long)s->p);
    s->rows = (xai_softmax){xai_shape_span(in, 0, axis), in->dim[axis], xai_shape_span(in, axis + 1, in->rank)};
    return xai_node_output(node, 0, XAI_F32, in, err);
}

static double norm_of(const xai_softmax_row *r, bool squares)
{
    double sum = 0;
    for (int64_t i = 0; i < r->n; i++) {
        double x = (double)r->x[i * r->step];
        sum += squares ? x * x : fabs(x);
    }
    return squares ? sqrt(sum) : sum;
}

static void divide_row(const xai_softmax_row *r, bool squares)
{
    double norm = norm_of(r, squares);
    for (int64_t i = 0; i < r->n; i++)
        r->y[i * r->step] = norm > 0 ? (float)((double)r->x[i * r->step] / norm) : 0;
}

/* With d = d norm / d x, which is the sign of x or x / norm: gx = (gy - d * sum(gy * y)) / norm. */
static void backward_row(const xai_softmax_row *r, bool squares)
{
    double norm = norm_of(r, squares), dot = 0;
    if (!(norm > 0)) return;
    for (int64_t i = 0; i < r->n; i++) dot += (double)r->gy[i * r->step] * (double)r->y[i * r->step];
    for (int64_t i = 0; i < r->n; i++) {
        double x = (double)r->x[i * r->step], d = squares ? x / norm : (x > 0) - (x < 0);
        r->gx[i * r->step] += (float)(((double)r->gy[i * r->step] - d * dot) / norm);
    }
}

static void first(const xai_softmax_row *r) { divide_row(r, false); }
static void second(const xai_softmax_row *r) { divide_row(r, true); }
static void first_back(const xai_softmax_row *r) { backward_row(r, false); }
static void second_back(const xai_softmax_row *r) { backward_row(r, true); }

static void forward(const xai_node *node, const xai_exec *exec)
{
    xai_softmax_run_forward(node, exec, ((const norms *)node->state)->p == 1 ? first : second);
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    xai_softmax_run_backward(node, exec, ((const norms *)node->state)->p == 1 ? first_back : second_back);
}

static const xai_op_case CASES[] = {
    {"euclidean", {"3x5", NULL}, "", 0},
    {"magnitudes_of_channels", {"2x4x3", NULL}, "p=1;axis=1", 0},
    {0},
};

const xai_op xai_op_lp_normalization = {
    .type = "LpNormalization",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .state_size = sizeof(norms),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .cases = CASES,
};
