/* The kinds of work that `xai bench` times. Whatever a pass needs is made before, but for what xai_explain makes. */
#include "bench.h"

#include "base/token.h"

#include <stdlib.h>
#include <string.h>

struct bench_work {
    const char *what;
    size_t batch;
    xai_pool *pool;
    /* forward, gradient */
    bench_program program;
    bool gradient;
    xai_lanes *lanes;
    float *gradients; /* one a sample */
    /* predict, methods */
    xai_model *model;
    xai_image *image;
    xai_precision precision;
    xai_named_value params[CLI_MAX_REPEATS];
    size_t param_count;
};

static bool is_raw(const char *what) { return strcmp(what, "forward") == 0 || strcmp(what, "gradient") == 0; }

static xai_status open_raw(bench_work *w, cli_call *call, xai_error *err)
{
    bench_program *p = &w->program;
    w->gradient = strcmp(w->what, "gradient") == 0;
    XAI_TRY(bench_program_open(call, 1, w->batch, p, err));
    xai_session_spec spec = {.mode = w->gradient ? XAI_PLAN_GRADIENT : XAI_PLAN_FORWARD, .keep = p->outputs,
                             .keep_count = p->output_count};
    if (w->gradient) {
        XAI_CHECK(p->by && p->target.value, err, USAGE, "--what", "the model has no float input or no float output");
        w->gradients = calloc(w->batch * (size_t)xai_value_count(p->by), sizeof(float));
        if (!w->gradients) XAI_NO_MEMORY(err);
    }
    return xai_lanes_new(p->program, &spec, w->pool, NULL, &w->lanes, err);
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

/* As text, which is parsed by the method's table. */
static xai_status read_params(bench_work *w, cli_call *call, xai_error *err)
{
    const cli_values *given = &call->options[CLI_PARAM];
    for (size_t i = 0; i < given->count; i++) {
        xai_named_value *p = &w->params[w->param_count++];
        p->type = XAI_VALUE_TEXT;
        XAI_TRY(cli_pair(call, given->items[i], &p->name, &p->text, err));
    }
    return XAI_OK;
}

static xai_status open_explain(bench_work *w, cli_call *call, xai_error *err)
{
    XAI_CHECK(strcmp(w->what, "predict") == 0 || xai_method_find(w->what), err, UNKNOWN_METHOD, w->what,
              "'%s' is neither forward, gradient, predict nor a method; `xai methods` lists them", w->what);
    XAI_CHECK(w->batch == 1, err, USAGE, "--batch", "only forward and gradient are timed in batches");
    XAI_TRY(cli_precision(call, &w->precision, err));
    XAI_TRY(cli_load_model(call, &w->model, err));
    XAI_TRY(read_params(w, call, err));
    return gray_picture(xai_model_describe(w->model), &w->image, err);
}

xai_status bench_work_new(cli_call *call, const char *what, size_t batch, xai_pool *pool, bench_work **out,
                          xai_error *err)
{
    bench_work *w = *out = calloc(1, sizeof *w);
    if (!w) XAI_NO_MEMORY(err);
    w->what = what;
    w->batch = batch;
    w->pool = pool;
    xai_status status = is_raw(what) ? open_raw(w, call, err) : open_explain(w, call, err);
    if (status == XAI_OK) return XAI_OK;
    bench_work_free(w);
    *out = NULL;
    return status;
}

void bench_work_free(bench_work *w)
{
    if (!w) return;
    xai_lanes_free(w->lanes);
    bench_program_close(&w->program);
    free(w->gradients);
    xai_image_free(w->image);
    xai_model_unref(w->model);
    free(w);
}

static xai_status run_sample(void *user, size_t index, xai_session *session, const xai_par *par, xai_error *err)
{
    bench_work *w = user;
    const bench_program *p = &w->program;
    bench_program_fill(p, session, index);
    xai_session_forward(session, par);
    if (!w->gradient) return XAI_OK;
    xai_wanted wanted = {p->by, w->gradients + index * (size_t)xai_value_count(p->by)};
    return xai_session_backward(session, &p->target, 1, &wanted, 1, XAI_POLICY_PLAIN, par, err);
}

static xai_status explain_once(bench_work *w, xai_error *err)
{
    xai_method_call call = {.id = w->what, .params = w->params, .param_count = w->param_count};
    xai_request request = {.model = w->model, .image = w->image, .calls = &call,
                           .call_count = strcmp(w->what, "predict") != 0, .precision = w->precision};
    xai_result *result;
    XAI_TRY(xai_explain(&request, w->pool, NULL, &result, err));
    xai_result_free(result);
    return XAI_OK;
}

xai_status bench_work_pass(bench_work *w, double *ms, xai_error *err)
{
    int64_t started = xai_clock_ns();
    if (w->lanes) XAI_TRY(xai_lanes_run(w->lanes, w->batch, run_sample, w, 1, NULL, NULL, err));
    else XAI_TRY(explain_once(w, err));
    *ms = (double)(xai_clock_ns() - started) * 1e-6 / (double)w->batch;
    return XAI_OK;
}
