/* Picking of blocks, and the maps of the operators that do it. Maps are made at load, by one thread. */
#include "pick.h"

#include <string.h>

enum { PIECE = 16384 }; /* elements a piece of work, about */

int64_t xai_pick_index(const xai_tensor *indices, int64_t i, int64_t n)
{
    int64_t v = xai_tensor_int(indices, i);
    if (v < 0) v += n;
    return v >= 0 && v < n ? v : -1;
}

xai_status xai_pick_indices(const xai_node *node, int i, const xai_tensor **out, xai_error *err)
{
    const xai_tensor *t = node->in[i]->constant;
    XAI_NODE_CHECK(t, node, UNSUPPORTED_OP, err, "the indices depend on the image; only constants are served");
    XAI_NODE_CHECK(t->dtype == XAI_I64 || t->dtype == XAI_I32, node, BAD_MODEL, err, "the indices are %s",
                   xai_dtype_name(t->dtype));
    *out = t;
    return XAI_OK;
}

xai_status xai_pick_elements(const xai_node *node, xai_setup *setup, const xai_shape *data, const xai_tensor *indices,
                             int axis, const int64_t **out, xai_error *err)
{
    const xai_shape *shape = &indices->shape;
    int64_t count = xai_tensor_count(indices), *from = XAI_NEW(setup->arena, int64_t, (size_t)count);
    if (!from) XAI_NO_MEMORY(err);
    XAI_NODE_CHECK(shape->rank == data->rank, node, BAD_MODEL, err, "data and indices differ in rank");
    for (int d = 0; d < data->rank; d++)
        XAI_NODE_CHECK(d == axis || shape->dim[d] <= data->dim[d], node, BAD_MODEL, err,
                       "the indices are longer than the data along axis %d", d);
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = i, stride = 1;
        for (int d = data->rank; d-- > 0; rest /= shape->dim[d], stride *= data->dim[d]) {
            int64_t at = d == axis ? xai_pick_index(indices, i, data->dim[d]) : rest % shape->dim[d];
            XAI_NODE_CHECK(at >= 0, node, BAD_MODEL, err, "index %lld is out of range",
                           (long long)xai_tensor_int(indices, i));
            from[i] += at * stride;
        }
    }
    *out = from;
    return XAI_OK;
}

xai_status xai_pick_rows(const xai_node *node, xai_setup *setup, const xai_shape *data, const xai_tensor *indices,
                         int batch, xai_pick *out, xai_error *err)
{
    const xai_shape *shape = &indices->shape;
    int64_t width = shape->rank ? shape->dim[shape->rank - 1] : 0;
    XAI_NODE_CHECK(shape->rank > batch && width >= 1 && batch + width <= data->rank, node, BAD_MODEL, err,
                   "indices of %lld coordinates do not fit data of %d axes", (long long)width, data->rank);
    for (int d = 0; d < batch; d++)
        XAI_NODE_CHECK(shape->dim[d] == data->dim[d], node, BAD_MODEL, err, "the first axes differ");
    int last = batch + (int)width;
    int64_t per_batch = xai_shape_span(shape, batch, shape->rank - 1), *from;
    out->count = xai_shape_span(shape, 0, shape->rank - 1);
    out->block = xai_shape_span(data, last, data->rank);
    if (!(from = XAI_NEW(setup->arena, int64_t, (size_t)out->count))) XAI_NO_MEMORY(err);
    for (int64_t row = 0; row < out->count; row++) {
        from[row] = row / per_batch;
        for (int d = batch; d < last; d++) {
            int64_t i = row * width + d - batch, at = xai_pick_index(indices, i, data->dim[d]);
            XAI_NODE_CHECK(at >= 0, node, BAD_MODEL, err, "index %lld is out of range",
                           (long long)xai_tensor_int(indices, i));
            from[row] = from[row] * data->dim[d] + at;
        }
    }
    out->from = from;
    return XAI_OK;
}

typedef struct run {
    const xai_pick *pick;
    const unsigned char *x;
    unsigned char *y;
    int64_t bytes, group; /* of a block; blocks a piece of work */
} run;

static void forward_piece(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    int64_t first = (int64_t)index * r->group, end = first + r->group;
    if (end > r->pick->count) end = r->pick->count;
    for (int64_t i = first; i < end; i++) {
        int64_t from = r->pick->from[i];
        if (from < 0) memset(r->y + i * r->bytes, 0, (size_t)r->bytes);
        else memcpy(r->y + i * r->bytes, r->x + from * r->bytes, (size_t)r->bytes);
    }
}

void xai_pick_forward(const xai_node *node, const xai_exec *exec)
{
    const xai_pick *pick = node->state;
    run r = {.pick = pick,
             .x = xai_in_data(exec, node, 0),
             .y = xai_out_data(exec, node, 0),
             .bytes = pick->block * (int64_t)xai_dtype_size(node->in[0]->dtype),
             .group = 1 + PIECE / (pick->block + 1)};
    xai_par_for(exec->par, (size_t)((pick->count + r.group - 1) / r.group), forward_piece, &r);
}

void xai_pick_backward(const xai_node *node, const xai_exec *exec)
{
    const xai_pick *pick = node->state;
    const float *gy = xai_grad_out(exec, node, 0);
    float *gx = xai_grad_in(exec, node, 0);
    for (int64_t i = 0; gx && gy && i < pick->count; i++) {
        float *to = gx + pick->from[i] * pick->block;
        for (int64_t k = 0; pick->from[i] >= 0 && k < pick->block; k++) to[k] += gy[i * pick->block + k];
    }
}
