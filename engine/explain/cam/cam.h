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

/* How maps of several layers become one. */
typedef enum xai_cam_fusion { XAI_CAM_MEAN, XAI_CAM_MAX, XAI_CAM_PRODUCT } xai_cam_fusion;

/* The parameters of the whole family: the first member of each method's own struct, if it has one. */
typedef struct xai_cam_options {
    const char *layer;
    xai_layer_list layers;
    int fusion;
    bool relu, eigen_smooth, aug_smooth;
} xai_cam_options;

/* Their rows, the first ones of a method's table. A method without a row has that option's zero. */
#define XAI_CAM_PARAMS(relu_)                                                                                     \
    XAI_P_LAYER(xai_cam_options, layer,                                                                           \
                "Layer whose activations are weighed: a tensor or node with a spatial map; the last one if "      \
                "omitted."),                                                                                      \
    XAI_P_BOOL(xai_cam_options, relu, relu_,                                                                      \
               "Keep only what speaks for the target; off: evidence against it is negative. Always on where maps "\
               "are fused.")
#define XAI_CAM_SMOOTH                                                                                            \
    XAI_P_BOOL(xai_cam_options, eigen_smooth, false,                                                              \
               "Show the first principal component of the weighted feature maps instead of their sum: less noise.")
#define XAI_CAM_FUSE_LAYERS                                                                                              \
    XAI_P_LAYERS(xai_cam_options, layers,                                                                         \
                 "Several layers instead of one: their maps, each scaled to 0 to 1 and resized to the model's "   \
                 "input, become one."),                                                                           \
    XAI_P_ENUM(xai_cam_options, fusion, XAI_CAM_MEAN, "mean|max", "How the maps of several layers become one.")
#define XAI_CAM_AUGMENT                                                                                           \
    XAI_P_BOOL(xai_cam_options, aug_smooth, false,                                                                \
               "Average over the picture and its mirror image, each darker, as it is, and brighter: smoother, "   \
               "and six times the work.")
#define XAI_CAM_FUSE XAI_CAM_FUSE_LAYERS, XAI_CAM_AUGMENT

/* What the methods of the family have in common in their xai_method. */
#define XAI_CAM_ON_GRADIENTS(check_)                                                                                   \
    .needs = XAI_NEEDS_GRADIENT | XAI_NEEDS_LAYER, .space = XAI_SPACE_LOGIT, .check = (check_),                   \
    .cost = xai_cam_cost_gradient
#define XAI_CAM_ON_ACTIVATIONS(check_)                                                                                 \
    .needs = XAI_NEEDS_LAYER, .space = XAI_SPACE_LOGIT, .check = (check_), .cost = xai_cam_cost

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
    /* d target / d the aim's tensor at the base input, where the rule has a target of its own. NULL: the aim's. */
    xai_status (*seed)(xai_task *task, const void *params, float *seed, xai_error *err);
    /* One weight a channel. NULL: there are terms instead, or the terms are A itself. */
    xai_status (*weights)(xai_task *task, const xai_cam_layer *layer, const void *params, double *weights,
                          xai_error *err);
    /* The terms of one channel. NULL: its weight times A. */
    void (*terms)(const xai_cam_layer *layer, int64_t channel, double *terms);
    xai_cam_collapse *collapse; /* NULL: the sum over the channels */
    /* The map itself, map[area], where it is not made of terms; all of the above is NULL then. */
    xai_status (*map)(xai_task *task, const xai_cam_layer *layer, const void *params, double *map, xai_error *err);
    bool product;               /* layers are multiplied, whatever the option says */
} xai_cam_rule;

/*
 * What a method of the family does. `params` begins with xai_cam_options; layers are 4-D, NCHW. Runs the base forward
 * if that is still to do, and with gradients one backward for all layers.
 *
 * One layer gives its rule's map as it is, in the layer's resolution. Several layers, or aug_smooth, give what
 * pytorch-grad-cam returns, in the resolution of the model's input and from 0 to 1 (fuse.h).
 */
xai_status xai_cam_run(xai_task *task, const void *params, const xai_cam_rule *rule, xai_error *err);
xai_status xai_cam_check(const xai_model *model, const void *params, xai_error *err);
double xai_cam_cost(const xai_model *model, const void *params);          /* of rules without gradients */
double xai_cam_cost_gradient(const xai_model *model, const void *params); /* of rules with */
/* Of any rule, which takes `more` forward-equivalents for a picture beside the base forward. */
double xai_cam_cost_with(const xai_cam_options *options, double more);

/* The layers that the options name: several, or the one. */
xai_layer_list xai_cam_layers(const xai_cam_options *options);

/* A rule's map of a layer as the base input activates it: map[area], signed. Runs what passes it takes. */
xai_status xai_cam_base(xai_task *task, const void *params, const xai_cam_rule *rule, const xai_value *value,
                        double *map, xai_error *err);

/* The same of a layer whose activations and gradients are given. */
xai_status xai_cam_map(xai_task *task, const void *params, const xai_cam_rule *rule, const xai_cam_layer *layer,
                       double *map, xai_error *err);

/* The first principal component of the terms, as each cell's projection on it. The sign, which is open, is such that
 * the map correlates positively with the mean activation. */
xai_cam_collapse xai_cam_component;

/* Every channel's terms less their mean over the cells. */
void xai_cam_centre(const xai_cam_layer *layer, float *terms);

/* Rules that other methods rest on. */
extern const xai_cam_rule xai_cam_gradcam_rule, xai_cam_gradcampp_rule;

/* Grad-CAM before its ReLU: sums[area] = sum over channels k of mean(g_k) A_k. */
xai_status xai_task_gradcam(xai_task *task, const xai_value *layer, double *sums, xai_error *err);

#endif
