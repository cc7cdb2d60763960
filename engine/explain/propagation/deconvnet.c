/*
 * Deconvolutional network: the backward pass in which rectifiers cut what is negative in the signal that comes down,
 * and do not look at what they cut on the way up. Maxima hand it to where they came from (their switches), filters
 * apply their transpose.
 *
 * Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2013, arXiv 1311.2901, section 2.1.
 * From a class it is Captum's Deconvolution. From an activation it is the paper's own use: one activation of a layer
 * keeps its value, all others of the layer are set to zero, and what comes down is the pattern that caused it. Captum's
 * NeuronDeconvolution gives that divided by the activation. Captum knows nn.ReLU alone and passes the plain gradient
 * through others; here all that rectify (ReLU6, SiLU, ...) cut (ops/rectifier.h).
 */
#include "explain/channels.h"

#include <math.h>

enum { FROM_CLASS, FROM_ACTIVATION };

typedef struct deconvnet_params {
    int from;
    const char *layer;
    int64_t channel, row, col;
    int channels;
} deconvnet_params;

static const xai_param PARAMS[] = {
    XAI_P_ENUM(deconvnet_params, from, FROM_CLASS, "class|activation",
               "What is projected down to the pixels: the target's score, or one activation of a layer."),
    XAI_P_LAYER(deconvnet_params, layer, "From an activation: its layer; the last spatial one if omitted."),
    XAI_P_INT(deconvnet_params, channel, -1, -1, 1 << 20, "From an activation: its channel; -1: the strongest."),
    XAI_P_INT(deconvnet_params, row, -1, -1, 1 << 20, "From an activation: its row; -1: the strongest."),
    XAI_P_INT(deconvnet_params, col, -1, -1, 1 << 20, "From an activation: its column; -1: the strongest."),
    XAI_P_ENUM(deconvnet_params, channels, XAI_FOLD_SUM, XAI_FOLD_CHOICES, XAI_FOLD_HELP),
};

/* Channels, rows and columns of a layer; without a map it has one row and one column a channel. */
static void extent_of(const xai_shape *shape, int64_t extent[3])
{
    bool map = shape->rank == 4;
    extent[0] = shape->dim[1];
    extent[1] = map ? shape->dim[2] : 1;
    extent[2] = map ? shape->dim[3] : xai_shape_span(shape, 2, shape->rank);
}

static xai_status check_within(int64_t index, int64_t count, const char *where, xai_error *err)
{
    XAI_CHECK(index < count, err, BAD_PARAM, where, "the layer has %lld of them, from 0 on; there is no %lld",
              (long long)count, (long long)index);
    return XAI_OK;
}

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    const deconvnet_params *p = params;
    int64_t extent[3];
    if (p->from == FROM_CLASS) return XAI_OK;
    XAI_CHECK(p->layer, err, BAD_PARAM, "params.layer", "this model has no spatial layer to choose: name the activation's");
    const xai_value *layer = xai_program_find(model->outline, p->layer);
    XAI_CHECK(layer && layer->dtype == XAI_F32 && layer->shape.rank >= 2, err, BAD_PARAM, "params.layer",
              "'%s' has no channels: name a layer of floats with at least 2 dimensions", p->layer);
    extent_of(&layer->shape, extent);
    XAI_TRY(check_within(p->channel, extent[0], "params.channel", err));
    XAI_TRY(check_within(p->row, extent[1], "params.row", err));
    return check_within(p->col, extent[2], "params.col", err);
}

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    (void)params;
    return 3;
}

/* The strongest of those that the parameters leave; the first of equal ones. */
static size_t choose(const deconvnet_params *p, const xai_shape *shape, const float *data)
{
    int64_t extent[3], from[3], to[3], wanted[3] = {p->channel, p->row, p->col};
    extent_of(shape, extent);
    for (int i = 0; i < 3; i++) {
        from[i] = wanted[i] < 0 ? 0 : wanted[i];
        to[i] = wanted[i] < 0 ? extent[i] : wanted[i] + 1;
    }
    int64_t best = -1;
    for (int64_t c = from[0]; c < to[0]; c++)
        for (int64_t y = from[1]; y < to[1]; y++)
            for (int64_t x = from[2]; x < to[2]; x++) {
                int64_t at = (c * extent[1] + y) * extent[2] + x;
                if (best < 0 || data[at] > data[best]) best = at;
            }
    return (size_t)best;
}

static xai_status tell_choice(xai_task *task, const xai_shape *shape, size_t at, float activation, xai_error *err)
{
    int64_t extent[3];
    extent_of(shape, extent);
    size_t width = (size_t)extent[2], area = (size_t)extent[1] * width;
    XAI_TRY(xai_task_add_metric(task, "activation", (double)activation, err));
    XAI_TRY(xai_task_add_metric(task, "channel", (double)(at / area), err));
    XAI_TRY(xai_task_add_metric(task, "row", (double)(at % area / width), err));
    XAI_TRY(xai_task_add_metric(task, "col", (double)(at % width), err));
    if (activation > 0) return XAI_OK;
    return xai_task_warn(task, err, "The chosen activation is %g: it is not active on this picture.", (double)activation);
}

static xai_status project_activation(xai_task *task, const deconvnet_params *p, float *out, xai_error *err)
{
    xai_context *c = task->context;
    xai_session *session;
    const xai_value *layer = xai_program_find(c->program, p->layer);
    XAI_TRY(xai_context_gradient_base(c, &session, err));
    const float *data = xai_session_value_data(session, layer);
    float *seed = XAI_NEW(task->arena, float, (size_t)xai_value_count(layer));
    if (!seed) XAI_NO_MEMORY(err);
    size_t at = choose(p, &layer->shape, data);
    seed[at] = data[at];
    XAI_TRY(tell_choice(task, &layer->shape, at, data[at], err));
    return xai_task_backward(task, &(xai_seed){layer, seed}, &(xai_wanted){c->in, out}, XAI_POLICY_DECONV, err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const deconvnet_params *p = params;
    const xai_context *c = task->context;
    float *out = XAI_NEW(task->arena, float, c->input_count);
    if (!out) XAI_NO_MEMORY(err);
    XAI_TRY(p->from == FROM_ACTIVATION
                ? project_activation(task, p, out, err)
                : xai_task_gradient(task, &(xai_wanted){c->in, out}, 1, XAI_POLICY_DECONV, err));
    return xai_task_add_folded(task, "map", out, c->in, (xai_fold)p->channels, false, err);
}

const xai_method xai_method_deconvnet = {
    .info = {.id = "deconvnet", .title = "DeconvNet", .family = "propagation",
             .summary = "The pattern in the pixels that excites a class, or one activation of a layer.",
             .paper = "arXiv:1311.2901", .version = 1, .needs = "gradient, layer", .cost = "1 forward, 1 backward",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(deconvnet_params),
    .needs = XAI_NEEDS_GRADIENT,
    .space = XAI_SPACE_LOGIT,
    .check = check,
    .cost = cost,
    .run = run,
};
