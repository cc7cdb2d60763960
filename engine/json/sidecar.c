/* Sidecar: JSON into an xai_model_config. No state; everything that is kept lives in the caller's arena. */
#include "sidecar.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "read.h"

enum { MAX_FILE = 16 << 20, MAX_LABELS = 1 << 20, MAX_SIDE = 1 << 14 };

static const char MEMBERS[] = "schema|id|sha256|input|preprocess|output|labels|licence|provenance";

/* ---------------------------------------------------------------- members */

static xai_status copy_text(const xai_json_at *object, const char *key, xai_arena *arena, const char **out,
                            xai_error *err)
{
    xai_json_at at = xai_json_member(object, key);
    const char *text = NULL;
    XAI_TRY(xai_json_get_text(&at, &text, err));
    if (!text) return XAI_OK;
    *out = xai_arena_strdup(arena, text);
    if (!*out) XAI_NO_MEMORY(err);
    return XAI_OK;
}

static xai_status choice(const xai_json_at *object, const char *key, const char *choices, int *out, xai_error *err)
{
    xai_json_at at = xai_json_member(object, key);
    return xai_json_get_choice(&at, choices, out, err);
}

static xai_status side(const xai_json_at *at, int *out, xai_error *err)
{
    int64_t value = 0;
    if (!xai_json_given(at)) XAI_JSON_FAIL(err, at, "is missing");
    XAI_TRY(xai_json_get_int(at, 1, MAX_SIDE, &value, err));
    *out = (int)value;
    return XAI_OK;
}

/* "size": [height, width] */
static xai_status size_of(const xai_json_at *step, xai_preprocess_step *out, xai_error *err)
{
    xai_json_at at = xai_json_member(step, "size");
    XAI_TRY(xai_json_check_array(&at, 2, 2, err));
    xai_json_at height = xai_json_item(&at, 0), width = xai_json_item(&at, 1);
    XAI_TRY(side(&height, &out->height, err));
    return side(&width, &out->width, err);
}

/* ---------------------------------------------------------------- preprocessing steps */

static xai_status read_resize(const xai_json_at *at, xai_preprocess_step *out, xai_error *err)
{
    XAI_TRY(xai_json_check_object(at, "op|short_side|size|filter|antialias", err));
    int filter = XAI_FILTER_BILINEAR;
    out->antialias = true;
    xai_json_at short_side = xai_json_member(at, "short_side"), size = xai_json_member(at, "size");
    xai_json_at antialias = xai_json_member(at, "antialias");
    if (xai_json_given(&short_side) == xai_json_given(&size))
        XAI_JSON_FAIL(err, at, "a resize needs either \"short_side\" or \"size\"");
    XAI_TRY(xai_json_given(&size) ? size_of(at, out, err) : side(&short_side, &out->short_side, err));
    XAI_TRY(choice(at, "filter", "nearest|bilinear|bicubic", &filter, err));
    XAI_TRY(xai_json_get_bool(&antialias, &out->antialias, err));
    out->filter = (xai_filter)filter;
    return XAI_OK;
}

static xai_status read_triple(const xai_json_at *at, float fallback, float out[3], xai_error *err)
{
    for (int i = 0; i < 3; i++) out[i] = fallback;
    if (!xai_json_given(at)) return XAI_OK;
    XAI_TRY(xai_json_check_array(at, 1, 3, err));
    size_t n = json_array_size(at->value);
    for (size_t i = 0; i < 3; i++) {
        xai_json_at item = xai_json_item(at, i < n ? i : n - 1); /* one number stands for all channels */
        double value = fallback;
        XAI_TRY(xai_json_get_real(&item, &value, err));
        out[i] = (float)value;
    }
    return XAI_OK;
}

static xai_status read_normalize(const xai_json_at *at, xai_preprocess_step *out, xai_error *err)
{
    XAI_TRY(xai_json_check_object(at, "op|mean|scale", err));
    xai_json_at mean = xai_json_member(at, "mean"), scale = xai_json_member(at, "scale");
    XAI_TRY(read_triple(&mean, 0.0f, out->mean, err));
    XAI_TRY(read_triple(&scale, 1.0f, out->scale, err));
    for (int i = 0; i < 3; i++)
        if (out->scale[i] == 0.0f) XAI_JSON_FAIL(err, &scale, "must not be zero: values are divided by it");
    return XAI_OK;
}

static xai_status read_step(const xai_json_at *at, xai_preprocess_step *out, xai_error *err)
{
    int op = -1;
    if (!json_is_object(at->value)) XAI_JSON_FAIL(err, at, "must be an object");
    XAI_TRY(choice(at, "op", "resize|center_crop|normalize", &op, err));
    switch (op) {
    case 0: out->op = XAI_STEP_RESIZE; return read_resize(at, out, err);
    case 1:
        out->op = XAI_STEP_CENTER_CROP;
        XAI_TRY(xai_json_check_object(at, "op|size", err));
        return size_of(at, out, err);
    case 2: out->op = XAI_STEP_NORMALIZE; return read_normalize(at, out, err);
    default: XAI_JSON_FAIL(err, at, "a step needs \"op\": resize, center_crop or normalize");
    }
}

static xai_status read_steps(const xai_json_at *root, xai_model_config *out, xai_error *err)
{
    xai_json_at at = xai_json_member(root, "preprocess");
    if (!xai_json_given(&at)) return XAI_OK;
    XAI_TRY(xai_json_check_array(&at, 1, XAI_MAX_STEPS, err));
    for (size_t i = 0; i < json_array_size(at.value); i++) {
        xai_json_at item = xai_json_item(&at, i);
        XAI_TRY(read_step(&item, &out->steps[out->step_count], err));
        out->step_count++;
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- input, output, labels */

static xai_status read_input(const xai_json_at *root, xai_arena *arena, xai_model_config *out, xai_error *err)
{
    xai_json_at at = xai_json_member(root, "input");
    if (!xai_json_given(&at)) return XAI_OK;
    int layout = -1, channels = XAI_CHANNELS_RGB;
    XAI_TRY(xai_json_check_object(&at, "name|layout|channels", err));
    XAI_TRY(copy_text(&at, "name", arena, &out->input_name, err));
    XAI_TRY(choice(&at, "layout", "NCHW|NHWC", &layout, err));
    XAI_TRY(choice(&at, "channels", "RGB|BGR|GRAY", &channels, err));
    out->layout_known = layout >= 0;
    if (out->layout_known) out->layout = (xai_layout)layout;
    out->channels = (xai_channels)channels;
    return XAI_OK;
}

static xai_status read_output(const xai_json_at *root, xai_arena *arena, xai_model_config *out, xai_error *err)
{
    xai_json_at at = xai_json_member(root, "output");
    if (!xai_json_given(&at)) return XAI_OK;
    int head = -1;
    XAI_TRY(xai_json_check_object(&at, "name|head", err));
    XAI_TRY(copy_text(&at, "name", arena, &out->output_name, err));
    XAI_TRY(choice(&at, "head", "softmax|probabilities|sigmoid|regression|dense", &head, err));
    out->head_known = head >= 0;
    if (head >= 0) out->head = (xai_head)head;
    return XAI_OK;
}

static xai_status read_labels(const xai_json_at *root, xai_arena *arena, xai_model_config *out, xai_error *err)
{
    xai_json_at at = xai_json_member(root, "labels");
    if (!xai_json_given(&at)) return XAI_OK;
    XAI_TRY(xai_json_check_array(&at, 1, MAX_LABELS, err));
    size_t n = json_array_size(at.value);
    const char **labels = XAI_NEW(arena, const char *, n);
    if (!labels) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < n; i++) {
        xai_json_at item = xai_json_item(&at, i);
        const char *text = NULL;
        XAI_TRY(xai_json_get_text(&item, &text, err));
        if (!text) XAI_JSON_FAIL(err, &item, "must be a text");
        labels[i] = xai_arena_strdup(arena, text);
        if (!labels[i]) XAI_NO_MEMORY(err);
    }
    out->labels = labels;
    out->label_count = n;
    return XAI_OK;
}

xai_status xai_json_sidecar(const json_t *root, xai_arena *arena, xai_model_config *out, xai_error *err)
{
    *out = (xai_model_config){0};
    xai_json_at at = xai_json_root(root, XAI_E_BAD_CONFIG);
    XAI_TRY(xai_json_check_object(&at, MEMBERS, err));
    xai_json_at schema = xai_json_member(&at, "schema");
    int64_t version = 0;
    XAI_TRY(xai_json_get_int(&schema, 1, 1, &version, err));
    if (version != 1) XAI_JSON_FAIL(err, &schema, "must be 1");
    XAI_TRY(copy_text(&at, "id", arena, &out->id, err));
    XAI_TRY(copy_text(&at, "sha256", arena, &out->sha256, err));
    XAI_TRY(copy_text(&at, "licence", arena, &out->licence, err));
    XAI_TRY(copy_text(&at, "provenance", arena, &out->provenance, err));
    XAI_TRY(read_input(&at, arena, out, err));
    XAI_TRY(read_steps(&at, out, err));
    XAI_TRY(read_output(&at, arena, out, err));
    return read_labels(&at, arena, out, err);
}

/* ---------------------------------------------------------------- files */

static xai_status read_all(const char *path, char **out, size_t *size, xai_error *err)
{
    FILE *file = fopen(path, "rb");
    XAI_CHECK(file, err, IO, path, "cannot open %s: %s", path, strerror(errno));
    char *bytes = malloc(MAX_FILE);
    size_t n = bytes ? fread(bytes, 1, MAX_FILE, file) : 0;
    bool failed = ferror(file) != 0;
    fclose(file);
    if (bytes && !failed && n < MAX_FILE) {
        *out = bytes;
        *size = n;
        return XAI_OK;
    }
    free(bytes);
    if (!bytes) XAI_NO_MEMORY(err);
    XAI_CHECK(!failed, err, IO, path, "cannot read %s", path);
    XAI_FAIL(err, TOO_LARGE, path, "%s is larger than %d MiB", path, MAX_FILE >> 20);
}

/* The file's name goes before the message: the pointer alone does not tell which sidecar it is in. */
static void name_file(const char *path, xai_error *err)
{
    char msg[sizeof err->msg];
    memcpy(msg, err->msg, sizeof msg);
    msg[sizeof msg - 1] = '\0';
    snprintf(err->msg, sizeof err->msg, "%.140s: %.100s: %.250s", path, err->where, msg);
}

xai_status xai_json_sidecar_read(const char *path, xai_arena *arena, xai_model_config *out, xai_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    json_t *root = NULL;
    XAI_TRY(read_all(path, &bytes, &size, err));
    xai_status status = xai_json_parse(bytes, size, XAI_E_BAD_CONFIG, &root, err);
    if (status == XAI_OK) status = xai_json_sidecar(root, arena, out, err);
    if (status != XAI_OK && err) name_file(path, err);
    json_decref(root);
    free(bytes);
    return status;
}
