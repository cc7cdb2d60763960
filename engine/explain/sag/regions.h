/*
 * Regions: the parts of the model's input that a mask keeps, and the picture of a mask.
 *
 * picture(S) = x0 + sum over i in S of w_i * (x - x0), w_i(y, x) in [0, 1], summing to 1 at every pixel. Four kinds:
 *   tent: the rows x cols mask is upsampled bilinearly with its corner values on the corner pixels
 *         ("align_corners", as the paper's reference code does); region i is a soft tent around
 *         grid point (row, col);
 *   hard: rectangles; row r covers the pixels from floor(r * height / rows) to before floor((r + 1) * height / rows),
 *         columns alike, so that sizes differ by one pixel at most;
 *   feather: equal rectangles whose weight falls linearly to that of the neighbour, from a quarter of a rectangle
 *         before their common edge to a quarter after it; so half of each side is its own alone;
 *   superpixel: any partition, given as labels. It is no grid: one row, and a column for every region.
 * Region i = row * cols + col; 0 is at the top left.
 */
#ifndef XAI_EXPLAIN_SAG_REGIONS_H
#define XAI_EXPLAIN_SAG_REGIONS_H

#include "base/arena.h"
#include "mask.h"

typedef enum xai_region_kind {
    XAI_REGION_TENT,
    XAI_REGION_HARD,
    XAI_REGION_FEATHER,
    XAI_REGION_SUPERPIXEL
} xai_region_kind;
#define XAI_REGION_CHOICES "tent|hard|feather|superpixel"

const char *xai_region_name(xai_region_kind kind);
/* False for a name that is none. */
bool xai_region_find(const char *name, xai_region_kind *out);

/* Along one axis, pixel p takes (1 - part[p]) of one band and part[p] of the next; band b serves the pixels from
 * start[b] to before start[b + 1]. */
typedef struct xai_region_axis {
    int *start;  /* bands + 1 */
    float *part; /* pixels */
} xai_region_axis;

typedef struct xai_regions {
    xai_region_kind kind;
    int rows, cols, count;
    int height, width; /* of the model's input, pixels */
    xai_region_axis y, x;
    const int32_t *labels; /* SUPERPIXEL: the region of every pixel; else NULL */
} xai_regions;

/* Of a grid: rows and cols in [2, 16] and no larger than the picture; BAD_PARAM otherwise. Everything lies in the
 * arena. */
xai_status xai_regions_init(xai_regions *regions, xai_region_kind kind, int rows, int cols, int height, int width,
                            xai_arena *arena, xai_error *err);

/* Of a partition: labels[height * width], each in [0, count), count in [1, XAI_MASK_MAX]; they must outlive the regions.
 * BAD_PARAM otherwise. */
xai_status xai_regions_of_labels(xai_regions *regions, const int32_t *labels, int count, int height, int width,
                                 xai_error *err);

/* The middle of a region, 0 to 1 along both sides: of a grid's the point of its full weight, of a superpixel the mean of
 * its pixels. */
void xai_regions_centre(const xai_regions *regions, int region, double *y, double *x);

/* The rectangle where a region weighs at least a half, 0 to 1 along both sides; of a superpixel that which holds it. */
typedef struct xai_region_extent {
    double top, left, bottom, right;
} xai_region_extent;
xai_region_extent xai_regions_extent(const xai_regions *regions, int region);

/* Weights of the kept regions along line y: out[width], in [0, 1]. */
void xai_regions_line(const xai_regions *regions, xai_mask mask, int y, float *out);

/* A picture of floats, channels x height x width, or height x width x channels if interleaved. */
typedef struct xai_region_picture {
    int channels;
    bool interleaved;
    const float *view, *baseline;
} xai_region_picture;

/*
 * The picture of a mask to `out`, which must not overlap the view or the baseline. The full set gives exactly the
 * view, the empty one exactly the baseline.
 */
void xai_regions_compose(const xai_regions *regions, xai_mask mask, const xai_region_picture *picture, float *out);

#endif
