/*
 * Channels: what the CAMs by perturbation share: a layer's channels on the unperturbed input, the strongest first, and
 * the map that is made of a weight for each.
 */
#ifndef XAI_EXPLAIN_CHANNELS_H
#define XAI_EXPLAIN_CHANNELS_H

#include "explain/evaluate.h"

typedef struct xai_channel_list {
    xai_value *layer;
    const float *data; /* all x area, as the base run has it; variants leave it alone */
    size_t all, height, width, area;
    size_t *order; /* those that are weighed: the strongest first, of equal ones the first */
    size_t count;  /* of these */
} xai_channel_list;

#define XAI_P_CHANNELS(s, f) \
    XAI_P_INT(s, f, 0, 0, 1 << 20, \
              "How many channels are weighed, those with the largest mean magnitude; 0: all. Fewer is faster.")

/* `most` as the parameter has it. Runs the base forward if that is still to do. */
xai_status xai_channel_list_open(xai_task *task, const char *layer, int64_t most, xai_channel_list *out, xai_error *err);

/* How many that will be. */
size_t xai_channel_list_count(const xai_model *model, const char *layer, int64_t most);

static inline const float *xai_channel(const xai_channel_list *c, size_t channel) { return c->data + channel * c->area; }

/* The map sum over i < count of weights[i] A_order[i], in this order; `relu` keeps what is positive. */
xai_status xai_channel_list_add_map(xai_task *task, const xai_channel_list *channels, const double *weights, size_t count,
                                bool relu, xai_error *err);

/* Marks the result as partial, after `done` channels. */
xai_status xai_channel_list_stop(xai_task *task, const xai_channel_list *channels, size_t done, xai_error *err);

#endif
