/*
 * FEM, feature explanation method: sum over channels of w_k A_k, w_k = the share of the channel's cells whose
 * activation is above mean + 2 standard deviations; whatever the class.
 *
 * Fuad et al., "Features Understanding in 3D CNNs for Actions Recognition in Video", IPTA 2020. As pytorch-grad-cam
 * computes it, with the deviation over all cells (numpy's std).
 */
#include "cam.h"

#include <math.h>

static const xai_param PARAMS[] = {XAI_CAM_PARAMS(false), XAI_CAM_SMOOTH};

/* The share of n values that are more than two standard deviations above their mean. */
static double rare_share(const float *a, int64_t n)
{
    double mean = 0, squares = 0;
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) mean += (double)a[i];
    mean /= (double)n;
    for (int64_t i = 0; i < n; i++) squares += ((double)a[i] - mean) * ((double)a[i] - mean);
    double limit = mean + 2 * sqrt(squares / (double)n);
    for (int64_t i = 0; i < n; i++) count += (double)a[i] > limit;
    return (double)count / (double)n;
}

static xai_status weights(xai_task *task, const xai_cam_layer *layer, const void *params, double *w, xai_error *err)
{
    (void)task;
    (void)params;
    (void)err;
    for (int64_t k = 0; k < layer->channels; k++) w[k] = rare_share(layer->a + k * layer->area, layer->area);
    return XAI_OK;
}

static const xai_cam_rule RULE = {.weights = weights};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    return xai_cam_run(task, params, &RULE, err);
}

const xai_method xai_method_fem = {
    .info = {.id = "fem", .title = "FEM", .family = "cam",
             .summary = "Feature maps weighted by how often they are strongly active, whatever the class.",
             .paper = "doi:10.1109/IPTA50016.2020.9286629", .version = 1, .needs = "layer", .cost = "1 forward",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_cam_options),
    XAI_CAM_ON_ACTIVATIONS,
    .run = run,
};
