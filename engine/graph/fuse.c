/*
 * Fusion: what stands around a convolution becomes part of it, where nothing that was asked for is lost.
 *
 *     Pad (zeros, height and width only) -> Conv                the padding moves into the window
 *     Conv -> BatchNormalization                                scale and shift move into weight and bias
 *     Conv -> Relu | Clip                                       the clamp is applied as the output is written
 *     Conv -> Add (of a tensor of the same shape) [-> Relu | Clip]   so is the sum, before the clamp
 *     Mul (x, Sigmoid (x)); Mul (x, HardSigmoid (x)) -> Swish; HardSwish   one activation, with one backward rule
 *
 * A value that is kept, or that anything else reads, is left alone. The convolution takes over the name of the last
 * value that it makes. Runs between setup and prepare, on the builder's thread.
 */
#include "ops/clip.h"
#include "ops/conv.h"
#include "ops/pad.h"
#include "program.h"

#include <math.h>
#include <string.h>

typedef struct fuser {
    xai_program *program;
    const bool *kept;
    int *uses;         /* by value id */
    int *maker, *user; /* by value id: a node's position, or -1; `user` is one of the readers */
} fuser;

static bool is(const xai_node *node, const char *type) { return node && strcmp(node->op->type, type) == 0; }

static void index_uses(fuser *f)
{
    const xai_program *p = f->program;
    memset(f->maker, 0xff, (size_t)p->value_count * sizeof(int));
    memset(f->user, 0xff, (size_t)p->value_count * sizeof(int));
    for (int i = 0; i < p->node_count; i++) {
        const xai_node *n = p->nodes[i];
        for (int k = 0; k < n->out_count; k++)
            if (n->out[k]) f->maker[n->out[k]->id] = i;
        for (int k = 0; k < n->in_count; k++) {
            if (!n->in[k]) continue;
            f->uses[n->in[k]->id]++;
            f->user[n->in[k]->id] = i;
        }
    }
}

/* The value is an inner matter of two nodes. */
static bool is_private(const fuser *f, const xai_value *v) { return !f->kept[v->id] && f->uses[v->id] == 1; }

static const xai_node *only_user(const fuser *f, const xai_value *v)
{
    return is_private(f, v) && f->user[v->id] >= 0 ? f->program->nodes[f->user[v->id]] : NULL;
}

static void remove_node(fuser *f, int position) { f->program->nodes[position] = NULL; }

static void merge_pad(fuser *f, xai_node *conv)
{
    const xai_value *v = conv->in[0];
    int at = f->maker[v->id];
    const xai_node *node = at >= 0 ? f->program->nodes[at] : NULL;
    int64_t pads[4];
    if (!is(node, "Pad") || !is_private(f, v) || v->shape.rank != 4 || !xai_node_zero_pads(node, pads)) return;
    xai_conv *c = conv->state;
    for (int i = 0; i < 4; i++) c->window.pads[i] += pads[i];
    conv->in[0] = node->in[0];
    f->user[node->in[0]->id] = f->user[v->id];
    remove_node(f, at);
}

/* conv takes over the output of the node that follows it. */
static void absorb(fuser *f, xai_node *conv, const xai_node *follower)
{
    int at = f->user[conv->out[0]->id], self = f->maker[conv->out[0]->id];
    conv->out[0] = follower->out[0];
    f->maker[conv->out[0]->id] = self;
    remove_node(f, at);
}

static const float *constant(const xai_node *node, int i, int64_t count)
{
    const xai_tensor *t = xai_has_input(node, i) ? node->in[i]->constant : NULL;
    return t && t->dtype == XAI_F32 && xai_tensor_count(t) == count ? t->data : NULL;
}

/* Input i becomes a constant of its own. */
static xai_status set_constant(fuser *f, xai_node *node, int i, const xai_shape *shape, float *data, xai_error *err)
{
    xai_value *v = XAI_NEW(f->program->arena, xai_value, 1);
    xai_tensor *t = XAI_NEW(f->program->arena, xai_tensor, 1);
    if (!v || !t) XAI_NO_MEMORY(err);
    *t = (xai_tensor){XAI_F32, *shape, data};
    *v = (xai_value){.name = node->in[i] ? node->in[i]->name : "", .id = -1, .dtype = XAI_F32, .shape = *shape,
                     .constant = t};
    node->in[i] = v;
    return XAI_OK;
}

static xai_status set_weights(fuser *f, xai_node *conv, float *weight, float *bias, xai_error *err)
{
    xai_conv *c = conv->state;
    xai_value **in = XAI_NEW(f->program->arena, xai_value *, 3);
    if (!in) XAI_NO_MEMORY(err);
    for (int i = 0; i < conv->in_count; i++) in[i] = conv->in[i];
    conv->in = in;
    conv->in_count = 3;
    XAI_TRY(set_constant(f, conv, 1, &in[1]->shape, weight, err));
    XAI_TRY(set_constant(f, conv, 2, &(xai_shape){1, {c->channels}}, bias, err));
    c->weight = weight;
    c->bias = bias;
    return XAI_OK;
}

/* w' = w * s, b' = (b - mean) * s + beta, with s = gamma / sqrt(variance + epsilon), in double precision. */
static xai_status merge_normalization(fuser *f, xai_node *conv, xai_error *err)
{
    const xai_node *bn = only_user(f, conv->out[0]);
    if (!is(bn, "BatchNormalization")) return XAI_OK;
    xai_conv *c = conv->state;
    const float *gamma = constant(bn, 1, c->channels), *beta = constant(bn, 2, c->channels),
                *mean = constant(bn, 3, c->channels), *variance = constant(bn, 4, c->channels);
    if (!gamma || !beta || !mean || !variance) return XAI_OK;
    double epsilon = (double)xai_attr_real(bn, "epsilon", 1e-5F);
    size_t channels = (size_t)c->channels, span = (size_t)xai_value_count(conv->in[1]) / channels;
    float *weight = XAI_NEW(f->program->arena, float, channels * span);
    float *bias = XAI_NEW(f->program->arena, float, channels);
    if (!weight || !bias) XAI_NO_MEMORY(err);
    for (size_t m = 0; m < channels; m++) {
        double s = (double)gamma[m] / sqrt((double)variance[m] + epsilon), b = c->bias ? (double)c->bias[m] : 0;
        bias[m] = (float)((b - (double)mean[m]) * s + (double)beta[m]);
        for (size_t i = 0; i < span; i++) weight[m * span + i] = (float)((double)c->weight[m * span + i] * s);
    }
    absorb(f, conv, bn);
    return set_weights(f, conv, weight, bias, err);
}

static void merge_clamp(fuser *f, xai_node *conv)
{
    const xai_node *node = only_user(f, conv->out[0]);
    xai_conv *c = conv->state;
    if (node && xai_node_clamp(node, &c->act)) absorb(f, conv, node);
}

/* Weights that are trained keep what follows them apart; those that are only open (for relevance) are constants. */
static bool is_fusable(const xai_program *p, const xai_node *conv)
{
    const xai_conv *c = conv->state;
    return !c->open || (p->plain && c->weight && (c->bias || !xai_has_input(conv, 2)));
}

static bool same_shape(const xai_value *a, const xai_value *b)
{
    return xai_value_runs(b) && xai_shape_equal(&a->shape, &b->shape);
}

/* The convolution moves to the place of the Add, since the other summand may be made in between. Of two convolutions
 * that meet in an Add the later one takes it. */
static xai_status merge_sum(fuser *f, xai_node *conv, xai_error *err)
{
    const xai_node *add = only_user(f, conv->out[0]);
    const xai_conv *c = conv->state;
    if (!is(add, "Add") || !xai_clamp_is_none(c->act) || conv->op->order(conv) != XAI_ORDER_LAST) return XAI_OK;
    if (c->group > 1) return XAI_OK; /* depthwise ones take no residual */
    xai_value *other = add->in[add->in[0] == conv->out[0]];
    if (other == conv->out[0] || !same_shape(conv->out[0], other)) return XAI_OK;
    int at = f->user[conv->out[0]->id], self = f->maker[conv->out[0]->id];
    const xai_node *rival = f->maker[other->id] > self ? f->program->nodes[f->maker[other->id]] : NULL;
    if (is(rival, "Conv") && is_private(f, other) && xai_clamp_is_none(((const xai_conv *)rival->state)->act))
        return XAI_OK;
    xai_value **in = XAI_NEW(f->program->arena, xai_value *, XAI_CONV_RESIDUAL + 1);
    if (!in) XAI_NO_MEMORY(err);
    memcpy(in, conv->in, (size_t)conv->in_count * sizeof *in);
    in[XAI_CONV_RESIDUAL] = other;
    conv->in = in;
    conv->in_count = XAI_CONV_RESIDUAL + 1;
    conv->out[0] = add->out[0];
    f->program->nodes[at] = conv;
    f->program->nodes[self] = NULL;
    f->maker[conv->out[0]->id] = at;
    return XAI_OK;
}

/* The activation that a gate of x times x is, or NULL. */
static const char *gated(const xai_node *gate)
{
    const xai_unary *u = gate->state;
    if (is(gate, "Sigmoid")) return "Swish";
    bool swish = is(gate, "HardSigmoid") && fabsf(u->alpha - 1 / 6.0F) < 1e-6F && u->beta == 0.5F;
    return swish ? "HardSwish" : NULL;
}

/* The Mul takes over from its gate. */
static xai_status merge_gate(fuser *f, xai_node *mul, xai_error *err)
{
    for (int i = 0; i < 2; i++) {
        const xai_value *v = mul->in[i];
        int at = xai_value_runs(v) && is_private(f, v) ? f->maker[v->id] : -1;
        const xai_node *gate = at >= 0 ? f->program->nodes[at] : NULL;
        const char *type = gate && gate->in[0] == mul->in[1 - i] ? gated(gate) : NULL;
        if (!type || gate->in[0]->dtype != XAI_F32) continue;
        xai_setup setup = {.arena = f->program->arena};
        mul->op = xai_op_find(type);
        mul->in[0] = gate->in[0];
        mul->in_count = 1;
        mul->attr_count = 0;
        if (!(mul->state = xai_arena_alloc(setup.arena, 1, mul->op->state_size))) XAI_NO_MEMORY(err);
        f->uses[mul->in[0]->id]--;
        f->user[mul->in[0]->id] = f->maker[mul->out[0]->id];
        remove_node(f, at);
        return mul->op->setup(mul, &setup, err);
    }
    return XAI_OK;
}

static void compact(xai_program *p)
{
    int n = 0;
    for (int i = 0; i < p->node_count; i++)
        if (p->nodes[i]) p->nodes[n++] = p->nodes[i];
    p->node_count = n;
}

xai_status xai_program_fuse(xai_program *p, const bool *kept, xai_error *err)
{
    size_t n = (size_t)p->value_count;
    fuser f = {p, kept, XAI_NEW(p->arena, int, n), XAI_NEW(p->arena, int, n), XAI_NEW(p->arena, int, n)};
    if (!f.uses || !f.maker || !f.user) XAI_NO_MEMORY(err);
    index_uses(&f);
    for (int i = 0; i < p->node_count && !p->plain; i++)
        if (is(p->nodes[i], "Mul")) XAI_TRY(merge_gate(&f, p->nodes[i], err));
    for (int i = 0; i < p->node_count; i++) {
        xai_node *node = p->nodes[i];
        if (!is(node, "Conv") || node->in_count > XAI_CONV_RESIDUAL || !is_fusable(p, node)) continue;
        if (!p->plain) merge_pad(&f, node);
        XAI_TRY(merge_normalization(&f, node, err));
        if (p->plain) continue;
        merge_clamp(&f, node);
        XAI_TRY(merge_sum(&f, node, err));
    }
    for (int i = 0; i < p->node_count; i++)
        if (is(p->nodes[i], "Conv") && p->nodes[i]->in_count > XAI_CONV_RESIDUAL) merge_clamp(&f, p->nodes[i]);
    compact(p);
    return XAI_OK;
}
