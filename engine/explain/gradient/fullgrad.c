/*
 * FullGrad: input x gradient, and of every convolution and normalisation its bias times the gradient by its output:
 * where each of them makes up the score.
 *
 *     S = sum over colours c of psi(|x_c g_c|) + sum over layers l and channels k of psi(|b_lk g_lk|)
 *     psi: scaled to [0, 1] (less the minimum, by the maximum + 1e-7), then resized to the picture, bilinear
 *
 * Srinivas and Fleuret, "Full-Gradient Representation for Neural Network Visualization", NeurIPS 2019, arXiv 1905.00780,
 * section 3. As pytorch-grad-cam's FullGrad, before it scales the sum once more for display. A normalisation that
 * follows a convolution is one layer with it: its bias is then the folded one, as exporters write it anyway. The library
 * run on a network whose normalisations are not folded counts such a layer twice, first by the convolution's own bias,
 * then by beta - gamma mean / sqrt(variance + epsilon). It pairs biases, in the order in which modules are defined, with
 * gradients in the order in which they are run; here each bias has its own layer's. Biases of linear layers, which have
 * no place in the picture, are left out by both.
 */
#include "image/upsample.h"
#include "tunnel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAST 1e-7 /* added to a maximum that divides */

static const xai_param PARAMS[] = {
    XAI_P_BOOL(xai_gradient_params, biases, true, "Add what the layers' biases contribute; off: the picture's part alone."),
    XAI_GRADIENT_NOISE,
};

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    return xai_tunnel_cost(params, xai_gradient_varies(params) ? 3 : 2);
}

/* ---------------------------------------------------------------- which layers */

static bool is(const xai_node *node, const char *type) { return node && strcmp(node->op->type, type) == 0; }

static const xai_node *maker_of(const xai_program *p, const xai_value *v)
{
    for (int i = 0; i < p->node_count; i++)
        if (p->nodes[i]->out[0] == v) return p->nodes[i];
    return NULL;
}

/* The normalisation that is all that reads the value, and so can be folded. */
static bool is_normalized_next(const xai_program *p, const xai_value *v)
{
    int readers = 0, normalizations = 0;
    for (int i = 0; i < p->node_count; i++)
        for (int k = 0; k < p->nodes[i]->in_count; k++) {
            if (p->nodes[i]->in[k] != v) continue;
            readers++;
            normalizations += is(p->nodes[i], "BatchNormalization");
        }
    return readers == 1 && normalizations == 1;
}

/* The outputs of convolutions and normalisations, which must not be fused with what follows. */
static xai_status reads(const xai_model *model, const void *params, xai_arena *arena, const char *const **names,
                        size_t *count, xai_error *err)
{
    const xai_program *p = model->outline;
    const char **list = XAI_NEW(arena, const char *, (size_t)p->node_count + 1);
    if (!list) XAI_NO_MEMORY(err);
    *names = list;
    *count = 0;
    for (int i = 0; ((const xai_gradient_params *)params)->biases && i < p->node_count; i++) {
        const xai_node *n = p->nodes[i];
        bool layer = is(n, "BatchNormalization") || (is(n, "Conv") && !is_normalized_next(p, n->out[0]));
        if (layer && n->out[0]->shape.rank == 4) list[(*count)++] = n->out[0]->name;
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- biases */

static const float *constant(const xai_node *node, int i)
{
    const xai_tensor *t = xai_has_input(node, i) ? node->in[i]->constant : NULL;
    return t && t->dtype == XAI_F32 ? t->data : NULL;
}

/* The bias of a channel, 0 if there is none. */
static double bias_of(const xai_node *n, size_t channel)
{
    if (is(n, "Conv")) {
        const float *bias = constant(n, 2);
        return bias ? (double)bias[channel] : 0;
    }
    const float *gamma = constant(n, 1), *beta = constant(n, 2), *mean = constant(n, 3), *variance = constant(n, 4);
    if (!is(n, "BatchNormalization") || !gamma || !beta || !mean || !variance) return 0;
    double deviation = sqrt((double)variance[channel] + (double)xai_attr_real(n, "epsilon", 1e-5F));
    return (double)beta[channel] - (double)mean[channel] * (double)gamma[channel] / deviation;
}

/* ---------------------------------------------------------------- sums */

/* sum += |values|, scaled to [0, 1]. */
static void add_scaled(const double *values, size_t n, double *sum)
{
    double low = INFINITY, high = 0;
    for (size_t i = 0; i < n; i++) {
        low = fmin(low, fabs(values[i]));
        high = fmax(high, fabs(values[i]));
    }
    for (size_t i = 0; i < n; i++) sum[i] += (fabs(values[i]) - low) / (LEAST + high - low);
}

typedef struct room {
    double *values, *sum; /* of one channel, of one layer */
    float *small, *large; /* a layer's sum, and enlarged */
    double *total;        /* by pixel: what comes out */
} room;

static void add_picture(const xai_context *c, const float *x, const float *g, const room *r)
{
    size_t area = (size_t)c->height * (size_t)c->width;
    for (size_t ch = 0; ch < (size_t)c->channels; ch++) {
        for (size_t i = 0; i < area; i++) {
            size_t at = ch * c->channel_stride + i / (size_t)c->width * c->row_stride + i % (size_t)c->width * c->x_stride;
            r->values[i] = (double)x[at] * (double)g[at];
        }
        add_scaled(r->values, area, r->total);
    }
}

/* The sum over a layer's channels, enlarged at once: resizing is linear. */
static void add_layer(const xai_context *c, const xai_node *layer, const int64_t *dim, const float *g, const room *r)
{
    size_t n = (size_t)(dim[2] * dim[3]), area = (size_t)c->height * (size_t)c->width;
    for (size_t i = 0; i < n; i++) r->sum[i] = 0;
    for (size_t k = 0; k < (size_t)dim[1]; k++) {
        double bias = bias_of(layer, k);
        for (size_t i = 0; i < n; i++) r->values[i] = bias * (double)g[k * n + i];
        if (bias != 0) add_scaled(r->values, n, r->sum);
    }
    for (size_t i = 0; i < n; i++) r->small[i] = (float)r->sum[i];
    xai_upsample_bilinear(r->small, (int)dim[2], (int)dim[3], r->large, c->height, c->width, false);
    for (size_t i = 0; i < area; i++) r->total[i] += (double)r->large[i];
}

/* ---------------------------------------------------------------- run */

typedef struct sum {
    xai_task *task;
    size_t count;       /* the input, then the layers */
    xai_value **of;
    const float *input; /* the picture */
    room room;
} sum;

static xai_status list_layers(sum *s, const void *params, xai_error *err)
{
    xai_context *c = s->task->context;
    const char *const *names;
    size_t n;
    XAI_TRY(reads(c->model, params, s->task->arena, &names, &n, err));
    if (!(s->of = XAI_NEW(s->task->arena, xai_value *, n + 1))) XAI_NO_MEMORY(err);
    s->of[s->count++] = c->in;
    for (size_t i = 0; i < n; i++) {
        xai_value *v = xai_program_find(c->program, names[i]);
        if (v && xai_value_runs(v)) s->of[s->count++] = v;
    }
    return XAI_OK;
}

static xai_status open_sum(sum *s, xai_task *task, const void *params, xai_error *err)
{
    const xai_context *c = task->context;
    size_t area = (size_t)c->height * (size_t)c->width, largest = area;
    *s = (sum){.task = task};
    XAI_TRY(list_layers(s, params, err));
    for (size_t i = 1; i < s->count; i++) {
        size_t n = (size_t)(s->of[i]->shape.dim[2] * s->of[i]->shape.dim[3]);
        if (n > largest) largest = n;
    }
    room *r = &s->room;
    *r = (room){XAI_NEW(task->arena, double, largest), XAI_NEW(task->arena, double, largest),
                XAI_NEW(task->arena, float, largest), XAI_NEW(task->arena, float, area), NULL};
    if (!r->values || !r->sum || !r->small || !r->large) XAI_NO_MEMORY(err);
    return XAI_OK;
}

/* The node that makes a layer, before its channels are put in another order. */
static const xai_node *layer_of(const xai_program *p, const xai_value *v)
{
    const xai_node *n = maker_of(p, v);
    return is(n, "Reorder") ? maker_of(p, n->in[0]) : n;
}

static void take(void *user, const xai_sample *samples, size_t count, const xai_par *par)
{
    (void)count;
    (void)par;
    const sum *s = user;
    const xai_context *c = s->task->context;
    for (size_t i = 0; i < (size_t)c->height * (size_t)c->width; i++) s->room.total[i] = 0;
    add_picture(c, s->input, samples[0].gradients[0], &s->room);
    for (size_t i = 1; i < s->count; i++) {
        const xai_node *layer = layer_of(c->program, s->of[i]);
        if (layer) add_layer(c, layer, s->of[i]->shape.dim, samples[0].gradients[i], &s->room);
    }
}

/* The gradients at the picture itself come from the base run, which other methods share. */
static xai_status take_base(sum *s, xai_error *err)
{
    size_t all = 0, at = 0;
    for (size_t i = 0; i < s->count; i++) all += (size_t)xai_value_count(s->of[i]);
    xai_wanted *wanted = XAI_NEW(s->task->arena, xai_wanted, s->count);
    const float **gradients = XAI_NEW(s->task->arena, const float *, s->count);
    float *floats = malloc(all * sizeof *floats);
    xai_status status = wanted && gradients && floats ? XAI_OK : XAI_ERROR_SET(err, NO_MEMORY, "", "out of memory");
    for (size_t i = 0; status == XAI_OK && i < s->count; at += (size_t)xai_value_count(s->of[i++])) {
        wanted[i] = (xai_wanted){s->of[i], floats + at};
        gradients[i] = floats + at;
    }
    if (status == XAI_OK) status = xai_task_gradient(s->task, wanted, s->count, XAI_POLICY_PLAIN, err);
    if (status == XAI_OK) take(s, &(xai_sample){.gradients = gradients}, 1, NULL);
    free(floats);
    return status;
}

static void copy_input(const void *user, size_t index, float *values)
{
    (void)index;
    const sum *s = user;
    memcpy(values, s->input, s->task->context->input_count * sizeof *values);
}

static xai_status attribute(void *user, const float *input, double *out, xai_error *err)
{
    sum *s = user;
    xai_context *c = s->task->context;
    s->input = input;
    s->room.total = out;
    if (input == c->input) return take_base(s, err);
    xai_variants variants = {.count = 1, .make = copy_input, .user = s};
    xai_gradients g = {.by = s->of, .by_count = s->count, .policy = XAI_POLICY_PLAIN, .take = take, .user = s};
    return xai_differentiate(c, &s->task->aim, &variants, &g, err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const xai_context *c = task->context;
    size_t area = (size_t)c->height * (size_t)c->width;
    sum s;
    double *total = XAI_NEW(task->arena, double, area);
    if (!total) XAI_NO_MEMORY(err);
    XAI_TRY(open_sum(&s, task, params, err));
    XAI_TRY(xai_tunnel_run(task, params, attribute, &s, total, area, err));
    for (size_t i = 0; i < area; i++) s.room.large[i] = (float)total[i];
    return xai_task_add_map(task, "map", s.room.large, c->height, c->width, err);
}

const xai_method xai_method_fullgrad = {
    .info = {.id = "fullgrad", .title = "FullGrad", .family = "gradient",
             .summary = "Where the picture and the biases of all layers together make up the score.",
             .paper = "arXiv:1905.00780", .version = 1, .needs = "gradient", .cost = "1 forward, 1 backward",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_gradient_params),
    .needs = XAI_NEEDS_GRADIENT,
    .lanes = 1 << XAI_PLAN_GRADIENT,
    .varies = xai_gradient_varies,
    .space = XAI_SPACE_LOGIT,
    .reads = reads,
    .cost = cost,
    .run = run,
};
