/* Targets as JSON: reading and writing. What is kept points into the caller's arena and JSON only. No state. */
#include "target.h"

#include "doc.h"

/* ---------------------------------------------------------------- reading */

static xai_status read_class(const xai_json_at *at, xai_json_class *out, xai_error *err)
{
    out->given = xai_json_given(at);
    if (json_is_string(at->value)) return xai_json_get_text(at, &out->name, err);
    return xai_json_get_int(at, 0, INT32_MAX, &out->index, err);
}

/* An array of `count` whole numbers from 0. */
static xai_status read_numbers(const xai_json_at *at, size_t count, int64_t *out, xai_error *err)
{
    XAI_TRY(xai_json_check_array(at, count, count, err));
    for (size_t i = 0; i < count; i++) {
        xai_json_at item = xai_json_item(at, i);
        out[i] = -1;
        XAI_TRY(xai_json_get_int(&item, 0, INT32_MAX, &out[i], err));
        if (out[i] < 0) XAI_JSON_FAIL(err, &item, "must be a whole number");
    }
    return XAI_OK;
}

/* An index that must be there; -1 stands for its absence. */
static xai_status read_index(const xai_json_at *at, int64_t *out, xai_error *err)
{
    *out = -1;
    XAI_TRY(xai_json_get_int(at, 0, INT64_MAX, out, err));
    if (*out < 0) XAI_JSON_FAIL(err, at, "is missing: a whole number from 0");
    return XAI_OK;
}

static xai_status read_neuron(const xai_json_at *at, xai_target *out, xai_error *err)
{
    XAI_TRY(xai_json_check_object(at, "layer|channel|position", err));
    xai_json_at layer = xai_json_member(at, "layer"), channel = xai_json_member(at, "channel");
    xai_json_at position = xai_json_member(at, "position");
    int64_t place[2] = {-1, -1};
    XAI_TRY(xai_json_get_text(&layer, &out->tensor, err));
    if (!out->tensor) XAI_JSON_FAIL(err, &layer, "is missing: the name of a tensor or node");
    XAI_TRY(read_index(&channel, &out->index, err));
    if (xai_json_given(&position)) XAI_TRY(read_numbers(&position, 2, place, err));
    out->kind = XAI_TARGET_NEURON;
    out->row = place[0];
    out->col = place[1];
    return XAI_OK;
}

static xai_status read_output(const xai_json_at *at, xai_target *out, xai_error *err)
{
    XAI_TRY(xai_json_check_object(at, "name|index", err));
    xai_json_at name = xai_json_member(at, "name"), index = xai_json_member(at, "index");
    XAI_TRY(xai_json_get_text(&name, &out->tensor, err));
    out->kind = XAI_TARGET_OUTPUT;
    return read_index(&index, &out->index, err);
}

static xai_status read_runs(const xai_json_at *at, xai_arena *arena, xai_target *out, xai_error *err)
{
    xai_json_at size = xai_json_member(at, "size"), runs = xai_json_member(at, "runs");
    int64_t sides[2];
    if (!size.value || !runs.value) XAI_JSON_FAIL(err, at, "needs \"b64\", or \"size\" with \"runs\"");
    XAI_TRY(read_numbers(&size, 2, sides, err));
    XAI_TRY(xai_json_check_array(&runs, 1, XAI_MAX_MASK_RUNS, err));
    out->mask_run_count = json_array_size(runs.value);
    int64_t *list = XAI_NEW(arena, int64_t, out->mask_run_count);
    if (!list) XAI_NO_MEMORY(err);
    XAI_TRY(read_numbers(&runs, out->mask_run_count, list, err));
    out->mask_rows = sides[0];
    out->mask_cols = sides[1];
    out->mask_runs = list;
    return XAI_OK;
}

static xai_status read_mask(const xai_json_at *at, xai_arena *arena, xai_json_target *out, xai_error *err)
{
    XAI_TRY(xai_json_check_object(at, "b64|size|runs", err));
    xai_json_at image = xai_json_member(at, "b64");
    out->target.kind = XAI_TARGET_MASK;
    if (!xai_json_given(&image)) return read_runs(at, arena, &out->target, err);
    if (json_object_size(at->value) > 1) XAI_JSON_FAIL(err, at, "give either \"b64\", or \"size\" with \"runs\"");
    XAI_TRY(xai_json_get_text(&image, &out->mask_image, err));
    out->mask_length = json_string_length(image.value);
    return XAI_OK;
}

/* At most one of what makes a kind; a class goes with box and mask alone. */
static xai_status check_members(const xai_json_at *at, xai_error *err)
{
    static const char *const KINDS[] = {"neuron", "output", "box", "mask"};
    const char *first = NULL;
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        xai_json_at member = xai_json_member(at, KINDS[i]);
        if (!xai_json_given(&member)) continue;
        if (first) XAI_JSON_FAIL(err, &member, "a target has \"%s\" or \"%s\", not both", first, KINDS[i]);
        first = KINDS[i];
        xai_json_at class = xai_json_member(at, "class"), contrast = xai_json_member(at, "contrast");
        if (i < 2 && xai_json_given(&class)) XAI_JSON_FAIL(err, &class, "a target by \"%s\" has no class", first);
        if (i < 2 && xai_json_given(&contrast)) XAI_JSON_FAIL(err, &contrast, "a target by \"%s\" has no contrast", first);
    }
    return XAI_OK;
}

static xai_status read_kind(const xai_json_at *at, xai_arena *arena, xai_json_target *out, xai_error *err)
{
    xai_json_at neuron = xai_json_member(at, "neuron"), output = xai_json_member(at, "output");
    xai_json_at box = xai_json_member(at, "box"), mask = xai_json_member(at, "mask");
    XAI_TRY(check_members(at, err));
    if (xai_json_given(&neuron)) return read_neuron(&neuron, &out->target, err);
    if (xai_json_given(&output)) return read_output(&output, &out->target, err);
    if (xai_json_given(&mask)) return read_mask(&mask, arena, out, err);
    if (!xai_json_given(&box)) return XAI_OK;
    out->target.kind = XAI_TARGET_BOX;
    return read_numbers(&box, 4, out->target.box, err);
}

xai_status xai_json_target_read(const xai_json_at *at, xai_arena *arena, xai_json_target *out, xai_error *err)
{
    *out = (xai_json_target){.target = {.class_index = -1, .contrast = -1}};
    if (!json_is_object(at->value)) return read_class(at, &out->class, err);
    XAI_TRY(xai_json_check_object(at, "class|space|contrast|box|mask|neuron|output", err));
    xai_json_at class = xai_json_member(at, "class"), contrast = xai_json_member(at, "contrast");
    xai_json_at space = xai_json_member(at, "space");
    int choice = -1;
    XAI_TRY(read_class(&class, &out->class, err));
    XAI_TRY(read_class(&contrast, &out->contrast, err));
    XAI_TRY(xai_json_get_choice(&space, "logit|probability", &choice, err));
    if (choice >= 0) out->target.space = choice == 0 ? XAI_SPACE_LOGIT : XAI_SPACE_PROBABILITY;
    return read_kind(at, arena, out, err);
}

/* ---------------------------------------------------------------- writing */

static void put(json_t *object, const char *key, json_t *value, bool *ok)
{
    if (json_object_set_new(object, key, value) != 0) *ok = false;
}

static json_t *numbers_of(const int64_t *values, size_t count)
{
    json_t *array = json_array();
    bool ok = array;
    for (size_t i = 0; i < count; i++) ok = json_array_append_new(array, json_integer(values[i])) == 0 && ok;
    if (ok) return array;
    json_decref(array);
    return NULL;
}

static json_t *neuron_of(const xai_target *t)
{
    json_t *neuron = json_pack("{s:o, s:I}", "layer", xai_json_text(t->tensor), "channel", (json_int_t)t->index);
    bool ok = neuron;
    if (t->row >= 0) put(neuron, "position", numbers_of((int64_t[]){t->row, t->col}, 2), &ok);
    if (ok) return neuron;
    json_decref(neuron);
    return NULL;
}

static void put_kind(json_t *object, const xai_target *t, bool *ok)
{
    switch (t->kind) {
    case XAI_TARGET_NEURON: put(object, "neuron", neuron_of(t), ok); break;
    case XAI_TARGET_OUTPUT:
        put(object, "output", json_pack("{s:o, s:I}", "name", xai_json_text(t->tensor), "index", (json_int_t)t->index), ok);
        break;
    case XAI_TARGET_CLASS:
    case XAI_TARGET_BOX:
    case XAI_TARGET_MASK:
        if (t->class_index >= 0) put(object, "class", json_integer(t->class_index), ok);
        break;
    }
}

static void put_area(json_t *object, const xai_target *t, bool *ok)
{
    if (t->kind == XAI_TARGET_BOX) put(object, "box", numbers_of(t->box, 4), ok);
    if (t->kind != XAI_TARGET_MASK) return;
    put(object, "mask", json_pack("{s:[I, I], s:o}", "size", (json_int_t)t->mask_rows, (json_int_t)t->mask_cols, "runs",
                                  numbers_of(t->mask_runs, t->mask_run_count)), ok);
}

json_t *xai_json_target_form(const xai_target *t, const char *name)
{
    json_t *object = json_object();
    bool ok = object;
    put_kind(object, t, &ok);
    if (name) put(object, "name", xai_json_text(name), &ok);
    if (t->space != XAI_SPACE_DEFAULT)
        put(object, "space", json_string(t->space == XAI_SPACE_PROBABILITY ? "probability" : "logit"), &ok);
    if (t->contrast >= 0) put(object, "contrast", json_integer(t->contrast), &ok);
    put_area(object, t, &ok);
    if (ok) return object;
    json_decref(object);
    return NULL;
}
