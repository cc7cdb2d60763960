/* Scattering. Updates are applied one after the other, on the caller's thread: they are few. */
#include "scattering.h"

#include <string.h>

static xai_status read_reduction(const xai_node *node, xai_scatter_reduction *out, xai_error *err)
{
    static const char *const WORDS[] = {"none", "add", "mul", "max", "min"};
    const char *word = xai_attr_text(node, "reduction", WORDS[0]);
    for (int i = 0; i < 5; i++) {
        if (strcmp(word, WORDS[i]) != 0) continue;
        *out = (xai_scatter_reduction)i;
        return XAI_OK;
    }
    return xai_node_fail(node, XAI_E_BAD_MODEL, err, "reduction is \"%s\"", word);
}

/* A place that several updates overwrite belongs to the last. */
static xai_status drop_overwritten(xai_setup *setup, xai_scatter *s, int64_t blocks, xai_error *err)
{
    xai_pick *to = &s->to;
    bool *taken = XAI_NEW(setup->arena, bool, (size_t)blocks);
    int64_t *places = XAI_NEW(setup->arena, int64_t, (size_t)to->count);
    if (!taken || !places) XAI_NO_MEMORY(err);
    for (int64_t i = to->count; i-- > 0;) {
        places[i] = taken[to->from[i]] ? -1 : to->from[i];
        taken[to->from[i]] = true;
    }
    to->from = places;
    s->covered = taken;
    return XAI_OK;
}

xai_status xai_scatter_setup(xai_node *node, xai_setup *setup, const xai_pick *to, xai_error *err)
{
    xai_scatter *s = node->state;
    const xai_value *data = node->in[0], *updates = node->in[2];
    bool constant = data->constant && updates->constant;
    s->to = *to;
    XAI_TRY(read_reduction(node, &s->reduction, err));
    XAI_NODE_CHECK(data->dtype == updates->dtype, node, BAD_MODEL, err, "data and updates are %s and %s",
                   xai_dtype_name(data->dtype), xai_dtype_name(updates->dtype));
    XAI_NODE_CHECK(s->reduction == XAI_SCATTER_NONE || data->dtype == XAI_F32, node, UNSUPPORTED_OP, err,
                   "a reduction of %s is not served", xai_dtype_name(data->dtype));
    XAI_NODE_CHECK(s->reduction <= XAI_SCATTER_ADD || constant, node, UNSUPPORTED_OP, err,
                   "reduction mul, max and min are served for constants alone");
    XAI_NODE_CHECK(xai_value_count(updates) == to->count * to->block, node, BAD_MODEL, err,
                   "there are %lld updates for %lld places", (long long)xai_value_count(updates),
                   (long long)(to->count * to->block));
    if (s->reduction == XAI_SCATTER_NONE && to->block > 0)
        XAI_TRY(drop_overwritten(setup, s, xai_value_count(data) / to->block, err));
    return xai_node_output(node, 0, data->dtype, &data->shape, err);
}

static float joined(xai_scatter_reduction reduction, float old, float update)
{
    switch (reduction) {
    case XAI_SCATTER_ADD: return old + update;
    case XAI_SCATTER_MUL: return old * update;
    case XAI_SCATTER_MAX: return old > update ? old : update;
    default: return old < update ? old : update;
    }
}

void xai_scatter_forward(const xai_node *node, const xai_exec *exec)
{
    const xai_scatter *s = node->state;
    size_t size = xai_dtype_size(node->in[0]->dtype), bytes = (size_t)s->to.block * size;
    const unsigned char *updates = xai_in_data(exec, node, 2);
    unsigned char *y = xai_out_data(exec, node, 0);
    memcpy(y, xai_in_data(exec, node, 0), (size_t)xai_value_count(node->in[0]) * size);
    for (int64_t i = 0; i < s->to.count; i++, updates += bytes) {
        if (s->to.from[i] < 0) continue;
        unsigned char *to = y + (size_t)s->to.from[i] * bytes;
        if (s->reduction == XAI_SCATTER_NONE) memcpy(to, updates, bytes);
        else
            for (int64_t k = 0; k < s->to.block; k++)
                ((float *)(void *)to)[k] =
                    joined(s->reduction, ((float *)(void *)to)[k], ((const float *)(const void *)updates)[k]);
    }
}

void xai_scatter_backward(const xai_node *node, const xai_exec *exec)
{
    const xai_scatter *s = node->state;
    const float *gy = xai_grad_out(exec, node, 0);
    float *gdata = xai_grad_in(exec, node, 0), *gupdates = xai_grad_in(exec, node, 2);
    int64_t block = s->to.block, count = xai_value_count(node->in[0]);
    for (int64_t i = 0; gy && gdata && i < count; i++)
        if (!s->covered || !s->covered[i / block]) gdata[i] += gy[i];
    for (int64_t i = 0; gy && gupdates && i < s->to.count; i++) {
        const float *from = gy + s->to.from[i] * block;
        for (int64_t k = 0; s->to.from[i] >= 0 && k < block; k++) gupdates[i * block + k] += from[k];
    }
}

xai_status xai_scatter_elements_setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    const xai_shape *data = &node->in[0]->shape;
    const xai_tensor *indices;
    xai_pick to = {.block = 1};
    int axis = xai_shape_axis(data, xai_attr_int(node, "axis", 0));
    XAI_NODE_CHECK(axis >= 0, node, BAD_MODEL, err, "axis is out of range");
    XAI_TRY(xai_pick_indices(node, 1, &indices, err));
    XAI_NODE_CHECK(xai_shape_equal(&indices->shape, &node->in[2]->shape), node, BAD_MODEL, err,
                   "indices and updates differ in shape");
    XAI_TRY(xai_pick_elements(node, setup, data, indices, axis, &to.from, err));
    to.count = xai_tensor_count(indices);
    return xai_scatter_setup(node, setup, &to, err);
}
