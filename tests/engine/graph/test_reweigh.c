/*
 * Models with other weights: the layers that are found, the bytes that follow from them, and what a copy shares.
 */
#include "graph/reweigh.h"
#include "nets.h"
#include "support/onnx_builder.h"

#include <stdlib.h>

static void scores(xai_model *m, float *out)
{
    xai_session *s = run_base(m, XAI_PLAN_FORWARD, 0.4F);
    memcpy(out, xai_session_value_data(s, logits_of(m)), count_of(logits_of(m)) * sizeof *out);
    xai_session_free(s);
}

/* New numbers for the layers [first, first + count). */
static xai_model *redrawn(xai_model *m, xai_arena *arena, size_t first, size_t count, xai_redraw how, uint64_t seed)
{
    xai_weight *list;
    size_t all, n = 0;
    xai_error err = {0};
    ck_assert_int_eq(xai_model_weights(m, arena, &list, &all, &err), XAI_OK);
    ck_assert_uint_le(first + count, all);
    xai_new_weight *fresh = XAI_NEW(arena, xai_new_weight, 2 * count);
    for (size_t i = first; i < first + count; i++) {
        xai_tensor *weight, *bias = NULL;
        ck_assert_int_eq(xai_tensor_new(arena, XAI_F32, &list[i].tensor->shape, &weight, &err), XAI_OK);
        if (list[i].bias)
            ck_assert_int_eq(xai_tensor_new(arena, XAI_F32, &list[i].bias_tensor->shape, &bias, &err), XAI_OK);
        xai_weight_redraw(&list[i], i, how, seed, weight, bias);
        fresh[n++] = (xai_new_weight){list[i].name, weight};
        if (bias) fresh[n++] = (xai_new_weight){list[i].bias, bias};
    }
    xai_model *out = NULL;
    ck_assert_msg(xai_model_reweigh(m, fresh, n, &out, &err) == XAI_OK, "%s", err.msg);
    return out;
}

/* Every Conv and Gemm of the graph, in its order; all of them are needed here. */
START_TEST(all_layers_are_found_from_the_input_upwards)
{
    xai_model *m = load_net(NETS[_i]);
    xai_arena *arena = xai_arena_new(0);
    xai_weight *list;
    size_t count, at = 0;
    ck_assert_int_eq(xai_model_weights(m, arena, &list, &count, NULL), XAI_OK);
    for (size_t i = 0; i < m->graph->node_count; i++) {
        const xai_graph_node *n = &m->graph->nodes[i];
        if (strcmp(n->type, "Conv") != 0 && strcmp(n->type, "Gemm") != 0) continue;
        ck_assert_uint_lt(at, count);
        ck_assert_str_eq(list[at].layer, n->out[0]);
        ck_assert_str_eq(list[at].name, n->in[1]);
        ck_assert_int_eq(list[at].fan_in, xai_tensor_count(list[at].tensor) / list[at].tensor->shape.dim[0]);
        at++;
    }
    ck_assert_uint_eq(at, count);
    ck_assert_uint_gt(count, 3);
    xai_arena_free(arena);
    xai_model_unref(m);
}
END_TEST

START_TEST(nothing_changed_is_the_same_to_the_byte_and_outlives_the_first)
{
    xai_model *m = load_net(NETS[_i]), *same = NULL;
    size_t n = count_of(logits_of(m)), bytes = n * sizeof(float);
    float *a = malloc(bytes), *b = malloc(bytes);
    scores(m, a);
    ck_assert_int_eq(xai_model_reweigh(m, NULL, 0, &same, NULL), XAI_OK);
    xai_model_unref(m);
    scores(same, b);
    ck_assert_mem_eq(a, b, bytes);
    ck_assert_str_eq(same->info.labels[0], "0");
    xai_model_unref(same);
    free(a);
    free(b);
}
END_TEST

START_TEST(the_seed_decides_and_the_first_model_stays)
{
    xai_model *m = load_net(NETS[_i]);
    xai_arena *arena = xai_arena_new(0);
    size_t n = count_of(logits_of(m)), bytes = n * sizeof(float);
    float *was = malloc(bytes), *one = malloc(bytes), *again = malloc(bytes), *two = malloc(bytes);
    float *after = malloc(bytes);
    scores(m, was);
    xai_model *x = redrawn(m, arena, 1, 2, XAI_REDRAW_SHUFFLE, 1), *y = redrawn(m, arena, 1, 2, XAI_REDRAW_SHUFFLE, 1),
              *z = redrawn(m, arena, 1, 2, XAI_REDRAW_SHUFFLE, 2);
    scores(x, one);
    scores(y, again);
    scores(z, two);
    scores(m, after);
    ck_assert_mem_eq(one, again, bytes);
    ck_assert_mem_eq(was, after, bytes);
    ck_assert_int_ne(memcmp(one, two, bytes), 0);
    ck_assert_int_ne(memcmp(one, was, bytes), 0);
    xai_model_unref(x);
    xai_model_unref(y);
    xai_model_unref(z);
    xai_model_unref(m);
    xai_arena_free(arena);
    free(was);
    free(one);
    free(again);
    free(two);
    free(after);
}
END_TEST

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

START_TEST(a_shuffle_keeps_the_numbers_and_uniform_ones_keep_their_bound)
{
    xai_model *m = load_net("tiny-vgg");
    xai_arena *arena = xai_arena_new(0);
    xai_weight *list;
    size_t count;
    ck_assert_int_eq(xai_model_weights(m, arena, &list, &count, NULL), XAI_OK);
    for (size_t i = 0; i < count; i++) {
        xai_tensor *w, *b;
        size_t n = (size_t)xai_tensor_count(list[i].tensor), size = n * sizeof(float);
        ck_assert_ptr_nonnull(list[i].bias);
        ck_assert_int_eq(xai_tensor_new(arena, XAI_F32, &list[i].tensor->shape, &w, NULL), XAI_OK);
        ck_assert_int_eq(xai_tensor_new(arena, XAI_F32, &list[i].bias_tensor->shape, &b, NULL), XAI_OK);
        xai_weight_redraw(&list[i], i, XAI_REDRAW_SHUFFLE, 3, w, b);
        ck_assert_mem_eq(b->data, list[i].bias_tensor->data, (size_t)xai_tensor_count(b) * sizeof(float));
        ck_assert_int_ne(memcmp(w->data, list[i].tensor->data, size), 0);
        float *was = malloc(size);
        memcpy(was, list[i].tensor->data, size);
        qsort(was, n, sizeof *was, by_value);
        qsort(w->data, n, sizeof *was, by_value);
        ck_assert_mem_eq(was, w->data, size);
        free(was);
        xai_weight_redraw(&list[i], i, XAI_REDRAW_UNIFORM, 3, w, b);
        double bound = 1 / sqrt((double)list[i].fan_in), most = 0, sum = 0;
        const float *v = w->data;
        for (size_t k = 0; k < n; k++) {
            most = fmax(most, fabs((double)v[k]));
            sum += (double)v[k];
        }
        ck_assert_double_le(most, bound);
        ck_assert_double_gt(most, 0.8 * bound);
        ck_assert_double_lt(fabs(sum), 4 * bound * sqrt((double)n / 3));
    }
    xai_model_unref(m);
    xai_arena_free(arena);
}
END_TEST

/* x of 2 numbers, a matrix behind a Transpose; and a layer nobody needs, whose weights are not listed. */
static xai_model *product(onnx_builder *b, bool constant)
{
    static const float w[] = {1, 2, 3, 4, 5, 6};
    static const int64_t perm[] = {1, 0};
    onnx_begin(b, 13);
    onnx_input(b, "x", "1x1x1x2");
    onnx_output(b, "y");
    onnx_floats(b, "unused", "2x5", NULL);
    onnx_floats(b, "w", "3x2", w);
    if (constant) onnx_constant(b);
    onnx_attr_ints(onnx_node(b, "Transpose", "w", "wt"), "perm", 2, perm);
    onnx_node(b, "Flatten", "x", "flat");
    onnx_node(b, "MatMul", "flat unused", "nothing");
    onnx_node(b, "MatMul", "flat wt", "y");
    xai_model *m = NULL;
    xai_error err = {0};
    xai_model_config config = {.head = XAI_HEAD_SOFTMAX, .head_known = true};
    ck_assert_msg(xai_model_load(onnx_write(b), &config, &m, &err) == XAI_OK, "%s", err.msg);
    return m;
}

/* An initializer; then the value of a Constant node. */
START_TEST(a_weight_behind_a_transpose_gives_the_product_expected)
{
    onnx_builder b;
    xai_model *m = product(&b, _i == 1), *other = NULL;
    xai_arena *arena = xai_arena_new(0);
    xai_weight *list;
    size_t count;
    ck_assert_int_eq(xai_model_weights(m, arena, &list, &count, NULL), XAI_OK);
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(list[0].name, "w");
    ck_assert_int_eq(list[0].fan_in, 2);
    float values[] = {1, 0, 0, 1, 10, -1}, got[3], x[2];
    xai_tensor tensor = {XAI_F32, {2, {3, 2}}, values};
    ck_assert_int_eq(xai_model_reweigh(m, &(xai_new_weight){"w", &tensor}, 1, &other, NULL), XAI_OK);
    scores(other, got);
    fill_wave(x, 2, 0.4F);
    ck_assert_float_eq_tol(got[0], x[0], 1e-6F);
    ck_assert_float_eq_tol(got[1], x[1], 1e-6F);
    ck_assert_float_eq_tol(got[2], 10 * x[0] - x[1], 1e-5F);
    xai_model_unref(other);
    xai_model_unref(m);
    xai_arena_free(arena);
    onnx_end(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reweigh");
    TCase *tc = tcase_create("weights");
    tcase_add_loop_test(tc, all_layers_are_found_from_the_input_upwards, 0, NET_COUNT);
    tcase_add_loop_test(tc, nothing_changed_is_the_same_to_the_byte_and_outlives_the_first, 0, NET_COUNT);
    tcase_add_loop_test(tc, the_seed_decides_and_the_first_model_stays, 0, NET_COUNT);
    tcase_add_test(tc, a_shuffle_keeps_the_numbers_and_uniform_ones_keep_their_bound);
    tcase_add_loop_test(tc, a_weight_behind_a_transpose_gives_the_product_expected, 0, 2);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
