/* Class activation maps: what the CAM methods share. */
#ifndef XAI_EXPLAIN_CAM_H
#define XAI_EXPLAIN_CAM_H

#include "explain/method.h"

/*
 * Grad-CAM before its ReLU, in the layer's own resolution: sums[h * w] = sum over channels k of mean(g_k) A_k, with
 * g = d target / d A. `layer` is 4-D, NCHW. Runs the base forward if that is still to do, and one backward.
 */
xai_status xai_task_gradcam(xai_task *task, const xai_value *layer, double *sums, xai_error *err);

#endif
