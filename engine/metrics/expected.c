/* A person's region in pixels of the input. No state. */
#include "expected.h"

#include "explain/coverage.h"

#include <stdio.h>
#include <string.h>

xai_status xai_expected_check(const xai_model *model, const xai_target *expected, xai_error *err)
{
    bool box = expected->kind == XAI_TARGET_BOX;
    XAI_CHECK(box || expected->kind == XAI_TARGET_MASK, err, BAD_PARAM, "expected", "give a box or a mask");
    xai_status status = xai_coverage_check_form(model, expected, err);
    if (status != XAI_OK && err) snprintf(err->where, sizeof err->where, "expected.%s", box ? "box" : "mask");
    return status;
}

xai_status xai_expected_fill(const xai_model *model, const xai_target *expected, float *shares, xai_error *err)
{
    int64_t height, width;
    xai_model_input_sides(model, &height, &width);
    return xai_coverage_fill_grid(model, expected, height, width, shares, err);
}

size_t xai_expected_pixels(const xai_grading *g, bool *inside)
{
    size_t n = (size_t)g->height * (size_t)g->width, count = 0;
    for (size_t i = 0; i < n; i++) count += inside[i] = g->expected[i] >= 0.5f;
    return count;
}
