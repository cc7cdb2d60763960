/*
 * TopK: the k largest (or smallest) elements along an axis, in order, and their positions; k is constant. Of equal
 * ones the first comes first; NaN counts as the largest. The gradient goes to the elements that were taken.
 */
#include "op.h"

#include <stdlib.h>

typedef struct top_k {
    int64_t outer, n, inner, k;
    bool largest;
} top_k;

typedef struct entry {
    float value;
    int64_t at;
} entry;

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    top_k *s = node->state;
    const xai_shape *in = &node->in[0]->shape;
    const int64_t *given;
    size_t count;
    int axis = xai_shape_axis(in, xai_attr_int(node, "axis", -1));
    int64_t k = xai_attr_int(node, "k", -1); /* before opset 10 */
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32, node, UNSUPPORTED_OP, err, "%s is not served, only float32",
                   xai_dtype_name(node->in[0]->dtype));
    XAI_NODE_CHECK(axis >= 0, node, BAD_MODEL, err, "axis is out of range");
    if (xai_has_input(node, 1)) {
        XAI_TRY(xai_node_ints(node, 1, "k", setup, &given, &count, err));
        if (count == 1) k = *given;
    }
    XAI_NODE_CHECK(k >= 0 && k <= in->dim[axis], node, BAD_MODEL, err, "k is %lld of %lld", (long long)k,
                   (long long)in->dim[axis]);
    *s = (top_k){xai_shape_span(in, 0, axis), in->dim[axis], xai_shape_span(in, axis + 1, in->rank), k,
                 xai_attr_int(node, "largest", 1) != 0};
    xai_shape out = *in;
    out.dim[axis] = k;
    node->scratch = (size_t)s->n * sizeof(entry);
    XAI_TRY(xai_node_output(node, 0, XAI_F32, &out, err));
    return xai_node_output(node, 1, XAI_I64, &out, err);
}

/* Larger values first, then earlier positions. */
static int by_value(const void *a, const void *b, void *context)
{
    const entry *p = a, *q = b;
    bool largest = *(const bool *)context, first_nan = p->value != p->value, second_nan = q->value != q->value;
    if (first_nan != second_nan) return first_nan == largest ? -1 : 1;
    if (!first_nan && p->value != q->value) return (p->value > q->value) == largest ? -1 : 1;
    return p->at < q->at ? -1 : 1;
}

typedef struct run {
    const top_k *s;
    const xai_exec *exec;
    const float *x, *gy;
    float *y, *gx;
    int64_t *at;
} run;

static void run_vector(const run *r, int64_t from, int64_t to, entry *entries)
{
    const top_k *s = r->s;
    bool largest = s->largest;
    for (int64_t i = 0; i < s->n; i++) entries[i] = (entry){r->x[from + i * s->inner], i};
    qsort_r(entries, (size_t)s->n, sizeof *entries, by_value, &largest);
    for (int64_t i = 0; i < s->k; i++) {
        int64_t out = to + i * s->inner;
        if (r->gx) r->gx[from + entries[i].at * s->inner] += r->gy[out];
        if (r->y) r->y[out] = entries[i].value;
        if (r->at) r->at[out] = entries[i].at;
    }
}

static void run_outer(void *context, size_t outer, int thread)
{
    const run *r = context;
    int64_t o = (int64_t)outer;
    for (int64_t i = 0; i < r->s->inner; i++)
        run_vector(r, o * r->s->n * r->s->inner + i, o * r->s->k * r->s->inner + i, xai_scratch(r->exec, thread));
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    run r = {.s = node->state, .exec = exec, .x = xai_in_f32(exec, node, 0), .y = xai_out_f32(exec, node, 0)};
    if (node->out_count > 1 && node->out[1]) r.at = xai_out_data(exec, node, 1);
    xai_par_for(exec->par, (size_t)r.s->outer, run_outer, &r);
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    run r = {.s = node->state, .exec = exec, .x = xai_in_f32(exec, node, 0)};
    r.gy = xai_grad_out(exec, node, 0);
    r.gx = xai_grad_in(exec, node, 0);
    if (r.gx && r.gy) xai_par_for(exec->par, (size_t)r.s->outer, run_outer, &r);
}

static const xai_op_case CASES[] = {
    {"last_axis", {"3x9", "=4", NULL}, "outputs=2", 0},
    {"smallest_of_middle_axis", {"2x7x3", "=2", NULL}, "axis=1;largest=0", 0},
    {0},
};

const xai_op xai_op_top_k = {
    .type = "TopK",
    .min_in = 1,
    .max_in = 2,
    .max_out = 2,
    .state_size = sizeof(top_k),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .cases = CASES,
};
