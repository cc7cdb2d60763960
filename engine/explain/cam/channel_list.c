/* Channels by strength. Sums run in the order of the cells, in double. One thread. */
#include "channel_list.h"

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

static size_t limited(size_t all, int64_t most) { return most > 0 && (size_t)most < all ? (size_t)most : all; }

size_t xai_channel_list_count(const xai_model *model, const char *layer, int64_t most)
{
    const xai_value *v = xai_program_find(model->outline, layer);
    return limited(v ? (size_t)v->shape.dim[1] : 1, most);
}

xai_status xai_channel_list_make(xai_task *task, const xai_cam_layer *layer, int64_t most, xai_channel_list *out,
                                 xai_error *err)
{
    size_t all = (size_t)layer->channels;
    ranked *list = XAI_NEW(task->arena, ranked, all);
    *out = (xai_channel_list){.order = XAI_NEW(task->arena, size_t, all), .count = limited(all, most)};
    if (!list || !out->order) XAI_NO_MEMORY(err);
    for (size_t k = 0; k < all; k++) {
        const float *a = xai_channel(layer, k);
        list[k].channel = k;
        for (int64_t i = 0; i < layer->area; i++) list[k].strength += fabs((double)a[i]);
    }
    qsort(list, all, sizeof *list, by_strength);
    for (size_t k = 0; k < all; k++) out->order[k] = list[k].channel;
    while (out->active < out->count && list[out->active].strength > 0) out->active++;
    return XAI_OK;
}

xai_status xai_channel_list_stop(xai_task *task, const xai_channel_list *list, size_t done, xai_error *err)
{
    task->result->partial = true;
    return xai_task_warn(task, err, "The deadline came after %zu of %zu channels: the map is made of the strongest.",
                         done, list->count);
}
