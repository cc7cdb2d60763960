/*
 * Superpixels and splines against scikit-image 0.26 (segmentation.felzenszwalb; transform.resize with order 3 and
 * mode 'constant') on a picture that is made by a formula, whose numbers were computed there.
 */
#include "image/blur.h"
#include "image/felzenszwalb.h"
#include "image/spline.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

enum { HEIGHT = 40, WIDTH = 50, AREA = HEIGHT * WIDTH };

static void fill(double *planes, int channels)
{
    for (int c = 0; c < channels; c++)
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++)
                planes[(c * HEIGHT + y) * WIDTH + x] =
                    ((x / 13 + y / 11) % 3 * 80 + (x * 31 + y * 17 + c * 7) % 23) / 255.0;
}

START_TEST(regions_are_those_of_skimage)
{
    static double planes[3 * AREA];
    static int32_t labels[2 * AREA];
    static const double SCALES[] = {50, 400};
    static const int64_t SUMS[] = {1331189, 821305};
    int32_t counts[2];
    xai_felzenszwalb job = {.channels = 3, .height = HEIGHT, .width = WIDTH, .sigma = 0.8, .min_size = 20,
                            .scales = SCALES, .scale_count = 2};
    fill(planes, 3);
    ck_assert_int_eq(xai_felzenszwalb_run(&job, planes, labels, counts, NULL), XAI_OK);
    ck_assert_int_eq(counts[0], 29);
    ck_assert_int_eq(counts[1], 20);
    for (int k = 0; k < 2; k++) {
        int64_t sum = 0;
        for (int i = 0; i < AREA; i++) sum += (int64_t)labels[k * AREA + i] * (i % 97);
        ck_assert_int_eq(sum, SUMS[k]);
    }
}
END_TEST

/* Shrunk and enlarged, along each axis. */
START_TEST(splines_are_those_of_skimage)
{
    static double plane[AREA], out[64 * 90];
    static const struct {
        int height, width;
        double first, inner, sum;
    } WANT[] = {{64, 30, 0.0020298628011618473, 0.6824070459818834, 663.4169426759972},
                {40, 50, 0.0, 0.6588235294117647, 689.5725490196078},
                {17, 90, 0.0336519718749823, 0.6923060010801981, 525.98573267145}};
    fill(plane, 1);
    for (int k = 0; k < 3; k++) {
        int h = WANT[k].height, w = WANT[k].width;
        double sum = 0;
        ck_assert_int_eq(xai_spline_resize(plane, HEIGHT, WIDTH, out, h, w, NULL), XAI_OK);
        for (int i = 0; i < h * w; i++) sum += out[i];
        ck_assert_double_eq_tol(out[0], WANT[k].first, 1e-12);
        ck_assert_double_eq_tol(out[h / 2 * w + w / 3], WANT[k].inner, 1e-12);
        ck_assert_double_eq_tol(sum, WANT[k].sum, 1e-9);
    }
}
END_TEST

/* Beyond a reflecting border there is more of the same; beyond one of zeros, nothing. */
START_TEST(blur_of_one_colour)
{
    static double plane[AREA];
    for (int border = XAI_BORDER_REFLECT; border <= XAI_BORDER_ZERO; border++) {
        xai_blur_spec spec = {HEIGHT, WIDTH, 30, 2, (xai_border)border, 0};
        double *scratch = malloc(xai_blur_scratch(&spec) * sizeof *scratch);
        for (int i = 0; i < AREA; i++) plane[i] = 1;
        xai_blur(&spec, plane, scratch);
        free(scratch);
        for (int i = 0; i < AREA; i++)
            ck_assert(border != XAI_BORDER_ZERO ? fabs(plane[i] - 1) < 1e-12 : plane[i] < 0.6 && plane[i] > 0.1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("image/felzenszwalb");
    TCase *tc = tcase_create("felzenszwalb");
    tcase_add_test(tc, regions_are_those_of_skimage);
    tcase_add_test(tc, splines_are_those_of_skimage);
    tcase_add_test(tc, blur_of_one_colour);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
