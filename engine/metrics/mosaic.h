/*
 * Mosaics: localisation without boxes. Four pictures in one, two rows of two; asked for a class that some of them
 * show, a map should lie on those. Focus is the share of its positive relevance that does.
 *
 * Arias-Duart et al., "Focus! Rating XAI Methods and Finding Biases", 2022, arXiv 2109.15035. There (and in
 * quantus.Focus) pictures keep their size and the network sees four times as many pixels; a network of fixed input
 * sees each at half its size here.
 */
#ifndef XAI_METRICS_MOSAIC_H
#define XAI_METRICS_MOSAIC_H

#include "base/arena.h"

enum { XAI_MOSAIC = 4 }; /* top left, top right, bottom left, bottom right; bit i of `quadrants` is picture i */

/*
 * Mosaic `index` of a set of `count` pictures, each of the class class_of[i]: picks[] are their indices, *quadrants
 * where the target's class is. Two pictures of a class and one of each of two others; or, where no class has two
 * pictures, one of each of four. The places are drawn by (seed, index), the others too; the target's picture is the
 * index-th in turn of those that can be. BAD_PARAM where the set has too few classes: three with a pair of pictures,
 * else four.
 */
xai_status xai_mosaic_draw(uint64_t seed, size_t index, const int64_t *class_of, size_t count,
                           size_t picks[XAI_MOSAIC], unsigned *quadrants, xai_error *err);

/* Four pictures, each preprocessed as the model asks and halved, as one sample for xai_request.tensor (its data in
 * the arena) and as a picture of the input's size, height x width x 3 bytes. */
xai_status xai_mosaic_make(const xai_model *model, const xai_image *const pictures[XAI_MOSAIC], xai_arena *arena,
                           xai_array *sample, uint8_t **view, xai_error *err);

/*
 * The share of the map's positive relevance in these quadrants, 0 to 1; a cell that lies across a border counts with
 * what of it lies inside. quantus.Focus, where rows and columns are even. *none (may be NULL): the map has no
 * positive relevance, and the share is 0.
 */
double xai_mosaic_focus(const float *map, int rows, int cols, unsigned quadrants, bool *none);

#endif
