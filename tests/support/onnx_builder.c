/* Small ONNX files for tests, by protobuf-c. */
#include "onnx_builder.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TYPE_FLOAT = 1, TYPE_INT64 = 7, ATTR_FLOAT = 1, ATTR_INT = 2, ATTR_TENSOR = 4, ATTR_INTS = 7, MAX_NAMES = 8 };

void onnx_begin(onnx_builder *b, int opset)
{
    memset(b, 0, sizeof *b);
    onnx__model_proto__init(&b->model);
    onnx__graph_proto__init(&b->graph);
    onnx__operator_set_id_proto__init(&b->opset);
    b->model.graph = &b->graph;
    b->model.has_ir_version = 1;
    b->model.ir_version = 8;
    b->opset.has_version = 1;
    b->opset.version = opset;
    b->opsets[0] = &b->opset;
    b->model.n_opset_import = 1;
    b->model.opset_import = b->opsets;
    b->graph.node = b->nodes;
    b->graph.initializer = b->tensors;
    b->graph.input = b->inputs;
    b->graph.output = b->outputs;
}

static size_t split(const char *text, char ***out)
{
    char *copy = strdup(text), *rest = copy;
    size_t n = 0;
    *out = calloc(MAX_NAMES, sizeof **out);
    for (char *word = strsep(&rest, " "); word && n < MAX_NAMES; word = strsep(&rest, " "))
        (*out)[n++] = strdup(strcmp(word, "-") == 0 ? "" : word);
    free(copy);
    return n;
}

Onnx__NodeProto *onnx_node(onnx_builder *b, const char *type, const char *inputs, const char *outputs)
{
    Onnx__NodeProto *n = calloc(1, sizeof *n);
    onnx__node_proto__init(n);
    n->op_type = strdup(type);
    n->n_input = split(inputs, &n->input);
    n->n_output = split(outputs, &n->output);
    n->attribute = calloc(MAX_NAMES, sizeof(Onnx__AttributeProto *));
    b->nodes[b->graph.n_node++] = n;
    return n;
}

static Onnx__AttributeProto *add_attr(Onnx__NodeProto *node, const char *name, int type)
{
    Onnx__AttributeProto *a = calloc(1, sizeof *a);
    onnx__attribute_proto__init(a);
    a->name = strdup(name);
    a->has_type = 1;
    a->type = type;
    node->attribute[node->n_attribute++] = a;
    return a;
}

void onnx_attr_int(Onnx__NodeProto *node, const char *name, int64_t value)
{
    Onnx__AttributeProto *a = add_attr(node, name, ATTR_INT);
    a->has_i = 1;
    a->i = value;
}

void onnx_attr_float(Onnx__NodeProto *node, const char *name, float value)
{
    Onnx__AttributeProto *a = add_attr(node, name, ATTR_FLOAT);
    a->has_f = 1;
    a->f = value;
}

void onnx_attr_ints(Onnx__NodeProto *node, const char *name, size_t count, const int64_t *values)
{
    Onnx__AttributeProto *a = add_attr(node, name, ATTR_INTS);
    a->n_ints = count;
    a->ints = malloc(count * sizeof *a->ints);
    memcpy(a->ints, values, count * sizeof *values);
}

static size_t parse_shape(const char *shape, int64_t **dims, size_t *rank)
{
    size_t count = 1;
    *dims = calloc(MAX_NAMES, sizeof **dims);
    for (*rank = 0; *shape; shape += *shape == 'x') {
        char *end;
        (*dims)[*rank] = strtoll(shape, &end, 10);
        count *= (size_t)(*dims)[(*rank)++];
        shape = end;
    }
    return count;
}

static Onnx__TensorProto *add_tensor(onnx_builder *b, const char *name, int type, const char *shape, size_t size,
                                     size_t *count)
{
    Onnx__TensorProto *t = calloc(1, sizeof *t);
    onnx__tensor_proto__init(t);
    t->name = strdup(name);
    t->has_data_type = 1;
    t->data_type = type;
    *count = parse_shape(shape, &t->dims, &t->n_dims);
    t->has_raw_data = 1;
    t->raw_data.len = *count * size;
    t->raw_data.data = malloc(t->raw_data.len + 1);
    b->tensors[b->graph.n_initializer++] = t;
    return t;
}

/* Small numbers of both signs without a period that a shape could hide. */
static float pattern(size_t i) { return (float)((int)(i * 37 % 101) - 50) * 0.013F; }

Onnx__TensorProto *onnx_floats(onnx_builder *b, const char *name, const char *shape, const float *values)
{
    size_t count;
    Onnx__TensorProto *t = add_tensor(b, name, TYPE_FLOAT, shape, sizeof(float), &count);
    for (size_t i = 0; i < count; i++) ((float *)(void *)t->raw_data.data)[i] = values ? values[i] : pattern(i);
    return t;
}

Onnx__TensorProto *onnx_ints(onnx_builder *b, const char *name, const char *shape, const int64_t *values)
{
    size_t count;
    Onnx__TensorProto *t = add_tensor(b, name, TYPE_INT64, shape, sizeof(int64_t), &count);
    memcpy(t->raw_data.data, values, count * sizeof *values);
    return t;
}

void onnx_constant(onnx_builder *b)
{
    Onnx__TensorProto *t = b->tensors[--b->graph.n_initializer];
    Onnx__NodeProto *n = onnx_node(b, "Constant", "", t->name);
    free(n->input[0]);
    n->n_input = 0;
    add_attr(n, "value", ATTR_TENSOR)->t = t;
}

void onnx_reshape(Onnx__TensorProto *t, const char *shape)
{
    free(t->dims);
    parse_shape(shape, &t->dims, &t->n_dims);
}

static void add_entry(Onnx__TensorProto *t, const char *key, const char *value)
{
    if (!value) return;
    Onnx__StringStringEntryProto *e = calloc(1, sizeof *e);
    onnx__string_string_entry_proto__init(e);
    e->key = strdup(key);
    e->value = strdup(value);
    t->external_data[t->n_external_data++] = e;
}

void onnx_external(Onnx__TensorProto *t, const char *location, const char *offset, const char *length)
{
    t->has_data_location = 1;
    t->data_location = 1;
    t->external_data = calloc(3, sizeof *t->external_data);
    add_entry(t, "location", location);
    add_entry(t, "offset", offset);
    add_entry(t, "length", length);
}

static Onnx__ValueInfoProto *make_value(const char *name, const char *shape)
{
    Onnx__ValueInfoProto *v = calloc(1, sizeof *v);
    onnx__value_info_proto__init(v);
    v->name = strdup(name);
    if (!shape) return v;
    Onnx__TypeProto *type = calloc(1, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = calloc(1, sizeof *tensor);
    Onnx__TensorShapeProto *dims = calloc(1, sizeof *dims);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(dims);
    v->type = type;
    type->tensor_type = tensor;
    tensor->has_elem_type = 1;
    tensor->elem_type = TYPE_FLOAT;
    tensor->shape = dims;
    int64_t *sizes;
    parse_shape(shape, &sizes, &dims->n_dim);
    dims->dim = calloc(MAX_NAMES, sizeof(Onnx__TensorShapeProto__Dimension *));
    for (size_t i = 0; i < dims->n_dim; i++) {
        dims->dim[i] = calloc(1, sizeof **dims->dim);
        onnx__tensor_shape_proto__dimension__init(dims->dim[i]);
        dims->dim[i]->has_dim_value = sizes[i] > 0;
        dims->dim[i]->dim_value = sizes[i];
    }
    free(sizes);
    return v;
}

void onnx_input(onnx_builder *b, const char *name, const char *shape)
{
    b->inputs[b->graph.n_input++] = make_value(name, shape);
}

void onnx_output(onnx_builder *b, const char *name) { b->outputs[b->graph.n_output++] = make_value(name, NULL); }

static void write_and_close(const onnx_builder *b, int fd)
{
    size_t size = onnx__model_proto__get_packed_size(&b->model);
    uint8_t *bytes = malloc(size + 1);
    onnx__model_proto__pack(&b->model, bytes);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size) abort();
    close(fd);
    free(bytes);
}

const char *onnx_write(onnx_builder *b)
{
    strcpy(b->path, "/tmp/xai-test-XXXXXX");
    write_and_close(b, mkstemp(b->path));
    return b->path;
}

void onnx_write_to(const onnx_builder *b, const char *path)
{
    write_and_close(b, open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
}

void onnx_end(onnx_builder *b)
{
    if (b->path[0]) unlink(b->path);
    for (size_t i = 0; i < b->graph.n_node; i++) onnx__node_proto__free_unpacked(b->nodes[i], NULL);
    for (size_t i = 0; i < b->graph.n_initializer; i++) onnx__tensor_proto__free_unpacked(b->tensors[i], NULL);
    for (size_t i = 0; i < b->graph.n_input; i++) onnx__value_info_proto__free_unpacked(b->inputs[i], NULL);
    for (size_t i = 0; i < b->graph.n_output; i++) onnx__value_info_proto__free_unpacked(b->outputs[i], NULL);
}
