/* Eyes: how search, probe and quiz see the network: sets of regions in, probabilities out. */
#ifndef XAI_EXPLAIN_SAG_EYES_H
#define XAI_EXPLAIN_SAG_EYES_H

#include "oracle.h"
#include "scene.h"

typedef struct xai_sag_eyes {
    xai_sag_scene scene;
    xai_aim aim, versus;
    bool compares; /* with the class of `versus` */
} xai_sag_eyes;

/* The target's probability, of many cells their mean; a class that is not given becomes the top class. The context has
 * its base forward. */
xai_status xai_sag_aim_at(xai_aim *aim, const xai_context *context, const xai_target *target, xai_error *err);

/* An xai_sag_evaluate_fn; `user` is the eyes. */
xai_status xai_sag_look(void *user, const xai_mask *masks, size_t n, xai_sag_score *scores, xai_error *err);

#endif
