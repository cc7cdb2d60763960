/* ReduceLogSumExp: the logarithm of the sum of exponentials over axes. */
#include "reduce.h"

XAI_REDUCE_ON(reduce_log_sum_exp, "ReduceLogSumExp", XAI_REDUCE_LOG_SUM_EXP, "",
              .backward = xai_reduce_backward_norm);
