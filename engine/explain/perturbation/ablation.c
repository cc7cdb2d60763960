/*
 * Feature ablation: the score that is lost when a feature, a cell of a grid or a superpixel, is hidden.
 *
 *     phi_i = f(x) - f(x with feature i hidden)
 *
 * As Captum's FeatureAblation over a feature mask. Only what a feature reaches is computed, where that is much less
 * than the whole (graph/region.h).
 */
#include "explain/evaluate.h"
#include "features.h"

#include <string.h>

typedef struct ablation_params {
    xai_feature_params features;
} ablation_params;

static const xai_param PARAMS[] = {XAI_FEATURE_PARAMS(XAI_FEATURES_GRID, XAI_BASELINE_MEAN)};

static double cost(const xai_model *model, const void *params) { return 1 + xai_features_expected(model, params); }

typedef struct ablation {
    const xai_features *features;
    xai_box *boxes; /* around each feature */
} ablation;

static void hide(const void *user, size_t index, float *input)
{
    const xai_features *f = ((const ablation *)user)->features;
    uint8_t keep[XAI_MOST_FEATURES];
    memset(keep, 1, f->count);
    keep[index] = 0;
    xai_features_compose(f, keep, input);
}

static void changed(const void *user, size_t index, xai_box *box) { *box = ((const ablation *)user)->boxes[index]; }

static void widen(xai_box *box, int axis, int64_t at)
{
    if (at < box->low[axis]) box->low[axis] = at;
    if (at + 1 > box->end[axis]) box->end[axis] = at + 1;
}

static void frame(const xai_features *f, xai_box *boxes)
{
    const xai_context *c = f->context;
    int y = c->model->info.layout == XAI_LAYOUT_NCHW ? 2 : 1;
    for (size_t i = 0; i < f->count; i++) {
        boxes[i] = xai_box_whole(&c->in->shape);
        boxes[i].low[y] = boxes[i].low[y + 1] = XAI_MAX_SIDE;
        boxes[i].end[y] = boxes[i].end[y + 1] = 0;
    }
    for (int i = 0; i < c->height * c->width; i++) {
        widen(&boxes[f->labels[i]], y, i / c->width);
        widen(&boxes[f->labels[i]], y + 1, i % c->width);
    }
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    xai_features features;
    XAI_TRY(xai_features_init(&features, task, params, err));
    size_t n = features.count;
    float *values = XAI_NEW(task->arena, float, n);
    double *drops = XAI_NEW(task->arena, double, n);
    ablation a = {&features, XAI_NEW(task->arena, xai_box, n)};
    if (!values || !drops || !a.boxes) XAI_NO_MEMORY(err);
    frame(&features, a.boxes);
    xai_scores scores = {.values = values};
    xai_variants variants = {.count = n, .make = hide, .user = &a, .changed = changed};
    XAI_TRY(xai_evaluate_until(task->context, &task->aim, &variants, 1, &scores, &task->result->partial, err));
    if (task->result->partial)
        XAI_TRY(xai_task_warn(task, err, "The deadline came after %zu of %zu features: the others show 0.", scores.done,
                              n));
    for (size_t i = 0; i < scores.done; i++) drops[i] = task->base - (double)values[i];
    XAI_TRY(xai_features_add_map(&features, task, "map", drops, err));
    return xai_features_add_table(&features, task, drops, NULL, err);
}

const xai_method xai_method_ablation = {
    .info = {.id = "ablation", .title = "Feature ablation", .family = "perturbation",
             .summary = "How much of the score is lost when one part of the picture is hidden, part by part.",
             .paper = "arXiv:1311.2901", .version = 1, .needs = "forward", .cost = "50 forwards",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(ablation_params),
    .steady = true,
    .lanes = 1 << XAI_PLAN_FORWARD | 1 << XAI_PLAN_KEEP,
    .space = XAI_SPACE_PROBABILITY,
    .check = xai_features_check,
    .cost = cost,
    .run = run,
};
