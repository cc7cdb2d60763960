/* ScatterND: updates go to blocks of the data, named by constant rows of coordinates. */
#include "scattering.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    const xai_tensor *indices;
    xai_pick to = {0};
    XAI_TRY(xai_pick_indices(node, 1, &indices, err));
    XAI_TRY(xai_pick_rows(node, setup, &node->in[0]->shape, indices, 0, &to, err));
    return xai_scatter_setup(node, setup, &to, err);
}

static const xai_op_case CASES[] = {
    {"block", {"4x3", "=2", "3", NULL}, "", 0},
    {"element_added", {"4x3", "=2,-1", "1", NULL}, "reduction=add", 16},
    {"rows", {"4x3", "=2,0:2x1", "2x3", NULL}, "", 0},
    {"rows_added", {"4x3", "=2,2:2x1", "2x3", NULL}, "reduction=add", 16},
    {0},
};

XAI_SCATTER_OP(scatter_nd, "ScatterND", setup, CASES);
