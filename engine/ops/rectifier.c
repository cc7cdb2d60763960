/* Backward rule of rectifiers (rectifier.h). Pure functions; safe on any thread. */
#include "rectifier.h"

#include <string.h>

void xai_rectify_backward(xai_policy policy, xai_clamp clamp, const float *y, const float *gy, float *out, size_t n)
{
    if (!xai_clamp_is_none(clamp)) xai_kernels_get()->gate(xai_rectifier_gate(policy, clamp), y, gy, out, n);
    else if (out != gy) memcpy(out, gy, n * sizeof *out);
}
