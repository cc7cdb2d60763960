/* What a gate's tensor says on one picture: weights of channels, weights of positions, and statistics. */
#ifndef XAI_EXPLAIN_ATTENTION_WEIGHTS_H
#define XAI_EXPLAIN_ATTENTION_WEIGHTS_H

#include "gates.h"

typedef struct xai_gate_weights {
    float *channels;  /* a channel's mean over everything else; NULL: one channel, among many positions */
    float *positions; /* a position's mean over everything else, of self-attention as `query` says; NULL: there is one */
    int64_t query;    /* SELF: the row that is shown, the class token's; -1: the mean of all rows */
    double mean, min, max; /* of all elements */
} xai_gate_weights;

/* `data`: the tensor `gate->read` of one sample. */
xai_status xai_gate_weigh(const xai_gate *gate, const float *data, xai_arena *arena, xai_gate_weights *out,
                          xai_error *err);

/* How many maps xai_gate_heads makes: one a head, and of pooling one a channel and query. */
int64_t xai_gate_head_count(const xai_gate *gate);

/* out[heads][rows * cols] of a gate with a grid. */
void xai_gate_heads(const xai_gate *gate, const xai_gate_weights *weights, const float *data, float *out);

/* out[heads][queries][positions] of self-attention. */
void xai_gate_matrix(const xai_gate *gate, const float *data, float *out);

#endif
