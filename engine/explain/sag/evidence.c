/* Grad-CAM of the default layer, its negative parts left out, between the centres of its cells. One thread. */
#include "evidence.h"

#include "explain/cam/cam.h"

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
