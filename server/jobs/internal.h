/*
 * The inside of the jobs module, shared by its files only.
 *
 * One lock guards everything. It is never held while the engine, the store or an answer runs; functions whose name
 * ends in _locked expect it held. A job's struct lives while somebody counts on it: the table, a stream, a thread that
 * let go of the lock for a moment.
 */
#ifndef EXPLAIND_JOBS_INTERNAL_H
#define EXPLAIND_JOBS_INTERNAL_H

#include <pthread.h>

#include "cache.h"
#include "jobs.h"

enum { TABLE_SIZE = 4096, MAX_TOMBSTONES = 10000, MAX_WORKERS = 64, SWEEP_MS = 5000 };

typedef struct work work;

typedef struct job {
    char id[STORE_ID_SIZE];
    char owner[64];
    jobs_kind kind;
    int refs;
    store_state state;
    int64_t created_ms, expires_ms, queued_ns;
    double queue_ms;
    const char *cache;
    bool durable;    /* the store has it */
    bool persisting; /* the store is being given it */
    bool claimed;    /* this process's delivery is counted in the store */
    bool unsaved;    /* its end could not be written yet */
    bool abandoned;
    work *work;      /* NULL: none, or not any more */
    struct job *next_in_work;
    struct job *chain;            /* in the table's bucket */
    struct job *older, *newer;    /* among the recent, or among the gone */
    jobs_bytes *text, *image;
    xai_error error;
    xai_progress progress;
    jobs_events *events; /* NULL until someone can know the id */
    jobs_subscription *subscriptions;
    jobs_answer answer; /* NULL: nobody waits */
    void *user;
    int64_t deadline_ns; /* of the wait */
} job;

struct work {
    jobs_task *task;
    job *jobs;
    xai_token *token; /* while running */
    bool is_short, running, cancelled;
    work *next; /* in the queue */
    work *peer; /* among the works in flight */
};

struct jobs_subscription {
    jobs *owner;
    job *job;
    uint64_t cursor;
    void (*wake)(void *user);
    void *user;
    jobs_subscription *next;
};

/* Jobs linked by `older` and `newer`. */
typedef struct job_list {
    job *oldest, *newest;
    size_t count, bytes;
} job_list;

typedef struct work_queue {
    work *first, *last;
} work_queue;

struct jobs {
    jobs_config config;
    jobs_engine engine;
    const models *models;
    xai_pool *pool;
    store *store;
    pthread_mutex_t lock;
    pthread_cond_t work_came, clock_changed, work_ended;
    pthread_t workers[MAX_WORKERS], clock;
    int worker_count;
    bool clock_runs, draining, hurry, requeue, stopping;
    work_queue queues[2]; /* short, long */
    size_t queued;        /* works in them, and slots that submissions hold */
    int running_long, running;
    work *in_flight;
    job *table[TABLE_SIZE];
    job_list recent, gone;
    jobs_cache *cache;
    jobs_counters counters;
};

typedef struct timing {
    double decode_ms, engine_ms, render_ms;
} timing;

/* An answer to be given once the lock is released. */
typedef struct delivery {
    jobs_answer answer;
    void *user;
    jobs_outcome outcome;
    jobs_view view;
    struct delivery *next;
} delivery;

/* table.c */
job *jobs_job_of_store(const store_job *record);
int64_t jobs_now_ms(void);
job *jobs_job_new(const char *id, jobs_kind kind, const char *owner);
void jobs_job_unref_locked(job *it);
void jobs_table_add_locked(jobs *j, job *it);
job *jobs_table_find_locked(const jobs *j, const char *id); /* no reference */
void jobs_table_drop_locked(jobs *j, job *it);
void jobs_list_add_locked(job_list *list, job *it);
void jobs_list_drop_locked(job_list *list, job *it);
void jobs_view_locked(const job *it, jobs_view *view);
void jobs_bury_locked(jobs *j, job *it); /* only the id is left */
void jobs_keep_recent_locked(jobs *j, job *it);
void jobs_publish_locked(job *it, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
void jobs_publish_state_locked(job *it);
bool jobs_make_events_locked(job *it);

/* queue.c */
void jobs_queue_add_locked(jobs *j, work *w);
work *jobs_queue_take_locked(jobs *j);
void jobs_queue_drop_locked(jobs *j, work *w);
work *jobs_find_work_locked(const jobs *j, const char *key);
void jobs_attach_locked(work *w, job *it);
void jobs_detach_locked(jobs *j, job *it); /* cancels the work when it was the last */
void jobs_work_free_locked(jobs *j, work *w);
bool jobs_is_awaited_locked(const work *w);

/* finish.c */
void jobs_answer_locked(job *it, jobs_outcome outcome, delivery **list);
void jobs_deliver(delivery *list);
void jobs_cancel_locked(jobs *j, job *it, xai_status why, const char *message, delivery **list);
jobs_bytes *jobs_document(const job *it, jobs_bytes *body, const timing *t);
void jobs_hit_locked(jobs *j, job *it, jobs_bytes *body, delivery **list);
void jobs_end_work(jobs *j, work *w, xai_status status, jobs_bytes *body, const timing *timing, bool partial,
                   const xai_error *err);
void jobs_fail_alone(jobs *j, job *it, const xai_error *err); /* not the others of its work; the caller holds it */
void jobs_save_end(jobs *j, job *it); /* a durable, final job into the store; takes a reference over */
xai_status jobs_persist(jobs *j, job *it, xai_error *err);

/* submit.c */
work *jobs_work_new(const jobs *j, jobs_task *task);

/* run.c, clock.c, recover.c */
void jobs_claim(jobs *j, job *it);
void *jobs_worker_main(void *argument);
void *jobs_clock_main(void *argument);
xai_status jobs_recover(jobs *j, xai_error *err);

#endif
