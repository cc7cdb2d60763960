/*
 * Plain sessions: those in which operators stand as the file has them, for passes that follow each by its own rule
 * (second derivatives, relevance, multipliers). A program and a session are made when they are first asked for, once a job.
 *
 * Belongs to the context's thread.
 */
#include "method.h"

#include <string.h>

typedef struct form {
    bool open_weights;
    xai_session_spec spec;
} form;

static const form FORMS[XAI_PLAIN_KINDS] = {
    [XAI_PLAIN_TANGENTS] = {false, {.mode = XAI_PLAN_GRADIENT, .tangents = true}},
    [XAI_PLAIN_RELEVANCE] = {true, {.mode = XAI_PLAN_GRADIENT, .relevance = true}},
    [XAI_PLAIN_MULTIPLIERS] = {false, {.mode = XAI_PLAN_GRADIENT, .multipliers = true}},
    [XAI_PLAIN_REFERENCE] = {false, {.mode = XAI_PLAN_KEEP}},
};

static xai_status find_program(xai_context *c, xai_plain_kind kind, xai_program **out, xai_error *err)
{
    bool open = FORMS[kind].open_weights;
    xai_program **program = &c->plain_programs[open];
    if (!*program) XAI_TRY(xai_model_plain_program(c->model, &c->wants, open, program, err));
    *out = *program;
    return XAI_OK;
}

static xai_session_spec spec_of(const xai_context *c, xai_plain_kind kind)
{
    xai_session_spec spec = FORMS[kind].spec;
    spec.keep = c->keep;
    spec.keep_count = c->keep_count;
    spec.threads = xai_pool_threads(c->pool);
    return spec;
}

xai_status xai_context_plain_bytes(xai_context *c, unsigned kinds, size_t *sum, xai_error *err)
{
    for (int kind = 0; kind < XAI_PLAIN_KINDS; kind++) {
        size_t bytes;
        xai_program *program;
        if (!(kinds & 1U << kind)) continue;
        xai_session_spec spec = spec_of(c, (xai_plain_kind)kind);
        XAI_TRY(find_program(c, (xai_plain_kind)kind, &program, err));
        XAI_TRY(xai_session_plan_bytes(program, &spec, &bytes, err));
        if (__builtin_add_overflow(*sum, bytes, sum)) *sum = SIZE_MAX;
    }
    return XAI_OK;
}

typedef struct run {
    const xai_context *context;
    const xai_plain *plain;
    const float *input;
} run;

static xai_status run_input(void *user, size_t index, xai_session *session, const xai_par *par, xai_error *err)
{
    (void)index;
    (void)err;
    const run *r = user;
    memcpy(xai_session_value_data(session, r->plain->in), r->input, r->context->input_count * sizeof(float));
    xai_session_forward(session, par);
    return XAI_OK;
}

xai_status xai_context_plain_run(xai_context *c, xai_plain_kind kind, const float *input, const xai_plain **out,
                                 xai_error *err)
{
    xai_plain *p = &c->plain[kind];
    XAI_TRY(find_program(c, kind, &p->program, err));
    p->in = p->program->inputs[c->model->input_index];
    xai_session_spec spec = spec_of(c, kind);
    if (!p->lanes) XAI_TRY(xai_lanes_new(p->program, &spec, c->pool, &c->lease, &p->lanes, err));
    xai_lanes_set_urgent(p->lanes, c->urgent);
    XAI_TRY(xai_lanes_run(p->lanes, 1, run_input, &(run){c, p, input}, 1, c->token, NULL, err));
    p->session = xai_lanes_first(p->lanes);
    c->forwards++;
    *out = p;
    return XAI_OK;
}

xai_status xai_context_plain_base(xai_context *c, xai_plain_kind kind, const xai_plain **out, xai_error *err)
{
    *out = &c->plain[kind];
    if (!c->plain[kind].session) return xai_context_plain_run(c, kind, c->input, out, err);
    c->reused_forwards++;
    xai_token_advance(c->token, 1);
    return XAI_OK;
}

void xai_context_plain_deinit(xai_context *c)
{
    for (int kind = 0; kind < XAI_PLAIN_KINDS; kind++) xai_lanes_free(c->plain[kind].lanes);
    for (int open = 0; open < 2; open++) xai_program_free(c->plain_programs[open]);
}

xai_status xai_task_plain_seed(const xai_task *task, const xai_plain *plain, xai_seed *out, xai_error *err)
{
    const xai_value *from = xai_program_find(plain->program, task->aim.value->name);
    float *seed = XAI_NEW(task->arena, float, (size_t)xai_value_count(from));
    if (!seed) XAI_NO_MEMORY(err);
    xai_aim_add_seed(&task->aim, xai_session_value_data(plain->session, from), seed);
    *out = (xai_seed){from, seed};
    return XAI_OK;
}
