/*
 * Upsample: Resize as it was before opset 10, nearest or linear without a shift. Scales are an attribute before opset
 * 9, and a constant input since.
 */
#include "resample.h"

#include <string.h>

static xai_status scale_at(const xai_node *node, int i, float *scale, xai_error *err)
{
    const xai_attr *a = xai_attr_find(node, "scales");
    const xai_tensor *t = xai_has_input(node, 1) ? node->in[1]->constant : NULL;
    bool listed = a && a->kind == XAI_ATTR_FLOATS;
    int64_t count = t ? xai_tensor_count(t) : listed ? (int64_t)a->count : -1;
    XAI_NODE_CHECK(count >= 0, node, UNSUPPORTED_OP, err, "scales must be a constant");
    XAI_NODE_CHECK(count == node->in[0]->shape.rank, node, BAD_MODEL, err, "scales has %lld entries",
                   (long long)count);
    *scale = t ? (float)xai_tensor_real(t, i) : a->reals[i];
    XAI_NODE_CHECK(*scale > 0 && (double)*scale * (double)node->in[0]->shape.dim[i] <= (double)XAI_MAX_ELEMENTS, node,
                   BAD_MODEL, err, "a scale is %g", (double)*scale);
    return XAI_OK;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    const xai_shape *in = &node->in[0]->shape;
    const char *mode = xai_attr_text(node, "mode", "nearest");
    bool linear = strcmp(mode, "linear") == 0 || strcmp(mode, "bilinear") == 0;
    xai_resample_axis axes[XAI_MAX_RANK] = {{0}};
    xai_resample_rule rule = {.mode = linear ? XAI_RESAMPLE_LINEAR : XAI_RESAMPLE_NEAREST,
                              .coordinates = XAI_RESAMPLE_ASYMMETRIC,
                              .rounding = XAI_RESAMPLE_SIMPLE};
    XAI_NODE_CHECK(linear || strcmp(mode, "nearest") == 0, node, UNSUPPORTED_OP, err, "mode is \"%s\"", mode);
    XAI_NODE_CHECK(xai_shape_count(in) > 0, node, BAD_MODEL, err, "the input is empty");
    for (int i = 0; i < in->rank; i++) {
        axes[i].in = in->dim[i];
        XAI_TRY(scale_at(node, i, &axes[i].scale, err));
        axes[i].out = (int64_t)((float)in->dim[i] * axes[i].scale);
    }
    return xai_resample_setup(node, setup, &rule, axes, err);
}

static const xai_op_case CASES[] = {
    {"nearest", {"1x2x3x4", NULL}, "scales=1.0,1.0,2.0,3.0", 7},
    {"linear", {"1x2x3x4", "=1,1,2,2", NULL}, "mode=linear", 9},
    {0},
};

const xai_op xai_op_upsample = {
    .type = "Upsample",
    .min_in = 1,
    .max_in = 2,
    .max_out = 1,
    .state_size = sizeof(xai_resample),
    .setup = setup,
    .forward = xai_resample_forward,
    .backward = xai_resample_backward,
    .linear = 1,
    .flow = XAI_FLOW_SHARE,
    .cases = CASES,
};
