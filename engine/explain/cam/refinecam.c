/*
 * RefineCAM: the product of Grad-CAM++'s maps of several layers, each from 0 to 1 in the resolution of the model's
 * input, from 0 to 1 again: early layers are sharp, late ones know what they see.
 *
 * "How to Evaluate and Refine your CAM", arXiv 2605.14641. As pytorch-grad-cam's RefineCAM computes it.
 */
#include "cam.h"

static const xai_param PARAMS[] = {
    XAI_P_LAYER(xai_cam_options, layer, "One layer, where no list is given: the result is then Grad-CAM++'s alone."),
    XAI_P_LAYERS(xai_cam_options, layers, "The layers whose maps are multiplied, early and late ones; several are "
                                          "needed to refine anything."),
    XAI_CAM_SMOOTH,
};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    if (xai_cam_layers(params).count == 1)
        XAI_TRY(xai_task_warn(task, err, "Only one layer is given: there is nothing to refine its map by."));
    xai_cam_rule rule = xai_cam_gradcampp_rule;
    rule.product = true;
    return xai_cam_run(task, params, &rule, err);
}

const xai_method xai_method_refinecam = {
    .info = {.id = "refinecam", .title = "RefineCAM", .family = "cam",
             .summary = "Grad-CAM++ of several layers multiplied: where early and late layers agree.",
             .paper = "arXiv:2605.14641", .version = 1, .needs = "gradient, layer", .cost = "1 forward, 1 backward",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_cam_options),
    XAI_CAM_ON_GRADIENTS(xai_cam_check),
    .run = run,
};
