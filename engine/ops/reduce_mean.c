/* ReduceMean: the mean over axes. */
#include "reduce.h"

XAI_REDUCE_OP(reduce_mean, "ReduceMean", XAI_REDUCE_MEAN, .backward = xai_reduce_backward_sum, .linear = 1,
              .flow = XAI_FLOW_SHARE);
