/* Backward rule of rectifiers (rectifier.h). Pure functions; safe on any thread. */
#include "rectifier.h"

#include <string.h>

void xai_rectify_backward(xai_policy policy, xai_clamp clamp, const float *y, const float *gy, float *out, size_t n)
{
    if (xai_clamp_is_none(clamp)) {
        if (out != gy) memcpy(out, gy, n * sizeof *out);
        return;
    }
    bool by_output = policy != XAI_POLICY_DECONV, by_gradient = policy != XAI_POLICY_PLAIN;
    for (size_t i = 0; i < n; i++) {
        float g = gy[i];
        if (by_output && !(y[i] > clamp.lo && y[i] < clamp.hi)) g = 0;
        if (by_gradient && g < 0) g = 0;
        out[i] = g;
    }
}
