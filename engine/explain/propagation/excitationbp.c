/*
 * Excitation backprop: a winner of the top layer sends its win down; each neuron's share of it is the share that it had
 * in exciting the winner, through positive weights alone. A probability, so that nothing is lost.
 *
 * Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016, arXiv 1608.00507, equation 10; its
 * contrastive form in section 3.3: what the target's neuron wins, less what its opposite (the classifier's weights
 * negated) would win, taken at a layer and sent on from there.
 *
 * Two definitions. zennit's ExcitationBackprop (0.5.1): z+ for all layers with weights (the positive part of the bias
 * wins too, and negative inputs through negative weights). TorchRay's, as the authors': x w+ / sum x w+ without bias;
 * the contrast is subtracted at `contrast_layer`, and of the result what is positive is shown. Here both have the
 * contrastive form. In both, activations hand wins down as they do gradients: none where a ReLU6 is saturated; so does
 * normalisation that cannot be folded (TorchRay would pass on all). A win starts as 1, not as the score.
 */
#include "propagation.h"

enum { AT_INPUT, AT_LAYER };
enum { ZENNIT, TORCHRAY };

typedef struct excitationbp_params {
    bool contrastive, relu;
    int at;
    const char *layer, *contrast_layer;
    int channels, dialect;
} excitationbp_params;

static const xai_param PARAMS[] = {
    XAI_P_BOOL(excitationbp_params, contrastive, false,
               "Subtract what the opposite of the target would win: what is left is the target's own."),
    XAI_P_ENUM(excitationbp_params, at, AT_INPUT, "input|layer", "Where the wins are shown: at the pixels, or at `layer`."),
    XAI_P_LAYER(excitationbp_params, layer, "At a layer: which one; the last spatial one if omitted."),
    XAI_P_LAYER(excitationbp_params, contrast_layer,
                "Contrastive: where the opposite is subtracted; the last spatial layer if omitted. It must not lie "
                "before the layer that is shown."),
    XAI_P_BOOL(excitationbp_params, relu, true, "Contrastive: keep only what speaks for the target."),
    XAI_P_ENUM(excitationbp_params, channels, XAI_FOLD_SUM, XAI_FOLD_CHOICES, XAI_FOLD_HELP),
    XAI_P_ENUM(excitationbp_params, dialect, ZENNIT, "zennit|torchray",
               "Whose rule: zennit counts positive biases, torchray is the authors' own."),
};

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    const excitationbp_params *p = params;
    XAI_CHECK(p->at != AT_LAYER || p->layer, err, BAD_PARAM, "params.at", "this model has no spatial layer to show: "
              "show the wins at the input");
    XAI_CHECK(!p->contrastive || p->contrast_layer, err, BAD_PARAM, "params.contrast_layer",
              "this model has no spatial layer to choose: name the one at which the opposite is subtracted");
    if (p->at == AT_LAYER) XAI_TRY(xai_model_check_spatial(model, p->layer, err));
    return p->contrastive && p->at == AT_LAYER ? xai_model_check_reaches(model, p->layer, p->contrast_layer, err) : XAI_OK;
}

static xai_relevance_plan plan_of(const excitationbp_params *p)
{
    xai_rule rule = {.kind = XAI_RULE_ALPHA_BETA, .epsilon = XAI_RELEVANCE_STABILIZER, .alpha = 1};
    if (p->dialect == TORCHRAY) rule = (xai_rule){.kind = XAI_RULE_WINNER, .epsilon = 1e-20F};
    return (xai_relevance_plan){.convolution = rule, .dense = rule};
}

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    const excitationbp_params *p = params;
    xai_relevance_plan plan = plan_of(p);
    double pass = xai_relevance_forwards(&plan.convolution) + 2 * xai_relevance_backwards(&plan.convolution);
    return 2 + (p->contrastive ? 2 : 1) * pass;
}

/* The classifier: the last layer with weights before the target. Its sign is turned. */
static xai_status negate_classifier(const xai_program *p, const xai_value *target, xai_rule *rules, xai_arena *arena,
                                    xai_error *err)
{
    bool *needed = XAI_NEW(arena, bool, (size_t)p->value_count);
    if (!needed) XAI_NO_MEMORY(err);
    needed[target->id] = true;
    for (int i = p->node_count; i-- > 0;) {
        const xai_node *node = p->nodes[i];
        bool leads = false;
        for (int k = 0; k < node->out_count; k++) leads = leads || (node->out[k] && needed[node->out[k]->id]);
        if (leads && node->op->flow == XAI_FLOW_WEIGH) {
            rules[i].negated = true;
            return XAI_OK;
        }
        for (int k = 0; leads && k < node->in_count; k++)
            if (node->in[k]) needed[node->in[k]->id] = true;
    }
    XAI_FAIL(err, UNSUPPORTED_METHOD, "", "no layer with weights makes the target: it has no opposite");
}

typedef struct passes {
    xai_task *task;
    const xai_plain *plain;
    const xai_relevance_plan *plan;
    xai_seed seeds[2]; /* the target's; and the opposite, where it is subtracted */
    size_t seed_count;
} passes;

static xai_status pass(const passes *s, const xai_rule *rules, const xai_value *wanted, float *out, xai_error *err)
{
    xai_relevance relevance = {.seeds = s->seeds, .seed_count = s->seed_count, .rules = rules, .slopes = true,
                               .wanted = &(xai_wanted){wanted, out}, .wanted_count = 1};
    return xai_task_relevance(s->task, s->plain, s->plan, &relevance, err);
}

/* What the opposite wins at the contrast layer becomes a second, negative seed there. */
static xai_status contrast(passes *s, const char *layer, xai_error *err)
{
    const xai_program *program = s->plain->program;
    const xai_value *at = xai_program_find(program, layer);
    size_t n = (size_t)xai_value_count(at);
    xai_rule *rules;
    float *wins = XAI_NEW(s->task->arena, float, n);
    if (!wins) XAI_NO_MEMORY(err);
    XAI_TRY(xai_relevance_fill(s->plan, program, s->task->arena, &rules, err));
    XAI_TRY(negate_classifier(program, s->seeds[0].value, rules, s->task->arena, err));
    XAI_TRY(pass(s, rules, at, wins, err));
    for (size_t i = 0; i < n; i++) wins[i] = -wins[i];
    s->seeds[s->seed_count++] = (xai_seed){at, wins};
    return XAI_OK;
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const excitationbp_params *p = params;
    xai_context *c = task->context;
    xai_relevance_plan plan = plan_of(p);
    passes s = {.task = task, .plan = &plan, .seed_count = 1};
    xai_rule *rules;
    XAI_TRY(xai_context_plain_base(c, XAI_PLAIN_RELEVANCE, &s.plain, err));
    XAI_TRY(xai_relevance_fill(&plan, s.plain->program, task->arena, &rules, err));
    XAI_TRY(xai_task_plain_seed(task, s.plain, &s.seeds[0], err));
    if (p->contrastive) XAI_TRY(contrast(&s, p->contrast_layer, err));
    const xai_value *wanted = p->at == AT_LAYER ? xai_program_find(s.plain->program, p->layer) : s.plain->in;
    float *out = XAI_NEW(task->arena, float, (size_t)xai_value_count(wanted));
    if (!out) XAI_NO_MEMORY(err);
    XAI_TRY(pass(&s, rules, wanted, out, err));
    return xai_task_add_folded(task, "map", out, wanted == s.plain->in ? c->in : wanted, (xai_fold)p->channels,
                               p->contrastive && p->relu, err);
}

const xai_method xai_method_excitationbp = {
    .info = {.id = "excitationbp", .title = "Excitation backprop", .family = "propagation",
             .summary = "Where a win of the class comes from, if each neuron's win is shared among what excited it.",
             .paper = "arXiv:1608.00507", .version = 1, .needs = "relevance", .cost = "3 forwards, 1 relevance pass",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(excitationbp_params),
    .plain = 1U << XAI_PLAIN_RELEVANCE,
    .needs = XAI_NEEDS_RELEVANCE,
    .space = XAI_SPACE_LOGIT,
    .check = check,
    .cost = cost,
    .run = run,
};
