/* Preprocessing: the view is what models/tools/preprocess.py makes, values and crop rectangle follow from it. */
#include "fixture.h"

#include "image/preprocess.h"

static xai_image *noise;
static xai_error err;
static float input[3 * 64 * 64];
static uint8_t view[3 * 64 * 64];

static void setup(void)
{
    memset(&err, 0, sizeof err);
    noise = fixture_expected("noise"); /* 37 x 23 */
}
static void teardown(void) { xai_image_free(noise); }

#define RESIZE_SHORT(s, f)                                                                                           \
    {                                                                                                                \
        .op = XAI_STEP_RESIZE, .short_side = (s), .filter = (f), .antialias = true                                   \
    }
#define RESIZE_SIZE(h, w, f)                                                                                         \
    {                                                                                                                \
        .op = XAI_STEP_RESIZE, .height = (h), .width = (w), .filter = (f), .antialias = true                         \
    }
#define CROP(h, w)                                                                                                   \
    {                                                                                                                \
        .op = XAI_STEP_CENTER_CROP, .height = (h), .width = (w)                                                      \
    }

typedef struct golden {
    const char *name;
    xai_preprocess_step steps[3];
    int count, height, width;
    double crop[4];
} golden;

/* Origins and scales: 37 x 23 -> 32 x 20, then 7 and 2 cut; padding of (24 - 37) and (30 - 23) pixels: 6 (6.5 to the
 * even number) and -4 (-3.5); 49 x 31 -> 44 x 18, then -2 and 3. */
static const golden GOLDENS[] = {
    {"noise_short",
     {RESIZE_SHORT(20, XAI_FILTER_BICUBIC), CROP(15, 17)},
     2,
     15,
     17,
     {8 * 37 / 32.0, 2 * 23 / 20.0, 17 * 37 / 32.0, 15 * 23 / 20.0}},
    {"noise_size", {RESIZE_SIZE(12, 19, XAI_FILTER_BILINEAR)}, 1, 12, 19, {0, 0, 37, 23}},
    {"noise_pad", {CROP(30, 24)}, 1, 30, 24, {6, -4, 24, 30}},
    {"noise_chain",
     {RESIZE_SHORT(31, XAI_FILTER_NEAREST), RESIZE_SIZE(18, 44, XAI_FILTER_BICUBIC), CROP(12, 48)},
     3,
     12,
     48,
     {-2 * 37 / 44.0, 3 * 23 / 18.0, 48 * 37 / 44.0, 12 * 23 / 18.0}},
};

START_TEST(view_and_crop_follow_the_steps)
{
    const golden *g = &GOLDENS[_i];
    xai_preprocess job = {.steps = g->steps,
                          .step_count = g->count,
                          .height = g->height,
                          .width = g->width,
                          .view_rgb = view,
                          .input = input};
    xai_status status = xai_preprocess_run(noise, &job, &err);
    ck_assert_msg(status == XAI_OK, "%s", err.msg);
    xai_image *expected = fixture_expected(g->name);
    ck_assert_mem_eq(view, expected->rgb, (size_t)g->width * (size_t)g->height * 3);
    for (int i = 0; i < 4; i++) ck_assert_double_eq_tol(job.crop[i], g->crop[i], 1e-9);
    /* Without a normalisation the values are the bytes, plane by plane. */
    for (int i = 0; i < g->width * g->height; i++)
        for (int c = 0; c < 3; c++) ck_assert_float_eq(input[c * g->width * g->height + i], view[3 * i + c]);
    xai_image_free(expected);
}
END_TEST

START_TEST(samples_become_pillows_crops)
{
    static const char *const names[] = {"chelsea", "coffee"};
    static uint8_t crop[224 * 224 * 3];
    const xai_preprocess_step steps[] = {RESIZE_SHORT(256, XAI_FILTER_BICUBIC), CROP(224, 224)};
    xai_preprocess job = {.steps = steps, .step_count = 2, .height = 224, .width = 224, .view_rgb = crop};
    char path[128];
    snprintf(path, sizeof path, "models/samples/%s.png", names[_i]);
    xai_image *sample = fixture_image(path);
    snprintf(path, sizeof path, "tests/golden/data/lite0/%s_224.png", names[_i]);
    xai_image *expected = fixture_image(path);
    ck_assert_int_eq(xai_preprocess_run(sample, &job, &err), XAI_OK);
    ck_assert_mem_eq(crop, expected->rgb, sizeof crop);
    xai_image_free(sample);
    xai_image_free(expected);
}
END_TEST

static const xai_preprocess_step NORMAL[] = {
    RESIZE_SIZE(8, 8, XAI_FILTER_BILINEAR),
    {.op = XAI_STEP_NORMALIZE, .mean = {10, 20, 30}, .scale = {2, 4, 8}},
};

START_TEST(values_by_channel_order_and_layout)
{
    xai_channels channels = _i & 1 ? XAI_CHANNELS_BGR : XAI_CHANNELS_RGB;
    xai_layout layout = _i & 2 ? XAI_LAYOUT_NHWC : XAI_LAYOUT_NCHW;
    xai_preprocess job = {.steps = NORMAL,
                          .step_count = 2,
                          .channels = channels,
                          .layout = layout,
                          .height = 8,
                          .width = 8,
                          .view_rgb = view,
                          .input = input};
    ck_assert_int_eq(xai_preprocess_run(noise, &job, &err), XAI_OK);
    for (int i = 0; i < 64; i++)
        for (int c = 0; c < 3; c++) {
            float got = layout == XAI_LAYOUT_NCHW ? input[64 * c + i] : input[3 * i + c];
            int byte = view[3 * i + (channels == XAI_CHANNELS_BGR ? 2 - c : c)];
            ck_assert_float_eq(got, ((float)byte - NORMAL[1].mean[c]) / NORMAL[1].scale[c]);
        }
}
END_TEST

START_TEST(gray_is_pillows_luma)
{
    fixture f = fixture_read("noise_gray.pgm");
    const uint8_t *expected = f.bytes + f.size - 37 * 23;
    xai_preprocess job = {.channels = XAI_CHANNELS_GRAY, .height = 23, .width = 37, .view_rgb = view, .input = input};
    ck_assert_int_eq(xai_preprocess_run(noise, &job, &err), XAI_OK);
    for (int i = 0; i < 37 * 23; i++) {
        ck_assert_float_eq(input[i], expected[i]);
        for (int c = 0; c < 3; c++) ck_assert_int_eq(view[3 * i + c], expected[i]);
    }
    free(f.bytes);
}
END_TEST

START_TEST(steps_must_end_in_the_models_size)
{
    xai_preprocess job = {.steps = GOLDENS[0].steps, .step_count = 1, .height = 20, .width = 20, .input = input};
    ck_assert_int_eq(xai_preprocess_run(noise, &job, &err), XAI_E_BAD_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.msg, "32 x 20"));
}
END_TEST

START_TEST(impossible_steps_are_refused)
{
    const xai_preprocess_step none[] = {RESIZE_SIZE(0, 8, XAI_FILTER_BILINEAR)}, negative[] = {CROP(-1, 8)};
    xai_preprocess job = {.steps = none, .step_count = 1, .height = 8, .width = 8, .input = input};
    ck_assert_int_eq(xai_preprocess_run(noise, &job, &err), XAI_E_BAD_CONFIG);
    job.steps = negative;
    ck_assert_int_eq(xai_preprocess_run(noise, &job, &err), XAI_E_BAD_CONFIG);
}
END_TEST

START_TEST(extremely_long_image_costs_only_its_crop)
{
    /* 8192 x 1 to a short side of 224 would be 1.8 million columns; the crop needs 224 of them. */
    uint8_t *row = calloc(8192, 3);
    xai_image *line;
    memset(row + 3 * 4095, 255, 6);
    ck_assert_int_eq(xai_image_from_rgb(row, 8192, 1, 1, &line, NULL), XAI_OK);
    const xai_preprocess_step steps[] = {RESIZE_SHORT(64, XAI_FILTER_BILINEAR), CROP(64, 64)};
    xai_preprocess job = {.steps = steps, .step_count = 2, .height = 64, .width = 64, .view_rgb = view};
    ck_assert_int_eq(xai_preprocess_run(line, &job, &err), XAI_OK);
    for (int i = 0; i < 64 * 64 * 3; i++) ck_assert_int_eq(view[i], 255);
    ck_assert_double_eq_tol(job.crop[0], 4095.5, 1e-9);
    ck_assert_double_eq_tol(job.crop[2], 1, 1e-9);
    job.step_count = 1;
    ck_assert_int_eq(xai_preprocess_run(line, &job, &err), XAI_E_BAD_CONFIG);
    xai_image_free(line);
    free(row);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("image/preprocess");
    TCase *tests = tcase_create("preprocess");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, view_and_crop_follow_the_steps, 0, sizeof GOLDENS / sizeof GOLDENS[0]);
    tcase_add_loop_test(tests, samples_become_pillows_crops, 0, 2);
    tcase_add_loop_test(tests, values_by_channel_order_and_layout, 0, 4);
    tcase_add_test(tests, gray_is_pillows_luma);
    tcase_add_test(tests, steps_must_end_in_the_models_size);
    tcase_add_test(tests, impossible_steps_are_refused);
    tcase_add_test(tests, extremely_long_image_costs_only_its_crop);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
