/*
 * XGrad-CAM: sum over channels k of w_k A_k, w_k = sum over cells of g_k A_k / (sum of A_k + 1e-7): the gradients
 * weighted by the activation's share, so that the weights come close to conserving the score.
 *
 * Fu et al., "Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs", BMVC 2020,
 * arXiv 2008.02312. As pytorch-grad-cam computes it, before its ReLU; torch-cam differs in its 1e-8.
 */
#include "cam.h"

static const xai_param PARAMS[] = {XAI_CAM_PARAMS(false), XAI_CAM_SMOOTH};

static xai_status weights(xai_task *task, const xai_cam_layer *layer, const void *params, double *w, xai_error *err)
{
    (void)task;
    (void)params;
    (void)err;
    for (int64_t k = 0; k < layer->channels; k++) {
        const float *a = layer->a + k * layer->area, *g = layer->g + k * layer->area;
        double product = 0, sum = 0;
        for (int64_t i = 0; i < layer->area; i++) {
            product += (double)g[i] * (double)a[i];
            sum += (double)a[i];
        }
        w[k] = product / (sum + 1e-7);
    }
    return XAI_OK;
}

static const xai_cam_rule RULE = {.gradients = true, .weights = weights};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    return xai_cam_run(task, params, &RULE, err);
}

const xai_method xai_method_xgradcam = {
    .info = {.id = "xgradcam", .title = "XGrad-CAM", .family = "cam",
             .summary = "Grad-CAM with each gradient weighted by how active its cell is, which keeps the sum "
                        "closer to the score.",
             .paper = "arXiv:2008.02312", .version = 1, .needs = "gradient, layer", .cost = "1 forward, 1 backward",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_cam_options),
    XAI_CAM_ON_GRADIENTS,
    .run = run,
};
