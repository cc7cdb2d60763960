/*
 * Model parameter randomisation test: the map again, and again, while more and more of the network's layers get other
 * weights, and how much it still resembles the first. A map that stays explains the picture and not the network.
 *
 * Layers are taken from the top of the network downwards (cascading), or from the bottom up, in `stages` steps: the
 * first layer alone, then evenly many more, at last all. The value is the mean over the stages; the curve has each of
 * them.
 *
 * Adebayo et al., "Sanity Checks for Saliency Maps", 2018, arXiv 1810.03292. As quantus.MPRT 0.6 has it: Spearman's
 * correlation of the magnitudes (return_average_correlation takes the mean with the unchanged network's 1 among the
 * stages, since it looks for "orig" and not "original"; here it is left out). Quantus resets every module of PyTorch
 * that can be, batch normalisations too, which here are part of the convolution they follow: `weights` = uniform
 * draws as reset_parameters does for the layers that are left, so that ranks of methods can be compared and not
 * values. The default shuffles a layer's own weights, which keeps the activations' scale.
 *
 * --use-draws: mprt-weight-<n>.npy and, for uniform, mprt-bias-<n>.npy, of layer n from the input upwards.
 */
#include "explain/method.h"
#include "graph/reweigh.h"
#include "metric.h"
#include "similarity.h"

#include <stdio.h>
#include <string.h>

enum { MOST_STAGES = 512 };

typedef struct mprt_params {
    int order, weights, similarity;
    int64_t stages;
    bool absolute;
} mprt_params;

enum { TOP_DOWN, BOTTOM_UP };

static const xai_param PARAMS[] = {
    XAI_P_ENUM(mprt_params, order, TOP_DOWN, "top_down|bottom_up", "Which layers are randomised first."),
    XAI_P_INT(mprt_params, stages, 6, 1, MOST_STAGES,
              "Steps in which the layers are randomised: the first alone, at last all; one step: all at once."),
    XAI_P_ENUM(mprt_params, weights, XAI_REDRAW_SHUFFLE, "shuffle|uniform",
               "New weights: the layer's own in another order, or drawn uniformly as for a network to be trained."),
    XAI_P_ENUM(mprt_params, similarity, XAI_SIMILARITY_SPEARMAN, XAI_SIMILARITY_CHOICES, XAI_SIMILARITY_HELP),
    XAI_P_BOOL(mprt_params, absolute, true, "Compare magnitudes; off: signs count too."),
};

static xai_metric_cost cost(const xai_model *model, const void *params)
{
    (void)model;
    return (xai_metric_cost){.reruns = (double)((const mprt_params *)params)->stages};
}

typedef struct layers {
    xai_weight *list;
    size_t count;
} layers;

static xai_status prepare(const xai_grading *g, const void *params, void **state, xai_error *err)
{
    (void)params;
    layers *l = XAI_NEW(g->arena, layers, 1);
    if (!l) XAI_NO_MEMORY(err);
    *state = l;
    return xai_model_weights(g->request->model, g->arena, &l->list, &l->count, err);
}

/* Layers that stage `stage` has randomised. */
static size_t reach(const mprt_params *p, size_t count, size_t stage)
{
    size_t stages = (size_t)p->stages;
    return stages == 1 ? count : 1 + (stage * (count - 1) + (stages - 1) / 2) / (stages - 1);
}

/* ---------------------------------------------------------------- one stage */

/* A tensor like `like`, from the draws if they have it. */
static xai_status take(const xai_task *task, const char *kind, size_t index, const xai_tensor *like, xai_tensor *out,
                       bool *found, xai_error *err)
{
    char name[32];
    snprintf(name, sizeof name, "mprt-%s-%zu", kind, index);
    *found = false;
    if (!xai_task_has_draws(task, name)) return XAI_OK;
    XAI_TRY(xai_task_use_draws(task, name, like->shape.rank, out, found, err));
    XAI_CHECK(!*found || xai_shape_equal(&out->shape, &like->shape), err, BAD_TENSOR, name,
              "the draws '%s' have another shape than the weights they replace", name);
    return XAI_OK;
}

static xai_status emit(const xai_task *task, const char *kind, size_t index, const xai_tensor *t, xai_error *err)
{
    char name[32];
    xai_array array = {.dtype = XAI_F32, .rank = t->shape.rank, .data = t->data};
    snprintf(name, sizeof name, "mprt-%s-%zu", kind, index);
    memcpy(array.shape, t->shape.dim, sizeof array.shape);
    return xai_task_emit_draws(task, name, &array, err);
}

typedef struct fresh {
    xai_arena *arena;
    xai_new_weight *weights;
    size_t count;
} fresh;

static xai_status add_layer(const xai_task *task, const mprt_params *p, const layers *l, size_t i, fresh *f,
                            xai_error *err)
{
    const xai_weight *w = &l->list[i];
    xai_tensor *weight, *bias = NULL;
    bool biased = w->bias && p->weights == XAI_REDRAW_UNIFORM, given;
    XAI_TRY(xai_tensor_new(f->arena, XAI_F32, &w->tensor->shape, &weight, err));
    if (biased) XAI_TRY(xai_tensor_new(f->arena, XAI_F32, &w->bias_tensor->shape, &bias, err));
    xai_weight_redraw(w, i, (xai_redraw)p->weights, task->seed, weight, bias);
    XAI_TRY(take(task, "weight", i, w->tensor, weight, &given, err));
    XAI_TRY(emit(task, "weight", i, weight, err));
    f->weights[f->count++] = (xai_new_weight){w->name, weight};
    if (!biased) return XAI_OK;
    XAI_TRY(take(task, "bias", i, w->bias_tensor, bias, &given, err));
    XAI_TRY(emit(task, "bias", i, bias, err));
    f->weights[f->count++] = (xai_new_weight){w->bias, bias};
    return XAI_OK;
}

/* The model with `reach` layers randomised; its tensors are in f->arena. */
static xai_status randomise(const xai_grading *g, const mprt_params *p, const layers *l, size_t reach, fresh *f,
                            xai_model **out, xai_error *err)
{
    xai_task task = {.context = g->context, .arena = f->arena, .seed = g->seed, .use_draws = g->request->use_draws};
    if (reach == l->count) task.emit_draws = g->request->emit_draws; /* once, when all are there */
    if (!(f->weights = XAI_NEW(f->arena, xai_new_weight, 2 * reach))) XAI_NO_MEMORY(err);
    for (size_t k = 0; k < reach; k++)
        XAI_TRY(add_layer(&task, p, l, p->order == TOP_DOWN ? l->count - 1 - k : k, f, err));
    return xai_model_reweigh(g->request->model, f->weights, f->count, out, err);
}

static xai_status run_stage(const xai_grading *g, const mprt_params *p, const layers *l, const xai_graded *map,
                            size_t reach, double *similarity, xai_error *err)
{
    fresh f = {.arena = xai_arena_new(0)};
    xai_model *model = NULL;
    xai_status status = XAI_OK;
    const float *other;
    if (!f.arena) XAI_NO_MEMORY(err);
    XAI_TRY_OUT(randomise(g, p, l, reach, &f, &model, err));
    XAI_TRY_OUT(xai_grading_again(g, map, &(xai_rerun){.model = model}, &other, err));
    xai_map_pair pair = {map->raw, other, map->rows, map->cols, p->absolute};
    XAI_TRY_OUT(xai_similarity_maps((xai_similarity)p->similarity, &pair, f.arena, similarity, err));
out:
    xai_model_unref(model);
    xai_arena_free(f.arena);
    return status;
}

/* ---------------------------------------------------------------- all of them */

static bool is_constant(const xai_graded *map)
{
    for (size_t i = 1; i < (size_t)map->rows * (size_t)map->cols; i++)
        if (map->raw[i] != map->raw[0]) return false;
    return true;
}

static xai_status run(const xai_grading *g, const void *params, const void *state, const xai_graded *map,
                      xai_finding *out, xai_error *err)
{
    const mprt_params *p = params;
    const layers *l = state;
    size_t stages = (size_t)p->stages < l->count ? (size_t)p->stages : l->count;
    mprt_params fitted = *p;
    fitted.stages = (int64_t)stages;
    if (stages == 0) out->refusal = "The model has no weights of its own in float32 that could be randomised.";
    else if (is_constant(map)) out->refusal = "The map is constant: nothing of it could change.";
    if (out->refusal) return XAI_OK;
    double *x = XAI_NEW(g->scratch, double, stages), *y = XAI_NEW(g->scratch, double, stages), sum = 0;
    if (!x || !y) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < stages; i++) {
        size_t n = reach(&fitted, l->count, i);
        x[i] = (double)n;
        XAI_TRY(run_stage(g, &fitted, l, map, n, &y[i], err));
        sum += y[i];
    }
    out->value = sum / (double)stages;
    out->lines[0] = (xai_line){.x = x, .y = y, .count = stages};
    out->line_count = 1;
    out->x_label = "layers randomised";
    out->y_label = "similarity";
    return XAI_OK;
}

const xai_metric xai_metric_mprt = {
    .info = {.id = "mprt", .title = "Randomised weights", .family = "sanity",
             .summary = "How much of the map stays when the network's layers get other weights, one after the other: "
                        "near 0 is as it should be, 1 explains the picture and not the network.",
             .paper = "arXiv:1810.03292", .version = 1, .needs = "method", .cost = "6 times the method's",
             .better = XAI_BETTER_LOWER, .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(mprt_params),
    .needs = XAI_METRIC_METHOD,
    .cost = cost,
    .prepare = prepare,
    .run = run,
};
