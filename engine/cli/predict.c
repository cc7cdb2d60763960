/* xai predict: the class scores of an image, whole or with only some patches kept, composited as SAG does. */
#include "cli.h"

#include "json/doc.h"
#include "json/result.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static xai_status predict_whole(const xai_request *request, xai_pool *pool, xai_error *err)
{
    xai_result *result;
    xai_head head = xai_model_describe(request->model)->head;
    XAI_TRY(xai_explain(request, pool, NULL, &result, err));
    json_t *list = json_array(), *root = json_pack("{s:s, s:s}", "model", xai_model_describe(request->model)->id,
                                                   "precision", result->precision);
    for (size_t i = 0; i < result->prediction_count; i++)
        json_array_append_new(list, xai_json_prediction(&result->predictions[i], head));
    xai_result_free(result);
    json_object_set_new(root, "predictions", list);
    return cli_print(root, err);
}

/* "3,4" as the mask id of a grid with `cells` patches: hex of ceil(cells / 4) digits, bit i = patch i. */
static xai_status mask_of(cli_call *call, const char *patches, int64_t cells, const char **out, xai_error *err)
{
    cli_values list;
    size_t digits = (size_t)(cells + 3) / 4;
    char *hex = xai_arena_alloc(call->arena, digits + 1, 1);
    if (!hex) XAI_NO_MEMORY(err);
    memset(hex, '0', digits);
    XAI_TRY(cli_split(call, patches, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        char *end;
        long patch = strtol(list.items[i], &end, 10);
        XAI_CHECK(!*end && patch >= 0 && patch < cells, err, USAGE, "--patches",
                  "there is no patch '%s': patches are numbered 0 to %lld", list.items[i], (long long)cells - 1);
        char *digit = &hex[digits - 1 - (size_t)patch / 4];
        int value = (*digit <= '9' ? *digit - '0' : *digit - 'a' + 10) | 1 << patch % 4;
        *digit = "0123456789abcdef"[value];
    }
    *out = hex;
    return XAI_OK;
}

static xai_status predict_patches(cli_call *call, const xai_request *request, xai_pool *pool, xai_error *err)
{
    int64_t grid;
    const char *mask;
    xai_probe_value value;
    xai_head head = xai_model_describe(request->model)->head;
    XAI_TRY(cli_int(call, CLI_GRID, 7, 3, 14, &grid, err));
    XAI_TRY(mask_of(call, cli_text(call, CLI_PATCHES, ""), grid * grid, &mask, err));
    xai_named_value params[] = {
        {.name = "grid", .type = XAI_VALUE_NUMBER, .number = (double)grid},
        {.name = "region", .type = XAI_VALUE_TEXT, .text = cli_text(call, CLI_REGION, "tent")},
        {.name = "baseline", .type = XAI_VALUE_TEXT, .text = cli_text(call, CLI_BASELINE, "black")},
    };
    xai_probe_request probe = {.model = request->model, .image = request->image, .target = request->targets[0],
                               .params = params, .param_count = 3, .masks = &mask, .mask_count = 1};
    XAI_TRY(xai_probe(&probe, pool, NULL, &value, err));
    json_t *list = json_array();
    for (int i = 0; i < 5 && value.top[i].name; i++) json_array_append_new(list, xai_json_prediction(&value.top[i], head));
    return cli_print(json_pack("{s:s, s:s, s:o, s:o, s:I, s:o}", "model", xai_model_describe(request->model)->id, "id",
                               value.id, "p", xai_json_real(value.p), "rel", xai_json_real(value.rel), "top1",
                               (json_int_t)value.top1, "predictions", list), err);
}

static xai_status predict_with(cli_call *call, xai_request *request, xai_pool *pool, xai_error *err)
{
    xai_target target = {.class_index = -1, .contrast = -1};
    const char *name = cli_text(call, CLI_TARGET, NULL);
    int64_t top;
    XAI_TRY(cli_int(call, CLI_TOP, 5, 1, 100000, &top, err));
    XAI_TRY(cli_precision(call, &request->precision, err));
    XAI_CHECK(request->precision == XAI_PRECISION_F32 || !cli_text(call, CLI_PATCHES, NULL), err, UNSUPPORTED,
              "--precision", "patches are scored in f32");
    if (name) XAI_TRY(xai_model_find_class(request->model, name, &target.class_index, err));
    request->top = (int)top;
    request->targets = &target;
    request->target_count = 1;
    return cli_text(call, CLI_PATCHES, NULL) ? predict_patches(call, request, pool, err)
                                             : predict_whole(request, pool, err);
}

xai_status cli_predict(cli_call *call, xai_error *err)
{
    cli_subject subject;
    xai_status status = cli_open_subject(call, &subject, err);
    if (status == XAI_OK) status = predict_with(call, &subject.request, subject.pool, err);
    cli_close_subject(&subject);
    return status;
}
