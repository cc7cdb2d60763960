/* ReduceLogSum: the logarithm of the sum over axes. */
#include "reduce.h"

XAI_REDUCE_ON(reduce_log_sum, "ReduceLogSum", XAI_REDUCE_LOG_SUM, "*",
              .backward = xai_reduce_backward_norm);
