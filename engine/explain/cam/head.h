/* The head that CAM in its first form needs: a global average over the layer, and linear operators behind it. */
#ifndef XAI_EXPLAIN_CAM_HEAD_H
#define XAI_EXPLAIN_CAM_HEAD_H

#include "cam.h"

/* Fails unless the target is a linear function of the layer's channel means, and says which node is in the way. */
xai_status xai_cam_check_head(const xai_model *model, const void *params, const xai_target *target, xai_error *err);

/* The same for any of the model's layers and outputs: what it must have for the method at all. */
xai_status xai_cam_find_head(const xai_model *model, xai_error *err);

/* The rule: w_k = d target / d mean(A_k), which is the head's own weight. Its gradients are the same in all cells. */
extern const xai_cam_rule xai_cam_head_rule;

#endif
