/*
 * Reweigh: a model with other weights. The layers of a graph that multiply by weights, from the input upwards; and a
 * model that is another one in everything but some of them. For sanity checks that ask whether an explanation depends
 * on the network at all.
 */
#ifndef XAI_GRAPH_REWEIGH_H
#define XAI_GRAPH_REWEIGH_H

#include "model.h"

/* What one layer (Conv, ConvTranspose, Gemm, MatMul) multiplies by. Biases and normalisations are not among them. */
typedef struct xai_weight {
    const char *name, *bias;     /* of the tensors in the graph; bias NULL: the layer has none that is constant */
    const char *layer;           /* of the tensor that the layer makes */
    const xai_tensor *tensor, *bias_tensor; /* float32 */
    int64_t fan_in;              /* inputs that one output is a sum of */
} xai_weight;

/* The weights that the scores depend on, in the order of the graph, a tensor that several layers use once, where it
 * is first used. Those held in another type than float32 are left out. */
xai_status xai_model_weights(const xai_model *model, xai_arena *arena, xai_weight **out, size_t *count, xai_error *err);

typedef struct xai_new_weight {
    const char *name;         /* a weight's or bias's */
    const xai_tensor *tensor; /* of its shape; must live as long as the new model */
} xai_new_weight;

/* The model with these tensors in place of its own: its program is built anew, everything else is shared, and the
 * first model lives as long as this one does. End it with xai_model_unref. */
xai_status xai_model_reweigh(xai_model *model, const xai_new_weight *weights, size_t count, xai_model **out,
                             xai_error *err);

/* How xai_weight_redraw makes new numbers. */
typedef enum xai_redraw {
    XAI_REDRAW_SHUFFLE, /* the tensor's own, in another order; biases stay */
    XAI_REDRAW_UNIFORM  /* uniform within +-1 / sqrt(fan_in), biases too: PyTorch's reset_parameters */
} xai_redraw;

/* Fills `weight`, and `bias` if it is not NULL, of the shapes of the layer `index` of the list, by (seed, index). */
void xai_weight_redraw(const xai_weight *layer, size_t index, xai_redraw how, uint64_t seed, xai_tensor *weight,
                       xai_tensor *bias);

#endif
