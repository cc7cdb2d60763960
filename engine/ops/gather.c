/* Gather: slices of one axis, chosen by constant indices, negative ones from the end; data of any type. */
#include "op.h"

#include <string.h>

typedef struct gather {
    int64_t outer, axis, inner; /* products of the dimensions before and after the axis, and its own */
    const int64_t *index;       /* in [0, axis) */
    int64_t count;
} gather;

static xai_status read_indices(const xai_node *node, xai_setup *setup, gather *g, xai_error *err)
{
    const xai_tensor *t = node->in[1]->constant;
    XAI_NODE_CHECK(t, node, UNSUPPORTED_OP, err, "the indices depend on the image; only constants are served");
    XAI_NODE_CHECK(t->dtype == XAI_I64 || t->dtype == XAI_I32, node, BAD_MODEL, err, "the indices are %s",
                   xai_dtype_name(t->dtype));
    g->count = xai_tensor_count(t);
    int64_t *index = XAI_NEW(setup->arena, int64_t, (size_t)g->count);
    if (!index) XAI_NO_MEMORY(err);
    for (int64_t i = 0; i < g->count; i++) {
        int64_t v = xai_tensor_int(t, i);
        XAI_NODE_CHECK(v >= -g->axis && v < g->axis, node, BAD_MODEL, err, "index %lld is out of range",
                       (long long)v);
        index[i] = v < 0 ? v + g->axis : v;
    }
    g->index = index;
    return XAI_OK;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    gather *g = node->state;
    const xai_shape *data = &node->in[0]->shape, *index = &node->in[1]->shape;
    int axis = xai_shape_axis(data, xai_attr_int(node, "axis", 0));
    XAI_NODE_CHECK(axis >= 0, node, BAD_MODEL, err, "axis is out of range");
    XAI_NODE_CHECK(data->rank - 1 + index->rank <= XAI_MAX_RANK, node, UNSUPPORTED_OP, err,
                   "the result has %d dimensions, at most %d are served", data->rank - 1 + index->rank, XAI_MAX_RANK);
    g->outer = xai_shape_span(data, 0, axis);
    g->axis = data->dim[axis];
    g->inner = xai_shape_span(data, axis + 1, data->rank);
    XAI_TRY(read_indices(node, setup, g, err));
    xai_shape out = {.rank = 0};
    for (int i = 0; i < axis; i++) out.dim[out.rank++] = data->dim[i];
    for (int i = 0; i < index->rank; i++) out.dim[out.rank++] = index->dim[i];
    for (int i = axis + 1; i < data->rank; i++) out.dim[out.rank++] = data->dim[i];
    return xai_node_output(node, 0, node->in[0]->dtype, &out, err);
}

typedef struct run {
    const gather *g;
    const unsigned char *in;
    unsigned char *out;
    int64_t bytes; /* of one slice */
    const float *gy;
    float *gx;
} run;

static void forward_outer(void *context, size_t outer, int thread)
{
    (void)thread;
    const run *r = context;
    const gather *g = r->g;
    const unsigned char *in = r->in + (int64_t)outer * g->axis * r->bytes;
    unsigned char *out = r->out + (int64_t)outer * g->count * r->bytes;
    for (int64_t i = 0; i < g->count; i++)
        memcpy(out + i * r->bytes, in + g->index[i] * r->bytes, (size_t)r->bytes);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    const gather *g = node->state;
    run r = {.g = g,
             .in = xai_in_data(exec, node, 0),
             .out = xai_out_data(exec, node, 0),
             .bytes = g->inner * (int64_t)xai_dtype_size(node->in[0]->dtype)};
    xai_par_for(exec->par, (size_t)g->outer, forward_outer, &r);
}

static void backward_outer(void *context, size_t outer, int thread)
{
    (void)thread;
    const run *r = context;
    const gather *g = r->g;
    float *gx = r->gx + (int64_t)outer * g->axis * g->inner;
    const float *gy = r->gy + (int64_t)outer * g->count * g->inner;
    for (int64_t i = 0; i < g->count; i++)
        for (int64_t k = 0; k < g->inner; k++) gx[g->index[i] * g->inner + k] += gy[i * g->inner + k];
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    run r = {.g = node->state, .gy = xai_grad_out(exec, node, 0), .gx = xai_grad_in(exec, node, 0)};
    if (r.gx && r.gy) xai_par_for(exec->par, (size_t)r.g->outer, backward_outer, &r);
}

static const xai_op_case CASES[] = {
    {"middle_axis_repeated_index", {"2x4x3", "=1,-1,1", NULL}, "axis=1", 0},
    {"first_axis", {"5x2", "=3", NULL}, "", 0},
    {0},
};

const xai_op xai_op_gather = {
    .type = "Gather",
    .min_in = 2,
    .max_in = 2,
    .max_out = 1,
    .state_size = sizeof(gather),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .linear = 1,
    .flow = XAI_FLOW_ROUTE,
    .cases = CASES,
};
