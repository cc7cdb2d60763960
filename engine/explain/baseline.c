/* Baselines: what a hidden pixel shows, as model input. Black and white are pixel values, so they go through the
 * model's own preprocessing; the blur is mirrored at the borders. Pure. */
#include "context.h"

#include "image/preprocess.h"

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

xai_status xai_context_blur(const xai_context *c, const xai_blur_spec *spec, float *out, xai_error *err)
{
    size_t area = (size_t)c->height * (size_t)c->width, width = (size_t)c->width;
    double *plane = malloc((area + xai_blur_scratch(spec)) * sizeof *plane);
    if (!plane) XAI_NO_MEMORY(err);
    for (size_t ch = 0; ch < (size_t)c->channels; ch++) {
        size_t first = ch * c->channel_stride;
        for (size_t i = 0; i < area; i++)
            plane[i] = (double)c->input[first + i / width * c->row_stride + i % width * c->x_stride];
        xai_blur(spec, plane, plane + area);
        for (size_t i = 0; i < area; i++)
            out[first + i / width * c->row_stride + i % width * c->x_stride] = (float)plane[i];
    }
    free(plane);
    return XAI_OK;
}

xai_status xai_context_baseline(const xai_context *c, xai_baseline baseline, double sigma, float *out, xai_error *err)
{
    xai_blur_spec blur = {c->height, c->width, sigma, sigma, XAI_BORDER_MIRROR, 0};
    switch (baseline) {
    case XAI_BASELINE_BLACK: return plain(c, 0, out, err);
    case XAI_BASELINE_WHITE: return plain(c, 255, out, err);
    case XAI_BASELINE_BLUR: return xai_context_blur(c, &blur, out, err);
    case XAI_BASELINE_MEAN:
    case XAI_BASELINE_KINDS: break;
    }
    memset(out, 0, c->input_count * sizeof *out);
    return XAI_OK;
}
