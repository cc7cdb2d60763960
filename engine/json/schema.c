/* Tables to JSON. No state. */
#include "schema.h"

#include <math.h>
#include <string.h>

#include "base/param.h"
#include "doc.h"

static const char DIALECT[] = "https://json-schema.org/draft/2020-12/schema";

/* ---------------------------------------------------------------- parameters */

static json_t *number_of(const xai_param *p, double value)
{
    return p->type == XAI_PARAM_INT ? json_integer((json_int_t)value) : xai_json_real(value);
}

static void put_range(json_t *schema, const xai_param *p)
{
    json_object_set_new(schema, "default", number_of(p, p->def));
    if (isfinite(p->min)) json_object_set_new(schema, "minimum", number_of(p, p->min));
    if (isfinite(p->max)) json_object_set_new(schema, "maximum", number_of(p, p->max));
}

static void put_choices(json_t *schema, const xai_param *p)
{
    json_t *choices = json_array();
    size_t len = 0;
    const char *choice;
    for (size_t i = 0; (choice = xai_choice_at(p->choices, i, &len)) != NULL; i++)
        json_array_append_new(choices, json_stringn(choice, len));
    json_object_set(schema, "default", json_array_get(choices, (size_t)p->def));
    json_object_set_new(schema, "enum", choices);
}

static json_t *param_schema(const xai_param *p)
{
    switch (p->type) {
    case XAI_PARAM_INT:
    case XAI_PARAM_REAL: {
        json_t *schema = json_pack("{s:s}", "type", p->type == XAI_PARAM_INT ? "integer" : "number");
        put_range(schema, p);
        return schema;
    }
    case XAI_PARAM_BOOL: return json_pack("{s:s, s:b}", "type", "boolean", "default", p->def != 0);
    case XAI_PARAM_ENUM: {
        json_t *schema = json_pack("{s:s}", "type", "string");
        put_choices(schema, p);
        return schema;
    }
    case XAI_PARAM_TEXT:
    case XAI_PARAM_LAYER: {
        json_t *schema = json_pack("{s:[s,s], s:n, s:i}", "type", "string", "null", "default", "maxLength",
                                   XAI_PARAM_TEXT_MAX);
        if (p->type == XAI_PARAM_LAYER) json_object_set_new(schema, "format", json_string("layer"));
        return schema;
    }
    case XAI_PARAM_LAYERS:
        return json_pack("{s:[s,s,s], s:n, s:i, s:i, s:{s:s, s:s}, s:s}", "type", "string", "array", "null", "default",
                         "maxLength", XAI_PARAM_TEXT_MAX, "maxItems", XAI_PARAM_MOST_LAYERS, "items", "type", "string",
                         "format", "layer", "format", "layers");
    }
    return NULL;
}

json_t *xai_json_params_schema(const xai_param *table, size_t n)
{
    json_t *properties = json_object();
    for (size_t i = 0; i < n; i++) {
        json_t *schema = param_schema(&table[i]);
        json_object_set_new(schema, "description", json_string(table[i].help));
        json_object_set_new(properties, table[i].name, schema);
    }
    return json_pack("{s:s, s:s, s:b, s:o}", "$schema", DIALECT, "type", "object", "additionalProperties", 0,
                     "properties", properties);
}

json_t *xai_json_method(const xai_method_info *m)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:o}", "id", m->id, "title", m->title, "family",
                     m->family, "summary", m->summary, "paper", m->paper ? m->paper : "", "version", m->version,
                     "needs", m->needs, "cost", m->cost, "params", xai_json_params_schema(m->params, m->param_count));
}

json_t *xai_json_metric(const xai_metric_info *m)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:o}", "id", m->id, "title", m->title, "family",
                     m->family, "summary", m->summary, "paper", m->paper ? m->paper : "", "version", m->version,
                     "needs", m->needs, "cost", m->cost, "better", xai_better_name(m->better), "params",
                     xai_json_params_schema(m->params, m->param_count));
}

json_t *xai_json_served(const xai_method_info *method, xai_status status, const xai_error *why)
{
    json_t *served = json_pack("{s:s, s:b}", "id", method->id, "served", status == XAI_OK);
    if (status != XAI_OK) json_object_set_new(served, "reason", xai_json_text(why->msg));
    return served;
}

/* ---------------------------------------------------------------- models */

static const char *layout_name(xai_layout layout) { return layout == XAI_LAYOUT_NHWC ? "NHWC" : "NCHW"; }

static const char *channels_name(xai_channels channels)
{
    return channels == XAI_CHANNELS_BGR ? "BGR" : channels == XAI_CHANNELS_GRAY ? "GRAY" : "RGB";
}

static const char *head_name(xai_head head)
{
    static const char *const NAMES[] = {[XAI_HEAD_SOFTMAX] = "softmax", [XAI_HEAD_PROBABILITIES] = "probabilities",
                                        [XAI_HEAD_SIGMOID] = "sigmoid", [XAI_HEAD_REGRESSION] = "regression",
                                        [XAI_HEAD_DENSE] = "dense"};
    return NAMES[head];
}

static json_t *shape_of(const int64_t *shape, int rank)
{
    json_t *array = json_array();
    for (int i = 0; i < rank; i++) json_array_append_new(array, json_integer(shape[i]));
    return array;
}

static json_t *texts_of(const char *const *texts, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(array, xai_json_text(texts[i]));
    return array;
}

static json_t *triple_of(const float v[3]) { return json_pack("[f, f, f]", (double)v[0], (double)v[1], (double)v[2]); }

static json_t *step_of(const xai_preprocess_step *s)
{
    static const char *const FILTERS[] = {"nearest", "bilinear", "bicubic"};
    if (s->op == XAI_STEP_NORMALIZE)
        return json_pack("{s:s, s:o, s:o}", "op", "normalize", "mean", triple_of(s->mean), "scale", triple_of(s->scale));
    if (s->op == XAI_STEP_CENTER_CROP)
        return json_pack("{s:s, s:[i, i]}", "op", "center_crop", "size", s->height, s->width);
    json_t *step = json_pack("{s:s, s:s, s:b}", "op", "resize", "filter", FILTERS[s->filter], "antialias", s->antialias);
    if (s->short_side > 0) json_object_set_new(step, "short_side", json_integer(s->short_side));
    else json_object_set_new(step, "size", json_pack("[i, i]", s->height, s->width));
    return step;
}

static json_t *steps_of(const xai_model_info *m)
{
    json_t *array = json_array();
    for (int i = 0; i < m->step_count; i++) json_array_append_new(array, step_of(&m->steps[i]));
    return array;
}

static json_t *layers_of(const xai_model_info *m)
{
    json_t *array = json_array();
    for (size_t i = 0; i < m->layer_count; i++) {
        const xai_layer_info *l = &m->layers[i];
        json_array_append_new(array, json_pack("{s:o, s:o, s:o, s:o, s:b}", "name", xai_json_text(l->name), "node",
                                               xai_json_text(l->node), "op", xai_json_text(l->op), "shape",
                                               shape_of(l->shape, l->rank), "spatial", l->spatial));
    }
    return array;
}

/* All outputs of the graph; "head" for the one that predictions come from, null for the others. */
static json_t *outputs_of(const xai_model_info *m)
{
    json_t *array = json_array();
    for (size_t i = 0; i < m->output_count; i++) {
        const xai_output_info *o = &m->outputs[i];
        bool own = strcmp(o->name, m->output_name) == 0;
        json_t *output = json_pack("{s:o, s:s, s:o, s:o}", "name", xai_json_text(o->name), "dtype", o->dtype, "shape",
                                   o->shape ? shape_of(o->shape, o->rank) : json_null(), "head",
                                   own ? json_string(head_name(m->head)) : json_null());
        if (o->refusal) json_object_set_new(output, "refusal", xai_json_text(o->refusal));
        json_array_append_new(array, output);
    }
    return array;
}

/* {"Conv":49, ...}: how often each operator occurs. */
static json_t *operators_of(const xai_model_info *m)
{
    json_t *object = json_object();
    for (size_t i = 0; i < m->layer_count; i++) {
        json_int_t seen = json_integer_value(json_object_get(object, m->layers[i].op));
        json_object_set_new(object, m->layers[i].op, json_integer(seen + 1));
    }
    return object;
}

json_t *xai_json_model_brief(const xai_model_info *m)
{
    return json_pack("{s:o, s:s, s:I, s:o}", "id", xai_json_text(m->id), "sha256", m->sha256, "classes",
                     (json_int_t)m->classes, "input_shape", shape_of(m->input_shape, 4));
}

json_t *xai_json_model(const xai_model_info *m, json_t *methods)
{
    json_t *model = xai_json_model_brief(m);
    json_t *more = json_pack(
        "{s:o, s:o, s:{s:o, s:o, s:s, s:s}, s:o, s:{s:o, s:s, s:I}, s:o, s:I, s:f, s:o, s:o, s:o, s:o, s:o, s:o}", "licence",
        xai_json_text(m->licence), "provenance", xai_json_text(m->provenance), "input", "name",
        xai_json_text(m->input_name), "shape", shape_of(m->input_shape, 4), "layout", layout_name(m->layout),
        "channels", channels_name(m->channels), "preprocess", steps_of(m), "output", "name",
        xai_json_text(m->output_name), "head", head_name(m->head), "classes", (json_int_t)m->classes, "outputs",
        outputs_of(m), "parameters",
        (json_int_t)m->parameters, "macs", m->macs, "default_layer", xai_json_text(m->default_layer), "operators",
        operators_of(m), "methods", methods, "warnings", texts_of(m->warnings, m->warning_count), "layers",
        layers_of(m), "labels", texts_of(m->labels, (size_t)m->classes));
    json_object_update(model, more);
    json_decref(more);
    return model;
}
