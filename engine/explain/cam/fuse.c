/* Maps become one: see fuse.h. Pure; sums run in the order of layers and variants. */
#include "fuse.h"

#include "image/upsample.h"

#include <math.h>
#include <stdlib.h>

#define LEAST 1e-7 /* keeps a map that is the same everywhere from being divided by nothing: it becomes 0 */

static size_t size_of(const xai_cam_canvas *c) { return (size_t)c->height * (size_t)c->width; }

xai_status xai_cam_canvas_init(xai_cam_canvas *c, int height, int width, xai_cam_fusion fusion, xai_error *err)
{
    *c = (xai_cam_canvas){.height = height, .width = width, .fusion = fusion};
    c->one = calloc(size_of(c), sizeof(float));
    c->fused = calloc(size_of(c), sizeof(float));
    c->sum = calloc(size_of(c), sizeof(float));
    if (!c->one || !c->fused || !c->sum) XAI_NO_MEMORY(err);
    return XAI_OK;
}

void xai_cam_canvas_deinit(xai_cam_canvas *c)
{
    free(c->one);
    free(c->fused);
    free(c->sum);
}

/* From 0 to 1. */
static void scale(float *map, size_t n)
{
    float low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        low = fminf(low, map[i]);
        high = fmaxf(high, map[i]);
    }
    double span = (double)high - (double)low + LEAST;
    for (size_t i = 0; i < n; i++) map[i] = (float)(((double)map[i] - (double)low) / span);
}

static float join(xai_cam_fusion fusion, float so_far, float next)
{
    switch (fusion) {
    case XAI_CAM_MAX: return fmaxf(so_far, next);
    case XAI_CAM_PRODUCT: return so_far * next;
    case XAI_CAM_MEAN: break;
    }
    return so_far + next;
}

void xai_cam_canvas_add(xai_cam_canvas *c, float *map, const xai_cam_layer *layer)
{
    size_t n = size_of(c);
    for (int64_t i = 0; i < layer->area; i++) map[i] = fmaxf(map[i], 0);
    scale(map, (size_t)layer->area);
    xai_upsample_bilinear(map, (int)layer->height, (int)layer->width, c->one, c->height, c->width, false);
    if (c->fusion == XAI_CAM_PRODUCT) scale(c->one, n); /* its factors are whole results */
    for (size_t i = 0; i < n; i++) c->fused[i] = c->layers ? join(c->fusion, c->fused[i], c->one[i]) : c->one[i];
    c->layers++;
}

void xai_cam_canvas_end(xai_cam_canvas *c, bool mirrored)
{
    size_t n = size_of(c), width = (size_t)c->width;
    float share = c->fusion == XAI_CAM_MEAN ? 1 / (float)c->layers : 1;
    for (size_t i = 0; i < n; i++) c->fused[i] *= share;
    scale(c->fused, n);
    for (size_t i = 0; i < n; i++) {
        size_t x = i % width;
        c->sum[i] += c->fused[mirrored ? i - x + width - 1 - x : i];
    }
    c->variants++;
    c->layers = 0;
}

void xai_cam_canvas_result(const xai_cam_canvas *c, float *map)
{
    for (size_t i = 0; i < size_of(c); i++) map[i] = c->sum[i] / (float)c->variants;
}
