/*
 * Channel list: which of a layer's channels a CAM by perturbation tries, and in which order. The strongest come first, so
 * that what a deadline leaves is the map of these.
 */
#ifndef XAI_EXPLAIN_CHANNEL_LIST_H
#define XAI_EXPLAIN_CHANNEL_LIST_H

#include "cam.h"

typedef struct xai_channel_list {
    size_t *order; /* by the mean magnitude of the activations; of equal ones the first */
    size_t count;
    size_t active; /* of these; the others, at the end, are zero everywhere on this picture: often half of them */
} xai_channel_list;

#define XAI_P_CHANNELS(s, f) \
    XAI_P_INT(s, f, 0, 0, 1 << 20, \
              "How many channels are tried, those with the largest mean magnitude; 0: all. Fewer is faster.")

/* `most` as the parameter has it. In the task's arena. */
xai_status xai_channel_list_make(xai_task *task, const xai_cam_layer *layer, int64_t most, xai_channel_list *out,
                                 xai_error *err);

/* How many that will be. */
size_t xai_channel_list_count(const xai_model *model, const char *layer, int64_t most);

static inline const float *xai_channel(const xai_cam_layer *layer, size_t channel)
{
    return layer->a + channel * (size_t)layer->area;
}

/* Marks the result as partial, after `done` channels. */
xai_status xai_channel_list_stop(xai_task *task, const xai_channel_list *list, size_t done, xai_error *err);

#endif
