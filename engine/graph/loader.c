/*
 * Loader: an ONNX file, and the files beside it that hold its large tensors, to an xai_graph, through protobuf-c and
 * the minimal schema of onnx.proto.
 *
 * The file is hostile until it is read: lengths, ranks, element counts, names and the order of nodes are checked here,
 * so that everything behind it may rely on them. The protobuf tree is freed before this returns.
 */
#include "base/memory.h"
#include "base/sha256.h"
#include "graph.h"
#include "unpack.h"
#include "weights.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FILE ((int64_t)2 << 30) /* protobuf's own limit */
enum { MAX_NODES = 100000, MAX_EDGES = 4096 };

typedef struct reader {
    xai_graph *graph;
    xai_external external;
} reader;

typedef struct file_bytes {
    const uint8_t *data;
    size_t size;
} file_bytes;

static xai_status read_file(const char *path, uint8_t **data, size_t *size, xai_error *err)
{
    struct stat st;
    xai_status status = XAI_OK;
    FILE *f = fopen(path, "rb");
    XAI_CHECK(f, err, IO, path, "cannot open the model '%s': %s", path, strerror(errno));
    if (fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode))
        XAI_FAIL_OUT(err, IO, path, "the model '%s' is not a regular file", path);
    if (st.st_size <= 0 || st.st_size > MAX_FILE)
        XAI_FAIL_OUT(err, BAD_MODEL, path, "the model '%s' has %lld bytes; a model has 1 byte to 2 GiB", path,
                     (long long)st.st_size);
    *size = (size_t)st.st_size;
    *data = malloc(*size);
    if (!*data) XAI_FAIL_OUT(err, NO_MEMORY, path, "out of memory reading '%s'", path);
    if (fread(*data, 1, *size, f) != *size)
        XAI_FAIL_OUT(err, IO, path, "the model '%s' cannot be read to its end", path);
out:
    fclose(f);
    if (status != XAI_OK) {
        free(*data);
        *data = NULL;
    }
    return status;
}

static const char *copy_text(xai_arena *arena, const char *text) { return xai_arena_strdup(arena, text ? text : ""); }

static xai_status read_texts(xai_arena *arena, char *const *texts, size_t n, const char ***out, xai_error *err)
{
    XAI_CHECK(n <= MAX_EDGES, err, BAD_MODEL, "", "a node has %zu inputs or outputs; the limit is %d", n, MAX_EDGES);
    const char **copies = XAI_NEW(arena, const char *, n);
    if (!copies) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < n; i++)
        if (!(copies[i] = copy_text(arena, texts[i]))) XAI_NO_MEMORY(err);
    *out = copies;
    return XAI_OK;
}

static void *copy_bytes(xai_arena *arena, const void *data, size_t count, size_t size)
{
    void *copy = xai_arena_alloc(arena, count, size);
    if (copy && count) memcpy(copy, data, count * size);
    return copy;
}

/* ONNX's AttributeProto.AttributeType */
static xai_attr_kind attr_kind(int type)
{
    switch (type) {
    case 1: return XAI_ATTR_FLOAT;
    case 2: return XAI_ATTR_INT;
    case 3: return XAI_ATTR_TEXT;
    case 4: return XAI_ATTR_TENSOR;
    case 6: return XAI_ATTR_FLOATS;
    case 7: return XAI_ATTR_INTS;
    default: return XAI_ATTR_OTHER;
    }
}

static xai_status read_attr(reader *r, const Onnx__AttributeProto *p, xai_attr *a, xai_error *err)
{
    xai_arena *arena = r->graph->arena;
    a->name = copy_text(arena, p->name);
    a->kind = attr_kind(p->type);
    a->real = p->f;
    a->integer = p->i;
    char *text = xai_arena_alloc(arena, p->s.len + 1, 1);
    if (!text || !a->name) XAI_NO_MEMORY(err);
    if (p->s.len) memcpy(text, p->s.data, p->s.len);
    a->text = text;
    a->count = a->kind == XAI_ATTR_FLOATS ? p->n_floats : p->n_ints;
    if (!(a->reals = copy_bytes(arena, p->floats, p->n_floats, sizeof(float)))) XAI_NO_MEMORY(err);
    if (!(a->integers = copy_bytes(arena, p->ints, p->n_ints, sizeof(int64_t)))) XAI_NO_MEMORY(err);
    if (a->kind != XAI_ATTR_TENSOR) return XAI_OK;
    XAI_CHECK(p->t, err, BAD_MODEL, a->name, "attribute '%s' has no tensor", a->name);
    xai_tensor *tensor;
    XAI_TRY(xai_weights_read(p->t, a->name, &r->external, arena, &tensor, err));
    a->tensor = tensor;
    return XAI_OK;
}

static xai_status read_node(reader *r, const Onnx__NodeProto *p, xai_graph_node *n, xai_error *err)
{
    xai_arena *arena = r->graph->arena;
    n->type = copy_text(arena, p->op_type);
    n->domain = copy_text(arena, p->domain);
    n->name = copy_text(arena, p->name);
    if (!n->type || !n->domain || !n->name) XAI_NO_MEMORY(err);
    XAI_TRY(read_texts(arena, p->input, p->n_input, &n->in, err));
    XAI_TRY(read_texts(arena, p->output, p->n_output, &n->out, err));
    n->in_count = (int)p->n_input;
    n->out_count = (int)p->n_output;
    n->attr_count = p->n_attribute;
    if (!(n->attrs = XAI_NEW(arena, xai_attr, n->attr_count))) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < n->attr_count; i++) XAI_TRY(read_attr(r, p->attribute[i], &n->attrs[i], err));
    return XAI_OK;
}

static xai_status read_initializers(reader *r, const Onnx__GraphProto *p, xai_error *err)
{
    xai_graph *g = r->graph;
    for (size_t i = 0; i < p->n_initializer; i++) {
        const Onnx__TensorProto *t = p->initializer[i];
        const char *name = copy_text(g->arena, t->name);
        xai_tensor *tensor;
        if (!name) XAI_NO_MEMORY(err);
        XAI_CHECK(name[0], err, BAD_MODEL, "", "initializer %zu has no name", i);
        XAI_CHECK(!xai_names_get(g->constants, name), err, BAD_MODEL, name, "two initializers are named '%s'", name);
        XAI_TRY(xai_weights_read(t, name, &r->external, g->arena, &tensor, err));
        XAI_TRY(xai_names_put(g->constants, name, tensor, err));
        if (tensor->dtype == XAI_F32) g->parameters += xai_tensor_count(tensor);
    }
    return XAI_OK;
}

static xai_status read_input(xai_graph *g, const Onnx__ValueInfoProto *p, xai_graph_input *in, xai_error *err)
{
    const Onnx__TypeProto__Tensor *t = p->type ? p->type->tensor_type : NULL;
    in->name = copy_text(g->arena, p->name);
    if (!in->name) XAI_NO_MEMORY(err);
    XAI_CHECK(in->name[0], err, BAD_MODEL, "", "an input has no name");
    XAI_CHECK(!xai_graph_find_input(g, in->name), err, BAD_MODEL, in->name, "two inputs are named '%s'", in->name);
    XAI_CHECK(t, err, UNSUPPORTED_OP, in->name, "input '%s' is not a tensor", in->name);
    in->dtype = xai_weights_dtype(t->elem_type);
    XAI_CHECK(in->dtype != XAI_DTYPE_COUNT, err, UNSUPPORTED_OP, in->name,
              "input '%s' has the unsupported element type %d", in->name, t->elem_type);
    size_t rank = t->shape ? t->shape->n_dim : 0;
    XAI_CHECK(rank <= XAI_MAX_RANK, err, BAD_MODEL, in->name, "input '%s' has %zu dimensions", in->name, rank);
    in->shape.rank = (int)rank;
    for (size_t i = 0; i < rank; i++) {
        const Onnx__TensorShapeProto__Dimension *d = t->shape->dim[i];
        in->shape.dim[i] = d->has_dim_value && d->dim_value > 0 ? d->dim_value : -1;
    }
    return xai_names_put(g->input_names, in->name, in, err);
}

static xai_status read_interface(xai_graph *g, const Onnx__GraphProto *p, xai_error *err)
{
    if (!(g->inputs = XAI_NEW(g->arena, xai_graph_input, p->n_input))) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < p->n_input; i++) {
        const char *name = p->input[i]->name ? p->input[i]->name : "";
        if (xai_names_get(g->constants, name)) continue; /* IR 3 lists initializers as inputs */
        XAI_TRY(read_input(g, p->input[i], &g->inputs[g->input_count++], err));
    }
    XAI_CHECK(p->n_output > 0, err, BAD_MODEL, "", "the graph has no output");
    if (!(g->outputs = XAI_NEW(g->arena, const char *, p->n_output))) XAI_NO_MEMORY(err);
    g->output_count = p->n_output;
    for (size_t i = 0; i < p->n_output; i++)
        if (!(g->outputs[i] = copy_text(g->arena, p->output[i]->name))) XAI_NO_MEMORY(err);
    return XAI_OK;
}

static xai_status read_functions(xai_graph *g, const Onnx__ModelProto *m, xai_error *err)
{
    for (size_t i = 0; i < m->n_functions; i++) {
        const char *name = copy_text(g->arena, m->functions[i]->name);
        if (!name) XAI_NO_MEMORY(err);
        XAI_TRY(xai_names_put(g->functions, name, g, err));
    }
    return XAI_OK;
}

static xai_status read_graph(reader *r, const Onnx__ModelProto *m, xai_error *err)
{
    xai_graph *g = r->graph;
    const Onnx__GraphProto *p = m->graph;
    XAI_CHECK(p, err, BAD_MODEL, "", "the file holds no graph: it is not an ONNX model");
    XAI_CHECK(p->n_node <= MAX_NODES, err, BAD_MODEL, "", "the graph has %zu nodes; the limit is %d", p->n_node,
              MAX_NODES);
    g->producer = copy_text(g->arena, m->producer_name);
    for (size_t i = 0; i < m->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *o = m->opset_import[i];
        bool is_default = !o->domain || !o->domain[0] || strcmp(o->domain, "ai.onnx") == 0;
        if (is_default && o->version > 0 && o->version < INT_MAX) g->opset = (int)o->version;
    }
    g->constants = xai_names_new(g->arena);
    g->makers = xai_names_new(g->arena);
    g->input_names = xai_names_new(g->arena);
    g->functions = xai_names_new(g->arena);
    g->nodes = XAI_NEW(g->arena, xai_graph_node, p->n_node);
    if (!g->producer || !g->constants || !g->makers || !g->input_names || !g->functions || !g->nodes)
        XAI_NO_MEMORY(err);
    XAI_TRY(read_functions(g, m, err));
    XAI_TRY(read_initializers(r, p, err));
    XAI_TRY(read_interface(g, p, err));
    for (size_t i = 0; i < p->n_node; i++) {
        g->nodes[i].index = (int)i;
        XAI_TRY(read_node(r, p->node[i], &g->nodes[g->node_count++], err));
    }
    return xai_graph_sort(g, err);
}

static xai_status parse(const file_bytes *file, const char *where, reader *r, xai_error *err)
{
    Onnx__ModelProto *m;
    XAI_TRY(xai_onnx_unpack(file->data, file->size, where, &m, err));
    xai_status status = read_graph(r, m, err);
    xai_onnx_free(m);
    return status;
}

/* `path`: where external data are looked for; NULL: nowhere. */
static xai_status read_model(const file_bytes *file, const char *where, const char *path, xai_graph **out,
                             xai_error *err)
{
    xai_arena *arena = xai_arena_new(xai_memory_limit());
    reader r = {.graph = arena ? XAI_NEW(arena, xai_graph, 1) : NULL};
    if (!r.graph) {
        xai_arena_free(arena);
        XAI_NO_MEMORY(err);
    }
    r.graph->arena = arena;
    xai_status status = xai_external_open(&r.external, path, file->data, file->size, err);
    if (status == XAI_OK) status = parse(file, where, &r, err);
    xai_external_close(&r.external);
    xai_sha256_hex(file->data, file->size, r.graph->file_sha256);
    xai_sha256_final_hex(&r.external.sha, r.graph->sha256);
    if (status != XAI_OK) xai_arena_free(arena);
    else *out = r.graph;
    return status;
}

xai_status xai_graph_parse(const void *bytes, size_t size, const char *where, xai_graph **out, xai_error *err)
{
    return read_model(&(file_bytes){bytes, size}, where, NULL, out, err);
}

xai_status xai_graph_parse_file(const void *bytes, size_t size, const char *path, xai_graph **out, xai_error *err)
{
    return read_model(&(file_bytes){bytes, size}, path, path, out, err);
}

xai_status xai_graph_load(const char *path, xai_graph **out, xai_error *err)
{
    uint8_t *data = NULL;
    size_t size = 0;
    XAI_TRY(read_file(path, &data, &size, err));
    xai_status status = xai_graph_parse_file(data, size, path, out, err);
    free(data);
    return status;
}

void xai_graph_free(xai_graph *graph)
{
    if (graph) xai_arena_free(graph->arena);
}

const xai_graph_input *xai_graph_find_input(const xai_graph *graph, const char *name)
{
    return xai_names_get(graph->input_names, name);
}
