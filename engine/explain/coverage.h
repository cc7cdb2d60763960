/*
 * Coverage: which share of every cell of a dense output lies inside a box or a mask over the model's input.
 */
#ifndef XAI_EXPLAIN_COVERAGE_H
#define XAI_EXPLAIN_COVERAGE_H

#include "context.h"

/* Checks a target of kind BOX or MASK against the model's input. Errors: BAD_PARAM, where "target.box", "target.mask". */
xai_status xai_coverage_check(const xai_model *model, const xai_target *target, xai_error *err);

/* The same whatever the model's head. */
xai_status xai_coverage_check_form(const xai_model *model, const xai_target *target, xai_error *err);

/* shares[rows * cols]: of a BOX or MASK, over the input cut into so many parts. */
xai_status xai_coverage_fill_grid(const xai_model *model, const xai_target *target, int64_t rows, int64_t cols,
                                  float *shares, xai_error *err);

/* shares[rows * cols of the model's cells], 0 to 1; of another kind of target all 1. */
xai_status xai_coverage_fill(const xai_model *model, const xai_target *target, float *shares, xai_error *err);

#endif
