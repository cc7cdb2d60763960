/*
 * DepthToSpace: b * b channels become a square of b x b pixels. The square's place is the slow part of the channel's
 * number (DCR, the default) or the fast one (CRD, as PyTorch's pixel_shuffle has it). Any type.
 */
#include "depth_to_space.h"

#include <string.h>

xai_status xai_depth_setup(xai_node *node, bool to_space, xai_error *err)
{
    const xai_shape *in = &node->in[0]->shape;
    const char *mode = xai_attr_text(node, "mode", "DCR");
    bool last = strcmp(mode, "CRD") == 0;
    XAI_NODE_CHECK(last || strcmp(mode, "DCR") == 0, node, BAD_MODEL, err, "mode is \"%s\"", mode);
    int64_t b = xai_attr_int(node, "blocksize", 0);
    XAI_NODE_CHECK(in->rank == 4, node, BAD_MODEL, err, "the input has %d dimensions, not 4", in->rank);
    XAI_NODE_CHECK(b >= 1 && b <= 1 << 15, node, BAD_MODEL, err, "blocksize is %lld", (long long)b);
    bool fits = to_space ? in->dim[1] % (b * b) == 0 : in->dim[2] % b == 0 && in->dim[3] % b == 0;
    XAI_NODE_CHECK(fits, node, BAD_MODEL, err, "the input does not divide into blocks of %lld", (long long)b);
    int64_t c = to_space ? in->dim[1] / (b * b) : in->dim[1], h = to_space ? in->dim[2] : in->dim[2] / b;
    int64_t w = to_space ? in->dim[3] : in->dim[3] / b;
    xai_shape wide = xai_shape_4d(in->dim[0], c, h * b, w * b), deep = xai_shape_4d(in->dim[0], c * b * b, h, w);
    XAI_TRY(xai_node_output(node, 0, node->in[0]->dtype, to_space ? &wide : &deep, err));
    /* axes: N, C, H, row of the square, column of the square, W, which is last since its runs are long */
    int64_t plane = h * w, channel = last ? b * b : 1, pixel = last ? 1 : c;
    int64_t dim[] = {in->dim[0], c, h, b, b, w};
    int64_t in_space[] = {c * plane * b * b, plane * b * b, w * b * b, w * b, 1, b};
    int64_t in_depth[] = {c * plane * b * b, channel * plane, w, b * pixel * plane, pixel * plane, 1};
    xai_nest_side space = {in_space, 0}, depth = {in_depth, 0};
    xai_nest_pair(node->state, 6, dim, to_space ? space : depth, to_space ? depth : space);
    return XAI_OK;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    return xai_depth_setup(node, true, err);
}

static const xai_op_case CASES[] = {
    {"square_first", {"2x8x3x4", NULL}, "blocksize=2", 0},
    {"square_last", {"1x18x2x3", NULL}, "blocksize=3;mode=CRD", 0},
    {0},
};

const xai_op xai_op_depth_to_space = {
    .type = "DepthToSpace",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .state_size = sizeof(xai_nest),
    .setup = setup,
    .forward = xai_nest_forward,
    .backward = xai_nest_backward,
    .linear = 1,
    .flow = XAI_FLOW_ROUTE,
    .cases = CASES,
};
