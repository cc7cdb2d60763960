/* Slice: starts, ends, axes, steps as inputs (opset 10 on) or attributes; any type, negative steps included. */
#include "op.h"
#include "strided.h"

typedef struct slice_spec {
    const int64_t *starts, *ends, *axes, *steps;
    size_t count, end_count, axis_count, step_count;
} slice_spec;

static xai_status read_spec(xai_node *node, xai_setup *setup, slice_spec *s, xai_error *err)
{
    XAI_TRY(xai_node_ints(node, 1, "starts", setup, &s->starts, &s->count, err));
    XAI_TRY(xai_node_ints(node, 2, "ends", setup, &s->ends, &s->end_count, err));
    XAI_TRY(xai_node_ints(node, 3, "axes", setup, &s->axes, &s->axis_count, err));
    XAI_TRY(xai_node_ints(node, 4, "steps", setup, &s->steps, &s->step_count, err));
    XAI_NODE_CHECK(s->end_count == s->count && (!s->axes || s->axis_count == s->count) &&
                       (!s->steps || s->step_count == s->count),
                   node, BAD_MODEL, err, "starts, ends, axes and steps differ in length");
    return XAI_OK;
}

static int64_t clamp(int64_t v, int64_t low, int64_t high) { return v < low ? low : v > high ? high : v; }

static xai_status cut(xai_node *node, xai_strided *walk, int axis, int64_t start, int64_t end, int64_t step,
                      xai_error *err)
{
    int64_t n = walk->shape.dim[axis];
    XAI_NODE_CHECK(step != 0 && step > -XAI_MAX_ELEMENTS && step < XAI_MAX_ELEMENTS, node, BAD_MODEL, err,
                   "a step is 0 or absurd");
    if (start < 0) start = start < -n ? -1 : start + n;
    if (end < 0) end = end < -n ? -1 : end + n;
    start = step > 0 ? clamp(start, 0, n) : clamp(start, -1, n - 1);
    end = step > 0 ? clamp(end, 0, n) : clamp(end, -1, n - 1);
    int64_t span = step > 0 ? end - start : start - end, size = step > 0 ? step : -step;
    walk->shape.dim[axis] = span > 0 ? (span + size - 1) / size : 0;
    if (walk->shape.dim[axis] > 0) walk->offset += start * walk->stride[axis];
    walk->stride[axis] *= step;
    return XAI_OK;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    xai_strided *walk = node->state;
    slice_spec s = {0};
    bool seen[XAI_MAX_RANK] = {false};
    XAI_TRY(read_spec(node, setup, &s, err));
    walk->shape = node->in[0]->shape;
    xai_dense_strides(&walk->shape, walk->stride);
    for (size_t i = 0; i < s.count; i++) {
        int axis = xai_shape_axis(&walk->shape, s.axes ? s.axes[i] : (int64_t)i);
        XAI_NODE_CHECK(axis >= 0 && !seen[axis], node, BAD_MODEL, err, "an axis is out of range or named twice");
        seen[axis] = true;
        XAI_TRY(cut(node, walk, axis, s.starts[i], s.ends[i], s.steps ? s.steps[i] : 1, err));
    }
    return xai_node_output(node, 0, node->in[0]->dtype, &walk->shape, err);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    xai_strided_read(node->state, xai_in_data(exec, node, 0), xai_out_data(exec, node, 0),
                     xai_dtype_size(node->in[0]->dtype));
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    float *gx = xai_grad_in(exec, node, 0);
    if (gx) xai_strided_add(node->state, xai_grad_out(exec, node, 0), gx);
}

static const xai_op_case CASES[] = {
    {"two_axes", {"2x5x6", "=1,2", "=4,-1", "=1,2", NULL}, "", 0},
    {"backwards", {"2x6", "=-1", "=-100", "=1", "=-2", NULL}, "", 0},
    {"attributes", {"3x4", NULL}, "starts=1;ends=100;axes=1", 9},
    {0},
};

const xai_op xai_op_slice = {
    .type = "Slice", .min_in = 1, .max_in = 5, .max_out = 1, .state_size = sizeof(xai_strided),
    .setup = setup, .forward = forward, .backward = backward, .cases = CASES,
};
