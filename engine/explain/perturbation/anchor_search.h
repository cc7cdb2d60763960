/*
 * Anchor search: the smallest promise that keeps the answer. An anchor is a set of features that stay shown; its
 * precision is the share of random pictures that show it, and of the other features each or not, which are still
 * answered the same. Looked for is the anchor that covers most, among those whose precision is at least a threshold.
 *
 *     level by level from one feature on: every chosen anchor of the level before with one feature more; of these the
 *     `beam` most precise within `tau`, with probability 1 - delta (KL-LUCB: Kaufmann and Kalyanakrishnan, 2013); each
 *     sampled on until its interval says on which side of the threshold it lies, within `margin`
 *
 * Ribeiro, Singh and Guestrin, "Anchors: High-Precision Model-Agnostic Explanations", AAAI 2018, as AnchorBaseBeam of
 * alibi 0.9.6 has it. There the candidates lie in a set, and equal precisions are sorted as it comes; here they keep the
 * order in which they were made (by the added feature, then by the anchor that it was added to), and sorting is stable.
 * Knows nothing of pictures.
 */
#ifndef XAI_EXPLAIN_ANCHOR_SEARCH_H
#define XAI_EXPLAIN_ANCHOR_SEARCH_H

#include "base/arena.h"
#include "base/token.h"

/* The largest q >= p with KL(p, q) <= level, and the smallest q <= p, by bisection to 2^-16 of where they may lie; KL is
 * that of Bernoulli distributions. With level = log(1 / delta) / n: bounds of a precision seen as p in n samples. */
double xai_kl_upper(double p, double level);
double xai_kl_lower(double p, double level);

/* Where samples come from. A row has a bit for each feature: whether it is shown. */
typedef struct xai_anchor_source {
    size_t features, words; /* words: of 64 bits, a row */
    /* Random row `index` of those of samples, or of those by which coverage is counted. */
    void (*row)(void *user, bool coverage, size_t index, uint64_t *row);
    /* Whether each of `count` pictures is answered the same: labels[count]. *stopped: no answer, the search ends. */
    xai_status (*label)(void *user, const uint64_t *rows, size_t count, uint8_t *labels, bool *stopped, xai_error *err);
    void *user;
} xai_anchor_source;

typedef struct xai_anchor_settings {
    double threshold, delta, tau, margin;
    size_t beam, batch, start; /* samples drawn at a time; of the empty anchor, first */
    size_t most_size, most_samples, coverage; /* the latter: rows */
    bool first; /* stop at the first that is precise enough */
    const xai_token *token; /* of the counting between samples; may be NULL */
} xai_anchor_settings;

/* An anchor that was chosen on its level. */
typedef struct xai_anchor {
    const uint64_t *row; /* its features */
    size_t size, samples, positives;
    double coverage, low, high; /* the bounds of its precision, at delta over all that are compared */
    bool valid;                 /* precise enough, as far as was asked */
} xai_anchor;

typedef struct xai_anchor_result {
    xai_anchor *chosen; /* level by level; [0] is the empty one */
    size_t count, best;
    bool success; /* best is valid; else it is the most precise of those chosen */
    /* By the source, by a deadline of the token, or because most_samples were drawn: bounds are what they were then. */
    bool stopped;
    bool late;    /* it was the deadline of the token */
    size_t samples;
} xai_anchor_result;

/* Everything lies in the arena. */
xai_status xai_anchor_search(const xai_anchor_source *source, const xai_anchor_settings *settings, xai_arena *arena,
                             xai_anchor_result *out, xai_error *err);

static inline bool xai_anchor_has(const uint64_t *row, size_t feature) { return row[feature / 64] >> feature % 64 & 1; }

#endif
