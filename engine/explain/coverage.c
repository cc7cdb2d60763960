/*
 * Coverage of cells by boxes and masks. A cell is the rectangle of the input that one place of the output stands for:
 * the input cut into rows x cols equal parts. Pure; sums run in the order of rows and columns.
 */
#include "coverage.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* Which share of part `index` of `parts` equal ones of [0, length) lies in [from, to). */
static double share(int64_t index, int64_t parts, double length, double from, double to)
{
    double size = length / (double)parts, start = (double)index * size, end = (double)(index + 1) * size;
    double inside = fmin(end, to) - fmax(start, from);
    return inside > 0 ? fmin(inside / size, 1) : 0;
}

/* ---------------------------------------------------------------- check */

static xai_status check_box(const xai_model *m, const xai_target *t, xai_error *err)
{
    int64_t height, width;
    const int64_t *b = t->box;
    xai_model_input_sides(m, &height, &width);
    XAI_CHECK(b[0] >= 0 && b[1] >= 0 && b[0] < b[2] && b[1] < b[3] && b[2] <= height && b[3] <= width, err, BAD_PARAM,
              "target.box", "a box is [top, left, bottom, right] inside the model's input of %" PRId64 " rows and %" PRId64
              " columns, the latter two excluded", height, width);
    return XAI_OK;
}

static xai_status check_mask(const xai_target *t, xai_error *err)
{
    int64_t left = t->mask_rows * t->mask_cols, inside = 0;
    XAI_CHECK(t->mask_rows >= 1 && t->mask_cols >= 1 && t->mask_rows <= XAI_MAX_MASK_SIDE &&
                  t->mask_cols <= XAI_MAX_MASK_SIDE && t->mask_run_count <= XAI_MAX_MASK_RUNS,
              err, BAD_PARAM, "target.mask", "a mask has at most %d rows, %d columns and %d runs", XAI_MAX_MASK_SIDE,
              XAI_MAX_MASK_SIDE, XAI_MAX_MASK_RUNS);
    for (size_t i = 0; i < t->mask_run_count; i++) {
        XAI_CHECK(t->mask_runs[i] >= 0 && t->mask_runs[i] <= left, err, BAD_PARAM, "target.mask",
                  "the runs of the mask exceed its %" PRId64 " x %" PRId64 " cells", t->mask_rows, t->mask_cols);
        left -= t->mask_runs[i];
        if (i % 2) inside += t->mask_runs[i];
    }
    XAI_CHECK(inside > 0, err, BAD_PARAM, "target.mask", "the mask is empty: nothing lies inside it");
    return XAI_OK;
}

xai_status xai_coverage_check(const xai_model *m, const xai_target *t, xai_error *err)
{
    const char *where = t->kind == XAI_TARGET_BOX ? "target.box" : "target.mask";
    XAI_CHECK(m->info.head == XAI_HEAD_DENSE, err, BAD_PARAM, where,
              "boxes and masks are for models with a dense output; the output '%s' has no map", m->info.output_name);
    return xai_coverage_check_form(m, t, err);
}

xai_status xai_coverage_check_form(const xai_model *m, const xai_target *t, xai_error *err)
{
    return t->kind == XAI_TARGET_BOX ? check_box(m, t, err) : check_mask(t, err);
}

/* ---------------------------------------------------------------- fill */

static void fill_box(const xai_model *m, const int64_t *box, int64_t rows, int64_t cols, float *shares)
{
    int64_t height, width;
    xai_model_input_sides(m, &height, &width);
    for (int64_t y = 0; y < rows; y++)
        for (int64_t x = 0; x < cols; x++)
            shares[y * cols + x] = (float)(share(y, rows, (double)height, (double)box[0], (double)box[2]) *
                                           share(x, cols, (double)width, (double)box[1], (double)box[3]));
}

/* The share of one cell of `down` x `over`: of every place of the mask that it meets, as much as lies in it. */
static double cell_share(int64_t down, int64_t over, const xai_target *t, const bool *inside, int64_t y, int64_t x)
{
    double rows = (double)t->mask_rows, cols = (double)t->mask_cols, sum = 0;
    double top = (double)y * rows / (double)down, bottom = (double)(y + 1) * rows / (double)down;
    double left = (double)x * cols / (double)over, right = (double)(x + 1) * cols / (double)over;
    for (int64_t v = (int64_t)top; v < t->mask_rows && (double)v < bottom; v++) {
        double across = 0;
        for (int64_t u = (int64_t)left; u < t->mask_cols && (double)u < right; u++)
            if (inside[v * t->mask_cols + u]) across += share(x, over, cols, (double)u, (double)(u + 1));
        sum += across * share(y, down, rows, (double)v, (double)(v + 1));
    }
    return fmin(sum, 1);
}

static xai_status fill_mask(int64_t rows, int64_t cols, const xai_target *t, float *shares, xai_error *err)
{
    bool *inside = calloc((size_t)(t->mask_rows * t->mask_cols), sizeof *inside);
    if (!inside) XAI_NO_MEMORY(err);
    bool *at = inside;
    for (size_t i = 0; i < t->mask_run_count; i++)
        for (int64_t k = 0; k < t->mask_runs[i]; k++) *at++ = i % 2 != 0;
    for (int64_t y = 0; y < rows; y++)
        for (int64_t x = 0; x < cols; x++) shares[y * cols + x] = (float)cell_share(rows, cols, t, inside, y, x);
    free(inside);
    return XAI_OK;
}

xai_status xai_coverage_fill_grid(const xai_model *m, const xai_target *t, int64_t rows, int64_t cols, float *shares,
                                  xai_error *err)
{
    if (t->kind == XAI_TARGET_MASK) return fill_mask(rows, cols, t, shares, err);
    fill_box(m, t->box, rows, cols, shares);
    return XAI_OK;
}

xai_status xai_coverage_fill(const xai_model *m, const xai_target *t, float *shares, xai_error *err)
{
    int64_t count = m->cells.rows * m->cells.cols;
    if (t->kind == XAI_TARGET_BOX || t->kind == XAI_TARGET_MASK)
        return xai_coverage_fill_grid(m, t, m->cells.rows, m->cells.cols, shares, err);
    for (int64_t i = 0; i < count; i++) shares[i] = 1;
    return XAI_OK;
}

/* ---------------------------------------------------------------- masks from pictures */

xai_status xai_mask_of_image(const xai_image *image, int64_t *runs, size_t *count, xai_error *err)
{
    XAI_CHECK(image->width <= XAI_MAX_MASK_SIDE && image->height <= XAI_MAX_MASK_SIDE, err, TOO_LARGE, "target.mask",
              "the mask is %d x %d; at most %d x %d are served", image->width, image->height, XAI_MAX_MASK_SIDE,
              XAI_MAX_MASK_SIDE);
    size_t pixels = (size_t)image->width * (size_t)image->height;
    bool inside = false;
    *count = 1;
    runs[0] = 0;
    for (size_t i = 0; i < pixels; i++) {
        const uint8_t *p = image->rgb + 3 * i;
        if ((p[0] || p[1] || p[2]) != inside) {
            XAI_CHECK(*count < XAI_MAX_MASK_RUNS, err, TOO_LARGE, "target.mask",
                      "the mask has more than %d runs: it is too ragged", XAI_MAX_MASK_RUNS);
            inside = !inside;
            runs[(*count)++] = 0;
        }
        runs[*count - 1]++;
    }
    return XAI_OK;
}
