/* Reshape: 0 copies a dimension (unless allowzero), -1 takes what is left. */
#include "op.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    const int64_t *dims;
    size_t rank;
    const xai_shape *in = &node->in[0]->shape;
    bool zero_copies = xai_attr_int(node, "allowzero", 0) == 0;
    XAI_TRY(xai_node_ints(node, 1, "shape", setup, &dims, &rank, err));
    XAI_NODE_CHECK(rank <= XAI_MAX_RANK, node, UNSUPPORTED_OP, err,
                   "shape has %zu dimensions, at most %d are served", rank, XAI_MAX_RANK);
    xai_shape out = {.rank = (int)rank};
    int open = -1;
    for (int i = 0; i < out.rank; i++) {
        int64_t d = dims[i];
        if (d == 0 && zero_copies && i < in->rank) d = in->dim[i];
        XAI_NODE_CHECK(d >= 0 || (d == -1 && open < 0), node, BAD_MODEL, err, "the new shape is impossible");
        if (d == -1) open = i;
        out.dim[i] = d == -1 ? 1 : d;
    }
    int64_t count = xai_shape_count(in), known = xai_shape_count(&out);
    XAI_NODE_CHECK(known > 0 || count == 0, node, BAD_MODEL, err, "the new shape is impossible");
    if (open >= 0 && known > 0) out.dim[open] = count / known;
    char a[128], b[128];
    XAI_NODE_CHECK(xai_shape_count(&out) == count, node, BAD_MODEL, err, "%s does not fit into %s",
                   xai_shape_text(in, a, sizeof a), xai_shape_text(&out, b, sizeof b));
    return xai_node_output(node, 0, node->in[0]->dtype, &out, err);
}

static const xai_op_case CASES[] = {
    {"copies_and_infers", {"2x3x4", "=0,-1", NULL}, "", 0},
    {"splits", {"2x6x5", "=2,2,3,5", NULL}, "", 0},
    {0},
};

const xai_op xai_op_reshape = {
    .type = "Reshape",
    .min_in = 2,
    .max_in = 2,
    .max_out = 1,
    .view = true,
    .setup = setup,
    .cases = CASES,
};
