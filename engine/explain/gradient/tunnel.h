/*
 * Tunnel: noise around a method that has a way of its own from a picture to its attributions. The method tells how it
 * explains one picture; with `noise` it is asked about noisy ones instead, one after the other, and what it says of
 * each element, its magnitude with `absolute`, is folded (attribution.h has the folds). Captum's NoiseTunnel. Methods
 * whose samples are gradients alone have the same in attribution.h, where samples share the lanes.
 */
#ifndef XAI_EXPLAIN_TUNNEL_H
#define XAI_EXPLAIN_TUNNEL_H

#include "attribution.h"

/* Explains one picture: out[count], whole. `input` is the context's own where there is no noise. What it allocates in
 * the task's arena it allocates once. */
typedef xai_status xai_attribute_fn(void *user, const float *input, double *out, xai_error *err);

/* out[count]: the attributions of the picture, or those of noisy pictures, folded. A deadline after the first noisy
 * picture makes a partial result. */
xai_status xai_tunnel_run(xai_task *task, const xai_gradient_params *params, xai_attribute_fn *attribute, void *user,
                          double *out, size_t count, xai_error *err);

/* Forward-equivalents, where one picture takes `one` beside the base forward. */
double xai_tunnel_cost(const xai_gradient_params *params, double one);

#endif
