/*
 * Facts about the tensors of a graph that hold whatever the picture: between which bounds the values lie, whether
 * they are shares of a whole, and of which one tensor they are a function element by element.
 *
 * From these a gate is known without knowing how an exporter spelt it: HardSigmoid, Clip (x + 3, 0, 6) / 6 and
 * 1 / (1 + exp (-x)) lie in [0, 1] alike; and SiLU, hard swish and GELU multiply a tensor by a function of itself.
 */
#ifndef XAI_EXPLAIN_ATTENTION_FACTS_H
#define XAI_EXPLAIN_ATTENTION_FACTS_H

#include "graph/model.h"

typedef struct xai_fact {
    double low, high; /* every value lies between them; infinite: nothing is known */
    bool shares;      /* not negative, and along some axes their sum is 1: a softmax, however it is written */
    int root;         /* id of the tensor of which every element is a function of the element at its place alone */
} xai_fact;

typedef struct xai_facts {
    const xai_model *model;
    const xai_program *outline;
    const xai_node **maker; /* by id of the outline's values; NULL: an input */
    xai_fact *of;           /* the same */
    bool *mark;             /* the same; free for whoever walks */
} xai_facts;

xai_status xai_facts_find(const xai_model *model, xai_arena *arena, xai_facts *out, xai_error *err);

/* The node as the file has it: with its attributes and the names of its constant inputs, which the outline lacks. */
const xai_graph_node *xai_facts_written(const xai_facts *facts, const xai_node *node);

/* Bounds of input k, if it is a constant that can be known. */
bool xai_facts_constant(const xai_facts *facts, const xai_node *node, int k, double *low, double *high);

/* The elements of input k, a constant list of integers: how many; 0: it is none, or longer than `room`. */
size_t xai_facts_constants(const xai_facts *facts, const xai_node *node, int k, int64_t *out, size_t room);

/* What a node does to the elements of in[at]: moves them at most (their order in memory kept or not), or computes each
 * anew from itself and constants. */
typedef enum xai_pass { XAI_PASS_NONE, XAI_PASS_VIEW, XAI_PASS_TURN, XAI_PASS_COMPUTE, XAI_PASS_RESIZE } xai_pass;

/* How the node's output comes from one of its inputs alone, and from which: in[*at]. */
xai_pass xai_facts_pass(const xai_facts *facts, const xai_node *node, int *at);

static inline bool xai_in_unit(const xai_fact *f) { return f->low >= -1e-6 && f->high <= 1 + 1e-4; }

#endif
