/*
 * Class activation maps: what the CAM methods share.
 *
 * A method of this family is a rule. Of a layer's activations A and, where it wants them, their gradients g it makes
 * terms [channel, cell]: A weighted by channel, or a product of its own. The terms are then collapsed to one map in
 * the layer's resolution, by their sum over the channels unless the rule says otherwise. Passes, options and what
 * happens to the map afterwards are here and the same for all.
 */
#ifndef XAI_EXPLAIN_CAM_H
#define XAI_EXPLAIN_CAM_H

#include "explain/method.h"

/* The parameters of the whole family: the first member of each method's own struct, if it has one. */
typedef struct xai_cam_options {
    const char *layer;
    bool relu, eigen_smooth;
} xai_cam_options;

/* Their rows, the first ones of a method's table. */
#define XAI_CAM_PARAMS(relu_)                                                                                     \
    XAI_P_LAYER(xai_cam_options, layer,                                                                           \
                "Layer whose activations are weighed: a tensor or node with a spatial map; the last one if "      \
                "omitted."),                                                                                      \
    XAI_P_BOOL(xai_cam_options, relu, relu_,                                                                      \
               "Keep only what speaks for the target; off: evidence against it is negative.")
#define XAI_CAM_SMOOTH                                                                                            \
    XAI_P_BOOL(xai_cam_options, eigen_smooth, false,                                                              \
               "Show the first principal component of the weighted feature maps instead of their sum: less noise.")

/* What the methods of the family have in common in their xai_method. */
#define XAI_CAM_ON_GRADIENTS                                                                                      \
    .needs = XAI_NEEDS_GRADIENT | XAI_NEEDS_LAYER, .space = XAI_SPACE_LOGIT, .check = xai_cam_check,              \
    .cost = xai_cam_cost_gradient
#define XAI_CAM_ON_ACTIVATIONS                                                                                    \
    .needs = XAI_NEEDS_LAYER, .space = XAI_SPACE_LOGIT, .check = xai_cam_check, .cost = xai_cam_cost

/* One layer of one run: channel after channel, each of `area` = height x width cells. */
typedef struct xai_cam_layer {
    const xai_value *value;
    int64_t channels, height, width, area;
    const float *a; /* the activations */
    const float *g; /* d target / d a; NULL: the rule wants none */
} xai_cam_layer;

/* Terms [channels, area], which it may change, to a map[area]. */
typedef xai_status xai_cam_collapse(const xai_cam_layer *layer, float *terms, double *map, xai_error *err);

typedef struct xai_cam_rule {
    bool gradients; /* whether it looks at them */
    /* One weight a channel. NULL: there are terms instead, or the terms are A itself. */
    xai_status (*weights)(xai_task *task, const xai_cam_layer *layer, const void *params, double *weights,
                          xai_error *err);
    /* The terms of one channel. NULL: its weight times A. */
    void (*terms)(const xai_cam_layer *layer, int64_t channel, double *terms);
    xai_cam_collapse *collapse; /* NULL: the sum over the channels */
} xai_cam_rule;

/* What a method of the family does. `params` begins with xai_cam_options, `layer` is 4-D, NCHW. Runs the base forward
 * if that is still to do, and with gradients one backward. */
xai_status xai_cam_run(xai_task *task, const void *params, const xai_cam_rule *rule, xai_error *err);
xai_status xai_cam_check(const xai_model *model, const void *params, xai_error *err);
double xai_cam_cost(const xai_model *model, const void *params);          /* of rules without gradients */
double xai_cam_cost_gradient(const xai_model *model, const void *params); /* of rules with */

/* A rule's map of a layer as the base input activates it: map[area], signed. Runs what passes it takes. */
xai_status xai_cam_base(xai_task *task, const void *params, const xai_cam_rule *rule, const xai_value *value,
                        double *map, xai_error *err);

/* The same of given activations and gradients. */
xai_status xai_cam_map(xai_task *task, const void *params, const xai_cam_rule *rule, const xai_cam_layer *layer,
                       double *map, xai_error *err);

/* The first principal component of the terms, as each cell's projection on it. The sign, which is open, is such that
 * the map correlates positively with the mean activation. */
xai_cam_collapse xai_cam_component;

/* Grad-CAM before its ReLU: sums[area] = sum over channels k of mean(g_k) A_k. */
xai_status xai_task_gradcam(xai_task *task, const xai_value *layer, double *sums, xai_error *err);

#endif
