/*
 * A run of a CAM method: the layers, the passes that they take, the rule's maps, and what becomes of them. One thread;
 * variants of the picture come in their order.
 */
#include "cam.h"

#include "fuse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of aug_smooth: the picture and its mirror image, each times these; as ttach's HorizontalFlip and Multiply. */
static const float FACTORS[] = {0.9F, 1, 1.1F};
enum { SCALES = sizeof FACTORS / sizeof FACTORS[0], VARIANTS = 2 * SCALES };

xai_layer_list xai_cam_layers(const xai_cam_options *o)
{
    return o->layers.count ? o->layers : (xai_layer_list){&o->layer, 1};
}

xai_status xai_cam_check(const xai_model *model, const void *params, xai_error *err)
{
    xai_layer_list list = xai_cam_layers(params);
    for (size_t i = 0; i < list.count; i++) XAI_TRY(xai_model_check_spatial(model, list.names[i], err));
    return XAI_OK;
}

double xai_cam_cost_with(const xai_cam_options *o, double more)
{
    return 1 + (o->aug_smooth ? VARIANTS * (1 + more) : more);
}

double xai_cam_cost(const xai_model *model, const void *params)
{
    (void)model;
    return xai_cam_cost_with(params, 0);
}

double xai_cam_cost_gradient(const xai_model *model, const void *params)
{
    (void)model;
    return xai_cam_cost_with(params, 2);
}

/* ---------------------------------------------------------------- a run */

typedef struct work {
    xai_task *task;
    const void *params;
    const xai_cam_options *options;
    const xai_cam_rule *rule;
    xai_cam_layer *layers;
    size_t count;
    size_t area;    /* of the largest */
    double *sums;   /* area: a rule's map */
    float *map;     /* area: the same as it leaves here */
    xai_cam_canvas canvas;
} work;

static xai_cam_layer layer_of(const xai_value *value)
{
    const int64_t *dim = value->shape.dim;
    return (xai_cam_layer){.value = value, .channels = dim[1], .height = dim[2], .width = dim[3],
                           .area = dim[2] * dim[3]};
}

static xai_status find_layers(work *w, xai_error *err)
{
    xai_layer_list list = xai_cam_layers(w->options);
    if (!(w->layers = XAI_NEW(w->task->arena, xai_cam_layer, list.count))) XAI_NO_MEMORY(err);
    for (; w->count < list.count; w->count++) {
        w->layers[w->count] = layer_of(xai_program_find(w->task->context->program, list.names[w->count]));
        if ((size_t)w->layers[w->count].area > w->area) w->area = (size_t)w->layers[w->count].area;
    }
    w->sums = XAI_NEW(w->task->arena, double, w->area);
    w->map = XAI_NEW(w->task->arena, float, w->area);
    if (!w->sums || !w->map) XAI_NO_MEMORY(err);
    return XAI_OK;
}

/* The rule's map of a layer, to w->map. */
static xai_status map_layer(work *w, const xai_cam_layer *layer, xai_error *err)
{
    XAI_TRY(xai_cam_map(w->task, w->params, w->rule, layer, w->sums, err));
    for (int64_t i = 0; i < layer->area; i++) w->map[i] = (float)w->sums[i];
    return XAI_OK;
}

/* The maps of all layers, joined. */
static xai_status fuse_layers(work *w, bool mirrored, xai_error *err)
{
    for (size_t i = 0; i < w->count; i++) {
        XAI_TRY(map_layer(w, &w->layers[i], err));
        xai_cam_canvas_add(&w->canvas, w->map, &w->layers[i]);
    }
    xai_cam_canvas_end(&w->canvas, mirrored);
    return XAI_OK;
}

/* ---------------------------------------------------------------- of the picture as it is */

/* NULL: the aim's own. */
static xai_status make_seed(xai_task *task, const void *params, const xai_cam_rule *rule, float **seed, xai_error *err)
{
    *seed = NULL;
    if (!rule->seed) return XAI_OK;
    if (!(*seed = XAI_NEW(task->arena, float, (size_t)xai_value_count(task->aim.value)))) XAI_NO_MEMORY(err);
    return rule->seed(task, params, *seed, err);
}

static xai_status take_gradients(xai_task *task, const float *seed, xai_cam_layer *layers, size_t count, xai_error *err)
{
    xai_wanted *wanted = XAI_NEW(task->arena, xai_wanted, count);
    if (!wanted) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < count; i++) {
        float *room = XAI_NEW(task->arena, float, (size_t)xai_value_count(layers[i].value));
        if (!room) XAI_NO_MEMORY(err);
        wanted[i] = (xai_wanted){layers[i].value, room};
        layers[i].g = room;
    }
    return xai_task_gradient_of(task, seed, wanted, count, XAI_POLICY_PLAIN, err);
}

/* Fills in what the rule looks at, of the base run. */
static xai_status take_base(xai_task *task, const void *params, const xai_cam_rule *rule, xai_cam_layer *layers,
                            size_t count, xai_error *err)
{
    xai_session *session;
    float *seed;
    XAI_TRY(make_seed(task, params, rule, &seed, err));
    if (rule->gradients) XAI_TRY(take_gradients(task, seed, layers, count, err));
    XAI_TRY(xai_context_kept_base(task->context, &session, err));
    for (size_t i = 0; i < count; i++) layers[i].a = xai_session_value_data(session, layers[i].value);
    return XAI_OK;
}

xai_status xai_cam_base(xai_task *task, const void *params, const xai_cam_rule *rule, const xai_value *value,
                        double *map, xai_error *err)
{
    xai_cam_layer layer = layer_of(value);
    XAI_TRY(take_base(task, params, rule, &layer, 1, err));
    return xai_cam_map(task, params, rule, &layer, map, err);
}

static xai_status run_single(work *w, xai_error *err)
{
    const xai_cam_layer *layer = &w->layers[0];
    XAI_TRY(take_base(w->task, w->params, w->rule, w->layers, 1, err));
    XAI_TRY(map_layer(w, layer, err));
    for (int64_t i = 0; w->options->relu && i < layer->area; i++) w->map[i] = fmaxf(w->map[i], 0);
    return xai_task_add_map(w->task, "map", w->map, layer->height, layer->width, err);
}

/* ---------------------------------------------------------------- of variants of it */

static void make_variant(const xai_context *c, const float *picture, int index, float *values)
{
    float factor = FACTORS[index % SCALES];
    for (int y = 0; y < c->height; y++)
        for (int x = 0; x < c->width; x++)
            for (int ch = 0; ch < c->channels; ch++) {
                size_t line = (size_t)ch * c->channel_stride + (size_t)y * c->row_stride;
                int from = index < SCALES ? x : c->width - 1 - x;
                values[line + (size_t)x * c->x_stride] = factor * picture[line + (size_t)from * c->x_stride];
            }
}

/* The base run is the variant's, and so is the score. */
static xai_status run_variant(work *w, int index, xai_error *err)
{
    xai_session *session;
    xai_task *task = w->task;
    XAI_TRY(take_base(task, w->params, w->rule, w->layers, w->count, err));
    XAI_TRY(xai_context_kept_base(task->context, &session, err));
    task->base = xai_aim_value(&task->aim, xai_session_value_data(session, task->aim.value));
    return fuse_layers(w, index >= SCALES, err);
}

static xai_status run_variants(work *w, xai_error *err)
{
    xai_context *c = w->task->context;
    double base = w->task->base;
    const float *picture = c->input;
    float *values = XAI_NEW(w->task->arena, float, c->input_count);
    if (!values) XAI_NO_MEMORY(err);
    xai_status status = XAI_OK;
    for (int i = 0; status == XAI_OK && i < VARIANTS; i++) {
        make_variant(c, picture, i, values);
        xai_context_turn(c, values);
        status = run_variant(w, i, err);
    }
    xai_context_turn(c, NULL);
    w->task->base = base;
    return status;
}

/* ---------------------------------------------------------------- all */

static xai_status fuse(work *w, xai_error *err)
{
    const xai_context *c = w->task->context;
    float *map = XAI_NEW(w->task->arena, float, (size_t)c->height * (size_t)c->width);
    if (!map) XAI_NO_MEMORY(err);
    if (w->options->aug_smooth) XAI_TRY(run_variants(w, err));
    else {
        XAI_TRY(take_base(w->task, w->params, w->rule, w->layers, w->count, err));
        XAI_TRY(fuse_layers(w, false, err));
    }
    xai_cam_canvas_result(&w->canvas, map);
    return xai_task_add_map(w->task, "map", map, c->height, c->width, err);
}

xai_status xai_cam_run(xai_task *task, const void *params, const xai_cam_rule *rule, xai_error *err)
{
    work w = {.task = task, .params = params, .options = params, .rule = rule};
    XAI_TRY(find_layers(&w, err));
    if (!w.options->layers.count && !w.options->aug_smooth && !rule->product) return run_single(&w, err);
    xai_cam_fusion fusion = rule->product ? XAI_CAM_PRODUCT : (xai_cam_fusion)w.options->fusion;
    xai_status status = xai_cam_canvas_init(&w.canvas, task->context->height, task->context->width, fusion, err);
    if (status == XAI_OK) status = fuse(&w, err);
    xai_cam_canvas_deinit(&w.canvas);
    return status;
}
