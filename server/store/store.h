/*
 * Store: where jobs, images and results outlive the process.
 *
 * A table of functions with one implementation here (sqlite.c, embedded); another store takes its place behind the
 * same table and passes the same tests (tests/server/store). A function that returned XAI_OK has written durably.
 *
 * Deliveries: a job is claimed before each run, durably, so that a job which kills the process is not run for ever.
 * Images are kept once for equal bytes and go with the last job that needs them.
 *
 * Threads: an implementation may be bound to one thread; store_serial (serial.c) makes any of them callable from all.
 */
#ifndef EXPLAIND_STORE_H
#define EXPLAIND_STORE_H

#include "base/error.h"

enum { STORE_ID_SIZE = 33 };

typedef enum store_state {
    STORE_QUEUED,
    STORE_RUNNING,
    STORE_DONE,
    STORE_PARTIAL,
    STORE_FAILED,
    STORE_CANCELLED,
    STORE_GONE /* deleted or expired: the id alone is remembered for a while */
} store_state;

const char *store_state_name(store_state state); /* "queued", ... */
bool store_state_is_final(store_state state);

typedef struct store_job {
    char id[STORE_ID_SIZE]; /* 32 hex digits */
    store_state state;
    int attempts;                    /* deliveries so far */
    int64_t created_ms, expires_ms;  /* since 1970 */
    char owner[64];                  /* API key's name; "" without keys */
    char image[65];                  /* SHA-256 of the image's bytes */
    char *request;                   /* JSON; NULL once gone */
} store_job;

void store_job_clear(store_job *job);

enum { STORE_MOST_QUIZZES = 32 }; /* about one explanation */

/* A quiz: what was asked, for its answers to be judged. */
typedef struct store_quiz {
    char id[STORE_ID_SIZE], job[STORE_ID_SIZE]; /* its own, and the explanation's that it is about */
    int64_t created_ms, expires_ms;
    char owner[64];
    char *text; /* JSON */
} store_quiz;

void store_quiz_clear(store_quiz *quiz);

/* An answer. It says nothing of who or which picture, and is kept when the quiz has expired. */
typedef struct store_answer {
    char quiz[STORE_ID_SIZE];
    int pair;           /* of the quiz, from 0 */
    char condition[64]; /* what the person was shown */
    bool misleading, correct;
    int64_t created_ms;
} store_answer;

typedef struct store_tally { /* answers of one sort */
    char condition[64];
    bool misleading;
    int64_t answers, correct;
} store_tally;

typedef struct store store;

typedef struct store_table {
    /* A new job in state job->state, with its image. Errors: NO_SPACE, INTERNAL. */
    xai_status (*add)(store *self, const store_job *job, const void *image, size_t size, xai_error *err);

    /* The job by its id: *found false if there never was one or it is forgotten. The caller clears *job. */
    xai_status (*get)(store *self, const char *id, store_job *job, bool *found, xai_error *err);

    /* The job's image, the job's result (NULL, 0 if there is none); heap memory. */
    xai_status (*image)(store *self, const char *id, void **bytes, size_t *size, xai_error *err);
    xai_status (*result)(store *self, const char *id, void **bytes, size_t *size, xai_error *err);

    /* One more delivery begins: running, attempts + 1. *attempts: 0 if the job is not to be run (any more). */
    xai_status (*claim)(store *self, const char *id, int *attempts, xai_error *err);

    /* The delivery did not happen after all: queued, attempts - 1. */
    xai_status (*release)(store *self, const char *id, xai_error *err);

    /* The end of a job: state and result at once. Nothing happens if it is final or gone. */
    xai_status (*finish)(store *self, const char *id, store_state state, int64_t expires_ms, const void *result,
                         size_t size, xai_error *err);

    /* Deletes request, result, quizzes, and the image if no other job needs it; also quizzes of a job that is not here. */
    xai_status (*remove)(store *self, const char *id, xai_error *err);

    /* Calls `each`, which must not call the store, for every unfinished job, the oldest first. */
    xai_status (*unfinished)(store *self, void (*each)(void *user, const store_job *job), void *user, xai_error *err);

    /* Removes finished jobs and quizzes whose time is over, and forgets those that went before `forget_ms`. */
    xai_status (*sweep)(store *self, int64_t now_ms, int64_t forget_ms, int *count, xai_error *err);

    /* A new quiz (QUOTA: its job has STORE_MOST_QUIZZES already); the quiz by its id, *found false if there is none (any
     * more). The caller clears *quiz. */
    xai_status (*add_quiz)(store *self, const store_quiz *quiz, xai_error *err);
    xai_status (*quiz)(store *self, const char *id, store_quiz *quiz, bool *found, xai_error *err);

    /* An answer; *fresh false, and nothing happens, if this pair of this quiz has one. */
    xai_status (*add_answer)(store *self, const store_answer *answer, bool *fresh, xai_error *err);

    /* Calls `each`, which must not call the store, for every sort of answers, by condition and then misleading ones
     * last. */
    xai_status (*tally)(store *self, void (*each)(void *user, const store_tally *tally), void *user, xai_error *err);

    void (*close)(store *self);
} store_table;

struct store {
    const store_table *table;
};

/* Opens or creates the database file (":memory:": none); it belongs to the thread that calls. Errors: BAD_CONFIG. */
xai_status store_sqlite_open(const char *path, store **out, xai_error *err);

/*
 * A store whose calls run one after the other on a thread of its own, which also opens the inner store. Callable from
 * any thread; each call waits for its turn.
 */
typedef xai_status (*store_opener)(const char *path, store **out, xai_error *err);
xai_status store_serial_open(store_opener opener, const char *path, store **out, xai_error *err);

#endif
