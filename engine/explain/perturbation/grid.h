/*
 * Grid: the picture cut into side x side cells, each shown as much as its number says; and maps made of a number a
 * cell.
 *
 * Both follow TensorFlow's image.resize, which Xplique uses: masks grow by `nearest`, maps by `bicubic` (a = -0.5,
 * borders weighed so that they sum to 1), where TensorFlow rounds the position between two cells to 1/1024.
 */
#ifndef XAI_EXPLAIN_GRID_H
#define XAI_EXPLAIN_GRID_H

#include "explain/method.h"

enum { XAI_GRID_MAX = 22 }; /* cells a side */

typedef struct xai_grid {
    const xai_context *context;
    const float *baseline; /* what a hidden pixel shows */
    int side;
    int *rows, *columns; /* of a pixel's row or column: the cell's */
} xai_grid;

/* `baseline` and `sigma` as for xai_context_baseline. */
xai_status xai_grid_init(xai_grid *grid, xai_task *task, int side, xai_baseline baseline, double sigma, xai_error *err);

/* The input under a mask: cells[side * side], row by row. Any thread. */
void xai_grid_apply(const xai_grid *grid, const float *cells, float *input);

/* Adds `cells`, the values themselves, and `map`, the same at the input's size. */
xai_status xai_grid_add_maps(const xai_grid *grid, xai_task *task, const float *cells, xai_error *err);

#endif
