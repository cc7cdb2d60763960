/* Animated GIF, by giflib: one palette for all frames, each frame the rectangle in which it differs from the last. */
#ifndef XAI_RENDER_GIF_H
#define XAI_RENDER_GIF_H

#include "palette.h"

typedef struct xai_gif xai_gif;

/* An animation that begins anew for ever. `palette` outlives it. NO_MEMORY. Ended with xai_gif_free. */
xai_status xai_gif_new(int width, int height, const xai_palette *palette, xai_gif **out, xai_error *err);
void xai_gif_free(xai_gif *gif);

/* The next frame, height * width * 3 bytes, and how long it stays, in hundredths of a second. */
xai_status xai_gif_add(xai_gif *gif, const uint8_t *rgb, int hundredths, xai_error *err);

/* The file, in the arena. Nothing can be added after it. */
xai_status xai_gif_end(xai_gif *gif, xai_arena *arena, const uint8_t **bytes, size_t *size, xai_error *err);

#endif
