/*
 * Changed regions against full runs, over random rectangles: the tiny networks and the shipped model. The bound is the
 * one that methods rely on: 1e-4 of the largest logit. (Operator by operator: tests/engine/ops/test_boxes.c.)
 */
#include "graph/region.h"
#include "nets.h"

#include <stdlib.h>

static const char LITE0[] = "models/efficientnet-lite0.onnx";

static xai_pool *pool;
static void start_pool(void) { ck_assert_int_eq(xai_pool_new(2, &pool, NULL), XAI_OK); }
static void stop_pool(void) { xai_pool_free(pool); }

/* A small generator: the same rectangles in every run. */
static uint32_t state;
static int64_t below(int64_t n)
{
    state = state * 1664525U + 1013904223U;
    return (int64_t)(state >> 8) % n;
}

/* A random rectangle of a 4-D value, all channels; every fourth is a sliver or at the rim. */
static xai_box random_box(const xai_value *v)
{
    xai_box box = xai_box_whole(&v->shape);
    bool flat = below(4) == 0;
    for (int i = 2; i < 4; i++) {
        int64_t side = v->shape.dim[i], length = 1 + below(flat && i == 2 ? 2 : side);
        box.low[i] = below(side - length + 1);
        box.end[i] = box.low[i] + length;
    }
    return box;
}

/* Which pixels a change takes: all of its rectangle, or, by a number that is not 0, a random half of its squares of 4. */
static uint32_t mask;

static bool masked(int64_t y, int64_t x)
{
    uint32_t h = ((uint32_t)(y / 4) * 73856093U) ^ ((uint32_t)(x / 4) * 19349663U) ^ mask;
    h = (h ^ h >> 13) * 2654435761U;
    return mask == 0 || h >> 31;
}

static void scribble_row(void *context, const int64_t *index, int64_t at, int64_t n)
{
    float *x = context;
    for (int64_t i = 0; i < n; i++)
        if (masked(index[2], index[3] + i)) x[at + i] = 1.5F - 0.7F * x[at + i];
}

static void scribble(xai_session *s, const xai_value *v, const xai_box *box)
{
    xai_box_rows(box, &v->shape, scribble_row, xai_session_value_data(s, v));
}

static double largest(const float *x, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs((double)x[i]));
    return most;
}

static void check_close(const float *got, const float *want, size_t n, const char *what)
{
    double bound = 1e-4 * largest(want, n), worst = 0;
    for (size_t i = 0; i < n; i++) worst = fmax(worst, fabs((double)got[i] - (double)want[i]));
    ck_assert_msg(worst <= bound, "%s: %g > %g", what, worst, bound);
}

static xai_session *open_copy(xai_model *m, xai_session *base)
{
    return open_session(m->program, &(xai_session_spec){.mode = XAI_PLAN_KEEP, .keep = &m->logits, .keep_count = 1,
                                                        .threads = 2, .base = base});
}

/* Random changes of `from`, one after the other in one session, each against a full run of its own. */
static void check_changes(xai_model *m, int rounds)
{
    xai_par serial = {NULL}, both = {pool};
    const xai_value *from = input_of(m), *logits = logits_of(m);
    size_t n = count_of(logits);
    xai_session *base = run_base(m, XAI_PLAN_KEEP, 0), *full = run_base(m, XAI_PLAN_FORWARD, 0);
    xai_session *one = open_copy(m, base), *two = open_copy(m, base);
    for (int i = 0; i < rounds; i++) {
        xai_box box = random_box(from);
        mask = i % 2 ? 1U + (uint32_t)below(1 << 20) : 0;
        xai_session_restore(one);
        scribble(one, from, &box);
        xai_session_forward_changed(one, from, &box, &serial);
        xai_session_restore(two);
        scribble(two, from, &box);
        xai_pool_enter(pool, false);
        xai_session_forward_changed(two, from, &box, &both);
        xai_pool_leave(pool);
        fill_wave(xai_session_value_data(full, from), count_of(from), 0);
        scribble(full, from, &box);
        xai_session_forward(full, &serial);
        const float *got = xai_session_value_data(one, logits), *want = xai_session_value_data(full, logits);
        check_close(got, want, n, m->info.id);
        ck_assert_int_eq(memcmp(got, xai_session_value_data(two, logits), n * sizeof *got), 0);
        if (!mask) ck_assert_int_ne(memcmp(got, xai_session_value_data(base, logits), n * sizeof *got), 0);
    }
    mask = 0;
    xai_session_restore(one); /* and after a change of nothing every byte is the base's again */
    xai_session_forward_changed(one, from, &(xai_box){0}, &serial);
    for (int i = 0; i < m->program->value_count; i++) {
        const xai_value *v = m->program->values[i];
        if (!v->constant && xai_session_value_data(one, v))
            ck_assert_msg(memcmp(xai_session_value_data(one, v), xai_session_value_data(base, v),
                                 count_of(v) * xai_dtype_size(v->dtype)) == 0, "%s", v->name);
    }
    xai_session_free(one);
    xai_session_free(two);
    xai_session_free(full);
    xai_session_free(base);
}

START_TEST(random_masks_of_the_tiny_networks)
{
    state = 7U + (uint32_t)_i;
    xai_model *m = load_net(NETS[_i]);
    check_changes(m, 60);
    xai_model_unref(m);
}
END_TEST

START_TEST(random_masks_of_the_shipped_model)
{
    state = 3;
    xai_model *m = load_file(LITE0);
    check_changes(m, 12);
    xai_model_unref(m);
}
END_TEST

/* A result is that of the change alone: whatever ran before leaves no trace. */
START_TEST(the_order_of_changes_leaves_no_trace)
{
    state = 11;
    xai_model *m = load_net(NETS[_i]);
    xai_par serial = {NULL};
    const xai_value *from = input_of(m), *logits = logits_of(m);
    enum { COUNT = 9 };
    size_t n = count_of(logits);
    xai_session *base = run_base(m, XAI_PLAN_KEEP, 0), *s = open_copy(m, base);
    xai_box boxes[COUNT];
    float *rows = calloc(COUNT * n, sizeof *rows);
    for (int i = 0; i < COUNT; i++) boxes[i] = random_box(from);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < COUNT; i++) {
            int at = pass ? COUNT - 1 - i : i;
            xai_session_restore(s);
            scribble(s, from, &boxes[at]);
            xai_session_forward_changed(s, from, &boxes[at], &serial);
            const float *got = xai_session_value_data(s, logits);
            if (pass) ck_assert_int_eq(memcmp(got, rows + (size_t)at * n, n * sizeof *got), 0);
            memcpy(rows + (size_t)at * n, got, n * sizeof *got);
        }
    free(rows);
    xai_session_free(s);
    xai_session_free(base);
    xai_model_unref(m);
}
END_TEST

/* A rectangle of a layer in the middle, in a session of the part after it. */
START_TEST(a_region_of_a_layer)
{
    state = 5;
    xai_model *m = load_net(NETS[_i]);
    xai_par serial = {NULL};
    xai_value *layer = xai_program_find(m->program, m->info.default_layer), *wanted = logits_of(m);
    xai_arena *arena = xai_arena_new(0);
    xai_part part;
    ck_assert_int_eq(xai_part_after(m->program, layer, &wanted, 1, arena, &part, NULL), XAI_OK);
    xai_session *base = run_base(m, XAI_PLAN_KEEP, 0);
    xai_session_spec spec = {.mode = XAI_PLAN_KEEP, .keep = &m->logits, .keep_count = 1, .threads = 1, .part = &part,
                             .base = base};
    xai_session *changed = open_session(m->program, &spec), *full = open_session(m->program, &spec);
    for (int i = 0; i < 20; i++) {
        xai_box box = random_box(layer);
        xai_session_restore(changed);
        scribble(changed, layer, &box);
        xai_session_forward_changed(changed, layer, &box, &serial);
        memcpy(xai_session_value_data(full, layer), xai_session_value_data(base, layer),
               count_of(layer) * sizeof(float));
        scribble(full, layer, &box);
        xai_session_forward(full, &serial);
        check_close(xai_session_value_data(changed, wanted), xai_session_value_data(full, wanted), count_of(wanted),
                    layer->name);
    }
    xai_session_free(full);
    xai_session_free(changed);
    xai_session_free(base);
    xai_arena_free(arena);
    xai_model_unref(m);
}
END_TEST

START_TEST(the_share_grows_with_the_box)
{
    xai_model *m = load_file(LITE0);
    const xai_value *from = input_of(m);
    double last = 0;
    for (int64_t side = 8; side <= 224; side += 24) {
        xai_box box = xai_box_whole(&from->shape);
        for (int i = 2; i < 4; i++) {
            box.low[i] = 112 - side / 2;
            box.end[i] = 112 + side / 2;
        }
        double share;
        ck_assert_int_eq(xai_region_share(m->program, NULL, from, &box, &share, NULL), XAI_OK);
        ck_assert_double_ge(share, last);
        ck_assert_double_le(share, 1);
        last = share;
    }
    ck_assert_double_gt(last, 0.99);
    xai_model_unref(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph/region");
    TCase *tc = tcase_create("region");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, start_pool, stop_pool);
    tcase_add_loop_test(tc, random_masks_of_the_tiny_networks, 0, NET_COUNT);
    tcase_add_test(tc, random_masks_of_the_shipped_model);
    tcase_add_loop_test(tc, the_order_of_changes_leaves_no_trace, 0, NET_COUNT);
    tcase_add_loop_test(tc, a_region_of_a_layer, 0, NET_COUNT);
    tcase_add_test(tc, the_share_grows_with_the_box);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
