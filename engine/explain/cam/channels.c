/* The channels of a layer, ranked and summed. Sums run in the order of cells and of ranks, in double. One thread. */
#include "channels.h"

#include <math.h>
#include <stdlib.h>

typedef struct ranked {
    double strength;
    size_t channel;
} ranked;

static int by_strength(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->strength != y->strength) return x->strength < y->strength ? 1 : -1;
    return (x->channel > y->channel) - (x->channel < y->channel);
}

static xai_status rank(const xai_task *task, xai_channel_list *c, xai_error *err)
{
    ranked *list = XAI_NEW(task->arena, ranked, c->all);
    if (!list || !(c->order = XAI_NEW(task->arena, size_t, c->all))) XAI_NO_MEMORY(err);
    for (size_t k = 0; k < c->all; k++) {
        list[k].channel = k;
        for (size_t i = 0; i < c->area; i++) list[k].strength += fabs((double)xai_channel(c, k)[i]);
    }
    qsort(list, c->all, sizeof *list, by_strength);
    for (size_t k = 0; k < c->all; k++) c->order[k] = list[k].channel;
    return XAI_OK;
}

static size_t limited(size_t all, int64_t most) { return most > 0 && (size_t)most < all ? (size_t)most : all; }

size_t xai_channel_list_count(const xai_model *model, const char *layer, int64_t most)
{
    const xai_value *v = xai_program_find(model->outline, layer);
    return limited(v ? (size_t)v->shape.dim[1] : 1, most);
}

xai_status xai_channel_list_open(xai_task *task, const char *layer, int64_t most, xai_channel_list *c, xai_error *err)
{
    xai_session *session;
    XAI_TRY(xai_context_kept_base(task->context, &session, err));
    *c = (xai_channel_list){.layer = xai_program_find(task->context->program, layer)};
    const int64_t *dim = c->layer->shape.dim;
    c->data = xai_session_value_data(session, c->layer);
    c->all = (size_t)dim[1];
    c->height = (size_t)dim[2];
    c->width = (size_t)dim[3];
    c->area = c->height * c->width;
    c->count = limited(c->all, most);
    return rank(task, c, err);
}

xai_status xai_channel_list_add_map(xai_task *task, const xai_channel_list *c, const double *weights, size_t count, bool relu,
                                xai_error *err)
{
    double *sums = XAI_NEW(task->arena, double, c->area);
    float *map = XAI_NEW(task->arena, float, c->area);
    if (!sums || !map) XAI_NO_MEMORY(err);
    for (size_t k = 0; k < count; k++)
        for (size_t i = 0; i < c->area; i++) sums[i] += weights[k] * (double)xai_channel(c, c->order[k])[i];
    for (size_t i = 0; i < c->area; i++) map[i] = (float)(relu ? fmax(sums[i], 0) : sums[i]);
    return xai_task_add_map(task, "map", map, (int64_t)c->height, (int64_t)c->width, err);
}

xai_status xai_channel_list_stop(xai_task *task, const xai_channel_list *c, size_t done, xai_error *err)
{
    task->result->partial = true;
    return xai_task_warn(task, err, "The deadline came after %zu of %zu channels, the strongest first: the map is made of these.",
                         done, c->count);
}
