/*
 * Structured attention graphs: which combinations of parts of the image are enough for the network, and what each
 * part adds. A set of patches, everything else hidden, is a minimal sufficient explanation if the class keeps
 * `p_high` of its probability on it and loses that with any one patch less; the graph below takes patches away one
 * by one.
 *
 * Shitole, Li, Kahng, Tadepalli and Fern, "One Explanation is Not Enough: Structured Attention Graphs for Image
 * Classification", NeurIPS 2021, arXiv 2011.06733. The search is in sag/, and knows nothing of networks; here it is
 * given eyes (the batched evaluation) and a hint where to look (Grad-CAM), and its result is laid out.
 */
#include "document.h"
#include "eyes.h"
#include "evidence.h"
#include "refine.h"
#include "scene.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { REFERENCE_GRID = XAI_SAG_START_SIDE, REFERENCE_NODES = 4096, REFERENCE_EVALS = 1000000,
       REFERENCE_TYPICAL = 700 };

static const xai_param PARAMS[] = {
    XAI_P_ENUM(xai_sag_options, dialect, XAI_SAG_NATIVE, "native|reference",
               "'reference' searches as the paper's code does, from an I-GOS mask of 7 x 7, and is bounded by time alone."),
    XAI_P_ENUM(xai_sag_options, preset, XAI_SAG_NO_PRESET, "none|crisp",
               "Shorthand for region and baseline: 'crisp' is hard patches on the mean colour."),
    XAI_P_ENUM(xai_sag_options, region, XAI_REGION_TENT, XAI_REGION_CHOICES,
               "Shape of a patch: soft and overlapping, a crisp rectangle, one with soft edges, or a superpixel that "
               "follows the picture's contours."),
    XAI_P_INT(xai_sag_options, grid, 7, 3, 14, "Patches along each side of the image."),
    XAI_P_INT(xai_sag_options, coarse, 0, 0, 13,
              "If above 0: explanations are found on so coarse a grid first and refined within; saves most of the work "
              "where the grid is fine."),
    XAI_P_INT(xai_sag_options, segments, 49, 4, 64, "About how many superpixels there are."),
    XAI_P_ENUM(xai_sag_options, baseline, XAI_BASELINE_BLACK, XAI_BASELINE_CHOICES "|colour",
               "What is shown where no patch is."),
    XAI_P_REAL(xai_sag_options, sigma, 10, 0.5, 100, "Blur of the baseline 'blur', in pixels."),
    XAI_P_TEXT(xai_sag_options, colour, "The baseline 'colour', as #rrggbb; middle gray if omitted."),
    XAI_P_ENUM(xai_sag_options, criterion, XAI_SAG_RELATIVE, "relative|absolute|argmax",
               "What is enough: a share of the whole image's probability, a probability, or being the top class."),
    XAI_P_REAL(xai_sag_options, p_high, 0.9, 0.01, 1, "That share or probability."),
    XAI_P_REAL(xai_sag_options, p_low, 0.4, 0, 1, "Share of the probability down to which the graph is unfolded."),
    XAI_P_TEXT(xai_sag_options, versus,
               "Another class, by index or name, whose probability is told beside the target's; 'second': the one that "
               "is second on the whole image."),
    XAI_P_INT(xai_sag_options, shown, 3, 1, XAI_SAG_MAX_SHOWN, "Explanations wanted at the top of the graph."),
    XAI_P_INT(xai_sag_options, overlap, 1, 0, 16, "Patches that two of them may share."),
    XAI_P_BOOL(xai_sag_options, gradcam, true, "Let Grad-CAM help to choose the patches that are tried first."),
    XAI_P_INT(xai_sag_options, beam, 3, 1, 32, "Sets of patches kept at each level of the search."),
    XAI_P_INT(xai_sag_options, candidates, 8, 1, 64, "Patches by which each kept set is extended."),
    XAI_P_INT(xai_sag_options, patience, 0, 0, 16, "Further levels searched after the first that had a success."),
    XAI_P_INT(xai_sag_options, compact, 10, 0, 196,
              "Larger explanations are searched for others of at most so many patches; 0: never."),
    XAI_P_INT(xai_sag_options, max_mses, 6, 1, 64, "From so many explanations on, only diverse ones are added."),
    XAI_P_INT(xai_sag_options, exhaustive, 0, 0, XAI_SAG_MAX_POOL,
              "If above 0: try every subset of that many most promising patches, in place of the beam."),
    XAI_P_INT(xai_sag_options, counterfactuals, 0, 0, 16,
              "Smallest sets of patches wanted without which another class wins; 0: none."),
    XAI_P_INT(xai_sag_options, subset_max, 6, 0, XAI_SAG_MAX_SUBSET,
              "Explanations of at most so many patches are checked against all their subsets."),
    XAI_P_INT(xai_sag_options, max_evals, 1200, 1, 100000, "Images that the model may be shown."),
    XAI_P_INT(xai_sag_options, max_patches, 24, 1, 196, "Patches of the largest set that the beam grows to."),
    XAI_P_INT(xai_sag_options, max_nodes, 60, 1, 1000, "Most nodes that the graph may have."),
    XAI_P_BOOL(xai_sag_options, probe_table, false,
               "Also score every choice among the patches of the explanations shown, up to 10 patches and 1024 images, so "
               "that they can be switched without waiting."),
};

/* ---------------------------------------------------------------- what the search is told */

static xai_status find_class(const xai_model *model, const char *name, int64_t *out, xai_error *err)
{
    xai_status status = xai_model_find_class(model, name, out, err);
    if (status != XAI_OK && err) snprintf(err->where, sizeof err->where, "params.versus");
    return status;
}

/* The class named by `versus`; -1: none. */
static xai_status find_versus(const xai_task *task, const char *name, int64_t *out, xai_error *err)
{
    *out = -1;
    if (!name) return XAI_OK;
    if (strcmp(name, "second") == 0) {
        xai_prediction top[2] = {{.class_index = -1}, {.class_index = -1}};
        xai_aim_rank(&task->aim, task->context->base_logits, top, 2);
        *out = top[top[0].class_index == task->aim.target.class_index ? 1 : 0].class_index;
        return XAI_OK;
    }
    return find_class(task->context->model, name, out, err);
}

/* What tells where to look first. */
static xai_status find_evidence(xai_task *task, const xai_sag_options *o, const xai_regions *regions,
                                const double **out, xai_error *err)
{
    *out = NULL;
    if (o->dialect == XAI_SAG_REFERENCE) return xai_sag_start_mask(task, out, err);
    return o->gradcam ? xai_sag_evidence(task, regions, out, err) : XAI_OK;
}

/* ---------------------------------------------------------------- the result */

/* At the grid's resolution; of superpixels at the input's. */
static xai_status add_necessity(xai_task *task, const xai_regions *regions, const xai_sag_result *result,
                                xai_error *err)
{
    if (!result->necessity) return XAI_OK;
    int rows = regions->labels ? regions->height : regions->rows, cols = regions->labels ? regions->width : regions->cols;
    float *share = XAI_NEW(task->arena, float, (size_t)rows * (size_t)cols);
    if (!share) XAI_NO_MEMORY(err);
    for (int i = 0; i < rows * cols; i++)
        share[i] = (float)result->necessity[regions->labels ? regions->labels[i] : i].share;
    return xai_task_add_map(task, "necessity", share, rows, cols, err);
}

static xai_status warn(xai_task *task, const xai_sag_settings *settings, const xai_sag_result *result, xai_error *err)
{
    if (!result->mse_count) XAI_TRY(xai_task_warn(task, err, "There is no explanation: %s.", result->reason));
    if (result->bounds & XAI_SAG_BOUND_DEADLINE)
        XAI_TRY(xai_task_warn(task, err, "The deadline came after %zu evaluations: there may be smaller "
                              "explanations, and more of them.", result->evals));
    if (result->bounds & XAI_SAG_BOUND_EVALS)
        XAI_TRY(xai_task_warn(task, err, "A stage of the search used up its share of the %zu evaluations (max_evals): there may "
                              "be smaller explanations, and more of them.", settings->max_evals));
    if (result->bounds & XAI_SAG_BOUND_PAIRINGS)
        XAI_TRY(xai_task_warn(task, err, "There are too many explanations to try all choices among them: a larger set of "
                              "roots that share few patches may exist."));
    if (settings->table && result->mse_count && !result->table)
        XAI_TRY(xai_task_warn(task, err, "There is no probe_table: %s.", result->bounds & XAI_SAG_BOUND_DEADLINE
                              ? "the deadline came first" : "the first explanation has more than 10 patches"));
    return XAI_OK;
}

static xai_status lay_out(xai_task *task, const xai_sag_scene *scene, const xai_sag_settings *settings,
                          const xai_sag_result *result, xai_error *err)
{
    const xai_regions *regions = &scene->regions;
    const xai_doc *graph;
    const char *dot;
    XAI_TRY(xai_sag_document(regions, scene->baseline, settings, result, task->arena, &graph, err));
    XAI_TRY(xai_sag_dot(regions->count, result, task->arena, &dot, err));
    XAI_TRY(xai_task_add_doc(task, "sag", XAI_ARTIFACT_GRAPH, graph, err));
    XAI_TRY(xai_task_add_text(task, "dot", "text/vnd.graphviz", dot, err));
    XAI_TRY(add_necessity(task, regions, result, err));
    task->result->partial = (result->bounds & XAI_SAG_BOUND_DEADLINE) != 0;
    return warn(task, settings, result, err);
}

/* ---------------------------------------------------------------- the method */

static xai_sag_settings settings_of(const xai_sag_options *o, int regions, const xai_target *target)
{
    bool reference = o->dialect == XAI_SAG_REFERENCE;
    return (xai_sag_settings){
        .dialect = (xai_sag_dialect)o->dialect,
        .count = regions, .target = (int32_t)target->class_index, .criterion = (xai_sag_criterion)o->criterion,
        .p_high = o->p_high, .p_low = o->p_low, .beam = (int)o->beam, .candidates = (int)o->candidates,
        .patience = (int)o->patience, .compact = (int)o->compact, .max_mses = (int)o->max_mses,
        .exhaustive = (int)o->exhaustive,
        .max_patches = (int)o->max_patches, .max_nodes = reference ? REFERENCE_NODES : (int)o->max_nodes,
        .overlap = (int)o->overlap,
        .shown = (int)o->shown, .counterfactuals = reference ? 0 : (int)o->counterfactuals,
        .subset_max = (int)o->subset_max, .max_evals = reference ? REFERENCE_EVALS : (size_t)o->max_evals,
        .table = o->probe_table};
}

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    const xai_sag_options *o = params;
    XAI_TRY(xai_sag_scene_check(model, o, err));
    bool usual = o->grid == REFERENCE_GRID && o->region == XAI_REGION_TENT && o->baseline == XAI_BASELINE_BLACK &&
                 o->criterion == XAI_SAG_RELATIVE && o->preset == XAI_SAG_NO_PRESET;
    XAI_CHECK(o->dialect == XAI_SAG_NATIVE || usual, err, BAD_PARAM, "params.dialect",
              "the dialect 'reference' knows a %d x %d grid of tents on black and the relative criterion alone",
              REFERENCE_GRID, REFERENCE_GRID);
    bool coarser = o->coarse >= 3 && o->coarse < o->grid && o->region != XAI_REGION_SUPERPIXEL;
    XAI_CHECK(!o->coarse || (coarser && o->dialect == XAI_SAG_NATIVE), err, BAD_PARAM, "params.coarse",
              "a coarse grid must have 3 to %lld patches a side, fewer than the grid; superpixels and the dialect "
              "'reference' have none", (long long)o->grid - 1);
    int64_t versus;
    if (o->versus && strcmp(o->versus, "second") != 0) XAI_TRY(find_class(model, o->versus, &versus, err));
    XAI_CHECK(o->p_low <= o->p_high, err, BAD_PARAM, "params.p_low",
              "p_low (%g) must not exceed p_high (%g)", o->p_low, o->p_high);
    return XAI_OK;
}

/* The start of the reference code follows gradients. */
static unsigned lanes_of(const void *params)
{
    const xai_sag_options *o = params;
    bool both = o->dialect == XAI_SAG_REFERENCE;
    return 1 << XAI_PLAN_FORWARD | (both ? 1 << XAI_PLAN_GRADIENT : 0);
}

/* A typical run; max_evals bounds it. */
static double cost(const xai_model *model, const void *params)
{
    const xai_sag_options *o = params;
    (void)model;
    double table = o->probe_table ? 1 << XAI_SAG_MAX_TABLE : 0;
    if (o->dialect == XAI_SAG_REFERENCE) return 3 + xai_sag_start_cost() + REFERENCE_TYPICAL + table;
    return 5 + fmin((double)o->max_evals, 10.0 * (double)(o->grid * o->grid)) + table;
}

/* Explanations on the coarse grid, as seeds of the fine search; *spent of its evaluations. */
static xai_status look_coarsely(xai_task *task, const xai_sag_options *o, const xai_sag_eyes *fine,
                                xai_sag_settings *settings, size_t *spent, xai_error *err)
{
    xai_sag_options options = *o;
    options.grid = o->coarse;
    xai_sag_eyes e = *fine;
    XAI_TRY(xai_sag_scene_init(&e.scene, task->context, &options, task->arena, err));
    xai_sag_settings rough = *settings;
    rough.count = e.scene.regions.count;
    rough.counterfactuals = 0;
    rough.table = false;
    rough.max_nodes = 1; /* no graph */
    rough.evidence = NULL;
    XAI_TRY(find_evidence(task, &options, &e.scene.regions, &rough.evidence, err));
    xai_sag_result result;
    XAI_TRY(xai_sag_search(&rough, xai_sag_look, &e, task->context->token, task->arena, &result, err));
    *spent = result.evals < settings->max_evals ? result.evals : settings->max_evals - 1;
    settings->max_evals -= *spent;
    return xai_sag_refine(&result, &e.scene.regions, &fine->scene.regions, task->arena, settings, err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const xai_sag_options *o = params;
    xai_sag_eyes e = {.aim = task->aim};
    e.aim.scale = 1 / e.aim.total; /* of many cells the mean: a probability as well */
    XAI_TRY(xai_context_base(task->context, err));
    XAI_TRY(xai_sag_scene_init(&e.scene, task->context, o, task->arena, err));
    xai_sag_settings settings = settings_of(o, e.scene.regions.count, &task->aim.target);
    XAI_TRY(find_evidence(task, o, &e.scene.regions, &settings.evidence, err));
    size_t spent = 0;
    if (o->coarse) XAI_TRY(look_coarsely(task, o, &e, &settings, &spent, err));
    XAI_TRY(find_versus(task, o->versus, &settings.versus, err));
    e.versus = e.aim;
    e.versus.target.class_index = settings.versus;
    e.compares = settings.versus >= 0;
    settings.labels = task->context->model->info.labels;
    xai_sag_result result;
    XAI_TRY(xai_sag_search(&settings, xai_sag_look, &e, task->context->token, task->arena, &result, err));
    result.evals += spent;
    settings.max_evals += spent;
    return lay_out(task, &e.scene, &settings, &result, err);
}

const xai_method xai_method_sag = {
    .info = {.id = "sag", .title = "Structured attention graph", .family = "perturbation",
             .summary = "Which combinations of patches are each enough for the class, and what every patch adds.",
             .paper = "arXiv:2011.06733", .version = 3, .needs = "forward",
             .cost = "about 400 forwards, at most 1200",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_sag_options),
    .needs = XAI_NEEDS_PROBABILITY,
    .lanes_of = lanes_of,
    .space = XAI_SPACE_PROBABILITY,
    .check = check,
    .cost = cost,
    .run = run,
};
