/*
 * Yardsticks: maps that know nothing of the model, so that a grade means something.
 *
 * Random maps are independent uniform numbers on the rows and columns that the graded map has, resampled to the
 * input as it is: what the method's resolution earns by itself is in them too. Edges are the Sobel magnitude of the
 * input's mean over the channels, at full resolution, the border repeated.
 */
#ifndef XAI_METRICS_YARDSTICK_H
#define XAI_METRICS_YARDSTICK_H

#include "metric.h"

/* Random map `index` of the seed: raw[rows * cols]. */
void xai_yardstick_random(uint64_t seed, size_t index, int rows, int cols, float *raw);

/* edges[height * width of the input]. */
void xai_yardstick_edges(const xai_context *context, float *edges);

#endif
