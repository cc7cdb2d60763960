/* Pixels in the order of their values. Thread-safe: no state. */
#include "metric.h"

#include <stdlib.h>

static int by_value(const void *a, const void *b, void *values)
{
    uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    const float *v = values;
    if (v[i] != v[k]) return v[i] > v[k] ? -1 : 1;
    return i < k ? -1 : i > k;
}

void xai_order_descending(const float *values, size_t count, uint32_t *order)
{
    for (size_t i = 0; i < count; i++) order[i] = (uint32_t)i;
    qsort_r(order, count, sizeof *order, by_value, (void *)(uintptr_t)values);
}
