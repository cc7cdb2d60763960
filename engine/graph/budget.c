/*
 * The budget of the process: one lock, one condition, a list of leases, a list of idle lanes.
 *
 * Always: what the leases hold and what is idle together are at most the limit, unless the limit was lowered or idle
 * lanes were taken in place of reserved bytes that had not been used. Any thread may call.
 */
#include "budget.h"

#include "base/memory.h"

#include <assert.h>
#include <pthread.h>
#include <time.h>

enum { MOST_IDLE = 64, POLL_MS = 50 }; /* how often a waiting job looks at its token */

static struct budget {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t limit; /* 0: the default */
    size_t held, idle;
    uint64_t turns;
    xai_lease *leases;
    xai_lanes *lanes[MOST_IDLE]; /* the least recently used first */
    int lane_count;
} budget = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static size_t limit_locked(void) { return budget.limit ? budget.limit : xai_memory_physical() / 2; }

void xai_memory_set_budget(size_t bytes)
{
    pthread_mutex_lock(&budget.lock);
    budget.limit = bytes;
    pthread_cond_broadcast(&budget.changed);
    pthread_mutex_unlock(&budget.lock);
}

xai_memory xai_memory_now(void)
{
    pthread_mutex_lock(&budget.lock);
    xai_memory m = {limit_locked(), budget.held, budget.idle};
    pthread_mutex_unlock(&budget.lock);
    return m;
}

/* ---------------------------------------------------------------- what leases hold */

static void list_locked(xai_lease *l)
{
    if (l->listed) return;
    l->listed = true;
    l->next = budget.leases;
    budget.leases = l;
}

static void unlist_locked(xai_lease *l)
{
    if (!l->listed) return;
    xai_lease **at = &budget.leases;
    while (*at != l) at = &(*at)->next;
    *at = l->next;
    l->listed = false;
}

static void hold_locked(xai_lease *l, size_t bytes)
{
    list_locked(l);
    l->held += bytes;
    budget.held += bytes;
}

static void shrink_locked(xai_lease *l, size_t bytes)
{
    l->held -= bytes;
    budget.held -= bytes;
    if (!l->held) unlist_locked(l);
    pthread_cond_broadcast(&budget.changed);
}

/* ---------------------------------------------------------------- idle lanes */

static xai_lanes *remove_idle_locked(int at)
{
    xai_lanes *lanes = budget.lanes[at];
    budget.idle -= xai_lanes_bytes(lanes);
    budget.lane_count--;
    for (int i = at; i < budget.lane_count; i++) budget.lanes[i] = budget.lanes[i + 1];
    return lanes;
}

/* The least recently used of the program; -1: there is none. */
static int oldest_of_locked(const xai_program *program)
{
    for (int i = 0; i < budget.lane_count; i++)
        if (xai_lanes_program(budget.lanes[i]) == program) return i;
    return -1;
}

static int idle_count_locked(const xai_program *program)
{
    int n = 0;
    for (int i = 0; i < budget.lane_count; i++) n += xai_lanes_program(budget.lanes[i]) == program;
    return n;
}

static bool fits_locked(size_t bytes)
{
    size_t limit = limit_locked(), used = budget.held + budget.idle;
    return used <= limit && bytes <= limit - used;
}

/* Whether the bytes fit once all idle lanes are gone. */
static bool could_fit_locked(size_t bytes)
{
    size_t limit = limit_locked();
    return budget.held <= limit && bytes <= limit - budget.held;
}

/* The idle lanes to go first: the oldest, those of `program` only if there are no others. */
static int victim_locked(const xai_program *program)
{
    for (int i = 0; i < budget.lane_count; i++)
        if (xai_lanes_program(budget.lanes[i]) != program) return i;
    return 0;
}

/* Drives idle lanes out until the bytes fit, if they then do. */
static bool make_room_locked(size_t bytes, const xai_program *program)
{
    if (!could_fit_locked(bytes)) return false;
    while (!fits_locked(bytes)) xai_lanes_free(remove_idle_locked(victim_locked(program)));
    return true;
}

xai_lanes *xai_idle_take(const xai_program *program, xai_plan_mode mode, const xai_pool *pool, xai_lease *lease)
{
    xai_lanes *found = NULL;
    pthread_mutex_lock(&budget.lock);
    for (int i = budget.lane_count; i-- > 0 && !found;)
        if (xai_lanes_program(budget.lanes[i]) == program && xai_lanes_serve(budget.lanes[i], mode, pool))
            found = remove_idle_locked(i);
    if (found && lease) {
        size_t bytes = xai_lanes_bytes(found), spare = lease->held - lease->used;
        if (bytes > spare) hold_locked(lease, bytes - spare);
        lease->used += bytes;
    }
    pthread_mutex_unlock(&budget.lock);
    if (found) xai_lanes_set_lease(found, lease);
    return found;
}

void xai_idle_put(xai_lanes *lanes)
{
    const xai_program *program = xai_lanes_program(lanes);
    size_t bytes = xai_lanes_bytes(lanes);
    xai_lease *lease = xai_lanes_set_lease(lanes, NULL);
    pthread_mutex_lock(&budget.lock);
    if (lease) {
        lease->used -= bytes;
        shrink_locked(lease, bytes);
    }
    if (idle_count_locked(program) == XAI_IDLE_LANES) xai_lanes_free(remove_idle_locked(oldest_of_locked(program)));
    if (budget.lane_count == MOST_IDLE) xai_lanes_free(remove_idle_locked(0));
    if (make_room_locked(bytes, program)) {
        budget.lanes[budget.lane_count++] = lanes;
        budget.idle += bytes;
        lanes = NULL;
    }
    pthread_cond_broadcast(&budget.changed); /* what is idle can be driven out */
    pthread_mutex_unlock(&budget.lock);
    xai_lanes_free(lanes);
}

void xai_idle_drop(const xai_program *program)
{
    pthread_mutex_lock(&budget.lock);
    for (int at; (at = oldest_of_locked(program)) >= 0;) xai_lanes_free(remove_idle_locked(at));
    pthread_cond_broadcast(&budget.changed);
    pthread_mutex_unlock(&budget.lock);
}

/* ---------------------------------------------------------------- leases */

/* Whether waiting lease a goes before b. */
static bool goes_first(const xai_lease *a, const xai_lease *b)
{
    if ((a->held > 0) != (b->held > 0)) return a->held > 0;
    if (a->urgent != b->urgent) return a->urgent;
    return a->turn < b->turn;
}

static bool is_next_locked(const xai_lease *l)
{
    for (const xai_lease *o = budget.leases; o; o = o->next)
        if (o != l && o->wanted && goes_first(o, l)) return false;
    return true;
}

/* Everybody who holds something waits for what does not fit, and this one came last: it must give up, or none can go
 * on. */
static bool is_stuck_locked(const xai_lease *l)
{
    if (!l->held) return false;
    for (const xai_lease *o = budget.leases; o; o = o->next)
        if (o->held && (!o->wanted || could_fit_locked(o->wanted) || o->turn > l->turn)) return false;
    return true;
}

static double mega(size_t bytes) { return (double)bytes * 1e-6; }

static void sleep_locked(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += POLL_MS * 1000000L;
    t.tv_sec += t.tv_nsec / 1000000000L;
    t.tv_nsec %= 1000000000L;
    pthread_cond_timedwait(&budget.changed, &budget.lock, &t);
}

static xai_status wait_locked(xai_lease *l, xai_error *err)
{
    for (;;) {
        size_t limit = limit_locked(), all = l->held + l->wanted;
        XAI_CHECK(all >= l->wanted && all <= limit, err, TOO_LARGE, "",
                  "this needs %.1f MB for the model's buffers; the memory budget is %.1f MB", mega(all), mega(limit));
        if (is_next_locked(l) && make_room_locked(l->wanted, l->program)) return XAI_OK;
        XAI_TRY(xai_token_check(l->token, err));
        XAI_CHECK(!is_stuck_locked(l), err, BUSY, "",
                  "%.1f MB more are needed for the model's buffers, and other jobs wait for more of the budget of %.1f "
                  "MB too: try again when less is running", mega(l->wanted), mega(limit));
        sleep_locked();
    }
}

/* `bytes` more from the budget to what the lease holds. */
static xai_status grow_locked(xai_lease *l, size_t bytes, xai_error *err)
{
    if (bytes == 0) return XAI_OK;
    list_locked(l);
    l->wanted = bytes;
    l->turn = budget.turns++;
    xai_status status = wait_locked(l, err);
    l->wanted = 0;
    if (status == XAI_OK) hold_locked(l, bytes);
    else if (!l->held) unlist_locked(l);
    pthread_cond_broadcast(&budget.changed); /* it may be another one's turn now */
    return status;
}

xai_status xai_lease_take(xai_lease *l, size_t bytes, xai_error *err)
{
    size_t spare = l->held - l->used;
    pthread_mutex_lock(&budget.lock);
    xai_status status = grow_locked(l, bytes > spare ? bytes - spare : 0, err);
    pthread_mutex_unlock(&budget.lock);
    if (status == XAI_OK) l->used += bytes;
    return status;
}

xai_status xai_lease_reserve(xai_lease *l, size_t bytes, xai_error *err)
{
    pthread_mutex_lock(&budget.lock);
    size_t limit = limit_locked(), most = bytes < limit ? bytes : limit;
    xai_status status = grow_locked(l, most > l->held ? most - l->held : 0, err);
    pthread_mutex_unlock(&budget.lock);
    return status;
}

void xai_lease_give(xai_lease *l, size_t bytes)
{
    assert(bytes <= l->used);
    pthread_mutex_lock(&budget.lock);
    l->used -= bytes;
    shrink_locked(l, bytes);
    pthread_mutex_unlock(&budget.lock);
}

void xai_lease_end(xai_lease *l)
{
    assert(l->used == 0);
    pthread_mutex_lock(&budget.lock);
    shrink_locked(l, l->held);
    pthread_mutex_unlock(&budget.lock);
}
