/* Result to JSON. No state. Memory that runs out shows as NULL at the end: jansson refuses NULL members. */
#include "result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "doc.h"
#include "target.h"

char *xai_json_text_of(const json_t *value, size_t flags)
{
    return json_dumps(value, flags | JSON_ENCODE_ANY | JSON_REAL_PRECISION(XAI_JSON_DIGITS));
}

/* ---------------------------------------------------------------- head */

static void put(json_t *object, const char *key, json_t *value, bool *ok)
{
    if (json_object_set_new(object, key, value) != 0) *ok = false;
}

static json_t *finished(json_t *value, bool ok)
{
    if (ok) return value;
    json_decref(value);
    return NULL;
}

static json_t *timing_of(const xai_json_head *head)
{
    json_t *timing = json_object();
    bool ok = timing;
    if (head->queue_ms >= 0) put(timing, "queue_ms", xai_json_real(head->queue_ms), &ok);
    put(timing, "decode_ms", xai_json_real(head->decode_ms), &ok);
    put(timing, "engine_ms", xai_json_real(head->engine_ms), &ok);
    put(timing, "render_ms", xai_json_real(head->render_ms), &ok);
    return finished(timing, ok);
}

json_t *xai_json_result_head(const xai_json_head *head)
{
    json_t *object = json_object();
    bool ok = object;
    put(object, "schema", json_integer(XAI_JSON_SCHEMA), &ok);
    if (head->id) put(object, "id", json_string(head->id), &ok);
    put(object, "status", json_string(head->status), &ok);
    if (head->created) put(object, "created", json_string(head->created), &ok);
    if (head->cache) put(object, "cache", json_string(head->cache), &ok);
    put(object, "timing", timing_of(head), &ok);
    return finished(object, ok);
}

/* ---------------------------------------------------------------- artifacts */

const char *xai_json_artifact_extension(const char *kind, const char *media_type)
{
    static const struct {
        const char *media_type, *extension;
    } TYPES[] = {{"image/png", "png"}, {"image/svg+xml", "svg"}, {"image/gif", "gif"}, {"text/vnd.graphviz", "dot"}};
    for (size_t i = 0; media_type && i < sizeof TYPES / sizeof TYPES[0]; i++)
        if (strcmp(media_type, TYPES[i].media_type) == 0) return TYPES[i].extension;
    if (strcmp(kind, "map") == 0 || strcmp(kind, "maps") == 0) return "npy";
    if (strcmp(kind, "text") == 0) return "txt";
    return strcmp(kind, "image") == 0 ? "bin" : "json";
}

static json_t *base64_of(const void *bytes, size_t size)
{
    size_t length = xai_base64_length(size);
    char *text = malloc(length + 1);
    if (!text) return NULL;
    xai_base64_encode(bytes, size, text);
    json_t *value = json_stringn_nocheck(text, length);
    free(text);
    return value;
}

static json_t *shape_of(const int64_t *shape, int rank)
{
    json_t *array = json_array();
    for (int i = 0; i < rank; i++) json_array_append_new(array, json_integer(shape[i]));
    return array;
}

/* Values travel little-endian, as the machines that this runs on keep them. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "maps are written as they lie in memory");

static void put_map(json_t *object, const xai_artifact *a, bool *ok)
{
    size_t count = 1;
    for (int i = 0; i < a->rank; i++) count *= (size_t)a->shape[i];
    put(object, "shape", shape_of(a->shape, a->rank), ok);
    put(object, "dtype", json_string("f32"), ok);
    put(object, "data", base64_of(a->values, count * sizeof(float)), ok);
    put(object, "min", xai_json_real((double)a->min), ok);
    put(object, "max", xai_json_real((double)a->max), ok);
}

static void put_image(json_t *object, const xai_artifact *a, bool *ok)
{
    put(object, "media_type", xai_json_text(a->media_type), ok);
    put(object, "width", json_integer(a->width), ok);
    put(object, "height", json_integer(a->height), ok);
    put(object, "data", base64_of(a->bytes, a->size), ok);
}

static void put_text(json_t *object, const xai_artifact *a, bool *ok)
{
    put(object, "media_type", xai_json_text(a->media_type), ok);
    put(object, "data", json_stringn((const char *)a->bytes, a->size), ok);
}

static void put_href(json_t *object, const xai_artifact *a, size_t index, const char *href, bool *ok)
{
    char link[256];
    const char *extension = xai_json_artifact_extension(xai_artifact_kind_name(a->kind), a->media_type);
    int n = snprintf(link, sizeof link, "%s%zu-%s.%s", href, index, a->name, extension);
    if (n > 0 && (size_t)n < sizeof link) put(object, "href", json_string(link), ok);
}

static json_t *artifact_of(const xai_artifact *a, size_t index, const char *href)
{
    json_t *object = json_object();
    bool ok = object;
    put(object, "name", xai_json_text(a->name), &ok);
    put(object, "kind", json_string(xai_artifact_kind_name(a->kind)), &ok);
    switch (a->kind) {
    case XAI_ARTIFACT_MAP:
    case XAI_ARTIFACT_MAPS: put_map(object, a, &ok); break;
    case XAI_ARTIFACT_IMAGE: put_image(object, a, &ok); break;
    case XAI_ARTIFACT_TEXT: put_text(object, a, &ok); break;
    case XAI_ARTIFACT_GRAPH:
    case XAI_ARTIFACT_CURVE:
    case XAI_ARTIFACT_TABLE: put(object, "data", xai_json_doc(a->doc), &ok); break;
    }
    if (href) put_href(object, a, index, href, &ok);
    return finished(object, ok);
}

/* ---------------------------------------------------------------- results */

static json_t *target_of(const xai_explanation *e)
{
    json_t *target = xai_json_target_form(&e->target, e->target_name ? e->target_name : "");
    bool ok = target;
    put(target, "value", xai_json_real(e->target_value), &ok);
    return finished(target, ok);
}

static json_t *warnings_of(const xai_explanation *e)
{
    json_t *array = json_array();
    for (size_t i = 0; i < e->warning_count; i++) json_array_append_new(array, xai_json_text(e->warnings[i]));
    return array;
}

static json_t *metrics_of(const xai_explanation *e)
{
    json_t *object = json_object();
    bool ok = object;
    for (size_t i = 0; i < e->metric_count; i++)
        put(object, e->metrics[i].name, xai_json_real(e->metrics[i].value), &ok);
    return finished(object, ok);
}

static json_t *grade_of(const xai_grade *g)
{
    json_t *object = json_pack("{s:s, s:s, s:i, s:s, s:o}", "id", g->metric->id, "name", g->name, "version",
                               g->metric->version, "better", xai_better_name(g->metric->better), "params",
                               xai_json_doc(g->params));
    bool ok = object;
    if (g->refusal) {
        put(object, "value", json_null(), &ok);
        put(object, "reason", xai_json_text(g->refusal), &ok);
        return finished(object, ok);
    }
    put(object, "value", xai_json_real(g->value), &ok);
    put(object, "percentile", xai_json_real(g->percentile), &ok);
    put(object, "random_count", json_integer((json_int_t)g->random_count), &ok);
    put(object, "random_mean", g->random_count ? xai_json_real(g->random_mean) : json_null(), &ok);
    put(object, "edges", xai_json_real(g->edges), &ok);
    if (g->curve) put(object, "curve", json_string(g->curve), &ok);
    return finished(object, ok);
}

static json_t *grades_of(const xai_explanation *e)
{
    json_t *array = json_array();
    bool ok = array;
    for (size_t i = 0; i < e->grade_count; i++)
        if (json_array_append_new(array, grade_of(&e->grades[i])) != 0) ok = false;
    return finished(array, ok);
}

static json_t *artifacts_of(const xai_explanation *e, size_t index, const char *href)
{
    json_t *array = json_array();
    bool ok = array;
    for (size_t i = 0; i < e->artifact_count; i++)
        if (json_array_append_new(array, artifact_of(&e->artifacts[i], index, href)) != 0) ok = false;
    return finished(array, ok);
}

static json_t *explanation_of(const xai_explanation *e, size_t index, const xai_json_context *context)
{
    json_t *object = json_object();
    bool ok = object;
    put(object, "method", json_string(e->method->id), &ok);
    put(object, "version", json_integer(e->method->version), &ok);
    put(object, "status", json_string(e->missed ? "failed" : e->partial ? "partial" : "done"), &ok);
    put(object, "seed", json_integer((json_int_t)context->seed), &ok);
    put(object, "target", target_of(e), &ok);
    put(object, "params", e->params ? xai_json_doc(e->params) : json_object(), &ok);
    put(object, "cost", json_pack("{s:o, s:o}", "forwards", xai_json_real(e->forwards), "backwards",
                                  xai_json_real(e->backwards)), &ok);
    put(object, "warnings", warnings_of(e), &ok);
    put(object, "metrics", metrics_of(e), &ok);
    if (e->grade_count) put(object, "grades", grades_of(e), &ok);
    put(object, "artifacts", artifacts_of(e, index, context->href), &ok);
    return finished(object, ok);
}

static json_t *results_of(const xai_result *result, const xai_json_context *context)
{
    json_t *array = json_array();
    bool ok = array;
    for (size_t i = 0; i < result->explanation_count; i++)
        if (json_array_append_new(array, explanation_of(&result->explanations[i], i, context)) != 0) ok = false;
    return finished(array, ok);
}

/* ---------------------------------------------------------------- body */

static json_t *image_of(const xai_result *result, const xai_image *image)
{
    json_t *object = json_object(), *crop = json_array();
    bool ok = object && crop;
    for (int i = 0; i < 4; i++) json_array_append_new(crop, xai_json_real(result->crop[i]));
    if (image) {
        put(object, "sha256", json_string(image->sha256), &ok);
        put(object, "width", json_integer(image->width), &ok);
        put(object, "height", json_integer(image->height), &ok);
        put(object, "orientation", json_integer(image->orientation), &ok);
        put(object, "crop", json_incref(crop), &ok);
    }
    put(object, "input_shape", shape_of(result->input_shape, 4), &ok);
    json_decref(crop);
    return finished(object, ok);
}

static json_t *model_of(const xai_result *result, const xai_model_info *model)
{
    return json_pack("{s:o, s:s, s:s, s:s, s:s}", "id", xai_json_text(model->id), "sha256", model->sha256, "engine",
                     XAI_VERSION, "isa", result->isa, "precision", result->precision);
}

json_t *xai_json_prediction(const xai_prediction *p, xai_head head)
{
    bool number = head == XAI_HEAD_REGRESSION;
    json_t *one = json_pack("{s:I, s:o, s:o, s:o}", "class", (json_int_t)p->class_index, "name", xai_json_text(p->name),
                            number ? "value" : "probability", xai_json_real((double)p->probability), "logit",
                            xai_json_real((double)p->logit));
    if (head == XAI_HEAD_DENSE) json_object_set_new(one, "share", xai_json_real((double)p->share));
    return one;
}

static json_t *predictions_of(const xai_result *result, xai_head head)
{
    json_t *array = json_array();
    bool ok = array;
    for (size_t i = 0; i < result->prediction_count; i++) {
        const xai_prediction *p = &result->predictions[i];
        if (json_array_append_new(array, xai_json_prediction(p, head)) != 0) ok = false;
    }
    return finished(array, ok);
}

/* What was run, and what the results would have cost, each asked for by itself. */
static json_t *cost_of(const xai_result *result)
{
    double forwards = 0, backwards = 0;
    for (size_t i = 0; i < result->explanation_count; i++) {
        forwards += result->explanations[i].forwards;
        backwards += result->explanations[i].backwards;
    }
    return json_pack("{s:o, s:o, s:{s:o, s:o}}", "forwards", xai_json_real(result->forwards), "backwards",
                     xai_json_real(result->backwards), "one_by_one", "forwards", xai_json_real(forwards), "backwards",
                     xai_json_real(backwards));
}

json_t *xai_json_result_body(const xai_result *result, const xai_json_context *context)
{
    json_t *object = json_object();
    bool ok = object;
    put(object, "image", image_of(result, context->image), &ok);
    put(object, "model", model_of(result, context->model), &ok);
    put(object, "predictions", predictions_of(result, context->model->head), &ok);
    put(object, "cost", cost_of(result), &ok);
    put(object, "results", results_of(result, context), &ok);
    return finished(object, ok);
}

json_t *xai_json_result(const xai_result *result, const xai_json_head *head, const xai_json_context *context)
{
    json_t *object = xai_json_result_head(head), *body = xai_json_result_body(result, context);
    bool ok = object && body && json_object_update(object, body) == 0;
    json_decref(body);
    return finished(object, ok);
}
