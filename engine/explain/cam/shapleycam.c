/*
 * Shapley-CAM: sum over channels k of w_k A_k, w_k = mean over cells of (g - H A / 2), with H the second derivatives of
 * the score by the layer: Grad-CAM corrected for the score's curvature. Where the rest of the network is piecewise
 * linear H is 0, and the map is Grad-CAM's.
 *
 * Cai, "CAMs as Shapley Value-based Explainers", arXiv 2501.06261, equation 14. As pytorch-grad-cam computes it, before
 * its ReLU. A network with an operator that has no second derivative here is refused, by that operator.
 */
#include "cam.h"

#include <stdlib.h>

/* Forwards and backwards that a Hessian-vector product takes (graph/session.h). */
enum { PRODUCT_FORWARDS = 2, PRODUCT_BACKWARDS = 2, PRODUCT = PRODUCT_FORWARDS + 2 * PRODUCT_BACKWARDS };

static const xai_param PARAMS[] = {XAI_CAM_PARAMS(false), XAI_CAM_SMOOTH, XAI_CAM_FUSE};

/* For every layer the plain program's forward, which they share, and a product. */
static double cost(const xai_model *model, const void *params)
{
    (void)model;
    return xai_cam_cost_with(params, (1 + PRODUCT) * (double)xai_cam_layers(params).count);
}

static xai_status check_target(const xai_model *model, const void *params, const xai_target *target, xai_error *err)
{
    (void)model;
    (void)params;
    XAI_CHECK(target->space != XAI_SPACE_PROBABILITY, err, BAD_PARAM, "target.space",
              "shapleycam takes second derivatives of a score, not of a probability: space is 'logit'");
    return XAI_OK;
}

/* product[i] of the activations themselves, and the gradient. */
static xai_status run_product(xai_task *task, const xai_cam_layer *layer, float *gradient, float *product, xai_error *err)
{
    xai_context *c = task->context;
    const xai_plain *plain;
    xai_seed seed;
    XAI_TRY(xai_context_plain_base(c, XAI_PLAIN_TANGENTS, &plain, err));
    XAI_TRY(xai_task_plain_seed(task, plain, &seed, err));
    XAI_TRY(xai_token_check(c->token, err));
    const xai_value *at = xai_program_find(plain->program, layer->value->name);
    xai_hvp hvp = {at, xai_session_value_data(plain->session, at), gradient, product};
    xai_par par = {c->pool};
    xai_pool_enter(c->pool, c->urgent);
    xai_status status = xai_session_hvp(plain->session, &seed, 1, &hvp, &par, err);
    xai_pool_leave(c->pool);
    XAI_TRY(status);
    c->forwards += PRODUCT_FORWARDS;
    c->backwards += PRODUCT_BACKWARDS;
    xai_token_advance(c->token, PRODUCT);
    return XAI_OK;
}

static xai_status weights(xai_task *task, const xai_cam_layer *layer, const void *params, double *w, xai_error *err)
{
    (void)params;
    size_t count = (size_t)(layer->channels * layer->area);
    float *gradient = malloc(2 * count * sizeof *gradient), *product = gradient + count;
    if (!gradient) XAI_NO_MEMORY(err);
    xai_status status = run_product(task, layer, gradient, product, err);
    for (int64_t k = 0; status == XAI_OK && k < layer->channels; k++) {
        double sum = 0;
        for (int64_t i = k * layer->area; i < (k + 1) * layer->area; i++)
            sum += (double)gradient[i] - 0.5 * (double)product[i];
        w[k] = sum / (double)layer->area;
    }
    free(gradient);
    return status;
}

static const xai_cam_rule RULE = {.weights = weights};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    return xai_cam_run(task, params, &RULE, err);
}

const xai_method xai_method_shapleycam = {
    .info = {.id = "shapleycam", .title = "Shapley-CAM", .family = "cam",
             .summary = "Grad-CAM corrected for the score's curvature: on piecewise linear networks the same map.",
             .paper = "arXiv:2501.06261", .version = 1, .needs = "second derivatives, layer",
             .cost = "4 forwards, 2 backwards", .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_cam_options),
    .needs = XAI_NEEDS_GRADIENT | XAI_NEEDS_LAYER,
    .plain = 1 << XAI_PLAIN_TANGENTS,
    .space = XAI_SPACE_LOGIT,
    .check = xai_cam_check,
    .check_target = check_target,
    .cost = cost,
    .run = run,
};
