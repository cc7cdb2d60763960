/*
 * Context: set-up of one image on one model, and the forward passes that everything shares.
 *
 * Belongs to one thread; the lanes inside spread work over the pool.
 */
#include "context.h"

#include "image/preprocess.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void set_geometry(xai_context *c)
{
    const int64_t *s = c->model->info.input_shape;
    bool nchw = c->model->info.layout == XAI_LAYOUT_NCHW;
    c->channels = (int)s[nchw ? 1 : 3];
    c->height = (int)s[nchw ? 2 : 1];
    c->width = (int)s[nchw ? 3 : 2];
    size_t channels = (size_t)c->channels, height = (size_t)c->height, width = (size_t)c->width;
    c->input_count = channels * height * width;
    c->channel_stride = nchw ? height * width : 1;
    c->row_stride = nchw ? width : width * channels;
    c->x_stride = nchw ? 1 : channels;
}

static xai_status take_image(xai_context *c, const xai_image *image, xai_error *err)
{
    const xai_model_info *m = &c->model->info;
    c->view = XAI_NEW(c->arena, uint8_t, (size_t)c->height * (size_t)c->width * 3);
    if (!c->view) XAI_NO_MEMORY(err);
    xai_preprocess job = {.steps = m->steps, .step_count = m->step_count, .channels = m->channels,
                          .layout = m->layout, .height = c->height, .width = c->width, .input = c->input,
                          .view_rgb = c->view};
    XAI_TRY(xai_preprocess_run(image, &job, err));
    memcpy(c->crop, job.crop, sizeof c->crop);
    return XAI_OK;
}

static xai_status take_tensor(xai_context *c, const xai_array *t, xai_error *err)
{
    const int64_t *s = c->model->info.input_shape;
    bool fits = t->dtype == XAI_F32 && t->rank == 4 && memcmp(t->shape, s, 4 * sizeof *s) == 0;
    XAI_CHECK(fits, err, BAD_TENSOR, "tensor",
              "the tensor must be float32 of shape %" PRId64 "x%" PRId64 "x%" PRId64 "x%" PRId64, s[0], s[1], s[2],
              s[3]);
    const float *values = t->data;
    for (size_t i = 0; i < c->input_count; i++)
        XAI_CHECK(isfinite(values[i]), err, BAD_TENSOR, "tensor", "element %zu of the tensor is not finite", i);
    memcpy(c->input, values, c->input_count * sizeof(float));
    return XAI_OK;
}

static xai_status list_kept(xai_context *c, const xai_wants *wants, xai_error *err)
{
    if (!(c->keep = XAI_NEW(c->arena, const char *, wants->kept_count + 1))) XAI_NO_MEMORY(err);
    c->keep[c->keep_count++] = c->model->logits;
    for (size_t i = 0; i < wants->kept_count; i++) c->keep[c->keep_count++] = wants->kept[i];
    return XAI_OK;
}

xai_status xai_context_init(xai_context *c, const xai_context_spec *spec, xai_error *err)
{
    *c = (xai_context){.model = spec->model, .pool = spec->pool, .token = spec->token, .arena = spec->arena,
                       .urgent = spec->urgent};
    set_geometry(c);
    if (!(c->input = XAI_NEW(c->arena, float, c->input_count))) XAI_NO_MEMORY(err);
    XAI_TRY(spec->image ? take_image(c, spec->image, err) : take_tensor(c, spec->tensor, err));
    XAI_TRY(list_kept(c, &spec->wants, err));
    XAI_TRY(xai_model_program(c->model, &spec->wants, &c->program, &c->program_owned, err));
    c->in = c->program->inputs[c->model->input_index];
    c->logits = xai_program_find(c->program, c->model->logits);
    return XAI_OK;
}

void xai_context_deinit(xai_context *c)
{
    xai_model_return_lanes(c->model, c->forward_lanes);
    xai_model_return_lanes(c->model, c->gradient_lanes);
    if (c->program_owned) xai_program_free(c->program);
}

static xai_status make_lanes(xai_context *c, xai_plan_mode mode, xai_lanes **out, xai_error *err)
{
    if (*out) return XAI_OK;
    xai_session_spec spec = {.mode = mode, .keep = c->keep, .keep_count = c->keep_count};
    XAI_TRY(c->program_owned ? xai_lanes_new(c->program, &spec, c->pool, out, err)
                             : xai_model_borrow_lanes(c->model, c->program, mode, c->pool, out, err));
    xai_lanes_set_urgent(*out, c->urgent);
    return XAI_OK;
}

xai_status xai_context_lanes(xai_context *c, xai_lanes **out, xai_error *err)
{
    XAI_TRY(make_lanes(c, XAI_PLAN_FORWARD, &c->forward_lanes, err));
    *out = c->forward_lanes;
    return XAI_OK;
}

/* ---------------------------------------------------------------- the base forward */

static xai_status run_base(void *user, size_t index, xai_session *session, const xai_par *par, xai_error *err)
{
    (void)index;
    (void)err;
    const xai_context *c = user;
    memcpy(xai_session_value_data(session, c->in), c->input, c->input_count * sizeof(float));
    xai_session_forward(session, par);
    return XAI_OK;
}

static xai_status store_base(xai_context *c, xai_session *session, xai_error *err)
{
    if (c->base_logits) return XAI_OK;
    size_t n = (size_t)xai_value_count(c->logits);
    float *logits = XAI_NEW(c->arena, float, n);
    if (!logits) XAI_NO_MEMORY(err);
    memcpy(logits, xai_session_value_data(session, c->logits), n * sizeof(float));
    for (size_t i = 0; i < n; i++)
        XAI_CHECK(isfinite(logits[i]), err, BAD_MODEL, "", "the model's output for class %zu is not a finite number: "
                  "its weights or its preprocessing are broken", i / c->model->cells.class_stride %
                  (size_t)c->model->cells.classes);
    c->base_logits = logits;
    return XAI_OK;
}

const float *xai_context_base_data(const xai_context *c, const xai_value *value)
{
    if (value == c->logits) return c->base_logits;
    return xai_session_value_data(xai_lanes_first(c->gradient_ready ? c->gradient_lanes : c->forward_lanes), value);
}

xai_status xai_context_base(xai_context *c, xai_error *err)
{
    if (c->base_logits) return XAI_OK;
    xai_lanes *lanes;
    XAI_TRY(xai_context_lanes(c, &lanes, err));
    XAI_TRY(xai_lanes_run(lanes, 1, run_base, c, 1, c->token, NULL, err));
    c->forwards++;
    return store_base(c, xai_lanes_first(lanes), err);
}

xai_status xai_context_gradient_base(xai_context *c, xai_session **session, xai_error *err)
{
    XAI_TRY(make_lanes(c, XAI_PLAN_GRADIENT, &c->gradient_lanes, err));
    *session = xai_lanes_first(c->gradient_lanes);
    if (c->gradient_ready) return XAI_OK;
    XAI_TRY(xai_lanes_run(c->gradient_lanes, 1, run_base, c, 1, c->token, NULL, err));
    c->forwards++;
    c->gradient_ready = true;
    return store_base(c, *session, err);
}
