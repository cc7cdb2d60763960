/*
 * Similarity of two maps: Pearson's correlation, Spearman's of ranks, and structural similarity. Sums in one order, in
 * double precision; what is needed on the way lies in `scratch`.
 */
#ifndef XAI_METRICS_SIMILARITY_H
#define XAI_METRICS_SIMILARITY_H

#include "base/arena.h"

/* Pearson's correlation of a[count] and b[count]; 0 where one is constant: `constant` (may be NULL) says whether. */
double xai_similarity_linear(const double *a, const double *b, size_t count, bool *constant);

/*
 * Spearman's rank correlation of a[count] and b[count], equal values sharing their mean rank: scipy.stats.spearmanr.
 * *out is 0 where one of them is constant, where scipy has NaN: `constant` (may be NULL) says whether.
 */
xai_status xai_similarity_ranks(const double *a, const double *b, size_t count, xai_arena *scratch, double *out,
                                bool *constant, xai_error *err);

/*
 * Structural similarity of a[rows][cols] and b (Wang et al. 2004), as skimage.metrics.structural_similarity has it by
 * default: the mean over all windows of 7 x 7 that lie inside,
 *
 *     S = (2 ua ub + C1) (2 vab + C2) / ((ua^2 + ub^2 + C1) (va + vb + C2)),  C1 = (.01 R)^2,  C2 = (.03 R)^2
 *
 * with the windows' means u, sample variances and covariance v, and R the range of both maps together. One row has
 * windows of 7; a map with a side smaller than 7 is taken as one row. 1 where R is 0; of fewer than 7 numbers 1 if
 * they are equal, else 0.
 */
xai_status xai_similarity_structure(const double *a, const double *b, int rows, int cols, xai_arena *scratch,
                                    double *out, xai_error *err);

/* How a metric compares two maps. */
typedef enum xai_similarity {
    XAI_SIMILARITY_SPEARMAN,
    XAI_SIMILARITY_SSIM,
    XAI_SIMILARITY_SSIM_ROWS /* of the rows strung together: what Quantus, which flattens maps first, makes of SSIM */
} xai_similarity;
#define XAI_SIMILARITY_CHOICES "spearman|ssim|ssim_rows"
#define XAI_SIMILARITY_HELP \
    "What is compared: the order of the pixels, or local structure (ssim_rows: of the rows in one line, as Quantus does)."

typedef struct xai_map_pair {
    const float *a, *b; /* rows x cols */
    int rows, cols;
    bool absolute; /* magnitudes are compared */
} xai_map_pair;

/* Each map is divided by its largest magnitude first. A constant map has no order: its correlation is 0. */
xai_status xai_similarity_maps(xai_similarity how, const xai_map_pair *pair, xai_arena *scratch, double *out,
                               xai_error *err);

#endif
