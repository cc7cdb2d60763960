/* Scores of classes, cell by cell. */
#include "cells.h"

#include <math.h>

xai_cell xai_cell_at(const xai_model *m, const float *logits, int64_t index)
{
    const xai_cells *c = &m->cells;
    size_t row = (size_t)(index / c->cols), col = (size_t)(index % c->cols);
    xai_cell cell = {m, logits + row * c->row_stride + col * c->col_stride, -INFINITY, 0};
    if (m->link != XAI_LINK_SOFTMAX) return cell;
    for (int64_t k = 0; k < c->classes; k++) cell.top = fmax(cell.top, xai_cell_score(&cell, k));
    for (int64_t k = 0; k < c->classes; k++) cell.sum += exp(xai_cell_score(&cell, k) - cell.top);
    return cell;
}

double xai_cell_probability(const xai_cell *cell, int64_t class_index)
{
    double score = xai_cell_score(cell, class_index);
    switch (cell->model->link) {
    case XAI_LINK_SOFTMAX: return exp(score - cell->top) / cell->sum;
    case XAI_LINK_SIGMOID: return 1 / (1 + exp(-score));
    case XAI_LINK_NONE: break;
    }
    return score;
}

/* The class whose cell this is: the best, or of one class alone whether it is more likely than not. -1: none. */
static int64_t winner(const xai_cell *cell)
{
    int64_t n = cell->model->cells.classes, best = 0;
    if (n == 1) return xai_cell_score(cell, 0) > 0 ? 0 : -1;
    for (int64_t k = 1; k < n; k++)
        if (xai_cell_score(cell, k) > xai_cell_score(cell, best)) best = k;
    return best;
}

void xai_cells_predict(const xai_model *m, const float *logits, xai_prediction *list, double *sums)
{
    int64_t classes = m->cells.classes, count = xai_cell_count(m);
    double *probabilities = sums + classes;
    for (int64_t k = 0; k < classes; k++) {
        list[k] = (xai_prediction){.class_index = k, .name = m->info.labels[k]};
        sums[k] = probabilities[k] = 0;
    }
    for (int64_t i = 0; i < count; i++) {
        xai_cell cell = xai_cell_at(m, logits, i);
        int64_t best = winner(&cell);
        if (best >= 0) list[best].share += 1;
        for (int64_t k = 0; k < classes; k++) {
            sums[k] += xai_cell_score(&cell, k);
            probabilities[k] += xai_cell_probability(&cell, k);
        }
    }
    for (int64_t k = 0; k < classes; k++) {
        list[k].logit = (float)(sums[k] / (double)count);
        list[k].probability = (float)(probabilities[k] / (double)count);
        list[k].share /= (float)count; /* whole numbers below 2^24, or as near as that */
    }
}
