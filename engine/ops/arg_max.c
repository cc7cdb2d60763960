/* ArgMax: where the largest element is. */
#include "arg.h"

XAI_ARG_OP(arg_max, "ArgMax", false);
