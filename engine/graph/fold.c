/*
 * Folding: BatchNormalization after a dense layer or a transposed convolution moves into its weights, as fuse.c has it
 * for convolutions. Relevance asks for it, whose rules see the weights; to anything else the two say the same. In
 * programs with open weights alone, which read them when they run. On the builder's thread.
 */
#include "program.h"

#include <math.h>
#include <string.h>

static bool is(const xai_node *node, const char *type) { return strcmp(node->op->type, type) == 0; }

/* The output channel that a weight belongs to. */
static int64_t channel_of(const xai_node *node, int64_t at)
{
    const xai_shape *w = &node->in[1]->shape;
    if (is(node, "Gemm")) return xai_attr_int(node, "transB", 0) ? at / w->dim[1] : at % w->dim[1];
    int64_t span = xai_shape_span(w, 2, w->rank), per_group = w->dim[1];
    int64_t group_size = w->dim[0] / xai_attr_int(node, "group", 1);
    return at / (span * per_group) / group_size * per_group + at / span % per_group;
}

static const float *constant(const xai_node *node, int i, int64_t count)
{
    const xai_tensor *t = xai_has_input(node, i) ? node->in[i]->constant : NULL;
    return t && t->dtype == XAI_F32 && xai_tensor_count(t) == count ? t->data : NULL;
}

/* Weights are constants, every output channel has its own, and the bias is one number a channel, or none. */
static bool is_foldable(const xai_node *node, int64_t channels)
{
    bool gemm = is(node, "Gemm");
    if (!gemm && !is(node, "ConvTranspose")) return false;
    bool scaled = gemm && (xai_attr_real(node, "alpha", 1) != 1 || xai_attr_real(node, "beta", 1) != 1);
    bool known = node->in[1]->constant && (!xai_has_input(node, 2) || constant(node, 2, channels));
    return known && !scaled && !(gemm && xai_attr_int(node, "transA", 0));
}

/* The BatchNormalization that alone reads the node's output; its position in *at. */
static const xai_node *normalization_of(const xai_program *p, const bool *kept, const xai_node *node, int *at)
{
    const xai_node *reader = NULL;
    int uses = 0;
    for (int i = 0; i < p->node_count; i++)
        for (int k = 0; p->nodes[i] && k < p->nodes[i]->in_count; k++) {
            if (p->nodes[i]->in[k] != node->out[0]) continue;
            reader = p->nodes[i];
            *at = i;
            uses++;
        }
    bool private = uses == 1 && !kept[node->out[0]->id];
    return private && is(reader, "BatchNormalization") && reader->in[0] == node->out[0] ? reader : NULL;
}

static xai_status set_constant(xai_program *p, xai_node *node, int i, const xai_shape *shape, float *data, xai_error *err)
{
    xai_value *v = XAI_NEW(p->arena, xai_value, 1);
    xai_tensor *t = XAI_NEW(p->arena, xai_tensor, 1);
    if (!v || !t) XAI_NO_MEMORY(err);
    *t = (xai_tensor){XAI_F32, *shape, data};
    *v = (xai_value){.name = "", .id = -1, .dtype = XAI_F32, .shape = *shape, .constant = t};
    node->in[i] = v;
    return XAI_OK;
}

/* w' = w * s, b' = (b - mean) * s + beta, with s = gamma / sqrt(variance + epsilon), in double precision. */
static xai_status fold(xai_program *p, xai_node *node, const xai_node *bn, bool *done, xai_error *err)
{
    int64_t channels = bn->in[0]->shape.dim[1], count = xai_value_count(node->in[1]);
    const float *gamma = constant(bn, 1, channels), *beta = constant(bn, 2, channels),
                *mean = constant(bn, 3, channels), *variance = constant(bn, 4, channels);
    *done = gamma && beta && mean && variance;
    if (!*done) return XAI_OK;
    const float *from = node->in[1]->constant->data, *b = constant(node, 2, channels);
    double epsilon = (double)xai_attr_real(bn, "epsilon", 1e-5F);
    double *scale = XAI_NEW(p->arena, double, (size_t)channels);
    float *weight = XAI_NEW(p->arena, float, (size_t)count), *bias = XAI_NEW(p->arena, float, (size_t)channels);
    xai_value **in = XAI_NEW(p->arena, xai_value *, 3);
    if (!scale || !weight || !bias || !in) XAI_NO_MEMORY(err);
    for (int64_t c = 0; c < channels; c++) {
        scale[c] = (double)gamma[c] / sqrt((double)variance[c] + epsilon);
        bias[c] = (float)(((b ? (double)b[c] : 0) - (double)mean[c]) * scale[c] + (double)beta[c]);
    }
    for (int64_t i = 0; i < count; i++) weight[i] = (float)((double)from[i] * scale[channel_of(node, i)]);
    memcpy(in, node->in, 2 * sizeof *in);
    node->in = in;
    node->in_count = 3;
    XAI_TRY(set_constant(p, node, 1, &in[1]->shape, weight, err));
    XAI_TRY(set_constant(p, node, 2, &(xai_shape){1, {channels}}, bias, err));
    node->out[0] = bn->out[0];
    xai_setup setup = {.arena = p->arena, .open_weights = true};
    return node->op->setup(node, &setup, err);
}

xai_status xai_program_fold(xai_program *p, const bool *kept, xai_error *err)
{
    int n = 0;
    for (int i = 0; i < p->node_count; i++) {
        int at = 0;
        bool done = false;
        xai_node *node = p->nodes[i];
        const xai_node *bn = node && node->out[0] ? normalization_of(p, kept, node, &at) : NULL;
        if (bn && is_foldable(node, bn->in[0]->shape.dim[1])) XAI_TRY(fold(p, node, bn, &done, err));
        if (done) p->nodes[at] = NULL;
    }
    for (int i = 0; i < p->node_count; i++)
        if (p->nodes[i]) p->nodes[n++] = p->nodes[i];
    p->node_count = n;
    return XAI_OK;
}
