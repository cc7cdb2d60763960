/*
 * What the parts of `xai bench` share: a program with inputs for it, and a kind of work that can be done again and again.
 */
#ifndef XAI_CLI_BENCH_H
#define XAI_CLI_BENCH_H

#include "cli.h"
#include "graph/lanes.h"

enum { BENCH_MAX_RUNS = 1000, BENCH_MAX_BATCH = 4096 };

/* A graph from a file, made concrete, and values for its inputs. Sizes that the file leaves open are 224. */
typedef struct bench_program {
    xai_arena *arena;
    xai_graph *graph;
    xai_program *program;
    const char **outputs; /* those that depend on the input */
    size_t output_count, samples;
    void **inputs;         /* of each graph input: `samples` values, one after the other */
    const xai_value *by;   /* the first float input: what gradients are taken by; NULL: there is none */
    xai_seed target;       /* one element of the first output in each of its rows */
} bench_program;

/* `batch` is what the program takes at once; `samples` is how many such inputs there are. Its precision is the call's. */
xai_status bench_program_open(cli_call *call, int64_t batch, size_t samples, bench_program *out, xai_error *err);
void bench_program_close(bench_program *program);
/* Puts input `sample` where the session reads it; before every run, since a forward may overwrite it. */
void bench_program_fill(const bench_program *program, xai_session *session, size_t sample);

/* What can be timed: "forward" and "gradient" (forward and backward to the input) of raw samples through lanes, as
 * explainers run them; "predict", or a method by its id, on a gray picture, from the pixels to the result. */
typedef struct bench_work bench_work;
xai_status bench_work_new(cli_call *call, const char *what, size_t batch, xai_pool *pool, bench_work **out,
                          xai_error *err);
void bench_work_free(bench_work *work);
/* One pass over the batch; *ms per sample. */
xai_status bench_work_pass(bench_work *work, double *ms, xai_error *err);

/* xai bench --per-layer */
xai_status bench_layers(cli_call *call, int64_t batch, int64_t runs, xai_error *err);

#endif
