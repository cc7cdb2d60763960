/*
 * Pool: helper threads that join open batches, and turns by ticket.
 *
 * A batch is published as one 64-bit state: generation, closed flag, number of helpers that joined. A helper joins by
 * compare-and-swap while the batch is open, so a helper that wakes late is never waited for; the submitter closes the
 * batch when no piece is left and waits for those that joined. Every thread begins with a share of its own, the same
 * part of every batch: what it wrote in one layer is near it in the next. Then it helps with the others' shares.
 * Helpers spin for some ten microseconds between batches
 * (the layers of a network follow each other closely), then sleep.
 */
#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { SPINS = 2000, URGENT_IN_A_ROW = 8, MAX_THREADS = 256 };

#define JOINED_MASK UINT64_C(0x7fff)
#define CLOSED UINT64_C(0x8000)
#define GENERATION_ONE UINT64_C(0x10000)

typedef struct turns {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool busy;
    uint64_t next[2], serving[2]; /* tickets, by urgency */
    int urgent_in_a_row;
} turns;

/* The pieces of one thread that are left, from `next` to the end of its share. Alone in its cache line. */
typedef struct share {
    _Alignas(64) _Atomic size_t next;
} share;

typedef struct helper {
    struct xai_pool *pool;
    pthread_t id;
    int index; /* 1..threads-1; the submitter is 0 */
} helper;

struct xai_pool {
    int threads, started;
    helper *helpers;
    turns turns;
    share *shares;
    _Atomic uint64_t state;
    atomic_int finished, sleepers;
    atomic_bool stopping;
    xai_par_body body;
    void *context;
    size_t count;
    pthread_mutex_t sleep_lock;
    pthread_cond_t wake;
};

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static size_t share_start(const xai_pool *pool, int thread)
{
    return pool->count * (size_t)thread / (size_t)pool->threads;
}

static void run_share(xai_pool *pool, int of, int thread)
{
    for (size_t end = share_start(pool, of + 1);;) {
        size_t i = atomic_fetch_add_explicit(&pool->shares[of].next, 1, memory_order_relaxed);
        if (i >= end) return;
        pool->body(pool->context, i, thread);
    }
}

static void run_pieces(xai_pool *pool, int thread)
{
    for (int i = 0; i < pool->threads; i++) run_share(pool, (thread + i) % pool->threads, thread);
}

static bool is_news(uint64_t state, uint64_t seen) { return !(state & CLOSED) && state / GENERATION_ONE != seen; }

/* Waits for an open batch later than `seen`; false: the pool is ending. */
static bool await_batch(xai_pool *pool, uint64_t seen)
{
    for (int spin = 0; spin < SPINS; spin++) {
        if (atomic_load(&pool->stopping)) return false;
        if (is_news(atomic_load(&pool->state), seen)) return true;
        relax();
    }
    pthread_mutex_lock(&pool->sleep_lock);
    atomic_fetch_add(&pool->sleepers, 1);
    while (!atomic_load(&pool->stopping) && !is_news(atomic_load(&pool->state), seen))
        pthread_cond_wait(&pool->wake, &pool->sleep_lock);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->sleep_lock);
    return !atomic_load(&pool->stopping);
}

static void *helper_main(void *argument)
{
    helper *self = argument;
    xai_pool *pool = self->pool;
    uint64_t seen = 0;
    while (await_batch(pool, seen)) {
        uint64_t state = atomic_load(&pool->state);
        if (!is_news(state, seen) || !atomic_compare_exchange_strong(&pool->state, &state, state + 1)) continue;
        seen = state / GENERATION_ONE;
        run_pieces(pool, self->index);
        atomic_fetch_add(&pool->finished, 1);
    }
    return NULL;
}

static int usable_threads(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

xai_status xai_pool_new(int threads, xai_pool **out, xai_error *err)
{
    if (threads <= 0) threads = usable_threads();
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    xai_pool *pool = calloc(1, sizeof *pool);
    helper *helpers = calloc((size_t)threads, sizeof *helpers);
    share *shares = aligned_alloc(_Alignof(share), (size_t)threads * sizeof *shares);
    if (!pool || !helpers || !shares) {
        free(pool);
        free(helpers);
        free(shares);
        XAI_NO_MEMORY(err);
    }
    pool->shares = shares;
    pool->threads = threads;
    pool->helpers = helpers;
    pool->state = CLOSED;
    pthread_mutex_init(&pool->turns.lock, NULL);
    pthread_cond_init(&pool->turns.changed, NULL);
    pthread_mutex_init(&pool->sleep_lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    for (int i = 1; i < threads; i++) {
        helpers[i] = (helper){.pool = pool, .index = i};
        if (pthread_create(&helpers[i].id, NULL, helper_main, &helpers[i]) != 0) {
            xai_pool_free(pool);
            XAI_FAIL(err, NO_MEMORY, "", "cannot start compute thread %d of %d", i, threads - 1);
        }
        pool->started = i;
    }
    *out = pool;
    return XAI_OK;
}

void xai_pool_free(xai_pool *pool)
{
    if (!pool) return;
    pthread_mutex_lock(&pool->sleep_lock);
    atomic_store(&pool->stopping, true);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->sleep_lock);
    for (int i = 1; i <= pool->started; i++) pthread_join(pool->helpers[i].id, NULL);
    pthread_mutex_destroy(&pool->turns.lock);
    pthread_cond_destroy(&pool->turns.changed);
    pthread_mutex_destroy(&pool->sleep_lock);
    pthread_cond_destroy(&pool->wake);
    free(pool->helpers);
    free(pool->shares);
    free(pool);
}

int xai_pool_threads(const xai_pool *pool) { return pool->threads; }

/* Urgent jobs first, but a flood of them lets one other job in now and then. */
static bool may_enter(const turns *t, bool urgent, uint64_t ticket)
{
    if (t->busy || ticket != t->serving[urgent]) return false;
    bool others_wait = t->serving[!urgent] != t->next[!urgent];
    if (!others_wait) return true;
    bool urgent_turn = t->urgent_in_a_row < URGENT_IN_A_ROW;
    return urgent == urgent_turn;
}

void xai_pool_enter(xai_pool *pool, bool urgent)
{
    turns *t = &pool->turns;
    pthread_mutex_lock(&t->lock);
    uint64_t ticket = t->next[urgent]++;
    while (!may_enter(t, urgent, ticket)) pthread_cond_wait(&t->changed, &t->lock);
    t->busy = true;
    t->serving[urgent]++;
    t->urgent_in_a_row = urgent ? t->urgent_in_a_row + 1 : 0;
    pthread_mutex_unlock(&t->lock);
}

void xai_pool_leave(xai_pool *pool)
{
    turns *t = &pool->turns;
    pthread_mutex_lock(&t->lock);
    t->busy = false;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

int xai_par_threads(const xai_par *par) { return par->pool ? par->pool->threads : 1; }

static void publish(xai_pool *pool, size_t count, xai_par_body body, void *context)
{
    pool->body = body;
    pool->context = context;
    pool->count = count;
    for (int t = 0; t < pool->threads; t++)
        atomic_store_explicit(&pool->shares[t].next, share_start(pool, t), memory_order_relaxed);
    atomic_store_explicit(&pool->finished, 0, memory_order_relaxed);
    uint64_t generation = atomic_load(&pool->state) / GENERATION_ONE + 1;
    atomic_store(&pool->state, generation * GENERATION_ONE);
    if (atomic_load(&pool->sleepers) > 0) {
        pthread_mutex_lock(&pool->sleep_lock);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->sleep_lock);
    }
}

/* No helper joins from here on; waits for those that did. */
static void finish(xai_pool *pool)
{
    int joined = (int)(atomic_fetch_or(&pool->state, CLOSED) & JOINED_MASK);
    for (int spin = 0; atomic_load(&pool->finished) != joined; spin++) {
        if (spin < SPINS) relax();
        else sched_yield();
    }
}

void xai_par_for(const xai_par *par, size_t count, xai_par_body body, void *context)
{
    if (!par->pool || par->pool->threads == 1 || count < 2) {
        for (size_t i = 0; i < count; i++) body(context, i, 0);
        return;
    }
    publish(par->pool, count, body, context);
    run_pieces(par->pool, 0);
    finish(par->pool);
}
