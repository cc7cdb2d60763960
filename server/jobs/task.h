/*
 * Task: one piece of work, read and checked, ready to run: the request with everything it points to.
 *
 * A task is made on the thread that accepted it and belongs to one owner at a time. Its text is enough to make it
 * again after a restart.
 */
#ifndef EXPLAIND_JOBS_TASK_H
#define EXPLAIND_JOBS_TASK_H

#include <jansson.h>

#include "base/arena.h"
#include "bytes.h"
#include "engine.h"
#include "models.h"

typedef enum jobs_kind { JOBS_EXPLAIN, JOBS_PREDICT, JOBS_PROBE, JOBS_QUIZ } jobs_kind;

/* A picture that is the mask of a target, still to be decoded. */
typedef struct jobs_mask {
    size_t target;
    uint8_t *bytes; /* in the arena */
    size_t size;
} jobs_mask;

typedef struct jobs_task {
    jobs_kind kind;
    xai_arena *arena;
    json_t *json; /* without the image */
    char *text;   /* the same, as it is stored */
    jobs_bytes *image;
    char sha256[65]; /* of the image's bytes */
    char owner[64];
    int quota;       /* unfinished jobs that the owner may have; 0: any number */
    int64_t wait_ms; /* from the request; -1: not given */
    double cost;     /* forward-equivalents */
    char key[65];    /* equal keys have equal results; "": never merged */
    xai_request request;     /* EXPLAIN, PREDICT; without the image */
    xai_target *targets;     /* of the request */
    jobs_mask *masks;        /* of some of them */
    size_t mask_count;
    xai_probe_request probe; /* PROBE; without the image */
    xai_quiz_request quiz;   /* QUIZ; without the image */
} jobs_task;

/*
 * An explanation, or a prediction (no methods). Takes `json` over, whatever happens. `image` NULL: it is in the JSON as
 * base64. Errors carry the JSON pointer of the culprit.
 */
xai_status jobs_task_explain(const jobs_engine *engine, const models *all, jobs_kind kind, json_t *json,
                             jobs_bytes *image, const char *owner, jobs_task **out, xai_error *err);

/*
 * A probe of a finished SAG: `result` is its element of "results" in the finished document, `masks` a JSON array of
 * mask ids. Both are only read.
 */
xai_status jobs_task_probe(const jobs_engine *engine, const models *all, const char *model, const json_t *result,
                           const json_t *masks, jobs_bytes *image, const char *owner, jobs_task **out, xai_error *err);

/* What a quiz is to be, xai_quiz_request. */
typedef struct jobs_quiz_spec {
    const json_t *shown; /* mask ids */
    size_t sufficient, pairs;
    uint64_t seed;
    const json_t *about; /* an object of the caller's, returned with the pairs */
} jobs_quiz_spec;

/* A quiz about a finished SAG, `result` as above. Its document is `about` with
 * {"pairs": [{"a": {"id", "p", "heat"}, "b": the same, "misleading"}]}. */
xai_status jobs_task_quiz(const jobs_engine *engine, const models *all, const char *model, const json_t *result,
                          const jobs_quiz_spec *spec, jobs_bytes *image, const char *owner, jobs_task **out,
                          xai_error *err);

void jobs_task_free(jobs_task *task);

#endif
