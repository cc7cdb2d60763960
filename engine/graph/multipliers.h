/*
 * Multipliers: DeepLIFT's backward pass. Where a gradient says how an output follows a small step of an input, a
 * multiplier says how it has followed the whole step from a reference to the input:
 *
 *     m = (y - y_ref) / (x - x_ref)
 *
 * chained like gradients, so that (x - x_ref) m summed over the input is what the target has changed by.
 *
 * Shrikumar et al., "Learning Important Features Through Propagating Activation Differences", 2017, arXiv 1704.02685,
 * the rescale rule (section 3.5.1). With dx = x - x_ref, and g the multiplier of the output:
 *
 *     element-wise   g dy / dx; the derivative where |dx| < 1e-10, as in Captum 0.9. Where dx is small beside x, the
 *                    quotient of two differences of float32 is noise: it is held between the slopes at both ends.
 *     linear         the gradient
 *     product        each factor by the mean of the other one before and after: what is left of a product when both
 *                    factors have moved is shared between them (their Shapley values). Quotients the same.
 *     maximum        what an output has risen by goes to the winner now, what it has fallen by to the winner before
 *     Softmax        exp, sum and quotient by the rules above
 *
 * All of these add up. Captum's own are these (`complete` off), where activations that it does not know are rescaled all
 * the same (Captum passes ReLU6, SiLU and the like by their gradient):
 *     - of two hooked modules in a row (ReLU, then MaxPool) the second is passed by its gradient, since both hooks sit
 *       on one tensor and the first is read before the second has changed it;
 *     - MaxPool: where windows overlap and have one winner, the last of them replaces the others. What winners of the
 *       reference get comes from the reference's half of Captum's batch, which has gradients of its own where a hooked
 *       module comes right after the pool; from further above both halves are taken to have the same;
 *     - Softmax: g dy / dx, less the mean of that over the tensor;
 *     - products of several tensors, quotients, other maxima, normalisations: the gradient. What is one activation
 *       written out (x Sigmoid(x)) is none of these, but element-wise.
 */
#ifndef XAI_GRAPH_MULTIPLIERS_H
#define XAI_GRAPH_MULTIPLIERS_H

#include "session.h"

typedef struct xai_multipliers {
    const xai_seed *seeds;
    size_t seed_count;
    const xai_wanted *wanted;
    size_t wanted_count;
    xai_session *reference; /* of the same program; has run on the reference, with everything kept */
    bool complete;
} xai_multipliers;

/* The same question as xai_relevance_check's (relevance.h). */
xai_status xai_multipliers_check(const xai_program *program, bool complete, xai_error *err);

/* Over the last forward of a GRADIENT session whose spec has `multipliers` and whose program is plain. Costs one to two
 * backwards. UNSUPPORTED_METHOD, naming the operator, where there is no rule. */
xai_status xai_session_multipliers(xai_session *session, const xai_multipliers *request, const xai_par *par,
                                   xai_error *err);

/* One softmax of n scores x against x_ref: to += multipliers, g of the n probabilities. */
void xai_softmax_multipliers(const float *x, const float *x_ref, const float *g, size_t n, bool complete, float *to);

#endif
