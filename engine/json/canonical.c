/* Canonical text of a request: the part of a result's key that is not the image or the model. No state. */
#include "base/param.h"
#include "doc.h"
#include "request.h"

/* Bytes of the struct that a table describes, and a little more: a list of layers is the largest field. */
static size_t struct_size(const xai_param *table, size_t n)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i++)
        if (table[i].offset + sizeof(xai_layer_list) > size) size = table[i].offset + sizeof(xai_layer_list);
    return size;
}

/* The parameters as they will be used, so that leaving out a default and spelling it are the same request. */
static json_t *params_of(const xai_param *table, size_t n, const xai_method_call *call)
{
    xai_arena *arena = xai_arena_new(1 << 20);
    json_t *params = NULL;
    void *values = arena ? xai_arena_alloc(arena, struct_size(table, n), 1) : NULL;
    if (values && xai_params_parse(table, n, call->params, call->param_count, values, arena, NULL) == XAI_OK) {
        xai_doc *doc = xai_params_doc(table, n, values, arena);
        if (xai_doc_ok(doc)) params = xai_json_doc(doc);
    }
    xai_arena_free(arena);
    return params;
}

static json_t *methods_of(const xai_request *request, xai_json_find_method find)
{
    json_t *methods = json_array();
    for (size_t i = 0; i < request->call_count; i++) {
        const xai_method_info *info = find(request->calls[i].id);
        json_t *params = info ? params_of(info->params, info->param_count, &request->calls[i]) : NULL;
        json_t *method = params ? json_pack("[s, i, o]", info->id, info->version, params) : NULL;
        if (json_array_append_new(methods, method) == 0) continue;
        json_decref(methods);
        return NULL;
    }
    return methods;
}

static json_t *metrics_of(const xai_request *request)
{
    json_t *metrics = json_array();
    for (size_t i = 0; i < request->metric_count; i++) {
        const xai_metric_info *info = xai_metric_find(request->metrics[i].id);
        json_t *params = info ? params_of(info->params, info->param_count, &request->metrics[i]) : NULL;
        json_t *metric = params ? json_pack("[s, i, o]", info->id, info->version, params) : NULL;
        if (json_array_append_new(metrics, metric) == 0) continue;
        json_decref(metrics);
        return NULL;
    }
    return metrics;
}

static json_t *targets_of(const xai_request *request)
{
    json_t *targets = json_array();
    for (size_t i = 0; i < request->target_count; i++)
        json_array_append_new(targets, xai_json_target_form(&request->targets[i], NULL));
    return targets;
}

char *xai_json_request_canonical(const xai_request *request, xai_json_find_method find)
{
    json_t *methods = methods_of(request, find), *metrics = metrics_of(request);
    unsigned outputs = request->outputs ? request->outputs : XAI_OUTPUT_ALL;
    json_t *expected = request->expected ? xai_json_target_form(request->expected, NULL) : json_null();
    json_t *root = json_pack("{s:o, s:o, s:o, s:o, s:I, s:i, s:i, s:s}", "methods", methods, "targets",
                             targets_of(request), "evaluate", metrics, "expected", expected, "seed",
                             (json_int_t)request->seed, "outputs", (int)outputs, "top", request->top ? request->top : 5,
                             "precision", xai_precision_name(request->precision));
    char *text = root ? json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(root);
    return text;
}
