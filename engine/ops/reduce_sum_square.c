/* ReduceSumSquare: the sum of squares over axes. */
#include "reduce.h"

XAI_REDUCE_ON(reduce_sum_square, "ReduceSumSquare", XAI_REDUCE_SUM_SQUARE, "",
              .backward = xai_reduce_backward_norm);
