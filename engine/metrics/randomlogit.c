/*
 * Random logit: how much the map resembles the map of another class of the same picture, drawn by the seed or named.
 * A map that is the same whatever is asked says nothing about the class.
 *
 * Sixt et al., "When Explanations Lie: Why Many Modified BP Attributions Fail", 2019, arXiv 1912.09818. As
 * quantus.RandomLogit 0.6 has it, whose class is drawn by numpy (name it to compare) and which flattens maps, so that
 * its SSIM is that of one long row (similarity = ssim_rows).
 */
#include "base/rng.h"
#include "metric.h"
#include "similarity.h"

#include <string.h>

typedef struct randomlogit_params {
    int similarity;
    int64_t other, classes;
    bool absolute;
} randomlogit_params;

static const xai_param PARAMS[] = {
    XAI_P_ENUM(randomlogit_params, similarity, XAI_SIMILARITY_SSIM, XAI_SIMILARITY_CHOICES, XAI_SIMILARITY_HELP),
    XAI_P_INT(randomlogit_params, other, -1, -1, INT32_MAX, "The other class by its index; -1: drawn."),
    XAI_P_INT(randomlogit_params, classes, 1, 1, 64, "Other classes to draw, whose similarities are averaged."),
    XAI_P_BOOL(randomlogit_params, absolute, false, "Compare magnitudes; off: signs count too."),
};

static xai_metric_cost cost(const xai_model *model, const void *params)
{
    (void)model;
    const randomlogit_params *p = params;
    return (xai_metric_cost){.reruns = p->other >= 0 ? 1 : (double)p->classes};
}

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    const randomlogit_params *p = params;
    XAI_CHECK(p->other < model->info.classes, err, BAD_PARAM, "params.other", "the model has %lld classes",
              (long long)model->info.classes);
    return XAI_OK;
}

/* One of the classes but the target's, each as likely; with a seed of its own for each. */
static int64_t draw_class(const xai_grading *g, size_t index)
{
    xai_rng rng = xai_rng_init(g->seed, index);
    int64_t own = g->aim.target.class_index;
    int64_t k = (int64_t)xai_rng_below(&rng, (uint32_t)(g->context->model->info.classes - 1));
    return k + (k >= own);
}

/* Why the target has no other class; NULL: it has. */
static const char *refuse(const xai_grading *g, const randomlogit_params *p)
{
    const xai_target *t = &g->aim.target;
    if (t->kind > XAI_TARGET_MASK || g->context->model->info.head == XAI_HEAD_REGRESSION)
        return "The target is no class: there is no other one to ask for.";
    if (g->context->model->info.classes < 2) return "The model has one class: there is no other one to ask for.";
    if (p->other == t->class_index) return "The other class is the target's own.";
    return NULL;
}

static xai_status run(const xai_grading *g, const void *params, const void *state, const xai_graded *map,
                      xai_finding *out, xai_error *err)
{
    (void)state;
    const randomlogit_params *p = params;
    size_t count = p->other >= 0 ? 1 : (size_t)p->classes, same = 0;
    double sum = 0;
    if ((out->refusal = refuse(g, p))) return XAI_OK;
    for (size_t i = 0; i < count; i++) {
        xai_target target = g->aim.target;
        const float *other;
        double one;
        target.class_index = p->other >= 0 ? p->other : draw_class(g, i);
        if (target.contrast == target.class_index) target.contrast = g->aim.target.class_index; /* the other way round */
        XAI_TRY(xai_grading_again(g, map, &(xai_rerun){.target = &target}, &other, err));
        xai_map_pair pair = {map->raw, other, map->rows, map->cols, p->absolute};
        XAI_TRY(xai_similarity_maps((xai_similarity)p->similarity, &pair, g->scratch, &one, err));
        same += memcmp(map->raw, other, (size_t)map->rows * (size_t)map->cols * sizeof *other) == 0;
        sum += one;
    }
    out->value = sum / (double)count;
    if (same == count) {
        out->value = 1;
        out->note = "The map is the same for other classes: this method does not depend on the class.";
    }
    return XAI_OK;
}

const xai_metric xai_metric_randomlogit = {
    .info = {.id = "randomlogit", .title = "Another class", .family = "sanity",
             .summary = "How much the map resembles that of another class: 1 says nothing about the class that was asked "
                        "for.",
             .paper = "arXiv:1912.09818", .version = 1, .needs = "method", .cost = "once the method's",
             .better = XAI_BETTER_LOWER, .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(randomlogit_params),
    .needs = XAI_METRIC_METHOD,
    .check = check,
    .cost = cost,
    .run = run,
};
