/*
 * Statistics over the photos of a study: means, medians and shares with bootstrap intervals, and ranks.
 *
 * The bootstrap draws photos, not numbers: one table of resamples serves every column of a study, so that intervals of
 * several methods come from the same resamples (Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979; the
 * percentile interval).
 */
#ifndef XAI_STUDY_STATISTICS_H
#define XAI_STUDY_STATISTICS_H

#include "base/arena.h"

#define XAI_CONFIDENCE 0.95

typedef struct xai_bootstrap {
    size_t n, resamples;
    uint32_t *picks; /* resamples x n: which of the n are drawn */
} xai_bootstrap;

/* Resample r draws by (seed, stream r) alone. TOO_LARGE above 2^31 draws. */
xai_status xai_bootstrap_init(xai_bootstrap *bootstrap, size_t n, size_t resamples, uint64_t seed, xai_arena *arena,
                              xai_error *err);

typedef struct xai_interval {
    double value, low, high; /* of all, and its percentile interval of XAI_CONFIDENCE; NaN: of nothing */
    size_t n;                /* finite numbers that it rests on */
} xai_interval;

typedef enum xai_statistic { XAI_STATISTIC_MEAN, XAI_STATISTIC_MEDIAN } xai_statistic;

/* Of values[bootstrap->n]; what is not finite is left out, of a resample as well. Medians and percentiles are
 * interpolated between neighbours, as numpy does by default. */
xai_status xai_bootstrap_interval(const xai_bootstrap *bootstrap, xai_statistic statistic, const double *values,
                                  xai_arena *arena, xai_interval *out, xai_error *err);

/* The quantile q in [0, 1] of sorted[n], n >= 1. */
double xai_quantile(const double *sorted, size_t n, double q);

/* Ranks from 1 (best) of values[n]; equal ones share the mean of their ranks, and so do the numbers that are not
 * finite, which come last. */
void xai_rank(const double *values, size_t n, bool higher_is_better, double *ranks);

#endif
