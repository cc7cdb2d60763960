/* A run of a CAM method: passes, the rule's map, what is kept of it. One thread. */
#include "cam.h"

#include <math.h>
#include <stdlib.h>

xai_status xai_cam_check(const xai_model *model, const void *params, xai_error *err)
{
    return xai_model_check_spatial(model, ((const xai_cam_options *)params)->layer, err);
}

double xai_cam_cost(const xai_model *model, const void *params)
{
    (void)model;
    (void)params;
    return 1;
}

double xai_cam_cost_gradient(const xai_model *model, const void *params)
{
    (void)model;
    (void)params;
    return 3;
}

static xai_cam_layer layer_of(const xai_value *value)
{
    const int64_t *dim = value->shape.dim;
    return (xai_cam_layer){.value = value, .channels = dim[1], .height = dim[2], .width = dim[3],
                           .area = dim[2] * dim[3]};
}

/* The rule's map of the layer's base activation. `gradients`: room for them. */
static xai_status map_base(xai_task *task, const void *params, const xai_cam_rule *rule, xai_cam_layer *layer,
                           float *gradients, double *map, xai_error *err)
{
    xai_session *session;
    if (rule->gradients)
        XAI_TRY(xai_task_gradient(task, &(xai_wanted){layer->value, gradients}, 1, XAI_POLICY_PLAIN, err));
    XAI_TRY(xai_context_kept_base(task->context, &session, err));
    layer->a = xai_session_value_data(session, layer->value);
    layer->g = rule->gradients ? gradients : NULL;
    return xai_cam_map(task, params, rule, layer, map, err);
}

xai_status xai_cam_base(xai_task *task, const void *params, const xai_cam_rule *rule, const xai_value *value,
                        double *map, xai_error *err)
{
    xai_cam_layer layer = layer_of(value);
    float *gradients = rule->gradients ? calloc((size_t)xai_value_count(value), sizeof(float)) : NULL;
    if (rule->gradients && !gradients) XAI_NO_MEMORY(err);
    xai_status status = map_base(task, params, rule, &layer, gradients, map, err);
    free(gradients);
    return status;
}

xai_status xai_cam_run(xai_task *task, const void *params, const xai_cam_rule *rule, xai_error *err)
{
    const xai_cam_options *o = params;
    const xai_value *value = xai_program_find(task->context->program, o->layer);
    const int64_t *dim = value->shape.dim;
    int64_t area = dim[2] * dim[3];
    float *map = XAI_NEW(task->arena, float, (size_t)area);
    double *sums = XAI_NEW(task->arena, double, (size_t)area);
    if (!map || !sums) XAI_NO_MEMORY(err);
    XAI_TRY(xai_cam_base(task, params, rule, value, sums, err));
    for (int64_t i = 0; i < area; i++) map[i] = (float)(o->relu ? fmax(sums[i], 0) : sums[i]);
    return xai_task_add_map(task, "map", map, dim[2], dim[3], err);
}
