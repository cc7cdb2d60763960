/* Multipliers: what the walk (multipliers.c) and the rules (multipliers_rules.c) share. */
#ifndef XAI_GRAPH_MULTIPLIERS_INSIDE_H
#define XAI_GRAPH_MULTIPLIERS_INSIDE_H

#include "multipliers.h"
#include "session_inside.h"

#define XAI_SMALL_STEP 1e-10F

struct xai_multiplier_room {
    xai_stage *stage;
    float *out[2];   /* like its outputs: the largest of any node */
    float *in[3];    /* like all float inputs of a node together */
    int64_t *places; /* like the output of the largest MaxPool */
};

/* One node of the pass. */
typedef struct xai_difference {
    const xai_node *node;
    const xai_exec *exec;         /* grads: multipliers */
    void *const *reference;       /* data by value id */
    struct xai_multiplier_room *room;
} xai_difference;

/* Each adds to the multipliers of the inputs. */
void xai_multiply_elements(const xai_difference *d, int moving);
void xai_multiply_product(const xai_difference *d);
void xai_multiply_quotient(const xai_difference *d);
void xai_multiply_choice(const xai_difference *d, bool smallest);
void xai_multiply_max_pool_captum(const xai_difference *d);
void xai_multiply_softmax(const xai_difference *d, bool complete);

#endif
