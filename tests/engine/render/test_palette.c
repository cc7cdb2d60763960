/* Palettes: few colours are kept as they are, many come near, white stays white. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "render/palette.h"

static xai_arena *arena;
static xai_palette palette;

static void setup(void) { arena = xai_arena_new(0); }
static void teardown(void) { xai_arena_free(arena); }

START_TEST(few_colours_are_exact)
{
    static const uint8_t RGB[][3] = {{255, 255, 255}, {0, 0, 0}, {237, 28, 36}, {33, 115, 181}, {237, 28, 36}};
    ck_assert_int_eq(xai_palette_make(RGB[0], 5, arena, &palette, NULL), XAI_OK);
    ck_assert_int_eq(palette.count, 4);
    for (int i = 0; i < 5; i++)
        ck_assert_mem_eq(palette.rgb[xai_palette_index(&palette, RGB[i])], RGB[i], 3);
}
END_TEST

START_TEST(one_colour_is_one_entry)
{
    static const uint8_t RGB[] = {9, 99, 199, 9, 99, 199};
    ck_assert_int_eq(xai_palette_make(RGB, 2, arena, &palette, NULL), XAI_OK);
    ck_assert_int_eq(palette.count, 1);
    ck_assert_mem_eq(palette.rgb[0], RGB, 3);
}
END_TEST

/* All of a cube of 32 shades a channel: 256 colours are 6.3 a side, so that none is far off. */
START_TEST(many_colours_come_near)
{
    enum { N = 32 * 32 * 32 };
    static uint8_t rgb[N][3];
    for (int i = 0; i < N; i++)
        for (int k = 0; k < 3; k++) rgb[i][k] = (uint8_t)(8 * (i >> (5 * k) & 31));
    ck_assert_int_eq(xai_palette_make(rgb[0], N, arena, &palette, NULL), XAI_OK);
    ck_assert_int_eq(palette.count, 256);
    double worst = 0;
    for (int i = 0; i < N; i++) {
        const uint8_t *to = palette.rgb[xai_palette_index(&palette, rgb[i])];
        double square = 0;
        for (int k = 0; k < 3; k++) square += (to[k] - rgb[i][k]) * (to[k] - rgb[i][k]);
        worst = fmax(worst, sqrt(square));
    }
    ck_assert_double_le(worst, 64);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("palette");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, few_colours_are_exact);
    tcase_add_test(all, one_colour_is_one_entry);
    tcase_add_test(all, many_colours_come_near);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
