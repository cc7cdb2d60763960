/*
 * Serial: any store on a thread of its own, behind the same table.
 *
 * A call is a struct on the caller's stack, put in line, run by the store's thread, and waited for. So SQLite sees one
 * thread only, and callers need no lock of their own.
 */
#include <pthread.h>
#include <stdlib.h>

#include "store.h"

typedef struct call {
    xai_status (*run)(store *inner, void *args, xai_error *err);
    void *args;
    xai_error *err;
    xai_status status;
    bool done;
    struct call *next;
} call;

typedef struct serial_store {
    store base;
    store *inner;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    call *first, **last;
    bool closing;
} serial_store;

static serial_store *self_of(store *base) { return (serial_store *)(void *)base; }

/* ---------------------------------------------------------------- the thread */

static call *await_call(serial_store *s)
{
    pthread_mutex_lock(&s->lock);
    while (!s->first && !s->closing) pthread_cond_wait(&s->work, &s->lock);
    call *c = s->first;
    if (c) s->first = c->next;
    if (!s->first) s->last = &s->first;
    pthread_mutex_unlock(&s->lock);
    return c;
}

static void *serial_main(void *argument)
{
    serial_store *s = argument;
    for (call *c; (c = await_call(s)) != NULL;) {
        xai_status status = c->run(s->inner, c->args, c->err);
        pthread_mutex_lock(&s->lock);
        c->status = status;
        c->done = true;
        pthread_cond_broadcast(&s->done);
        pthread_mutex_unlock(&s->lock);
    }
    if (s->inner) s->inner->table->close(s->inner);
    return NULL;
}

static xai_status submit(serial_store *s, xai_status (*run)(store *, void *, xai_error *), void *args, xai_error *err)
{
    call c = {.run = run, .args = args, .err = err};
    pthread_mutex_lock(&s->lock);
    *s->last = &c;
    s->last = &c.next;
    pthread_cond_signal(&s->work);
    while (!c.done) pthread_cond_wait(&s->done, &s->lock);
    pthread_mutex_unlock(&s->lock);
    return c.status;
}

/* ---------------------------------------------------------------- the table */

/* serial_NAME(parameters) runs inner->NAME(arguments) on the thread; `args` carries them over. */
#define SERIAL(NAME, PARAMETERS, FIELDS, VALUES, ARGUMENTS)                                   \
    typedef struct NAME##_args FIELDS NAME##_args;                                            \
    static xai_status run_##NAME(store *inner, void *pointer, xai_error *err)                 \
    {                                                                                         \
        NAME##_args *a = pointer;                                                             \
        return inner->table->NAME ARGUMENTS;                                                  \
    }                                                                                         \
    static xai_status serial_##NAME PARAMETERS                                                \
    {                                                                                         \
        NAME##_args a = VALUES;                                                               \
        return submit(self_of(base), run_##NAME, &a, err);                                    \
    }
#define LIST(...) {__VA_ARGS__}

SERIAL(add, (store *base, const store_job *job, const void *image, size_t size, xai_error *err),
       { const store_job *job; const void *image; size_t size; }, LIST(job, image, size),
       (inner, a->job, a->image, a->size, err))
SERIAL(get, (store *base, const char *id, store_job *job, bool *found, xai_error *err),
       { const char *id; store_job *job; bool *found; }, LIST(id, job, found), (inner, a->id, a->job, a->found, err))
SERIAL(image, (store *base, const char *id, void **bytes, size_t *size, xai_error *err),
       { const char *id; void **bytes; size_t *size; }, LIST(id, bytes, size), (inner, a->id, a->bytes, a->size, err))
SERIAL(result, (store *base, const char *id, void **bytes, size_t *size, xai_error *err),
       { const char *id; void **bytes; size_t *size; }, LIST(id, bytes, size), (inner, a->id, a->bytes, a->size, err))
SERIAL(claim, (store *base, const char *id, int *attempts, xai_error *err), { const char *id; int *attempts; },
       LIST(id, attempts), (inner, a->id, a->attempts, err))
SERIAL(release, (store *base, const char *id, xai_error *err), { const char *id; }, LIST(id), (inner, a->id, err))
SERIAL(finish,
       (store *base, const char *id, store_state state, int64_t expires_ms, const void *result, size_t size,
        xai_error *err),
       { const char *id; store_state state; int64_t expires_ms; const void *result; size_t size; },
       LIST(id, state, expires_ms, result, size), (inner, a->id, a->state, a->expires_ms, a->result, a->size, err))
SERIAL(remove, (store *base, const char *id, xai_error *err), { const char *id; }, LIST(id), (inner, a->id, err))
SERIAL(unfinished, (store *base, void (*each)(void *user, const store_job *job), void *user, xai_error *err),
       { void (*each)(void *user, const store_job *job); void *user; }, LIST(each, user),
       (inner, a->each, a->user, err))
SERIAL(sweep, (store *base, int64_t now_ms, int64_t forget_ms, int *count, xai_error *err),
       { int64_t now_ms; int64_t forget_ms; int *count; }, LIST(now_ms, forget_ms, count),
       (inner, a->now_ms, a->forget_ms, a->count, err))

SERIAL(add_quiz, (store *base, const store_quiz *quiz, xai_error *err), { const store_quiz *quiz; }, LIST(quiz),
       (inner, a->quiz, err))
SERIAL(quiz, (store *base, const char *id, store_quiz *quiz, bool *found, xai_error *err),
       { const char *id; store_quiz *quiz; bool *found; }, LIST(id, quiz, found),
       (inner, a->id, a->quiz, a->found, err))
SERIAL(add_answer, (store *base, const store_answer *answer, bool *fresh, xai_error *err),
       { const store_answer *answer; bool *fresh; }, LIST(answer, fresh), (inner, a->answer, a->fresh, err))
SERIAL(tally, (store *base, void (*each)(void *user, const store_tally *tally), void *user, xai_error *err),
       { void (*each)(void *user, const store_tally *tally); void *user; }, LIST(each, user),
       (inner, a->each, a->user, err))

/* ---------------------------------------------------------------- opening and closing */

static void free_serial(serial_store *s)
{
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->work);
    pthread_cond_destroy(&s->done);
    free(s);
}

static void serial_close(store *base)
{
    serial_store *s = self_of(base);
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    free_serial(s);
}

static const store_table SERIAL_TABLE = {
    .add = serial_add,     .get = serial_get,         .image = serial_image,           .result = serial_result,
    .claim = serial_claim, .release = serial_release, .finish = serial_finish,         .remove = serial_remove,
    .sweep = serial_sweep, .unfinished = serial_unfinished, .add_quiz = serial_add_quiz,
    .quiz = serial_quiz,   .add_answer = serial_add_answer, .tally = serial_tally, .close = serial_close,
};

typedef struct open_args {
    store_opener opener;
    const char *path;
    store **out;
} open_args;

static xai_status run_open(store *inner, void *pointer, xai_error *err)
{
    (void)inner;
    open_args *a = pointer;
    return a->opener(a->path, a->out, err);
}

xai_status store_serial_open(store_opener opener, const char *path, store **out, xai_error *err)
{
    serial_store *s = calloc(1, sizeof *s);
    if (!s) XAI_NO_MEMORY(err);
    s->base.table = &SERIAL_TABLE;
    s->last = &s->first;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->work, NULL);
    pthread_cond_init(&s->done, NULL);
    if (pthread_create(&s->thread, NULL, serial_main, s) != 0) {
        free_serial(s);
        XAI_FAIL(err, NO_MEMORY, "", "cannot start the store's thread");
    }
    open_args args = {opener, path, &s->inner};
    xai_status status = submit(s, run_open, &args, err);
    if (status == XAI_OK) *out = &s->base;
    else serial_close(&s->base);
    return status;
}
