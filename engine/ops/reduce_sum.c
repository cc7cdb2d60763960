/* ReduceSum: the sum over axes. Integers wrap around. */
#include "reduce.h"

XAI_REDUCE_OP(reduce_sum, "ReduceSum", XAI_REDUCE_SUM, .backward = xai_reduce_backward_sum, .linear = 1,
              .flow = XAI_FLOW_SHARE);
