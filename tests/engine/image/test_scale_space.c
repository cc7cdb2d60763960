/* Scale space against blurring twice: the picture, and the difference, on planes that are not square. */
#include "image/blur.h"
#include "image/scale_space.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

enum { CHANNELS = 2, HEIGHT = 13, WIDTH = 29, AREA = HEIGHT * WIDTH, SLACK = 16 };

static double pixel(int channel, int y, int x) { return sin(channel + 0.7 * y) + cos(0.31 * x * (y % 3)) + (x == 11); }

static void blur(int channel, double sigma, double *plane)
{
    xai_blur_spec spec = {HEIGHT, WIDTH, sigma, sigma, XAI_BORDER_ZERO, 0};
    double *scratch = calloc(xai_blur_scratch(&spec), sizeof *scratch);
    for (int i = 0; i < AREA; i++) plane[i] = pixel(channel, i / WIDTH, i % WIDTH);
    xai_blur(&spec, plane, scratch);
    free(scratch);
}

START_TEST(a_step_is_two_blurs)
{
    static const double SIGMAS[] = {0, 0.115, 0.3, 1, 2.7, 9, 40}, STEPS[] = {0.01, 0.5};
    float turned[CHANNELS * AREA + SLACK] = {0};
    for (int i = 0; i < CHANNELS * AREA; i++) turned[i] = (float)pixel(i / AREA, i % HEIGHT, i % AREA / HEIGHT);
    xai_scale_space space = {CHANNELS, HEIGHT, WIDTH, turned};
    size_t count = (xai_scale_space_room(&space) + 15) / 16 * 16;
    float *room = aligned_alloc(64, count * sizeof *room);
    for (int k = 0; k < 14; k++) {
        double sigma = SIGMAS[k / 2], step = STEPS[k % 2], here[AREA], there[AREA], most = 1e-3;
        const float *got = xai_scale_space_step(&space, sigma, step, room);
        for (int ch = 0; ch < CHANNELS; ch++) {
            blur(ch, sigma, here);
            blur(ch, sigma + step, there);
            for (int i = 0; i < AREA; i++) most = fmax(most, fabs(there[i] - here[i]) / step);
            for (int i = 0; i < AREA; i++) {
                const float *row = got + (ch * HEIGHT + i / WIDTH) * 2 * WIDTH;
                ck_assert_double_eq_tol((double)row[i % WIDTH], here[i], 2e-6);
                ck_assert_double_eq_tol((double)row[WIDTH + i % WIDTH], (there[i] - here[i]) / step, 1e-5 * most);
            }
        }
    }
    free(room);
}
END_TEST

/* scipy.ndimage.gaussian_filter1d([0, 0, 1, 0], 1, mode=...), in its own numbers. */
START_TEST(borders_are_those_of_scipy)
{
    static const struct {
        xai_border border;
        double want[4];
    } CASES[] = {{XAI_BORDER_ZERO, {0.05399113, 0.24197145, 0.39894347, 0.24197145}},
                 {XAI_BORDER_REFLECT, {0.05842299, 0.24223911, 0.40337533, 0.29596257}},
                 {XAI_BORDER_MIRROR, {0.10824992, 0.25083517, 0.45306843, 0.48394289}}};
    for (int i = 0; i < 3; i++) {
        double plane[4] = {0, 0, 1, 0}, scratch[64];
        xai_blur_spec spec = {1, 4, 0, 1, CASES[i].border, 0};
        ck_assert_uint_le(xai_blur_scratch(&spec), 64);
        xai_blur(&spec, plane, scratch);
        for (int k = 0; k < 4; k++) ck_assert_double_eq_tol(plane[k], CASES[i].want[k], 1e-7);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scale_space");
    TCase *tc = tcase_create("scale_space");
    tcase_add_test(tc, a_step_is_two_blurs);
    tcase_add_test(tc, borders_are_those_of_scipy);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
