/* Bilinear resampling; each output depends on four inputs, always summed in the same order. Thread-safe: no state. */
#include "upsample.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

/* Between source elements `low` and `high`, this much of the latter. */
typedef struct between {
    int low, high;
    float share;
} between;

static between position(int index, int src, int dst, bool align_corners)
{
    double at = align_corners ? (dst > 1 ? (double)index * (src - 1) / (dst - 1) : 0.0)
                              : (index + 0.5) * src / dst - 0.5;
    if (at < 0) at = 0;
    int low = (int)floor(at);
    if (low >= src - 1) return (between){src - 1, src - 1, 0.0f};
    return (between){low, low + 1, (float)(at - low)};
}

static float mix(float a, float b, float share) { return a + (b - a) * share; }

void xai_upsample_bilinear(const float *src, int src_h, int src_w, float *dst, int dst_h, int dst_w,
                           bool align_corners)
{
    assert(src_h > 0 && src_w > 0 && dst_h > 0 && dst_w > 0);
    for (int y = 0; y < dst_h; y++) {
        between v = position(y, src_h, dst_h, align_corners);
        const float *upper = src + (size_t)v.low * (size_t)src_w, *lower = src + (size_t)v.high * (size_t)src_w;
        for (int x = 0; x < dst_w; x++) {
            between h = position(x, src_w, dst_w, align_corners);
            *dst++ = mix(mix(upper[h.low], upper[h.high], h.share), mix(lower[h.low], lower[h.high], h.share), v.share);
        }
    }
}
