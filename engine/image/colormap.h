/* Colour maps: numbers from 0 to 1 as colours. The list is colormaps.def. */
#ifndef XAI_IMAGE_COLORMAP_H
#define XAI_IMAGE_COLORMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct xai_colormap xai_colormap;

size_t xai_colormap_count(void);
const xai_colormap *xai_colormap_at(size_t index);
const xai_colormap *xai_colormap_find(const char *name); /* NULL: there is none of that name */

const char *xai_colormap_name(const xai_colormap *map);
bool xai_colormap_diverging(const xai_colormap *map);

/* The colour of `t`; below 0, above 1 and NaN are taken for the nearest end, NaN for 0. */
void xai_colormap_rgb(const xai_colormap *map, double t, uint8_t rgb[3]);

/* 256 colours, from t = 0 to t = 1. */
void xai_colormap_table(const xai_colormap *map, uint8_t table[256][3]);

#endif
