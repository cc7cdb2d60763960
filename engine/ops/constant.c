/* Constant: the value of its one attribute: a tensor, a number or a list of numbers. The builder folds it. */
#include "op.h"

#include <string.h>

typedef struct constant {
    const void *data;
    size_t bytes;
} constant;

static xai_status take(xai_node *node, const void *data, xai_dtype dtype, const xai_shape *shape, xai_error *err)
{
    constant *c = node->state;
    XAI_TRY(xai_node_output(node, 0, dtype, shape, err));
    *c = (constant){data, (size_t)xai_shape_count(shape) * xai_dtype_size(dtype)};
    return XAI_OK;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    XAI_NODE_CHECK(node->attr_count == 1, node, BAD_MODEL, err, "it has %zu attributes, not one",
                   node->attr_count);
    const xai_attr *a = &node->attrs[0];
    switch (a->kind) {
    case XAI_ATTR_TENSOR: return take(node, a->tensor->data, a->tensor->dtype, &a->tensor->shape, err);
    case XAI_ATTR_FLOAT: return take(node, &a->real, XAI_F32, &(xai_shape){0}, err);
    case XAI_ATTR_INT: return take(node, &a->integer, XAI_I64, &(xai_shape){0}, err);
    case XAI_ATTR_FLOATS: return take(node, a->reals, XAI_F32, &(xai_shape){1, {(int64_t)a->count}}, err);
    case XAI_ATTR_INTS: return take(node, a->integers, XAI_I64, &(xai_shape){1, {(int64_t)a->count}}, err);
    default: return xai_node_fail(node, XAI_E_UNSUPPORTED_OP, err, "attribute %s is not served", a->name);
    }
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    const constant *c = node->state;
    memcpy(xai_out_data(exec, node, 0), c->data, c->bytes);
}

const xai_op xai_op_constant = {
    .type = "Constant",
    .min_in = 0,
    .max_in = 0,
    .max_out = 1,
    .state_size = sizeof(constant),
    .setup = setup,
    .forward = forward,
};
