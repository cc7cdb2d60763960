/* Range: start, start + delta, ... below (or above) the limit; three constant scalars of one type. The builder folds
 * it. */
#include "op.h"

typedef struct range {
    double start, delta;           /* float32 */
    int64_t start_int, delta_int; /* int64, int32 */
} range;

static xai_status check_inputs(const xai_node *node, xai_error *err)
{
    static const char *const NAMES[] = {"start", "limit", "delta"};
    for (int i = 0; i < 3; i++) {
        const xai_tensor *t = node->in[i]->constant;
        XAI_NODE_CHECK(t && xai_tensor_count(t) == 1 && t->dtype == node->in[0]->dtype, node, UNSUPPORTED_OP, err,
                       "%s must be a constant scalar of the type of start", NAMES[i]);
    }
    xai_dtype dtype = node->in[0]->dtype;
    XAI_NODE_CHECK(dtype == XAI_F32 || dtype == XAI_I64 || dtype == XAI_I32, node, UNSUPPORTED_OP, err,
                   "%s is not served", xai_dtype_name(dtype));
    return XAI_OK;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    range *r = node->state;
    XAI_TRY(check_inputs(node, err));
    const xai_tensor *start = node->in[0]->constant, *limit = node->in[1]->constant, *delta = node->in[2]->constant;
    r->start = xai_tensor_real(start, 0);
    r->delta = xai_tensor_real(delta, 0);
    if (start->dtype != XAI_F32) {
        r->start_int = xai_tensor_int(start, 0);
        r->delta_int = xai_tensor_int(delta, 0);
    }
    double count = ceil((xai_tensor_real(limit, 0) - r->start) / r->delta);
    XAI_NODE_CHECK(r->delta != 0 && count < (double)XAI_MAX_ELEMENTS, node, BAD_MODEL, err, "it has no end");
    xai_shape out = {1, {count > 0 ? (int64_t)count : 0}};
    return xai_node_output(node, 0, start->dtype, &out, err);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    const range *r = node->state;
    void *out = xai_out_data(exec, node, 0);
    int64_t count = node->out[0]->shape.dim[0];
    for (int64_t i = 0; i < count; i++) {
        int64_t v = (int64_t)((uint64_t)r->start_int + (uint64_t)i * (uint64_t)r->delta_int);
        switch (node->out[0]->dtype) {
        case XAI_I64: ((int64_t *)out)[i] = v; break;
        case XAI_I32: ((int32_t *)out)[i] = (int32_t)v; break;
        default: ((float *)out)[i] = (float)(r->start + (double)i * r->delta);
        }
    }
}

const xai_op xai_op_range = {
    .type = "Range",
    .min_in = 3,
    .max_in = 3,
    .max_out = 1,
    .state_size = sizeof(range),
    .setup = setup,
    .forward = forward,
};
