/* Maps of explanations, and given ones. Belongs to the thread of the result. */
#include "map.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

const xai_artifact *xai_map_of(const xai_explanation *e)
{
    const xai_artifact *first = NULL;
    for (size_t i = 0; i < e->artifact_count; i++) {
        const xai_artifact *a = &e->artifacts[i];
        if (a->kind != XAI_ARTIFACT_MAP || a->rank != 2) continue;
        if (strcmp(a->name, "map") == 0) return a;
        if (!first) first = a;
    }
    return first;
}

static const xai_method_info GIVEN = {
    .id = "given", .title = "A given map", .family = "given", .summary = "A map that came with the request.",
    .paper = "", .version = 1, .needs = "nothing", .cost = "none",
};

enum { MOST_SIDE = 8192 };

static xai_status check(const xai_array *map, xai_error *err)
{
    XAI_CHECK(map->dtype == XAI_F32 && map->rank == 2 && map->shape[0] >= 1 && map->shape[1] >= 1 &&
                  map->shape[0] <= MOST_SIDE && map->shape[1] <= MOST_SIDE,
              err, BAD_TENSOR, "maps", "a map is float32 of rank 2, rows by columns, at most %d a side", MOST_SIDE);
    const float *values = map->data;
    for (int64_t i = 0; i < map->shape[0] * map->shape[1]; i++)
        XAI_CHECK(isfinite(values[i]), err, BAD_TENSOR, "maps", "element %" PRId64 " of the map is not finite", i);
    return XAI_OK;
}

/* The target filled in as a method of the forward passes sees it, and what it is worth on the picture. */
static xai_status fill_target(const xai_request *q, size_t k, xai_context *c, const xai_result *r, xai_explanation *e,
                              xai_error *err)
{
    xai_aim aim;
    e->target = q->target_count ? q->targets[k] : (xai_target){.class_index = -1, .contrast = -1};
    XAI_TRY(xai_target_check(c->model, &e->target, err));
    XAI_TRY(xai_aim_init(&aim, c, &e->target, err));
    aim.target.space = xai_target_space(c->model, &e->target, XAI_SPACE_PROBABILITY);
    if (aim.shares && aim.target.class_index < 0) aim.target.class_index = r->predictions[0].class_index;
    e->target = aim.target;
    e->target_value = xai_aim_value(&aim, aim.shares ? c->base_logits : xai_context_base_data(c, aim.value));
    return xai_target_name(c->model, &e->target, r->arena, &e->target_name, err);
}

static xai_status add_one(const xai_array *map, xai_arena *arena, xai_explanation *e, xai_error *err)
{
    size_t bytes = (size_t)map->shape[0] * (size_t)map->shape[1] * sizeof(float);
    float *values = xai_arena_alloc(arena, 1, bytes);
    if (!values || !(e->params = xai_doc_object(arena))) XAI_NO_MEMORY(err);
    memcpy(values, map->data, bytes);
    e->method = &GIVEN;
    return xai_task_add_map(&(xai_task){.arena = arena, .result = e}, "map", values, map->shape[0], map->shape[1], err);
}

xai_status xai_maps_add(const xai_request *q, xai_context *c, xai_result *r, xai_error *err)
{
    size_t targets = q->target_count ? q->target_count : 1, count = r->explanation_count;
    if (!q->map_count) return XAI_OK;
    xai_explanation *list = XAI_NEW(r->arena, xai_explanation, count + q->map_count * targets);
    if (!list) XAI_NO_MEMORY(err);
    if (count) memcpy(list, r->explanations, count * sizeof *list);
    for (size_t i = 0; i < q->map_count; i++) {
        XAI_TRY(check(&q->maps[i], err));
        for (size_t k = 0; k < targets; k++, count++) {
            XAI_TRY(fill_target(q, k, c, r, &list[count], err));
            XAI_TRY(add_one(&q->maps[i], r->arena, &list[count], err));
            list[count].forwards = 1;
        }
    }
    r->explanations = list;
    r->explanation_count = count;
    return XAI_OK;
}
