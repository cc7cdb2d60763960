/*
 * HiResCAM: sum over channels of g A, cell by cell: what each cell adds to the score, exactly so where the rest of
 * the network is linear.
 *
 * Draelos and Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks",
 * arXiv 2011.08891. As pytorch-grad-cam computes it, before its ReLU.
 */
#include "cam.h"

static const xai_param PARAMS[] = {XAI_CAM_PARAMS(false), XAI_CAM_SMOOTH};

static void terms(const xai_cam_layer *layer, int64_t channel, double *out)
{
    const float *a = layer->a + channel * layer->area, *g = layer->g + channel * layer->area;
    for (int64_t i = 0; i < layer->area; i++) out[i] = (double)g[i] * (double)a[i];
}

static const xai_cam_rule RULE = {.gradients = true, .terms = terms};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    return xai_cam_run(task, params, &RULE, err);
}

const xai_method xai_method_hirescam = {
    .info = {.id = "hirescam", .title = "HiResCAM", .family = "cam",
             .summary = "What each cell of the layer adds to the score: gradient times activation, without "
                        "averaging over the picture.",
             .paper = "arXiv:2011.08891", .version = 1, .needs = "gradient, layer", .cost = "1 forward, 1 backward",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_cam_options),
    XAI_CAM_ON_GRADIENTS,
    .run = run,
};
