/*
 * Coverage against counting: input and cells are cut into squares so small that every one lies in one cell, one pixel
 * and one place of the mask, and the squares inside are counted.
 */
#include "explain/coverage.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEIGHT = 6, WIDTH = 10, FINE = 420 }; /* FINE is a multiple of all sides below */

static xai_model model_with(int64_t rows, int64_t cols, xai_layout layout)
{
    xai_model m = {.cells = {2, rows, cols, (size_t)(rows * cols), (size_t)cols, 1}};
    m.info.head = XAI_HEAD_DENSE;
    m.info.layout = layout;
    m.info.output_name = "y";
    int64_t nchw[] = {1, 3, HEIGHT, WIDTH}, nhwc[] = {1, HEIGHT, WIDTH, 3};
    memcpy(m.info.input_shape, layout == XAI_LAYOUT_NCHW ? nchw : nhwc, sizeof nchw);
    return m;
}

static bool is_inside(const xai_target *t, int y, int x)
{
    if (t->kind == XAI_TARGET_BOX) {
        int row = y * HEIGHT / FINE, col = x * WIDTH / FINE;
        return row >= t->box[0] && row < t->box[2] && col >= t->box[1] && col < t->box[3];
    }
    int64_t at = y * t->mask_rows / FINE * t->mask_cols + x * t->mask_cols / FINE;
    size_t run = 0;
    while (at >= t->mask_runs[run]) at -= t->mask_runs[run++];
    return run % 2 != 0;
}

static void compare(const xai_target *t, int64_t rows, int64_t cols)
{
    xai_model m = model_with(rows, cols, XAI_LAYOUT_NCHW);
    float shares[400];
    double counted[400] = {0};
    ck_assert_int_eq(xai_coverage_check(&m, t, NULL), XAI_OK);
    ck_assert_int_eq(xai_coverage_fill(&m, t, shares, NULL), XAI_OK);
    double small = (double)(rows * cols) / ((double)FINE * FINE);
    for (int y = 0; y < FINE; y++)
        for (int x = 0; x < FINE; x++)
            if (is_inside(t, y, x)) counted[y * rows / FINE * cols + x * cols / FINE] += small;
    for (int64_t i = 0; i < rows * cols; i++)
        ck_assert_msg(fabs((double)shares[i] - counted[i]) < 1e-6, "cell %d of %d x %d: %g, counted %g", (int)i, (int)rows,
                      (int)cols, (double)shares[i], counted[i]);
}

static const int64_t SIDES[][2] = {{6, 10}, {3, 5}, {2, 2}, {1, 1}, {4, 7}, {12, 20}};

START_TEST(boxes_cover_what_is_counted)
{
    static const int64_t BOXES[][4] = {{0, 0, 6, 10}, {1, 2, 4, 9}, {5, 9, 6, 10}, {0, 3, 1, 4}, {2, 0, 5, 10}};
    for (size_t i = 0; i < sizeof BOXES / sizeof BOXES[0]; i++)
        for (size_t k = 0; k < sizeof SIDES / sizeof SIDES[0]; k++) {
            xai_target t = {.kind = XAI_TARGET_BOX};
            memcpy(t.box, BOXES[i], sizeof t.box);
            compare(&t, SIDES[k][0], SIDES[k][1]);
        }
}
END_TEST

START_TEST(masks_of_any_resolution_cover_what_is_counted)
{
    static const int64_t FULL[] = {0, 60}, RAGGED[] = {7, 3, 2, 1, 0, 12, 11, 8}, SMALL[] = {1, 2, 2, 1};
    static const int64_t LARGE[] = {33, 100};
    const struct {
        int64_t rows, cols;
        const int64_t *runs;
        size_t count;
    } masks[] = {{6, 10, FULL, 2}, {6, 10, RAGGED, 8}, {2, 3, SMALL, 4}, {12, 20, LARGE, 2}, {7, 5, RAGGED, 6}};
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++)
        for (size_t k = 0; k < sizeof SIDES / sizeof SIDES[0]; k++) {
            int64_t runs[9], left = masks[i].rows * masks[i].cols;
            for (size_t r = 0; r < masks[i].count; r++) left -= runs[r] = masks[i].runs[r];
            runs[masks[i].count] = left; /* the rest, spelt out for the counting */
            xai_target t = {.kind = XAI_TARGET_MASK, .mask_rows = masks[i].rows, .mask_cols = masks[i].cols,
                            .mask_runs = runs, .mask_run_count = masks[i].count + 1};
            compare(&t, SIDES[k][0], SIDES[k][1]);
        }
}
END_TEST

START_TEST(what_lies_outside_is_refused)
{
    static const int64_t BOXES[][4] = {{0, 0, 7, 10}, {0, 0, 6, 11}, {3, 3, 3, 5}, {4, 1, 2, 5}, {-1, 0, 2, 2}};
    xai_model nchw = model_with(3, 5, XAI_LAYOUT_NCHW), nhwc = model_with(3, 5, XAI_LAYOUT_NHWC), list = nchw;
    list.info.head = XAI_HEAD_SOFTMAX;
    xai_error err;
    for (size_t i = 0; i < sizeof BOXES / sizeof BOXES[0]; i++) {
        xai_target t = {.kind = XAI_TARGET_BOX};
        memcpy(t.box, BOXES[i], sizeof t.box);
        ck_assert_int_eq(xai_coverage_check(&nchw, &t, &err), XAI_E_BAD_PARAM);
        ck_assert_str_eq(err.where, "target.box");
        ck_assert_int_eq(xai_coverage_check(&nhwc, &t, &err), XAI_E_BAD_PARAM);
    }
    static const int64_t EMPTY[] = {4}, NONE[] = {4, 0}, LONG[] = {2, 3}, HUGE_RUN[] = {INT64_MAX, INT64_MAX};
    static const int64_t BACK[] = {-1, 2};
    const int64_t *runs[] = {EMPTY, NONE, LONG, HUGE_RUN, BACK};
    for (size_t i = 0; i < 5; i++) {
        xai_target t = {.kind = XAI_TARGET_MASK, .mask_rows = 2, .mask_cols = 2, .mask_runs = runs[i],
                        .mask_run_count = i ? 2 : 1};
        ck_assert_int_eq(xai_coverage_check(&nchw, &t, &err), XAI_E_BAD_PARAM);
        ck_assert_str_eq(err.where, "target.mask");
    }
    xai_target whole = {.kind = XAI_TARGET_BOX, .box = {0, 0, 6, 10}};
    ck_assert_int_eq(xai_coverage_check(&nhwc, &whole, &err), XAI_OK);
    ck_assert_int_eq(xai_coverage_check(&list, &whole, &err), XAI_E_BAD_PARAM);
    ck_assert_ptr_nonnull(strstr(err.msg, "dense"));
}
END_TEST

START_TEST(runs_of_a_picture_are_its_pixels)
{
    static const char ROWS[] = "..##." "#...#" "#####";
    static const int64_t RUNS[] = {2, 2, 1, 1, 3, 6};
    uint8_t rgb[45] = {0};
    for (int i = 0; i < 15; i++) rgb[3 * i + i % 3] = ROWS[i] == '#'; /* any channel, however dark */
    xai_image picture = {.width = 5, .height = 3, .rgb = rgb};
    int64_t *runs = calloc(XAI_MAX_MASK_RUNS, sizeof *runs);
    size_t count = 0;
    ck_assert_int_eq(xai_mask_of_image(&picture, runs, &count, NULL), XAI_OK);
    ck_assert_uint_eq(count, 6);
    ck_assert_mem_eq(runs, RUNS, sizeof RUNS);
    picture.width = XAI_MAX_MASK_SIDE + 1;
    ck_assert_int_eq(xai_mask_of_image(&picture, runs, &count, NULL), XAI_E_TOO_LARGE);
    uint8_t *ragged = calloc(3 * 400 * 400, 1);
    for (int i = 0; i < 400 * 400; i += 2) ragged[3 * i] = 1;
    picture = (xai_image){.width = 400, .height = 400, .rgb = ragged};
    ck_assert_int_eq(xai_mask_of_image(&picture, runs, &count, NULL), XAI_E_TOO_LARGE);
    free(ragged);
    free(runs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("coverage");
    TCase *tc = tcase_create("coverage");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, boxes_cover_what_is_counted);
    tcase_add_test(tc, masks_of_any_resolution_cover_what_is_counted);
    tcase_add_test(tc, what_lies_outside_is_refused);
    tcase_add_test(tc, runs_of_a_picture_are_its_pixels);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
