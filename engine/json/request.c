/*
 * Request: JSON into xai_request.
 *
 * Invariant: what was read points into the caller's arena and JSON only. No state.
 */
#include "request.h"

#include <stdio.h>
#include <string.h>

#include "read.h"

static const char MEMBERS[] = "model|image|methods|method|params|targets|target|seed|precision|outputs|evaluate|expected|top|wait_ms";

/* ---------------------------------------------------------------- methods */

static xai_status read_list(const xai_json_at *at, xai_arena *arena, xai_named_value *out, xai_error *err)
{
    XAI_TRY(xai_json_check_array(at, 0, XAI_JSON_MAX_PARAMS, err));
    size_t n = json_array_size(at->value);
    const char **items = XAI_NEW(arena, const char *, n);
    if (!items) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < n; i++) {
        xai_json_at item = xai_json_item(at, i);
        XAI_TRY(xai_json_get_text(&item, &items[i], err));
        if (!items[i]) XAI_JSON_FAIL(err, &item, "a list holds texts");
    }
    out->type = XAI_VALUE_LIST;
    out->items = items;
    out->item_count = n;
    return XAI_OK;
}

static xai_status read_value(const xai_json_at *at, xai_arena *arena, xai_named_value *out, xai_error *err)
{
    switch (json_typeof(at->value)) {
    case JSON_NULL: out->type = XAI_VALUE_NULL; return XAI_OK;
    case JSON_TRUE:
    case JSON_FALSE:
        out->type = XAI_VALUE_BOOL;
        out->boolean = json_is_true(at->value);
        return XAI_OK;
    case JSON_INTEGER:
    case JSON_REAL:
        out->type = XAI_VALUE_NUMBER;
        out->number = json_number_value(at->value);
        return XAI_OK;
    case JSON_STRING: out->type = XAI_VALUE_TEXT; return xai_json_get_text(at, &out->text, err);
    case JSON_ARRAY: return read_list(at, arena, out, err);
    case JSON_OBJECT: break;
    }
    XAI_JSON_FAIL(err, at, "a parameter must be a number, a text, a list of texts, true, false or null");
}

static xai_status read_params(const xai_json_at *at, xai_arena *arena, xai_method_call *out, xai_error *err)
{
    if (!xai_json_given(at)) return XAI_OK;
    if (!json_is_object(at->value)) XAI_JSON_FAIL(err, at, "must be an object of parameters");
    size_t n = json_object_size(at->value);
    if (n > XAI_JSON_MAX_PARAMS) XAI_JSON_FAIL(err, at, "must have at most %d members", XAI_JSON_MAX_PARAMS);
    xai_named_value *values = XAI_NEW(arena, xai_named_value, n);
    if (!values) XAI_NO_MEMORY(err);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)at->value, key, value) {
        xai_json_at member = xai_json_member(at, key);
        values[out->param_count].name = key;
        XAI_TRY(read_value(&member, arena, &values[out->param_count], err));
        out->param_count++;
    }
    out->params = values;
    return XAI_OK;
}

/* A method or a metric: its id, or an object of id and parameters. */
static xai_status read_method(const xai_json_at *at, xai_arena *arena, xai_method_call *out, xai_error *err)
{
    if (json_is_string(at->value)) return xai_json_get_text(at, &out->id, err);
    XAI_TRY(xai_json_check_object(at, "id|params", err));
    xai_json_at id = xai_json_member(at, "id"), params = xai_json_member(at, "params");
    XAI_TRY(xai_json_get_text(&id, &out->id, err));
    if (!out->id) XAI_JSON_FAIL(err, &id, "the \"id\" is missing");
    return read_params(&params, arena, out, err);
}

static xai_status read_methods(const xai_json_at *root, xai_arena *arena, xai_json_request *out, xai_error *err)
{
    xai_json_at many = xai_json_member(root, "methods"), one = xai_json_member(root, "method");
    xai_json_at params = xai_json_member(root, "params");
    if (many.value && (one.value || params.value))
        XAI_JSON_FAIL(err, &many, "give either \"methods\", or \"method\" with \"params\", not both");
    if (params.value && !one.value) XAI_JSON_FAIL(err, &params, "\"params\" needs a \"method\"");
    if (many.value) XAI_TRY(xai_json_check_array(&many, 1, XAI_JSON_MAX_METHODS, err));
    size_t n = many.value ? json_array_size(many.value) : one.value ? 1 : 0;
    out->calls = XAI_NEW(arena, xai_method_call, n);
    if (!out->calls) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < n; i++) {
        xai_json_at at = many.value ? xai_json_item(&many, i) : one;
        XAI_TRY(read_method(&at, arena, &out->calls[i], err));
    }
    out->call_count = n;
    if (params.value && json_is_object(one.value)) XAI_JSON_FAIL(err, &params, "\"method\" has parameters of its own");
    return params.value ? read_params(&params, arena, &out->calls[0], err) : XAI_OK;
}

/* ---------------------------------------------------------------- targets */

static xai_status read_targets(const xai_json_at *root, xai_arena *arena, xai_json_request *out, xai_error *err)
{
    xai_json_at many = xai_json_member(root, "targets"), one = xai_json_member(root, "target");
    if (many.value && one.value) XAI_JSON_FAIL(err, &many, "give either \"targets\" or \"target\", not both");
    if (many.value) XAI_TRY(xai_json_check_array(&many, 0, XAI_JSON_MAX_TARGETS, err));
    size_t n = many.value ? json_array_size(many.value) : xai_json_given(&one) ? 1 : 0;
    out->targets = XAI_NEW(arena, xai_json_target, n);
    if (!out->targets) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < n; i++) {
        xai_json_at at = many.value ? xai_json_item(&many, i) : one;
        XAI_TRY(xai_json_target_read(&at, arena, &out->targets[i], err));
    }
    out->target_count = n;
    size_t results;
    if (__builtin_mul_overflow(n, out->call_count, &results) || results > XAI_JSON_MAX_RESULTS)
        XAI_FAIL(err, TOO_LARGE, "/targets", "methods times targets must be at most %d", XAI_JSON_MAX_RESULTS);
    return XAI_OK;
}

/* ---------------------------------------------------------------- the rest */

static xai_status read_image(const xai_json_at *root, xai_json_request *out, xai_error *err)
{
    xai_json_at at = xai_json_member(root, "image");
    if (!xai_json_given(&at)) return XAI_OK;
    XAI_TRY(xai_json_check_object(&at, "b64", err));
    xai_json_at text = xai_json_member(&at, "b64");
    XAI_TRY(xai_json_get_text(&text, &out->image, err));
    if (!out->image) XAI_JSON_FAIL(err, &text, "is missing: the image's bytes as base64");
    out->image_length = json_string_length(text.value);
    return XAI_OK;
}

static xai_status read_outputs(const xai_json_at *root, xai_json_request *out, xai_error *err)
{
    xai_json_at at = xai_json_member(root, "outputs");
    if (!xai_json_given(&at)) return XAI_OK;
    XAI_TRY(xai_json_check_array(&at, 1, 2, err));
    for (size_t i = 0; i < json_array_size(at.value); i++) {
        xai_json_at item = xai_json_item(&at, i);
        int choice = -1;
        XAI_TRY(xai_json_get_choice(&item, "map|overlay", &choice, err));
        if (choice < 0) XAI_JSON_FAIL(err, &item, "must be \"map\" or \"overlay\"");
        out->outputs |= choice == 0 ? XAI_OUTPUT_MAP : XAI_OUTPUT_OVERLAY;
    }
    return XAI_OK;
}

static xai_status read_metrics(const xai_json_at *root, xai_arena *arena, xai_json_request *out, xai_error *err)
{
    xai_json_at at = xai_json_member(root, "evaluate");
    if (!xai_json_given(&at)) return XAI_OK;
    XAI_TRY(xai_json_check_array(&at, 0, XAI_JSON_MAX_METRICS, err));
    size_t n = json_array_size(at.value);
    if (!(out->metrics = XAI_NEW(arena, xai_metric_call, n))) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < n; i++) {
        xai_json_at item = xai_json_item(&at, i);
        XAI_TRY(read_method(&item, arena, &out->metrics[i], err));
    }
    out->metric_count = n;
    return XAI_OK;
}

/* A box or a mask, as a target has it. */
static xai_status read_expected(const xai_json_at *root, xai_arena *arena, xai_json_request *out, xai_error *err)
{
    xai_json_at at = xai_json_member(root, "expected");
    if (!xai_json_given(&at)) return XAI_OK;
    XAI_TRY(xai_json_check_object(&at, "box|mask", err));
    if (!(out->expected = XAI_NEW(arena, xai_json_target, 1))) XAI_NO_MEMORY(err);
    XAI_TRY(xai_json_target_read(&at, arena, out->expected, err));
    if (out->expected->mask_image) XAI_JSON_FAIL(err, &at, "a picture cannot be read here: give the mask's size and runs");
    if (out->expected->target.kind == XAI_TARGET_CLASS) XAI_JSON_FAIL(err, &at, "must have a \"box\" or a \"mask\"");
    return XAI_OK;
}

static xai_status read_precision(const xai_json_at *root, xai_json_request *out, xai_error *err)
{
    xai_json_at at = xai_json_member(root, "precision");
    int choice = XAI_PRECISION_F32;
    XAI_TRY(xai_json_get_choice(&at, "f32|bf16", &choice, err));
    out->precision = (xai_precision)choice;
    return XAI_OK;
}

static xai_status read_numbers(const xai_json_at *root, xai_json_request *out, xai_error *err)
{
    xai_json_at seed = xai_json_member(root, "seed"), top = xai_json_member(root, "top");
    xai_json_at wait = xai_json_member(root, "wait_ms");
    out->wait_ms = -1;
    XAI_TRY(xai_json_get_int(&seed, 0, INT64_MAX, &out->seed, err));
    XAI_TRY(xai_json_get_int(&top, 1, XAI_JSON_MAX_TOP, &out->top, err));
    return xai_json_get_int(&wait, 0, INT32_MAX, &out->wait_ms, err);
}

xai_status xai_json_request_read(const json_t *root, xai_arena *arena, xai_json_request *out, xai_error *err)
{
    *out = (xai_json_request){0};
    xai_json_at at = xai_json_root(root, XAI_E_BAD_REQUEST), model;
    XAI_TRY(xai_json_check_object(&at, MEMBERS, err));
    model = xai_json_member(&at, "model");
    XAI_TRY(xai_json_get_text(&model, &out->model, err));
    XAI_TRY(read_image(&at, out, err));
    XAI_TRY(read_methods(&at, arena, out, err));
    XAI_TRY(read_targets(&at, arena, out, err));
    XAI_TRY(read_outputs(&at, out, err));
    XAI_TRY(read_metrics(&at, arena, out, err));
    XAI_TRY(read_expected(&at, arena, out, err));
    XAI_TRY(read_precision(&at, out, err));
    return read_numbers(&at, out, err);
}

/* ---------------------------------------------------------------- binding to a model */

static xai_status bind_class(const xai_json_class *class, xai_model *model, const xai_model_info *info,
                             xai_json_find_class find, const char *pointer, int64_t *out, xai_error *err)
{
    *out = -1;
    if (!class->given) return XAI_OK;
    if (class->name) {
        xai_status status = find(model, class->name, out, err);
        if (status != XAI_OK && err) snprintf(err->where, sizeof err->where, "%s", pointer);
        return status;
    }
    XAI_CHECK(class->index < info->classes, err, UNKNOWN_CLASS, pointer,
              "class %lld does not exist: the model has %lld classes, from 0", (long long)class->index,
              (long long)info->classes);
    *out = class->index;
    return XAI_OK;
}

/* A picture is not decoded here, where bytes from outside could do harm. */
static xai_status bind_mask(const xai_json_request *request, size_t i, xai_target *target, xai_error *err)
{
    static const int64_t ALL[] = {0, 1};
    char pointer[64];
    snprintf(pointer, sizeof pointer, "/targets/%zu/mask/b64", i);
    XAI_CHECK(request->masks_later, err, UNSUPPORTED, pointer, "a picture cannot be read here: give size and runs");
    target->mask_rows = target->mask_cols = 1;
    target->mask_runs = ALL;
    target->mask_run_count = 2;
    return XAI_OK;
}

xai_status xai_json_request_bind(const xai_json_request *request, xai_model *model, const xai_model_info *info,
                                 xai_json_find_class find, xai_arena *arena, xai_request *out, xai_error *err)
{
    xai_target *targets = XAI_NEW(arena, xai_target, request->target_count);
    if (!targets) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < request->target_count; i++) {
        const xai_json_target *t = &request->targets[i];
        char pointer[64];
        targets[i] = t->target;
        if (t->mask_image) XAI_TRY(bind_mask(request, i, &targets[i], err));
        snprintf(pointer, sizeof pointer, "/targets/%zu/class", i);
        XAI_TRY(bind_class(&t->class, model, info, find, pointer, &targets[i].class_index, err));
        snprintf(pointer, sizeof pointer, "/targets/%zu/contrast", i);
        XAI_TRY(bind_class(&t->contrast, model, info, find, pointer, &targets[i].contrast, err));
    }
    *out = (xai_request){.model = model,
                         .calls = request->calls,
                         .call_count = request->call_count,
                         .metrics = request->metrics,
                         .metric_count = request->metric_count,
                         .expected = request->expected ? &request->expected->target : NULL,
                         .targets = targets,
                         .target_count = request->target_count,
                         .seed = (uint64_t)request->seed,
                         .outputs = request->outputs,
                         .top = (int)request->top,
                         .precision = request->precision};
    return XAI_OK;
}
