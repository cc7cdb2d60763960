/*
 * Sessions and lanes on the tiny networks of tests/golden: reused buffers against separate ones, one thread against
 * two, gradients against finite differences through a suffix, and what lanes promise about errors.
 */
#include "nets.h"

#include <stdatomic.h>
#include <stdlib.h>

static xai_pool *pool;

static void start_pool(void) { ck_assert_int_eq(xai_pool_new(2, &pool, NULL), XAI_OK); }
static void stop_pool(void) { xai_pool_free(pool); }

static const float *output_data(xai_session *s, const xai_model *m) { return xai_session_data(s, m->logits); }

static xai_session *session_of(const xai_model *m, xai_plan_mode mode)
{
    xai_session *s = NULL;
    xai_session_spec spec = {.mode = mode, .keep = &m->logits, .keep_count = 1, .threads = 2};
    ck_assert_int_eq(xai_session_new(m->program, &spec, &s, NULL), XAI_OK);
    return s;
}

static size_t input_count(const xai_model *m) { return (size_t)xai_value_count(m->program->inputs[0]); }
static size_t classes(const xai_model *m) { return (size_t)m->info.classes; }

static void fill(const xai_model *m, float *x, float phase) { fill_wave(x, input_count(m), phase); }

/* The golden input, which was chosen so that no rectifier sits on its kink. */
static void fill_calm(const xai_model *m, float *x)
{
    char path[256];
    xai_array a;
    snprintf(path, sizeof path, "%s", m->info.path);
    strcpy(strrchr(path, '/'), "/input.npy");
    ck_assert_int_eq(xai_npy_read(path, &a, NULL), XAI_OK);
    memcpy(x, a.data, input_count(m) * sizeof *x);
    xai_array_clear(&a);
}

START_TEST(reused_buffers_give_the_same_bytes)
{
    xai_model *m = load_net(NETS[_i]);
    xai_session *reusing = session_of(m, XAI_PLAN_FORWARD), *keeping = session_of(m, XAI_PLAN_GRADIENT);
    xai_par serial = {NULL}, both = {pool};
    for (int round = 0; round < 3; round++) {
        fill(m, xai_session_data(reusing, "input"), (float)round);
        fill(m, xai_session_data(keeping, "input"), (float)round);
        xai_session_forward(reusing, &serial);
        xai_pool_enter(pool, false);
        xai_session_forward(keeping, &both);
        xai_pool_leave(pool);
        ck_assert_int_eq(memcmp(output_data(reusing, m), output_data(keeping, m), classes(m) * sizeof(float)), 0);
    }
    ck_assert_uint_lt(xai_session_bytes(reusing), xai_session_bytes(keeping));
    xai_session_free(reusing);
    xai_session_free(keeping);
    xai_model_unref(m);
}
END_TEST

typedef struct watched {
    const xai_node *running;
    int count[2]; /* forward, backward */
} watched;

static void watch(void *user, const xai_node *node, bool backward, bool begins)
{
    watched *w = user;
    if (begins) {
        ck_assert_ptr_null(w->running);
        w->running = node;
        return;
    }
    ck_assert_ptr_eq(w->running, node);
    w->running = NULL;
    w->count[backward]++;
}

START_TEST(an_observer_is_told_of_every_node_that_runs)
{
    xai_model *m = load_net(NETS[_i]);
    xai_session *s = session_of(m, XAI_PLAN_GRADIENT);
    watched w = {0};
    int views = 0, nodes = m->program->node_count;
    for (int i = 0; i < nodes; i++) views += m->program->nodes[i]->op->view;
    fill(m, xai_session_data(s, "input"), 0);
    xai_session_observe(s, &(xai_observer){watch, &w});
    xai_session_forward(s, &(xai_par){NULL});
    ck_assert_int_eq(w.count[0], nodes - views);
    ck_assert_int_eq(w.count[1], 0);

    float *seed = calloc(classes(m), sizeof *seed), *out = calloc(input_count(m), sizeof *out);
    seed[0] = 1;
    xai_seed target = {xai_program_find(m->program, m->logits), seed};
    xai_wanted wanted = {m->program->inputs[0], out};
    ck_assert_int_eq(xai_session_backward(s, &target, 1, &wanted, 1, XAI_POLICY_PLAIN, &(xai_par){NULL}, NULL), XAI_OK);
    ck_assert_int_eq(w.count[0], nodes - views);
    ck_assert_int_eq(w.count[1], nodes);
    free(seed);
    free(out);
    xai_session_free(s);
    xai_model_unref(m);
}
END_TEST

/* A spatial layer in the middle of the network. */
static xai_value *middle_layer(const xai_model *m)
{
    const xai_program *p = m->program;
    for (int i = p->node_count / 2; i < p->node_count; i++)
        if (p->nodes[i]->out[0]->shape.rank == 4 && !p->nodes[i]->op->view) return p->nodes[i]->out[0];
    return NULL;
}

/* d logits[0] / d layer by backward against a central difference along a random direction, through the suffix. */
START_TEST(gradient_of_a_layer_is_the_slope_of_the_suffix)
{
    xai_model *m = load_net(NETS[_i]);
    xai_session *s = session_of(m, XAI_PLAN_GRADIENT);
    xai_par serial = {NULL};
    xai_value *layer = middle_layer(m), *logits = xai_program_find(m->program, m->logits);
    size_t n = (size_t)xai_value_count(layer);
    float *g = malloc(n * sizeof *g), *base = malloc(n * sizeof *base), *seed = calloc(classes(m), sizeof *seed);
    seed[0] = 1;
    fill_calm(m, xai_session_data(s, "input"));
    xai_session_forward(s, &serial);
    ck_assert_int_eq(xai_session_backward(s, &(xai_seed){logits, seed}, 1, &(xai_wanted){layer, g}, 1,
                                          XAI_POLICY_PLAIN, &serial, NULL), XAI_OK);
    xai_arena *arena = xai_arena_new(0);
    xai_part part;
    ck_assert_int_eq(xai_part_after(m->program, layer, &logits, 1, arena, &part, NULL), XAI_OK);
    xai_session *suffix = open_session(m->program, &(xai_session_spec){.mode = XAI_PLAN_FORWARD, .keep = &m->logits,
                                                                       .keep_count = 1, .threads = 1, .part = &part,
                                                                       .base = s});
    float *a = xai_session_value_data(suffix, layer);
    memcpy(base, a, n * sizeof *a);
    double slope = 0, ends[2], step = 1e-3;
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < n; i++) a[i] = base[i] * (float)(1 + (side ? step : -step));
        xai_session_forward(suffix, &serial);
        ends[side] = (double)output_data(suffix, m)[0];
    }
    for (size_t i = 0; i < n; i++) slope += (double)g[i] * (double)base[i];
    double measured = (ends[1] - ends[0]) / (2 * step);
    ck_assert_double_eq_tol(slope, measured, 0.02 * fabs(measured) + 1e-3);
    ck_assert_double_gt(fabs(measured), 1e-2); /* there is a slope to compare */
    free(g);
    free(base);
    free(seed);
    xai_session_free(suffix);
    xai_arena_free(arena);
    xai_session_free(s);
    xai_model_unref(m);
}
END_TEST

START_TEST(gradient_of_what_has_no_influence_is_zero)
{
    xai_model *m = load_net(NETS[0]);
    xai_session *s = session_of(m, XAI_PLAN_GRADIENT);
    xai_par serial = {NULL};
    const xai_value *layer = middle_layer(m), *logits = xai_program_find(m->program, m->logits);
    float *g = malloc((size_t)xai_value_count(logits) * sizeof *g), *seed = calloc((size_t)xai_value_count(layer), 4);
    seed[0] = 1;
    g[0] = 7;
    xai_session_forward(s, &serial);
    ck_assert_int_eq(xai_session_backward(s, &(xai_seed){layer, seed}, 1, &(xai_wanted){logits, g}, 1,
                                          XAI_POLICY_PLAIN, &serial, NULL), XAI_OK);
    ck_assert_float_eq(g[0], 0);
    free(g);
    free(seed);
    xai_session_free(s);
    xai_model_unref(m);
}
END_TEST

/* ---------------------------------------------------------------- lanes */

typedef struct batch {
    const xai_model *model;
    float *rows;
    atomic_int ran;
    size_t fail_from; /* samples from here on fail */
    xai_token *cancel_at_first;
} batch;

static xai_status run_sample(void *user, size_t index, xai_session *s, const xai_par *par, xai_error *err)
{
    batch *b = user;
    atomic_fetch_add(&b->ran, 1);
    if (b->cancel_at_first) xai_token_cancel(b->cancel_at_first);
    if (index >= b->fail_from) XAI_FAIL(err, INTERNAL, "", "sample %zu", index);
    fill(b->model, xai_session_data(s, "input"), (float)index);
    xai_session_forward(s, par);
    if (b->rows) memcpy(b->rows + index * classes(b->model), output_data(s, b->model), classes(b->model) * sizeof(float));
    return XAI_OK;
}

static xai_lanes *lanes_of(xai_model *m, xai_pool *on)
{
    xai_lanes *l = NULL;
    ck_assert_int_eq(xai_model_borrow_lanes(m, m->program, XAI_PLAN_FORWARD, on, NULL, &l, NULL), XAI_OK);
    return l;
}

START_TEST(a_sample_does_not_depend_on_batch_or_threads)
{
    enum { COUNT = 21 };
    xai_model *m = load_net(NETS[_i]);
    xai_pool *one;
    ck_assert_int_eq(xai_pool_new(1, &one, NULL), XAI_OK);
    xai_lanes *two_lanes = lanes_of(m, pool), *one_lane = lanes_of(m, one);
    size_t row = classes(m);
    float *a = calloc(COUNT * row, sizeof *a), *b = calloc(COUNT * row, sizeof *b);
    batch together = {.model = m, .rows = a, .fail_from = SIZE_MAX}, alone = {.model = m, .rows = b, .fail_from = SIZE_MAX};
    ck_assert_int_eq(xai_lanes_run(two_lanes, COUNT, run_sample, &together, 1, NULL, NULL, NULL), XAI_OK);
    ck_assert_int_eq(xai_lanes_run(one_lane, COUNT, run_sample, &alone, 1, NULL, NULL, NULL), XAI_OK);
    ck_assert_int_eq(atomic_load(&together.ran), COUNT);
    ck_assert_int_eq(memcmp(a, b, COUNT * row * sizeof *a), 0);
    ck_assert_int_ne(memcmp(a, a + row, row * sizeof *a), 0);
    /* a lone sample, spread over both threads */
    ck_assert_int_eq(xai_lanes_run(two_lanes, 1, run_sample, &together, 1, NULL, NULL, NULL), XAI_OK);
    ck_assert_int_eq(memcmp(a, b, row * sizeof *a), 0);
    free(a);
    free(b);
    xai_lanes_free(two_lanes);
    xai_lanes_free(one_lane);
    xai_pool_free(one);
    xai_model_unref(m);
}
END_TEST

/* Any thread may take a sample, be there ever so few. */
START_TEST(fewer_samples_than_threads_have_lanes)
{
    xai_model *m = load_net(NETS[0]);
    xai_pool *wide;
    ck_assert_int_eq(xai_pool_new(6, &wide, NULL), XAI_OK);
    for (int round = 0; round < 50; round++) {
        xai_lanes *l = NULL;
        xai_session_spec spec = {.mode = XAI_PLAN_FORWARD, .keep = &m->logits, .keep_count = 1};
        ck_assert_int_eq(xai_lanes_new(m->program, &spec, wide, NULL, &l, NULL), XAI_OK);
        batch b = {.model = m, .fail_from = SIZE_MAX};
        size_t count = 2 + (size_t)round % 4;
        ck_assert_int_eq(xai_lanes_run(l, count, run_sample, &b, 1, NULL, NULL, NULL), XAI_OK);
        ck_assert_int_eq(atomic_load(&b.ran), (int)count);
        xai_lanes_free(l);
    }
    xai_pool_free(wide);
    xai_model_unref(m);
}
END_TEST

START_TEST(the_first_failing_sample_is_reported)
{
    xai_model *m = load_net(NETS[0]);
    xai_lanes *l = lanes_of(m, pool);
    batch b = {.model = m, .fail_from = 5};
    xai_error err = {0};
    size_t done = 99;
    ck_assert_int_eq(xai_lanes_run(l, 40, run_sample, &b, 1, NULL, &done, &err), XAI_E_INTERNAL);
    ck_assert_str_eq(err.msg, "sample 5");
    ck_assert_uint_eq(done, 0);
    xai_model_return_lanes(m, l);
    xai_model_unref(m);
}
END_TEST

START_TEST(cancel_stops_within_one_batch)
{
    xai_model *m = load_net(NETS[0]);
    xai_lanes *l = lanes_of(m, pool);
    xai_token *token = xai_token_new(0, NULL, NULL);
    batch b = {.model = m, .fail_from = SIZE_MAX, .cancel_at_first = token};
    size_t done = 0;
    ck_assert_int_eq(xai_lanes_run(l, 1000, run_sample, &b, 1, token, &done, NULL), XAI_E_CANCELLED);
    ck_assert_int_le(atomic_load(&b.ran), 2 * 8);
    ck_assert_uint_eq(done, (size_t)atomic_load(&b.ran));
    xai_token_free(token);
    xai_model_return_lanes(m, l);
    xai_model_unref(m);
}
END_TEST

START_TEST(lanes_that_were_given_back_are_lent_again)
{
    xai_model *m = load_net(NETS[0]);
    xai_lanes *first = lanes_of(m, pool);
    xai_model_return_lanes(m, first);
    xai_lanes *again = lanes_of(m, pool), *other = lanes_of(m, pool);
    ck_assert_ptr_eq(again, first);
    ck_assert_ptr_ne(other, first);
    xai_model_return_lanes(m, again);
    xai_model_return_lanes(m, other);
    xai_model_unref(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph/session");
    TCase *tc = tcase_create("session");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, start_pool, stop_pool);
    tcase_add_loop_test(tc, reused_buffers_give_the_same_bytes, 0, NET_COUNT);
    tcase_add_loop_test(tc, an_observer_is_told_of_every_node_that_runs, 0, NET_COUNT);
    tcase_add_loop_test(tc, gradient_of_a_layer_is_the_slope_of_the_suffix, 0, NET_COUNT);
    tcase_add_loop_test(tc, a_sample_does_not_depend_on_batch_or_threads, 0, NET_COUNT);
    tcase_add_test(tc, gradient_of_what_has_no_influence_is_zero);
    tcase_add_test(tc, fewer_samples_than_threads_have_lanes);
    tcase_add_test(tc, the_first_failing_sample_is_reported);
    tcase_add_test(tc, cancel_stops_within_one_batch);
    tcase_add_test(tc, lanes_that_were_given_back_are_lent_again);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
