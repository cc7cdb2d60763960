/* ReduceL1: the sum of magnitudes over axes; derivative 0 at 0. */
#include "reduce.h"

XAI_REDUCE_ON(reduce_l1, "ReduceL1", XAI_REDUCE_L1, "",
              .backward = xai_reduce_backward_norm);
