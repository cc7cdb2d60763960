/*
 * RISE's random masks: s x s Bernoulli grids, upsampled bilinearly to (s + 1) cells a side and cropped at a random
 * offset of less than a cell, so that every pixel is kept with probability p.
 *
 * Petsiuk, Das and Saenko, "RISE", BMVC 2018, arXiv 1806.07421, section 3.2. Edges are mirrored about the border
 * sample's centre, as the authors' call of skimage does. A mask is never stored whole: rows are made when needed.
 */
#ifndef XAI_EXPLAIN_RISE_MASKS_H
#define XAI_EXPLAIN_RISE_MASKS_H

#include "explain/method.h"

typedef struct xai_rise_axis { /* bilinear weights along one side */
    int length, cell;
    int *low, *high;  /* grid lines on both sides of upsampled position u */
    float *weight;    /* of `high` */
} xai_rise_axis;

typedef struct xai_rise_masks {
    size_t count;
    int grid; /* s */
    xai_rise_axis rows, columns;
    float *grids;   /* count x s x s of 0 and 1 */
    float *offsets; /* count x 2: row, column; whole numbers */
    float *given;   /* count x height x width: masks from a file, in place of grids; or NULL */
} xai_rise_masks;

enum { XAI_RISE_GRID_MAX = 64 };

/* Draws `count` masks for height x width pixels from the task's seed, or replays the task's draws: masks.npy
 * (count, height, width), or grids.npy (count, s, s) with offsets.npy (count, 2). Emits the latter two, and the masks
 * while they fit in 1 GiB. */
xai_status xai_rise_masks_init(xai_rise_masks *masks, xai_task *task, size_t count, int grid, double p,
                               xai_error *err);

/* Row y of mask `index`: out[width]. */
void xai_rise_masks_row(const xai_rise_masks *masks, size_t index, int y, float *out);

#endif
