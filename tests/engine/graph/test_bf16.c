/*
 * Programs of precision bf16, on any machine (in plain C where there is no bfloat16): close to float32, the same at any
 * number of threads, forward only, with parts and changed regions; and a model that has one only once it is asked for.
 *
 * The bound: factors are off by at most 2^-9 of themselves, at random; the tiny networks have some ten layers, hence
 * sqrt(10) * 2^-9 = 0.6 %, and 3 % of the largest logit leave room for logits that cancel.
 */
#include "graph/region.h"
#include "kernels/bf16.h"
#include "nets.h"

#include <stdlib.h>

static const double BOUND = 0.03;

static double largest(const float *x, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs((double)x[i]));
    return most;
}

static double distance(const float *a, const float *b, size_t n)
{
    double worst = 0;
    for (size_t i = 0; i < n; i++) worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
    return worst;
}

/* The model's own program, but in bfloat16. */
static xai_program *narrow_program(const xai_model *m)
{
    xai_program *p = NULL;
    xai_error err = {0};
    xai_program_spec spec = {.shapes = m->shapes, .outputs = m->keep, .output_count = 1, .keep = m->keep + 1,
                             .keep_count = m->info.default_layer ? 2 : 1, .bf16 = xai_bf16_for("scalar")};
    ck_assert_msg(xai_program_build(m->graph, &spec, &p, &err) == XAI_OK, "%s", err.msg);
    return p;
}

static void run(const xai_model *m, xai_program *p, xai_pool *pool, float *logits)
{
    xai_par par = {pool};
    const xai_value *in = p->inputs[m->input_index], *out = xai_program_find(p, m->logits);
    xai_session *s = open_session(p, &(xai_session_spec){.keep = &m->logits, .keep_count = 1, .threads = 3});
    fill_wave(xai_session_value_data(s, in), count_of(in), 0.4F);
    if (pool) xai_pool_enter(pool, false);
    xai_session_forward(s, &par);
    if (pool) xai_pool_leave(pool);
    memcpy(logits, xai_session_value_data(s, out), count_of(out) * sizeof *logits);
    xai_session_free(s);
}

START_TEST(close_to_float32_and_the_same_at_any_number_of_threads)
{
    static float exact[1024], one[1024], three[1024];
    xai_model *m = load_net(NETS[_i]);
    xai_program *p = narrow_program(m);
    xai_pool *pool;
    size_t n = count_of(logits_of(m));
    ck_assert(n <= 1024);
    ck_assert_int_eq(xai_pool_new(3, &pool, NULL), XAI_OK);
    run(m, m->program, NULL, exact);
    run(m, p, NULL, one);
    run(m, p, pool, three);
    double off = distance(exact, one, n) / largest(exact, n);
    ck_assert_msg(off > 1e-5, "%s is computed in float32", NETS[_i]);
    ck_assert_msg(off <= BOUND, "%s: off by %g of the largest logit", NETS[_i], off);
    ck_assert_msg(memcmp(one, three, n * sizeof *one) == 0, "%s: threads change the bytes", NETS[_i]);
    xai_pool_free(pool);
    xai_program_free(p);
    xai_model_unref(m);
}
END_TEST

/* What follows a changed rectangle has the bytes of a whole run: every layer here is as it is, changed or not. */
START_TEST(changed_regions)
{
    xai_model *m = load_net("tiny-resnet");
    xai_program *p = narrow_program(m);
    xai_par serial = {NULL};
    const xai_value *in = p->inputs[m->input_index], *out = xai_program_find(p, m->logits);
    xai_session_spec spec = {.mode = XAI_PLAN_KEEP, .keep = &m->logits, .keep_count = 1, .threads = 1};
    xai_session *base = open_session(p, &spec);
    fill_wave(xai_session_value_data(base, in), count_of(in), 0);
    xai_session_forward(base, &serial);
    spec.base = base;
    xai_session *changed = open_session(p, &spec);
    spec.base = NULL;
    xai_session *full = open_session(p, &spec);
    for (int64_t low = 0; low + 9 < in->shape.dim[2]; low += 7) {
        xai_box box = xai_box_whole(&in->shape);
        box.low[2] = box.low[3] = low;
        box.end[2] = box.end[3] = low + 9;
        xai_session_restore(changed);
        fill_wave(xai_session_value_data(full, in), count_of(in), 0);
        for (int64_t c = 0; c < in->shape.dim[1]; c++)
            for (int64_t y = low; y < low + 9; y++)
                for (int64_t x = low; x < low + 9; x++) {
                    int64_t at = (c * in->shape.dim[2] + y) * in->shape.dim[3] + x;
                    ((float *)xai_session_value_data(full, in))[at] = 0.1F;
                    ((float *)xai_session_value_data(changed, in))[at] = 0.1F;
                }
        xai_session_forward_changed(changed, in, &box, &serial);
        xai_session_forward(full, &serial);
        ck_assert(memcmp(xai_session_value_data(changed, out), xai_session_value_data(full, out),
                         count_of(out) * sizeof(float)) == 0);
    }
    xai_session_free(changed), xai_session_free(full), xai_session_free(base);
    xai_program_free(p);
    xai_model_unref(m);
}
END_TEST

START_TEST(has_no_gradients)
{
    xai_model *m = load_net("tiny-vgg");
    xai_program *p = narrow_program(m);
    xai_session *s = NULL;
    xai_error err = {0};
    xai_session_spec spec = {.mode = XAI_PLAN_GRADIENT, .keep = &m->logits, .keep_count = 1, .threads = 1};
    ck_assert_int_eq(xai_session_new(p, &spec, &s, &err), XAI_E_UNSUPPORTED_METHOD);
    ck_assert_str_eq(err.where, "precision");
    xai_program_free(p);
    xai_model_unref(m);
}
END_TEST

START_TEST(made_when_it_is_asked_for_and_once)
{
    xai_model *m = load_net("tiny-vgg");
    xai_program *first = NULL, *again = NULL;
    bool owned;
    xai_error err = {0};
    ck_assert(xai_model_program(m, &(xai_wants){.precision = XAI_PRECISION_F32}, &first, &owned, &err) == XAI_OK);
    ck_assert(first == m->program && !owned && !m->bf16);
    xai_status status = xai_model_program(m, &(xai_wants){.precision = XAI_PRECISION_BF16}, &first, &owned, &err);
    if (!xai_bf16_get()) {
        ck_assert_int_eq(status, XAI_E_UNSUPPORTED);
        ck_assert_str_eq(err.where, "precision");
    } else {
        ck_assert(status == XAI_OK && first->bf16 == xai_bf16_get() && first != m->program && !owned);
        ck_assert(xai_model_program(m, &(xai_wants){.precision = XAI_PRECISION_BF16}, &again, &owned, &err) == XAI_OK);
        ck_assert_ptr_eq(first, again);
    }
    xai_model_unref(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph/bf16");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, close_to_float32_and_the_same_at_any_number_of_threads, 0, NET_COUNT);
    tcase_add_test(all, changed_regions);
    tcase_add_test(all, has_no_gradients);
    tcase_add_test(all, made_when_it_is_asked_for_and_once);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
