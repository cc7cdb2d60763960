/*
 * Model: a graph, what its sidecar says, and the program that serves most requests. Frozen and shared.
 */
#ifndef XAI_GRAPH_MODEL_H
#define XAI_GRAPH_MODEL_H

#include "budget.h"

#include <stdatomic.h>

enum { XAI_MAX_SIDE = 8192 }; /* pixels of a model's input */

struct xai_model {
    atomic_int references;
    xai_arena *arena;
    xai_graph *graph;
    xai_program *program;   /* batch 1; keeps output, logits and default layer */
    xai_shape *shapes;      /* of every graph input, at batch 1 */
    int input_index;        /* the image's among the graph's inputs */
    const char *logits;     /* the tensor before the softmax */
    xai_model_info info;
};

/* The tensor that a layer's name means: a tensor, a node, or "#<node index>". NULL text: the default layer. */
xai_status xai_model_find_layer(const xai_model *model, const char *text, const char **tensor, xai_error *err);

/* Fails unless the tensor is a batch of spatial maps (4-D). */
xai_status xai_model_check_spatial(const xai_model *model, const char *tensor, xai_error *err);

/* A program that computes `tensors` too. It is the model's own (*owned false) where that one does already. */
xai_status xai_model_program(xai_model *model, const char *const *tensors, size_t count, xai_program **out,
                             bool *owned, xai_error *err);

/* Lanes of `program` on `pool` that keep the logits: idle ones of the model's own program, or new ones; their bytes are
 * on the lease (NULL: on none). Give them back with xai_model_return_lanes, which keeps a few for the next job. */
xai_status xai_model_borrow_lanes(xai_model *model, xai_program *program, xai_plan_mode mode, xai_pool *pool,
                                  xai_lease *lease, xai_lanes **out, xai_error *err);
void xai_model_return_lanes(xai_model *model, xai_lanes *lanes);

/* Bytes that one session of such lanes takes. */
xai_status xai_model_lane_bytes(const xai_model *model, xai_program *program, xai_plan_mode mode, int threads,
                                size_t *bytes, xai_error *err);

/* ---- between the files of this folder */

/* info.layers and info.default_layer, from the graph as it is in the file. */
xai_status xai_model_list_layers(xai_model *model, xai_error *err);
/* info.labels and the map of names. */
xai_status xai_model_read_labels(xai_model *model, const xai_model_config *config, xai_error *err);

#endif
