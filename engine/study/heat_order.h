/* Patches in the order of a heat map: how well they explain is what a search for sets is compared with. */
#ifndef XAI_STUDY_HEAT_ORDER_H
#define XAI_STUDY_HEAT_ORDER_H

#include "explain/sag/regions.h"

/*
 * The regions by the mean of the map under each, weighted as the region shows the picture; the highest first, ties by
 * index. `map` is rows x cols and covers the picture; it is resampled bilinearly. order[regions->count].
 */
xai_status xai_heat_order(const float *map, int rows, int cols, const xai_regions *regions, xai_arena *arena, int *order,
                          xai_error *err);

#endif
