/* The operator table made from ops.def, and what all operators share: attributes, output shapes, messages. */
#include "op.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define XAI_OP(name) extern const xai_op xai_op_##name;
#include "ops.def"
#undef XAI_OP

static const xai_op *const OPS[] = {
#define XAI_OP(name) &xai_op_##name,
#include "ops.def"
#undef XAI_OP
    NULL,
};

size_t xai_op_count(void) { return sizeof OPS / sizeof OPS[0] - 1; }
const xai_op *xai_op_at(size_t index) { return OPS[index]; }

const xai_op *xai_op_find(const char *type)
{
    for (size_t i = 0; i < xai_op_count(); i++)
        if (strcmp(OPS[i]->type, type) == 0) return OPS[i];
    return NULL;
}

const xai_attr *xai_attr_find(const xai_node *node, const char *name)
{
    for (size_t i = 0; i < node->attr_count; i++)
        if (strcmp(node->attrs[i].name, name) == 0) return &node->attrs[i];
    return NULL;
}

int64_t xai_attr_int(const xai_node *node, const char *name, int64_t fallback)
{
    const xai_attr *a = xai_attr_find(node, name);
    return a && a->kind == XAI_ATTR_INT ? a->integer : fallback;
}

float xai_attr_real(const xai_node *node, const char *name, float fallback)
{
    const xai_attr *a = xai_attr_find(node, name);
    return a && a->kind == XAI_ATTR_FLOAT ? a->real : fallback;
}

const char *xai_attr_text(const xai_node *node, const char *name, const char *fallback)
{
    const xai_attr *a = xai_attr_find(node, name);
    return a && a->kind == XAI_ATTR_TEXT ? a->text : fallback;
}

const int64_t *xai_attr_ints(const xai_node *node, const char *name, size_t *count)
{
    const xai_attr *a = xai_attr_find(node, name);
    bool found = a && a->kind == XAI_ATTR_INTS;
    *count = found ? a->count : 0;
    return found ? a->integers : NULL;
}

xai_status xai_node_fail(const xai_node *node, xai_status status, xai_error *err, const char *format, ...)
{
    char text[384], where[160];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(where, sizeof where, "%s#%d", node->name, node->index);
    return xai_error_set(err, status, __FILE__, __LINE__, where, "operator %s at node %d%s%s%s: %s", node->op->type,
                         node->index, node->name[0] ? " (" : "", node->name, node->name[0] ? ")" : "", text);
}

xai_status xai_node_output(xai_node *node, int i, xai_dtype dtype, const xai_shape *shape, xai_error *err)
{
    char text[128];
    XAI_NODE_CHECK(xai_shape_count(shape) >= 0, node, BAD_MODEL, err, "output %d has the impossible shape %s", i,
                   xai_shape_text(shape, text, sizeof text));
    if (i >= node->out_count || !node->out[i]) return XAI_OK;
    node->out[i]->dtype = dtype;
    node->out[i]->shape = *shape;
    return XAI_OK;
}

xai_status xai_node_ints(const xai_node *node, int i, const char *name, xai_setup *setup, const int64_t **out,
                         size_t *count, xai_error *err)
{
    if (!xai_has_input(node, i)) {
        *out = xai_attr_ints(node, name, count);
        return XAI_OK;
    }
    const xai_tensor *t = node->in[i]->constant;
    XAI_NODE_CHECK(t, node, UNSUPPORTED_OP, err, "%s must not depend on the image", name);
    int64_t n = xai_tensor_count(t);
    XAI_NODE_CHECK(n <= 4096, node, BAD_MODEL, err, "%s has %lld elements", name, (long long)n);
    int64_t *values = XAI_NEW(setup->arena, int64_t, (size_t)n);
    if (!values) XAI_NO_MEMORY(err);
    for (int64_t k = 0; k < n; k++) values[k] = xai_tensor_int(t, k);
    *out = values;
    *count = (size_t)n;
    return XAI_OK;
}

xai_order xai_order_elementwise(const xai_node *node)
{
    const xai_shape *shape = &node->out[0]->shape;
    if (shape->rank != 4) return XAI_ORDER_PLAIN;
    for (int i = 0; i < node->in_count; i++) {
        const xai_value *v = node->in[i];
        if (!v || (v->constant && xai_value_count(v) == 1)) continue;
        if (v->constant || !xai_shape_equal(&v->shape, shape)) return XAI_ORDER_PLAIN;
    }
    return XAI_ORDER_EITHER;
}
