/*
 * Lanes: batches of samples over sessions. The pool's thread index names the lane, so a session is never shared.
 * Every session has scratch for all threads, since a lone sample runs in lane 0 with the whole pool behind it.
 */
#include "budget.h"

#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { SAMPLES_PER_TURN = 8 }; /* for each thread: what an urgent job waits for at most */

struct xai_lanes {
    xai_program *program;
    xai_session_spec spec;
    xai_pool *pool;
    bool urgent;
    int width;
    xai_session **sessions;
    xai_lease *lease;
    size_t bytes, session_bytes; /* of those that have been made, and of one */
};

/* The next `count` sessions that are missing, once their bytes are taken. */
static xai_status make_sessions(xai_lanes *l, int count, xai_error *err)
{
    size_t bytes;
    if (__builtin_mul_overflow(l->session_bytes, (size_t)count, &bytes)) bytes = SIZE_MAX;
    XAI_TRY(l->lease ? xai_lease_take(l->lease, bytes, err)
                     : xai_memory_check(bytes, "the model's buffers for all threads", err));
    l->bytes += bytes; /* whatever comes: given back with the lanes */
    for (int i = 0; i < l->width && count > 0; i++) {
        if (l->sessions[i]) continue;
        XAI_TRY(xai_session_new(l->program, &l->spec, &l->sessions[i], err));
        count--;
    }
    return XAI_OK;
}

xai_status xai_lanes_new(xai_program *program, const xai_session_spec *spec, xai_pool *pool, xai_lease *lease,
                         xai_lanes **out, xai_error *err)
{
    xai_lanes *l = calloc(1, sizeof *l);
    int width = xai_pool_threads(pool);
    xai_session **sessions = calloc((size_t)width, sizeof *sessions);
    if (!l || !sessions) {
        free(l);
        free(sessions);
        XAI_NO_MEMORY(err);
    }
    *l = (xai_lanes){.program = program, .spec = *spec, .pool = pool, .width = width, .sessions = sessions,
                     .lease = lease};
    l->spec.threads = width;
    xai_status status = xai_session_plan_bytes(program, &l->spec, &l->session_bytes, err);
    if (status == XAI_OK) status = make_sessions(l, 1, err);
    if (status != XAI_OK) xai_lanes_free(l);
    else *out = l;
    return status;
}

void xai_lanes_free(xai_lanes *lanes)
{
    if (!lanes) return;
    for (int i = 0; i < lanes->width; i++) xai_session_free(lanes->sessions[i]);
    if (lanes->lease) xai_lease_give(lanes->lease, lanes->bytes);
    free(lanes->sessions);
    free(lanes);
}

/* A lone sample runs in the first lane; of several, any thread may take any, so every thread needs its lane. */
static xai_status open_lanes(xai_lanes *l, size_t count, xai_error *err)
{
    int missing = 0;
    for (int i = 0; i < l->width; i++) missing += !l->sessions[i];
    return count > 1 && missing > 0 ? make_sessions(l, missing, err) : XAI_OK;
}

typedef struct turn {
    xai_lanes *lanes;
    size_t first;
    xai_lane_fn fn;
    void *user;
    const xai_par *inner;
    atomic_size_t first_failed; /* the lowest failing index wins, so the error does not depend on threads */
    xai_error *errors;          /* one a lane */
    size_t *failed_at;          /* one a lane */
} turn;

static void run_sample(void *context, size_t index, int thread)
{
    turn *t = context;
    size_t sample = t->first + index;
    if (sample >= atomic_load(&t->first_failed)) return;
    xai_error e = {0};
    xai_status status = t->fn(t->user, sample, t->lanes->sessions[thread], t->inner, &e);
    if (status == XAI_OK) return;
    if (sample < t->failed_at[thread]) {
        t->failed_at[thread] = sample;
        t->errors[thread] = e;
        t->errors[thread].status = status;
    }
    size_t seen = atomic_load(&t->first_failed);
    while (sample < seen && !atomic_compare_exchange_weak(&t->first_failed, &seen, sample)) {}
}

/* One turn on the pool: samples [first, first + n). */
static xai_status run_turn(turn *t, size_t n, xai_error *err)
{
    xai_lanes *l = t->lanes;
    xai_par outer = {n > 1 ? l->pool : NULL}, inner = {n > 1 ? NULL : l->pool};
    t->inner = &inner;
    atomic_store(&t->first_failed, SIZE_MAX);
    for (int i = 0; i < l->width; i++) t->failed_at[i] = SIZE_MAX;
    xai_pool_enter(l->pool, l->urgent);
    xai_par_for(&outer, n, run_sample, t);
    xai_pool_leave(l->pool);
    size_t failed = atomic_load(&t->first_failed);
    if (failed == SIZE_MAX) return XAI_OK;
    for (int i = 0; i < l->width; i++) {
        if (t->failed_at[i] != failed) continue;
        if (err) *err = t->errors[i];
        return t->errors[i].status;
    }
    XAI_FAIL(err, INTERNAL, "", "a sample failed without an error");
}

static xai_status run_turns(turn *t, size_t count, double cost, xai_token *token, size_t *done, xai_error *err)
{
    size_t per_turn = (size_t)t->lanes->width * SAMPLES_PER_TURN;
    for (size_t first = 0; first < count; first += per_turn) {
        size_t n = count - first < per_turn ? count - first : per_turn;
        XAI_TRY(xai_token_check(token, err));
        t->first = first;
        XAI_TRY(run_turn(t, n, err));
        *done = first + n;
        xai_token_advance(token, cost * (double)n);
    }
    return XAI_OK;
}

xai_status xai_lanes_run(xai_lanes *l, size_t count, xai_lane_fn fn, void *user, double cost, xai_token *token,
                         size_t *done, xai_error *err)
{
    size_t ignored;
    if (!done) done = &ignored;
    *done = 0;
    XAI_TRY(open_lanes(l, count, err));
    turn t = {.lanes = l, .fn = fn, .user = user};
    t.errors = calloc((size_t)l->width, sizeof *t.errors);
    t.failed_at = calloc((size_t)l->width, sizeof *t.failed_at);
    xai_status status = XAI_OK;
    if (!t.errors || !t.failed_at) status = XAI_ERROR_SET(err, NO_MEMORY, "", "out of memory");
    else status = run_turns(&t, count, cost, token, done, err);
    free(t.errors);
    free(t.failed_at);
    return status;
}

size_t xai_lanes_bytes(const xai_lanes *lanes) { return lanes->bytes; }

xai_lease *xai_lanes_set_lease(xai_lanes *lanes, xai_lease *lease)
{
    xai_lease *before = lanes->lease;
    lanes->lease = lease;
    return before;
}

xai_session *xai_lanes_first(xai_lanes *lanes) { return lanes->sessions[0]; }
const xai_program *xai_lanes_program(const xai_lanes *lanes) { return lanes->program; }
bool xai_lanes_serve(const xai_lanes *lanes, xai_plan_mode mode, const xai_pool *pool)
{
    return lanes->spec.mode == mode && lanes->pool == pool && lanes->width == xai_pool_threads(pool);
}

void xai_lanes_set_urgent(xai_lanes *lanes, bool urgent) { lanes->urgent = urgent; }
