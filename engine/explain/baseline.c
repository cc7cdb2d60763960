/* Baselines: what a hidden pixel shows, as model input. Black and white are pixel values, so they go through the
 * model's own preprocessing; the blur is separable, with reflected borders, cut at four sigma. Pure. */
#include "context.h"

#include "image/preprocess.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void xai_context_from_view(const xai_context *c, const uint8_t *view, float *out)
{
    const xai_model_info *m = &c->model->info;
    xai_preprocess job = {.steps = m->steps, .step_count = m->step_count, .channels = m->channels,
                          .layout = m->layout, .height = c->height, .width = c->width};
    xai_preprocess_values(view, &job, out);
}

static xai_status plain(const xai_context *c, int level, float *out, xai_error *err)
{
    size_t bytes = (size_t)c->height * (size_t)c->width * 3;
    uint8_t *view = malloc(bytes);
    if (!view) XAI_NO_MEMORY(err);
    memset(view, level, bytes);
    xai_context_from_view(c, view, out);
    free(view);
    return XAI_OK;
}

typedef struct gaussian {
    double *weights; /* 2 * radius + 1, summing to 1 */
    int radius;
} gaussian;

/* One line of n values with the given stride. */
static void blur_line(const float *in, float *out, int n, size_t stride, const gaussian *g)
{
    for (int i = 0; i < n; i++) {
        double sum = 0;
        for (int k = -g->radius; k <= g->radius; k++)
            sum += g->weights[k + g->radius] * (double)in[(size_t)xai_mirror(i + k, n) * stride];
        out[(size_t)i * stride] = (float)sum;
    }
}

static void blur_planes(const xai_context *c, float *work, float *out, const gaussian *g)
{
    for (int ch = 0; ch < c->channels; ch++) {
        size_t base = (size_t)ch * c->channel_stride;
        for (int y = 0; y < c->height; y++) {
            size_t row = base + (size_t)y * c->row_stride;
            blur_line(c->input + row, work + row, c->width, c->x_stride, g);
        }
        for (int x = 0; x < c->width; x++) {
            size_t column = base + (size_t)x * c->x_stride;
            blur_line(work + column, out + column, c->height, c->row_stride, g);
        }
    }
}

xai_status xai_context_blur(const xai_context *c, double sigma, int radius, float *out, xai_error *err)
{
    gaussian g = {.radius = radius};
    double sum = 0;
    g.weights = malloc((size_t)(2 * g.radius + 1) * sizeof *g.weights);
    float *work = malloc(c->input_count * sizeof *work);
    if (!g.weights || !work) {
        free(g.weights);
        free(work);
        XAI_NO_MEMORY(err);
    }
    for (int k = -g.radius; k <= g.radius; k++) sum += g.weights[k + g.radius] = exp(-0.5 * k * k / (sigma * sigma));
    for (int k = 0; k <= 2 * g.radius; k++) g.weights[k] /= sum;
    blur_planes(c, work, out, &g);
    free(g.weights);
    free(work);
    return XAI_OK;
}

xai_status xai_context_baseline(const xai_context *c, xai_baseline baseline, double sigma, float *out, xai_error *err)
{
    switch (baseline) {
    case XAI_BASELINE_BLACK: return plain(c, 0, out, err);
    case XAI_BASELINE_WHITE: return plain(c, 255, out, err);
    case XAI_BASELINE_BLUR: return xai_context_blur(c, sigma, (int)(4 * sigma + 0.5), out, err);
    case XAI_BASELINE_MEAN:
    case XAI_BASELINE_KINDS: break;
    }
    memset(out, 0, c->input_count * sizeof *out);
    return XAI_OK;
}
