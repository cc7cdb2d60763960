/*
 * Segmentations on pictures with nothing to see or little room. On photos they are compared with scikit-image's, through
 * lime, in tests/golden.
 */
#include "base/arena.h"
#include "base/rng.h"
#include "image/segment.h"

#include <check.h>
#include <stdlib.h>

enum { MOST = 64 };

static const int SIDES[][2] = {{1, 1}, {1, 9}, {9, 1}, {2, 3}, {40, 17}, {64, 64}};

/* Whether each of 0 .. count - 1 is used, in the order of first pixels, and nothing else. */
static void check_labels(const int32_t *labels, int pixels, int count)
{
    int32_t next = 0;
    for (int i = 0; i < pixels; i++) {
        ck_assert_int_ge(labels[i], 0);
        ck_assert_int_le(labels[i], next);
        if (labels[i] == next) next++;
    }
    ck_assert_int_eq(next, count);
}

static void fill(double *rgb, int pixels, bool plain)
{
    xai_rng rng = xai_rng_init(1, 0);
    for (int i = 0; i < 3 * pixels; i++) rgb[i] = plain ? 0.25 : xai_rng_uniform(&rng);
}

START_TEST(slic_numbers_every_pixel)
{
    int height = SIDES[_i / 2][0], width = SIDES[_i / 2][1], count = 0;
    double rgb[3 * MOST * MOST];
    int32_t labels[MOST * MOST];
    fill(rgb, height * width, _i % 2);
    xai_picture picture = {rgb, height, width};
    for (int segments = 1; segments <= 1000; segments *= 10) {
        xai_slic how = {segments, 10, segments % 3};
        ck_assert_int_eq(xai_segment_slic(&picture, &how, NULL, labels, &count, NULL), XAI_OK);
        check_labels(labels, height * width, count);
    }
}
END_TEST

START_TEST(quickshift_numbers_every_pixel)
{
    int height = SIDES[_i / 2][0], width = SIDES[_i / 2][1], count = 0;
    double rgb[3 * MOST * MOST];
    int32_t labels[MOST * MOST];
    fill(rgb, height * width, _i % 2);
    xai_picture picture = {rgb, height, width};
    xai_quickshift how = {4, 200, 0.2};
    ck_assert_int_eq(xai_segment_quickshift(&picture, &how, NULL, labels, &count, NULL), XAI_OK);
    for (int i = 0; i < height * width; i++) ck_assert(labels[i] >= 0 && labels[i] < count);
    ck_assert_int_ge(count, 1);
}
END_TEST

/* Two plain halves: no segment crosses the border. */
START_TEST(contours_are_respected)
{
    double rgb[3 * 32 * 32];
    int32_t labels[32 * 32];
    int count;
    for (int i = 0; i < 32 * 32; i++)
        for (int k = 0; k < 3; k++) rgb[3 * i + k] = i % 32 < 13 ? 0.1 : 0.9;
    xai_picture picture = {rgb, 32, 32};
    xai_slic how = {16, 1, 0};
    ck_assert_int_eq(xai_segment_slic(&picture, &how, NULL, labels, &count, NULL), XAI_OK);
    for (int i = 0; i < 32 * 32; i++)
        for (int k = 0; k < 32 * 32; k++)
            if (labels[i] == labels[k]) ck_assert_int_eq(i % 32 < 13, k % 32 < 13);
}
END_TEST

START_TEST(cancelling_stops_both)
{
    double rgb[3 * 16];
    int32_t labels[16];
    int count;
    xai_token *token = xai_token_new(0, NULL, NULL);
    xai_picture picture = {rgb, 4, 4};
    fill(rgb, 16, false);
    xai_token_cancel(token);
    ck_assert_int_eq(xai_segment_slic(&picture, &(xai_slic){4, 10, 0}, token, labels, &count, NULL), XAI_E_CANCELLED);
    ck_assert_int_eq(xai_segment_quickshift(&picture, &(xai_quickshift){4, 200, 0.2}, token, labels, &count, NULL),
                     XAI_E_CANCELLED);
    xai_token_free(token);
}
END_TEST

int main(void)
{
    int cases = 2 * (int)(sizeof SIDES / sizeof SIDES[0]);
    Suite *suite = suite_create("segment");
    TCase *tc = tcase_create("segment");
    tcase_add_loop_test(tc, slic_numbers_every_pixel, 0, cases);
    tcase_add_loop_test(tc, quickshift_numbers_every_pixel, 0, cases);
    tcase_add_test(tc, contours_are_respected);
    tcase_add_test(tc, cancelling_stops_both);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
