/*
 * Where the time of a forward and a backward pass goes: best CPU time of each node of a model on one thread.
 *
 *     build/tests/bench/bench_forward MODEL.onnx [runs] [least microseconds of a line]
 *
 * CPU time and the best of many runs, so that a machine with other things to do tells nearly the same as an idle one.
 * Not a test: nothing here fails. The input is 1 x 3 x 224 x 224.
 */
#include "graph/session.h"
#include "kernels/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct bench {
    xai_graph *graph;
    xai_program *program;
    xai_session *session;
    double *forward, *backward; /* best microseconds by node */
    xai_exec exec;
} bench;

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static void die(const xai_error *err)
{
    fprintf(stderr, "%s\n", err->msg);
    exit(EXIT_FAILURE);
}

static void *must(void *p)
{
    if (!p) abort();
    return p;
}

static void load(bench *b, const char *path)
{
    xai_error err = {0};
    if (xai_graph_load(path, &b->graph, &err) != XAI_OK) die(&err);
    xai_shape shape = xai_shape_4d(1, 3, 224, 224);
    xai_program_spec spec = {.shapes = &shape, .outputs = b->graph->outputs, .output_count = b->graph->output_count};
    if (xai_program_build(b->graph, &spec, &b->program, &err) != XAI_OK) die(&err);
    xai_session_spec session = {.mode = XAI_PLAN_GRADIENT, .threads = 1};
    if (xai_session_new(b->program, &session, &b->session, &err) != XAI_OK) die(&err);
}

/* Buffers of our own for every gradient; the values are the session's. */
static void open_buffers(bench *b, const xai_par *par)
{
    size_t n = (size_t)b->program->value_count;
    void **data = must(calloc(n, sizeof *data));
    float **grads = must(calloc(n, sizeof *grads));
    for (size_t i = 0; i < n; i++) {
        const xai_value *v = b->program->values[i];
        data[i] = xai_session_value_data(b->session, v);
        if (data[i] && !v->constant) grads[i] = must(calloc((size_t)xai_value_count(v) + 16, sizeof(float)));
    }
    float *x = data[b->program->inputs[0]->id];
    for (int i = 0; i < 3 * 224 * 224; i++) x[i] = (float)(i * 7919 % 1000) / 500 - 1;
    size_t stride = (xai_program_scratch(b->program, b->program->nodes, b->program->node_count) + 127) / 64 * 64;
    b->exec = (xai_exec){par, data, grads, XAI_POLICY_PLAIN, must(aligned_alloc(64, stride)), stride};
    b->forward = must(malloc((size_t)b->program->node_count * sizeof(double)));
    b->backward = must(malloc((size_t)b->program->node_count * sizeof(double)));
    for (int i = 0; i < b->program->node_count; i++) b->forward[i] = b->backward[i] = 1e30;
}

static void time_call(void (*call)(const xai_node *, const xai_exec *), const bench *b, int i, double *best)
{
    const xai_node *node = b->program->nodes[i];
    if (!call || node->op->view) {
        *best = 0;
        return;
    }
    double start = cpu_us();
    call(node, &b->exec);
    double us = cpu_us() - start;
    if (us < *best) *best = us;
}

static void pass(bench *b)
{
    for (int i = 0; i < b->program->node_count; i++)
        time_call(b->program->nodes[i]->op->forward, b, i, &b->forward[i]);
    for (int i = b->program->node_count; i-- > 0;)
        time_call(b->program->nodes[i]->op->backward, b, i, &b->backward[i]);
}

static void report(const bench *b, double least)
{
    double forward = 0, backward = 0;
    char text[64];
    for (int i = 0; i < b->program->node_count; i++) {
        const xai_node *node = b->program->nodes[i];
        forward += b->forward[i];
        backward += b->backward[i];
        if (b->forward[i] < least && b->backward[i] < least) continue;
        printf("%-22s %-16s forward %8.1f us %6.1f GFLOP/s   backward %8.1f us %6.1f GFLOP/s\n", node->op->type,
               xai_shape_text(&node->out[0]->shape, text, sizeof text), b->forward[i],
               2e-3 * node->macs / b->forward[i], b->backward[i], 2e-3 * node->macs / b->backward[i]);
    }
    printf("%s: forward %.2f ms, backward %.2f ms, %.0f MMAC\n", xai_isa_name(), forward / 1e3, backward / 1e3,
           b->program->macs / 1e6);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_forward MODEL.onnx [runs] [least microseconds of a line]\n");
        return EXIT_FAILURE;
    }
    bench b = {0};
    const xai_par serial = {NULL};
    load(&b, argv[1]);
    open_buffers(&b, &serial);
    int runs = argc > 2 ? atoi(argv[2]) : 20;
    for (int i = 0; i < runs; i++) pass(&b);
    report(&b, argc > 3 ? atof(argv[3]) : 30);
    return EXIT_SUCCESS;
}
