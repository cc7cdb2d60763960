/*
 * Occlusion: the score that is lost when a window is hidden, averaged over the windows that cover a pixel.
 *
 *     S(pixel) = sum over windows w covering it of (f(x) - f(x with w hidden)) / number of those windows
 *
 * Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2013, arXiv 1311.2901, section 4.2. Windows
 * slide as in Captum's Occlusion: 1 + ceil((side - window) / stride) positions; the last may be clipped by the border.
 * Only what a window reaches is computed, where that is much less than the whole (graph/region.h).
 */
#include "explain/evaluate.h"

#include <string.h>

typedef struct occlusion_params {
    int64_t window, stride;
    int baseline;
    double sigma;
} occlusion_params;

static const xai_param PARAMS[] = {
    XAI_P_INT(occlusion_params, window, 32, 1, 1024, "Side of the hidden square, in pixels of the model's input."),
    XAI_P_INT(occlusion_params, stride, 16, 1, 1024, "Step between neighbouring windows, in pixels; at most the window."),
    XAI_P_ENUM(occlusion_params, baseline, XAI_BASELINE_MEAN, XAI_BASELINE_CHOICES, "What a hidden pixel shows."),
    XAI_P_REAL(occlusion_params, sigma, 10, 0.5, 100, "Blur of the baseline 'blur', in pixels."),
};

enum { MOST_WINDOWS = 50000 };

static int64_t positions(int64_t side, int64_t window, int64_t stride)
{
    return side <= window ? 1 : 1 + (side - window + stride - 1) / stride;
}

static int64_t window_count(const xai_model *model, const occlusion_params *p)
{
    int64_t height, width;
    xai_model_input_sides(model, &height, &width);
    return positions(height, p->window, p->stride) * positions(width, p->window, p->stride);
}

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    const occlusion_params *p = params;
    XAI_CHECK(p->stride <= p->window, err, BAD_PARAM, "params.stride",
              "stride %lld is larger than window %lld: some pixels would never be hidden", (long long)p->stride,
              (long long)p->window);
    int64_t height, width, count = window_count(model, p);
    xai_model_input_sides(model, &height, &width);
    XAI_CHECK(p->window <= height && p->window <= width, err, BAD_PARAM, "params.window",
              "window %lld is larger than the model's input of %lld x %lld", (long long)p->window, (long long)width,
              (long long)height);
    XAI_CHECK(count <= MOST_WINDOWS, err, BAD_PARAM, "params.stride",
              "these are %lld windows; at most %d are run: raise the stride", (long long)count, MOST_WINDOWS);
    return XAI_OK;
}

static double cost(const xai_model *model, const void *params) { return 1 + (double)window_count(model, params); }

typedef struct windows {
    const xai_context *context;
    const occlusion_params *params;
    const float *baseline;
    int64_t columns;
} windows;

typedef struct rectangle {
    size_t top, left, bottom, right; /* bottom and right are behind the last */
} rectangle;

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

static rectangle window_at(const windows *w, size_t index)
{
    size_t stride = (size_t)w->params->stride, side = (size_t)w->params->window;
    size_t top = index / (size_t)w->columns * stride, left = index % (size_t)w->columns * stride;
    return (rectangle){top, left, smaller(top + side, (size_t)w->context->height),
                       smaller(left + side, (size_t)w->context->width)};
}

static void hide(const void *user, size_t index, float *input)
{
    const windows *w = user;
    const xai_context *c = w->context;
    rectangle r = window_at(w, index);
    memcpy(input, c->input, c->input_count * sizeof *input);
    for (size_t ch = 0; ch < (size_t)c->channels; ch++)
        for (size_t y = r.top; y < r.bottom; y++)
            for (size_t x = r.left; x < r.right; x++) {
                size_t at = ch * c->channel_stride + y * c->row_stride + x * c->x_stride;
                input[at] = w->baseline[at];
            }
}

static void changed(const void *user, size_t index, xai_box *box)
{
    const windows *w = user;
    const xai_context *c = w->context;
    rectangle r = window_at(w, index);
    int y = c->model->info.layout == XAI_LAYOUT_NCHW ? 2 : 1;
    *box = xai_box_whole(&c->in->shape);
    box->low[y] = (int64_t)r.top;
    box->end[y] = (int64_t)r.bottom;
    box->low[y + 1] = (int64_t)r.left;
    box->end[y + 1] = (int64_t)r.right;
}

/* Averages the drops of the first `count` windows; a pixel that none of them covers stays 0. */
static xai_status average(xai_task *task, const windows *w, double full, const xai_scores *scores, float *map,
                          xai_error *err)
{
    size_t width = (size_t)w->context->width, pixels = (size_t)w->context->height * width;
    double *sum = XAI_NEW(task->arena, double, pixels);
    int *covers = XAI_NEW(task->arena, int, pixels);
    if (!sum || !covers) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < scores->done; i++) {
        rectangle r = window_at(w, i);
        for (size_t y = r.top; y < r.bottom; y++)
            for (size_t x = r.left; x < r.right; x++) {
                sum[y * width + x] += full - (double)scores->values[i];
                covers[y * width + x]++;
            }
    }
    for (size_t i = 0; i < pixels; i++) map[i] = covers[i] ? (float)(sum[i] / covers[i]) : 0;
    return XAI_OK;
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const occlusion_params *p = params;
    xai_context *c = task->context;
    size_t count = (size_t)window_count(c->model, p);
    float *baseline = XAI_NEW(task->arena, float, c->input_count), *values = XAI_NEW(task->arena, float, count);
    float *map = XAI_NEW(task->arena, float, (size_t)c->height * (size_t)c->width);
    if (!baseline || !values || !map) XAI_NO_MEMORY(err);
    XAI_TRY(xai_context_base(c, err));
    XAI_TRY(xai_context_baseline(c, (xai_baseline)p->baseline, p->sigma, baseline, err));
    windows w = {c, p, baseline, positions(c->width, p->window, p->stride)};
    xai_scores scores = {.values = values};
    xai_variants variants = {.count = count, .make = hide, .user = &w, .changed = changed};
    XAI_TRY(xai_evaluate_until(c, &task->aim, &variants, 1, &scores, &task->result->partial, err));
    if (task->result->partial)
        XAI_TRY(xai_task_warn(task, err, "The deadline came after %zu of %zu windows, from the top: pixels below show 0.",
                              scores.done, count));
    XAI_TRY(average(task, &w, task->base, &scores, map, err));
    return xai_task_add_map(task, "map", map, c->height, c->width, err);
}

const xai_method xai_method_occlusion = {
    .info = {.id = "occlusion", .title = "Occlusion", .family = "perturbation",
             .summary = "How much of the score is lost when a sliding window is hidden.",
             .paper = "arXiv:1311.2901", .version = 1, .needs = "forward", .cost = "170 forwards at 224 x 224",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(occlusion_params),
    .lanes = 1 << XAI_PLAN_FORWARD | 1 << XAI_PLAN_KEEP,
    .steady = true,
    .space = XAI_SPACE_PROBABILITY,
    .check = check,
    .cost = cost,
    .run = run,
};
