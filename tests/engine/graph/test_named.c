/*
 * Every tensor of the tiny networks by its name: value and gradient when it alone is asked for, and everything else is
 * fused and laid out as usual, against a run that keeps all of them as the file has them.
 */
#include "nets.h"

#include <stdlib.h>

enum { MOST = 256 };

typedef struct outcome {
    xai_array *arrays;
    size_t count;
} outcome;

static outcome run(const xai_model *m, const char *const *fetch, size_t count)
{
    outcome o = {0};
    xai_error err = {0};
    size_t n = count_of(input_of(m));
    xai_array input = {.name = (char *)(uintptr_t)m->info.input_name, .dtype = XAI_F32, .rank = 4,
                       .data = malloc(n * sizeof(float))};
    memcpy(input.shape, m->info.input_shape, 4 * sizeof *input.shape);
    fill_wave(input.data, n, 0.7F);
    xai_run_request request = {.inputs = &input, .input_count = 1, .fetch = fetch, .fetch_count = count,
                               .gradient_output = m->info.output_name, .gradient_index = 2};
    ck_assert_msg(xai_run(m->info.path, NULL, &request, NULL, &o.arrays, &o.count, &err) == XAI_OK, "%s", err.msg);
    free(input.data);
    return o;
}

static void drop(outcome *o)
{
    for (size_t i = 0; i < o->count; i++) xai_array_clear(&o->arrays[i]);
    free(o->arrays);
}

static const xai_array *named(const outcome *o, const char *prefix, const char *name)
{
    char whole[256];
    snprintf(whole, sizeof whole, "%s%s", prefix, name);
    for (size_t i = 0; i < o->count; i++)
        if (strcmp(o->arrays[i].name, whole) == 0) return &o->arrays[i];
    return NULL;
}

static size_t elements(const xai_array *a)
{
    size_t n = 1;
    for (int i = 0; i < a->rank; i++) n *= (size_t)a->shape[i];
    return n;
}

/* Relative, since what is fused sums in another order; a kink that flips by it would be far beyond. */
static void compare(const outcome *alone, const outcome *all, const char *prefix, const char *name)
{
    const xai_array *a = named(alone, prefix, name), *b = named(all, prefix, name);
    ck_assert_msg(a && b, "%s%s is missing", prefix, name);
    if (a->dtype != XAI_F32) return;
    const float *x = a->data, *y = b->data;
    double distance = 0, length = 0;
    ck_assert_uint_eq(elements(a), elements(b));
    for (size_t i = 0; i < elements(a); i++) {
        distance += pow((double)x[i] - (double)y[i], 2);
        length += pow((double)y[i], 2);
    }
    ck_assert_msg(length > 0, "%s%s is zero", prefix, name);
    ck_assert_msg(sqrt(distance) <= 1e-3 * sqrt(length), "%s%s: off by %g of %g", prefix, name, sqrt(distance),
                  sqrt(length));
}

START_TEST(every_tensor_by_its_name)
{
    xai_model *m = load_net(NETS[_i]);
    const char *names[MOST];
    size_t count = 0;
    for (size_t i = 0; i < m->info.layer_count; i++)
        if (strcmp(m->info.layers[i].name, m->info.output_name) != 0) names[count++] = m->info.layers[i].name;
    ck_assert_uint_gt(count, 10);
    outcome all = run(m, names, count);
    int fused = 0;
    for (size_t i = 0; i < count; i++) {
        outcome alone = run(m, &names[i], 1);
        fused += xai_program_find(m->program, names[i]) == NULL;
        compare(&alone, &all, "", names[i]);
        compare(&alone, &all, "grad_", names[i]);
        compare(&alone, &all, "grad_", m->info.input_name);
        drop(&alone);
    }
    ck_assert_int_gt(fused, 0); /* some are not there unless they are named */
    drop(&all);
    xai_model_unref(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph/named");
    TCase *tc = tcase_create("named");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, every_tensor_by_its_name, 0, NET_COUNT);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
