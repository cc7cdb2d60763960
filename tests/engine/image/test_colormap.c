/* Colour maps: the list, their ends, and what makes each of them useful. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "image/colormap.h"

static int luma(const uint8_t rgb[3]) { return (299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2]) / 1000; }

static void colour(const char *name, double t, uint8_t rgb[3])
{
    const xai_colormap *map = xai_colormap_find(name);
    ck_assert_ptr_nonnull(map);
    xai_colormap_rgb(map, t, rgb);
}

static void expect_near(const char *name, double t, int r, int g, int b, int tolerance)
{
    uint8_t rgb[3];
    colour(name, t, rgb);
    ck_assert_msg(abs(rgb[0] - r) <= tolerance && abs(rgb[1] - g) <= tolerance && abs(rgb[2] - b) <= tolerance,
                  "%s(%g) is %d %d %d", name, t, rgb[0], rgb[1], rgb[2]);
}

START_TEST(published_colours)
{
    expect_near("gray", 0.5, 128, 128, 128, 0);
    expect_near("viridis", 0, 68, 1, 84, 5);
    expect_near("viridis", 0.5, 33, 145, 140, 5);
    expect_near("viridis", 1, 253, 231, 37, 5);
    expect_near("magma", 0.5, 183, 55, 121, 6);
    expect_near("turbo", 0, 48, 18, 59, 8);
    expect_near("turbo", 0.5, 164, 252, 60, 8);
    expect_near("turbo", 1, 122, 4, 3, 8);
}
END_TEST

START_TEST(names_are_found_and_others_are_not)
{
    for (size_t i = 0; i < xai_colormap_count(); i++)
        ck_assert_ptr_eq(xai_colormap_find(xai_colormap_name(xai_colormap_at(i))), xai_colormap_at(i));
    ck_assert_ptr_null(xai_colormap_find("jet"));
    ck_assert(xai_colormap_diverging(xai_colormap_find("bluered")));
    ck_assert(!xai_colormap_diverging(xai_colormap_find("turbo")));
}
END_TEST

START_TEST(sequential_maps_grow_lighter)
{
    static const char *const names[] = {"gray", "viridis", "magma"};
    uint8_t table[256][3];
    xai_colormap_table(xai_colormap_find(names[_i]), table);
    for (int i = 8; i < 256; i += 8) ck_assert_int_gt(luma(table[i]), luma(table[i - 8]));
}
END_TEST

START_TEST(diverging_map_is_balanced)
{
    uint8_t table[256][3], middle[3];
    xai_colormap_table(xai_colormap_find("bluered"), table);
    for (int i = 0; i < 128; i++) ck_assert_int_le(abs(luma(table[i]) - luma(table[255 - i])), 30);
    ck_assert_int_gt(table[0][2], table[0][0]);
    ck_assert_int_gt(table[255][0], table[255][2]);
    colour("bluered", 0.5, middle);
    ck_assert(middle[0] == middle[1] && middle[1] == middle[2] && middle[0] > 240);
}
END_TEST

START_TEST(values_outside_take_the_ends)
{
    uint8_t low[3], high[3], got[3];
    colour("turbo", 0, low);
    colour("turbo", 1, high);
    colour("turbo", -3, got);
    ck_assert_mem_eq(got, low, 3);
    colour("turbo", 7, got);
    ck_assert_mem_eq(got, high, 3);
    colour("turbo", NAN, got);
    ck_assert_mem_eq(got, low, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("image/colormap");
    TCase *tests = tcase_create("colormap");
    tcase_add_test(tests, published_colours);
    tcase_add_test(tests, names_are_found_and_others_are_not);
    tcase_add_loop_test(tests, sequential_maps_grow_lighter, 0, 3);
    tcase_add_test(tests, diverging_map_is_balanced);
    tcase_add_test(tests, values_outside_take_the_ends);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
