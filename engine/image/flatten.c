/*
 * Alpha over white, in Pillow's own arithmetic (AlphaComposite.c with an opaque white image below), so that a model
 * sees the same bytes as in training pipelines.
 *
 * Thread-safe: no state.
 */
#include "flatten.h"

#include <assert.h>

static uint8_t over_white(uint32_t value, uint32_t alpha)
{
    /* Pillow keeps 7 bits of precision below the byte, and divides by 255 as (v + v / 256) / 256. */
    uint32_t sum = 128 * (value * alpha + 255 * (255 - alpha)) + (128u << 7);
    return (uint8_t)((((sum >> 8) + sum) >> 8) >> 7);
}

void xai_flatten_rgb(const uint8_t *pixels, size_t count, int channels, bool opaque, uint8_t *rgb)
{
    assert(channels >= 1 && channels <= 4);
    bool colour = channels >= 3, alpha = channels % 2 == 0 && !opaque;
    for (size_t i = 0; i < count; i++, pixels += channels, rgb += 3)
        for (int c = 0; c < 3; c++) {
            uint8_t value = pixels[colour ? c : 0];
            rgb[c] = alpha ? over_white(value, pixels[channels - 1]) : value;
        }
}
