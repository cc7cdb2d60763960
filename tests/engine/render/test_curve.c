/* Curves as pictures: what is one, that lines are drawn where the numbers are, and that odd numbers do no harm. */
#include "base/arena.h"
#include "render/curve.h"

#include <check.h>
#include <math.h>
#include <string.h>

static xai_arena *arena;

static void set_up(void) { arena = xai_arena_new(0); }
static void tear_down(void) { xai_arena_free(arena); }

static xai_doc *numbers(const double *values, size_t n)
{
    xai_doc *array = xai_doc_array(arena);
    for (size_t i = 0; i < n; i++) xai_doc_push(array, xai_doc_real(arena, values[i]));
    return array;
}

static xai_doc *curve_of(const char *form, const double *x, const double *y, size_t n)
{
    xai_doc *doc = xai_doc_object(arena), *series = xai_doc_array(arena), *line = xai_doc_object(arena);
    xai_doc_put_text(doc, "form", form);
    xai_doc_put_text(doc, "title", "Deletion");
    xai_doc_put_text(line, "name", "this map");
    xai_doc_put(line, "x", numbers(x, n));
    xai_doc_put(line, "y", numbers(y, n));
    xai_doc_push(series, line);
    xai_doc_put(doc, "series", series);
    return doc;
}

static const double X[] = {0, 0.5, 1}, FALLING[] = {0.9, 0.2, 0.1}, RISING[] = {0.1, 0.8, 0.9};

START_TEST(only_lines_are_curves)
{
    xai_artifact out;
    ck_assert(xai_doc_is_lines(curve_of("lines", X, RISING, 3)));
    ck_assert(!xai_doc_is_lines(curve_of("bars", X, RISING, 3)));
    ck_assert(!xai_doc_is_lines(curve_of("lines", X, RISING, 0)));
    ck_assert(!xai_doc_is_lines(xai_doc_object(arena)));
    ck_assert_int_eq(xai_render_curve(xai_doc_object(arena), "c", arena, &out, NULL), XAI_E_BAD_PARAM);
}
END_TEST

START_TEST(another_curve_is_another_picture)
{
    xai_artifact a, b, again;
    xai_error err = {0};
    ck_assert_msg(xai_render_curve(curve_of("lines", X, RISING, 3), "c", arena, &a, &err) == XAI_OK, "%s", err.msg);
    ck_assert_int_eq(xai_render_curve(curve_of("lines", X, FALLING, 3), "c", arena, &b, &err), XAI_OK);
    ck_assert_int_eq(xai_render_curve(curve_of("lines", X, RISING, 3), "c", arena, &again, &err), XAI_OK);
    ck_assert_str_eq(a.media_type, "image/png");
    ck_assert(a.size != b.size || memcmp(a.bytes, b.bytes, a.size) != 0);
    ck_assert(a.size == again.size && memcmp(a.bytes, again.bytes, a.size) == 0);
}
END_TEST

START_TEST(any_numbers_are_drawn)
{
    static const double FLAT[] = {0, 0, 0}, GAP[] = {-3, NAN, 1e9}, TINY[] = {1e-7, 2e-7, 3e-7};
    const double *const all[] = {FLAT, GAP, TINY};
    for (size_t i = 0; i < 3; i++) {
        xai_artifact out;
        xai_error err = {0};
        ck_assert_msg(xai_render_curve(curve_of("lines", X, all[i], 3), "c", arena, &out, &err) == XAI_OK, "%s", err.msg);
        ck_assert_uint_gt(out.size, 1000);
        ck_assert_msg(xai_render_curve(curve_of("lines", X, all[i], 1), "c", arena, &out, &err) == XAI_OK, "%s", err.msg);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("curve");
    TCase *tc = tcase_create("curve");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, only_lines_are_curves);
    tcase_add_test(tc, another_curve_is_another_picture);
    tcase_add_test(tc, any_numbers_are_drawn);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
