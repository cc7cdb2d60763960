/*
 * Features: the model's input cut into parts that methods switch on and off, and what a part shows that is off.
 *
 * A partition is a grid of rectangles, or superpixels of the picture (image/segment.h), or given with the task's draws
 * as segments.npy (height x width; any numbers, sorted and numbered from 0). Read-only once made: any thread may
 * compose.
 */
#ifndef XAI_EXPLAIN_PERTURBATION_FEATURES_H
#define XAI_EXPLAIN_PERTURBATION_FEATURES_H

#include "explain/method.h"

enum { XAI_MOST_FEATURES = 1024 };

typedef enum xai_feature_kind { XAI_FEATURES_GRID, XAI_FEATURES_SLIC, XAI_FEATURES_QUICKSHIFT } xai_feature_kind;

/* The first member of the parameters of every method over features. */
typedef struct xai_feature_params {
    int features;
    int64_t grid, segments;
    double compactness, smoothing;
    int baseline; /* xai_baseline, or XAI_BASELINE_KINDS: each feature's mean */
    double sigma;
} xai_feature_params;

#define XAI_FEATURE_PARAMS(features_, baseline_) XAI_FEATURE_PARAMS_OF(features_, 50, baseline_)
#define XAI_FEATURE_PARAMS_OF(features_, segments_, baseline_)                                                       \
    XAI_P_ENUM(xai_feature_params, features, features_, "grid|slic|quickshift",                                      \
               "What is switched off as one: cells of a grid, or superpixels that follow the picture's contours."),  \
    XAI_P_INT(xai_feature_params, grid, 7, 1, 32, "Cells a side of the grid: more is finer and slower."),            \
    XAI_P_INT(xai_feature_params, segments, segments_, 1, 1000, "About how many superpixels 'slic' makes."),         \
    XAI_P_REAL(xai_feature_params, compactness, 10, 0.001, 1000,                                                     \
               "What 'slic' gives nearness against colour: more makes squarer superpixels."),                        \
    XAI_P_REAL(xai_feature_params, smoothing, 1, 0, 20, "Blur before 'slic', in pixels; 0: none."),                  \
    XAI_P_ENUM(xai_feature_params, baseline, baseline_, XAI_BASELINE_CHOICES "|segment",                             \
               "What a hidden feature shows; 'segment': its own mean colour."),                                      \
    XAI_P_REAL(xai_feature_params, sigma, 10, 0.5, 100, "Blur of the baseline 'blur', in pixels.")

typedef struct xai_features {
    const xai_context *context;
    size_t count;
    int32_t *labels;  /* of every pixel */
    float *baseline;  /* as model input */
    int rows, cols;   /* of the grid; 0: no grid */
} xai_features;

/* About how many there will be: exactly, for a grid. */
double xai_features_expected(const xai_model *model, const xai_feature_params *params);
/* `check` of every method over features: `params` begins with xai_feature_params. */
xai_status xai_features_check(const xai_model *model, const void *params, xai_error *err);

/* Makes or replays the partition, and emits it as segments.npy. In the task's arena. */
xai_status xai_features_init(xai_features *features, xai_task *task, const xai_feature_params *params,
                             xai_error *err);

/* Makes the baseline each feature's mean colour in the picture of bytes that the model sees, cut to whole levels. Of a
 * tensor, which has no such picture, it stays as it is. */
xai_status xai_features_hide_in_bytes(xai_features *features, xai_error *err);

/* The model's input where keep[count] is not 0, the baseline elsewhere. */
void xai_features_compose(const xai_features *features, const uint8_t *keep, float *input);

/* A map in which every feature has its value: at the grid's resolution, or the input's. */
xai_status xai_features_add_map(const xai_features *features, xai_task *task, const char *name, const double *values,
                                xai_error *err);
/* A table with a row for each feature: where it is, its value; with an error, unless that is NULL. */
xai_status xai_features_add_table(const xai_features *features, xai_task *task, const double *values,
                                  const double *errors, xai_error *err);
/* Both, for values that shall add up to the whole picture's score less that of the empty one, `empty`: what they miss
 * is the metric completeness_error. */
xai_status xai_features_add_shares(const xai_features *features, xai_task *task, const double *values,
                                   const double *errors, double empty, xai_error *err);

#endif
