/* ScatterElements: updates go to elements along the axis, chosen by constant indices. */
#include "scattering.h"

static const xai_op_case CASES[] = {
    {"replaces", {"6", "=4,-1,0", "3", NULL}, "", 0},
    {"replaces_twice", {"6", "=4,4,0", "3", NULL}, "", 0},
    {"adds", {"6", "=4,4,0", "3", NULL}, "reduction=add", 16},
    {"two_axes", {"3x4", "=0,2,1,1:2x2", "2x2", NULL}, "axis=1", 0},
    {0},
};

XAI_SCATTER_OP(scatter_elements, "ScatterElements", xai_scatter_elements_setup, CASES);
