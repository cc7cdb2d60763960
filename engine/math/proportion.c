/* No state. */
#include "proportion.h"

#include <assert.h>
#include <math.h>

static const double Z = 1.959963984540054; /* the normal distribution's 0.975 */

void xai_wilson(int64_t hits, int64_t count, double *low, double *high)
{
    assert(count >= 1 && hits >= 0 && hits <= count);
    double n = (double)count, p = (double)hits / n, square = Z * Z;
    double middle = (p + square / (2 * n)) / (1 + square / n);
    double half = Z / (1 + square / n) * sqrt(p * (1 - p) / n + square / (4 * n * n));
    *low = hits == 0 ? 0 : middle - half; /* exact at the ends, where rounding would not be */
    *high = hits == count ? 1 : middle + half;
}
