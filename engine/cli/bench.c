/* xai bench: how long one forward and one forward with backward take on this machine, in the median of several runs,
 * interleaved so that the machine's moods hit both alike. */
#include "cli.h"

#include "base/token.h"
#include "json/doc.h"

#include <stdlib.h>
#include <string.h>

enum { BENCH_KINDS = 2, BENCH_MAX_RUNS = 1000 };

typedef struct bench {
    xai_model *model;
    xai_pool *pool;
    xai_image *image;
    int64_t repeat;
    double ms[BENCH_KINDS][BENCH_MAX_RUNS];
} bench;

static const char *const NAMES[BENCH_KINDS] = {"predict", "saliency"};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static xai_status time_once(bench *b, int kind, double *ms, xai_error *err)
{
    xai_method_call call = {.id = "saliency"};
    xai_request request = {.model = b->model, .image = b->image, .calls = &call, .call_count = (size_t)kind};
    xai_result *result;
    int64_t started = xai_clock_ns();
    XAI_TRY(xai_explain(&request, b->pool, NULL, &result, err));
    *ms = (double)(xai_clock_ns() - started) * 1e-6;
    xai_result_free(result);
    return XAI_OK;
}

static xai_status time_all(bench *b, xai_error *err)
{
    double warm_up;
    for (int k = 0; k < BENCH_KINDS; k++) XAI_TRY(time_once(b, k, &warm_up, err));
    for (int64_t i = 0; i < b->repeat; i++)
        for (int k = 0; k < BENCH_KINDS; k++) XAI_TRY(time_once(b, k, &b->ms[k][i], err));
    return XAI_OK;
}

/* A gray picture: the time does not depend on what it shows. */
static xai_status gray_picture(const xai_model_info *info, xai_image **out, xai_error *err)
{
    bool nchw = info->layout == XAI_LAYOUT_NCHW;
    int height = (int)info->input_shape[nchw ? 2 : 1], width = (int)info->input_shape[nchw ? 3 : 2];
    size_t bytes = (size_t)height * (size_t)width * 3;
    uint8_t *rgb = malloc(bytes);
    if (!rgb) XAI_NO_MEMORY(err);
    memset(rgb, 127, bytes);
    xai_status status = xai_image_from_rgb(rgb, width, height, 1, out, err);
    free(rgb);
    return status;
}

static json_t *report(bench *b)
{
    json_t *rows = json_array();
    for (int k = 0; k < BENCH_KINDS; k++) {
        qsort(b->ms[k], (size_t)b->repeat, sizeof(double), by_value);
        json_array_append_new(rows, json_pack("{s:s, s:o, s:o, s:o}", "what", NAMES[k], "min_ms",
                                              xai_json_real(b->ms[k][0]), "median_ms",
                                              xai_json_real(b->ms[k][b->repeat / 2]), "max_ms",
                                              xai_json_real(b->ms[k][b->repeat - 1])));
    }
    return json_pack("{s:s, s:s, s:i, s:I, s:o}", "model", xai_model_describe(b->model)->id, "isa", xai_isa_name(),
                     "threads", xai_pool_threads(b->pool), "runs", (json_int_t)b->repeat, "rows", rows);
}

xai_status cli_bench(cli_call *call, xai_error *err)
{
    bench *b = calloc(1, sizeof *b);
    xai_status status = XAI_OK;
    if (!b) XAI_NO_MEMORY(err);
    XAI_TRY_OUT(cli_int(call, CLI_REPEAT, 20, 1, BENCH_MAX_RUNS, &b->repeat, err));
    XAI_TRY_OUT(cli_load_model(call, &b->model, err));
    XAI_TRY_OUT(cli_make_pool(call, &b->pool, err));
    XAI_TRY_OUT(gray_picture(xai_model_describe(b->model), &b->image, err));
    XAI_TRY_OUT(time_all(b, err));
    XAI_TRY_OUT(cli_print(report(b), err));
out:
    xai_image_free(b->image);
    xai_pool_free(b->pool);
    xai_model_unref(b->model);
    free(b);
    return status;
}
