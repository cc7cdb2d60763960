/* IsInf: whether an element is infinite, of the signs that are looked for. Not differentiable. */
#include "test.h"

XAI_REAL_TEST(is_inf, "IsInf",
              isinf(x) && xai_attr_int(node, x > 0 ? "detect_positive" : "detect_negative", 1) != 0)
