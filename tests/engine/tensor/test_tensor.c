/* Shapes whose products overflow, axes, texts, and elements by type. */
#include "tensor/tensor.h"

#include <check.h>
#include <stdlib.h>

START_TEST(counts_are_checked)
{
    static const struct {
        xai_shape shape;
        int64_t count;
    } CASES[] = {
        {{0, {0}}, 1},
        {{1, {0}}, 0},
        {{3, {2, 3, 4}}, 24},
        {{2, {-1, 3}}, -1},
        {{2, {0, -3}}, -1},
        {{1, {XAI_MAX_ELEMENTS}}, XAI_MAX_ELEMENTS},
        {{1, {XAI_MAX_ELEMENTS + 1}}, -1},
        {{2, {INT64_C(1) << 32, INT64_C(1) << 32}}, -1},
        {{8, {256, 256, 256, 256, 256, 256, 256, 256}}, -1},
        {{2, {INT64_MAX, INT64_MAX}}, -1},
        {{3, {INT64_C(3037000500), INT64_C(3037000500), 2}}, -1},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        ck_assert_msg(xai_shape_count(&CASES[i].shape) == CASES[i].count, "case %zu: %lld", i,
                      (long long)xai_shape_count(&CASES[i].shape));
}
END_TEST

START_TEST(spans_axes_and_equality)
{
    xai_shape s = xai_shape_4d(2, 3, 4, 5), t = {3, {2, 3, 4}};
    ck_assert_int_eq(xai_shape_span(&s, 1, 3), 12);
    ck_assert_int_eq(xai_shape_span(&s, 2, 2), 1);
    ck_assert_int_eq(xai_shape_axis(&s, -1), 3);
    ck_assert_int_eq(xai_shape_axis(&s, 3), 3);
    ck_assert_int_eq(xai_shape_axis(&s, 4), -1);
    ck_assert_int_eq(xai_shape_axis(&s, -5), -1);
    ck_assert(xai_shape_equal(&s, &s));
    ck_assert(!xai_shape_equal(&s, &t));
    t.dim[2] = 5;
    ck_assert(!xai_shape_equal(&t, &(xai_shape){3, {2, 3, 4}}));
}
END_TEST

START_TEST(texts_fit_their_buffer)
{
    char text[64], tight[6];
    ck_assert_str_eq(xai_shape_text(&(xai_shape){4, {1, 3, 224, 224}}, text, sizeof text), "1x3x224x224");
    ck_assert_str_eq(xai_shape_text(&(xai_shape){0, {0}}, text, sizeof text), "scalar");
    ck_assert_str_eq(xai_shape_text(&(xai_shape){4, {1, 3, 224, 224}}, tight, sizeof tight), "1x3x2");
}
END_TEST

START_TEST(new_tensors_are_zeroed_and_limited)
{
    xai_arena *arena = xai_arena_new(10000);
    xai_tensor *t;
    xai_error err;
    ck_assert_int_eq(xai_tensor_new(arena, XAI_F64, &(xai_shape){2, {3, 5}}, &t, &err), XAI_OK);
    ck_assert_uint_eq(xai_tensor_bytes(t), 120);
    ck_assert_uint_eq((uintptr_t)t->data % 64, 0);
    for (int i = 0; i < 15; i++) ck_assert(xai_tensor_real(t, i) == 0);
    ck_assert_int_eq(xai_tensor_new(arena, XAI_F32, &(xai_shape){1, {5000}}, &t, &err), XAI_E_NO_MEMORY);
    ck_assert_int_eq(xai_tensor_new(arena, XAI_U8, &(xai_shape){2, {INT64_MAX, 3}}, &t, &err), XAI_E_TOO_LARGE);
    xai_arena_free(arena);
}
END_TEST

START_TEST(elements_by_type)
{
    float f[] = {-1.5F, 3};
    double d[] = {-1.5, 3};
    int64_t l[] = {INT64_MIN, 3};
    int32_t i[] = {INT32_MIN, 3};
    uint8_t u[] = {255, 3};
    struct {
        xai_tensor t;
        int64_t integer;
        double real;
        size_t size;
    } cases[] = {
        {{XAI_F32, {1, {2}}, f}, -1, -1.5, 4},
        {{XAI_F64, {1, {2}}, d}, -1, -1.5, 8},
        {{XAI_I64, {1, {2}}, l}, INT64_MIN, -0x1p63, 8},
        {{XAI_I32, {1, {2}}, i}, INT32_MIN, -0x1p31, 4},
        {{XAI_U8, {1, {2}}, u}, 255, 255, 1},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        ck_assert_int_eq(xai_tensor_int(&cases[k].t, 0), cases[k].integer);
        ck_assert(xai_tensor_real(&cases[k].t, 0) == cases[k].real);
        ck_assert_int_eq(xai_tensor_int(&cases[k].t, 1), 3);
        ck_assert_uint_eq(xai_dtype_size(cases[k].t.dtype), cases[k].size);
    }
    ck_assert_str_eq(xai_dtype_name(XAI_BOOL), "bool");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tensor/tensor");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, counts_are_checked);
    tcase_add_test(tests, spans_axes_and_equality);
    tcase_add_test(tests, texts_fit_their_buffer);
    tcase_add_test(tests, new_tensors_are_zeroed_and_limited);
    tcase_add_test(tests, elements_by_type);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
