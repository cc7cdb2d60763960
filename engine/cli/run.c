/* xai run: raw tensors in, tensors and gradients out as .npy files, listed in DIR/manifest.json. */
#include "cli.h"

#include "base/param.h"
#include "json/doc.h"
#include "json/result.h"
#include "tensor/tensor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static xai_status read_inputs(cli_call *call, xai_array *inputs, size_t *count, xai_error *err)
{
    const cli_values *given = &call->options[CLI_INPUT];
    for (*count = 0; *count < given->count; ++*count) {
        const char *name, *path;
        XAI_TRY(cli_pair(call, given->items[*count], &name, &path, err));
        XAI_TRY(xai_npy_read(path, &inputs[*count], err));
        if (!(inputs[*count].name = strdup(name))) {
            xai_array_clear(&inputs[*count]);
            XAI_NO_MEMORY(err);
        }
    }
    return XAI_OK;
}

/* OUTPUT:INDEX; the index is after the last colon, since names may hold colons. */
static xai_status read_gradient(cli_call *call, xai_run_request *request, xai_error *err)
{
    const char *text = cli_text(call, CLI_GRADIENT, NULL);
    if (!text) return XAI_OK;
    char *copy = xai_arena_strdup(call->arena, text);
    if (!copy) XAI_NO_MEMORY(err);
    char *colon = strrchr(copy, ':');
    double index = -1;
    XAI_CHECK(colon && colon != copy && xai_parse_number(colon + 1, &index) && index >= 0 && index < 1e15 &&
                  index == floor(index),
              err, USAGE, text, "'%s' is not of the form OUTPUT:INDEX", text);
    *colon = 0;
    request->gradient_output = copy;
    request->gradient_index = (int64_t)index;
    return XAI_OK;
}

static xai_status write_array(cli_call *call, const char *dir, const xai_array *a, json_t *manifest, xai_error *err)
{
    const char *stem = cli_file_name(call, a->name);
    char *file = stem ? xai_arena_printf(call->arena, "%s.npy", stem) : NULL;
    char *path = file ? xai_arena_printf(call->arena, "%s/%s", dir, file) : NULL;
    if (!path) XAI_NO_MEMORY(err);
    XAI_TRY(xai_npy_write(path, a, err));
    json_t *shape = json_array();
    for (int i = 0; i < a->rank; i++) json_array_append_new(shape, json_integer(a->shape[i]));
    json_array_append_new(manifest, json_pack("{s:o, s:s, s:s, s:o}", "name", xai_json_text(a->name), "file", file, "dtype",
                                              xai_dtype_name(a->dtype), "shape", shape));
    return XAI_OK;
}

static xai_status write_all(cli_call *call, const xai_array *arrays, size_t count, xai_error *err)
{
    const char *dir = cli_text(call, CLI_OUT, NULL);
    XAI_CHECK(dir, err, USAGE, "--out", "give --out DIR, where the tensors are to be written");
    XAI_TRY(cli_make_directory(dir, err));
    json_t *manifest = json_array(), *root = json_pack("{s:O}", "tensors", manifest);
    xai_status status = XAI_OK;
    for (size_t i = 0; i < count && status == XAI_OK; i++) status = write_array(call, dir, &arrays[i], manifest, err);
    json_decref(manifest);
    char *text = status == XAI_OK && root ? xai_json_text_of(root, JSON_INDENT(1)) : NULL;
    char *path = xai_arena_printf(call->arena, "%s/manifest.json", dir);
    if (status == XAI_OK)
        status = text && path ? cli_write_file(path, text, strlen(text), err)
                              : XAI_ERROR_SET(err, NO_MEMORY, "", "out of memory");
    free(text);
    if (status == XAI_OK) return cli_print(root, err);
    json_decref(root);
    return status;
}

static xai_status run_file(cli_call *call, const xai_run_request *request, xai_error *err)
{
    xai_pool *pool;
    xai_array *out = NULL;
    size_t count = 0;
    XAI_TRY(cli_make_pool(call, &pool, err));
    char place[CLI_PATH_SIZE];
    xai_status status = xai_run(cli_model_path(call, place), pool, request, NULL, &out, &count, err);
    if (status == XAI_OK) status = write_all(call, out, count, err);
    for (size_t i = 0; i < count; i++) xai_array_clear(&out[i]);
    free(out);
    xai_pool_free(pool);
    return status;
}

xai_status cli_run(cli_call *call, xai_error *err)
{
    xai_array inputs[CLI_MAX_REPEATS] = {{0}};
    size_t count = 0;
    xai_run_request request = {.inputs = inputs, .fetch = call->options[CLI_FETCH].items,
                               .fetch_count = call->options[CLI_FETCH].count};
    xai_status status = read_inputs(call, inputs, &count, err);
    request.input_count = count;
    if (status == XAI_OK) status = read_gradient(call, &request, err);
    if (status == XAI_OK) status = run_file(call, &request, err);
    for (size_t i = 0; i < count; i++) xai_array_clear(&inputs[i]);
    return status;
}
