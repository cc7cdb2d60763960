/*
 * Program: a graph made concrete for given input shapes: pruned to what is wanted, constants folded, shapes known,
 * neighbours fused, weights packed. Read-only once built, shared by any number of sessions.
 */
#ifndef XAI_GRAPH_PROGRAM_H
#define XAI_GRAPH_PROGRAM_H

#include "graph.h"

#include <pthread.h>

typedef struct xai_program_spec {
    const xai_shape *shapes; /* of every graph input, concrete */
    const char *const *outputs; /* tensors that are wanted; whatever they don't need is left out */
    size_t output_count;
    const char *const *keep; /* further tensors that must exist, whatever could be fused */
    size_t keep_count;
    bool outline; /* only names and shapes: nothing is fused or packed, and the program cannot run */
    const char *const *variables; /* float initializers that sessions own and may change: they have gradients */
    size_t variable_count;
    bool open_weights; /* op.h, xai_setup; for relevance */
    bool plain;   /* nothing is fused but BatchNormalization, or reordered: as tangents and relevance know operators */
    const struct xai_bf16 *bf16; /* precision bf16 (kernels/bf16.h): products are taken in it; such a program cannot be
                                    differentiated. NULL: float32 */
} xai_program_spec;

typedef struct xai_program {
    xai_arena *arena;
    const xai_graph *graph;
    xai_value **values; /* by id */
    int value_count;
    xai_node **nodes; /* in order of execution */
    int node_count;
    xai_value **inputs; /* as in the graph; an input that nothing needs is there all the same */
    int input_count;
    xai_value **variables; /* in the order of the spec; each has a place in a session, needed or not */
    int variable_count;
    xai_names *names; /* tensor name -> xai_value, those that were folded away or fused too */
    double macs;
    bool plain, open_weights;
    const struct xai_bf16 *bf16; /* NULL: float32 */
    pthread_mutex_t lock; /* of the nodes' scratch, fast_ready and backward_ready */
} xai_program;

xai_status xai_program_build(const xai_graph *graph, const xai_program_spec *spec, xai_program **out, xai_error *err);
void xai_program_free(xai_program *program);

/* The value of this name, or NULL if this program does not hold it: pruned, folded away, fused, or held only with the
 * channels last. */
xai_value *xai_program_find(const xai_program *program, const char *name);

/* Scratch bytes a thread that these nodes need, and of all threads together; more once backward passes are prepared. */
size_t xai_program_scratch(xai_program *program, xai_node *const *nodes, int count, size_t *shared);

/* Packs what fast runs of these nodes need; for each once, on any thread. */
xai_status xai_program_prepare_fast(xai_program *program, xai_node *const *nodes, int count, xai_error *err);

/* Packs what backward passes through these nodes need; for each once, on any thread. */
xai_status xai_program_prepare_backward(xai_program *program, xai_node *const *nodes, int count, xai_error *err);

/* ---- between the files of this folder */

/* Fuses Pad + Conv, Conv + BatchNormalization, Conv + Relu/Clip where no kept value is lost; in a plain program the
 * second alone. `kept` by value id. */
xai_status xai_program_fuse(xai_program *program, const bool *kept, xai_error *err);

/* Folds BatchNormalization into other products with weights, where no kept value is lost; for open weights. */
xai_status xai_program_fold(xai_program *program, const bool *kept, xai_error *err);

/* Says which tensors lie channels last, and puts Reorder nodes between the orders; after fusion. `kept` by value id. */
xai_status xai_program_lay_out(xai_program *program, const bool *kept, xai_error *err);

/* Whether the value depends on what the program is run on. */
static inline bool xai_value_runs(const xai_value *v) { return v && !v->constant; }

/* moves[value_count]: the reals that a change of the inputs reaches by way of reals. */
void xai_program_moves(const xai_program *program, bool *moves);

/* Whether the node hands a change on, from a real that moves to one that does. */
bool xai_node_hands_on(const xai_node *node, const bool *moves);

#endif
