/*
 * Slice: starts, ends, axes and steps, which are attributes before opset 10 and constant inputs since; negative steps
 * walk backwards. Any type.
 */
#include "nest.h"

typedef struct cuts {
    const int64_t *starts, *ends, *axes, *steps;
    size_t count, end_count, axis_count, step_count;
} cuts;

static xai_status read_cuts(xai_node *node, xai_setup *setup, cuts *c, xai_error *err)
{
    XAI_TRY(xai_node_ints(node, 1, "starts", setup, &c->starts, &c->count, err));
    XAI_TRY(xai_node_ints(node, 2, "ends", setup, &c->ends, &c->end_count, err));
    XAI_TRY(xai_node_ints(node, 3, "axes", setup, &c->axes, &c->axis_count, err));
    XAI_TRY(xai_node_ints(node, 4, "steps", setup, &c->steps, &c->step_count, err));
    bool fits = c->end_count == c->count && (!c->axes || c->axis_count == c->count) &&
                (!c->steps || c->step_count == c->count);
    XAI_NODE_CHECK(fits, node, BAD_MODEL, err, "starts, ends, axes and steps differ in length");
    return XAI_OK;
}

/* Position `p` of an axis of n elements, counted from the end where negative, cut to [low, high]. */
static int64_t position(int64_t p, int64_t n, int64_t low, int64_t high)
{
    if (p < 0) p = p < -n ? -1 : p + n; /* no overflow: p may be INT64_MIN */
    return p < low ? low : p > high ? high : p;
}

typedef struct walk {
    xai_shape shape;
    int64_t stride[XAI_MAX_RANK], offset;
} walk;

static xai_status cut(const xai_node *node, walk *w, int axis, int64_t start, int64_t end, int64_t step,
                      xai_error *err)
{
    int64_t n = w->shape.dim[axis];
    XAI_NODE_CHECK(step != 0, node, BAD_MODEL, err, "a step is 0");
    if (step > n) step = n + 1; /* beyond the axis all steps are alike */
    if (step < -n) step = -n - 1;
    start = step > 0 ? position(start, n, 0, n) : position(start, n, -1, n - 1);
    end = step > 0 ? position(end, n, 0, n) : position(end, n, -1, n - 1);
    int64_t span = step > 0 ? end - start : start - end, size = step > 0 ? step : -step;
    w->shape.dim[axis] = span > 0 ? (span + size - 1) / size : 0;
    if (span > 0) w->offset += start * w->stride[axis];
    w->stride[axis] *= step;
    return XAI_OK;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    cuts c = {0};
    walk w = {.shape = node->in[0]->shape};
    bool seen[XAI_MAX_RANK] = {false};
    XAI_TRY(read_cuts(node, setup, &c, err));
    xai_dense_strides(&w.shape, w.stride);
    for (size_t i = 0; i < c.count; i++) {
        int axis = xai_shape_axis(&w.shape, c.axes ? c.axes[i] : (int64_t)i);
        XAI_NODE_CHECK(axis >= 0 && !seen[axis], node, BAD_MODEL, err, "axes is out of range or names one twice");
        seen[axis] = true;
        XAI_TRY(cut(node, &w, axis, c.starts[i], c.ends[i], c.steps ? c.steps[i] : 1, err));
    }
    xai_nest_strided(node->state, w.shape.rank, w.shape.dim, w.stride, w.offset);
    return xai_node_output(node, 0, node->in[0]->dtype, &w.shape, err);
}

static const xai_op_case CASES[] = {
    {"two_axes", {"2x5x6", "=1,2", "=4,-1", "=1,2", NULL}, "", 0},
    {"backwards", {"2x6", "=-1", "=-100", "=1", "=-2", NULL}, "", 0},
    {"every_third", {"4x70", "=1", "=1000", "=-1", "=3", NULL}, "", 0},
    {"attributes", {"3x4", NULL}, "starts=1;ends=100;axes=1", 9},
    {"one_channel_of_many_samples", {"40x3x21x21", "=1", "=2", "=1", NULL}, "", 0},
    {0},
};

const xai_op xai_op_slice = {
    .type = "Slice",
    .min_in = 1,
    .max_in = 5,
    .max_out = 1,
    .state_size = sizeof(xai_nest),
    .setup = setup,
    .forward = xai_nest_forward,
    .backward = xai_nest_backward,
    .linear = 1,
    .flow = XAI_FLOW_ROUTE,
    .cases = CASES,
};
