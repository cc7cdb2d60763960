/*
 * Target: what is explained, as a number and as a gradient. Every method asks through an aim, which is a target
 * resolved against a model: the tensor that it is made of, and how. So a new kind is served by all methods at once.
 */
#ifndef XAI_EXPLAIN_TARGET_H
#define XAI_EXPLAIN_TARGET_H

#include "context.h"

typedef struct xai_aim {
    const xai_model *model;
    xai_target target;      /* class and space filled in */
    const xai_value *value; /* of the program: the tensor that the target is a number of */
    const float *shares;    /* CLASS, BOX, MASK: of every cell what counts, 0 to 1 */
    double total;           /* the sum of the shares */
    size_t first, count;    /* NEURON, OUTPUT: the elements that are summed */
    double scale;           /* of value and gradient: 1, or what the method sets */
} xai_aim;

/* Checks a target before anything runs: "target.<member>" in err->where. Makes its tensor's name the graph's own. */
xai_status xai_target_check(const xai_model *model, xai_target *target, xai_error *err);

/* The tensor of a checked target. */
const char *xai_target_tensor(const xai_model *model, const xai_target *target);

/* The space in which a method sees a checked target, if its own is `usual`. */
xai_space xai_target_space(const xai_model *model, const xai_target *target, xai_space usual);

/* Whether the target can be a probability: of a class, whole or inside a box or mask. If not, the error says why. */
xai_status xai_target_check_probability(const xai_model *model, const xai_target *target, xai_error *err);

/* "espresso", "conv5[12] at 3,4", "steering[0]". In the arena, or the model's. */
xai_status xai_target_name(const xai_model *model, const xai_target *target, xai_arena *arena, const char **out,
                           xai_error *err);

/* Of a checked target; class and space may still be open. The context's program computes its tensor. */
xai_status xai_aim_init(xai_aim *aim, const xai_context *context, const xai_target *target, xai_error *err);

/* The target's value from its tensor's data of one sample. */
double xai_aim_value(const xai_aim *aim, const float *data);

/* seed += d value / d data; `data` as for xai_aim_value. */
void xai_aim_add_seed(const xai_aim *aim, const float *data, float *seed);

/* parts += what the value is the sum of, each part at the element that it is read from: a score's own number, or the
 * probability that its class has; what is spoken against counts negative. Where relevance starts. */
void xai_aim_add_parts(const xai_aim *aim, const float *data, float *parts);

/* ---- classes, as seen through the target's cells: CLASS, BOX and MASK alone */

/* The class with the highest score; of equal ones the first. */
int64_t xai_aim_top_class(const xai_aim *aim, const float *logits);

/* The best classes, by their mean score over the target's cells. */
void xai_aim_rank(const xai_aim *aim, const float *logits, xai_prediction *top, size_t room);

#endif
