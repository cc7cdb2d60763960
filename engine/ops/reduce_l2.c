/* ReduceL2: the root of the sum of squares over axes; derivative 0 where it is 0. */
#include "reduce.h"

XAI_REDUCE_ON(reduce_l2, "ReduceL2", XAI_REDUCE_L2, "",
              .backward = xai_reduce_backward_norm);
