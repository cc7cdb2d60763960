/*
 * Graph: an ONNX file as read, frozen. Names are still text and shapes may be unknown; program.h makes it runnable.
 */
#ifndef XAI_GRAPH_GRAPH_H
#define XAI_GRAPH_GRAPH_H

#include "base/names.h"
#include "ops/op.h"

typedef struct xai_graph_node {
    int index; /* position in the file */
    const char *type, *domain, *name;
    const char **in; /* "" : an optional input that is absent */
    int in_count;
    const char **out;
    int out_count;
    xai_attr *attrs;
    size_t attr_count;
} xai_graph_node;

typedef struct xai_graph_input {
    const char *name;
    xai_dtype dtype;
    xai_shape shape; /* -1: not fixed by the file */
} xai_graph_input;

typedef struct xai_graph {
    xai_arena *arena;
    xai_graph_node *nodes; /* each after those that make its inputs */
    size_t node_count;
    xai_graph_input *inputs; /* without those that have an initializer */
    size_t input_count;
    const char **outputs;
    size_t output_count;
    xai_names *constants;   /* name -> xai_tensor */
    xai_names *makers;      /* tensor name -> xai_graph_node that makes it */
    xai_names *input_names; /* name -> xai_graph_input */
    xai_names *functions;   /* names of the functions that the file defines itself -> not NULL; none is called */
    int64_t parameters;   /* elements of all float initializers */
    int opset;            /* of the default domain */
    const char *producer;
    char sha256[65];      /* of all that decides the numbers: the file, then its external data in tensor order */
    char file_sha256[65]; /* of the file alone; the same where it has no external data */
} xai_graph;

/* Reads F.onnx and its external data. Every claim of the file is checked: sizes, order, names, paths. */
xai_status xai_graph_load(const char *path, xai_graph **out, xai_error *err);
/* The same from memory, without external data; `where` names the bytes in messages. */
xai_status xai_graph_parse(const void *bytes, size_t size, const char *where, xai_graph **out, xai_error *err);
/* The same from the bytes of the file `path`, beside which its external data lie. */
xai_status xai_graph_parse_file(const void *bytes, size_t size, const char *path, xai_graph **out, xai_error *err);
void xai_graph_free(xai_graph *graph);

/* The loader's last step: makers, and the nodes in an order in which they can run; fails if there is none. */
xai_status xai_graph_sort(xai_graph *graph, xai_error *err);

/* The tensor that a name means: a tensor's own, a node's if only one has it, or "#<node index>": its first output. */
xai_status xai_graph_find_tensor(const xai_graph *graph, const char *text, const char **tensor, xai_error *err);

const xai_graph_input *xai_graph_find_input(const xai_graph *graph, const char *name);

#endif
