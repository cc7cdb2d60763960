/* ReduceMax: the largest value over axes, NaN if there is one. */
#include "reduce.h"

XAI_REDUCE_OP(reduce_max, "ReduceMax", XAI_REDUCE_MAX, .backward = xai_reduce_backward_pick,
              .tangent = xai_reduce_tangent_pick, .flow = XAI_FLOW_ROUTE);
