/* ConstantOfShape: a tensor of one repeated value, 0.0f by default. The builder folds it. */
#include "op.h"

#include <string.h>

typedef struct fill {
    unsigned char value[8];
    size_t size;
    int64_t count;
} fill;

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    fill *f = node->state;
    const xai_attr *a = xai_attr_find(node, "value");
    xai_dtype dtype = XAI_F32;
    const int64_t *dims;
    size_t rank;
    XAI_TRY(xai_node_ints(node, 0, "shape", setup, &dims, &rank, err));
    XAI_NODE_CHECK(rank <= XAI_MAX_RANK, node, UNSUPPORTED_OP, err,
                   "shape has %zu dimensions, at most %d are served", rank, XAI_MAX_RANK);
    if (a) {
        XAI_NODE_CHECK(a->kind == XAI_ATTR_TENSOR && xai_tensor_count(a->tensor) == 1, node, BAD_MODEL, err,
                       "value is not a tensor of one element");
        dtype = a->tensor->dtype;
        memcpy(f->value, a->tensor->data, xai_dtype_size(dtype));
    }
    xai_shape shape = {.rank = (int)rank};
    memcpy(shape.dim, dims, rank * sizeof *dims);
    XAI_TRY(xai_node_output(node, 0, dtype, &shape, err));
    f->size = xai_dtype_size(dtype);
    f->count = xai_shape_count(&shape);
    return XAI_OK;
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    const fill *f = node->state;
    unsigned char *out = xai_out_data(exec, node, 0);
    for (int64_t i = 0; i < f->count; i++) memcpy(out + (size_t)i * f->size, f->value, f->size);
}

const xai_op xai_op_constant_of_shape = {
    .type = "ConstantOfShape",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .state_size = sizeof(fill),
    .setup = setup,
    .forward = forward,
};
