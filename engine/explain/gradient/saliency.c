/*
 * Saliency: |d target / d x|, the largest over the channels.
 *
 * Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", 2013, arXiv 1312.6034, section 3. As Captum's
 * Saliency, whose absolute gradients per channel are reduced by the maximum, as in the paper.
 */
#include "explain/method.h"

#include <math.h>

typedef struct saliency_params {
    bool absolute;
    int channels;
} saliency_params;

enum { CHANNELS_MAX, CHANNELS_MEAN };

static const xai_param PARAMS[] = {
    XAI_P_BOOL(saliency_params, absolute, true, "Take the magnitude of the gradient; off: keep its sign."),
    XAI_P_ENUM(saliency_params, channels, CHANNELS_MAX, "max|mean",
               "How the colour channels become one map: the strongest, or their mean."),
};

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    (void)params;
    return 3;
}

/* One cell: the strongest channel (by magnitude, sign kept) or the mean. */
static float reduce(const xai_context *c, const float *g, size_t at, const saliency_params *p)
{
    float strongest = 0, sum = 0;
    for (int ch = 0; ch < c->channels; ch++) {
        float v = g[at + (size_t)ch * c->channel_stride];
        if (p->absolute) v = fabsf(v);
        if (ch == 0 || fabsf(v) > fabsf(strongest)) strongest = v;
        sum += v;
    }
    return p->channels == CHANNELS_MAX ? strongest : sum / (float)c->channels;
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const xai_context *c = task->context;
    size_t height = (size_t)c->height, width = (size_t)c->width;
    float *g = XAI_NEW(task->arena, float, c->input_count), *map = XAI_NEW(task->arena, float, height * width);
    if (!g || !map) XAI_NO_MEMORY(err);
    XAI_TRY(xai_task_gradient(task, &(xai_wanted){c->in, g}, 1, XAI_POLICY_PLAIN, err));
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            map[y * width + x] = reduce(c, g, y * c->row_stride + x * c->x_stride, params);
    return xai_task_add_map(task, "map", map, c->height, c->width, err);
}

const xai_method xai_method_saliency = {
    .info = {.id = "saliency", .title = "Saliency", .family = "gradient",
             .summary = "How strongly the score reacts to a small change of each pixel.",
             .paper = "arXiv:1312.6034", .version = 1, .needs = "gradient", .cost = "1 forward, 1 backward",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(saliency_params),
    .needs = XAI_NEEDS_GRADIENT,
    .space = XAI_SPACE_LOGIT,
    .cost = cost,
    .run = run,
};
