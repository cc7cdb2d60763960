/*
 * Raw runs: named tensors in, named tensors and gradients out, no preprocessing. The engine as outside tests see it.
 *
 * A program is built for the very shapes that are given, run once over all threads, and dropped.
 */
#include "budget.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct run {
    const xai_graph *graph;
    const xai_run_request *request;
    xai_arena *arena;
    xai_program *program;
    xai_session *session;
    const char **wanted; /* outputs, then fetched tensors */
    size_t wanted_count;
    const char **weights; /* of the fetched ones, if gradients are asked for */
    size_t weight_count;
    xai_array *out;
    size_t out_count;
    int threads;
    xai_lease lease;
    size_t leased; /* on it */
} run;

static const xai_array *input_named(const xai_run_request *r, const char *name)
{
    for (size_t i = 0; i < r->input_count; i++)
        if (strcmp(r->inputs[i].name, name) == 0) return &r->inputs[i];
    return NULL;
}

static xai_status check_input(const xai_graph_input *in, const xai_array *a, xai_error *err)
{
    XAI_CHECK(a, err, BAD_TENSOR, in->name, "input '%s' is missing", in->name);
    XAI_CHECK(a->dtype == in->dtype || (a->dtype == XAI_F64 && in->dtype == XAI_F32), err, BAD_TENSOR, in->name, "input '%s' must be %s, not %s", in->name,
              xai_dtype_name(in->dtype), xai_dtype_name(a->dtype));
    if (in->shape.rank == 0) return XAI_OK; /* the file does not say */
    XAI_CHECK(a->rank == in->shape.rank, err, BAD_TENSOR, in->name, "input '%s' must have %d dimensions, not %d",
              in->name, in->shape.rank, a->rank);
    for (int k = 0; k < a->rank; k++)
        XAI_CHECK(in->shape.dim[k] < 0 || in->shape.dim[k] == a->shape[k], err, BAD_TENSOR, in->name,
                  "input '%s' must have %" PRId64 " in dimension %d, not %" PRId64, in->name, in->shape.dim[k], k,
                  a->shape[k]);
    return XAI_OK;
}

static xai_status read_shapes(run *r, xai_shape **out, xai_error *err)
{
    const xai_graph *g = r->graph;
    xai_shape *shapes = XAI_NEW(r->arena, xai_shape, g->input_count);
    if (!shapes) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < r->request->input_count; i++)
        XAI_CHECK(xai_graph_find_input(g, r->request->inputs[i].name), err, BAD_TENSOR, r->request->inputs[i].name,
                  "the graph has no input '%s'; its first is '%s'", r->request->inputs[i].name,
                  g->input_count ? g->inputs[0].name : "");
    for (size_t i = 0; i < g->input_count; i++) {
        const xai_array *a = input_named(r->request, g->inputs[i].name);
        XAI_TRY(check_input(&g->inputs[i], a, err));
        shapes[i].rank = a->rank;
        memcpy(shapes[i].dim, a->shape, sizeof shapes[i].dim);
    }
    *out = shapes;
    return XAI_OK;
}

static xai_status list_wanted(run *r, xai_error *err)
{
    const xai_graph *g = r->graph;
    const xai_run_request *q = r->request;
    r->wanted = XAI_NEW(r->arena, const char *, g->output_count + q->fetch_count + 1);
    r->weights = XAI_NEW(r->arena, const char *, q->fetch_count + 1);
    if (!r->wanted || !r->weights) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < g->output_count; i++) r->wanted[r->wanted_count++] = g->outputs[i];
    for (size_t i = 0; i < q->fetch_count; i++) {
        const xai_tensor *weight = xai_names_get(g->constants, q->fetch[i]);
        const char **name = &r->wanted[r->wanted_count++];
        *name = q->fetch[i];
        if (!weight) XAI_TRY(xai_graph_find_tensor(g, q->fetch[i], name, err));
        else if (q->gradient_output && weight->dtype == XAI_F32) r->weights[r->weight_count++] = *name;
    }
    return XAI_OK;
}

static xai_status build(run *r, xai_error *err)
{
    xai_shape *shapes = NULL;
    XAI_TRY(read_shapes(r, &shapes, err));
    XAI_TRY(list_wanted(r, err));
    const char *target = r->request->gradient_output;
    xai_program_spec spec = {.shapes = shapes, .outputs = r->wanted, .output_count = r->wanted_count, .keep = &target,
                             .keep_count = target ? 1 : 0, .variables = r->weights,
                             .variable_count = r->weight_count};
    XAI_TRY(xai_program_build(r->graph, &spec, &r->program, err));
    const char **runs = XAI_NEW(r->arena, const char *, r->wanted_count + 1);
    if (!runs) XAI_NO_MEMORY(err);
    size_t n = 0;
    for (size_t i = 0; i < r->wanted_count; i++)
        if (xai_value_runs(xai_program_find(r->program, r->wanted[i]))) runs[n++] = r->wanted[i];
    xai_session_spec keep = {.mode = target ? XAI_PLAN_GRADIENT : XAI_PLAN_FORWARD, .keep = runs, .keep_count = n,
                             .threads = r->threads};
    size_t bytes;
    XAI_TRY(xai_session_plan_bytes(r->program, &keep, &bytes, err));
    XAI_TRY(xai_lease_take(&r->lease, bytes, err));
    r->leased = bytes;
    return xai_session_new(r->program, &keep, &r->session, err);
}

/* An array of the value's shape, to be filled. */
static xai_status add_array(run *r, const char *name, const xai_value *v, void **data, xai_error *err)
{
    xai_array *a = &r->out[r->out_count];
    size_t bytes = (size_t)xai_value_count(v) * xai_dtype_size(v->dtype);
    a->name = strdup(name);
    a->data = calloc(1, bytes + 1);
    a->dtype = v->dtype;
    a->rank = v->shape.rank;
    memcpy(a->shape, v->shape.dim, sizeof a->shape);
    r->out_count++;
    if (!a->name || !a->data) XAI_NO_MEMORY(err);
    *data = a->data;
    return XAI_OK;
}

static xai_status collect(run *r, xai_error *err)
{
    for (size_t i = 0; i < r->wanted_count; i++) {
        const xai_value *v = xai_program_find(r->program, r->wanted[i]);
        void *data;
        XAI_TRY(add_array(r, r->wanted[i], v, &data, err));
        memcpy(data, xai_session_value_data(r->session, v), (size_t)xai_value_count(v) * xai_dtype_size(v->dtype));
    }
    return XAI_OK;
}

/* 1 at the index in every sample of the batch. */
static xai_status make_seed(run *r, xai_seed *seed, xai_error *err)
{
    const xai_run_request *q = r->request;
    const xai_value *v = xai_program_find(r->program, q->gradient_output);
    XAI_CHECK(xai_value_runs(v) && v->dtype == XAI_F32 && v->shape.rank > 0, err, BAD_TENSOR, q->gradient_output,
              "'%s' is not a float tensor that depends on the input", q->gradient_output);
    int64_t batch = v->shape.dim[0], span = xai_shape_span(&v->shape, 1, v->shape.rank);
    XAI_CHECK(q->gradient_index >= 0 && q->gradient_index < span, err, BAD_TENSOR, q->gradient_output,
              "'%s' has elements 0 to %" PRId64 " a sample; there is no %" PRId64, q->gradient_output, span - 1,
              q->gradient_index);
    float *grad = XAI_NEW(r->arena, float, (size_t)(batch * span));
    if (!grad) XAI_NO_MEMORY(err);
    for (int64_t i = 0; i < batch; i++) grad[i * span + q->gradient_index] = 1;
    *seed = (xai_seed){v, grad};
    return XAI_OK;
}

/* Room for d target / d value, if that is a number that the run makes; else nothing happens. */
static xai_status want_gradient(run *r, const xai_value *v, xai_wanted *wanted, size_t *count, xai_error *err)
{
    if (!xai_value_runs(v) || v->dtype != XAI_F32) return XAI_OK;
    char *name = xai_arena_printf(r->arena, "grad_%s", v->name);
    void *data;
    if (!name) XAI_NO_MEMORY(err);
    XAI_TRY(add_array(r, name, v, &data, err));
    wanted[(*count)++] = (xai_wanted){v, data};
    return XAI_OK;
}

static bool is_input(const run *r, const xai_value *v)
{
    for (int i = 0; i < r->program->input_count; i++)
        if (r->program->inputs[i] == v) return true;
    return false;
}

/* By every input, then by the fetched tensors and weights. */
static xai_status differentiate(run *r, const xai_par *par, xai_error *err)
{
    xai_seed seed;
    size_t n = 0, inputs = (size_t)r->program->input_count, outputs = r->graph->output_count;
    XAI_TRY(make_seed(r, &seed, err));
    xai_wanted *wanted = XAI_NEW(r->arena, xai_wanted, inputs + r->wanted_count);
    if (!wanted) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < inputs; i++) XAI_TRY(want_gradient(r, r->program->inputs[i], wanted, &n, err));
    for (size_t i = outputs; i < r->wanted_count; i++) {
        const xai_value *v = xai_program_find(r->program, r->wanted[i]);
        if (!is_input(r, v)) XAI_TRY(want_gradient(r, v, wanted, &n, err));
    }
    return xai_session_backward(r->session, &seed, 1, wanted, n, XAI_POLICY_PLAIN, par, err);
}

/* Doubles become the floats that the graph computes in. */
static xai_status fill_input(void *to, const xai_value *v, const xai_array *a, xai_error *err)
{
    size_t count = (size_t)xai_value_count(v);
    if (a->dtype == v->dtype) {
        memcpy(to, a->data, count * xai_dtype_size(v->dtype));
        return XAI_OK;
    }
    for (size_t i = 0; i < count; i++) {
        double value = ((const double *)a->data)[i];
        XAI_CHECK(!(fabs(value) > (double)FLT_MAX), err, BAD_TENSOR, v->name,
                  "input '%s' holds %g, which float32 cannot hold", v->name, value);
        ((float *)to)[i] = (float)value;
    }
    return XAI_OK;
}

static xai_status compute(run *r, const xai_par *par, xai_error *err)
{
    for (int i = 0; i < r->program->input_count; i++) {
        const xai_value *v = r->program->inputs[i];
        XAI_TRY(fill_input(xai_session_value_data(r->session, v), v, input_named(r->request, v->name), err));
    }
    xai_session_forward(r->session, par);
    XAI_TRY(collect(r, err));
    return r->request->gradient_output ? differentiate(r, par, err) : XAI_OK;
}

static void drop(run *r)
{
    for (size_t i = 0; i < r->out_count; i++) xai_array_clear(&r->out[i]);
    free(r->out);
}

static xai_status perform(run *r, xai_pool *pool, xai_token *token, xai_error *err)
{
    r->threads = pool ? xai_pool_threads(pool) : 1;
    XAI_TRY(build(r, err));
    XAI_TRY(xai_token_check(token, err));
    r->out = calloc(2 * r->wanted_count + (size_t)r->program->input_count, sizeof *r->out);
    if (!r->out) XAI_NO_MEMORY(err);
    xai_par par = {NULL};
    if (pool) {
        par.pool = pool;
        xai_pool_enter(pool, false);
    }
    xai_status status = compute(r, &par, err);
    if (pool) xai_pool_leave(pool);
    return status;
}

static xai_status run_graph(const xai_graph *graph, xai_pool *pool, const xai_run_request *request, xai_token *token,
                            xai_array **out, size_t *out_count, xai_error *err)
{
    run r = {.graph = graph, .request = request, .arena = xai_arena_new(0), .lease = {.token = token}};
    if (!r.arena) XAI_NO_MEMORY(err);
    xai_status status = perform(&r, pool, token, err);
    if (status != XAI_OK) drop(&r);
    else {
        *out = r.out;
        *out_count = r.out_count;
    }
    xai_session_free(r.session);
    xai_lease_give(&r.lease, r.leased);
    xai_program_free(r.program);
    xai_arena_free(r.arena);
    return status;
}

xai_status xai_run(const char *path, xai_pool *pool, const xai_run_request *request, xai_token *token,
                   xai_array **out, size_t *out_count, xai_error *err)
{
    xai_graph *graph;
    XAI_TRY(xai_graph_load(path, &graph, err));
    xai_status status = run_graph(graph, pool, request, token, out, out_count, err);
    xai_graph_free(graph);
    return status;
}
