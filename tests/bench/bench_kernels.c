/*
 * Speed of the convolutions of EfficientNet-Lite0, layer by layer, without a model: best of several runs, in
 * microseconds and as a share of the processor's peak of multiply-adds, which is measured first.
 *
 *     build/tests/bench/bench_kernels [threads] [batch] [backward]
 *
 * Not a test: nothing here fails. Compare only numbers of one run, on a machine that is doing nothing else.
 */
#include "base/token.h"
#include "kernels/gemm.h"
#include "ops/conv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct layer {
    int c, h, m, kernel, stride, group, times;
} layer;

static const layer LAYERS[] = {
    {3, 225, 32, 3, 2, 1, 1},       {32, 112, 32, 3, 1, 32, 1},   {32, 112, 16, 1, 1, 1, 1},
    {16, 112, 96, 1, 1, 1, 1},      {96, 113, 96, 3, 2, 96, 1},   {96, 56, 24, 1, 1, 1, 1},
    {24, 56, 144, 1, 1, 1, 2},      {144, 56, 144, 3, 1, 144, 1}, {144, 56, 24, 1, 1, 1, 1},
    {144, 57, 144, 5, 2, 144, 1},   {144, 28, 40, 1, 1, 1, 1},    {40, 28, 240, 1, 1, 1, 2},
    {240, 28, 240, 5, 1, 240, 1},   {240, 28, 40, 1, 1, 1, 1},    {240, 28, 240, 3, 2, 240, 1},
    {240, 14, 80, 1, 1, 1, 1},      {80, 14, 480, 1, 1, 1, 3},    {480, 14, 480, 3, 1, 480, 2},
    {480, 14, 80, 1, 1, 1, 2},      {480, 14, 480, 5, 1, 480, 1}, {480, 14, 112, 1, 1, 1, 1},
    {112, 14, 672, 1, 1, 1, 3},     {672, 14, 672, 5, 1, 672, 2}, {672, 14, 112, 1, 1, 1, 2},
    {672, 14, 672, 5, 2, 672, 1},   {672, 7, 192, 1, 1, 1, 1},    {192, 7, 1152, 1, 1, 1, 4},
    {1152, 7, 1152, 5, 1, 1152, 3}, {1152, 7, 192, 1, 1, 1, 3},   {1152, 7, 1152, 3, 1, 1152, 1},
    {1152, 7, 320, 1, 1, 1, 1},     {320, 7, 1280, 1, 1, 1, 1},   {64, 56, 64, 3, 1, 1, 0},
    {128, 28, 128, 3, 1, 1, 0},     {256, 14, 256, 3, 1, 1, 0},   {512, 7, 512, 3, 1, 1, 0},
    {256, 56, 512, 1, 2, 1, 0},     {3, 224, 64, 7, 2, 1, 0},
};
enum { LAYER_COUNT = sizeof LAYERS / sizeof LAYERS[0], REPEATS = 15 };

static float *floats(size_t n)
{
    float *p = aligned_alloc(64, (n * sizeof *p + 127) / 64 * 64);
    if (!p) exit(EXIT_FAILURE);
    for (size_t i = 0; i < n; i++) p[i] = (float)((i * 7919) % 1000) / 1000 - 0.5f;
    return p;
}

/* GFLOP/s of one thread on a product that lives in the first-level cache. */
static double measure_peak(void)
{
    const xai_kernels *k = xai_kernels_get();
    float *a = floats(k->rows * 256), *b = floats(k->cols * 256), *c = floats(k->rows * k->cols);
    xai_gemm_panel panel = {.a = a,
                            .b = b,
                            .ldb = k->cols,
                            .c = c,
                            .ldc = k->cols,
                            .rows = k->rows,
                            .cols = k->cols,
                            .k = 256,
                            .clamp = xai_clamp_none()};
    double best = 1e30, flop = 2.0 * (double)(k->rows * k->cols * 256) * 200;
    for (int r = 0; r < 50; r++) {
        int64_t start = xai_clock_ns();
        for (int i = 0; i < 200; i++) k->gemm_panel(&panel);
        double ns = (double)(xai_clock_ns() - start);
        if (ns < best) best = ns;
    }
    free(a), free(b), free(c);
    return flop / best;
}

typedef struct bench {
    xai_arena *arena;
    xai_tensor weight, bias;
    xai_value values[4];
    xai_value *in[3], *out[1];
    int64_t lists[2][4];
    xai_attr attrs[3];
    xai_node node;
} bench;

static void describe(bench *b, const layer *l, int batch)
{
    int size = (l->h - 1) / l->stride + 1, total = (size - 1) * l->stride + l->kernel - l->h;
    if (total < 0) total = 0;
    b->weight = (xai_tensor){XAI_F32, xai_shape_4d(l->m, l->c / l->group, l->kernel, l->kernel),
                             floats((size_t)(l->m * (l->c / l->group) * l->kernel * l->kernel))};
    b->bias = (xai_tensor){XAI_F32, {1, {l->m}}, floats((size_t)l->m)};
    b->values[0] = (xai_value){.name = "x", .dtype = XAI_F32, .shape = xai_shape_4d(batch, l->c, l->h, l->h)};
    b->values[1] = (xai_value){.id = 1, .dtype = XAI_F32, .shape = b->weight.shape, .constant = &b->weight};
    b->values[2] = (xai_value){.id = 2, .dtype = XAI_F32, .shape = b->bias.shape, .constant = &b->bias};
    b->values[3] = (xai_value){.id = 3};
    for (int i = 0; i < 4; i++) b->lists[0][i] = i < 2 ? total / 2 : total - total / 2;
    b->lists[1][0] = b->lists[1][1] = l->stride;
    b->attrs[0] = (xai_attr){.name = "pads", .kind = XAI_ATTR_INTS, .integers = b->lists[0], .count = 4};
    b->attrs[1] = (xai_attr){.name = "strides", .kind = XAI_ATTR_INTS, .integers = b->lists[1], .count = 2};
    b->attrs[2] = (xai_attr){.name = "group", .kind = XAI_ATTR_INT, .integer = l->group};
    for (int i = 0; i < 3; i++) b->in[i] = &b->values[i];
    b->out[0] = &b->values[3];
}

static void prepare(bench *b)
{
    xai_error err = {0};
    b->arena = xai_arena_new(0);
    b->node = (xai_node){.op = xai_op_find("Conv"),
                         .name = "",
                         .opset = 13,
                         .attrs = b->attrs,
                         .attr_count = 3,
                         .in = b->in,
                         .in_count = 3,
                         .out = b->out,
                         .out_count = 1};
    b->node.state = xai_arena_alloc(b->arena, 1, b->node.op->state_size);
    xai_setup setup = {b->arena};
    xai_status status = b->node.op->setup(&b->node, &setup, &err);
    ((xai_conv *)b->node.state)->act = (xai_clamp){0, 6};
    if (!status) status = b->node.op->prepare(&b->node, &setup, &err);
    if (!status) status = b->node.op->prepare_backward(&b->node, &setup, &err);
    if (!status) return;
    fprintf(stderr, "%s\n", err.msg);
    exit(EXIT_FAILURE);
}

/* Best time of a layer in nanoseconds. */
static double measure(bench *b, xai_pool *pool, bool backward)
{
    xai_par par = {pool};
    size_t stride = (b->node.scratch + 63) / 64 * 64;
    size_t in = (size_t)xai_value_count(&b->values[0]), out = (size_t)xai_value_count(&b->values[3]);
    float *x = floats(in), *y = floats(out), *gx = floats(in), *gy = floats(out);
    unsigned char *scratch = aligned_alloc(64, stride * (size_t)xai_par_threads(&par) + 64);
    void *data[4] = {x, NULL, NULL, y};
    float *grads[4] = {gx, NULL, NULL, gy};
    xai_exec exec = {&par, data, grads, XAI_POLICY_PLAIN, false, scratch, stride};
    double best = 1e30;
    for (int r = 0; scratch && r < REPEATS; r++) {
        int64_t start = xai_clock_ns();
        if (backward)
            b->node.op->backward(&b->node, &exec);
        else
            b->node.op->forward(&b->node, &exec);
        double ns = (double)(xai_clock_ns() - start);
        if (ns < best) best = ns;
    }
    free(x), free(y), free(gx), free(gy), free(scratch);
    return best;
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 1, batch = argc > 2 ? atoi(argv[2]) : 1;
    bool backward = argc > 3 && strcmp(argv[3], "backward") == 0;
    xai_pool *pool;
    if (xai_pool_new(threads, &pool, NULL) != XAI_OK) return EXIT_FAILURE;
    double peak = measure_peak() * threads, total_ns = 0, total_macs = 0;
    printf("%s, %d threads, batch %d, peak %.1f GFLOP/s\n", xai_isa_name(), threads, batch, peak);
    for (size_t i = 0; i < LAYER_COUNT; i++) {
        const layer *l = &LAYERS[i];
        bench b;
        describe(&b, l, batch);
        prepare(&b);
        double ns = measure(&b, pool, backward), gflops = 2 * b.node.macs / ns;
        printf("%5d x %3d -> %4d  %dx%d/%d g%-4d x%d %9.1f us %7.1f GFLOP/s %5.1f %%\n", l->c, l->h, l->m, l->kernel,
               l->kernel, l->stride, l->group, l->times, ns / 1e3, gflops, 100 * gflops / peak);
        total_ns += l->times * ns;
        total_macs += l->times * b.node.macs;
        xai_arena_free(b.arena);
        free(b.weight.data);
        free(b.bias.data);
    }
    printf("Lite0's convolutions: %.2f ms, %.1f %% of the peak\n", total_ns / 1e6,
           200 * total_macs / total_ns / peak);
    xai_pool_free(pool);
    return EXIT_SUCCESS;
}
