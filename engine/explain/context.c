/*
 * Context: set-up of one image on one model, and the forward passes that everything shares.
 *
 * Belongs to one thread; the lanes inside spread work over the pool.
 */
#include "context.h"

#include "image/preprocess.h"
#include "shared.h"

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
    const char **layers = XAI_NEW(c->arena, const char *, wants->layer_count);
    if (!layers) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < wants->layer_count; i++) layers[i] = wants->layers[i];
    c->wants = (xai_wants){wants->precision, layers, wants->layer_count, c->keep + 1, wants->kept_count};
    return XAI_OK;
}

static xai_status find_wanted(xai_context *c, xai_error *err)
{
    if (!(c->wanted = XAI_NEW(c->arena, xai_value *, c->keep_count))) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < c->keep_count; i++) {
        c->wanted[i] = xai_program_find(c->program, c->keep[i]);
        XAI_CHECK(c->wanted[i], err, INTERNAL, c->keep[i], "the program does not compute '%s'", c->keep[i]);
    }
    return XAI_OK;
}

xai_status xai_context_init(xai_context *c, const xai_context_spec *spec, xai_error *err)
{
    *c = (xai_context){.model = spec->model, .pool = spec->pool, .token = spec->token, .arena = spec->arena,
                       .urgent = spec->urgent, .layers_only = spec->layers_only,
                       .lease = {.token = spec->token, .urgent = spec->urgent}};
    set_geometry(c);
    if (!(c->shared = XAI_NEW(c->arena, xai_shared, 1))) XAI_NO_MEMORY(err);
    if (!(c->input = XAI_NEW(c->arena, float, c->input_count))) XAI_NO_MEMORY(err);
    XAI_TRY(spec->image ? take_image(c, spec->image, err) : take_tensor(c, spec->tensor, err));
    XAI_TRY(list_kept(c, &spec->wants, err));
    XAI_TRY(xai_model_program(c->model, &spec->wants, &c->program, &c->program_owned, err));
    c->lease.program = c->program;
    c->in = c->program->inputs[c->model->input_index];
    c->logits = xai_program_find(c->program, c->model->logits);
    return find_wanted(c, err);
}

void xai_context_deinit(xai_context *c)
{
    for (xai_context_part *p = c->parts; p; p = p->next) xai_lanes_free(p->lanes);
    for (int mode = 0; mode < XAI_PLAN_MODES; mode++) xai_model_return_lanes(c->model, c->lanes[mode]);
    xai_model_return_lanes(c->model, c->varied);
    xai_context_plain_deinit(c);
    xai_lease_end(&c->lease);
    if (c->program_owned) xai_program_free(c->program);
    if (c->shared) xai_shared_deinit(c->shared);
}

static xai_session_spec spec_of(const xai_context *c, xai_plan_mode mode)
{
    return (xai_session_spec){.mode = mode, .keep = c->keep, .keep_count = c->keep_count};
}

static xai_status make_lanes(xai_context *c, xai_plan_mode mode, xai_lanes **out, xai_error *err)
{
    if (*out) return XAI_OK;
    xai_session_spec spec = spec_of(c, mode);
    XAI_TRY(c->program_owned ? xai_lanes_new(c->program, &spec, c->pool, &c->lease, out, err)
                             : xai_model_borrow_lanes(c->model, c->program, mode, c->pool, &c->lease, out, err));
    xai_lanes_set_urgent(*out, c->urgent);
    return XAI_OK;
}

xai_status xai_context_lanes(xai_context *c, xai_lanes **out, xai_error *err)
{
    XAI_TRY(make_lanes(c, XAI_PLAN_FORWARD, &c->lanes[XAI_PLAN_FORWARD], err));
    *out = c->lanes[XAI_PLAN_FORWARD];
    return XAI_OK;
}

xai_status xai_context_gradient_lanes(xai_context *c, xai_lanes **out, xai_error *err)
{
    XAI_TRY(make_lanes(c, XAI_PLAN_GRADIENT, &c->varied, err));
    *out = c->varied;
    return XAI_OK;
}

/* ---------------------------------------------------------------- memory */

static xai_status add_up(const xai_context *c, const size_t sessions[XAI_PLAN_MODES], size_t *sum, xai_error *err)
{
    *sum = 0;
    for (int mode = 0; mode < XAI_PLAN_MODES; mode++) {
        size_t one, all;
        if (!sessions[mode]) continue;
        xai_session_spec spec = spec_of(c, (xai_plan_mode)mode);
        spec.threads = xai_pool_threads(c->pool);
        XAI_TRY(xai_session_plan_bytes(c->program, &spec, &one, err));
        bool large = __builtin_mul_overflow(one, sessions[mode], &all) || __builtin_add_overflow(*sum, all, sum);
        if (large) *sum = SIZE_MAX;
    }
    return XAI_OK;
}

xai_status xai_context_reserve(xai_context *c, const size_t sessions[XAI_PLAN_MODES], unsigned plain, xai_error *err)
{
    size_t sum;
    XAI_TRY(add_up(c, sessions, &sum, err));
    XAI_TRY(xai_context_plain_bytes(c, plain, &sum, err));
    return xai_lease_reserve(&c->lease, sum, err);
}

xai_status xai_context_could_hold(const xai_context *c, const size_t sessions[XAI_PLAN_MODES], bool *out,
                                  xai_error *err)
{
    size_t sum;
    XAI_TRY(add_up(c, sessions, &sum, err));
    *out = xai_lease_could_take(&c->lease, sum);
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
    xai_plan_mode mode = c->ready[XAI_PLAN_GRADIENT] ? XAI_PLAN_GRADIENT
                         : c->ready[XAI_PLAN_KEEP]   ? XAI_PLAN_KEEP
                                                     : XAI_PLAN_FORWARD;
    return xai_session_value_data(xai_lanes_first(c->lanes[mode]), value);
}

static xai_status run_base_in(xai_context *c, xai_plan_mode mode, xai_error *err)
{
    if (c->ready[mode]) return XAI_OK;
    XAI_TRY(make_lanes(c, mode, &c->lanes[mode], err));
    XAI_TRY(xai_lanes_run(c->lanes[mode], 1, run_base, c, 1, c->token, NULL, err));
    c->forwards++;
    c->ready[mode] = mode != XAI_PLAN_FORWARD;
    return store_base(c, xai_lanes_first(c->lanes[mode]), err);
}

xai_status xai_context_base(xai_context *c, xai_error *err)
{
    return c->base_logits ? XAI_OK : run_base_in(c, XAI_PLAN_FORWARD, err);
}

xai_status xai_context_gradient_base(xai_context *c, xai_session **session, xai_error *err)
{
    XAI_TRY(run_base_in(c, XAI_PLAN_GRADIENT, err));
    *session = xai_lanes_first(c->lanes[XAI_PLAN_GRADIENT]);
    return XAI_OK;
}

xai_status xai_context_kept_base(xai_context *c, xai_session **session, xai_error *err)
{
    if (c->ready[XAI_PLAN_GRADIENT]) return xai_context_gradient_base(c, session, err);
    XAI_TRY(run_base_in(c, XAI_PLAN_KEEP, err));
    *session = xai_lanes_first(c->lanes[XAI_PLAN_KEEP]);
    return XAI_OK;
}

void xai_context_turn(xai_context *c, float *input)
{
    if (!c->turned_from) {
        c->turned_from = c->input;
        c->turned_logits = c->base_logits;
    }
    c->input = input ? input : c->turned_from;
    c->base_logits = input ? NULL : c->turned_logits;
    if (!input) c->turned_from = NULL;
    for (int mode = 0; mode < XAI_PLAN_MODES; mode++) c->ready[mode] = false;
    /* they begin as the base run had it */
    for (xai_context_part *p = c->parts; p; p = p->next) xai_lanes_free(p->lanes);
    c->parts = NULL;
    for (int kind = 0; kind < XAI_PLAIN_KINDS; kind++) c->plain[kind].session = NULL;
    xai_shared_forget_gradients(c->shared);
}

/* ---------------------------------------------------------------- parts */

enum { SLOTS = 16 };
#define MOST_SLOT_BYTES ((size_t)48 << 20)

/* Several at once where a node reads its weights once for all of them, and small buffers do. */
static xai_status choose_slots(const xai_context *c, xai_context_part *p, xai_session_spec *spec, xai_error *err)
{
    size_t bytes = SIZE_MAX;
    p->slots = 1;
    if (p->mode != XAI_PLAN_FORWARD || xai_part_first_shared(&p->part) == p->part.node_count) return XAI_OK;
    spec->slots = SLOTS;
    spec->threads = 1;
    XAI_TRY(xai_session_plan_bytes(c->program, spec, &bytes, err));
    p->slots = spec->slots = bytes <= MOST_SLOT_BYTES ? SLOTS : 1;
    return XAI_OK;
}

static xai_status open_part(xai_context *c, xai_context_part *p, xai_error *err)
{
    xai_session_spec spec = spec_of(c, p->mode);
    spec.part = &p->part;
    XAI_TRY(xai_context_kept_base(c, &spec.base, err));
    XAI_TRY(xai_part_after(c->program, p->of, c->wanted, c->keep_count, c->arena, &p->part, err));
    XAI_TRY(choose_slots(c, p, &spec, err));
    XAI_TRY(xai_lanes_new(c->program, &spec, c->pool, &c->lease, &p->lanes, err));
    xai_lanes_set_urgent(p->lanes, c->urgent);
    double macs = 0;
    for (int i = 0; i < p->part.node_count; i++) macs += p->part.nodes[i]->macs;
    p->share = c->program->macs > 0 ? macs / c->program->macs : 1;
    return XAI_OK;
}

xai_status xai_context_part_of(xai_context *c, xai_value *of, xai_plan_mode mode, xai_context_part **out,
                               xai_error *err)
{
    for (xai_context_part *p = c->parts; p; p = p->next)
        if (p->of == of && p->mode == mode) {
            *out = p;
            return XAI_OK;
        }
    xai_context_part *p = XAI_NEW(c->arena, xai_context_part, 1);
    if (!p) XAI_NO_MEMORY(err);
    *p = (xai_context_part){.of = of, .mode = mode};
    XAI_TRY(open_part(c, p, err));
    p->next = c->parts;
    c->parts = p;
    *out = p;
    return XAI_OK;
}
