/*
 * Fuse: maps of several layers, and of several variants of the picture, made one in the resolution of the model's
 * input. As pytorch-grad-cam makes what it returns: of each map the positive part, from 0 to 1, resized bilinearly with
 * half-pixel centres; their mean (or largest, or product), from 0 to 1 again; of variants the mean of that.
 */
#ifndef XAI_EXPLAIN_CAM_FUSE_H
#define XAI_EXPLAIN_CAM_FUSE_H

#include "cam.h"

typedef struct xai_cam_canvas {
    int height, width;
    xai_cam_fusion fusion;
    float *one, *fused; /* height * width: a layer's, and what the layers so far give */
    float *sum;         /* of the variants so far */
    size_t layers, variants;
} xai_cam_canvas;

xai_status xai_cam_canvas_init(xai_cam_canvas *canvas, int height, int width, xai_cam_fusion fusion, xai_error *err);
void xai_cam_canvas_deinit(xai_cam_canvas *canvas);

/* The next layer's map, of the variant that is begun; changes it. */
void xai_cam_canvas_add(xai_cam_canvas *canvas, float *map, const xai_cam_layer *layer);

/* Ends a variant; `mirrored`: left and right are changed over. */
void xai_cam_canvas_end(xai_cam_canvas *canvas, bool mirrored);

/* The mean of the variants. */
void xai_cam_canvas_result(const xai_cam_canvas *canvas, float *map);

#endif
