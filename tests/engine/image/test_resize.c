/* Resizing: Pillow's bytes exactly, windows as parts of the whole, and bilinear maps by known values. */
#include "fixture.h"

#include <dirent.h>

#include "image/resize.h"
#include "image/upsample.h"

#define GOLDEN "tests/golden/data/resize/"

static const char *const FILTERS[] = {"nearest", "bilinear", "bicubic"};
static const int SIZES[][2] = {{16, 10}, {50, 40}, {37, 11}, {13, 23}, {1, 1}, {80, 5}};
enum { SIZE_COUNT = sizeof SIZES / sizeof SIZES[0] };

static xai_image *noise;

static void setup(void) { noise = fixture_expected("noise"); }
static void teardown(void) { xai_image_free(noise); }

static xai_resize resize_of(xai_filter filter, int width, int height)
{
    return (xai_resize){.width = noise->width,
                        .height = noise->height,
                        .out_width = width,
                        .out_height = height,
                        .filter = filter,
                        .antialias = true};
}

static uint8_t *resized(const xai_resize *r, xai_window window)
{
    uint8_t *out = malloc((size_t)window.width * (size_t)window.height * 3);
    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(xai_resize_rgb(r, noise->rgb, window, out, NULL), XAI_OK);
    return out;
}

START_TEST(bytes_are_pillows)
{
    const int *size = SIZES[_i % SIZE_COUNT];
    xai_filter filter = (xai_filter)(_i / SIZE_COUNT);
    char name[64];
    snprintf(name, sizeof name, "noise_%s_%dx%d", FILTERS[filter], size[0], size[1]);
    xai_image *expected = fixture_expected(name);
    xai_resize r = resize_of(filter, size[0], size[1]);
    uint8_t *got = resized(&r, (xai_window){0, 0, size[0], size[1]});
    ck_assert_mem_eq(got, expected->rgb, (size_t)size[0] * (size_t)size[1] * 3);
    free(got);
    xai_image_free(expected);
}
END_TEST

/* One golden: <name>_<width>x<height>_<filter>.png made from <name>.png. */
static bool golden_holds(const char *file)
{
    char name[64], filter[16], path[512];
    xai_resize r = {.antialias = true};
    if (sscanf(file, "%63[^_]_%dx%d_%15[a-z].png", name, &r.out_width, &r.out_height, filter) != 4) return false;
    while (strcmp(FILTERS[r.filter], filter) != 0) r.filter++;
    snprintf(path, sizeof path, GOLDEN "%s.png", name);
    xai_image *source = fixture_image(path);
    snprintf(path, sizeof path, GOLDEN "%s", file);
    xai_image *expected = fixture_image(path);
    size_t bytes = (size_t)r.out_width * (size_t)r.out_height * 3;
    uint8_t *out = malloc(bytes);
    r.width = source->width, r.height = source->height;
    xai_window whole = {0, 0, r.out_width, r.out_height};
    ck_assert_int_eq(xai_resize_rgb(&r, source->rgb, whole, out, NULL), XAI_OK);
    ck_assert_msg(memcmp(out, expected->rgb, bytes) == 0, "%s differs", file);
    free(out);
    xai_image_free(source);
    xai_image_free(expected);
    return true;
}

START_TEST(goldens_hold)
{
    int count = 0;
    DIR *folder = opendir(GOLDEN);
    ck_assert_ptr_nonnull(folder);
    for (struct dirent *entry; (entry = readdir(folder));) count += golden_holds(entry->d_name);
    closedir(folder);
    ck_assert_int_ge(count, 30);
}
END_TEST

START_TEST(window_is_a_part_of_the_whole)
{
    xai_resize r = resize_of((xai_filter)_i, 50, 16);
    xai_window part = {11, 3, 20, 9};
    uint8_t *whole = resized(&r, (xai_window){0, 0, 50, 16}), *got = resized(&r, part);
    for (int y = 0; y < part.height; y++)
        ck_assert_mem_eq(got + 3 * y * part.width, whole + 3 * ((part.y + y) * 50 + part.x), 3 * (size_t)part.width);
    free(whole);
    free(got);
}
END_TEST

START_TEST(without_antialias_shrinking_samples_neighbours)
{
    /* One row of 8 to 2: bilinear at 1.5 and 5.5 is the mean of two neighbours, whatever lies between. */
    const uint8_t row[24] = {0,  0,  0,  10,  20, 30, 30,  40, 50, 99, 99, 99,
                             99, 99, 99, 100, 0,  50, 200, 0,  60, 99, 99, 99};
    const xai_resize r = {.width = 8, .height = 1, .out_width = 2, .out_height = 1, .filter = XAI_FILTER_BILINEAR};
    uint8_t out[6];
    ck_assert_int_eq(xai_resize_rgb(&r, row, (xai_window){0, 0, 2, 1}, out, NULL), XAI_OK);
    const uint8_t expected[6] = {20, 30, 40, 150, 0, 55};
    ck_assert_mem_eq(out, expected, 6);
}
END_TEST

START_TEST(map_with_half_pixel_centres)
{
    const float src[4] = {0, 1, 2, 3}, expected[4] = {0, 0.25f, 0.75f, 1};
    float dst[16];
    xai_upsample_bilinear(src, 2, 2, dst, 4, 4, false);
    for (int y = 0; y < 4; y++)
        for (int x = 0; x < 4; x++) ck_assert_float_eq_tol(dst[4 * y + x], 2 * expected[y] + expected[x], 1e-6f);
}
END_TEST

START_TEST(map_with_aligned_corners)
{
    const float src[6] = {0, 1, 2, 10, 11, 12};
    float dst[35];
    xai_upsample_bilinear(src, 2, 3, dst, 7, 5, true);
    for (int y = 0; y < 7; y++)
        for (int x = 0; x < 5; x++)
            ck_assert_float_eq_tol(dst[5 * y + x], 10.0f * (float)y / 6.0f + (float)x / 2.0f, 1e-5f);
}
END_TEST

START_TEST(map_of_one_value_fills_everything)
{
    const float src[1] = {-2.5f};
    float dst[12];
    xai_upsample_bilinear(src, 1, 1, dst, 3, 4, _i != 0);
    for (int i = 0; i < 12; i++) ck_assert_float_eq(dst[i], -2.5f);
    xai_upsample_bilinear(dst, 3, 4, dst, 1, 1, _i != 0);
    ck_assert_float_eq(dst[0], -2.5f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("image/resize");
    TCase *tests = tcase_create("resize");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, bytes_are_pillows, 0, 3 * SIZE_COUNT);
    tcase_add_test(tests, goldens_hold);
    tcase_add_loop_test(tests, window_is_a_part_of_the_whole, 0, 3);
    tcase_add_test(tests, without_antialias_shrinking_samples_neighbours);
    tcase_add_test(tests, map_with_half_pixel_centres);
    tcase_add_test(tests, map_with_aligned_corners);
    tcase_add_loop_test(tests, map_of_one_value_fills_everything, 0, 2);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
