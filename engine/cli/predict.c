/* xai predict: the class scores of an image, whole or with only some patches kept, composited as SAG does. */
#include "cli.h"

#include "json/doc.h"
#include "json/result.h"

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

/* "3,4" as numbers. */
static xai_status read_patches(cli_call *call, xai_probe_request *probe, xai_error *err)
{
    cli_values list;
    XAI_TRY(cli_split(call, cli_text(call, CLI_PATCHES, ""), &list, err));
    int64_t *patches = XAI_NEW(call->arena, int64_t, list.count + 1);
    if (!patches) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < list.count; i++) {
        char *end;
        patches[i] = strtoll(list.items[i], &end, 10);
        XAI_CHECK(!*end, err, USAGE, "--patches", "'%s' is not the number of a patch", list.items[i]);
    }
    probe->patches = patches;
    probe->patch_count = list.count;
    return XAI_OK;
}

/* Parameters of `sag`: three have an option of their own, all can be given by --param. */
static xai_status read_params(cli_call *call, xai_probe_request *probe, xai_error *err)
{
    static const struct {
        cli_option option;
        const char *name;
    } OWN[] = {{CLI_GRID, "grid"}, {CLI_REGION, "region"}, {CLI_BASELINE, "baseline"}};
    const cli_values *given = &call->options[CLI_PARAM];
    size_t own = sizeof OWN / sizeof OWN[0], count = 0;
    xai_named_value *params = XAI_NEW(call->arena, xai_named_value, given->count + own);
    if (!params) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < own; i++) {
        const char *value = cli_text(call, OWN[i].option, NULL);
        if (value) params[count++] = (xai_named_value){.name = OWN[i].name, .type = XAI_VALUE_TEXT, .text = value};
    }
    for (size_t i = 0; i < given->count; i++, count++) {
        params[count].type = XAI_VALUE_TEXT;
        XAI_TRY(cli_pair(call, given->items[i], &params[count].name, &params[count].text, err));
    }
    probe->params = params;
    probe->param_count = count;
    return XAI_OK;
}

static xai_status predict_patches(cli_call *call, const xai_request *request, xai_pool *pool, xai_error *err)
{
    xai_probe_value value;
    xai_head head = xai_model_describe(request->model)->head;
    xai_probe_request probe = {.model = request->model, .image = request->image, .target = request->targets[0]};
    XAI_TRY(read_params(call, &probe, err));
    XAI_TRY(read_patches(call, &probe, err));
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
