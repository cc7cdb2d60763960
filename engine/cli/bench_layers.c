/*
 * xai bench --per-layer: what each layer costs, and the least that this machine could take for it.
 *
 * A session runs whole passes, so that a layer finds its input where it does in earnest (mostly in a cache), and is
 * watched node by node; the best of all runs counts. On one thread that is the thread's CPU time, which a busy machine
 * disturbs least. The batch is one program's, spread over the threads layer by layer.
 *
 * Bytes are what a layer cannot do without: inputs and weights once, output once, all as float32 whatever the
 * precision. Operations are two for each multiply-add of the plain definition: a convolution that does with fewer
 * (Winograd) may be above the peak. A backward pass to the input is held to do as much again.
 */
#include "bench.h"

#include "json/doc.h"
#include "roofline.h"

#include <stdio.h>
#include <string.h>

enum { FORWARD, BACKWARD, PASSES, KERNEL_SIZE = 48, SHAPE_SIZE = 64 };

static const char *const PASS_NAMES[PASSES] = {"forward", "backward"};

typedef struct layers {
    bench_program p;
    xai_pool *pool;
    xai_session *session;
    roofline roof;
    bool gradient;
    int threads;
    int at;               /* position of the node that runs */
    double began;         /* microseconds */
    double *best[PASSES]; /* microseconds by position; 0: it has not run */
} layers;

/* One layer in one pass, held against the machine. */
typedef struct verdict {
    double us, gflop, bytes, least_us;
    bool memory;
} verdict;

/* ---------------------------------------------------------------- measure */

static void watch(void *user, const xai_node *node, bool backward, bool begins)
{
    layers *l = user;
    if (begins) {
        for (l->at = 0; l->p.program->nodes[l->at] != node;) l->at++;
        l->began = roofline_now_us(l->threads);
        return;
    }
    double us = roofline_now_us(l->threads) - l->began, *best = &l->best[backward ? BACKWARD : FORWARD][l->at];
    if (*best == 0 || us < *best) *best = us;
}

static xai_status run_once(layers *l, float *gradient, xai_error *err)
{
    xai_par par = {xai_pool_threads(l->pool) > 1 ? l->pool : NULL};
    xai_wanted wanted = {l->p.by, gradient};
    bench_program_fill(&l->p, l->session, 0);
    xai_session_forward(l->session, &par);
    if (!l->gradient) return XAI_OK;
    return xai_session_backward(l->session, &l->p.target, 1, &wanted, 1, XAI_POLICY_PLAIN, &par, err);
}

static xai_status run_all(layers *l, int64_t runs, xai_error *err)
{
    float *gradient = l->gradient ? XAI_NEW(l->p.arena, float, (size_t)xai_value_count(l->p.by)) : NULL;
    if (l->gradient && !gradient) XAI_NO_MEMORY(err);
    xai_status status = XAI_OK;
    xai_pool_enter(l->pool, false);
    for (int64_t i = 0; i < runs && status == XAI_OK; i++) status = run_once(l, gradient, err);
    xai_pool_leave(l->pool);
    return status;
}

static xai_status open_session(layers *l, cli_call *call, int64_t batch, xai_error *err)
{
    const char *what = cli_text(call, CLI_WHAT, "forward");
    int64_t threads;
    l->gradient = strcmp(what, "gradient") == 0;
    XAI_CHECK(l->gradient || strcmp(what, "forward") == 0, err, USAGE, "--what",
              "layers are measured in a forward or in a gradient (forward and backward), not in '%s'", what);
    XAI_TRY(cli_int(call, CLI_THREADS, 1, 1, 256, &threads, err));
    XAI_TRY(xai_pool_new((int)threads, &l->pool, err));
    l->threads = (int)threads;
    XAI_TRY(bench_program_open(call, batch, 1, &l->p, err));
    XAI_CHECK(!l->gradient || (l->p.by && l->p.target.value), err, USAGE, "--what",
              "the model has no float input or no float output");
    for (int pass = 0; pass < PASSES; pass++)
        if (!(l->best[pass] = XAI_NEW(l->p.arena, double, (size_t)l->p.program->node_count + 1))) XAI_NO_MEMORY(err);
    xai_session_spec spec = {.mode = l->gradient ? XAI_PLAN_GRADIENT : XAI_PLAN_FORWARD, .keep = l->p.outputs,
                             .keep_count = l->p.output_count, .threads = (int)threads};
    XAI_TRY(xai_session_new(l->p.program, &spec, &l->session, err));
    xai_session_observe(l->session, &(xai_observer){watch, l});
    return XAI_OK;
}

/* ---------------------------------------------------------------- judge */

static double bytes_moved(const xai_node *node)
{
    double bytes = 0;
    for (int i = 0; i < node->in_count + node->out_count; i++) {
        const xai_value *v = i < node->in_count ? node->in[i] : node->out[i - node->in_count];
        if (v) bytes += (double)xai_value_count(v) * (double)xai_dtype_size(v->dtype);
    }
    return bytes;
}

/* The last of the nodes that run as one from this position on. */
static const xai_node *last_of(const layers *l, int pass, int at)
{
    return l->p.program->nodes[pass == FORWARD ? at + xai_session_together(l->session, at) - 1 : at];
}

/* What lies between nodes that run as one need not move. */
static verdict judge(const layers *l, int pass, int at)
{
    verdict v = {.us = l->best[pass][at]};
    double macs = 0;
    if (v.us == 0) return v;
    for (int i = at;; i++) {
        const xai_node *node = l->p.program->nodes[i];
        macs += node->macs;
        v.bytes += bytes_moved(node);
        if (node == last_of(l, pass, at)) break;
        v.bytes -= 2 * (double)xai_value_count(node->out[0]) * sizeof(float);
    }
    v.gflop = 2e-9 * macs;
    v.least_us = roofline_us(&l->roof, macs, v.bytes);
    v.memory = roofline_is_memory(&l->roof, macs, v.bytes);
    return v;
}

static void describe_kernel(const layers *l, int pass, int at, char text[KERNEL_SIZE])
{
    const xai_node *node = l->p.program->nodes[at];
    text[0] = 0;
    if (pass != FORWARD) return;
    if (xai_session_together(l->session, at) > 1)
        snprintf(text, KERNEL_SIZE, "channels last, %d as one", xai_session_together(l->session, at));
    else if (node->op->describe) node->op->describe(node, text, KERNEL_SIZE);
}

/* ---------------------------------------------------------------- tell */

static double rate(double gflop, double us) { return us > 0 ? 1e6 * gflop / us : 0; }
static double share(const verdict *v) { return v->us > 0 ? v->least_us / v->us : 0; }
static double gap_ms(const verdict *v) { return (v->us - v->least_us) * 1e-3; }

/* The members that a layer and the total have in common. */
static json_t *verdict_json(const verdict *v)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "us", xai_json_real(v->us), "gflop",
                     xai_json_real(v->gflop), "gflop_per_s", xai_json_real(rate(v->gflop, v->us)), "bytes",
                     xai_json_real(v->bytes), "roofline_us", xai_json_real(v->least_us), "share",
                     xai_json_real(share(v)), "gap_ms", xai_json_real(gap_ms(v)));
}

static json_t *layer_json(const layers *l, int pass, int at, const verdict *v)
{
    const xai_node *node = last_of(l, pass, at);
    char kernel[KERNEL_SIZE], shape[SHAPE_SIZE];
    json_t *json = verdict_json(v);
    describe_kernel(l, pass, at, kernel);
    json_object_set_new(json, "pass", json_string(PASS_NAMES[pass]));
    json_object_set_new(json, "operator", json_string(node->op->type));
    json_object_set_new(json, "node", xai_json_text(node->name));
    json_object_set_new(json, "output", xai_json_text(node->out[0]->name));
    json_object_set_new(json, "shape", json_string(xai_shape_text(&node->out[0]->shape, shape, sizeof shape)));
    json_object_set_new(json, "kernel", kernel[0] ? json_string(kernel) : json_null());
    json_object_set_new(json, "bound", json_string(v->memory ? "memory" : "compute"));
    return json;
}

static void print_numbers(const verdict *v, const char *bound)
{
    printf("%10.1f us %7.1f GFLOP/s %8.2f MB %9.1f us %5.1f %% %7.3f ms %s\n", v->us, rate(v->gflop, v->us),
           v->bytes * 1e-6, v->least_us, 100 * share(v), gap_ms(v), bound);
}

static void print_layer(const layers *l, int pass, int at, const verdict *v)
{
    const xai_node *node = last_of(l, pass, at);
    char kernel[KERNEL_SIZE], shape[SHAPE_SIZE];
    describe_kernel(l, pass, at, kernel);
    printf("%3d %-20s %-18s %-30s", at, node->op->type, xai_shape_text(&node->out[0]->shape, shape, sizeof shape),
           kernel);
    print_numbers(v, v->memory ? "memory" : "compute");
}

/* Adds the layers of one pass to `list` (NULL: prints them), and the total to `totals`. */
static void tell_pass(const layers *l, int pass, json_t *list, json_t *totals)
{
    verdict all = {0};
    if (!list)
        printf("%s\n%-73s %13s %15s %11s %12s %7s %10s\n", PASS_NAMES[pass],
               "    operator             output             kernel", "best", "rate", "moved", "roofline", "share",
               "gap");
    for (int at = 0; at < l->p.program->node_count; at++) {
        verdict v = judge(l, pass, at);
        if (v.us == 0) continue;
        if (list) json_array_append_new(list, layer_json(l, pass, at, &v));
        else print_layer(l, pass, at, &v);
        all.us += v.us;
        all.gflop += v.gflop;
        all.bytes += v.bytes;
        all.least_us += v.least_us;
    }
    if (list) json_object_set_new(totals, PASS_NAMES[pass], verdict_json(&all));
    else printf("%-73s", "    all layers"), print_numbers(&all, "");
}

static void print_table(const layers *l)
{
    printf("%s, %d threads: at most %.1f GFLOP/s;", l->roof.isa, l->roof.threads, l->roof.gflops);
    for (int i = 0; i < ROOFLINE_SETS; i++)
        printf("%s %.1f GB/s in %zu KiB", i ? "," : "", l->roof.sets[i].gb_per_s, l->roof.sets[i].bytes >> 10);
    printf("\n");
    for (int pass = 0; pass < (l->gradient ? PASSES : 1); pass++) tell_pass(l, pass, NULL, NULL);
}

static json_t *report(cli_call *call, const layers *l, int64_t batch, int64_t runs)
{
    char place[CLI_PATH_SIZE];
    json_t *list = json_array(), *totals = json_object();
    for (int pass = 0; pass < (l->gradient ? PASSES : 1); pass++) tell_pass(l, pass, list, totals);
    return json_pack("{s:o, s:s, s:I, s:I, s:s, s:o, s:o, s:o}", "model", xai_json_text(cli_model_path(call, place)),
                     "precision", l->p.program->bf16 ? "bf16" : "f32", "batch", (json_int_t)batch, "runs",
                     (json_int_t)runs, "clock", l->threads == 1 ? "cpu" : "wall", "machine",
                     roofline_json(&l->roof), "layers", list, "totals", totals);
}

xai_status bench_layers(cli_call *call, int64_t batch, int64_t runs, xai_error *err)
{
    layers l = {.at = 0};
    xai_status status = XAI_OK;
    XAI_TRY_OUT(open_session(&l, call, batch, err));
    XAI_TRY_OUT(roofline_measure(l.pool, &l.roof, err));
    XAI_TRY_OUT(run_all(&l, runs, err));
    if (call->options[CLI_TEXT].count) print_table(&l);
    else XAI_TRY_OUT(cli_print(report(call, &l, batch, runs), err));
out:
    xai_session_free(l.session);
    bench_program_close(&l.p);
    xai_pool_free(l.pool);
    return status;
}
