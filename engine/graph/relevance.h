/*
 * Layer-wise relevance propagation: what each element contributes to the target, handed down node by node.
 *
 * Bach et al., "On pixel-wise explanations for non-linear classifier decisions by layer-wise relevance propagation",
 * 2015; the rules as in Montavon et al., "Layer-wise relevance propagation: an overview", 2019, table 10.1, and
 * chapter 10.2. With x_j the inputs, w_jk the weights, b_k the bias, R_k the relevance of output k, and
 * [z] = z + epsilon * (z < 0 ? -1 : 1):
 *
 *     epsilon      R_j = sum_k x_j w_jk / [sum_j x_j w_jk + b_k] R_k                    LRP-0 with epsilon = 0
 *     gamma        the same with w + gamma w+ in place of w; generalised to inputs and sums of any sign (Andeol et al.,
 *                  2021): where z_k < 0, and for the negative inputs, w- takes the place of w+
 *     alpha-beta   alpha (xw)+ / [sum (xw)+ + b+] - beta (xw)- / [sum (xw)- + b-], alpha - beta = 1; z+ is (1, 0)
 *     flat         1 / sum_j 1, whatever inputs and weights are; no bias
 *     w^2          w_jk^2 / [sum_j w_jk^2 + b_k^2]
 *     z-box        (x w - low w+ - high w-) / [sum of the same], where low <= x <= high; the bias cancels out
 *     winner       x w+ / [sum x w+]: excitation backprop (Zhang et al., 2016), meant for x >= 0; no bias
 *
 * The bias keeps its share, as written. Elsewhere: activations, and BatchNormalization where it cannot be folded, pass
 * relevance on unchanged; a maximum gives all to the winner; sums (Add, means, average pools) share by contribution,
 * with an epsilon of 1e-6 against division by zero; of a product with a gate (squeeze-excitation, SiLU) all goes to the
 * signal: the larger factor, else the one that no Sigmoid, HardSigmoid, Softmax or Clip makes, else half to each; of a
 * quotient, to the numerator. Attention weights (Softmax) times values are a product with weights under epsilon.
 */
#ifndef XAI_GRAPH_RELEVANCE_H
#define XAI_GRAPH_RELEVANCE_H

#include "session.h"

typedef enum xai_rule_kind {
    XAI_RULE_EPSILON,
    XAI_RULE_GAMMA,
    XAI_RULE_ALPHA_BETA,
    XAI_RULE_FLAT,
    XAI_RULE_W_SQUARE,
    XAI_RULE_Z_BOX,
    XAI_RULE_WINNER
} xai_rule_kind;

typedef struct xai_rule {
    xai_rule_kind kind;
    float epsilon;          /* of every kind, against division by zero; 0: nothing is passed on where a sum is 0 */
    float gamma;            /* GAMMA; >= 0 */
    float alpha, beta;      /* ALPHA_BETA; alpha - beta = 1, beta >= 0 */
    const float *low, *high; /* Z_BOX: bounds of the input by channel (axis 1) */
    int64_t channels;       /* that low and high have */
    bool negated;           /* as if weights and bias had the other sign; not for EPSILON: it would change nothing */
} xai_rule;

typedef struct xai_relevance {
    const xai_seed *seeds; /* relevance of outputs: the target's value, 0 elsewhere */
    size_t seed_count;
    const xai_rule *rules; /* by node of the program; only products with weights read theirs */
    bool slopes; /* activations multiply relevance by their derivative instead of passing it on */
    const xai_wanted *wanted;
    size_t wanted_count;
    double *leak; /* by node, or NULL: relevance of its outputs less that of its inputs. Bias, constants, and values on
                     which nothing wanted depends keep theirs */
} xai_relevance;

/* Whether the pass can go from the outputs to the inputs of a program, or of what it is laid out as: UNSUPPORTED_METHOD,
 * naming the operator, where it cannot. Nodes that are the engine's own, of no file, pass anything. */
xai_status xai_relevance_check(const xai_program *program, xai_error *err);

/*
 * The pass over the last forward of a session whose spec has `relevance` and whose program is plain, with open
 * weights. The cost is that of one to four forwards and as many backwards, by the rules. UNSUPPORTED_METHOD, naming
 * the operator, where relevance cannot pass; BAD_PARAM for a rule that is out of range.
 */
xai_status xai_session_relevance(xai_session *session, const xai_relevance *relevance, const xai_par *par,
                                 xai_error *err);

#endif
