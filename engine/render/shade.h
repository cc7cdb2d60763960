/* Shading: how the numbers of a map become colours over the picture that the model saw. */
#ifndef XAI_RENDER_SHADE_H
#define XAI_RENDER_SHADE_H

#include "base/arena.h"
#include "image/colormap.h"

/* The ends of the colour scale, chosen from the map's own values. */
typedef struct xai_scale {
    double low, high; /* shown at the first and the last colour; low = -high for a signed map */
    float min, max;   /* of the finite values */
    bool is_signed;   /* shown around 0, with a diverging colour map */
    bool clipped;     /* the strongest half percent of a fine map share the last colour */
    bool degenerate;  /* constant, or with values that are not finite */
    bool flat;        /* nothing to show: no two finite values differ */
} xai_scale;

/* `count` >= 1 values. A map is signed if its negative part reaches a thousandth of its positive one. */
xai_scale xai_scale_of(const float *map, size_t count);

/* turbo, or bluered for a signed map. */
const xai_colormap *xai_scale_colormap(const xai_scale *scale);

typedef struct xai_shade {
    const uint8_t *view_rgb; /* height * width * 3 */
    int width, height;
    const float *map; /* map_height * map_width finite values, covering the whole view */
    int map_width, map_height;
    double opacity; /* of the colours, 0..1 */
} xai_shade;

/* The colours over the view in gray, height * width * 3 bytes to `out`; `scratch` holds height * width floats. A flat
 * map leaves the view in gray; a signed map is more opaque where it is strong. */
void xai_shade_rgb(const xai_shade *shade, const xai_scale *scale, float *scratch, uint8_t *out);

/* Both at once for any map, with the usual opacity; what is not finite counts as 0. *rgb in the arena. BAD_PARAM for
 * sizes below 1; NO_MEMORY. */
xai_status xai_shade_over(const uint8_t *view_rgb, int width, int height, const float *map, int map_height,
                          int map_width, xai_arena *arena, xai_scale *scale, uint8_t **rgb, xai_error *err);

#endif
