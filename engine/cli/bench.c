/*
 * xai bench: how long passes take on this machine.
 *
 * Several kinds of work are timed in turns, so that the machine's moods hit all alike. With --serve, one kind of work
 * stays ready and is timed as lines of stdin ask ("run 5": five passes), so that another program can take turns between
 * this engine and others: the first line of stdout says what is ready, each further one lists milliseconds a sample.
 */
#include "bench.h"

#include "json/doc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct bench {
    xai_pool *pool;
    cli_values whats;
    bench_work *works[CLI_MAX_REPEATS];
    double *ms[CLI_MAX_REPEATS];
    int64_t batch, repeat;
    xai_precision precision;
} bench;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The members by which any output says what was timed. */
static json_t *describe(cli_call *call, const bench *b)
{
    char place[CLI_PATH_SIZE];
    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:i, s:I}", "engine", "explaind", "version", XAI_VERSION, "model",
                     xai_json_text(cli_model_path(call, place)), "isa", xai_precision_isa(b->precision), "precision",
                     xai_precision_name(b->precision), "threads", xai_pool_threads(b->pool), "batch",
                     (json_int_t)b->batch);
}

static xai_status open_works(cli_call *call, bench *b, xai_error *err)
{
    XAI_TRY(cli_make_pool(call, &b->pool, err));
    for (size_t k = 0; k < b->whats.count; k++) {
        XAI_TRY(bench_work_new(call, b->whats.items[k], (size_t)b->batch, b->pool, &b->works[k], err));
        b->ms[k] = XAI_NEW(call->arena, double, (size_t)b->repeat);
        if (!b->ms[k]) XAI_NO_MEMORY(err);
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- by itself */

static xai_status time_all(bench *b, xai_error *err)
{
    double warm_up;
    for (size_t k = 0; k < b->whats.count; k++) XAI_TRY(bench_work_pass(b->works[k], &warm_up, err));
    for (int64_t i = 0; i < b->repeat; i++)
        for (size_t k = 0; k < b->whats.count; k++) XAI_TRY(bench_work_pass(b->works[k], &b->ms[k][i], err));
    return XAI_OK;
}

static xai_status report(cli_call *call, bench *b, xai_error *err)
{
    XAI_TRY(time_all(b, err));
    json_t *rows = json_array(), *root = describe(call, b);
    for (size_t k = 0; k < b->whats.count; k++) {
        qsort(b->ms[k], (size_t)b->repeat, sizeof(double), by_value);
        json_array_append_new(rows, json_pack("{s:s, s:o, s:o, s:o}", "what", b->whats.items[k], "min_ms",
                                              xai_json_real(b->ms[k][0]), "median_ms",
                                              xai_json_real(b->ms[k][b->repeat / 2]), "max_ms",
                                              xai_json_real(b->ms[k][b->repeat - 1])));
    }
    json_object_set_new(root, "runs", json_integer(b->repeat));
    json_object_set_new(root, "rows", rows);
    return cli_print(root, err);
}

/* ---------------------------------------------------------------- as another program asks */

static xai_status print_line(json_t *value, xai_error *err)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(value);
    if (!text) XAI_NO_MEMORY(err);
    bool ok = puts(text) >= 0 && fflush(stdout) == 0;
    free(text);
    XAI_CHECK(ok, err, IO, "stdout", "cannot write the result");
    return XAI_OK;
}

static xai_status answer(bench_work *work, const char *line, xai_error *err)
{
    long runs;
    char end;
    XAI_CHECK(sscanf(line, "run %ld %c", &runs, &end) == 1 && runs >= 1 && runs <= BENCH_MAX_RUNS, err, USAGE, "stdin",
              "a line must be \"run N\", N from 1 to %d", BENCH_MAX_RUNS);
    json_t *list = json_array();
    for (long i = 0; i < runs; i++) {
        double ms;
        xai_status status = bench_work_pass(work, &ms, err);
        if (status != XAI_OK) {
            json_decref(list);
            return status;
        }
        json_array_append_new(list, xai_json_real(ms));
    }
    return print_line(list, err);
}

static xai_status serve(cli_call *call, bench *b, xai_error *err)
{
    char line[64];
    XAI_TRY(print_line(describe(call, b), err));
    while (fgets(line, sizeof line, stdin)) XAI_TRY(answer(b->works[0], line, err));
    return XAI_OK;
}

/* ---------------------------------------------------------------- the command */

static xai_status read_options(cli_call *call, bench *b, xai_error *err)
{
    XAI_TRY(cli_precision(call, &b->precision, err));
    const char *whats = b->precision == XAI_PRECISION_F32 ? "forward,gradient" : "forward";
    XAI_TRY(cli_int(call, CLI_REPEAT, 20, 1, BENCH_MAX_RUNS, &b->repeat, err));
    XAI_TRY(cli_int(call, CLI_BATCH, 1, 1, BENCH_MAX_BATCH, &b->batch, err));
    XAI_TRY(cli_split(call, cli_text(call, CLI_WHAT, whats), &b->whats, err));
    bool serves = call->options[CLI_SERVE].count;
    XAI_CHECK(!serves || b->whats.count == 1, err, USAGE, "--what", "--serve needs --what with one kind of work");
    return XAI_OK;
}

xai_status cli_bench(cli_call *call, xai_error *err)
{
    bench *b = XAI_NEW(call->arena, bench, 1);
    xai_status status = XAI_OK;
    if (!b) XAI_NO_MEMORY(err);
    XAI_TRY(read_options(call, b, err));
    if (call->options[CLI_PER_LAYER].count) return bench_layers(call, b->batch, b->repeat, err);
    XAI_TRY_OUT(open_works(call, b, err));
    if (call->options[CLI_SERVE].count) XAI_TRY_OUT(serve(call, b, err));
    else XAI_TRY_OUT(report(call, b, err));
out:
    for (size_t k = 0; k < b->whats.count; k++) bench_work_free(b->works[k]);
    xai_pool_free(b->pool);
    return status;
}
