/* Bootstrap intervals and ranks. Sums run in the order of the photos, so they do not depend on threads. Pure. */
#include "statistics.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

xai_status xai_bootstrap_init(xai_bootstrap *b, size_t n, size_t resamples, uint64_t seed, xai_arena *arena,
                              xai_error *err)
{
    size_t draws;
    XAI_CHECK(!__builtin_mul_overflow(n, resamples, &draws) && draws <= (size_t)1 << 31, err, TOO_LARGE, "resamples",
              "%zu resamples of %zu photos are too many", resamples, n);
    *b = (xai_bootstrap){.n = n, .resamples = resamples, .picks = XAI_NEW(arena, uint32_t, draws)};
    if (!b->picks) XAI_NO_MEMORY(err);
    for (size_t r = 0; r < resamples; r++) {
        xai_rng rng = xai_rng_init(seed, r);
        for (size_t i = 0; i < n; i++) b->picks[r * n + i] = xai_rng_below(&rng, (uint32_t)n);
    }
    return XAI_OK;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double xai_quantile(const double *sorted, size_t n, double q)
{
    double at = q * (double)(n - 1);
    size_t below = (size_t)at, above = below + 1 < n ? below + 1 : below;
    return sorted[below] + (at - (double)below) * (sorted[above] - sorted[below]);
}

/* Of n finite numbers, which a median sorts; NaN of none. */
static double statistic_of(xai_statistic statistic, double *values, size_t n)
{
    if (n == 0) return (double)NAN;
    if (statistic == XAI_STATISTIC_MEDIAN) {
        qsort(values, n, sizeof *values, compare);
        return xai_quantile(values, n, 0.5);
    }
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += values[i];
    return sum / (double)n;
}

/* The finite ones of values[picks[0]], values[picks[1]], ...; NULL: of values itself. */
static size_t gather(const double *values, const uint32_t *picks, size_t n, double *out)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        double v = values[picks ? picks[i] : i];
        if (isfinite(v)) out[count++] = v;
    }
    return count;
}

xai_status xai_bootstrap_interval(const xai_bootstrap *b, xai_statistic statistic, const double *values,
                                  xai_arena *arena, xai_interval *out, xai_error *err)
{
    double *some = XAI_NEW(arena, double, b->n), *found = XAI_NEW(arena, double, b->resamples);
    if (!some || !found) XAI_NO_MEMORY(err);
    size_t n = gather(values, NULL, b->n, some), count = 0;
    *out = (xai_interval){.value = statistic_of(statistic, some, n), .low = (double)NAN, .high = (double)NAN, .n = n};
    for (size_t r = 0; r < b->resamples; r++) {
        double v = statistic_of(statistic, some, gather(values, b->picks + r * b->n, b->n, some));
        if (isfinite(v)) found[count++] = v;
    }
    if (count == 0) return XAI_OK;
    qsort(found, count, sizeof *found, compare);
    out->low = xai_quantile(found, count, (1 - XAI_CONFIDENCE) / 2);
    out->high = xai_quantile(found, count, (1 + XAI_CONFIDENCE) / 2);
    return XAI_OK;
}

void xai_rank(const double *values, size_t n, bool higher_is_better, double *ranks)
{
    for (size_t i = 0; i < n; i++) {
        size_t before = 0, equal = 0;
        for (size_t j = 0; j < n; j++) {
            double a = values[i], b = values[j];
            if (!isfinite(a) || !isfinite(b)) {
                before += isfinite(b);
                equal += !isfinite(a) && !isfinite(b);
            } else {
                before += higher_is_better ? b > a : b < a;
                equal += a == b;
            }
        }
        ranks[i] = (double)before + ((double)equal + 1) / 2;
    }
}
