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

/* A stretch of columns, and two neighbouring source rows resampled to it, which serve many rows of the output. */
typedef struct stretch {
    between across[CHUNK];
    int count, row; /* the source row that `upper` holds; -1: none yet */
    float upper[CHUNK], lower[CHUNK];
} stretch;

static void resample_row(const stretch *s, const float *src, float *out)
{
    for (int i = 0; i < s->count; i++) {
        between h = s->across[i];
        out[i] = mix(src[h.low], src[h.high], h.share);
    }
}

static void hold_rows(stretch *s, const float *src, int src_w, between v)
{
    if (s->row == v.low) return;
    s->row = v.low;
    resample_row(s, src + (size_t)v.low * (size_t)src_w, s->upper);
    resample_row(s, src + (size_t)v.high * (size_t)src_w, s->lower);
}

/* Columns begin .. begin + count - 1 of the output, whose positions are the same in every row. */
static void columns(const float *src, int src_h, int src_w, float *dst, int dst_h, int dst_w, bool align_corners,
                    int begin, int count)
{
    stretch s = {.count = count, .row = -1};
    for (int i = 0; i < count; i++) s.across[i] = position(begin + i, src_w, dst_w, align_corners);
    for (int y = 0; y < dst_h; y++) {
        between v = position(y, src_h, dst_h, align_corners);
        hold_rows(&s, src, src_w, v);
        float *out = dst + (size_t)y * (size_t)dst_w + (size_t)begin;
        for (int i = 0; i < count; i++) out[i] = mix(s.upper[i], s.lower[i], v.share);
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

static void spread_row(const double *by_dst, int dst_w, between v, double *by_src, int src_w, bool align_corners)
{
    double *upper = by_src + (size_t)v.low * (size_t)src_w, *lower = by_src + (size_t)v.high * (size_t)src_w;
    double below = (double)v.share, above = 1 - below;
    for (int x = 0; x < dst_w; x++) {
        between h = position(x, src_w, dst_w, align_corners);
        double right = by_dst[x] * (double)h.share, left = by_dst[x] - right;
        upper[h.low] += above * left;
        upper[h.high] += above * right;
        lower[h.low] += below * left;
        lower[h.high] += below * right;
    }
}

void xai_upsample_bilinear_back(const double *by_dst, int dst_h, int dst_w, double *by_src, int src_h, int src_w,
                                bool align_corners)
{
    assert(src_h > 0 && src_w > 0 && dst_h > 0 && dst_w > 0);
    for (int y = 0; y < dst_h; y++)
        spread_row(by_dst + (size_t)y * (size_t)dst_w, dst_w, position(y, src_h, dst_h, align_corners), by_src, src_w,
                   align_corners);
}
