/* Runs the method of a map again, on another input, model or target; and the model on another input. One thread. */
#include "map.h"
#include "metric.h"

#include <string.h>

static xai_status take(const xai_grading *g, const xai_graded *map, const xai_result *r, const float **out, xai_error *err)
{
    const xai_artifact *a = xai_map_of(&r->explanations[0]);
    XAI_CHECK(a && a->shape[0] == map->rows && a->shape[1] == map->cols, err, UNSUPPORTED_METHOD, map->call->id,
              "%s gives no map of the same size when it runs again", map->call->id);
    size_t bytes = (size_t)map->rows * (size_t)map->cols * sizeof(float);
    float *copy = xai_arena_alloc(g->scratch, 1, bytes);
    if (!copy) XAI_NO_MEMORY(err);
    memcpy(copy, a->values, bytes);
    *out = copy;
    return XAI_OK;
}

xai_status xai_grading_again(const xai_grading *g, const xai_graded *map, const xai_rerun *rerun, const float **out,
                             xai_error *err)
{
    xai_context *c = g->context;
    const xai_target *target = rerun->target ? rerun->target : &map->explanation->target;
    xai_array tensor = {.dtype = XAI_F32, .rank = 4, .data = (void *)(uintptr_t)(rerun->input ? rerun->input : c->input)};
    memcpy(tensor.shape, c->model->info.input_shape, sizeof c->model->info.input_shape);
    xai_request request = {.model = rerun->model ? rerun->model : c->model, .tensor = &tensor, .calls = map->call,
                           .call_count = 1, .targets = target, .target_count = 1, .seed = g->seed, .top = 1,
                           .urgent = c->urgent, .precision = g->request->precision,
                           .use_draws = g->request->use_draws};
    xai_result *result = NULL;
    xai_token_nest(c->token, 1);
    xai_status status = xai_explain(&request, c->pool, c->token, &result, err);
    xai_token_nest(c->token, -1);
    if (status == XAI_OK) {
        c->forwards += result->forwards;
        c->backwards += result->backwards;
        status = take(g, map, result, out, err);
    }
    xai_result_free(result);
    return status;
}

static xai_status measure(const xai_grading *g, xai_context *c, double *value, xai_error *err)
{
    xai_aim aim;
    XAI_TRY(xai_context_base(c, err));
    XAI_TRY(xai_aim_init(&aim, c, &g->aim.target, err));
    *value = xai_aim_value(&aim, xai_context_base_data(c, aim.value));
    return XAI_OK;
}

xai_status xai_grading_value(const xai_grading *g, const float *input, double *value, xai_error *err)
{
    xai_context *own = g->context;
    xai_array tensor = {.dtype = XAI_F32, .rank = 4, .data = (void *)(uintptr_t)input};
    memcpy(tensor.shape, own->model->info.input_shape, sizeof own->model->info.input_shape);
    xai_arena *arena = xai_arena_new(0);
    if (!arena) XAI_NO_MEMORY(err);
    xai_context_spec spec = {.model = own->model, .pool = own->pool, .token = own->token, .arena = arena,
                             .urgent = own->urgent, .tensor = &tensor, .wants = own->wants};
    xai_context c;
    xai_status status = xai_context_init(&c, &spec, err);
    if (status == XAI_OK) status = measure(g, &c, value, err);
    own->forwards += c.forwards;
    xai_context_deinit(&c);
    xai_arena_free(arena);
    return status;
}
