/* From a map to an order of patches. Pure. */
#include "heat_order.h"

#include "image/upsample.h"

#include <math.h>

static double mean_under(const xai_regions *regions, int region, const float *full, float *line)
{
    double sum = 0, weights = 0;
    xai_mask mask = xai_mask_with((xai_mask){{0}}, region);
    for (int y = 0; y < regions->height; y++) {
        xai_regions_line(regions, mask, y, line);
        for (int x = 0; x < regions->width; x++) {
            sum += (double)line[x] * (double)full[(size_t)y * (size_t)regions->width + (size_t)x];
            weights += (double)line[x];
        }
    }
    return sum / weights;
}

xai_status xai_heat_order(const float *map, int rows, int cols, const xai_regions *regions, xai_arena *arena, int *order,
                          xai_error *err)
{
    float *full = XAI_NEW(arena, float, (size_t)regions->height * (size_t)regions->width);
    float *line = XAI_NEW(arena, float, (size_t)regions->width);
    double *heat = XAI_NEW(arena, double, (size_t)regions->count);
    if (!full || !line || !heat) XAI_NO_MEMORY(err);
    xai_upsample_bilinear(map, rows, cols, full, regions->height, regions->width, false);
    for (int i = 0; i < regions->count; i++) {
        double h = mean_under(regions, i, full, line);
        heat[i] = isfinite(h) ? h : -INFINITY;
        int at = i;
        for (; at > 0 && heat[order[at - 1]] < heat[i]; at--) order[at] = order[at - 1];
        order[at] = i;
    }
    return XAI_OK;
}
