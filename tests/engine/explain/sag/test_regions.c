/* Regions: weights against a plain bilinear reference, sums, pictures of masks. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "explain/sag/regions.h"

enum { H = 37, W = 53 };

static xai_arena *arena;
static void setup(void) { arena = xai_arena_new(0); }
static void teardown(void) { xai_arena_free(arena); }

static xai_regions make(xai_region_kind kind, int rows, int cols)
{
    xai_regions regions;
    ck_assert_int_eq(xai_regions_init(&regions, kind, rows, cols, H, W, arena, NULL), XAI_OK);
    return regions;
}

static xai_mask random_mask(xai_rng *rng, int count)
{
    xai_mask m = {{0}};
    for (int i = 0; i < count; i++)
        if (xai_rng_below(rng, 2)) m = xai_mask_with(m, i);
    return m;
}

/* Bilinear with align_corners, in double and one pixel at a time. */
static double bilinear(xai_mask mask, int rows, int cols, int y, int x)
{
    double fy = (double)y * (rows - 1) / (H - 1), fx = (double)x * (cols - 1) / (W - 1), sum = 0;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++)
            if (xai_mask_has(mask, r * cols + c)) sum += fmax(0, 1 - fabs(fy - r)) * fmax(0, 1 - fabs(fx - c));
    return sum;
}

static void weigh(const xai_regions *regions, xai_mask mask, float *weight)
{
    for (int y = 0; y < H; y++) xai_regions_line(regions, mask, y, weight + y * W);
}

START_TEST(tent_is_bilinear_with_aligned_corners)
{
    xai_rng rng = xai_rng_init(5, 0);
    static float weight[H * W];
    for (int n = 3; n <= 14; n++) {
        xai_regions regions = make(XAI_REGION_TENT, n, n == 5 ? 9 : n);
        xai_mask mask = random_mask(&rng, regions.count);
        weigh(&regions, mask, weight);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                float expected = (float)bilinear(mask, regions.rows, regions.cols, y, x);
                ck_assert_float_eq_tol(weight[y * W + x], expected, 1e-6f);
            }
    }
}
END_TEST

START_TEST(weights_sum_to_one)
{
    for (int kind = XAI_REGION_TENT; kind <= XAI_REGION_HARD; kind++) {
        xai_regions regions = make((xai_region_kind)kind, 7, 7);
        static float weight[H * W], sum[H * W];
        memset(sum, 0, sizeof sum);
        for (int i = 0; i < regions.count; i++) {
            weigh(&regions, xai_mask_with((xai_mask){{0}}, i), weight);
            for (int p = 0; p < H * W; p++) {
                ck_assert(weight[p] >= 0 && weight[p] <= 1);
                sum[p] += weight[p];
            }
        }
        for (int p = 0; p < H * W; p++) ck_assert_float_eq_tol(sum[p], 1.0f, 1e-6f);
    }
}
END_TEST

START_TEST(hard_regions_are_even_rectangles)
{
    xai_regions regions = make(XAI_REGION_HARD, 7, 5);
    static float weight[H * W];
    for (int i = 0; i < regions.count; i++) {
        int r = i / 5, c = i % 5, rows = (r + 1) * H / 7 - r * H / 7, cols = (c + 1) * W / 5 - c * W / 5;
        ck_assert(rows == H / 7 || rows == H / 7 + 1);
        double sum = 0;
        weigh(&regions, xai_mask_with((xai_mask){{0}}, i), weight);
        for (int p = 0; p < H * W; p++) {
            ck_assert(weight[p] == 0 || weight[p] == 1);
            sum += (double)weight[p];
        }
        ck_assert_int_eq((int)sum, rows * cols);
        ck_assert(weight[(r * H / 7) * W + c * W / 5] == 1);
    }
}
END_TEST

START_TEST(picture_blends_view_and_baseline)
{
    xai_rng rng = xai_rng_init(6, 0);
    static float view[3 * H * W], baseline[3 * H * W], out[3 * H * W];
    for (int i = 0; i < 3 * H * W; i++) {
        view[i] = (float)xai_rng_normal(&rng);
        baseline[i] = (float)xai_rng_normal(&rng);
    }
    xai_regions regions = make(XAI_REGION_TENT, 7, 7);
    xai_mask mask = random_mask(&rng, 49);
    for (int interleaved = 0; interleaved < 2; interleaved++) {
        xai_region_picture picture = {.channels = 3, .interleaved = interleaved, .view = view, .baseline = baseline};
        xai_regions_compose(&regions, mask, &picture, out);
        for (int i = 0; i < 3 * H * W; i++) {
            int p = interleaved ? i / 3 : i % (H * W);
            double w = bilinear(mask, 7, 7, p / W, p % W), b = (double)baseline[i];
            ck_assert_double_eq_tol((double)out[i], b + w * ((double)view[i] - b), 5e-6);
        }
        xai_regions_compose(&regions, xai_mask_full(49), &picture, out);
        ck_assert_mem_eq(out, view, sizeof out);
        xai_regions_compose(&regions, (xai_mask){{0}}, &picture, out);
        ck_assert_mem_eq(out, baseline, sizeof out);
    }
}
END_TEST

START_TEST(impossible_grids_are_refused)
{
    static const int BAD[][2] = {{1, 7}, {7, 1}, {17, 7}, {7, 17}, {0, 0}, {-3, 7}};
    xai_regions regions;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        ck_assert_int_eq(xai_regions_init(&regions, XAI_REGION_TENT, BAD[i][0], BAD[i][1], H, W, arena, NULL),
                         XAI_E_BAD_PARAM);
    ck_assert_int_eq(xai_regions_init(&regions, XAI_REGION_HARD, 7, 7, 5, 5, arena, NULL), XAI_E_BAD_PARAM);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("regions");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, tent_is_bilinear_with_aligned_corners);
    tcase_add_test(all, weights_sum_to_one);
    tcase_add_test(all, hard_regions_are_even_rectangles);
    tcase_add_test(all, picture_blends_view_and_baseline);
    tcase_add_test(all, impossible_grids_are_refused);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
