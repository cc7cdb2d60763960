/* xai explain and xai evaluate: heatmaps and graphs and their grades, as the same result object that the server returns;
 * pictures to --out. */
#include "cli.h"

#include "base/token.h"
#include "base/base64.h"
#include "json/request.h"
#include "json/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void show_progress(void *user, const xai_progress *p)
{
    (void)user;
    fprintf(stderr, "\r%s %.0f / %.0f forwards, %.1f s left   ", p->stage, p->done, p->total, p->eta_ms * 1e-3);
    if (p->done >= p->total) fprintf(stderr, "\r%60s\r", "");
}

/* The options as the name=value pairs of a query, so that one reader serves both. */
typedef struct pairs {
    const char *names[CLI_MAX_REPEATS + 8], *values[CLI_MAX_REPEATS + 8];
    size_t count;
} pairs;

static void add_pair(pairs *p, const char *name, const char *value)
{
    if (!value) return;
    p->names[p->count] = name;
    p->values[p->count++] = value;
}

static xai_status collect_pairs(cli_call *call, pairs *p, xai_error *err)
{
    static const struct {
        cli_option option;
        const char *name;
    } SAME[] = {{CLI_METHOD, "method"}, {CLI_TARGET, "target"}, {CLI_SPACE, "space"}, {CLI_CONTRAST, "contrast"},
                {CLI_SEED, "seed"},     {CLI_TOP, "top"},       {CLI_PRECISION, "precision"},
                {CLI_EVALUATE, "evaluate"}, {CLI_EXPECTED, "expected"}};
    bool files = cli_text(call, CLI_OUT, NULL);
    for (size_t i = 0; i < sizeof SAME / sizeof SAME[0]; i++)
        add_pair(p, SAME[i].name, cli_text(call, SAME[i].option, NULL));
    add_pair(p, "outputs", cli_text(call, CLI_OUTPUTS, files ? "map,overlay,svg,gif" : NULL));
    for (size_t i = 0; i < call->options[CLI_PARAM].count; i++) {
        const char *name, *value;
        XAI_TRY(cli_pair(call, call->options[CLI_PARAM].items[i], &name, &value, err));
        char *full = xai_arena_printf(call->arena, "param.%s", name);
        if (!full) XAI_NO_MEMORY(err);
        add_pair(p, full, value);
    }
    return XAI_OK;
}

static xai_status decode_base64(const json_t *text, xai_image **out, xai_error *err)
{
    size_t size = 0;
    uint8_t *bytes = malloc(xai_base64_room(json_string_length(text)) + 1);
    if (!bytes) XAI_NO_MEMORY(err);
    bool ok = xai_base64_decode(json_string_value(text), json_string_length(text), bytes, &size);
    xai_status status = ok ? xai_image_decode(bytes, size, NULL, out, err)
                           : XAI_ERROR_SET(err, BAD_REQUEST, "target.mask", "the mask is not valid base64");
    free(bytes);
    return status;
}

/* {"mask":{"file":F}} or {"mask":{"b64":...}} of a target becomes the runs of the picture. */
static xai_status read_mask(cli_call *call, json_t *target, xai_error *err)
{
    json_t *mask = json_object_get(target, "mask");
    json_t *file = json_object_get(mask, "file"), *b64 = json_object_get(mask, "b64");
    if (!json_is_string(file) && !json_is_string(b64)) return XAI_OK;
    int64_t *runs = XAI_NEW(call->arena, int64_t, XAI_MAX_MASK_RUNS);
    if (!runs) XAI_NO_MEMORY(err);
    xai_image *picture = NULL;
    XAI_TRY(file ? cli_load_image(json_string_value(file), &picture, err) : decode_base64(b64, &picture, err));
    xai_target made = {.class_index = -1, .contrast = -1, .kind = XAI_TARGET_MASK, .mask_rows = picture->height,
                       .mask_cols = picture->width, .mask_runs = runs};
    xai_status status = xai_mask_of_image(picture, runs, &made.mask_run_count, err);
    xai_image_free(picture);
    XAI_TRY(status);
    json_t *form = xai_json_target_form(&made, NULL);
    int failed = json_object_update(target, form);
    json_decref(form);
    if (failed) XAI_NO_MEMORY(err);
    return XAI_OK;
}

static xai_status read_masks(cli_call *call, json_t *request, xai_error *err)
{
    json_t *target;
    size_t i;
    json_array_foreach(json_object_get(request, "targets"), i, target) XAI_TRY(read_mask(call, target, err));
    json_t *expected = json_object_get(request, "expected");
    XAI_TRY(read_mask(call, expected, err));
    json_object_del(expected, "class");
    return XAI_OK;
}

/* The overlay and every other picture or text as DIR/<result>-<artifact>.<extension>, maps as .npy. */
static xai_status write_artifact(cli_call *call, const char *dir, size_t result, const xai_artifact *a, xai_error *err)
{
    const char *extension = xai_json_artifact_extension(xai_artifact_kind_name(a->kind), a->media_type);
    const char *stem = cli_file_name(call, a->name);
    char *path = stem ? xai_arena_printf(call->arena, "%s/%zu-%s.%s", dir, result, stem, extension) : NULL;
    if (!path) XAI_NO_MEMORY(err);
    if (a->bytes) return cli_write_file(path, a->bytes, a->size, err);
    if (!a->values) return XAI_OK;
    xai_array array = {.dtype = XAI_F32, .rank = a->rank, .data = (void *)(uintptr_t)a->values};
    memcpy(array.shape, a->shape, sizeof a->shape);
    return xai_npy_write(path, &array, err);
}

static xai_status write_artifacts(cli_call *call, const xai_result *r, xai_error *err)
{
    const char *dir = cli_text(call, CLI_OUT, NULL);
    if (!dir) return XAI_OK;
    XAI_TRY(cli_make_directory(dir, err));
    for (size_t i = 0; i < r->explanation_count; i++)
        for (size_t k = 0; k < r->explanations[i].artifact_count; k++)
            XAI_TRY(write_artifact(call, dir, i, &r->explanations[i].artifacts[k], err));
    return XAI_OK;
}

static xai_status finish(cli_call *call, const cli_subject *s, xai_result *r, const xai_token *token, xai_error *err)
{
    XAI_TRY(xai_result_render(r, s->request.outputs, token, err));
    XAI_TRY(write_artifacts(call, r, err));
    xai_json_head head = {.status = r->partial ? "partial" : "done", .queue_ms = -1, .decode_ms = s->decode_ms,
                          .engine_ms = r->engine_ms, .render_ms = r->render_ms};
    xai_json_context context = {.image = s->request.image, .model = xai_model_describe(s->request.model),
                                .seed = s->request.seed};
    return cli_print(xai_json_result(r, &head, &context), err);
}

static xai_status explain(cli_call *call, cli_subject *s, xai_error *err)
{
    int64_t seconds;
    XAI_TRY(cli_int(call, CLI_TIMEOUT, 0, 1, 1000000, &seconds, err));
    bool quiet = call->options[CLI_QUIET].count || !isatty(STDERR_FILENO);
    xai_token *token = xai_token_new(seconds * 1000, quiet ? NULL : show_progress, NULL);
    if (!token) XAI_NO_MEMORY(err);
    cli_on_interrupt(token);
    xai_result *result = NULL;
    xai_status status = xai_answer(&s->request, s->pool, token, &result, err);
    if (status == XAI_OK) status = finish(call, s, result, token, err);
    xai_result_free(result);
    cli_on_interrupt(NULL);
    xai_token_free(token);
    return status;
}

static xai_status check_options(const cli_call *call, xai_error *err)
{
    bool grades = strcmp(call->command, "evaluate") == 0, map = call->options[CLI_MAP].count > 0;
    XAI_CHECK(!grades || cli_text(call, CLI_EVALUATE, NULL), err, USAGE, "--evaluate",
              "give --evaluate; `xai metrics` lists what maps are graded by");
    XAI_CHECK(map || cli_text(call, CLI_METHOD, NULL), err, USAGE, "--method",
              "give --method%s; `xai methods` lists them", grades ? " or --map" : "");
    return XAI_OK;
}

/* A map may have leading axes of one element, as arrays of single samples have. */
static xai_status read_map(const char *path, xai_array *map, xai_error *err)
{
    XAI_TRY(xai_npy_read(path, map, err));
    while (map->rank > 2 && map->shape[0] == 1) {
        map->rank--;
        memmove(map->shape, map->shape + 1, (size_t)map->rank * sizeof *map->shape);
    }
    return XAI_OK;
}

static xai_status read_maps(cli_call *call, cli_subject *s, xai_error *err)
{
    const cli_values *files = &call->options[CLI_MAP];
    xai_array *maps = XAI_NEW(call->arena, xai_array, files->count);
    if (!maps) XAI_NO_MEMORY(err);
    s->request.maps = maps;
    for (size_t i = 0; i < files->count; i++) {
        XAI_TRY(read_map(files->items[i], &maps[i], err));
        s->request.map_count++;
    }
    return XAI_OK;
}

static void free_maps(cli_subject *s)
{
    for (size_t i = 0; i < s->request.map_count; i++) xai_array_clear((xai_array *)(uintptr_t)&s->request.maps[i]);
}

/* Options -> pairs -> JSON -> request, bound to the model. */
static xai_status read_request(cli_call *call, cli_subject *s, json_t **json, xai_error *err)
{
    pairs p = {.count = 0};
    xai_json_request read;
    xai_request request;
    XAI_TRY(check_options(call, err));
    XAI_TRY(collect_pairs(call, &p, err));
    XAI_TRY(xai_json_request_from_pairs(p.names, p.values, p.count, json, err));
    XAI_TRY(read_masks(call, *json, err));
    XAI_TRY(xai_json_request_read(*json, call->arena, &read, err));
    XAI_TRY(xai_json_request_bind(&read, s->request.model, xai_model_describe(s->request.model), xai_model_find_class,
                                  call->arena, &request, err));
    request.image = s->request.image;
    request.tensor = s->request.tensor;
    request.emit_draws = cli_text(call, CLI_EMIT_DRAWS, NULL);
    request.use_draws = cli_text(call, CLI_USE_DRAWS, NULL);
    if (request.emit_draws) XAI_TRY(cli_make_directory(request.emit_draws, err));
    s->request = request;
    return XAI_OK;
}

xai_status cli_explain(cli_call *call, xai_error *err)
{
    cli_subject subject;
    json_t *json = NULL; /* the request's text lives in it */
    xai_status status = cli_open_subject(call, &subject, err);
    if (status == XAI_OK) status = read_request(call, &subject, &json, err);
    if (status == XAI_OK) status = read_maps(call, &subject, err);
    if (status == XAI_OK) status = xai_grade_check(&subject.request, err); /* before anything long is run */
    if (status == XAI_OK) status = explain(call, &subject, err);
    json_decref(json);
    free_maps(&subject);
    cli_close_subject(&subject);
    return status;
}

xai_status cli_evaluate(cli_call *call, xai_error *err) { return cli_explain(call, err); }
