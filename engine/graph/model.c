/*
 * Model: load, describe, share. What a sidecar does not say is read from the graph, with a warning that says so.
 *
 * Frozen once loaded; the reference count is the only thing that changes.
 */
#include "model.h"

#include "kernels/bf16.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { DEFAULT_SIDE = 224, MAX_WARNINGS = 8, MAX_TENSORS = 256 };

xai_status xai_model_warn(xai_model *m, const char *text, xai_error *err)
{
    const char **list = (const char **)m->info.warnings;
    if (m->info.warning_count == MAX_WARNINGS) return XAI_OK;
    list[m->info.warning_count] = xai_arena_strdup(m->arena, text);
    if (!list[m->info.warning_count++]) XAI_NO_MEMORY(err);
    return XAI_OK;
}

static xai_status copy(xai_model *m, const char *text, const char **out, xai_error *err)
{
    *out = text ? xai_arena_strdup(m->arena, text) : NULL;
    if (text && !*out) XAI_NO_MEMORY(err);
    return XAI_OK;
}

/* "models/net.onnx" -> "net" */
static const char *stem_of(xai_model *m, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *stem = xai_arena_strdup(m->arena, slash ? slash + 1 : path);
    char *dot = stem ? strrchr(stem, '.') : NULL;
    if (dot && dot != stem) *dot = 0;
    return stem;
}

static xai_status read_identity(xai_model *m, const char *path, const xai_model_config *c, xai_error *err)
{
    m->info.sha256 = m->graph->sha256;
    m->info.parameters = m->graph->parameters;
    if (c && c->sha256)
        XAI_CHECK(strcasecmp(c->sha256, m->graph->file_sha256) == 0 || strcasecmp(c->sha256, m->graph->sha256) == 0,
                  err, BAD_MODEL, path, "'%s' is not the file that its sidecar describes: sha256 is %s, expected %s",
                  path, m->graph->sha256, c->sha256);
    XAI_TRY(copy(m, path, &m->info.path, err));
    if (c && c->id) XAI_TRY(copy(m, c->id, &m->info.id, err));
    else if (!(m->info.id = stem_of(m, path))) XAI_NO_MEMORY(err);
    XAI_TRY(copy(m, c ? c->licence : NULL, &m->info.licence, err));
    return copy(m, c ? c->provenance : NULL, &m->info.provenance, err);
}

static xai_status find_interface(xai_model *m, const xai_model_config *c, xai_error *err)
{
    const xai_graph *g = m->graph;
    XAI_CHECK(g->input_count > 0, err, BAD_MODEL, "", "the graph has no input");
    const char *input = c && c->input_name ? c->input_name : g->inputs[0].name;
    const char *output = c && c->output_name ? c->output_name : g->outputs[0];
    const xai_graph_input *in = xai_graph_find_input(g, input);
    XAI_CHECK(in, err, BAD_CONFIG, "input.name", "the graph has no input '%s'; its first is '%s'", input,
              g->inputs[0].name);
    m->input_index = (int)(in - g->inputs);
    m->info.input_name = in->name;
    for (size_t i = 0; i < g->output_count; i++)
        if (strcmp(g->outputs[i], output) == 0) m->info.output_name = g->outputs[i];
    XAI_CHECK(m->info.output_name, err, BAD_CONFIG, "output.name", "the graph has no output '%s'; its first is '%s'",
              output, g->outputs[0]);
    XAI_CHECK(in->dtype == XAI_F32 && (in->shape.rank == 4 || in->shape.rank == 0), err, UNSUPPORTED_OP, in->name,
              "input '%s' is not a batch of float images (%s, %d dimensions)", in->name, xai_dtype_name(in->dtype),
              in->shape.rank);
    return XAI_OK;
}

/* Pictures have 1 or 3 channels. tf2onnx leaves them last, and begins the graph with a Transpose. */
static xai_layout layout_of(const xai_graph_input *in)
{
    const int64_t *d = in->shape.dim;
    bool first = in->shape.rank != 4 || d[1] == 1 || d[1] == 3, last = d[3] == 1 || d[3] == 3;
    return !first && last ? XAI_LAYOUT_NHWC : XAI_LAYOUT_NCHW;
}

/* The size that preprocessing ends with: 0 if it does not say. */
static void size_after(const xai_model_config *c, int64_t *height, int64_t *width)
{
    *height = *width = 0;
    for (int i = 0; c && i < c->step_count; i++) {
        const xai_preprocess_step *s = &c->steps[i];
        if (s->op != XAI_STEP_NORMALIZE && s->width > 0 && s->height > 0) {
            *height = s->height;
            *width = s->width;
        }
    }
}

static xai_status choose_shape(xai_model *m, const xai_model_config *c, xai_error *err)
{
    const xai_graph_input *in = &m->graph->inputs[m->input_index];
    xai_shape *s = &m->shapes[m->input_index];
    int channels = m->info.layout == XAI_LAYOUT_NCHW ? 1 : 3, h = channels == 1 ? 2 : 1, w = h + 1;
    int64_t height, width;
    size_after(c, &height, &width);
    *s = in->shape.rank == 4 ? in->shape : (xai_shape){4, {-1, -1, -1, -1}};
    s->dim[0] = 1;
    if (s->dim[channels] < 0) s->dim[channels] = m->info.channels == XAI_CHANNELS_GRAY ? 1 : 3;
    if (s->dim[h] < 0) s->dim[h] = height ? height : DEFAULT_SIDE;
    if (s->dim[w] < 0) s->dim[w] = width ? width : DEFAULT_SIDE;
    XAI_CHECK(s->dim[channels] == 3 || s->dim[channels] == 1, err, UNSUPPORTED_OP, in->name,
              "input '%s' has %" PRId64 " channels; images have 1 or 3", in->name, s->dim[channels]);
    XAI_CHECK(s->dim[h] <= XAI_MAX_SIDE && s->dim[w] <= XAI_MAX_SIDE, err, TOO_LARGE, in->name,
              "input '%s' is %" PRId64 " x %" PRId64 "; the limit is %d", in->name, s->dim[w], s->dim[h], XAI_MAX_SIDE);
    XAI_CHECK(!height || (height == s->dim[h] && width == s->dim[w]), err, BAD_CONFIG, "preprocess",
              "preprocessing ends with %" PRId64 " x %" PRId64 ", but the model takes %" PRId64 " x %" PRId64, width,
              height, s->dim[w], s->dim[h]);
    if (s->dim[channels] == 1) m->info.channels = XAI_CHANNELS_GRAY;
    memcpy(m->info.input_shape, s->dim, sizeof m->info.input_shape);
    return XAI_OK;
}

/* Other inputs (rare): what the file does not fix becomes 1. */
static xai_status choose_shapes(xai_model *m, const xai_model_config *c, xai_error *err)
{
    if (!(m->shapes = XAI_NEW(m->arena, xai_shape, m->graph->input_count))) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < m->graph->input_count; i++) {
        m->shapes[i] = m->graph->inputs[i].shape;
        for (int k = 0; k < m->shapes[i].rank; k++)
            if (m->shapes[i].dim[k] < 0) m->shapes[i].dim[k] = 1;
    }
    return choose_shape(m, c, err);
}

/* The usual preprocessing of ImageNet models from torchvision. */
static void usual_steps(xai_preprocess_step *steps, int height, int width)
{
    int shorter = height < width ? height : width;
    steps[0] = (xai_preprocess_step){.op = XAI_STEP_RESIZE, .short_side = shorter * 256 / 224,
                                     .filter = XAI_FILTER_BILINEAR, .antialias = true};
    steps[1] = (xai_preprocess_step){.op = XAI_STEP_CENTER_CROP, .width = width, .height = height};
    steps[2] = (xai_preprocess_step){.op = XAI_STEP_NORMALIZE, .mean = {123.675F, 116.28F, 103.53F},
                                     .scale = {58.395F, 57.12F, 57.375F}};
}

static xai_status read_preprocessing(xai_model *m, const xai_model_config *c, xai_error *err)
{
    xai_preprocess_step *steps = XAI_NEW(m->arena, xai_preprocess_step, XAI_MAX_STEPS);
    if (!steps) XAI_NO_MEMORY(err);
    m->info.steps = steps;
    if (c && c->step_count) {
        memcpy(steps, c->steps, sizeof c->steps);
        m->info.step_count = c->step_count;
        return XAI_OK;
    }
    bool nchw = m->info.layout == XAI_LAYOUT_NCHW;
    usual_steps(steps, (int)m->info.input_shape[nchw ? 2 : 1], (int)m->info.input_shape[nchw ? 3 : 2]);
    m->info.step_count = 3;
    return xai_model_warn(m, "no preprocessing is given: ImageNet's usual one is used (short side 256/224, centre crop, mean "
                             "and standard deviation of ImageNet); write a sidecar file if the model wants another", err);
}

/* The inputs have the first ids. */
xai_status xai_model_check_inputs(const xai_model *m, const xai_program *p, xai_error *err)
{
    for (int i = 0; i < p->node_count; i++)
        for (int k = 0; k < p->nodes[i]->in_count; k++) {
            const xai_value *v = p->nodes[i]->in[k];
            XAI_CHECK(!v || v->id >= p->input_count || v->id == m->input_index, err, UNSUPPORTED_OP, v->name,
                      "the output also depends on the input '%s': only models of one image are served", v->name);
        }
    return XAI_OK;
}

xai_status xai_model_build_own(xai_model *m, const xai_bf16 *bf16, xai_program **out, xai_error *err)
{
    xai_program_spec spec = {.shapes = m->shapes, .outputs = m->keep, .output_count = 1, .keep = m->keep + 1,
                             .keep_count = m->info.default_layer ? 2 : 1, .bf16 = bf16};
    return xai_program_build(m->graph, &spec, out, err);
}

static xai_status build_program(xai_model *m, xai_error *err)
{
    m->keep[0] = m->info.output_name;
    m->keep[1] = m->logits;
    m->keep[2] = m->info.default_layer; /* so that the most frequent request needs no program of its own */
    XAI_TRY(xai_model_build_own(m, NULL, &m->program, err));
    m->info.macs = m->program->macs;
    return XAI_OK;
}

static xai_status set_up(xai_model *m, const char *path, const xai_model_config *c, xai_error *err)
{
    if (!(m->info.warnings = XAI_NEW(m->arena, const char *, MAX_WARNINGS))) XAI_NO_MEMORY(err);
    XAI_TRY(xai_graph_load(path, &m->graph, err));
    XAI_TRY(read_identity(m, path, c, err));
    XAI_TRY(find_interface(m, c, err));
    m->info.layout = c && c->layout_known ? c->layout : layout_of(&m->graph->inputs[m->input_index]);
    m->info.channels = c ? c->channels : XAI_CHANNELS_RGB;
    XAI_TRY(choose_shapes(m, c, err));
    XAI_TRY(read_preprocessing(m, c, err));
    if (!c || !c->output_name) XAI_TRY(xai_model_choose_output(m, err));
    XAI_TRY(xai_model_list_outputs(m, err));
    XAI_TRY(xai_model_orient(m, err));
    XAI_TRY(xai_model_read_head(m, c, err));
    XAI_TRY(xai_model_list_layers(m, err));
    XAI_TRY(build_program(m, err));
    XAI_TRY(xai_model_read_labels(m, c, err));
    return xai_model_trim_outline(m, err);
}

xai_status xai_model_load(const char *path, const xai_model_config *config, xai_model **out, xai_error *err)
{
    xai_arena *arena = xai_arena_new(0);
    xai_model *m = arena ? XAI_NEW(arena, xai_model, 1) : NULL;
    if (!m) {
        xai_arena_free(arena);
        XAI_NO_MEMORY(err);
    }
    m->arena = arena;
    atomic_init(&m->references, 1);
    pthread_mutex_init(&m->lock, NULL);
    xai_status status = set_up(m, path, config, err);
    if (status != XAI_OK) xai_model_unref(m);
    else *out = m;
    return status;
}

xai_model *xai_model_ref(xai_model *model)
{
    atomic_fetch_add(&model->references, 1);
    return model;
}

void xai_model_unref(xai_model *model)
{
    if (!model || atomic_fetch_sub(&model->references, 1) != 1) return;
    if (model->program) xai_idle_drop(model->program);
    if (model->bf16) xai_idle_drop(model->bf16);
    pthread_mutex_destroy(&model->lock);
    xai_program_free(model->program);
    xai_program_free(model->bf16);
    xai_model *of = model->of;
    if (!of) xai_program_free(model->outline);
    if (!of) xai_graph_free(model->graph); /* else it lies in the model's arena */
    xai_arena_free(model->arena);
    xai_model_unref(of);
}

const xai_model_info *xai_model_describe(const xai_model *model) { return &model->info; }

/* Adds to the `n` names those that are not among them yet. */
static xai_status add_names(const char **names, size_t *n, const char *const *more, size_t count, xai_error *err)
{
    for (size_t i = 0; i < count; i++) {
        bool there = false;
        for (size_t k = 0; k < *n; k++) there = there || strcmp(names[k], more[i]) == 0;
        if (there) continue;
        XAI_CHECK(*n < MAX_TENSORS, err, TOO_LARGE, "", "at most %d tensors can be named at once", MAX_TENSORS - 1);
        names[(*n)++] = more[i];
    }
    return XAI_OK;
}

/* The model's own program of a precision; that in bf16 is built when it is first asked for. */
static xai_status own_program(xai_model *m, xai_precision precision, xai_program **out, xai_error *err)
{
    *out = m->program;
    if (precision == XAI_PRECISION_F32) return XAI_OK;
    XAI_TRY(xai_precision_check(precision, err));
    pthread_mutex_lock(&m->lock);
    xai_status status = m->bf16 ? XAI_OK : xai_model_build_own(m, xai_bf16_get(), &m->bf16, err);
    *out = m->bf16;
    pthread_mutex_unlock(&m->lock);
    return status;
}

/* A program with all of it, as far as `spec` leaves open. */
static xai_status build_wanted(xai_model *m, const xai_wants *wants, xai_program_spec spec, xai_program **out,
                               xai_error *err)
{
    const char *keep[MAX_TENSORS];
    XAI_TRY(add_names(keep, &spec.keep_count, &m->logits, 1, err));
    XAI_TRY(add_names(keep, &spec.keep_count, wants->kept, wants->kept_count, err));
    XAI_TRY(add_names(keep, &spec.keep_count, wants->layers, wants->layer_count, err));
    spec.keep = keep;
    spec.shapes = m->shapes;
    spec.outputs = m->keep;
    spec.output_count = 1;
    return xai_program_build(m->graph, &spec, out, err);
}

xai_status xai_model_program(xai_model *m, const xai_wants *wants, xai_program **out, bool *owned, xai_error *err)
{
    bool there = wants->kept_count == 0;
    for (size_t i = 0; i < wants->layer_count; i++) there = there && xai_program_find(m->program, wants->layers[i]);
    *owned = false;
    if (there) return own_program(m, wants->precision, out, err);
    XAI_TRY(xai_precision_check(wants->precision, err));
    xai_program_spec spec = {.bf16 = wants->precision == XAI_PRECISION_BF16 ? xai_bf16_get() : NULL};
    XAI_TRY(build_wanted(m, wants, spec, out, err));
    *owned = true;
    return XAI_OK;
}

xai_status xai_model_plain_program(xai_model *m, const xai_wants *wants, bool open_weights, xai_program **out,
                                   xai_error *err)
{
    return build_wanted(m, wants, (xai_program_spec){.plain = true, .open_weights = open_weights}, out, err);
}

static xai_session_spec lane_spec(const xai_model *m, xai_plan_mode mode, int threads)
{
    return (xai_session_spec){.mode = mode, .keep = &m->logits, .keep_count = 1, .threads = threads};
}

xai_status xai_model_borrow_lanes(xai_model *m, xai_program *program, xai_plan_mode mode, xai_pool *pool,
                                  xai_lease *lease, xai_lanes **out, xai_error *err)
{
    *out = program == m->program || program == m->bf16 ? xai_idle_take(program, mode, pool, lease) : NULL;
    if (*out) return XAI_OK;
    xai_session_spec spec = lane_spec(m, mode, 1);
    return xai_lanes_new(program, &spec, pool, lease, out, err);
}

void xai_model_return_lanes(xai_model *m, xai_lanes *lanes)
{
    const xai_program *program = lanes ? xai_lanes_program(lanes) : NULL;
    if (program && (program == m->program || program == m->bf16)) xai_idle_put(lanes);
    else xai_lanes_free(lanes);
}

xai_status xai_model_lane_bytes(const xai_model *m, xai_program *program, xai_plan_mode mode, int threads,
                                size_t *bytes, xai_error *err)
{
    xai_session_spec spec = lane_spec(m, mode, threads);
    return xai_session_plan_bytes(program, &spec, bytes, err);
}

xai_status xai_model_session_bytes(xai_model *m, size_t *forward, size_t *gradient, xai_error *err)
{
    XAI_TRY(xai_model_lane_bytes(m, m->program, XAI_PLAN_FORWARD, 1, forward, err));
    return xai_model_lane_bytes(m, m->program, XAI_PLAN_GRADIENT, 1, gradient, err);
}
