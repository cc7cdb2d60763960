/*
 * Context: one image on one model, and everything that several methods on several targets share: the input, the
 * base forward, the gradient session, the lanes. Each is made when it is first needed, and once.
 */
#ifndef XAI_EXPLAIN_CONTEXT_H
#define XAI_EXPLAIN_CONTEXT_H

#include "graph/lanes.h"
#include "graph/model.h"

typedef struct xai_context {
    xai_model *model;
    xai_pool *pool;
    xai_token *token;
    xai_arena *arena; /* of the job: what is allocated here lives as long as the result */
    bool urgent;

    /* the input: one sample, in the model's layout */
    int channels, height, width;
    size_t input_count;                          /* channels * height * width */
    size_t channel_stride, row_stride, x_stride; /* element (c, y, x) = c * channel_stride + ... */
    float *input;
    uint8_t *view; /* height * width * 3: what the model sees, as RGB bytes; NULL if only a tensor was given */
    double crop[4];

    /* the program and its base forward */
    xai_program *program;
    bool program_owned;
    const char **keep; /* what can be read after a forward: the logits, then what targets are made of */
    size_t keep_count;
    const xai_value *in, *logits;
    float *base_logits; /* of the unperturbed input; after xai_context_base */

    xai_lanes *forward_lanes, *gradient_lanes;
    bool gradient_ready;        /* the gradient session holds the base forward */
    double forwards, backwards; /* passes that were run */
} xai_context;

/* What to set up; exactly one of image and tensor. */
typedef struct xai_context_spec {
    xai_model *model;
    xai_pool *pool;
    xai_token *token;
    xai_arena *arena;
    bool urgent;
    const xai_image *image;
    const xai_array *tensor;
    xai_wants wants;
} xai_context_spec;

/* Whatever the status, xai_context_deinit releases what was set up. */
xai_status xai_context_init(xai_context *context, const xai_context_spec *spec, xai_error *err);
void xai_context_deinit(xai_context *context);

/* Runs the unperturbed input, unless that has been done: fills base_logits. */
xai_status xai_context_base(xai_context *context, xai_error *err);

/* What the base forward gave for a kept value; until variants are evaluated. */
const float *xai_context_base_data(const xai_context *context, const xai_value *value);

/* The same in a session that keeps every activation, so that backward passes and suffixes can follow. */
xai_status xai_context_gradient_base(xai_context *context, xai_session **session, xai_error *err);

/* Lanes for many variants of the input. */
xai_status xai_context_lanes(xai_context *context, xai_lanes **out, xai_error *err);

/* Index i mirrored into [0, n) about the centres of the first and the last: dcb|abcd|cba. */
static inline int xai_mirror(int i, int n)
{
    if (n == 1) return 0;
    int period = 2 * (n - 1), r = (i % period + period) % period;
    return r < n ? r : period - r;
}

/* The baseline as model input: what a hidden pixel shows. */
typedef enum xai_baseline {
    XAI_BASELINE_BLACK,
    XAI_BASELINE_WHITE,
    XAI_BASELINE_MEAN,
    XAI_BASELINE_BLUR
} xai_baseline;
#define XAI_BASELINE_CHOICES "black|white|mean|blur"

/* out[input_count]. `mean` is 0 in normalised space; `blur` is a Gaussian of `sigma` pixels over the input itself. */
xai_status xai_context_baseline(const xai_context *context, xai_baseline baseline, double sigma, float *out,
                                xai_error *err);

#endif
