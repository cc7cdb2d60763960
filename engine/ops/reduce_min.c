/* ReduceMin: the smallest value over axes, NaN if there is one. */
#include "reduce.h"

XAI_REDUCE_OP(reduce_min, "ReduceMin", XAI_REDUCE_MIN, xai_reduce_backward_pick);
