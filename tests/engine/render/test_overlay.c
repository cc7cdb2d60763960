/* Overlays: what a person must be able to tell from one, and that no map breaks it. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "render/overlay.h"
#include "render/shade.h"

enum { W = 40, H = 30 };

static xai_arena *arena;
static uint8_t view[W * H * 3];
static bool degenerate;
static xai_image *image; /* the overlay, decoded */

static void setup(void)
{
    arena = xai_arena_new(0);
    for (int i = 0; i < W * H * 3; i++) view[i] = (uint8_t)(100 + i % 3 * 40);
    image = NULL;
}

static void teardown(void)
{
    xai_image_free(image);
    xai_arena_free(arena);
}

static void draw(const float *map, int height, int width)
{
    xai_artifact out;
    xai_error err = {0};
    xai_status status = xai_render_overlay(view, W, H, map, height, width, arena, &out, &degenerate, &err);
    ck_assert_msg(status == XAI_OK, "%s", err.msg);
    ck_assert_str_eq(out.name, "overlay");
    ck_assert_str_eq(out.media_type, "image/png");
    ck_assert_int_eq(out.kind, XAI_ARTIFACT_IMAGE);
    xai_image_free(image);
    ck_assert_int_eq(xai_image_decode(out.bytes, out.size, NULL, &image, &err), XAI_OK);
    ck_assert_int_eq(image->width, W);
    ck_assert_int_eq(image->height, H);
    ck_assert_int_eq(out.width, W);
    ck_assert_int_eq(out.height, H);
}

static const uint8_t *pixel(int x, int y) { return image->rgb + 3 * (y * W + x); }

static bool is_gray_view(void)
{
    const int gray = (100 * 19595 + 140 * 38470 + 180 * 7471 + 0x8000) >> 16;
    for (int i = 0; i < W * H * 3; i++)
        if (image->rgb[i] != gray) return false;
    return true;
}

START_TEST(strong_is_red_then_blue_then_dark)
{
    const float map[3] = {0, 1, 5};
    draw(map, 1, 3);
    ck_assert(!degenerate);
    ck_assert_int_gt(pixel(W - 1, 0)[0], pixel(W - 1, 0)[2] + 40);
    ck_assert_int_gt(pixel(W / 2, 0)[2], pixel(W / 2, 0)[0] + 40);
    ck_assert_int_lt(pixel(0, 0)[1], pixel(W / 2, 0)[1]);
}
END_TEST

START_TEST(rows_run_from_the_top)
{
    const float map[3] = {5, 1, 0};
    draw(map, 3, 1);
    ck_assert_int_gt(pixel(0, 0)[0], pixel(0, 0)[2] + 40);
    ck_assert_int_gt(pixel(0, H / 2)[2], pixel(0, H / 2)[0] + 40);
    ck_assert_int_lt(pixel(0, H - 1)[1], pixel(0, H / 2)[1]);
}
END_TEST

START_TEST(signs_have_their_colours_whatever_the_offset)
{
    /* Symmetric around 0: the small negative value is pale blue, not the full colour of the scale's end. */
    const float map[3] = {-1, 0, 10};
    draw(map, 1, 3);
    const uint8_t *negative = pixel(0, 0), *positive = pixel(W - 1, 0);
    ck_assert_int_gt(negative[2], negative[0]);
    ck_assert_int_lt(negative[2] - negative[0], 60);
    ck_assert_int_gt(positive[0] - positive[2], 60);
    xai_scale scale = xai_scale_of(map, 3);
    ck_assert(scale.is_signed);
    ck_assert_double_eq(scale.low, -10);
    ck_assert_double_eq(scale.high, 10);
}
END_TEST

START_TEST(all_negative_is_blue)
{
    const float map[2] = {-4, -1};
    draw(map, 1, 2);
    ck_assert_int_gt(pixel(0, 0)[2] - pixel(0, 0)[0], 60);
    ck_assert_int_ge(pixel(W - 1, 0)[2], pixel(W - 1, 0)[0]);
}
END_TEST

START_TEST(rounding_noise_below_zero_is_no_sign)
{
    const float map[3] = {-1e-6f, 0, 10};
    ck_assert(!xai_scale_of(map, 3).is_signed);
}
END_TEST

START_TEST(flat_maps_leave_the_gray_view)
{
    static const float values[] = {0, 3, -2, NAN, INFINITY};
    float map[4];
    for (int i = 0; i < 4; i++) map[i] = values[_i];
    degenerate = false;
    draw(map, 2, 2);
    ck_assert(degenerate);
    ck_assert(is_gray_view());
}
END_TEST

START_TEST(one_nan_is_flagged_and_the_rest_is_shown)
{
    const float map[4] = {0, 1, 2, NAN}, without[4] = {0, 1, 2, 0};
    draw(without, 2, 2);
    ck_assert(!degenerate);
    xai_image *expected = image;
    image = NULL;
    draw(map, 2, 2);
    ck_assert(degenerate);
    ck_assert_mem_eq(image->rgb, expected->rgb, W * H * 3);
    xai_image_free(expected);
}
END_TEST

START_TEST(extreme_values_do_not_overflow)
{
    const float map[4] = {-3e38f, 3e38f, 1, 0}, tiny[4] = {0, 1e-44f, 0, 0};
    draw(map, 2, 2);
    ck_assert(!degenerate && !is_gray_view());
    draw(tiny, 2, 2);
    ck_assert(!degenerate && !is_gray_view());
}
END_TEST

START_TEST(outlier_of_a_fine_map_does_not_hide_the_rest)
{
    enum { N = 100 };
    static float map[N * N];
    for (int i = 0; i < N * N; i++) map[i] = (float)(i % N) / N;
    map[N * N - 1] = 1000;
    xai_scale scale = xai_scale_of(map, N * N);
    ck_assert(scale.clipped);
    ck_assert_double_le(scale.high, 1.3);
    ck_assert_float_eq(scale.max, 1000);
    draw(map, N, N);
    ck_assert_int_gt(pixel(W - 1, 0)[0], pixel(W - 1, 0)[2] + 30);
}
END_TEST

START_TEST(figure_holds_view_and_overlay)
{
    const float map[4] = {-1, 0, 1, 2};
    xai_artifact out;
    xai_error err = {0};
    xai_status status =
        xai_render_legend(view, W, H, map, 2, 2, _i ? "gradcam: \"espresso\"" : NULL, arena, &out, &err);
    ck_assert_msg(status == XAI_OK, "%s", err.msg);
    ck_assert_str_eq(out.name, "figure");
    xai_image *figure;
    ck_assert_int_eq(xai_image_decode(out.bytes, out.size, NULL, &figure, &err), XAI_OK);
    draw(map, 2, 2);
    int top = figure->height - 12 - H;
    for (int y = 0; y < H; y++) {
        const uint8_t *row = figure->rgb + 3 * (size_t)((top + y) * figure->width);
        ck_assert_mem_eq(row + 3 * 12, view + 3 * W * y, 3 * W);
        ck_assert_mem_eq(row + 3 * (12 + W + 12), pixel(0, y), 3 * W);
    }
    xai_image_free(figure);
}
END_TEST

START_TEST(impossible_sizes_are_refused)
{
    const float map[1] = {1};
    xai_artifact out;
    ck_assert_int_eq(xai_render_overlay(view, 0, H, map, 1, 1, arena, &out, NULL, NULL), XAI_E_BAD_PARAM);
    ck_assert_int_eq(xai_render_overlay(view, W, H, map, 0, 1, arena, &out, NULL, NULL), XAI_E_BAD_PARAM);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("render/overlay");
    TCase *tests = tcase_create("overlay");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, strong_is_red_then_blue_then_dark);
    tcase_add_test(tests, rows_run_from_the_top);
    tcase_add_test(tests, signs_have_their_colours_whatever_the_offset);
    tcase_add_test(tests, all_negative_is_blue);
    tcase_add_test(tests, rounding_noise_below_zero_is_no_sign);
    tcase_add_loop_test(tests, flat_maps_leave_the_gray_view, 0, 5);
    tcase_add_test(tests, one_nan_is_flagged_and_the_rest_is_shown);
    tcase_add_test(tests, extreme_values_do_not_overflow);
    tcase_add_test(tests, outlier_of_a_fine_map_does_not_hide_the_rest);
    tcase_add_loop_test(tests, figure_holds_view_and_overlay, 0, 2);
    tcase_add_test(tests, impossible_sizes_are_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
