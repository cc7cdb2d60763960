/* Resizing of 8-bit RGB pictures, bit for bit as Pillow's Image.resize. */
#ifndef XAI_IMAGE_RESIZE_H
#define XAI_IMAGE_RESIZE_H

#include "base/error.h"

typedef struct xai_window {
    int x, y, width, height;
} xai_window;

/* From `width` x `height` to `out_width` x `out_height`. */
typedef struct xai_resize {
    int width, height, out_width, out_height;
    xai_filter filter; /* bicubic has a = -0.5 */
    bool antialias;    /* false: shrinking looks at the nearest source pixels only, so it aliases; Pillow has no such
                          mode. Bilinear is then what cv2 and torch compute, rounded; bicubic weighs the borders so
                          that they sum to 1, where those repeat the border. */
} xai_resize;

/*
 * The part `window` of the resized picture, window->height x window->width x 3 bytes to `out`. Only what the window
 * needs is computed, so a crop out of an extreme enlargement costs what the crop costs. The window lies within the
 * resized picture. NO_MEMORY only.
 *
 * Source: Pillow 13's Resample.c; 22-bit fixed-point weights, bytes between the passes. The horizontal pass comes
 * first unless the height loses more than twice as many pixels as the width: there Pillow up to version 12 gives
 * bytes that differ by a few levels. Nearest: Geometry.c, ImagingScaleAffine.
 */
xai_status xai_resize_rgb(const xai_resize *resize, const uint8_t *rgb, xai_window window, uint8_t *out,
                          xai_error *err);

#endif
