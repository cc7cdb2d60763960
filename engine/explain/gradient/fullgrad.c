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
#include "attribution.h"
#include "image/upsample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAST 1e-7 /* added to a maximum that divides */

static const xai_param PARAMS[] = {
    XAI_P_BOOL(xai_gradient_params, biases, true, "Add what the layers' biases contribute; off: the picture's part alone."),
};

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    (void)params;
    return 3;
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
    double *total;        /* by pixel */
} room;

static void add_picture(const xai_context *c, const float *g, const room *r)
{
    size_t area = (size_t)c->height * (size_t)c->width;
    for (size_t ch = 0; ch < (size_t)c->channels; ch++) {
        for (size_t i = 0; i < area; i++) {
            size_t at = ch * c->channel_stride + i / (size_t)c->width * c->row_stride + i % (size_t)c->width * c->x_stride;
            r->values[i] = (double)c->input[at] * (double)g[at];
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

/* The input, then the layers. Gradients lie one after the other in `floats`. */
static xai_status list_wanted(xai_task *task, const void *params, xai_wanted **out, size_t *count, float **floats,
                              xai_error *err)
{
    xai_context *c = task->context;
    const char *const *names;
    size_t n, all = c->input_count;
    XAI_TRY(reads(c->model, params, task->arena, &names, &n, err));
    xai_wanted *w = *out = XAI_NEW(task->arena, xai_wanted, n + 1);
    if (!w) XAI_NO_MEMORY(err);
    w[0].value = c->in;
    *count = 1;
    for (size_t i = 0; i < n; i++) {
        const xai_value *v = xai_program_find(c->program, names[i]);
        if (!v || !xai_value_runs(v)) continue;
        w[(*count)++].value = v;
        all += (size_t)xai_value_count(v);
    }
    if (!(*floats = malloc(all * sizeof **floats))) XAI_NO_MEMORY(err);
    float *at = *floats;
    for (size_t i = 0; i < *count; at += xai_value_count(w[i++].value)) w[i].out = at;
    return XAI_OK;
}

/* The node that makes a layer, before its channels are put in another order. */
static const xai_node *layer_of(const xai_program *p, const xai_value *v)
{
    const xai_node *n = maker_of(p, v);
    return is(n, "Reorder") ? maker_of(p, n->in[0]) : n;
}

static xai_status sum_up(xai_task *task, const xai_wanted *wanted, size_t count, xai_error *err)
{
    const xai_context *c = task->context;
    size_t area = (size_t)c->height * (size_t)c->width, largest = area;
    for (size_t i = 1; i < count; i++) {
        size_t n = (size_t)(wanted[i].value->shape.dim[2] * wanted[i].value->shape.dim[3]);
        if (n > largest) largest = n;
    }
    room r = {XAI_NEW(task->arena, double, largest), XAI_NEW(task->arena, double, largest),
              XAI_NEW(task->arena, float, largest), XAI_NEW(task->arena, float, area), XAI_NEW(task->arena, double, area)};
    if (!r.values || !r.sum || !r.small || !r.large || !r.total) XAI_NO_MEMORY(err);
    add_picture(c, wanted[0].out, &r);
    for (size_t i = 1; i < count; i++) {
        const xai_node *layer = layer_of(c->program, wanted[i].value);
        if (layer) add_layer(c, layer, wanted[i].value->shape.dim, wanted[i].out, &r);
    }
    for (size_t i = 0; i < area; i++) r.large[i] = (float)r.total[i];
    return xai_task_add_map(task, "map", r.large, c->height, c->width, err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    xai_wanted *wanted = NULL;
    size_t count = 0;
    float *floats = NULL;
    xai_status status = list_wanted(task, params, &wanted, &count, &floats, err);
    if (status == XAI_OK) status = xai_task_gradient(task, wanted, count, XAI_POLICY_PLAIN, err);
    if (status == XAI_OK) status = sum_up(task, wanted, count, err);
    free(floats);
    return status;
}

const xai_method xai_method_fullgrad = {
    .info = {.id = "fullgrad", .title = "FullGrad", .family = "gradient",
             .summary = "Where the picture and the biases of all layers together make up the score.",
             .paper = "arXiv:1905.00780", .version = 1, .needs = "gradient", .cost = "1 forward, 1 backward",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_gradient_params),
    .needs = XAI_NEEDS_GRADIENT,
    .space = XAI_SPACE_LOGIT,
    .reads = reads,
    .cost = cost,
    .run = run,
};
