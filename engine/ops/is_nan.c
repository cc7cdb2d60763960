/* IsNaN: whether an element is not a number. Not differentiable. */
#include "test.h"

XAI_REAL_TEST(is_nan, "IsNaN", isnan(x))
