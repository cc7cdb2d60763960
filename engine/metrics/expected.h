/* A person's own region: where the evidence is expected, as a box or a mask over the model's input. */
#ifndef XAI_METRICS_EXPECTED_H
#define XAI_METRICS_EXPECTED_H

#include "metric.h"

/* BAD_PARAM, where = "expected.box" or "expected.mask". */
xai_status xai_expected_check(const xai_model *model, const xai_target *expected, xai_error *err);

/* shares[height * width]: how much of each pixel lies inside, 0 to 1. */
xai_status xai_expected_fill(const xai_model *model, const xai_target *expected, float *shares, xai_error *err);

/* inside[height * width]: pixels of which at least half lies inside, and their number. */
size_t xai_expected_pixels(const xai_grading *grading, bool *inside);

#endif
