/*
 * LayerCAM: sum over channels of ReLU(g) A, cell by cell; made for early layers, whose gradients differ from cell to
 * cell.
 *
 * Jiang et al., "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization", IEEE Transactions on Image
 * Processing 30, 2021. As pytorch-grad-cam computes it, before its ReLU; torch-cam has the same values.
 */
#include "cam.h"

#include <math.h>

static const xai_param PARAMS[] = {XAI_CAM_PARAMS(false), XAI_CAM_SMOOTH};

static void terms(const xai_cam_layer *layer, int64_t channel, double *out)
{
    const float *a = layer->a + channel * layer->area, *g = layer->g + channel * layer->area;
    for (int64_t i = 0; i < layer->area; i++) out[i] = fmax((double)g[i], 0) * (double)a[i];
}

static const xai_cam_rule RULE = {.gradients = true, .terms = terms};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    return xai_cam_run(task, params, &RULE, err);
}

const xai_method xai_method_layercam = {
    .info = {.id = "layercam", .title = "LayerCAM", .family = "cam",
             .summary = "Activations weighted cell by cell by positive gradients: sharp maps from early layers too.",
             .paper = "doi:10.1109/TIP.2021.3089943", .version = 1, .needs = "gradient, layer",
             .cost = "1 forward, 1 backward",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_cam_options),
    XAI_CAM_ON_GRADIENTS,
    .run = run,
};
