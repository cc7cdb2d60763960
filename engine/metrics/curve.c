/* The curve of a change. One thread; the variants are made on the compute threads, each by itself. */
#include "curve.h"

#include <string.h>

size_t xai_change_points(const xai_change *change, int height, int width)
{
    size_t pixels = (size_t)height * (size_t)width, step = (size_t)change->step;
    return (pixels + step - 1) / step + 1;
}

xai_metric_cost xai_change_cost(const xai_model *model, int64_t step)
{
    int64_t height, width;
    xai_model_input_sides(model, &height, &width);
    return (xai_metric_cost){.each = (double)xai_change_points(&(xai_change){.step = step}, (int)height, (int)width)};
}

typedef struct follow {
    const xai_context *context;
    const xai_change *change;
    const uint32_t *rank; /* of every pixel: 0 changes first */
} follow;

static void make(const void *user, size_t index, float *values)
{
    const follow *f = user;
    const xai_context *c = f->context;
    size_t done = index * (size_t)f->change->step;
    for (size_t y = 0; y < (size_t)c->height; y++)
        for (size_t x = 0; x < (size_t)c->width; x++) {
            const float *source = f->rank[y * (size_t)c->width + x] < done ? f->change->to : f->change->from;
            size_t at = y * c->row_stride + x * c->x_stride;
            for (size_t ch = 0; ch < (size_t)c->channels; ch++)
                values[at + ch * c->channel_stride] = source[at + ch * c->channel_stride];
        }
}

static uint32_t *ranks_of(const xai_grading *g, const xai_graded *map)
{
    size_t n = (size_t)g->height * (size_t)g->width;
    uint32_t *order = XAI_NEW(g->scratch, uint32_t, n), *rank = XAI_NEW(g->scratch, uint32_t, n);
    if (!order || !rank) return NULL;
    xai_order_descending(map->values, n, order);
    for (size_t i = 0; i < n; i++) rank[order[i]] = (uint32_t)i;
    return rank;
}

static double area(const double *y, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += y[i];
    return (sum - y[0] / 2 - y[count - 1] / 2) / (double)(count - 1);
}

xai_status xai_change_follow(const xai_grading *g, const xai_change *change, const xai_graded *map, xai_finding *out,
                             xai_error *err)
{
    size_t count = xai_change_points(change, g->height, g->width), pixels = (size_t)g->height * (size_t)g->width;
    double *x = XAI_NEW(g->scratch, double, count), *y = XAI_NEW(g->scratch, double, count);
    float *values = XAI_NEW(g->scratch, float, count);
    follow f = {.context = g->context, .change = change, .rank = ranks_of(g, map)};
    if (!x || !y || !values || !f.rank) XAI_NO_MEMORY(err);
    xai_scores scores = {.values = values};
    XAI_TRY(xai_evaluate(g->context, &g->aim, &(xai_variants){.count = count, .make = make, .user = &f}, &scores, err));
    for (size_t i = 0; i < count; i++) {
        size_t done = i * (size_t)change->step;
        y[i] = (double)values[i];
        x[i] = (double)(done < pixels ? done : pixels) / (double)pixels;
    }
    out->value = area(y, count);
    out->lines[out->line_count++] = (xai_line){.x = x, .y = y, .count = count};
    out->y_label = g->aim.target.space == XAI_SPACE_PROBABILITY ? "probability" : "score";
    return XAI_OK;
}
