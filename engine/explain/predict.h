/* Predictions: what the model says of the unperturbed input. */
#ifndef XAI_EXPLAIN_PREDICT_H
#define XAI_EXPLAIN_PREDICT_H

#include "context.h"

/*
 * The first `top` (0: 5) predictions after the base forward, into the result: classes with the highest logits; of a
 * dense output those with the most cells, then the highest mean logits; of a regression all in the model's order.
 */
xai_status xai_context_predict(const xai_context *context, int top, xai_result *result, xai_error *err);

/* The class of the first of them. */
xai_status xai_context_top_class(const xai_context *context, int64_t *class_index, xai_error *err);

#endif
