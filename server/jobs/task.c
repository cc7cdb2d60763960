/*
 * Task: from JSON to a checked request.
 *
 * Whatever can be refused is refused here, before anything is queued: names, parameters, classes, layers. Only the
 * image is looked at later, in the sandbox.
 */
#include "task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "json/base64.h"
#include "json/read.h"
#include "json/request.h"

void jobs_task_free(jobs_task *task)
{
    if (!task) return;
    jobs_bytes_unref(task->image);
    json_decref(task->json);
    free(task->text);
    xai_arena_free(task->arena);
    free(task);
}

static xai_status task_new(jobs_kind kind, const char *owner, jobs_task **out, xai_error *err)
{
    jobs_task *task = calloc(1, sizeof *task);
    xai_arena *arena = xai_arena_new(8 << 20);
    if (!task || !arena) {
        free(task);
        xai_arena_free(arena);
        XAI_NO_MEMORY(err);
    }
    task->kind = kind;
    task->arena = arena;
    snprintf(task->owner, sizeof task->owner, "%s", owner);
    *out = task;
    return XAI_OK;
}

/* ---------------------------------------------------------------- image */

static xai_status decode_base64(jobs_task *task, const xai_json_request *request, xai_error *err)
{
    size_t size = 0;
    uint8_t *bytes = malloc(xai_json_base64_room(request->image_length) + 1);
    if (!bytes) XAI_NO_MEMORY(err);
    bool ok = xai_json_base64_decode(request->image, request->image_length, bytes, &size);
    if (ok) task->image = jobs_bytes_new(bytes, size);
    free(bytes);
    XAI_CHECK(ok, err, BAD_REQUEST, "/image/b64", "not valid base64 (RFC 4648, with padding, without line breaks)");
    if (!task->image) XAI_NO_MEMORY(err);
    return XAI_OK;
}

static xai_status take_image(jobs_task *task, const xai_json_request *request, jobs_bytes *image, xai_error *err)
{
    XAI_CHECK(!image || !request->image, err, BAD_REQUEST, "/image", "the image is given twice");
    XAI_CHECK(image || request->image, err, BAD_REQUEST, "/image", "there is no image");
    if (image) task->image = jobs_bytes_ref(image);
    else XAI_TRY(decode_base64(task, request, err));
    XAI_CHECK(jobs_bytes_size(task->image) > 0, err, BAD_IMAGE, "/image", "the image is empty");
    xai_sha256_hex(jobs_bytes_data(task->image), jobs_bytes_size(task->image), task->sha256);
    json_object_del(task->json, "image"); /* kept once, as bytes; what was read from the JSON stays valid but for it */
    return XAI_OK;
}

/* Masks that come as pictures: their bytes, which a worker has decoded. */
static xai_status take_masks(jobs_task *task, const xai_json_request *request, xai_error *err)
{
    task->targets = (xai_target *)(uintptr_t)task->request.targets; /* the arena's */
    if (!(task->masks = XAI_NEW(task->arena, jobs_mask, request->target_count))) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < request->target_count; i++) {
        const xai_json_target *t = &request->targets[i];
        if (!t->mask_image) continue;
        char pointer[64];
        snprintf(pointer, sizeof pointer, "/targets/%zu/mask/b64", i);
        jobs_mask *mask = &task->masks[task->mask_count++];
        mask->target = i;
        mask->bytes = xai_arena_alloc(task->arena, xai_json_base64_room(t->mask_length) + 1, 1);
        XAI_CHECK(mask->bytes, err, TOO_LARGE, pointer, "the pictures of the masks are too large");
        XAI_CHECK(xai_json_base64_decode(t->mask_image, t->mask_length, mask->bytes, &mask->size), err, BAD_REQUEST,
                  pointer, "not valid base64 (RFC 4648, with padding, without line breaks)");
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- checks */

/* "target.neuron.channel" of target 0 -> "/targets/0/neuron/channel". */
static void point_at_target(xai_error *err, const char *member, size_t target)
{
    snprintf(err->where, sizeof err->where, "/targets/%zu%s%.120s", target, member[0] ? "/" : "", member);
    for (char *c = err->where; *c; c++)
        if (*c == '.') *c = '/';
}

/* The engine says "params.window" of some method; the caller wants to know of which: a JSON pointer. */
static void point(xai_error *err, size_t index, size_t target)
{
    char where[sizeof err->where];
    memcpy(where, err->where, sizeof where);
    const char *name = strncmp(where, "params.", 7) == 0 ? where + 7 : NULL;
    const char *member = strncmp(where, "target", 6) == 0 ? where + 6 + (where[6] == '.') : NULL;
    if (member) {
        point_at_target(err, member, target);
        return;
    }
    if (strncmp(where, "evaluate", 8) == 0 || strncmp(where, "expected", 8) == 0) {
        snprintf(err->where, sizeof err->where, "/%.120s", where);
        for (char *c = err->where; *c; c++)
            if (*c == '.') *c = '/';
        return;
    }
    if (strcmp(where, "precision") == 0) snprintf(err->where, sizeof err->where, "/precision");
    else if (err->status == XAI_E_UNKNOWN_METHOD || err->status == XAI_E_UNSUPPORTED_METHOD)
        snprintf(err->where, sizeof err->where, "/methods/%zu/id", index);
    else if (name) snprintf(err->where, sizeof err->where, "/methods/%zu/params/%.120s", index, name);
    else if (err->status == XAI_E_UNKNOWN_LAYER)
        snprintf(err->where, sizeof err->where, "/methods/%zu/params/layer", index);
}

static xai_status check_methods(const jobs_engine *engine, const jobs_task *task, const xai_request *request,
                                xai_error *err)
{
    size_t targets = request->target_count ? request->target_count : 1;
    for (size_t i = 0; i < request->call_count * targets; i++) {
        xai_request one = *request;
        one.calls = &request->calls[i / targets];
        one.call_count = 1;
        one.targets = request->target_count ? &request->targets[i % targets] : NULL;
        one.target_count = request->target_count ? 1 : 0;
        xai_status status = engine->check(&one, err);
        if (status != XAI_OK) point(err, i / targets, i % targets);
        if (status != XAI_OK) return status;
    }
    XAI_CHECK(request->call_count > 0 || task->kind == JOBS_PREDICT, err, BAD_REQUEST, "/methods",
              "say which \"method\" to explain with; GET /api/v1/methods lists them");
    XAI_CHECK(request->call_count == 0 || task->kind != JOBS_PREDICT, err, BAD_REQUEST, "/methods",
              "a prediction takes no methods; POST /api/v1/explanations does");
    return XAI_OK;
}

static xai_status weigh(const jobs_engine *engine, jobs_task *task, xai_error *err)
{
    uint8_t pixel[3] = {0}; /* the engine wants an image; at this point its size alone is unknown */
    xai_image image = {.width = 1, .height = 1, .orientation = 1, .rgb = pixel};
    xai_request request = task->request;
    request.image = &image;
    XAI_TRY(check_methods(engine, task, &request, err));
    task->cost = engine->cost(&request);
    return XAI_OK;
}

/* Equal work of one owner has one key: image, model, and what decides the numbers. */
static void name_work(const jobs_engine *engine, jobs_task *task)
{
    char *canonical = xai_json_request_canonical(&task->request, engine->method_find);
    if (!canonical) return;
    xai_sha256 sha = xai_sha256_init();
    const char *parts[] = {task->sha256, engine->describe(task->request.model)->sha256, task->owner, canonical};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        xai_sha256_update(&sha, parts[i], strlen(parts[i]) + 1);
    for (size_t i = 0; i < task->mask_count; i++) {
        const jobs_mask *mask = &task->masks[i];
        xai_sha256_update(&sha, &mask->target, sizeof mask->target);
        xai_sha256_update(&sha, &mask->size, sizeof mask->size);
        xai_sha256_update(&sha, mask->bytes, mask->size);
    }
    xai_sha256_final_hex(&sha, task->key);
    free(canonical);
}

static xai_status keep_text(jobs_task *task, const jobs_engine *engine, xai_error *err)
{
    json_object_set_new(task->json, "model", json_string(engine->describe(task->request.model)->id));
    task->text = json_dumps(task->json, JSON_COMPACT);
    if (!task->text) XAI_NO_MEMORY(err);
    return XAI_OK;
}

static xai_status fill(const jobs_engine *engine, const models *all, jobs_task *task, jobs_bytes *image, xai_error *err)
{
    xai_json_request read;
    xai_model *model = NULL;
    XAI_TRY(xai_json_request_read(task->json, task->arena, &read, err));
    read.masks_later = true;
    XAI_TRY(models_find(all, read.model, &model, err));
    XAI_TRY(xai_json_request_bind(&read, model, engine->describe(model), engine->find_class, task->arena, &task->request,
                                  err));
    XAI_TRY(take_masks(task, &read, err));
    XAI_TRY(weigh(engine, task, err));
    XAI_TRY(take_image(task, &read, image, err));
    task->wait_ms = read.wait_ms;
    name_work(engine, task);
    return keep_text(task, engine, err);
}

xai_status jobs_task_explain(const jobs_engine *engine, const models *all, jobs_kind kind, json_t *json,
                             jobs_bytes *image, const char *owner, jobs_task **out, xai_error *err)
{
    jobs_task *task = NULL;
    xai_status status = task_new(kind, owner, &task, err);
    if (status != XAI_OK) {
        json_decref(json);
        return status;
    }
    task->json = json;
    status = fill(engine, all, task, image, err);
    if (status == XAI_OK) *out = task;
    else jobs_task_free(task);
    return status;
}

/* ---------------------------------------------------------------- probes */

/* A result's target as a request's: without what the engine added. */
static json_t *target_of(const json_t *result)
{
    json_t *target = json_deep_copy(json_object_get(result, "target"));
    json_object_del(target, "name");
    json_object_del(target, "value");
    return target;
}

static xai_status read_target(const jobs_engine *engine, jobs_task *task, xai_error *err)
{
    xai_json_request read;
    xai_request request;
    json_t *only = json_pack("{s:O}", "target", json_object_get(task->json, "target"));
    XAI_CHECK(only, err, INTERNAL, "/target", "the stored result has no target");
    xai_model *model = task->probe.model;
    xai_status status = xai_json_request_read(only, task->arena, &read, err);
    if (status == XAI_OK)
        status = xai_json_request_bind(&read, model, engine->describe(model), engine->find_class, task->arena, &request,
                                       err);
    json_decref(only); /* what it holds is the task's */
    XAI_TRY(status);
    task->probe.target = request.targets[0];
    return XAI_OK;
}

static xai_named_value value_of(const char *name, const json_t *value)
{
    if (json_is_boolean(value))
        return (xai_named_value){.name = name, .type = XAI_VALUE_BOOL, .boolean = json_is_true(value)};
    if (json_is_number(value))
        return (xai_named_value){.name = name, .type = XAI_VALUE_NUMBER, .number = json_number_value(value)};
    if (json_is_string(value))
        return (xai_named_value){.name = name, .type = XAI_VALUE_TEXT, .text = json_string_value(value)};
    return (xai_named_value){.name = name, .type = XAI_VALUE_NULL};
}

static xai_status fill_probe(const jobs_engine *engine, jobs_task *task, const json_t *masks, xai_error *err)
{
    json_t *params = json_object_get(task->json, "params"), *value;
    size_t n = json_array_size(masks), i;
    xai_named_value *values = XAI_NEW(task->arena, xai_named_value, json_object_size(params));
    const char **ids = XAI_NEW(task->arena, const char *, n), *key;
    if (!values || !ids) XAI_NO_MEMORY(err);
    json_object_foreach(params, key, value) values[task->probe.param_count++] = value_of(key, value);
    for (i = 0; i < n; i++) {
        ids[i] = xai_arena_strdup(task->arena, json_string_value(json_array_get(masks, i)));
        if (!ids[i]) XAI_NO_MEMORY(err);
    }
    task->probe.params = values;
    task->probe.masks = ids;
    task->probe.mask_count = n;
    task->cost = (double)n + 1;
    return read_target(engine, task, err);
}

xai_status jobs_task_probe(const jobs_engine *engine, const models *all, const char *model, const json_t *result,
                           const json_t *masks, jobs_bytes *image, const char *owner, jobs_task **out, xai_error *err)
{
    jobs_task *task = NULL;
    XAI_TRY(task_new(JOBS_PROBE, owner, &task, err));
    task->image = jobs_bytes_ref(image);
    task->json = json_pack("{s:o, s:O}", "target", target_of(result), "params", json_object_get(result, "params"));
    xai_status status = models_find(all, model, &task->probe.model, err);
    if (status == XAI_OK) status = fill_probe(engine, task, masks, err);
    if (status == XAI_OK) *out = task;
    else jobs_task_free(task);
    return status;
}
