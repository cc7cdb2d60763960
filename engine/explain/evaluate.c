/*
 * Evaluate: variants through lanes, scores by index. Which lane takes which variant leaves no trace in the scores.
 *
 * There are three ways to run them, chosen by what is asked and by counting, never by the clock: the whole program on
 * its own lanes; the part after a tensor; and changed regions. One thread calls this.
 */
#include "evaluate.h"

#include "graph/region.h"
#include "shared.h"

#include <string.h>

typedef struct job {
    const xai_context *context;
    const xai_aim *aim;
    const xai_variants *variants;
    xai_scores *scores;
    xai_value *of;
    bool regions;
    size_t slots; /* variants that a session takes at once */
    float *record; /* what the aim's tensor holds at each variant, for the targets that follow; NULL: none do */
} job;

static void run_forward(const job *j, size_t index, xai_session *session, const xai_par *par)
{
    const xai_variants *v = j->variants;
    float *values = xai_session_value_data(session, j->of);
    if (!j->regions) {
        v->make(v->user, index, values);
        xai_session_forward(session, par);
        return;
    }
    xai_box box;
    v->changed(v->user, index, &box);
    xai_session_restore(session);
    v->make(v->user, index, values);
    xai_session_forward_changed(session, j->of, &box, par);
}

static void score(const job *j, size_t index, const float *data)
{
    size_t elements = (size_t)xai_value_count(j->aim->value);
    if (j->record)
        memcpy(j->record + index * elements, data, elements * sizeof *data);
    j->scores->values[index] = (float)xai_aim_value(j->aim, data);
    if (j->scores->versus) j->scores->versus_values[index] = (float)xai_aim_value(j->scores->versus, data);
    if (j->scores->top1) j->scores->top1[index] = (int32_t)xai_aim_top_class(j->aim, data);
}

static xai_status run_variant(void *user, size_t index, xai_session *session, const xai_par *par, xai_error *err)
{
    (void)err;
    const job *j = user;
    run_forward(j, index, session, par);
    score(j, index, xai_session_value_data(session, j->aim->value));
    return XAI_OK;
}

/* Several variants side by side. */
static xai_status run_group(void *user, size_t group, xai_session *session, const xai_par *par, xai_error *err)
{
    (void)err;
    const job *j = user;
    const xai_variants *v = j->variants;
    size_t first = group * j->slots, n = v->count - first < j->slots ? v->count - first : j->slots;
    for (size_t i = 0; i < n; i++) {
        v->make(v->user, first + i, xai_session_slot_data(session, j->of, (int)i));
        xai_session_forward_slot(session, (int)i, par);
    }
    xai_session_forward_slots(session, (int)n, par);
    for (size_t i = 0; i < n; i++) score(j, first + i, xai_session_slot_data(session, j->aim->value, (int)i));
    return XAI_OK;
}

/* The mean share of the work after the tensor that the boxes leave; 1 where they are not known. */
static xai_status mean_share(const xai_context *c, const xai_variants *v, xai_value *of, double *share, xai_error *err)
{
    double sum = 0;
    xai_part part;
    *share = 1;
    if (!v->changed || v->count == 0) return XAI_OK;
    XAI_TRY(xai_part_after(c->program, of, c->wanted, c->keep_count, c->arena, &part, err));
    for (size_t i = 0; i < v->count; i++) {
        xai_box box;
        double one;
        v->changed(v->user, i, &box);
        XAI_TRY(xai_region_share(c->program, &part, of, &box, &one, err));
        sum += one;
    }
    *share = sum / (double)v->count;
    return XAI_OK;
}

/* Changed regions need every activation once a lane, and a base: not where the budget is too small for that. */
static xai_status check_room(const xai_context *c, bool *regions, xai_error *err)
{
    bool kept = c->ready[XAI_PLAN_GRADIENT] || c->ready[XAI_PLAN_KEEP];
    size_t sessions[XAI_PLAN_MODES] = {[XAI_PLAN_KEEP] = (size_t)xai_pool_threads(c->pool) + !kept};
    return *regions ? xai_context_could_hold(c, sessions, regions, err) : XAI_OK;
}

/* Which lanes the variants run on, and how much of a forward one is. */
static xai_status choose(xai_context *c, job *j, xai_lanes **lanes, double *share, xai_error *err)
{
    double left;
    *share = 1;
    XAI_TRY(mean_share(c, j->variants, j->of, &left, err));
    j->regions = left <= XAI_REGION_PAYS;
    XAI_TRY(check_room(c, &j->regions, err));
    if (j->of == c->in && !j->regions) return xai_context_lanes(c, lanes, err);
    xai_context_part *part;
    XAI_TRY(xai_context_part_of(c, j->of, j->regions ? XAI_PLAN_KEEP : XAI_PLAN_FORWARD, &part, err));
    *lanes = part->lanes;
    j->slots = (size_t)part->slots;
    *share = part->share * left;
    return XAI_OK;
}

/* The variants have been run for another target: their scores follow from what was recorded. */
static bool replay(xai_context *c, job *j, double share, double cost)
{
    size_t count = j->variants->count, elements = (size_t)xai_value_count(j->aim->value);
    const float *data = xai_shared_variants(c->shared, j->aim->value, count);
    if (!data) return false;
    for (size_t i = 0; i < count; i++) score(j, i, data + i * elements);
    j->scores->done = count;
    c->reused_forwards += share * (double)count;
    xai_token_advance(c->token, cost * (double)count);
    xai_shared_advance(c->shared, count);
    return true;
}

static xai_status run_all(xai_context *c, job *j, xai_error *err)
{
    xai_lanes *lanes;
    double share;
    XAI_TRY(choose(c, j, &lanes, &share, err));
    double cost = j->of == c->in ? 1 : share; /* as the methods announce it */
    if (replay(c, j, share, cost)) return XAI_OK;
    XAI_TRY(xai_shared_record(c->shared, j->aim->value, j->variants->count, &j->record, err));
    size_t count = j->variants->count, groups = (count + j->slots - 1) / j->slots, done;
    xai_status status = xai_lanes_run(lanes, groups, j->slots > 1 ? run_group : run_variant, j,
                                      cost * (double)j->slots, c->token, &done, err);
    j->scores->done = done * j->slots < count ? done * j->slots : count;
    xai_shared_advance(c->shared, j->scores->done);
    c->forwards += share * (double)j->scores->done;
    return status;
}

xai_status xai_evaluate(xai_context *c, const xai_aim *aim, const xai_variants *variants, xai_scores *scores,
                        xai_error *err)
{
    job j = {.context = c, .aim = aim, .variants = variants, .scores = scores, .slots = 1};
    j.of = variants->of ? variants->of : c->in;
    scores->done = 0;
    return run_all(c, &j, err);
}

xai_status xai_evaluate_until(xai_context *c, const xai_aim *aim, const xai_variants *variants, size_t enough,
                              xai_scores *scores, bool *partial, xai_error *err)
{
    xai_status status = xai_evaluate(c, aim, variants, scores, err);
    *partial = status == XAI_E_DEADLINE && scores->done >= enough;
    return *partial ? XAI_OK : status;
}
