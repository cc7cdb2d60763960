/* Passes of multipliers, added up in double precision in the order of the baselines. Belongs to the task's thread. */
#include "rescale.h"

#include "explain/cells.h"
#include "graph/multipliers.h"

#include <math.h>
#include <string.h>

#define LARGE_ERROR 0.1
#define LARGE_ERROR_TEXT "a tenth"

double xai_rescale_cost(double baselines) { return 2 + 3 * baselines; }

xai_status xai_rescale_init(xai_rescale *r, xai_task *task, bool complete, xai_error *err)
{
    *r = (xai_rescale){.task = task, .complete = complete};
    size_t n = task->context->input_count, classes = (size_t)task->aim.model->cells.classes;
    r->sums = XAI_NEW(task->arena, double, n);
    r->seed = XAI_NEW(task->arena, float, (size_t)xai_value_count(task->aim.value));
    r->multipliers = XAI_NEW(task->arena, float, n);
    r->rows = XAI_NEW(task->arena, float, 4 * classes);
    if (!r->sums || !r->seed || !r->multipliers || !r->rows) XAI_NO_MEMORY(err);
    return XAI_OK;
}

/* ---------------------------------------------------------------- where it starts */

/* Multipliers of a sigmoid: element by element. */
static void add_sigmoid(const float *x, const float *x0, const float *g, size_t n, float *to)
{
    for (size_t i = 0; i < n; i++) {
        double p = 1 / (1 + exp(-(double)x[i])), p0 = 1 / (1 + exp(-(double)x0[i])), dx = (double)x[i] - (double)x0[i];
        to[i] += (float)((double)g[i] * (fabs(dx) < 1e-10 ? p * (1 - p) : (p - p0) / dx));
    }
}

/* Of the probabilities of one cell. */
static void add_cell(const xai_rescale *r, const float *x, const float *x0, float weight, float *seed)
{
    const xai_aim *aim = &r->task->aim;
    const xai_target *t = &aim->target;
    const xai_model *m = aim->model;
    size_t n = (size_t)m->cells.classes, stride = m->cells.class_stride;
    float *own = r->rows, *own0 = own + n, *g = own0 + n, *to = g + n;
    for (size_t k = 0; k < n; k++) {
        own[k] = x[k * stride];
        own0[k] = x0[k * stride];
        g[k] = (int64_t)k == t->class_index ? weight : (int64_t)k == t->contrast ? -weight : 0;
        to[k] = 0;
    }
    if (m->link == XAI_LINK_SIGMOID) add_sigmoid(own, own0, g, n, to);
    else xai_softmax_multipliers(own, own0, g, n, r->complete, to);
    for (size_t k = 0; k < n; k++) seed[k * stride] += to[k];
}

/* A score is its own tensor's; a probability follows the scores by the rule of its link. */
static void set_seed(const xai_rescale *r, const float *x, const float *x0)
{
    const xai_aim *aim = &r->task->aim;
    memset(r->seed, 0, (size_t)xai_value_count(aim->value) * sizeof *r->seed);
    if (!aim->shares || aim->target.space != XAI_SPACE_PROBABILITY) {
        xai_aim_add_seed(aim, x, r->seed);
        return;
    }
    for (int64_t i = 0; i < xai_cell_count(aim->model); i++) {
        if (aim->shares[i] == 0) continue;
        size_t at = (size_t)(xai_cell_at(aim->model, x, i).scores - x);
        add_cell(r, x + at, x0 + at, aim->shares[i] * (float)aim->scale, r->seed + at);
    }
}

/* ---------------------------------------------------------------- passes */

static xai_status run_pass(xai_rescale *r, const xai_plain *plain, const xai_multipliers *multipliers, xai_error *err)
{
    xai_context *c = r->task->context;
    XAI_TRY(xai_token_check(c->token, err));
    xai_par par = {c->pool};
    xai_pool_enter(c->pool, c->urgent);
    xai_status status = xai_session_multipliers(plain->session, multipliers, &par, err);
    xai_pool_leave(c->pool);
    XAI_TRY(status);
    c->backwards++;
    xai_token_advance(c->token, 2);
    return XAI_OK;
}

static void add_up(xai_rescale *r, const float *baseline)
{
    const xai_context *c = r->task->context;
    for (size_t i = 0; i < c->input_count; i++)
        r->sums[i] += ((double)c->input[i] - (double)baseline[i]) * (double)r->multipliers[i];
}

xai_status xai_rescale_add(xai_rescale *r, const float *baseline, xai_error *err)
{
    xai_context *c = r->task->context;
    const xai_plain *plain = &c->plain[XAI_PLAIN_MULTIPLIERS], *reference;
    if (r->baselines == 0) XAI_TRY(xai_context_plain_base(c, XAI_PLAIN_MULTIPLIERS, &plain, err));
    XAI_TRY(xai_context_plain_run(c, XAI_PLAIN_REFERENCE, baseline, &reference, err));
    const xai_value *from = xai_program_find(plain->program, r->task->aim.value->name);
    const float *x = xai_session_value_data(plain->session, from);
    const float *x0 = xai_session_value_data(reference->session, from);
    set_seed(r, x, x0);
    xai_multipliers multipliers = {.seeds = &(xai_seed){from, r->seed}, .seed_count = 1,
                                   .wanted = &(xai_wanted){plain->in, r->multipliers}, .wanted_count = 1,
                                   .reference = reference->session, .complete = r->complete};
    XAI_TRY(run_pass(r, plain, &multipliers, err));
    add_up(r, baseline);
    r->change += xai_aim_value(&r->task->aim, x) - xai_aim_value(&r->task->aim, x0);
    r->baselines++;
    return XAI_OK;
}

xai_status xai_rescale_finish(const xai_rescale *r, xai_fold fold, xai_error *err)
{
    const xai_context *c = r->task->context;
    double n = (double)r->baselines, sum = 0;
    float *values = XAI_NEW(r->task->arena, float, c->input_count);
    if (!values) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < c->input_count; i++) {
        sum += r->sums[i] / n;
        values[i] = (float)(r->sums[i] / n);
    }
    double change = r->change / n, error = sum - change;
    XAI_TRY(xai_task_add_folded(r->task, "map", values, c->in, fold, false, err));
    XAI_TRY(xai_task_add_metric(r->task, "completeness_error", error, err));
    if (fabs(error) <= LARGE_ERROR * fabs(change)) return XAI_OK;
    return xai_task_warn(r->task, err, "The map adds up to %.3g, but the target has changed by %.3g: more than "
                         LARGE_ERROR_TEXT " is missing%s.", sum, change,
                         r->complete ? "" : ", which Captum's rule for max-pools can lose (dialect 'complete' does not)");
}
