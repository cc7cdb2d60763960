/*
 * Builds small ONNX files for tests: nodes, constants, inputs, outputs, and the lies that hostile files tell.
 * Everything is kept in one arena-like list and freed at the end; a test that runs out of memory may crash.
 */
#ifndef TESTS_SUPPORT_ONNX_BUILDER_H
#define TESTS_SUPPORT_ONNX_BUILDER_H

#include "onnx.pb-c.h"

#include <stdint.h>

enum { BUILDER_MAX = 64 };

typedef struct onnx_builder {
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    Onnx__OperatorSetIdProto opset;
    Onnx__OperatorSetIdProto *opsets[1];
    Onnx__NodeProto *nodes[BUILDER_MAX];
    Onnx__TensorProto *tensors[BUILDER_MAX];
    Onnx__ValueInfoProto *inputs[BUILDER_MAX], *outputs[BUILDER_MAX];
    char path[64];
} onnx_builder;

void onnx_begin(onnx_builder *b, int opset);

/* Names are separated by blanks: "x w b"; "-" is an absent optional input. Returns the node, for its attributes. */
Onnx__NodeProto *onnx_node(onnx_builder *b, const char *type, const char *inputs, const char *outputs);
void onnx_attr_int(Onnx__NodeProto *node, const char *name, int64_t value);
void onnx_attr_float(Onnx__NodeProto *node, const char *name, float value);
void onnx_attr_ints(Onnx__NodeProto *node, const char *name, size_t count, const int64_t *values);

/* A constant of floats (values NULL: a fixed pattern of small numbers) or int64. Shape: "2x3". */
Onnx__TensorProto *onnx_floats(onnx_builder *b, const char *name, const char *shape, const float *values);
Onnx__TensorProto *onnx_ints(onnx_builder *b, const char *name, const char *shape, const int64_t *values);

/* The constant that was added last, as the value of a Constant node instead. */
void onnx_constant(onnx_builder *b);

/* Lies about a tensor: another shape; another file (NULL: the key is absent). The data stay as they are. */
void onnx_reshape(Onnx__TensorProto *tensor, const char *shape);
void onnx_external(Onnx__TensorProto *tensor, const char *location, const char *offset, const char *length);

/* An input or output; 0 in the shape is a free dimension: "0x3x8x8". */
void onnx_input(onnx_builder *b, const char *name, const char *shape);
void onnx_output(onnx_builder *b, const char *name);

/* Writes the model to a temporary file, whose path is b->path; onnx_end removes it and frees everything. */
const char *onnx_write(onnx_builder *b);
void onnx_write_to(const onnx_builder *b, const char *path); /* stays there */
void onnx_end(onnx_builder *b);

#endif
