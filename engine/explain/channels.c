/* One map of many channels; sums run in the order of the channels, in double precision. Pure. */
#include "channels.h"

#include <math.h>

typedef struct extent {
    size_t channels, height, width, channel_stride, row_stride, x_stride;
} extent;

static extent extent_of(const xai_context *c, const xai_value *like)
{
    if (like == c->in)
        return (extent){(size_t)c->channels, (size_t)c->height, (size_t)c->width, c->channel_stride, c->row_stride,
                        c->x_stride};
    const int64_t *d = like->shape.dim;
    return (extent){(size_t)d[1], (size_t)d[2], (size_t)d[3], (size_t)(d[2] * d[3]), (size_t)d[3], 1};
}

static float fold_one(const extent *e, const double *values, xai_fold fold)
{
    double sum = 0, strongest = values[0];
    for (size_t ch = 0; ch < e->channels; ch++) {
        double v = values[ch * e->channel_stride];
        sum += v;
        if (fabs(v) > fabs(strongest)) strongest = v;
    }
    return (float)(fold == XAI_FOLD_MAX ? strongest : fold == XAI_FOLD_MEAN ? sum / (double)e->channels : sum);
}

xai_status xai_task_add_folded_sums(xai_task *task, const char *name, const double *values, const xai_value *like,
                                    xai_fold fold, bool relu, xai_error *err)
{
    extent e = extent_of(task->context, like);
    float *map = XAI_NEW(task->arena, float, e.height * e.width);
    if (!map) XAI_NO_MEMORY(err);
    for (size_t y = 0; y < e.height; y++)
        for (size_t x = 0; x < e.width; x++) {
            float v = fold_one(&e, values + y * e.row_stride + x * e.x_stride, fold);
            map[y * e.width + x] = relu && v < 0 ? 0 : v;
        }
    return xai_task_add_map(task, name, map, (int64_t)e.height, (int64_t)e.width, err);
}

xai_status xai_task_add_folded(xai_task *task, const char *name, const float *values, const xai_value *like,
                               xai_fold fold, bool relu, xai_error *err)
{
    size_t n = (size_t)xai_value_count(like);
    double *sums = XAI_NEW(task->arena, double, n);
    if (!sums) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < n; i++) sums[i] = (double)values[i];
    return xai_task_add_folded_sums(task, name, sums, like, fold, relu, err);
}
