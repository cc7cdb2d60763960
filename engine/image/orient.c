/*
 * The eight Exif orientations, as Pillow's ImageOps.exif_transpose applies them.
 *
 * Each is a walk over the stored pixels with a start and two strides. Thread-safe: no state.
 */
#include "orient.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

bool xai_orientation_swaps(int orientation) { return orientation >= 5; }

/* Where the output's row 0, column 0 lies in the stored image, and the steps to its next column and row. */
typedef struct walk {
    ptrdiff_t start, column, row;
} walk;

static walk walk_of(int orientation, ptrdiff_t w, ptrdiff_t h)
{
    ptrdiff_t right = w - 1, bottom = (h - 1) * w;
    switch (orientation) {
    case 2: return (walk){right, -1, w};
    case 3: return (walk){bottom + right, -1, -w};
    case 4: return (walk){bottom, 1, -w};
    case 5: return (walk){0, w, 1};
    case 6: return (walk){bottom, -w, 1};
    case 7: return (walk){bottom + right, -w, -1};
    case 8: return (walk){right, w, -1};
    default: return (walk){0, 1, w};
    }
}

void xai_orient_rgb(const uint8_t *rgb, int width, int height, int orientation, uint8_t *out)
{
    assert(orientation >= 1 && orientation <= 8);
    bool swap = xai_orientation_swaps(orientation);
    int out_w = swap ? height : width, out_h = swap ? width : height;
    walk step = walk_of(orientation, width, height);
    for (int y = 0; y < out_h; y++) {
        ptrdiff_t at = step.start + y * step.row;
        for (int x = 0; x < out_w; x++, at += step.column, out += 3) memcpy(out, rgb + 3 * at, 3);
    }
}
