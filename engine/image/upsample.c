/* Bilinear resampling; each output depends on four inputs, always summed in the same order. Thread-safe: no state. */
#include "upsample.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

enum { CHUNK = 256 }; /* columns at a time, so that their positions fit on the stack */

/* Between source elements `low` and `high`, this much of the latter. */
typedef struct between {
    int low, high;
    float share;
} between;

static between position(int index, int src, int dst, bool align_corners)
{
    double at =
        align_corners ? (dst > 1 ? (double)index * (src - 1) / (dst - 1) : 0.0) : (index + 0.5) * src / dst - 0.5;
    if (at < 0) at = 0;
    int low = (int)floor(at);
    if (low >= src - 1) return (between){src - 1, src - 1, 0.0f};
    return (between){low, low + 1, (float)(at - low)};
}

/* Not a + (b - a) * share, whose difference can overflow. */
static float mix(float a, float b, float share) { return a * (1.0f - share) + b * share; }

/* Columns begin .. begin + count - 1 of the output, whose positions are the same in every row. */
static void columns(const float *src, int src_h, int src_w, float *dst, int dst_h, int dst_w, bool align_corners,
                    int begin, int count)
{
    between across[CHUNK];
    for (int i = 0; i < count; i++) across[i] = position(begin + i, src_w, dst_w, align_corners);
    for (int y = 0; y < dst_h; y++) {
        between v = position(y, src_h, dst_h, align_corners);
        const float *upper = src + (size_t)v.low * (size_t)src_w, *lower = src + (size_t)v.high * (size_t)src_w;
        float *out = dst + (size_t)y * (size_t)dst_w + (size_t)begin;
        for (int i = 0; i < count; i++) {
            between h = across[i];
            out[i] =
                mix(mix(upper[h.low], upper[h.high], h.share), mix(lower[h.low], lower[h.high], h.share), v.share);
        }
    }
}

void xai_upsample_bilinear(const float *src, int src_h, int src_w, float *dst, int dst_h, int dst_w,
                           bool align_corners)
{
    assert(src_h > 0 && src_w > 0 && dst_h > 0 && dst_w > 0);
    for (int begin = 0; begin < dst_w; begin += CHUNK)
        columns(src, src_h, src_w, dst, dst_h, dst_w, align_corners, begin,
                dst_w - begin < CHUNK ? dst_w - begin : CHUNK);
}
