/* Bar plots: the bars' lengths, gaps, which are named, and what is no bar plot. */
#include "image/png.h"
#include "render/bars.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

static xai_arena *arena;
static void set_up(void) { arena = xai_arena_new(0); }
static void tear_down(void) { xai_arena_free(arena); }

static xai_doc *plot_of(const double *y, size_t n)
{
    xai_doc *doc = xai_doc_object(arena), *series = xai_doc_array(arena);
    xai_doc *line = xai_doc_object(arena), *list = xai_doc_array(arena);
    for (size_t i = 0; i < n; i++) xai_doc_push(list, xai_doc_real(arena, y[i]));
    xai_doc_put(line, "y", list);
    xai_doc_push(series, line);
    xai_doc_put_text(doc, "form", "bars");
    xai_doc_put_text(doc, "title", "gate");
    xai_doc_put(doc, "series", series);
    return doc;
}

/* Pixels of a colour in the picture of these bars. */
static int count_colour(const double *y, size_t n, uint32_t rgb)
{
    xai_artifact a;
    xai_image *image;
    xai_error err = {0};
    ck_assert_msg(xai_render_bars(plot_of(y, n), "weights-picture", arena, &a, &err) == XAI_OK, "%s", err.msg);
    ck_assert_str_eq(a.name, "weights-picture");
    ck_assert_int_eq(xai_image_decode(a.bytes, a.size, NULL, &image, NULL), XAI_OK);
    ck_assert_int_eq(image->width, a.width);
    int count = 0;
    for (int i = 0; i < image->width * image->height; i++) {
        const uint8_t *p = image->rgb + 3 * i;
        count += ((uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2]) == rgb;
    }
    xai_image_free(image);
    return count;
}

static const uint32_t BLUE = 0x4c78a8, RED = 0xd1495b;

START_TEST(lengths_are_in_proportion_from_zero)
{
    const double y[] = {1, 1, 1, 1, 0.5, 0.5, 0.5, 2}; /* two are named: the last, and the first */
    int red = count_colour(y, 8, RED), blue = count_colour(y, 8, BLUE);
    ck_assert_double_eq_tol((double)blue / red, (3 * 1 + 3 * 0.5) / (2 + 1.0), 0.05);
}
END_TEST

START_TEST(equal_bars_are_not_named)
{
    const double y[] = {0.5, 0.5, 0.5, 0.5, 0.5};
    ck_assert_int_eq(count_colour(y, 5, RED), 0);
    ck_assert_int_gt(count_colour(y, 5, BLUE), 10000);
}
END_TEST

START_TEST(zeros_and_what_is_no_number_leave_a_gap)
{
    const double y[] = {0, (double)NAN, 0, 1, 0, 0, 0, 0};
    int one = count_colour(y, 8, RED);
    ck_assert_int_gt(one, 5000);
    ck_assert_int_eq(count_colour(y, 8, BLUE), 0);
    const double none[] = {(double)NAN, (double)INFINITY};
    ck_assert_int_eq(count_colour(none, 2, RED) + count_colour(none, 2, BLUE), 0);
}
END_TEST

START_TEST(many_bars_make_a_wider_picture_within_bounds)
{
    static double y[5000];
    xai_artifact few, many, most;
    for (int i = 0; i < 5000; i++) y[i] = i % 7;
    ck_assert_int_eq(xai_render_bars(plot_of(y, 10), "a", arena, &few, NULL), XAI_OK);
    ck_assert_int_eq(xai_render_bars(plot_of(y, 1500), "a", arena, &many, NULL), XAI_OK);
    ck_assert_int_eq(xai_render_bars(plot_of(y, 5000), "a", arena, &most, NULL), XAI_OK);
    ck_assert_int_gt(many.width, few.width);
    ck_assert_int_gt(most.width, many.width);
    ck_assert_int_lt(most.width, 2200);
}
END_TEST

START_TEST(another_document_is_refused)
{
    xai_artifact a;
    xai_doc *doc = xai_doc_object(arena);
    ck_assert(!xai_doc_is_bars(doc));
    ck_assert_int_eq(xai_render_bars(doc, "a", arena, &a, NULL), XAI_E_BAD_PARAM);
    ck_assert(!xai_doc_is_bars(plot_of(NULL, 0)));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("bars");
    TCase *t = tcase_create("bars");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, lengths_are_in_proportion_from_zero);
    tcase_add_test(t, equal_bars_are_not_named);
    tcase_add_test(t, zeros_and_what_is_no_number_leave_a_gap);
    tcase_add_test(t, many_bars_make_a_wider_picture_within_bounds);
    tcase_add_test(t, another_document_is_refused);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
