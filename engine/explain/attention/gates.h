/*
 * Gates: the places where a network weighs its own features, found in its graph.
 *
 * A gate is a tensor that depends on the picture, lies in [0, 1] whatever the picture (a sigmoid, a hard sigmoid, a
 * softmax, however the exporter spelt them), and is multiplied into another tensor: element by element, perhaps behind
 * Reshape, Unsqueeze, Expand, Transpose or Resize, or as the weights of a sum (MatMul, Gemm, Einsum). A product of a
 * tensor with a function of itself, element by element, is an activation (SiLU, hard swish, GELU) and no gate.
 */
#ifndef XAI_EXPLAIN_ATTENTION_GATES_H
#define XAI_EXPLAIN_ATTENTION_GATES_H

#include "facts.h"

typedef enum xai_gate_kind {
    XAI_GATE_CHANNEL, /* one weight a channel: squeeze-excitation, the channel gate of CBAM */
    XAI_GATE_SPATIAL, /* one weight a position: the spatial gate of CBAM, the gates of Attention U-Net */
    XAI_GATE_ELEMENT, /* one a channel and position */
    XAI_GATE_POOLING, /* shares by which positions are summed up */
    XAI_GATE_SELF,    /* shares by which each position sums up the others: MatMul, Softmax, MatMul */
    XAI_GATE_KINDS
} xai_gate_kind;

const char *xai_gate_kind_name(xai_gate_kind kind); /* "squeeze-excitation", "spatial", ... */

/* What an axis of a gate counts. */
typedef enum xai_axis { XAI_AXIS_HEAD, XAI_AXIS_QUERY, XAI_AXIS_CHANNEL, XAI_AXIS_POSITION, XAI_AXIS_KINDS } xai_axis;

typedef struct xai_gate {
    const char *tensor; /* whose values they are: the first that lies in [0, 1] */
    const char *read;   /* a tensor with the same values, in the order that `shape` says */
    const char *gated;  /* what they are multiplied into */
    int order;          /* of execution */
    xai_gate_kind kind;
    xai_shape shape;
    xai_axis axes[XAI_MAX_RANK];
    int64_t size[XAI_AXIS_KINDS]; /* how many elements the axes of each kind span */
    int64_t lead, rows, cols; /* the positions are `lead` tokens, then rows x cols over the picture; 0 x 0: not known */
} xai_gate;

/* All of the model, in network order, in the arena. */
xai_status xai_gates_find(const xai_model *model, xai_arena *arena, xai_gate **out, size_t *count, xai_error *err);

/* ---- between the files of this folder */

/* A product in which a tensor that may be a gate takes part. */
typedef struct xai_product {
    const xai_facts *facts;
    const xai_node *node;   /* Mul, MatMul, Gemm, Einsum */
    int side;               /* which of its inputs the gate is */
    const xai_value *shown; /* the gate's elements in the gate's order, as near to the product as they come unwidened */
    bool widened;           /* between there and the product it is enlarged */
    bool shares;            /* of a whole */
} xai_product;

/* Fills kind, shape, axes, sizes and grid; false if the product is none of those that can be told apart. */
bool xai_gate_measure(const xai_product *product, xai_gate *gate);

#endif
