/*
 * Search for minimal sufficient explanations (MSEs) of a scored region set function, and the graph below them.
 *
 * Source: Shitole, Li, Kahng, Tadepalli, Fern, "One Explanation is Not Enough: Structured Attention Graphs for Image
 * Classification", NeurIPS 2021 (arXiv 2011.06733). An MSE is a set S of regions that reaches the threshold while
 * S without any one of its regions does not. Nothing is assumed of the function: it need not be monotone, so what is
 * known about a set is stated, set by set, as certificates.
 */
#ifndef XAI_EXPLAIN_SAG_SEARCH_H
#define XAI_EXPLAIN_SAG_SEARCH_H

#include "base/arena.h"
#include "oracle.h"

typedef enum xai_sag_criterion {
    XAI_SAG_RELATIVE, /* f(S) >= p_high * f(all) */
    XAI_SAG_ABSOLUTE, /* f(S) >= p_high */
    XAI_SAG_ARGMAX    /* the target is the most probable class */
} xai_sag_criterion;

enum { XAI_SAG_MAX_SHOWN = 16, XAI_SAG_MAX_POOL = 20, XAI_SAG_MAX_SUBSET = 12, XAI_SAG_MAX_TABLE = 10,
       XAI_SAG_SEED_WIDTHS = 3 };

typedef enum xai_sag_dialect {
    XAI_SAG_NATIVE,
    XAI_SAG_REFERENCE /* as the paper's reference code does it: reference.c */
} xai_sag_dialect;

typedef struct xai_sag_settings {
    xai_sag_dialect dialect;
    int count;         /* regions, 1 to XAI_MASK_MAX */
    int32_t target;    /* class; matters to ARGMAX and counterfactuals alone */
    int64_t versus;    /* class whose scores are told too; < 0: none */
    const char *const *labels; /* names of the classes; NULL: they have none */
    xai_sag_criterion criterion;
    double p_high;     /* (0, 1] */
    double p_low;      /* [0, 1]: nodes of the graph are expanded while f >= p_low * f(all) */
    int beam;          /* sets kept per level, at least 1 */
    int candidates;    /* regions tried per kept set, at least 1; the first level tries all */
    int patience;      /* further levels after the first that found an MSE, at least 0 */
    int compact;       /* larger MSEs are searched for others of at most so many regions; 0: never */
    int max_mses;      /* the beam records further MSEs only if they are diverse, at least 1 */
    int exhaustive;    /* > 0: instead of the beam, every subset of that many most promising regions, at most 20 */
    int max_patches;   /* size of the largest set that the beam grows to */
    int max_nodes;     /* of the graph, at least 1 */
    int overlap;       /* regions that two roots may share, at least 0 */
    int shown;         /* roots wanted, 1 to XAI_SAG_MAX_SHOWN */
    int counterfactuals; /* sets wanted whose removal makes another class win; 0: none */
    int subset_max;    /* roots of at most so many regions are checked against all their subsets, 0 to 12 */
    size_t max_evals;  /* sets to evaluate, at least 1; the table's come on top */
    bool table;        /* make one */
    const xai_mask (*seeds)[XAI_SAG_SEED_WIDTHS]; /* [seed_count]: search within these alone, each set in the next */
    size_t seed_count; /* 0: search everywhere */
    const double *evidence; /* [count], larger = more promising, finite; or NULL */
} xai_sag_settings;

typedef enum xai_sag_truth { XAI_SAG_UNKNOWN, XAI_SAG_FALSE, XAI_SAG_TRUE } xai_sag_truth;

typedef struct xai_sag_mse {
    xai_mask mask;
    int size;
    xai_sag_score score;
    bool root;
    xai_sag_truth subset;      /* every proper subset was evaluated and fails */
    xai_sag_truth cardinality; /* within the pool that was exhausted: no smaller set reaches the threshold */
} xai_sag_mse;                 /* every one listed is sufficient and locally minimal, as evaluated */

typedef struct xai_sag_node {
    xai_mask mask;
    xai_sag_score score;
    bool root, expanded;
} xai_sag_node;

typedef struct xai_sag_edge {
    uint32_t from, to; /* indices of nodes */
    int removed;       /* the region that `to` lacks */
} xai_sag_edge;

/* The parameters that ended a part of the search before its natural end, as bits. */
typedef enum xai_sag_bound {
    XAI_SAG_BOUND_EVALS = 1,
    XAI_SAG_BOUND_PATCHES = 2,
    XAI_SAG_BOUND_NODES = 4,
    XAI_SAG_BOUND_DEADLINE = 8,
    XAI_SAG_BOUND_PAIRINGS = 16 /* of dialect REFERENCE: the choice of roots was cut short */
} xai_sag_bound;

typedef enum xai_sag_outcome {
    XAI_SAG_COMPLETE,
    XAI_SAG_PARTIAL,
    XAI_SAG_NO_MSE,
    XAI_SAG_DEGENERATE /* the empty set reaches the threshold */
} xai_sag_outcome;

typedef struct xai_sag_necessity {
    double share;            /* of the MSEs listed, that contain the region */
    double without;          /* f(all without it); NaN if not evaluated */
    bool necessary;          /* f(all without it) was evaluated and fails */
    bool sufficient;         /* the region alone is an MSE */
} xai_sag_necessity;

/* The scores of all subsets of some regions. */
typedef struct xai_sag_table {
    int count, regions[XAI_SAG_MAX_TABLE]; /* ascending */
    const xai_sag_score *scores; /* [1 << count]; bit k of the index: regions[k] is kept */
} xai_sag_table;

enum { XAI_SAG_MOST_COMPARED = 20000 }; /* sets, for violations to be counted */

/* Forwards that the reference code makes, which remembers nothing, for what its dialect finds. */
typedef struct xai_sag_forwards {
    double search, minimise; /* successors scored; single removals tried */
    double tree;             /* nodes, those that several branches share once for each */
} xai_sag_forwards;

/* Everything lies in the arena of the search. */
typedef struct xai_sag_result {
    xai_sag_outcome outcome;
    unsigned bounds;       /* xai_sag_bound bits; a result is PARTIAL if there are any */
    const char *reason;    /* why there is no MSE, for a person; "" */
    double f_all, f_empty; /* NaN: not evaluated */
    double tau;            /* NaN: not known, or argmax */
    double versus_all, versus_empty; /* of the other class; NaN: not evaluated */
    /* Roots first, then by size, probability, mask; none contains another. Of dialect REFERENCE: roots first, otherwise
     * as found, and one may contain another. */
    const xai_sag_mse *mses;
    size_t mse_count, root_count;
    const xai_sag_node *nodes; /* roots, then level by level */
    size_t node_count;
    const xai_sag_edge *edges;
    size_t edge_count;
    const xai_sag_necessity *necessity; /* [count], or NULL without an MSE */
    const xai_sag_table *table; /* NULL: not asked for, or the first root alone has too many regions */
    /* Sets that were removed, the smallest first, with what the rest scores; `root` and `subset` mean nothing. */
    const xai_sag_mse *counterfactuals;
    size_t counterfactual_count;
    size_t evals, hits;
    /* Pairs of evaluated sets, S within T, where S reaches the threshold and T does not; -1: too many sets to compare. */
    int64_t violations;
    size_t smallest_at; /* evaluations made when the smallest MSE was found */
    xai_sag_forwards reference; /* of dialect REFERENCE; else 0 */
} xai_sag_result;

/*
 * Runs the search. Budget and deadline give a partial result; CANCELLED and the evaluator's failures are errors.
 * Deterministic: it depends on settings and scores alone, ties go to the lower region.
 */
xai_status xai_sag_search(const xai_sag_settings *settings, xai_sag_evaluate_fn evaluate, void *user,
                          xai_token *token, xai_arena *arena, xai_sag_result *result, xai_error *err);

#endif
