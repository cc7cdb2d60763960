/* Decoding: every accepted kind of file gives the pixels that Pillow gives; every orientation is applied. */
#include "fixture.h"

typedef struct accepted {
    const char *name;
    int tolerance; /* JPEG decoders round differently */
} accepted;

static const accepted ACCEPTED[] = {
    {"rgb.png", 0},        {"rgba.png", 0},          {"gray.png", 0},  {"gray_alpha.png", 0},  {"palette.png", 0},
    {"bits1.png", 0},      {"palette_alpha.png", 0}, {"rgb16.png", 0}, {"gray16.png", 0},      {"colour_key.png", 0},
    {"interlaced.png", 0}, {"palette_short.png", 0}, {"rgb24.bmp", 0}, {"gray8.bmp", 0},       {"bits1.bmp", 0},
    {"rgbx32.bmp", 0},     {"baseline.jpg", 3},      {"gray.jpg", 3},  {"progressive.jpg", 8},
};

static void expect_pixels(const xai_image *image, const char *name, int tolerance)
{
    xai_image *expected = fixture_expected(name);
    ck_assert_int_eq(image->width, expected->width);
    ck_assert_int_eq(image->height, expected->height);
    for (int i = 0; i < image->width * image->height * 3; i++) {
        int difference = abs(image->rgb[i] - expected->rgb[i]);
        ck_assert_msg(difference <= tolerance, "%s: byte %d is %d, expected %d", name, i, image->rgb[i],
                      expected->rgb[i]);
    }
    xai_image_free(expected);
}

static xai_image *decode(const char *name)
{
    fixture f = fixture_read(name);
    xai_error err = {0};
    xai_image *image;
    xai_status status = xai_image_decode(f.bytes, f.size, NULL, &image, &err);
    ck_assert_msg(status == XAI_OK, "%s: %s", name, err.msg);
    free(f.bytes);
    return image;
}

START_TEST(accepted_files_have_pillows_pixels)
{
    xai_image *image = decode(ACCEPTED[_i].name);
    expect_pixels(image, ACCEPTED[_i].name, ACCEPTED[_i].tolerance);
    ck_assert_int_eq(image->orientation, 1);
    xai_image_free(image);
}
END_TEST

START_TEST(png_orientation_is_applied_exactly)
{
    char name[32];
    snprintf(name, sizeof name, "orient%d.png", _i);
    xai_image *image = decode(name);
    ck_assert_int_eq(image->orientation, _i);
    expect_pixels(image, name, 0);
    xai_image_free(image);
}
END_TEST

START_TEST(jpeg_orientation_is_applied)
{
    char name[32];
    snprintf(name, sizeof name, "orient%d.jpg", _i);
    xai_image *image = decode(name);
    ck_assert_int_eq(image->orientation, _i);
    expect_pixels(image, name, 3);
    xai_image_free(image);
}
END_TEST

START_TEST(hash_is_of_the_files_bytes)
{
    xai_image *image = decode("rgb16.png");
    ck_assert_str_eq(image->sha256, "6ee8db94e3efebce7b0ea7bdb030161bbe248b03be45d31e42133cc9a36ce05a");
    xai_image_free(image);
}
END_TEST

START_TEST(decoding_twice_gives_the_same_bytes)
{
    xai_image *a = decode("progressive.jpg"), *b = decode("progressive.jpg");
    ck_assert_mem_eq(a->rgb, b->rgb, (size_t)a->width * (size_t)a->height * 3);
    xai_image_free(a);
    xai_image_free(b);
}
END_TEST

START_TEST(copies_of_pixels_are_checked)
{
    const uint8_t rgb[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    xai_image *image;
    ck_assert_int_eq(xai_image_from_rgb(rgb, 2, 2, 6, &image, NULL), XAI_OK);
    ck_assert_mem_eq(image->rgb, rgb, 12);
    ck_assert_ptr_ne(image->rgb, rgb);
    ck_assert_int_eq(image->orientation, 6);
    ck_assert_str_eq(image->sha256, "");
    xai_image_free(image);
    xai_image_free(NULL);
    ck_assert_int_eq(xai_image_from_rgb(rgb, 0, 2, 1, &image, NULL), XAI_E_BAD_IMAGE);
    ck_assert_ptr_null(image);
    ck_assert_int_eq(xai_image_from_rgb(rgb, 2, -1, 1, &image, NULL), XAI_E_BAD_IMAGE);
    ck_assert_int_eq(xai_image_from_rgb(rgb, 2, 2, 9, &image, NULL), XAI_E_BAD_IMAGE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("image/decode");
    TCase *tests = tcase_create("decode");
    tcase_add_loop_test(tests, accepted_files_have_pillows_pixels, 0, sizeof ACCEPTED / sizeof ACCEPTED[0]);
    tcase_add_loop_test(tests, png_orientation_is_applied_exactly, 1, 9);
    tcase_add_loop_test(tests, jpeg_orientation_is_applied, 1, 9);
    tcase_add_test(tests, hash_is_of_the_files_bytes);
    tcase_add_test(tests, decoding_twice_gives_the_same_bytes);
    tcase_add_test(tests, copies_of_pixels_are_checked);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
