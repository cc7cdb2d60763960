/*
 * Layer-wise relevance propagation: the score is handed down, layer by layer, to the pixels.
 *
 * Bach et al., "On pixel-wise explanations for non-linear classifier decisions by layer-wise relevance propagation",
 * 2015; composites after Montavon et al., "Layer-wise relevance propagation: an overview", 2019, and Kohlbrenner et
 * al., "Towards best practice in explaining neural network decisions with LRP", arXiv 1910.09840. The rules are in
 * graph/relevance.h. Composites, defaults and stabilisers are zennit's (0.5.1):
 *
 *     epsilon_plus                z+ for convolutions, epsilon for dense layers
 *     epsilon_gamma_box           gamma for convolutions, z-box for the first of them, epsilon for dense layers
 *     epsilon_alpha2_beta1        alpha 2, beta 1 for convolutions, epsilon for dense layers
 *     epsilon_plus_flat, epsilon_alpha2_beta1_flat    the same with flat for the first layer
 *     single                      one rule everywhere, and another for the first layer if `first` says so
 *
 * Batch normalisation is folded into the convolution before it first. Relevance starts as the target's own value. Where
 * zennit needs a module to see a sum (it passes the gradient through a plain `+`, which doubles relevance), sums and
 * products of the graph are seen here; its first layer is the first module, here it is the first that runs.
 */
#include "balance.h"
#include "propagation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CHANNELS = 4 };

typedef struct lrp_params {
    int composite, rule, first;
    double epsilon, gamma, alpha;
    const char *low, *high;
    int channels;
} lrp_params;

enum { EPSILON_PLUS, EPSILON_GAMMA_BOX, EPSILON_ALPHA2_BETA1, EPSILON_PLUS_FLAT, EPSILON_ALPHA2_BETA1_FLAT, SINGLE };
enum { RULE_ZERO, RULE_EPSILON, RULE_GAMMA, RULE_ALPHA_BETA, RULE_Z_PLUS, RULE_FLAT, RULE_W2 };
enum { FIRST_SAME, FIRST_FLAT, FIRST_W2, FIRST_Z_BOX };

static const xai_param PARAMS[] = {
    XAI_P_ENUM(lrp_params, composite, EPSILON_PLUS,
               "epsilon_plus|epsilon_gamma_box|epsilon_alpha2_beta1|epsilon_plus_flat|epsilon_alpha2_beta1_flat|single",
               "Which rule each layer takes; single: the one named by `rule`."),
    XAI_P_ENUM(lrp_params, rule, RULE_EPSILON, "zero|epsilon|gamma|alpha_beta|z_plus|flat|w2",
               "Of composite single: the rule of all layers."),
    XAI_P_ENUM(lrp_params, first, FIRST_SAME, "same|flat|w2|z_box",
               "Of composite single: the rule of the first layer, which sees pixels and not activations."),
    XAI_P_REAL(lrp_params, epsilon, 1e-6, 0, 1e6,
               "Of the epsilon rule: relevance that small sums would hand down is absorbed; more: a sparser map."),
    XAI_P_REAL(lrp_params, gamma, 0.25, 0, 1e6, "Of the gamma rule: how much what speaks for the target is favoured."),
    XAI_P_REAL(lrp_params, alpha, 2, 1, 1e6,
               "Of rule alpha_beta: weight of what speaks for the target; beta, against it, is alpha - 1."),
    XAI_P_TEXT(lrp_params, low,
               "Of the z-box rule: the input's lowest value, or one for each channel, as in '-2.1,-2,-1.8'; black if "
               "omitted."),
    XAI_P_TEXT(lrp_params, high, "Of the z-box rule: the input's highest value, as for low; white if omitted."),
    XAI_P_ENUM(lrp_params, channels, XAI_FOLD_SUM, XAI_FOLD_CHOICES, XAI_FOLD_HELP),
};

/* ---------------------------------------------------------------- rules */

static xai_rule alpha_beta(float alpha)
{
    return (xai_rule){.kind = XAI_RULE_ALPHA_BETA, .epsilon = XAI_RELEVANCE_STABILIZER, .alpha = alpha,
                      .beta = alpha - 1};
}

static xai_rule plain_rule(xai_rule_kind kind)
{
    return (xai_rule){.kind = kind, .epsilon = XAI_RELEVANCE_STABILIZER};
}

static xai_rule epsilon_rule(double epsilon)
{
    return (xai_rule){.kind = XAI_RULE_EPSILON, .epsilon = (float)epsilon};
}

static xai_rule gamma_rule(const lrp_params *p)
{
    xai_rule rule = plain_rule(XAI_RULE_GAMMA);
    rule.gamma = (float)p->gamma;
    return rule;
}

static xai_rule single_rule(const lrp_params *p)
{
    switch (p->rule) {
    case RULE_ZERO: return epsilon_rule(0);
    case RULE_GAMMA: return gamma_rule(p);
    case RULE_ALPHA_BETA: return alpha_beta((float)p->alpha);
    case RULE_Z_PLUS: return alpha_beta(1);
    case RULE_FLAT: return plain_rule(XAI_RULE_FLAT);
    case RULE_W2: return plain_rule(XAI_RULE_W_SQUARE);
    default: return epsilon_rule(p->epsilon);
    }
}

static void take_first(xai_relevance_plan *plan, xai_rule_kind kind)
{
    plan->first = plain_rule(kind);
    plan->has_first = true;
}

static xai_relevance_plan plan_of(const lrp_params *p)
{
    static const xai_rule_kind FIRST[] = {[FIRST_FLAT] = XAI_RULE_FLAT, [FIRST_W2] = XAI_RULE_W_SQUARE,
                                          [FIRST_Z_BOX] = XAI_RULE_Z_BOX};
    xai_relevance_plan plan = {.dense = epsilon_rule(p->epsilon)};
    switch (p->composite) {
    case SINGLE:
        plan.convolution = plan.dense = single_rule(p);
        if (p->first != FIRST_SAME) take_first(&plan, FIRST[p->first]);
        break;
    case EPSILON_GAMMA_BOX:
        plan.convolution = gamma_rule(p);
        take_first(&plan, XAI_RULE_Z_BOX);
        plan.first_convolution = true;
        break;
    default: {
        bool plus = p->composite == EPSILON_PLUS || p->composite == EPSILON_PLUS_FLAT;
        bool flat = p->composite == EPSILON_PLUS_FLAT || p->composite == EPSILON_ALPHA2_BETA1_FLAT;
        plan.convolution = alpha_beta(plus ? 1 : 2);
        if (flat) take_first(&plan, XAI_RULE_FLAT);
    }
    }
    return plan;
}

/* ---------------------------------------------------------------- bounds */

/* One number for all channels, or as many as there are. */
static xai_status read_bounds(const char *text, int channels, const char *where, float *out, xai_error *err)
{
    int n = 0;
    char *end;
    for (const char *at = text; n < MOST_CHANNELS; at = end + 1) {
        double v = strtod(at, &end);
        XAI_CHECK(end != at && isfinite(v) && (!*end || *end == ','), err, BAD_PARAM, where,
                  "'%s' is no number, nor a list of numbers with commas between them", text);
        out[n++] = (float)v;
        if (!*end) break;
    }
    XAI_CHECK(n == 1 || n == channels, err, BAD_PARAM, where, "the input has %d channels: give 1 or %d numbers", channels,
              channels);
    for (; n < channels; n++) out[n] = out[0];
    return XAI_OK;
}

static int channels_of(const xai_model *m)
{
    return (int)m->info.input_shape[m->info.layout == XAI_LAYOUT_NCHW ? 1 : 3];
}

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    const lrp_params *p = params;
    float bounds[MOST_CHANNELS];
    if (p->low) XAI_TRY(read_bounds(p->low, channels_of(model), "params.low", bounds, err));
    return p->high ? read_bounds(p->high, channels_of(model), "params.high", bounds, err) : XAI_OK;
}

/* What a pixel can be at least and at most: black and white, in the model's own numbers. */
static xai_status usual_bounds(const xai_context *c, float *low, float *high, xai_error *err)
{
    float *black = XAI_NEW(c->arena, float, c->input_count), *white = XAI_NEW(c->arena, float, c->input_count);
    if (!black || !white) XAI_NO_MEMORY(err);
    XAI_TRY(xai_context_baseline(c, XAI_BASELINE_BLACK, 0, black, err));
    XAI_TRY(xai_context_baseline(c, XAI_BASELINE_WHITE, 0, white, err));
    for (int i = 0; i < c->channels; i++) {
        size_t at = (size_t)i * c->channel_stride;
        low[i] = fminf(black[at], white[at]);
        high[i] = fmaxf(black[at], white[at]);
    }
    return XAI_OK;
}

static xai_status set_bounds(const xai_context *c, const lrp_params *p, xai_rule *first, xai_error *err)
{
    float *low = XAI_NEW(c->arena, float, MOST_CHANNELS), *high = XAI_NEW(c->arena, float, MOST_CHANNELS);
    if (!low || !high) XAI_NO_MEMORY(err);
    XAI_TRY(usual_bounds(c, low, high, err));
    if (p->low) XAI_TRY(read_bounds(p->low, c->channels, "params.low", low, err));
    if (p->high) XAI_TRY(read_bounds(p->high, c->channels, "params.high", high, err));
    for (int i = 0; i < c->channels; i++)
        XAI_CHECK(low[i] <= high[i], err, BAD_PARAM, "params.low", "low is above high in channel %d: %g and %g", i,
                  (double)low[i], (double)high[i]);
    first->low = low;
    first->high = high;
    first->channels = c->channels;
    return XAI_OK;
}

/* ---------------------------------------------------------------- run */

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    xai_relevance_plan plan = plan_of(params);
    return 2 + xai_relevance_forwards(&plan.convolution) + 2 * xai_relevance_backwards(&plan.convolution);
}

static xai_status start(xai_task *task, const xai_plain *plain, xai_seed *seed, double *sum, xai_error *err)
{
    const xai_value *from = xai_program_find(plain->program, task->aim.value->name);
    size_t n = (size_t)xai_value_count(from);
    float *parts = XAI_NEW(task->arena, float, n);
    if (!parts) XAI_NO_MEMORY(err);
    xai_aim_add_parts(&task->aim, xai_session_value_data(plain->session, from), parts);
    for (size_t i = 0; i < n; i++) *sum += (double)parts[i];
    *seed = (xai_seed){from, parts};
    return XAI_OK;
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const lrp_params *p = params;
    xai_context *c = task->context;
    const xai_plain *plain;
    xai_relevance_plan plan = plan_of(p);
    xai_seed seed;
    xai_rule *rules;
    double begun = 0, arrived = 0;
    if (plan.has_first && plan.first.kind == XAI_RULE_Z_BOX) XAI_TRY(set_bounds(c, p, &plan.first, err));
    XAI_TRY(xai_context_plain_base(c, XAI_PLAIN_RELEVANCE, &plain, err));
    float *out = XAI_NEW(task->arena, float, c->input_count);
    double *leak = XAI_NEW(task->arena, double, (size_t)plain->program->node_count);
    if (!out || !leak) XAI_NO_MEMORY(err);
    XAI_TRY(xai_relevance_fill(&plan, plain->program, task->arena, &rules, err));
    XAI_TRY(start(task, plain, &seed, &begun, err));
    xai_relevance relevance = {.seeds = &seed, .seed_count = 1, .rules = rules, .leak = leak,
                               .wanted = &(xai_wanted){plain->in, out}, .wanted_count = 1};
    XAI_TRY(xai_task_relevance(task, plain, &plan, &relevance, err));
    for (size_t i = 0; i < c->input_count; i++) arrived += (double)out[i];
    XAI_TRY(xai_task_add_folded(task, "map", out, c->in, (xai_fold)p->channels, false, err));
    xai_balance balance = {.program = plain->program, .rules = rules, .leak = leak, .start = begun, .arrived = arrived};
    return xai_task_add_balance(task, &balance, err);
}

const xai_method xai_method_lrp = {
    .info = {.id = "lrp", .title = "LRP", .family = "propagation",
             .summary = "What each pixel contributed to the score, handed down layer by layer so that nothing is lost.",
             .paper = "arXiv:1910.09840", .version = 1, .needs = "relevance", .cost = "3 forwards, 1 relevance pass",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(lrp_params),
    .plain = 1U << XAI_PLAIN_RELEVANCE,
    .needs = XAI_NEEDS_RELEVANCE,
    .space = XAI_SPACE_LOGIT,
    .check = check,
    .cost = cost,
    .run = run,
};
