/*
 * Quiz: which of two sets of regions scores higher? Pairs for the question by which the paper measures how well people
 * understand a network after they have seen an explanation of it (Shitole et al., arXiv 2011.06733, section 6, "User
 * study"): equally many regions, scores clearly apart, no set that the explanation has shown.
 *
 * Half of the pairs are misleading: the set that scores lower has the higher sum of heat, so that whoever reads a heat
 * map as a sum is wrong about them; in the other half the sums are right.
 */
#ifndef XAI_EXPLAIN_SAG_QUIZ_H
#define XAI_EXPLAIN_SAG_QUIZ_H

#include "base/arena.h"
#include "oracle.h"

typedef struct xai_quiz_settings {
    int count;             /* regions, 1 to XAI_MASK_MAX */
    const double *heat;    /* [count], finite */
    const xai_mask *shown; /* sets that the person has seen */
    size_t shown_count;
    size_t sufficient;     /* the first so many of them score high */
    size_t pairs;          /* wanted, even, at least 2 */
    double gap;            /* least difference of scores, > 0 */
    size_t max_evals;      /* sets to evaluate, at least 1 */
    uint64_t seed;
} xai_quiz_settings;

typedef struct xai_quiz_question {
    xai_mask mask[2];
    xai_sag_score score[2];
    double heat[2]; /* sums over the sets */
    bool misleading;
} xai_quiz_question;

/*
 * questions[pairs] is the caller's; *found of them are filled: half misleading, half not, in a random order, the higher
 * score on either side. Fewer than wanted where the budget ends before there are enough. No set occurs twice. It
 * depends on settings and scores alone. `token` may be NULL.
 */
xai_status xai_quiz_choose(const xai_quiz_settings *settings, xai_sag_evaluate_fn evaluate, void *user,
                           xai_token *token, xai_arena *arena, xai_quiz_question *questions, size_t *found,
                           xai_error *err);

#endif
