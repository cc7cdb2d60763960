/* Plots of studies: where lines, bands and points stand, gaps, and what cannot be plotted. */
#include "image/png.h"
#include "render/plot.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

static const uint32_t BLUE = 0x0072b2, ORANGE = 0xd55e00;

static xai_arena *arena;
static void set_up(void) { arena = xai_arena_new(0); }
static void tear_down(void) { xai_arena_free(arena); }

typedef struct spots {
    int count;
    double x, y; /* their mean */
} spots;

/* The pixels of exactly this colour, left of `edge`. */
static spots find(const xai_artifact *a, uint32_t rgb, int edge)
{
    xai_image *image;
    spots s = {0, 0, 0};
    ck_assert_int_eq(xai_image_decode(a->bytes, a->size, NULL, &image, NULL), XAI_OK);
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width && x < edge; x++) {
            const uint8_t *p = image->rgb + 3 * ((size_t)y * (size_t)image->width + (size_t)x);
            if (((uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2]) != rgb) continue;
            s.count++;
            s.x += x;
            s.y += y;
        }
    xai_image_free(image);
    if (s.count) s.x /= s.count, s.y /= s.count;
    return s;
}

enum { FIELD = 744 }; /* right of it are the names */

static xai_artifact lines(const double *y, size_t n, const double *low, const double *high)
{
    static const double X[] = {0, 1, 2, 3, 4, 5, 6, 7};
    xai_plot_line line = {.name = "a line", .x = X, .y = y, .low = low, .high = high, .count = n};
    xai_plot_lines plot = {.title = "t", .x_label = "x", .y_label = "y", .x_high = 7, .y_high = 1, .lines = &line, .count = 1};
    xai_artifact a;
    xai_error err = {0};
    ck_assert_msg(xai_render_lines(&plot, "plot", arena, &a, &err) == XAI_OK, "%s", err.msg);
    return a;
}

START_TEST(lines_stand_at_their_heights)
{
    const double high[] = {0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9}, low[] = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1};
    const double middle[] = {0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5};
    xai_artifact a = lines(high, 8, NULL, NULL), b = lines(middle, 8, NULL, NULL), c = lines(low, 8, NULL, NULL);
    spots at = find(&a, BLUE, FIELD), mid = find(&b, BLUE, FIELD), bottom = find(&c, BLUE, FIELD);
    ck_assert_int_gt(at.count, 500);
    ck_assert_double_eq_tol(mid.y, (at.y + bottom.y) / 2, 1);
    ck_assert(at.y < mid.y);
}
END_TEST

START_TEST(a_gap_is_left_empty)
{
    const double whole[] = {0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5};
    double half[] = {0.5, 0.5, 0.5, 0.5, (double)NAN, (double)NAN, (double)NAN, (double)NAN};
    xai_artifact a = lines(whole, 8, NULL, NULL), b = lines(half, 8, NULL, NULL);
    double share = (double)find(&b, BLUE, FIELD).count / find(&a, BLUE, FIELD).count;
    ck_assert_double_eq_tol(share, 3.0 / 7, 0.05);
}
END_TEST

/* From x = 0 to 2 of 7 and y = 0.3 to 0.7: the field is 74 to 744 by 502 to 66 pixels. */
START_TEST(a_band_lies_between_its_ends)
{
    const double y[] = {0.5, 0.5, 0.5}, low[] = {0.3, 0.3, 0.3}, high[] = {0.7, 0.7, 0.7};
    const double left = 74, right = 74 + 670 * 2.0 / 7, top = 502 - 436 * 0.7, bottom = 502 - 436 * 0.3;
    xai_artifact made[] = {lines(y, 3, low, high), lines(y, 3, NULL, NULL)};
    xai_image *with, *without;
    ck_assert_int_eq(xai_image_decode(made[0].bytes, made[0].size, NULL, &with, NULL), XAI_OK);
    ck_assert_int_eq(xai_image_decode(made[1].bytes, made[1].size, NULL, &without, NULL), XAI_OK);
    for (int v = 0; v < with->height; v++)
        for (int u = 0; u < with->width; u++) {
            const uint8_t *p = with->rgb + 3 * (v * with->width + u), *q = without->rgb + 3 * (v * with->width + u);
            bool inside = u > left && u + 1 < right && v > top && v + 1 < bottom;
            bool outside = u + 1 < left || u > right || v + 1 < top || v > bottom;
            if (inside) ck_assert_msg(p[0] < 255, "%d %d is white", u, v);
            if (outside) ck_assert_msg(p[0] == q[0] && p[1] == q[1] && p[2] == q[2], "%d %d", u, v);
        }
    xai_image_free(with);
    xai_image_free(without);
}
END_TEST

static xai_artifact panels(const double *value, const double *low, const double *high, int best)
{
    static const char *const ROWS[] = {"one", "two", "three"};
    xai_plot_panel panel = {.title = "p", .value = value, .low = low, .high = high, .best = best};
    xai_plot_panels plot = {.title = "t", .rows = ROWS, .row_count = 3, .panels = &panel, .count = 1};
    xai_artifact a;
    ck_assert_int_eq(xai_render_panels(&plot, "plot", arena, &a, NULL), XAI_OK);
    return a;
}

START_TEST(points_stand_in_their_rows_and_the_best_is_marked)
{
    const double v[] = {1, 3, 2}, low[] = {0.5, 2.5, 1.5}, high[] = {1.5, 3.5, 2.5};
    xai_artifact first = panels(v, low, high, 0), second = panels(v, low, high, 1);
    spots a = find(&first, ORANGE, 4096), b = find(&second, ORANGE, 4096);
    ck_assert(a.count > 30 && b.count > 30);
    ck_assert_double_eq_tol(b.y - a.y, 24, 1); /* a row lower */
    ck_assert(b.x > a.x + 50);
}
END_TEST

START_TEST(what_is_no_number_has_no_point)
{
    const double v[] = {1, (double)NAN, 2}, none[] = {(double)NAN, (double)NAN, (double)NAN};
    const double all[] = {1, 1.5, 2};
    xai_artifact some = panels(v, none, none, -1), whole = panels(all, all, all, -1), empty = panels(none, none, none, -1);
    ck_assert_double_eq_tol((double)find(&some, BLUE, 4096).count / find(&whole, BLUE, 4096).count, 2.0 / 3, 0.1);
    ck_assert_int_eq(find(&empty, BLUE, 4096).count, 0);
}
END_TEST

START_TEST(empty_scales_and_panels_are_refused)
{
    xai_artifact a;
    xai_plot_lines plot = {.title = "t", .x_label = "x", .y_label = "y", .x_high = 1, .y_high = 0};
    xai_plot_panels none = {.title = "t"};
    ck_assert_int_eq(xai_render_lines(&plot, "plot", arena, &a, NULL), XAI_E_BAD_PARAM);
    ck_assert_int_eq(xai_render_panels(&none, "plot", arena, &a, NULL), XAI_E_BAD_PARAM);
}
END_TEST

START_TEST(steps_are_round)
{
    ck_assert_double_eq_tol(xai_plot_step(1, 5), 0.2, 1e-12);
    ck_assert_double_eq_tol(xai_plot_step(49, 10), 5, 1e-12);
    ck_assert_double_eq_tol(xai_plot_step(0.07, 5), 0.02, 1e-12);
    ck_assert_double_eq_tol(xai_plot_step(12000, 4), 5000, 1e-9);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plot");
    TCase *tests = tcase_create("plot");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, lines_stand_at_their_heights);
    tcase_add_test(tests, a_gap_is_left_empty);
    tcase_add_test(tests, a_band_lies_between_its_ends);
    tcase_add_test(tests, points_stand_in_their_rows_and_the_best_is_marked);
    tcase_add_test(tests, what_is_no_number_has_no_point);
    tcase_add_test(tests, empty_scales_and_panels_are_refused);
    tcase_add_test(tests, steps_are_round);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
