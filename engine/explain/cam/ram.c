/*
 * RAM, regression activation map: CAM of a regression's number: sum over channels k of w_k A_k, where the number is a
 * linear function of the channels' means and w_k its coefficient. The map is in the number's unit, and its mean is the
 * number without the bias: what each cell pulls it up or down by.
 *
 * Wang and Yang, "Diabetic Retinopathy Detection via Deep Convolutional Networks for Discriminative Localization and
 * Visual Explanation", arXiv 1703.10757, section 3. There is no library of it; torch-cam's CAM of the same number is
 * the same.
 */
#include "head.h"

static const xai_param PARAMS[] = {XAI_CAM_PARAMS(false), XAI_CAM_SMOOTH};

static xai_status serves(const xai_model *model, xai_error *err)
{
    bool number = model->info.head == XAI_HEAD_REGRESSION || model->info.output_count > 1;
    XAI_CHECK(number, err, UNSUPPORTED_METHOD, "ram",
              "RAM explains a number of a regression; this model has class scores alone: use cam");
    return xai_cam_find_head(model, err);
}

static xai_status check(const xai_model *model, const void *params, const xai_target *target, xai_error *err)
{
    bool number = target->kind == XAI_TARGET_OUTPUT ||
                  (target->kind == XAI_TARGET_CLASS && model->info.head == XAI_HEAD_REGRESSION);
    XAI_CHECK(number, err, BAD_PARAM, "target",
              "ram explains a number of a regression: name an output and its index, or use cam for a class");
    return xai_cam_check_head(model, params, target, err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    return xai_cam_run(task, params, &xai_cam_head_rule, err);
}

const xai_method xai_method_ram = {
    .info = {.id = "ram", .title = "RAM", .family = "cam",
             .summary = "CAM for a regression: what each cell pulls the predicted number up or down by.",
             .paper = "arXiv:1703.10757", .version = 1, .needs = "gradient, layer, linear head, regression",
             .cost = "1 forward, 1 backward", .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_cam_options),
    XAI_CAM_ON_GRADIENTS(xai_cam_check),
    .serves = serves,
    .check_target = check,
    .run = run,
};
