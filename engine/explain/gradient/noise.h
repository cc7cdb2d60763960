/*
 * Noise: Gaussian draws that are added to the input, one picture of them for each sample.
 *
 * A draw depends on seed, sample and element alone, so any thread makes any part of it when it is needed, and nothing
 * is kept. Draws are replayed from noise.npy, whose values are added as they stand: [samples, and the input's three
 * axes without the batch].
 */
#ifndef XAI_EXPLAIN_NOISE_H
#define XAI_EXPLAIN_NOISE_H

#include "explain/method.h"

#include <math.h>

/* How samples are folded, element by element; attribution.h has the papers. */
typedef enum xai_noise_fold {
    XAI_NOISE_NONE,
    XAI_NOISE_SMOOTHGRAD,
    XAI_NOISE_SQUARED,
    XAI_NOISE_VARGRAD
} xai_noise_fold;

/* Of the sums of an element's values and squares. */
static inline double xai_noise_folded(xai_noise_fold fold, double sum, double squares, size_t samples)
{
    double mean = sum / (double)samples, square = squares / (double)samples;
    switch (fold) {
    case XAI_NOISE_SQUARED: return square;
    case XAI_NOISE_VARGRAD: return fmax(square - mean * mean, 0);
    default: return mean;
    }
}

typedef struct xai_noise {
    size_t samples, elements;
    uint64_t seed;
    double sigma;       /* in units of the input; 0: no noise */
    const float *given; /* samples x elements; NULL: drawn */
} xai_noise;

/* `samples` draws of deviation `sigma`, or as many as are replayed; written where the task emits draws. */
xai_status xai_noise_init(xai_noise *noise, xai_task *task, size_t samples, double sigma, xai_error *err);

/* The largest minus the smallest element of the input: what a relative deviation is a share of. */
double xai_input_range(const xai_context *context);

/* values[i] += noise of element first + i, for n elements of a sample. */
void xai_noise_add(const xai_noise *noise, size_t sample, size_t first, size_t n, float *values);

#endif
