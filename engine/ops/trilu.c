/* Trilu: the upper or lower triangle of the matrices of the last two axes, the rest being 0; any type. */
#include "pick.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    xai_pick *pick = node->state;
    const xai_shape *in = &node->in[0]->shape;
    const int64_t *shift = NULL;
    size_t count;
    bool upper = xai_attr_int(node, "upper", 1) != 0;
    XAI_NODE_CHECK(in->rank >= 2, node, BAD_MODEL, err, "the input is no matrix");
    if (xai_has_input(node, 1)) {
        XAI_TRY(xai_node_ints(node, 1, "k", setup, &shift, &count, err));
        XAI_NODE_CHECK(count == 1, node, BAD_MODEL, err, "k has %zu elements", count);
    }
    XAI_TRY(xai_node_output(node, 0, node->in[0]->dtype, in, err));
    int64_t rows = in->dim[in->rank - 2], cols = in->dim[in->rank - 1], k = shift ? *shift : 0;
    k = k > cols ? cols : k < -rows ? -rows : k;
    pick->count = xai_shape_count(in);
    pick->block = 1;
    int64_t *from = XAI_NEW(setup->arena, int64_t, (size_t)pick->count);
    if (!from) XAI_NO_MEMORY(err);
    for (int64_t i = 0; i < pick->count; i++) {
        int64_t distance = i % cols - i / cols % rows - k;
        from[i] = (upper ? distance >= 0 : distance <= 0) ? i : -1;
    }
    pick->from = from;
    return XAI_OK;
}

static const xai_op_case CASES[] = {
    {"upper", {"2x4x5", NULL}, "", 14},
    {"lower_shifted", {"5x4", "=1", NULL}, "upper=0", 14},
    {"far_shift", {"2x3", "=-1000", NULL}, "", 14},
    {0},
};

const xai_op xai_op_trilu = {
    .type = "Trilu",
    .min_in = 1,
    .max_in = 2,
    .max_out = 1,
    .state_size = sizeof(xai_pick),
    .setup = setup,
    .forward = xai_pick_forward,
    .backward = xai_pick_backward,
    .linear = 1,
    .flow = XAI_FLOW_ROUTE,
    .cases = CASES,
};
