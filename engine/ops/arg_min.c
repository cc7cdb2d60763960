/* ArgMin: where the smallest element is. */
#include "arg.h"

XAI_ARG_OP(arg_min, "ArgMin", true);
