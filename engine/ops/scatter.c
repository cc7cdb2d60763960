/* Scatter: the name of ScatterElements before opset 11. */
#include "scattering.h"

static const xai_op_case CASES[] = {{"replaces", {"6", "=4,-1,0", "3", NULL}, "", 9}, {0}};

XAI_SCATTER_OP(scatter, "Scatter", xai_scatter_elements_setup, CASES);
