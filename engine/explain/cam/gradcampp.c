/*
 * Grad-CAM++: sum over channels k of w_k A_k, w_k = sum over cells of alpha ReLU(g), with
 * alpha = g^2 / (2 g^2 + sum(A_k) g^3 + 1e-6): cells count by how much their activation alone would raise the score.
 *
 * Chattopadhyay et al., "Grad-CAM++: Improved Visual Explanations for Deep Convolutional Networks", WACV 2018,
 * arXiv 1710.11063, equations 5, 7 and 19. As pytorch-grad-cam computes it, before its ReLU.
 *
 * Dialect torchcam: torch-cam 0.5 states another alpha, but the division that makes it goes to a copy of the tensor
 * and is lost: what it returns is w_k = sum of g^2 ReLU(g). People have maps of it, so the dialect gives the same.
 */
#include "cam.h"

#include <math.h>

typedef enum dialect { GRADCAM, TORCHCAM } dialect;

typedef struct gradcampp_params {
    xai_cam_options cam;
    int dialect;
} gradcampp_params;

static const xai_param PARAMS[] = {
    XAI_CAM_PARAMS(false), XAI_CAM_SMOOTH,
    XAI_P_ENUM(gradcampp_params, dialect, GRADCAM, "pytorch-grad-cam|torchcam",
               "Whose numbers: torch-cam weighs by the gradient's third power."),
};

static double alpha(double g, double sum) { return g == 0 ? 0 : g * g / (2 * g * g + sum * g * g * g + 1e-6); }

static double weight_of(const float *a, const float *g, int64_t n, bool cubes)
{
    double sum = 0, weight = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)a[i];
    for (int64_t i = 0; i < n; i++) {
        double d = (double)g[i];
        weight += (cubes ? d * d : alpha(d, sum)) * fmax(d, 0);
    }
    return weight;
}

static xai_status weights(xai_task *task, const xai_cam_layer *layer, const void *params, double *w, xai_error *err)
{
    (void)task;
    (void)err;
    bool cubes = ((const gradcampp_params *)params)->dialect == TORCHCAM;
    for (int64_t k = 0; k < layer->channels; k++)
        w[k] = weight_of(layer->a + k * layer->area, layer->g + k * layer->area, layer->area, cubes);
    return XAI_OK;
}

static const xai_cam_rule RULE = {.gradients = true, .weights = weights};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    return xai_cam_run(task, params, &RULE, err);
}

const xai_method xai_method_gradcampp = {
    .info = {.id = "gradcam++", .title = "Grad-CAM++", .family = "cam",
             .summary = "Grad-CAM whose weights count where the class shows several times in the picture.",
             .paper = "arXiv:1710.11063", .version = 1, .needs = "gradient, layer", .cost = "1 forward, 1 backward",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(gradcampp_params),
    XAI_CAM_ON_GRADIENTS,
    .run = run,
};
