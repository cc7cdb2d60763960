/*
 * Conv against a direct convolution in double, forward and backward, over a list of shapes and a stream of random
 * ones, on every instruction set that this machine has, on one thread and on three, with a fused clamp and each
 * policy.
 *
 * Every test runs in a process of its own (Check forks), so that XAI_ISA can be set before the kernels are chosen.
 */
#include "base/rng.h"
#include "kernels/kernels.h"
#include "ops/conv.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct shape {
    int n, c, h, w, m, group, kernel[2], stride[2], dilation[2], pads[4];
} shape;

/* One convolution with all its tensors. Buffers end with a guard that nothing may touch. */
typedef struct fixture {
    shape s;
    int out_h, out_w;
    xai_clamp act;
    xai_policy policy;
    size_t x_count, y_count, w_count;
    float *x, *y, *w, *bias, *gy, *gx;
    xai_arena *arena;
    xai_value values[4];
    xai_value *in[3], *out[1];
    xai_tensor weight, bias_tensor;
    xai_attr attrs[5];
    int64_t lists[4][4];
    xai_node node;
} fixture;

enum { GUARD = 40 };
#define GUARD_VALUE (-12345.5f)

static float *new_floats(size_t n, xai_rng *rng)
{
    float *p = aligned_alloc(64, ((n + GUARD) * sizeof *p + 63) / 64 * 64);
    ck_assert_ptr_nonnull(p);
    for (size_t i = 0; i < n; i++) p[i] = (float)xai_rng_normal(rng);
    for (size_t i = n; i < n + GUARD; i++) p[i] = GUARD_VALUE;
    return p;
}

static void check_guard(const float *p, size_t n)
{
    for (size_t i = n; i < n + GUARD; i++) ck_assert_msg(p[i] == GUARD_VALUE, "written %zu beyond the end", i - n);
}

static void add_ints(fixture *f, const char *name, const int *values, size_t count)
{
    int64_t *list = f->lists[f->node.attr_count];
    for (size_t i = 0; i < count; i++) list[i] = values[i];
    f->attrs[f->node.attr_count++] =
        (xai_attr){.name = name, .kind = XAI_ATTR_INTS, .integers = list, .count = count};
}

static void describe(fixture *f)
{
    const shape *s = &f->s;
    add_ints(f, "strides", s->stride, 2);
    add_ints(f, "dilations", s->dilation, 2);
    add_ints(f, "pads", s->pads, 4);
    f->attrs[f->node.attr_count++] = (xai_attr){.name = "group", .kind = XAI_ATTR_INT, .integer = s->group};
    f->weight = (xai_tensor){XAI_F32, xai_shape_4d(s->m, s->c / s->group, s->kernel[0], s->kernel[1]), f->w};
    f->bias_tensor = (xai_tensor){XAI_F32, {1, {s->m}}, f->bias};
    f->values[0] = (xai_value){.name = "x", .id = 0, .dtype = XAI_F32, .shape = xai_shape_4d(s->n, s->c, s->h, s->w)};
    f->values[1] =
        (xai_value){.name = "w", .id = 1, .dtype = XAI_F32, .shape = f->weight.shape, .constant = &f->weight};
    f->values[2] = (xai_value){
        .name = "b", .id = 2, .dtype = XAI_F32, .shape = f->bias_tensor.shape, .constant = &f->bias_tensor};
    f->values[3] = (xai_value){.name = "y", .id = 3};
    for (int i = 0; i < 3; i++) f->in[i] = &f->values[i];
    f->out[0] = &f->values[3];
}

static void fixture_init(fixture *f, const shape *s, xai_clamp act, uint64_t seed)
{
    *f = (fixture){.s = *s, .act = act};
    xai_rng rng = xai_rng_init(seed, 0);
    f->x_count = (size_t)(s->n * s->c * s->h * s->w);
    f->w_count = (size_t)(s->m * (s->c / s->group) * s->kernel[0] * s->kernel[1]);
    f->x = new_floats(f->x_count, &rng);
    f->w = new_floats(f->w_count, &rng);
    f->bias = new_floats((size_t)s->m, &rng);
    f->arena = xai_arena_new(0);
    f->node = (xai_node){.op = xai_op_find("Conv"),
                         .name = "",
                         .opset = 13,
                         .attrs = f->attrs,
                         .in = f->in,
                         .in_count = 3,
                         .out = f->out,
                         .out_count = 1};
    describe(f);
    f->node.state = xai_arena_alloc(f->arena, 1, f->node.op->state_size);
    xai_error err = {0};
    xai_setup setup = {f->arena};
    ck_assert_msg(f->node.op->setup(&f->node, &setup, &err) == XAI_OK, "%s", err.msg);
    ((xai_conv *)f->node.state)->act = act;
    ck_assert_msg(f->node.op->prepare(&f->node, &setup, &err) == XAI_OK, "%s", err.msg);
    ck_assert_msg(f->node.op->prepare_backward(&f->node, &setup, &err) == XAI_OK, "%s", err.msg);
    f->out_h = (int)f->values[3].shape.dim[2];
    f->out_w = (int)f->values[3].shape.dim[3];
    f->y_count = (size_t)(s->n * s->m * f->out_h * f->out_w);
    f->y = new_floats(f->y_count, &rng);
    f->gy = new_floats(f->y_count, &rng);
    f->gx = new_floats(f->x_count, &rng);
}

static void fixture_free(fixture *f)
{
    free(f->x), free(f->w), free(f->bias), free(f->y), free(f->gy), free(f->gx);
    xai_arena_free(f->arena);
}

static void run(fixture *f, xai_pool *pool, bool backward)
{
    xai_par par = {pool};
    size_t stride = (f->node.scratch + 63) / 64 * 64;
    unsigned char *scratch = aligned_alloc(64, stride * (size_t)xai_par_threads(&par) + 64);
    ck_assert_ptr_nonnull(scratch);
    memset(scratch, 0xff, stride * (size_t)xai_par_threads(&par)); /* NaN: nothing may lean on old contents */
    void *data[4] = {f->x, f->w, f->bias, f->y};
    float *grads[4] = {f->gx, NULL, NULL, f->gy};
    xai_exec exec = {&par, data, grads, f->policy, false, scratch, stride};
    if (backward)
        f->node.op->backward(&f->node, &exec);
    else
        f->node.op->forward(&f->node, &exec);
    free(scratch);
}

/* Visits every product: output index, input index, weight index. */
typedef void (*visit)(void *user, size_t y, size_t x, size_t w);

static void each_product(const fixture *f, visit fn, void *user)
{
    const shape *s = &f->s;
    int per_group = s->c / s->group, m_group = s->m / s->group, taps = s->kernel[0] * s->kernel[1];
    for (int i = 0; i < s->n * s->m * f->out_h * f->out_w; i++) {
        int ox = i % f->out_w, oy = i / f->out_w % f->out_h, m = i / f->out_w / f->out_h % s->m;
        int image = i / f->out_w / f->out_h / s->m;
        for (int k = 0; k < per_group * taps; k++) {
            int c = m / m_group * per_group + k / taps;
            int iy = oy * s->stride[0] + k % taps / s->kernel[1] * s->dilation[0] - s->pads[0];
            int ix = ox * s->stride[1] + k % s->kernel[1] * s->dilation[1] - s->pads[1];
            if (iy < 0 || iy >= s->h || ix < 0 || ix >= s->w) continue;
            fn(user, (size_t)i, (size_t)(((image * s->c + c) * s->h + iy) * s->w + ix),
               (size_t)(m * per_group * taps + k));
        }
    }
}

typedef struct reference {
    const fixture *f;
    double *sum, *size; /* and the sum of absolute values, by which the tolerance scales */
} reference;

static void add_forward(void *user, size_t y, size_t x, size_t w)
{
    reference *r = user;
    double v = (double)r->f->x[x] * (double)r->f->w[w];
    r->sum[y] += v;
    r->size[y] += fabs(v);
}

static double gated(const fixture *f, size_t y)
{
    double g = (double)f->gy[y];
    if (xai_clamp_is_none(f->act)) return g;
    if (f->policy != XAI_POLICY_DECONV && !(f->y[y] > f->act.lo && f->y[y] < f->act.hi)) return 0;
    return f->policy != XAI_POLICY_PLAIN && g < 0 ? 0 : g;
}

static void add_backward(void *user, size_t y, size_t x, size_t w)
{
    reference *r = user;
    double v = gated(r->f, y) * (double)r->f->w[w];
    r->sum[x] += v;
    r->size[x] += fabs(v);
}

static reference reference_new(const fixture *f, size_t count)
{
    reference r = {f, calloc(count, sizeof(double)), calloc(count, sizeof(double))};
    ck_assert(r.sum && r.size);
    return r;
}

static void check_forward(fixture *f, xai_pool *pool)
{
    size_t plane = (size_t)(f->out_h * f->out_w);
    reference r = reference_new(f, f->y_count);
    each_product(f, add_forward, &r);
    run(f, pool, false);
    for (size_t i = 0; i < f->y_count; i++) {
        double bias = (double)f->bias[i / plane % (size_t)f->s.m];
        float expected = xai_clamp_apply(f->act, (float)(r.sum[i] + bias));
        double error = fabs((double)f->y[i] - (double)expected), bound = 1e-6 * (r.size[i] + fabs(bias)) + 1e-7;
        ck_assert_msg(error <= bound, "output %zu is %g, expected %g", i, (double)f->y[i], (double)expected);
    }
    check_guard(f->y, f->y_count);
    free(r.sum), free(r.size);
}

static void check_backward(fixture *f, xai_pool *pool)
{
    reference r = reference_new(f, f->x_count);
    float *before = malloc(f->x_count * sizeof *before);
    ck_assert_ptr_nonnull(before);
    memcpy(before, f->gx, f->x_count * sizeof *before);
    each_product(f, add_backward, &r);
    run(f, pool, true);
    for (size_t i = 0; i < f->x_count; i++) {
        double expected = r.sum[i] + (double)before[i];
        double error = fabs((double)f->gx[i] - expected), bound = 1e-6 * (r.size[i] + fabs((double)before[i])) + 1e-7;
        ck_assert_msg(error <= bound, "gradient %zu is %g, expected %g", i, (double)f->gx[i], expected);
    }
    check_guard(f->gx, f->x_count);
    memcpy(f->gx, before, f->x_count * sizeof *before);
    free(before), free(r.sum), free(r.size);
}

/* The same bytes with three threads as with one, and for each image as if it were alone. */
static void check_bytes(fixture *f, xai_pool *pool)
{
    float *y = malloc(f->y_count * sizeof *y), *gx = malloc(f->x_count * sizeof *gx);
    ck_assert(y && gx);
    memset(f->gx, 0, f->x_count * sizeof *gx);
    run(f, NULL, false);
    run(f, NULL, true);
    memcpy(y, f->y, f->y_count * sizeof *y);
    memcpy(gx, f->gx, f->x_count * sizeof *gx);
    memset(f->gx, 0, f->x_count * sizeof *gx);
    run(f, pool, false);
    run(f, pool, true);
    ck_assert_mem_eq(y, f->y, f->y_count * sizeof *y);
    ck_assert_mem_eq(gx, f->gx, f->x_count * sizeof *gx);
    fixture one;
    shape s = f->s;
    s.n = 1;
    fixture_init(&one, &s, f->act, 1);
    one.policy = f->policy;
    memcpy(one.w, f->w, f->w_count * sizeof *y);
    memcpy(one.bias, f->bias, (size_t)s.m * sizeof *y);
    xai_error err;
    xai_setup setup = {one.arena};
    ck_assert(one.node.op->prepare(&one.node, &setup, &err) == XAI_OK);
    ck_assert(one.node.op->prepare_backward(&one.node, &setup, &err) == XAI_OK);
    for (int i = 0; i < f->s.n; i++) {
        memcpy(one.x, f->x + (size_t)i * one.x_count, one.x_count * sizeof *y);
        memcpy(one.gy, f->gy + (size_t)i * one.y_count, one.y_count * sizeof *y);
        memset(one.gx, 0, one.x_count * sizeof *gx);
        run(&one, NULL, false);
        run(&one, NULL, true);
        ck_assert_mem_eq(one.y, y + (size_t)i * one.y_count, one.y_count * sizeof *y);
        ck_assert_mem_eq(one.gx, gx + (size_t)i * one.x_count, one.x_count * sizeof *y);
    }
    fixture_free(&one);
    free(y), free(gx);
}

static void check_shape(const shape *s, xai_clamp act, uint64_t seed, xai_pool *pool)
{
    fixture f;
    fixture_init(&f, s, act, seed);
    check_forward(&f, NULL);
    check_forward(&f, pool);
    for (f.policy = XAI_POLICY_PLAIN; f.policy <= XAI_POLICY_DECONV; f.policy++) check_backward(&f, pool);
    f.policy = XAI_POLICY_PLAIN;
    check_bytes(&f, pool);
    fixture_free(&f);
}

/* Shapes of real layers, thinned, and corners: one pixel, one row, more columns than a panel, more k than a block. */
static const shape SHAPES[] = {
    {1, 3, 33, 33, 32, 1, {3, 3}, {2, 2}, {1, 1}, {0, 0, 1, 1}},
    {3, 32, 7, 7, 25, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
    {2, 700, 5, 5, 13, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
    {2, 70, 7, 7, 20, 1, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
    {2, 8, 9, 9, 310, 1, {1, 1}, {2, 2}, {1, 1}, {0, 0, 0, 0}},
    {2, 24, 14, 14, 24, 4, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
    {1, 5, 8, 40, 7, 1, {5, 5}, {1, 1}, {1, 1}, {2, 2, 2, 2}},
    {2, 12, 7, 7, 12, 12, {5, 5}, {1, 1}, {1, 1}, {2, 2, 2, 2}},
    {2, 9, 14, 14, 9, 9, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
    {1, 40, 28, 27, 40, 40, {3, 3}, {2, 2}, {1, 1}, {0, 0, 1, 1}},
    {1, 3, 56, 57, 3, 3, {5, 5}, {2, 2}, {1, 1}, {1, 2, 2, 1}},
    {2, 3, 20, 19, 6, 3, {3, 4}, {3, 2}, {2, 3}, {4, 0, 1, 5}},
    {1, 1, 1, 1, 1, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
    {2, 4, 1, 30, 5, 1, {1, 4}, {1, 3}, {1, 2}, {0, 1, 0, 2}},
    {1, 2, 6, 6, 3, 1, {2, 2}, {5, 4}, {1, 1}, {0, 0, 0, 0}},
};

static void use_isa(int index)
{
    static const char *const ISA[] = {"scalar", "avx2", "avx512"};
    ck_assert(setenv("XAI_ISA", ISA[index], 1) == 0);
    if (!xai_kernels_for(ISA[index])) {
        fprintf(stderr, "test_conv: no %s here: not tested\n", ISA[index]);
        exit(EXIT_SUCCESS);
    }
    ck_assert_str_eq(xai_isa_name(), ISA[index]);
}

static xai_pool *new_pool(void)
{
    xai_pool *pool;
    ck_assert(xai_pool_new(3, &pool, NULL) == XAI_OK);
    return pool;
}

START_TEST(conv_agrees_with_double)
{
    use_isa(_i);
    xai_pool *pool = new_pool();
    for (size_t i = 0; i < sizeof SHAPES / sizeof SHAPES[0]; i++) {
        check_shape(&SHAPES[i], xai_clamp_none(), i, pool);
        check_shape(&SHAPES[i], (xai_clamp){-0.5f, 3}, i, pool);
    }
    xai_pool_free(pool);
}
END_TEST

static int draw(xai_rng *rng, int least, int most)
{
    return least + (int)xai_rng_below(rng, (uint32_t)(most - least + 1));
}

static shape random_shape(xai_rng *rng)
{
    shape s = {.n = draw(rng, 1, 3), .group = draw(rng, 1, 3)};
    bool depthwise = draw(rng, 0, 1) == 1;
    if (depthwise) s.group = draw(rng, 2, 9);
    s.c = s.group * (depthwise ? 1 : draw(rng, 1, 7));
    s.m = s.group * (depthwise ? draw(rng, 1, 2) : draw(rng, 1, 15));
    for (int axis = 0; axis < 2; axis++) {
        s.kernel[axis] = draw(rng, 1, 5);
        s.stride[axis] = draw(rng, 1, 3);
        s.dilation[axis] = draw(rng, 1, 2);
        s.pads[axis] = draw(rng, 0, 3);
        s.pads[2 + axis] = draw(rng, 0, 3);
    }
    s.h = draw(rng, 10, 24);
    s.w = draw(rng, 10, 40);
    return s;
}

START_TEST(conv_agrees_with_double_on_random_shapes)
{
    use_isa(_i);
    xai_pool *pool = new_pool();
    xai_rng rng = xai_rng_init(7, 0);
    for (uint64_t i = 0; i < 60; i++) {
        shape s = random_shape(&rng);
        check_shape(&s, i % 2 ? (xai_clamp){0, 6} : xai_clamp_none(), i, pool);
    }
    xai_pool_free(pool);
}
END_TEST

START_TEST(conv_passes_a_nan_on)
{
    use_isa(_i);
    fixture f;
    fixture_init(&f, &SHAPES[8], (xai_clamp){0, 6}, 1);
    f.x[0] = NAN;
    run(&f, NULL, false);
    ck_assert(f.y[0] != f.y[0]);
    fixture_free(&f);
    fixture_init(&f, &SHAPES[1], (xai_clamp){0, 6}, 1);
    f.x[0] = NAN;
    run(&f, NULL, false);
    ck_assert(f.y[0] != f.y[0]);
    fixture_free(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conv");
    TCase *cases = tcase_create("conv");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, conv_agrees_with_double, 0, 3);
    tcase_add_loop_test(cases, conv_agrees_with_double_on_random_shapes, 0, 3);
    tcase_add_loop_test(cases, conv_passes_a_nan_on, 0, 3);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
