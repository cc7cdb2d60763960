/*
 * Jobs: what happens between an accepted request and its answer.
 *
 *     queued -> running -> done | partial | failed | cancelled -> gone
 *
 * A job is one client's explanation; work is one run of the engine. Jobs of one owner that want the same share a work,
 * and it is cancelled only when none of them is left. Short work goes before long, and one worker at least is kept
 * free of long work. A job that outlives its client's patience is written to the store before the client is told its
 * address; so is a job that is to be answered later from the start. What was written survives a kill.
 *
 * Threads: every function may be called from any thread; none but jobs_drain and jobs_stop waits for work. Answers and
 * wake-ups come from threads of this module.
 */
#ifndef EXPLAIND_JOBS_H
#define EXPLAIND_JOBS_H

#include "events.h"
#include "store/store.h"
#include "task.h"

enum { JOBS_MAX_DELIVERIES = 3 };

/* Stands for a job's id in cached bodies; 32 characters that base64 does not have. */
#define JOBS_ID_PLACEHOLDER "????????????????????????????????"
#define JOBS_HREF "/api/v1/explanations/" JOBS_ID_PLACEHOLDER "/artifacts/"

typedef struct jobs_config {
    int workers;
    int queue_length;
    double short_cost;
    int64_t job_timeout_ms, retention_ms;
    size_t cache_bytes, recent_bytes;
} jobs_config;

typedef struct jobs jobs;

/* `all`, `pool` and `keep` outlive the jobs. Unfinished jobs of an earlier process are taken up again. */
xai_status jobs_start(const jobs_config *config, const jobs_engine *engine, const models *all, xai_pool *pool,
                      store *keep, jobs **out, xai_error *err);

/* No new jobs from here on; gives those that somebody waits for `grace_ms`, then puts the rest back into the store. */
void jobs_drain(jobs *j, int64_t grace_ms);
void jobs_stop(jobs *j);

/* ---------------------------------------------------------------- one job */

typedef struct jobs_view { /* a job at one moment */
    char id[STORE_ID_SIZE];
    char owner[64];
    store_state state;
    int64_t created_ms;
    const char *cache;     /* "miss", "hit", "coalesced" */
    xai_progress progress; /* while it runs */
    jobs_bytes *text;      /* the final document, JSON; NULL until then */
    xai_error error;       /* of a failed or cancelled one */
} jobs_view;

void jobs_view_clear(jobs_view *view);

typedef enum jobs_outcome {
    JOBS_FINISHED, /* view->state is final; unless done or partial, view->error says why */
    JOBS_ACCEPTED  /* it will take longer, and is written to the store */
} jobs_outcome;

/* Called exactly once for each submission that was taken; may be called before jobs_submit returns. */
typedef void (*jobs_answer)(void *user, jobs_outcome outcome, const jobs_view *view);

void jobs_new_id(char id[STORE_ID_SIZE]);

/*
 * Submits a task (taken over, whatever happens) under a new id. wait_ms 0: answered at once, JOBS_ACCEPTED or, from the
 * cache, JOBS_FINISHED. Errors: BUSY (queue full, draining), QUOTA, NO_SPACE.
 */
xai_status jobs_submit(jobs *j, jobs_task *task, const char *id, int64_t wait_ms, jobs_answer answer, void *user,
                       xai_error *err);

/* Nobody reads the answer: the job is cancelled unless it was promised to be kept. Does not call the answer itself. */
void jobs_abandon(jobs *j, const char *id);

/* *found false: never heard of it. A deleted one has the state STORE_GONE. The caller clears *view. */
xai_status jobs_get(jobs *j, const char *id, jobs_view *view, bool *found, xai_error *err);

/* The image of a job that has not gone; a new reference or NULL. */
xai_status jobs_image(jobs *j, const char *id, jobs_bytes **image, xai_error *err);

/* Cancels if need be, and removes everything but the memory that it was there. */
xai_status jobs_remove(jobs *j, const char *id, xai_error *err);

/* ---------------------------------------------------------------- quizzes (quizzes.c): the store's, from any thread */

/* Keeps a quiz for as long as results are; its id and times are filled in. *gone: its explanation was deleted meanwhile,
 * and nothing is kept. */
xai_status jobs_keep_quiz(jobs *j, store_quiz *quiz, bool *gone, xai_error *err);
xai_status jobs_quiz(jobs *j, const char *id, store_quiz *quiz, bool *found, xai_error *err);
xai_status jobs_answer_quiz(jobs *j, store_answer *answer, bool *fresh, xai_error *err);
xai_status jobs_tally(jobs *j, void (*each)(void *user, const store_tally *tally), void *user, xai_error *err);

/* ---------------------------------------------------------------- events */

typedef struct jobs_subscription jobs_subscription;

/* `wake` is called, with a lock held, when there may be a new event; never after jobs_unsubscribe. NULL in *out: no
 * such job. */
xai_status jobs_subscribe(jobs *j, const char *id, uint64_t after, void (*wake)(void *user), void *user,
                          jobs_subscription **out, xai_error *err);

typedef enum jobs_next { JOBS_EVENT, JOBS_WAIT, JOBS_END } jobs_next;
jobs_next jobs_next_event(jobs_subscription *subscription, jobs_event *event);
void jobs_unsubscribe(jobs_subscription *subscription);

/* ---------------------------------------------------------------- counters */

typedef struct jobs_counters {
    uint64_t submitted, finished[STORE_GONE]; /* by final state */
    uint64_t refused_busy, refused_quota;
    uint64_t cache_hits, cache_misses, coalesced, recovered;
    size_t queued, running, cache_bytes, recent_bytes;
    double queue_seconds, engine_seconds; /* sums */
    bool draining;
} jobs_counters;

void jobs_count(jobs *j, jobs_counters *out);

#endif
