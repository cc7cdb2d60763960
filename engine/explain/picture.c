/* The view as RGB in [0, 1]. Pure. */
#include "picture.h"

#include <math.h>

void xai_context_picture(const xai_context *c, double *rgb)
{
    size_t pixels = (size_t)c->height * (size_t)c->width;
    if (c->view) {
        for (size_t i = 0; i < 3 * pixels; i++) rgb[i] = c->view[i] * (1.0 / 255);
        return;
    }
    float low = c->input[0], high = low;
    for (size_t i = 0; i < c->input_count; i++) {
        low = fminf(low, c->input[i]);
        high = fmaxf(high, c->input[i]);
    }
    double range = high > low ? (double)high - (double)low : 1;
    bool reversed = c->model->info.channels == XAI_CHANNELS_BGR;
    for (size_t i = 0; i < pixels; i++)
        for (size_t k = 0; k < 3; k++) {
            size_t ch = c->channels < 3 ? 0 : reversed ? 2 - k : k;
            size_t at = ch * c->channel_stride + i / (size_t)c->width * c->row_stride + i % (size_t)c->width * c->x_stride;
            rgb[3 * i + k] = ((double)c->input[at] - (double)low) / range;
        }
}
