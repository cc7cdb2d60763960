/* What is timed: a graph from a file as a program, with inputs that are noise about zero, the same in every process. */
#include "bench.h"

#include "kernels/bf16.h"

#include <inttypes.h>
#include <string.h>

enum { OPEN_SIZE = 224 };

static xai_status concrete_shapes(bench_program *p, int64_t batch, xai_shape **out, xai_error *err)
{
    const xai_graph *g = p->graph;
    xai_shape *shapes = *out = XAI_NEW(p->arena, xai_shape, g->input_count + 1);
    if (!shapes) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < g->input_count; i++) {
        xai_shape *s = &shapes[i];
        *s = g->inputs[i].shape;
        for (int k = 0; k < s->rank; k++)
            if (s->dim[k] < 0) s->dim[k] = k == 0 ? batch : OPEN_SIZE;
        XAI_CHECK(batch == 1 || (s->rank > 0 && s->dim[0] == batch), err, USAGE, "--batch",
                  "the file fixes how many samples it takes at once: %" PRId64, s->rank ? s->dim[0] : 1);
    }
    return XAI_OK;
}

static xai_status build(bench_program *p, cli_call *call, int64_t batch, xai_error *err)
{
    xai_shape *shapes;
    xai_precision precision;
    XAI_TRY(cli_precision(call, &precision, err));
    XAI_TRY(concrete_shapes(p, batch, &shapes, err));
    const xai_graph *g = p->graph;
    xai_program_spec spec = {.shapes = shapes, .outputs = g->outputs, .output_count = g->output_count,
                             .bf16 = precision == XAI_PRECISION_BF16 ? xai_bf16_get() : NULL};
    XAI_TRY(xai_program_build(g, &spec, &p->program, err));
    p->outputs = XAI_NEW(p->arena, const char *, g->output_count + 1);
    if (!p->outputs) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < g->output_count; i++)
        if (xai_value_runs(xai_program_find(p->program, g->outputs[i]))) p->outputs[p->output_count++] = g->outputs[i];
    return XAI_OK;
}

static size_t value_bytes(const xai_value *v) { return (size_t)xai_value_count(v) * xai_dtype_size(v->dtype); }

static void fill_noise(float *x, size_t n)
{
    uint32_t state = 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) / (float)(1 << 23) - 1;
    }
}

/* Inputs that are no floats stay zero. */
static xai_status make_inputs(bench_program *p, xai_error *err)
{
    size_t count = (size_t)p->program->input_count;
    p->inputs = XAI_NEW(p->arena, void *, count + 1);
    if (!p->inputs) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < count; i++) {
        const xai_value *v = p->program->inputs[i];
        if (!(p->inputs[i] = xai_arena_alloc(p->arena, p->samples, value_bytes(v)))) XAI_NO_MEMORY(err);
        if (v->dtype != XAI_F32) continue;
        fill_noise(p->inputs[i], p->samples * (size_t)xai_value_count(v));
        if (!p->by) p->by = v;
    }
    return XAI_OK;
}

static xai_status make_target(bench_program *p, xai_error *err)
{
    const xai_value *v = p->output_count ? xai_program_find(p->program, p->outputs[0]) : NULL;
    if (!v || v->dtype != XAI_F32) return XAI_OK;
    size_t count = (size_t)xai_value_count(v), rows = v->shape.rank ? (size_t)v->shape.dim[0] : 1, row = count / rows;
    float *grad = XAI_NEW(p->arena, float, count + 1);
    if (!grad) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < rows; i++) grad[i * row + row / 2] = 1;
    p->target = (xai_seed){v, grad};
    return XAI_OK;
}

xai_status bench_program_open(cli_call *call, int64_t batch, size_t samples, bench_program *out, xai_error *err)
{
    char place[CLI_PATH_SIZE];
    *out = (bench_program){.arena = xai_arena_new(0), .samples = samples};
    if (!out->arena) XAI_NO_MEMORY(err);
    XAI_TRY(xai_graph_load(cli_model_path(call, place), &out->graph, err));
    XAI_TRY(build(out, call, batch, err));
    XAI_TRY(make_inputs(out, err));
    return make_target(out, err);
}

void bench_program_close(bench_program *p)
{
    xai_program_free(p->program);
    xai_graph_free(p->graph);
    xai_arena_free(p->arena);
}

void bench_program_fill(const bench_program *p, xai_session *session, size_t sample)
{
    for (int i = 0; i < p->program->input_count; i++) {
        const xai_value *v = p->program->inputs[i];
        void *to = xai_session_value_data(session, v);
        if (to) memcpy(to, (unsigned char *)p->inputs[i] + sample * value_bytes(v), value_bytes(v));
    }
}
