/* Regions: weights against a plain bilinear reference, sums, pictures of masks. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "explain/sag/document.h"

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
    for (int kind = XAI_REGION_TENT; kind <= XAI_REGION_FEATHER; kind++) {
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

/* A trapezoid: 1 on the middle half of a rectangle, 0 from a quarter beyond its edges on, straight between; beyond the
 * picture there is no neighbour to pass over to. */
static double trapezoid(double at, int index, int bands)
{
    double left = index == 0 ? 1 : (at - index + 0.25) / 0.5;
    double right = index == bands - 1 ? 1 : (index + 1.25 - at) / 0.5;
    return fmin(fmin(fmax(left, 0), 1), fmin(fmax(right, 0), 1));
}

START_TEST(feather_is_a_rectangle_with_soft_edges)
{
    static float weight[H * W];
    for (int n = 3; n <= 14; n++) {
        xai_regions regions = make(XAI_REGION_FEATHER, n, n);
        for (int i = 0; i < regions.count; i += 1 + n / 3) {
            weigh(&regions, xai_mask_with((xai_mask){{0}}, i), weight);
            for (int y = 0; y < H; y++)
                for (int x = 0; x < W; x++) {
                    double expected = trapezoid((y + 0.5) * n / H, i / n, n) * trapezoid((x + 0.5) * n / W, i % n, n);
                    ck_assert_double_eq_tol((double)weight[y * W + x], expected, 1e-5);
                }
        }
    }
}
END_TEST

static int32_t labels[H * W];

static xai_regions make_superpixels(int count)
{
    xai_regions regions;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) labels[y * W + x] = (y * y / 9 + x * count / W) % count;
    ck_assert_int_eq(xai_regions_of_labels(&regions, labels, count, H, W, NULL), XAI_OK);
    return regions;
}

START_TEST(superpixels_are_their_labels)
{
    xai_rng rng = xai_rng_init(7, 0);
    static float weight[H * W], view[3 * H * W], baseline[3 * H * W], out[3 * H * W];
    for (int i = 0; i < 3 * H * W; i++) view[i] = (float)i;
    xai_regions regions = make_superpixels(64);
    ck_assert(regions.rows == 1 && regions.cols == 64 && regions.count == 64);
    xai_mask mask = random_mask(&rng, 64);
    weigh(&regions, mask, weight);
    for (int p = 0; p < H * W; p++) ck_assert_int_eq(weight[p] == 1, xai_mask_has(mask, labels[p]));
    for (int interleaved = 0; interleaved < 2; interleaved++) {
        xai_region_picture picture = {.channels = 3, .interleaved = interleaved, .view = view, .baseline = baseline};
        xai_regions_compose(&regions, mask, &picture, out);
        for (int i = 0; i < 3 * H * W; i++) {
            int p = interleaved ? i / 3 : i % (H * W);
            ck_assert(out[i] == (xai_mask_has(mask, labels[p]) ? view[i] : 0));
        }
    }
    for (int region = 0; region < 64; region++) {
        xai_region_extent e = xai_regions_extent(&regions, region);
        double y, x;
        xai_regions_centre(&regions, region, &y, &x);
        ck_assert(e.top < y && y < e.bottom && e.left < x && x < e.right);
    }
    labels[5] = 64;
    ck_assert_int_eq(xai_regions_of_labels(&regions, labels, 64, H, W, NULL), XAI_E_BAD_PARAM);
    ck_assert_int_eq(xai_regions_of_labels(&regions, labels, 257, H, W, NULL), XAI_E_BAD_PARAM);
}
END_TEST

START_TEST(a_document_tells_the_regions)
{
    static float a[H * W], b[H * W];
    xai_rng rng = xai_rng_init(8, 0);
    for (int kind = XAI_REGION_TENT; kind <= XAI_REGION_SUPERPIXEL; kind++) {
        bool grid = kind != XAI_REGION_SUPERPIXEL;
        xai_regions regions = grid ? make((xai_region_kind)kind, 6, 6) : make_superpixels(31), again;
        xai_doc *graph = xai_doc_object(arena);
        xai_doc_put(graph, "regions", xai_sag_describe_regions(&regions, "black", arena));
        ck_assert_int_eq(xai_sag_regions_of(graph, H, W, arena, &again, NULL), XAI_OK);
        ck_assert(again.kind == regions.kind && again.count == regions.count && again.rows == regions.rows);
        xai_mask mask = random_mask(&rng, regions.count);
        weigh(&regions, mask, a);
        weigh(&again, mask, b);
        ck_assert_mem_eq(a, b, sizeof a);
        xai_status other = xai_sag_regions_of(graph, H + 1, W, arena, &again, NULL);
        ck_assert_int_eq(other, grid ? XAI_OK : XAI_E_BAD_PARAM); /* labels fit one size alone */
    }
    ck_assert_int_eq(xai_sag_regions_of(xai_doc_object(arena), H, W, arena, &(xai_regions){0}, NULL), XAI_E_BAD_PARAM);
}
END_TEST

START_TEST(extents_hold_half_of_the_weight)
{
    static float weight[H * W];
    for (int kind = XAI_REGION_TENT; kind <= XAI_REGION_FEATHER; kind++) {
        xai_regions regions = make((xai_region_kind)kind, 5, 5);
        weigh(&regions, xai_mask_with((xai_mask){{0}}, 12), weight);
        xai_region_extent e = xai_regions_extent(&regions, 12);
        for (int x = 0; x < W; x++) { /* along the middle line, where the other axis weighs 1 */
            double at = kind == XAI_REGION_TENT ? (double)x / (W - 1) : (x + 0.5) / W;
            bool inside = at > e.left && at < e.right, edge = fmin(fabs(at - e.left), fabs(at - e.right)) < 0.02;
            if (!edge) ck_assert_int_eq(weight[H / 2 * W + x] >= 0.5f, inside);
        }
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
    tcase_add_test(all, feather_is_a_rectangle_with_soft_edges);
    tcase_add_test(all, superpixels_are_their_labels);
    tcase_add_test(all, a_document_tells_the_regions);
    tcase_add_test(all, extents_hold_half_of_the_weight);
    tcase_add_test(all, picture_blends_view_and_baseline);
    tcase_add_test(all, impossible_grids_are_refused);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
