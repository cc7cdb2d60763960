/*
 * The backward rule of rectifiers, shared by the clamp that is fused into a convolution and by Relu and Clip nodes.
 *
 *     plain   g' = g * 1[lo < y < hi]              the gradient
 *     guided  g' = g * 1[lo < y < hi] * 1[g > 0]   Springenberg et al., "Striving for simplicity", 2015
 *     deconv  g' = g * 1[g > 0]                    Zeiler and Fergus, 2014: the forward signs are not looked at
 *
 * The layer's own output y decides: y lies strictly inside exactly where its input did.
 */
#ifndef XAI_OPS_RECTIFIER_H
#define XAI_OPS_RECTIFIER_H

#include "kernels/kernels.h"
#include "op.h"

/* The policy as the kernels know it. A clamp that is none has no gate: there is no rectifier. */
static inline xai_gate xai_rectifier_gate(xai_policy policy, xai_clamp clamp)
{
    return (xai_gate){
        .clamp = clamp, .by_output = policy != XAI_POLICY_DECONV, .by_gradient = policy != XAI_POLICY_PLAIN};
}

/*
 * out[i] = g' of gy[i], for n elements; `out` may be `gy`. A clamp that is none passes the gradient unchanged under
 * every policy. `y` is not read then, nor under the deconv policy, and may be NULL.
 */
void xai_rectify_backward(xai_policy policy, xai_clamp clamp, const float *y, const float *gy, float *out, size_t n);

#endif
