/* PNG out: what is written is read back unchanged, twice the same, and without memory it is refused. */
#include "fixture.h"

#include "image/png.h"

static void expect_round_trip(int width, int height)
{
    size_t n = (size_t)width * (size_t)height * 3;
    uint8_t *rgb = malloc(n);
    for (size_t i = 0; i < n; i++) rgb[i] = (uint8_t)(i * i / 7 + i);
    xai_arena *arena = xai_arena_new(0);
    const uint8_t *first, *second;
    size_t size, again;
    xai_image *image;
    ck_assert_int_eq(xai_png_encode_rgb(arena, rgb, width, height, &first, &size, NULL), XAI_OK);
    ck_assert_int_eq(xai_png_encode_rgb(arena, rgb, width, height, &second, &again, NULL), XAI_OK);
    ck_assert_uint_eq(size, again);
    ck_assert_mem_eq(first, second, size);
    ck_assert_int_eq(xai_image_decode(first, size, NULL, &image, NULL), XAI_OK);
    ck_assert_int_eq(image->width, width);
    ck_assert_int_eq(image->height, height);
    ck_assert_mem_eq(image->rgb, rgb, n);
    xai_image_free(image);
    xai_arena_free(arena);
    free(rgb);
}

START_TEST(pixels_survive)
{
    static const int sizes[][2] = {{1, 1}, {224, 224}, {3, 500}, {500, 3}};
    expect_round_trip(sizes[_i][0], sizes[_i][1]);
}
END_TEST

START_TEST(impossible_sizes_are_refused)
{
    const uint8_t *out;
    size_t size;
    xai_arena *arena = xai_arena_new(0);
    ck_assert_int_eq(xai_png_encode_rgb(arena, NULL, 0, 5, &out, &size, NULL), XAI_E_BAD_PARAM);
    ck_assert_int_eq(xai_png_encode_rgb(arena, NULL, 5, 40000, &out, &size, NULL), XAI_E_BAD_PARAM);
    xai_arena_free(arena);
}
END_TEST

START_TEST(full_arena_is_an_error)
{
    const uint8_t rgb[48] = {0}, *out;
    size_t size;
    xai_arena *arena = xai_arena_new(64);
    ck_assert_ptr_nonnull(xai_arena_alloc(arena, 1, 64));
    ck_assert_int_eq(xai_png_encode_rgb(arena, rgb, 4, 4, &out, &size, NULL), XAI_E_NO_MEMORY);
    xai_arena_free(arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("image/png");
    TCase *tests = tcase_create("png");
    tcase_add_loop_test(tests, pixels_survive, 0, 4);
    tcase_add_test(tests, impossible_sizes_are_refused);
    tcase_add_test(tests, full_arena_is_an_error);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
