/* What there is: models, methods, limits, version. */
#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "json/result.h"
#include "json/schema.h"

void api_get_methods(api *a, api_request *request, const api_path *path)
{
    (void)path;
    json_t *list = json_array();
    for (size_t i = 0; i < a->engine.method_count(); i++)
        json_array_append_new(list, xai_json_method(a->engine.method_at(i)));
    api_reply_json(request, 200, list);
}

void api_get_method(api *a, api_request *request, const api_path *path)
{
    const xai_method_info *method = a->engine.method_find(path->segment[0]);
    if (method) api_reply_json(request, 200, xai_json_method(method));
    else api_reply_problem(request, WIRE_NOT_FOUND, "there is no such method; GET /api/v1/methods lists them");
}

void api_get_metric_list(api *a, api_request *request, const api_path *path)
{
    (void)a, (void)path;
    json_t *list = json_array();
    for (size_t i = 0; i < xai_metric_count(); i++) json_array_append_new(list, xai_json_metric(xai_metric_at(i)));
    api_reply_json(request, 200, list);
}

void api_get_metric(api *a, api_request *request, const api_path *path)
{
    (void)a;
    const xai_metric_info *metric = xai_metric_find(path->segment[0]);
    if (metric) api_reply_json(request, 200, xai_json_metric(metric));
    else api_reply_problem(request, WIRE_NOT_FOUND, "there is no such metric; GET /api/v1/metrics lists them");
}

void api_get_models(api *a, api_request *request, const api_path *path)
{
    (void)path;
    json_t *list = json_array();
    for (size_t i = 0; i < a->models->count; i++) {
        json_t *model = xai_json_model_brief(a->engine.describe(a->models->entries[i].model));
        json_object_set_new(model, "default", json_boolean(i == a->models->standard));
        json_array_append_new(list, model);
    }
    api_reply_json(request, 200, list);
}

static json_t *served_methods(const api *a, const xai_model *model)
{
    json_t *list = json_array();
    for (size_t i = 0; i < a->engine.method_count(); i++) {
        xai_error why;
        const xai_method_info *method = a->engine.method_at(i);
        json_array_append_new(list, xai_json_served(method, a->engine.served(method, model, &why), &why));
    }
    return list;
}

/* What a request's "precision" may be on this processor. */
static json_t *precisions(void)
{
    json_t *list = json_array();
    for (int p = XAI_PRECISION_F32; p <= XAI_PRECISION_BF16; p++)
        if (xai_precision_check((xai_precision)p, NULL) == XAI_OK)
            json_array_append_new(list, json_string(xai_precision_name((xai_precision)p)));
    return list;
}

void api_get_model(api *a, api_request *request, const api_path *path)
{
    xai_model *model = NULL;
    xai_error err;
    if (models_find(a->models, path->segment[0], &model, &err) != XAI_OK) {
        api_reply_problem(request, WIRE_NOT_FOUND, err.msg);
        return;
    }
    json_t *json = xai_json_model(a->engine.describe(model), served_methods(a, model));
    json_object_set_new(json, "precisions", precisions());
    api_reply_json(request, 200, json);
}

void api_get_limits(api *a, api_request *request, const api_path *path)
{
    (void)path;
    const conf *c = a->config;
    api_reply_json(request, 200,
                   json_pack("{s:{s:I, s:I, s:I}, s:I, s:I, s:I, s:I, s:I, s:I}", "image", "bytes",
                             (json_int_t)c->max_image_bytes, "pixels", (json_int_t)c->max_image_pixels, "side",
                             (json_int_t)c->max_image_side, "json_bytes", (json_int_t)c->max_json_bytes, "wait_ms",
                             (json_int_t)c->wait_ms, "wait_ms_max", (json_int_t)c->wait_ms_max, "job_timeout_s",
                             (json_int_t)c->job_timeout_s, "retention_s", (json_int_t)c->retention_s, "queue_length",
                             (json_int_t)c->queue_length));
}

void api_get_version(api *a, api_request *request, const api_path *path)
{
    (void)a, (void)path;
    api_reply_json(request, 200, json_pack("{s:s, s:s, s:i}", "name", "explaind", "version", XAI_VERSION, "schema",
                                           XAI_JSON_SCHEMA));
}

void api_get_openapi(api *a, api_request *request, const api_path *path)
{
    (void)path;
    api_reply_json(request, 200, api_openapi(&a->engine));
}
