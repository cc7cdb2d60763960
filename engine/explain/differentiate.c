/*
 * Evaluate with gradients: variants through lanes, a block at a time; the samples of a block are handed out in the
 * order of their indices before the next block begins. So sums have one order, whatever the threads, and memory is
 * that of a block.
 *
 * One thread calls this. Samples are computed on the pool's threads, each into its own place in the block.
 */
#include "evaluate.h"

#include "shared.h"

#include <stdlib.h>
#include <string.h>

enum { TURNS_PER_THREAD = 8 }; /* samples of a block for each thread, if they fit */
enum { MOST_SHARED = 8 };      /* wanted values of calls that are run for several targets at once */

#define MOST_BLOCK_BYTES ((size_t)64 << 20)

typedef struct job {
    xai_context *context;
    const xai_aim *aim;
    const xai_variants *variants;
    const xai_gradients *g;
    xai_value *of;
    size_t first;      /* variant of the block */
    size_t block;      /* samples in one */
    size_t *offset;    /* of each wanted value in a sample's floats; then of seed and passage; then the sum */
    float *floats;     /* block x offset[by_count + 1] */
    xai_wanted *wanted; /* block x by_count */
    const float **lists; /* block x 2 by_count: gradients, data */
    xai_sample *samples; /* block */
    xai_sample_record **others; /* for targets that are to come; NULL where there is no room */
    size_t other_count;
} job;

/* The same sample for a target that is to come: another backward pass after the same forward. */
static xai_status run_other(const job *j, xai_sample_record *r, size_t index, xai_session *session, const xai_par *par,
                            xai_error *err)
{
    size_t n = j->g->by_count, at = j->first + index;
    const xai_value *from = r->aim.value;
    const float *scores = xai_session_value_data(session, from), *own = j->floats + index * j->offset[n + 1];
    float *floats = r->floats + at * r->elements, *seed = (float *)(uintptr_t)own + j->offset[n];
    xai_wanted wanted[MOST_SHARED];
    memcpy(floats, own, r->elements * sizeof *floats); /* the data, and gradients that are written over */
    for (size_t i = 0; i < n; i++) wanted[i] = (xai_wanted){j->g->by[i], floats + j->offset[i]};
    for (size_t i = 0; i < (size_t)xai_value_count(from); i++) seed[i] = 0;
    r->values[at] = xai_aim_value(&r->aim, scores);
    xai_aim_add_seed(&r->aim, scores, seed);
    return xai_session_backward(session, &(xai_seed){from, seed}, 1, wanted, n, j->g->policy, par, err);
}

/* Back to the passage, of which only its elements count, and on from there. */
static xai_status run_through(const job *j, const float *seed, const xai_wanted *wanted, xai_session *session,
                              const xai_par *par, xai_error *err)
{
    const xai_passage *p = j->g->through;
    const xai_value *from = j->aim->value;
    size_t count = (size_t)xai_value_count(p->of);
    float *slope = (float *)(uintptr_t)seed + xai_value_count(from);
    XAI_TRY(xai_session_backward(session, &(xai_seed){from, seed}, 1, &(xai_wanted){p->of, slope}, 1, j->g->policy, par,
                                 err));
    for (size_t i = 0; i < count; i++)
        if (i < p->first || i >= p->first + p->count) slope[i] = 0;
    XAI_TRY(xai_token_check(j->context->token, err)); /* a pass more than other samples: a batch is no longer for it */
    return xai_session_backward(session, &(xai_seed){p->of, slope}, 1, wanted, j->g->by_count, j->g->policy, par, err);
}

static xai_status run_sample(void *user, size_t index, xai_session *session, const xai_par *par, xai_error *err)
{
    job *j = user;
    size_t n = j->g->by_count;
    const xai_variants *v = j->variants;
    const xai_value *from = j->aim->value;
    xai_sample *s = &j->samples[index];
    float *seed = j->floats + index * j->offset[n + 1] + j->offset[n];
    s->index = j->first + index;
    v->make(v->user, s->index, xai_session_value_data(session, j->of));
    xai_session_forward(session, par);
    const float *scores = xai_session_value_data(session, from);
    s->value = xai_aim_value(j->aim, scores);
    for (size_t i = 0; i < (size_t)xai_value_count(from); i++) seed[i] = 0;
    xai_aim_add_seed(j->aim, scores, seed);
    for (size_t i = 0; j->g->data && i < n; i++) {
        const float *data = xai_session_value_data(session, j->g->by[i]);
        float *copy = (float *)(uintptr_t)s->data[i];
        for (size_t k = 0; k < (size_t)xai_value_count(j->g->by[i]); k++) copy[k] = data[k];
    }
    if (j->g->forward_only) return XAI_OK;
    const xai_wanted *wanted = j->wanted + index * n;
    if (j->g->through) return run_through(j, seed, wanted, session, par, err);
    XAI_TRY(xai_session_backward(session, &(xai_seed){from, seed}, 1, wanted, n, j->g->policy, par, err));
    for (size_t i = 0; i < j->other_count; i++)
        if (j->others[i]) XAI_TRY(run_other(j, j->others[i], index, session, par, err));
    return XAI_OK;
}

/* ---------------------------------------------------------------- the block */

/* Where what lies in a sample's floats; false: more than can be counted. */
static bool lay_out(job *j)
{
    size_t n = j->g->by_count, at = 0;
    bool fits = true;
    for (size_t i = 0; i <= n + 1; i++) {
        size_t count = i > n ? 0 : (size_t)xai_value_count(i < n ? j->g->by[i] : j->aim->value);
        if (i < n && j->g->data) count *= 2;
        if (i == n && j->g->through) count += (size_t)xai_value_count(j->g->through->of);
        j->offset[i] = at;
        fits = fits && !__builtin_add_overflow(at, count, &at);
    }
    return fits && at <= SIZE_MAX / sizeof(float);
}

/* As many as a turn of the lanes takes, or as fit; one always. */
static size_t choose_block(const job *j)
{
    size_t fit = MOST_BLOCK_BYTES / sizeof(float) / (j->offset[j->g->by_count + 1] + 1);
    size_t n = (size_t)xai_pool_threads(j->context->pool) * TURNS_PER_THREAD;
    if (fit < n) n = fit;
    if (j->variants->count < n) n = j->variants->count;
    return n ? n : 1;
}

static void point(job *j)
{
    size_t n = j->g->by_count;
    for (size_t i = 0; i < j->block; i++) {
        const float **gradients = j->lists + i * 2 * n, **data = gradients + n;
        for (size_t k = 0; k < n; k++) {
            float *at = j->floats + i * j->offset[n + 1] + j->offset[k];
            j->wanted[i * n + k] = (xai_wanted){j->g->by[k], at};
            gradients[k] = at;
            data[k] = at + xai_value_count(j->g->by[k]);
        }
        j->samples[i] = (xai_sample){.gradients = j->g->forward_only ? NULL : gradients,
                                     .data = j->g->data ? data : NULL};
    }
}

static xai_status open_block(job *j, xai_error *err)
{
    size_t n = j->g->by_count;
    if (!(j->offset = calloc(n + 2, sizeof *j->offset))) XAI_NO_MEMORY(err);
    XAI_CHECK(lay_out(j), err, TOO_LARGE, "", "the gradients of one sample are more than memory can hold");
    j->block = choose_block(j);
    j->floats = malloc((j->block * j->offset[n + 1] + 1) * sizeof *j->floats);
    j->wanted = calloc(j->block * n + 1, sizeof *j->wanted);
    j->lists = calloc(2 * j->block * n + 1, sizeof *j->lists);
    j->samples = calloc(j->block, sizeof *j->samples);
    if (!j->floats || !j->wanted || !j->lists || !j->samples) XAI_NO_MEMORY(err);
    point(j);
    return XAI_OK;
}

static void close_block(job *j)
{
    free(j->offset);
    free(j->floats);
    free(j->wanted);
    free(j->lists);
    free(j->samples);
    free(j->others);
}

/* ---------------------------------------------------------------- other targets */

/* Whether a backward pass for a target to come can follow the same forward. */
static bool can_share(const job *j, const xai_aim *other)
{
    return !j->g->forward_only && !j->g->through && j->g->by_count <= MOST_SHARED && other->value == j->aim->value;
}

static xai_status open_others(job *j, xai_error *err)
{
    xai_shared *s = j->context->shared;
    if (!s->other_count) return XAI_OK;
    if (!(j->others = calloc(s->other_count, sizeof *j->others))) XAI_NO_MEMORY(err);
    j->other_count = s->other_count;
    for (size_t i = 0; i < s->other_count; i++)
        if (can_share(j, &s->others[i]))
            XAI_TRY(xai_shared_add_samples(s, &s->others[i], j->variants->count, j->offset[j->g->by_count],
                                           &j->others[i], err));
    return XAI_OK;
}

/* Passes for targets to come are run now, and count for these. */
static void count_others(job *j, size_t ran, double share)
{
    for (size_t i = 0; i < j->other_count; i++) {
        if (!j->others[i]) continue;
        j->others[i]->count += ran;
        j->context->backwards += share * (double)ran;
        j->context->reused_backwards -= share * (double)ran;
    }
}

/* ---------------------------------------------------------------- the loop */

static xai_status choose_lanes(job *j, xai_lanes **lanes, double *share, xai_error *err)
{
    *share = 1;
    if (j->of == j->context->in) return xai_context_gradient_lanes(j->context, lanes, err);
    xai_context_part *part;
    XAI_TRY(xai_context_part_of(j->context, j->of, XAI_PLAN_GRADIENT, &part, err));
    part->ready = false; /* its first session will hold a variant */
    *lanes = part->lanes;
    *share = part->share;
    return XAI_OK;
}

static void hand_out(const job *j, size_t count)
{
    xai_context *c = j->context;
    xai_par par = {c->pool};
    xai_pool_enter(c->pool, c->urgent);
    j->g->take(j->g->user, j->samples, count, &par);
    xai_pool_leave(c->pool);
}

/* The samples have been computed beside those of an earlier target. */
static xai_status replay_blocks(job *j, const xai_sample_record *r, double share, size_t *done, xai_error *err)
{
    xai_context *c = j->context;
    size_t stride = j->offset[j->g->by_count + 1], n;
    for (j->first = 0; j->first < r->count; j->first += n) {
        size_t left = r->count - j->first;
        n = left < j->block ? left : j->block;
        for (size_t i = 0; i < n; i++) {
            const float *from = r->floats + (j->first + i) * r->elements;
            memcpy(j->floats + i * stride, from, r->elements * sizeof *from);
            j->samples[i].index = j->first + i;
            j->samples[i].value = r->values[j->first + i];
        }
        XAI_TRY(xai_token_check(c->token, err));
        hand_out(j, n);
        *done += n;
        xai_token_advance(c->token, 3 * share * (double)n);
    }
    c->reused_forwards += share * (double)r->count;
    c->reused_backwards += share * (double)r->count;
    return XAI_OK;
}

static xai_status run_blocks(job *j, size_t *done, xai_error *err)
{
    xai_context *c = j->context;
    xai_lanes *lanes;
    double share;
    XAI_TRY(choose_lanes(j, &lanes, &share, err));
    const xai_sample_record *r =
        xai_shared_samples(c->shared, j->aim, j->variants->count, j->offset[j->g->by_count]);
    if (r && !j->g->forward_only) return replay_blocks(j, r, share, done, err);
    XAI_TRY(open_others(j, err));
    double cost = share * (j->g->forward_only ? 1 : 3);
    for (j->first = 0; j->first < j->variants->count; j->first = *done) {
        size_t left = j->variants->count - j->first, n = left < j->block ? left : j->block, ran;
        xai_status status = xai_lanes_run(lanes, n, run_sample, j, cost, c->token, &ran, err);
        c->forwards += share * (double)ran;
        if (!j->g->forward_only) c->backwards += share * (double)ran;
        count_others(j, ran, share);
        if (ran) hand_out(j, ran);
        *done += ran;
        XAI_TRY(status);
    }
    return XAI_OK;
}

xai_status xai_differentiate(xai_context *c, const xai_aim *aim, const xai_variants *variants, xai_gradients *g,
                             xai_error *err)
{
    job j = {.context = c, .aim = aim, .variants = variants, .g = g, .of = variants->of ? variants->of : c->in};
    g->done = 0;
    xai_status status = open_block(&j, err);
    if (status == XAI_OK) status = run_blocks(&j, &g->done, err);
    close_block(&j);
    c->shared->calls++;
    g->partial = status == XAI_E_DEADLINE && g->enough > 0 && g->done >= g->enough;
    return g->partial ? XAI_OK : status;
}
