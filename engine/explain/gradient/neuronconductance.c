/*
 * Neuron conductance: integrated gradients of which only what goes through one neuron is counted, or through all neurons
 * of a channel: which pixels make the score by way of it.
 *
 *     a = (x - b) * integral over [0, 1] of sum over its neurons n of d target / d n * d n / d x at b + alpha (x - b)
 *
 * Dhamdhere, Sundararajan and Yan, "How Important Is a Neuron?", 2018, arXiv 1805.12233, section 3. As Captum's
 * NeuronConductance, which knows single neurons alone, and whose default rule is the trapezoid. The conductance of the
 * neuron, the sum of all pixels, is a metric. Without a channel it is the one whose activations, times their gradients at
 * the picture, say most for the target.
 */
#include "tunnel.h"

static const xai_param PARAMS[] = {
    XAI_P_LAYER(xai_gradient_params, layer,
                "Layer that the neuron is of: a tensor or node with a spatial map; the last one if omitted."),
    XAI_P_INT(xai_gradient_params, channel, -1, -1, 1 << 20,
              "Channel of the layer; -1: the one that says most for the target."),
    XAI_P_INT(xai_gradient_params, row, -1, -1, 1 << 20, "Row of the neuron in the channel's map; -1: the whole channel."),
    XAI_P_INT(xai_gradient_params, column, -1, -1, 1 << 20, "Its column; given with the row, or not at all."),
    XAI_GRADIENT_BASELINE,
    XAI_GRADIENT_PATH,
    XAI_GRADIENT_ABSOLUTE(false),
    XAI_GRADIENT_COLOURS(XAI_FOLD_SUM),
    XAI_GRADIENT_NOISE,
};

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    const xai_gradient_params *p = params;
    XAI_TRY(xai_path_check(p, err));
    XAI_TRY(xai_model_check_spatial(model, p->layer, err));
    const int64_t *dim = xai_program_find(model->outline, p->layer)->shape.dim;
    XAI_CHECK(p->channel < dim[1], err, BAD_PARAM, "params.channel", "'%s' has channels 0 to %d", p->layer, (int)dim[1] - 1);
    XAI_CHECK((p->row < 0) == (p->column < 0), err, BAD_PARAM, p->row < 0 ? "params.row" : "params.column",
              "give both row and column, or neither");
    XAI_CHECK(p->row < dim[2], err, BAD_PARAM, "params.row", "'%s' has rows 0 to %d", p->layer, (int)dim[2] - 1);
    XAI_CHECK(p->column < dim[3], err, BAD_PARAM, "params.column", "'%s' has columns 0 to %d", p->layer, (int)dim[3] - 1);
    return XAI_OK;
}

/* A backward to find the channel. */
static double cost(const xai_model *model, const void *params)
{
    (void)model;
    const xai_gradient_params *p = params;
    return xai_tunnel_cost(p, 3 * (double)p->steps) + (p->channel < 0 ? 2 : 0);
}

typedef struct conductance {
    xai_task *task;
    xai_attribution path;
    xai_passage passage;
} conductance;

/* The channel of the largest sum of gradient times activation; of equal ones the first. */
static xai_status find_channel(conductance *c, size_t *channel, xai_error *err)
{
    const xai_value *of = c->passage.of;
    size_t channels = (size_t)of->shape.dim[1], area = (size_t)(of->shape.dim[2] * of->shape.dim[3]);
    xai_session *session;
    float *g = XAI_NEW(c->task->arena, float, channels * area);
    if (!g) XAI_NO_MEMORY(err);
    XAI_TRY(xai_task_gradient(c->task, &(xai_wanted){of, g}, 1, XAI_POLICY_PLAIN, err));
    XAI_TRY(xai_context_kept_base(c->task->context, &session, err));
    const float *a = xai_session_value_data(session, of);
    double most = -INFINITY;
    for (size_t k = 0; k < channels; k++) {
        double sum = 0;
        for (size_t i = k * area; i < (k + 1) * area; i++) sum += (double)g[i] * (double)a[i];
        if (!(sum > most)) continue;
        most = sum;
        *channel = k;
    }
    return xai_task_add_metric(c->task, "channel", (double)*channel, err);
}

static xai_status set_passage(conductance *c, const xai_gradient_params *p, xai_error *err)
{
    xai_passage *at = &c->passage;
    at->of = xai_program_find(c->task->context->program, p->layer);
    const int64_t *dim = at->of->shape.dim;
    size_t channel = (size_t)p->channel, area = (size_t)(dim[2] * dim[3]);
    if (p->channel < 0) XAI_TRY(find_channel(c, &channel, err));
    at->first = channel * area + (p->row < 0 ? 0 : (size_t)(p->row * dim[3] + p->column));
    at->count = p->row < 0 ? area : 1;
    return XAI_OK;
}

static xai_status attribute(void *user, const float *input, double *out, xai_error *err)
{
    conductance *c = user;
    c->path.input = input;
    c->path.sums = out;
    return xai_attribution_run(&c->path, c->task, err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const xai_gradient_params *p = params;
    size_t n = task->context->input_count;
    conductance c = {.task = task};
    double *sums = XAI_NEW(task->arena, double, n), whole = 0;
    if (!sums) XAI_NO_MEMORY(err);
    xai_attribution_plain(&c.path, task, p);
    XAI_TRY(xai_attribution_set_baseline(&c.path, task, err));
    XAI_TRY(xai_attribution_set_path(&c.path, task, err));
    XAI_TRY(set_passage(&c, p, err));
    c.path.through = &c.passage;
    XAI_TRY(xai_tunnel_run(task, p, attribute, &c, sums, n, err));
    for (size_t i = 0; i < n; i++) whole += sums[i];
    if (xai_gradient_is_complete(p)) XAI_TRY(xai_task_add_metric(task, "conductance", whole, err));
    return xai_task_add_folded_sums(task, "map", sums, task->context->in, (xai_fold)p->channels, false, err);
}

const xai_method xai_method_neuronconductance = {
    .info = {.id = "neuronconductance", .title = "Neuron conductance", .family = "gradient",
             .summary = "Which pixels make the score by way of one neuron, or of one channel of a layer.",
             .paper = "arXiv:1805.12233", .version = 1, .needs = "gradient, layer", .cost = "51 forwards, 51 backwards",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_gradient_params),
    .needs = XAI_NEEDS_GRADIENT | XAI_NEEDS_LAYER | XAI_NEEDS_INPUT,
    .lanes = 1 << XAI_PLAN_GRADIENT,
    .space = XAI_SPACE_LOGIT,
    .check = check,
    .cost = cost,
    .run = run,
};
