/*
 * Recipro-CAM: at each cell of a layer the score when of its activations only that cell's are kept, all others zero.
 *
 * Byun and Lee, "Recipro-CAM: Fast gradient-free visual explanations for convolutional neural networks", 2022,
 * arXiv 2209.14074, equations 1 to 3. As OpenVINO XAI has it, before its scaling to 0..255. With `gaussian` the
 * neighbours are kept too, by the weights 1/4, 1/8, 1/16 of a 3 x 3 Gaussian that the border cuts, as that library
 * does for transformers and the paper for all.
 */
#include "cam.h"

#include "explain/evaluate.h"

#include <stdlib.h>
#include <string.h>

typedef struct reciprocam_params {
    xai_cam_options cam;
    bool gaussian;
} reciprocam_params;

static const xai_param PARAMS[] = {
    XAI_P_LAYER(xai_cam_options, layer,
                "Layer whose cells are kept one by one: a tensor or node with a spatial map; the last one if "
                "omitted."),
    XAI_CAM_FUSE,
    XAI_P_BOOL(reciprocam_params, gaussian, false,
               "Keep the eight neighbours too, weighed by a Gaussian: smoother; off: the cell alone."),
};

static double cost(const xai_model *model, const void *params)
{
    const reciprocam_params *p = params;
    xai_layer_list list = xai_cam_layers(&p->cam);
    double more = 0;
    for (size_t i = 0; i < list.count; i++) {
        const int64_t *dim = xai_program_find(model->outline, list.names[i])->shape.dim;
        more += (double)(dim[2] * dim[3]) * xai_model_share_after(model, list.names[i]);
    }
    return xai_cam_cost_with(&p->cam, more);
}

typedef struct cells {
    const float *data; /* channels x height x width */
    int64_t channels, height, width;
    bool gaussian;
} cells;

/* How much of the cell (y, x) is kept for the one at a distance of that many rows and columns. */
static float kept(const cells *c, int64_t rows, int64_t cols)
{
    if (!c->gaussian) return 1;
    return 0.25F / (float)(1 << (llabs(rows) + llabs(cols)));
}

static void keep(const void *user, size_t index, float *values)
{
    const cells *c = user;
    int64_t row = (int64_t)index / c->width, col = (int64_t)index % c->width, reach = c->gaussian ? 1 : 0;
    memset(values, 0, (size_t)(c->channels * c->height * c->width) * sizeof *values);
    for (int64_t y = row - reach; y <= row + reach; y++)
        for (int64_t x = col - reach; x <= col + reach; x++) {
            if (y < 0 || y >= c->height || x < 0 || x >= c->width) continue;
            float share = kept(c, y - row, x - col);
            for (int64_t k = 0; k < c->channels; k++) {
                int64_t at = (k * c->height + y) * c->width + x;
                values[at] = share * c->data[at];
            }
        }
}

static xai_status map_cells(xai_task *task, const xai_cam_layer *layer, const void *params, double *map, xai_error *err)
{
    const reciprocam_params *p = params;
    cells c = {layer->a, layer->channels, layer->height, layer->width, p->gaussian};
    size_t count = (size_t)layer->area;
    float *scores = XAI_NEW(task->arena, float, count);
    if (!scores) XAI_NO_MEMORY(err);
    xai_variants variants = {.count = count, .make = keep, .user = &c,
                             .of = xai_program_find(task->context->program, layer->value->name)};
    XAI_TRY(xai_evaluate(task->context, &task->aim, &variants, &(xai_scores){.values = scores}, err));
    for (size_t i = 0; i < count; i++) map[i] = (double)scores[i];
    return XAI_OK;
}

static const xai_cam_rule RULE = {.map = map_cells};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    return xai_cam_run(task, params, &RULE, err);
}

const xai_method xai_method_reciprocam = {
    .info = {.id = "reciprocam", .title = "Recipro-CAM", .family = "cam",
             .summary = "The score that each place of the layer reaches when everything around it is silent.",
             .paper = "arXiv:2209.14074", .version = 1, .needs = "layer",
             .cost = "1 forward, and for each cell what follows the layer",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(reciprocam_params),
    .needs = XAI_NEEDS_LAYER,
    .steady = true,
    .space = XAI_SPACE_LOGIT,
    .check = xai_cam_check,
    .cost = cost,
    .run = run,
};
