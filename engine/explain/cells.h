/*
 * Cells: what the scores of the model's own output say, cell by cell and summed up. A classifier has one cell, a
 * dense output one for every place of its map. Pure; sums run in the order of the cells, in double precision.
 */
#ifndef XAI_EXPLAIN_CELLS_H
#define XAI_EXPLAIN_CELLS_H

#include "graph/model.h"

/* One cell of one sample's scores, with what the probabilities of all its classes share. */
typedef struct xai_cell {
    const xai_model *model;
    const float *scores; /* of class 0 */
    double top, sum;     /* softmax: the largest score, and the sum of exp(score - top) */
} xai_cell;

/* Cell `index` = row * cols + col. */
xai_cell xai_cell_at(const xai_model *model, const float *logits, int64_t index);
static inline int64_t xai_cell_count(const xai_model *m) { return m->cells.rows * m->cells.cols; }

static inline double xai_cell_score(const xai_cell *cell, int64_t class_index)
{
    return (double)cell->scores[(size_t)class_index * cell->model->cells.class_stride];
}
/* By the model's link; a regression's own value. */
double xai_cell_probability(const xai_cell *cell, int64_t class_index);

/* Every class, in their order, as it is in the whole picture: list[classes], sums[2 * classes]. */
void xai_cells_predict(const xai_model *model, const float *logits, xai_prediction *list, double *sums);

#endif
