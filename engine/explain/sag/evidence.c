/*
 * Grad-CAM of the default layer, its negative parts left out, between the centres of its cells; and the start of the
 * reference code: I-GOS with a mask of 7 x 7 on black, two steps along 20 points. One thread.
 */
#include "evidence.h"

#include "explain/cam/cam.h"
#include "explain/perturbation/igos.h"

#include <math.h>

/* Where `at`, 0 to 1, lies among the n cells of a map, whose centres are at (i + 1/2) / n: the cell before it, and how
 * far. */
static int64_t cell_before(double at, int64_t n, double *part)
{
    double position = fmin(fmax(at * (double)n - 0.5, 0), (double)(n - 1));
    int64_t low = (int64_t)position;
    *part = position - (double)low;
    return low;
}

static double sample(const double *map, int64_t height, int64_t width, double y, double x)
{
    double fy, fx;
    int64_t top = cell_before(y, height, &fy), left = cell_before(x, width, &fx);
    int64_t bottom = top + 1 < height ? top + 1 : top, right = left + 1 < width ? left + 1 : left;
    double upper = (1 - fx) * map[top * width + left] + fx * map[top * width + right];
    double lower = (1 - fx) * map[bottom * width + left] + fx * map[bottom * width + right];
    return (1 - fy) * upper + fy * lower;
}

xai_status xai_sag_evidence(xai_task *task, const xai_regions *regions, const double **out, xai_error *err)
{
    const xai_model *model = task->context->model;
    const xai_method_info *gradcam = xai_method_find("gradcam");
    *out = NULL;
    if (task->context->program->bf16)
        return xai_task_warn(task, err, "Grad-CAM did not help to choose patches (gradcam): nothing is differentiated in "
                             "precision bf16.");
    if (!gradcam || xai_method_served(gradcam, model, NULL) != XAI_OK) return XAI_OK;
    const xai_value *layer = xai_program_find(task->context->program, model->info.default_layer);
    if (!layer) return XAI_OK;
    int64_t height = layer->shape.dim[2], width = layer->shape.dim[3];
    double *map = XAI_NEW(task->arena, double, (size_t)(height * width));
    double *evidence = XAI_NEW(task->arena, double, (size_t)regions->count);
    if (!map || !evidence) XAI_NO_MEMORY(err);
    xai_task logit = *task; /* probabilities near 0 and 1 have hardly a gradient */
    logit.aim.target.space = XAI_SPACE_LOGIT;
    XAI_TRY(xai_task_gradcam(&logit, layer, map, err));
    for (int64_t i = 0; i < height * width; i++) map[i] = isfinite(map[i]) ? fmax(map[i], 0) : 0;
    for (int i = 0; i < regions->count; i++) {
        double y, x;
        xai_regions_centre(regions, i, &y, &x);
        evidence[i] = sample(map, height, width, y, x);
    }
    *out = evidence;
    return XAI_OK;
}

/* ---------------------------------------------------------------- the start of the reference code */

enum { SIDE = XAI_SAG_START_SIDE, CELLS = SIDE * SIDE };

static const xai_igos_params START = {.dialect = XAI_IGOS_ORIGINAL, .search = XAI_IGOS_ARMIJO,
                                      .baseline = XAI_BASELINE_BLACK, .grid = SIDE, .iterations = 2, .steps = 20,
                                      .l1 = 1, .tv = 20, .sigma = 50, .kernel = 51, .noise_sigma = 0.2};

double xai_sag_start_cost(void) { return xai_igos_cost(&START); }

static xai_status read_mask(const xai_task *task, double *mask, xai_error *err)
{
    xai_tensor given;
    bool found;
    XAI_TRY(xai_task_use_draws(task, "mask", 2, &given, &found, err));
    XAI_CHECK(given.shape.dim[0] == SIDE && given.shape.dim[1] == SIDE, err, BAD_TENSOR, "mask.npy",
              "mask.npy must be of %d x %d numbers", SIDE, SIDE);
    for (int i = 0; i < CELLS; i++) {
        mask[i] = (double)((const float *)given.data)[i];
        XAI_CHECK(isfinite(mask[i]), err, BAD_TENSOR, "mask.npy", "mask.npy holds a number that is not finite");
    }
    return XAI_OK;
}

static xai_status find_mask(xai_task *task, double *mask, xai_error *err)
{
    const xai_method_info *igos = xai_method_find("igos");
    XAI_CHECK(igos && xai_method_served(igos, task->context->model, NULL) == XAI_OK, err, UNSUPPORTED, "params.dialect",
              "the reference code starts from an I-GOS mask, which needs gradients that this model has not: give a mask "
              "of %d x %d numbers as mask.npy (--use-draws)", SIDE, SIDE);
    xai_igos_result found;
    XAI_TRY(xai_igos_descend(task, &START, &found, err));
    for (int i = 0; i < CELLS; i++) mask[i] = found.mask[i];
    return XAI_OK;
}

static xai_status emit_mask(const xai_task *task, const double *mask, xai_error *err)
{
    float values[CELLS];
    for (int i = 0; i < CELLS; i++) values[i] = (float)mask[i];
    xai_array array = {.dtype = XAI_F32, .rank = 2, .shape = {SIDE, SIDE}, .data = values};
    return xai_task_emit_draws(task, "mask", &array, err);
}

xai_status xai_sag_start_mask(xai_task *task, const double **out, xai_error *err)
{
    double *mask = XAI_NEW(task->arena, double, CELLS);
    if (!mask) XAI_NO_MEMORY(err);
    XAI_TRY(xai_task_has_draws(task, "mask") ? read_mask(task, mask, err) : find_mask(task, mask, err));
    for (int i = 0; i < CELLS; i++) mask[i] = (double)(float)mask[i]; /* as it is replayed */
    XAI_TRY(emit_mask(task, mask, err));
    for (int i = 0; i < CELLS; i++) mask[i] = -mask[i]; /* of evidence the largest comes first */
    *out = mask;
    return XAI_OK;
}
