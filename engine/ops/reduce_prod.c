/* ReduceProd: the product over axes, for shape arithmetic. Integers wrap around. Not differentiable here. */
#include "reduce.h"

XAI_REDUCE_OP(reduce_prod, "ReduceProd", XAI_REDUCE_PROD, .backward = NULL);
