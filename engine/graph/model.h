/*
 * Model: a graph, what its sidecar says, and the program that serves most requests. Frozen and shared.
 */
#ifndef XAI_GRAPH_MODEL_H
#define XAI_GRAPH_MODEL_H

#include "budget.h"

#include <stdatomic.h>

enum { XAI_MAX_SIDE = 8192 }; /* pixels of a model's input */

/* How the scores of the model's own output lie: one cell, or for a dense output rows x cols of them. */
typedef struct xai_cells {
    int64_t classes, rows, cols;
    size_t class_stride, row_stride, col_stride;
} xai_cells;

/* What makes probabilities of the scores of one cell. */
typedef enum xai_link { XAI_LINK_SOFTMAX, XAI_LINK_SIGMOID, XAI_LINK_NONE } xai_link;

struct xai_model {
    atomic_int references;
    xai_arena *arena;
    xai_graph *graph;
    xai_program *program;   /* batch 1; keeps output, logits and default layer */
    xai_program *bf16;      /* the same in precision bf16, once somebody has asked for that */
    pthread_mutex_t lock;   /* of bf16 */
    xai_shape *shapes;      /* of every graph input, at batch 1 */
    int input_index;        /* the image's among the graph's inputs */
    xai_program *outline;   /* every output that can be computed: names and shapes alone, nothing fused; cannot run */
    const bool *channels_last; /* by the outline's value ids: 4-D tensors that are NHWC */
    const char *logits;     /* the tensor before the softmax */
    xai_cells cells;        /* of the logits */
    xai_link link;
    const char *keep[3];    /* output, logits, and the default layer if there is one */
    xai_model_info info;
    xai_model *of;          /* the model whose names, shapes and outline this one shares (reweigh.h); NULL: its own */
};

/* The tensor that a layer's name means: a tensor, a node, or "#<node index>". */
xai_status xai_model_find_layer(const xai_model *model, const char *text, const char **tensor, xai_error *err);

/* The layer that a CAM of the tensor `target` takes by default, which lies before it. */
xai_status xai_model_default_layer(const xai_model *model, const char *target, const char **tensor, xai_error *err);

/* Fails unless the tensor `target` depends on `layer`. */
xai_status xai_model_check_reaches(const xai_model *model, const char *layer, const char *target, xai_error *err);

/* Fails unless this is an output of which a target can be made. */
xai_status xai_model_find_output(const xai_model *model, const char *name, const char **tensor, xai_error *err);

/* Fails unless the tensor is a batch of spatial maps (4-D). */
xai_status xai_model_check_spatial(const xai_model *model, const char *tensor, xai_error *err);

/* The share of a forward's work that follows the layer: 0 to 1. */
double xai_model_share_after(const xai_model *model, const char *layer);

/* Whether the tensor `target` is an affine function of the layer, the rest standing still, as in pooling and a linear
 * layer: then a change of the layer moves it by gradient times change. False where nobody can tell. */
bool xai_model_affine_after(const xai_model *model, const char *layer, const char *target);

/* A program that computes `layers` too, and of which `kept` can be read after every forward. It is the model's own of
 * that precision (*owned false) where that one does already, and nothing but the logits is read. */
typedef struct xai_wants {
    xai_precision precision;
    const char *const *layers;
    size_t layer_count;
    const char *const *kept; /* beside the logits */
    size_t kept_count;
} xai_wants;
xai_status xai_model_program(xai_model *model, const xai_wants *wants, xai_program **out, bool *owned, xai_error *err);

/* The same as a plain program, which is always the caller's. */
xai_status xai_model_plain_program(xai_model *model, const xai_wants *wants, bool open_weights, xai_program **out,
                                   xai_error *err);

/* Lanes of `program` on `pool` that keep the logits: idle ones of the model's own programs, or new ones; their bytes are
 * on the lease (NULL: on none). Give them back with xai_model_return_lanes, which keeps a few for the next job. */
xai_status xai_model_borrow_lanes(xai_model *model, xai_program *program, xai_plan_mode mode, xai_pool *pool,
                                  xai_lease *lease, xai_lanes **out, xai_error *err);
void xai_model_return_lanes(xai_model *model, xai_lanes *lanes);

/* Bytes that one session of such lanes takes. */
xai_status xai_model_lane_bytes(const xai_model *model, xai_program *program, xai_plan_mode mode, int threads,
                                size_t *bytes, xai_error *err);

/* ---- between the files of this folder */

/* info.layers and info.default_layer, from the outline. */
xai_status xai_model_list_layers(xai_model *model, xai_error *err);
/* info.output_name where nobody names it: the first output that looks like class scores. */
xai_status xai_model_choose_output(xai_model *model, xai_error *err);
/* The outline and info.outputs. */
xai_status xai_model_list_outputs(xai_model *model, xai_error *err);
/* channels_last, from the outline. */
xai_status xai_model_orient(xai_model *model, xai_error *err);
/* Lets go of everything in the outline but names, shapes and edges: its constants may be as large as the weights. */
xai_status xai_model_trim_outline(xai_model *model, xai_error *err);
/* Fails if anything in the program depends on an input that is not the image. */
xai_status xai_model_check_inputs(const xai_model *model, const xai_program *program, xai_error *err);
/* Head, link, logits and their cells, classes: what the outline and the sidecar say of the output. */
xai_status xai_model_read_head(xai_model *model, const xai_model_config *config, xai_error *err);
/* A program for most requests: output, logits, default layer. `bf16` NULL: in float32. */
xai_status xai_model_build_own(xai_model *model, const struct xai_bf16 *bf16, xai_program **out, xai_error *err);
/* One of the model's warnings. */
xai_status xai_model_warn(xai_model *model, const char *text, xai_error *err);
/* info.labels and the map of names. */
xai_status xai_model_read_labels(xai_model *model, const xai_model_config *config, xai_error *err);

/* Of the model's input, in pixels. */
static inline void xai_model_input_sides(const xai_model *model, int64_t *height, int64_t *width)
{
    bool nchw = model->info.layout == XAI_LAYOUT_NCHW;
    *height = model->info.input_shape[nchw ? 2 : 1];
    *width = model->info.input_shape[nchw ? 3 : 2];
}

#endif
