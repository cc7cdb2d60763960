/*
 * Scene: one image with its regions and its baseline, ready to show any set of regions to the model. The method `sag`
 * and the probe see the network through the same scene, so that a probed set scores what the graph says of it.
 */
#ifndef XAI_EXPLAIN_SAG_SCENE_H
#define XAI_EXPLAIN_SAG_SCENE_H

#include "explain/evaluate.h"
#include "regions.h"

typedef enum xai_sag_preset { XAI_SAG_NO_PRESET, XAI_SAG_CRISP } xai_sag_preset;

/* What a hidden pixel shows: an xai_baseline, or a colour. */
enum { XAI_SAG_COLOUR = XAI_BASELINE_KINDS };

/* The parameters of `sag`, as its table in sag.c describes them. */
typedef struct xai_sag_options {
    int dialect, preset, region, baseline, criterion;
    const char *versus; /* a class, or NULL */
    const char *colour; /* "#rrggbb"; NULL: middle gray */
    int64_t grid, coarse, segments;
    double sigma, p_high, p_low;
    bool gradcam;
    int64_t beam, candidates, patience, compact, exhaustive, overlap, shown, subset_max, counterfactuals;
    int64_t max_evals, max_patches, max_nodes, max_mses;
} xai_sag_options;

typedef struct xai_sag_scene {
    xai_context *context;
    xai_regions regions;
    xai_region_picture picture;
    const char *baseline; /* its name, or the colour */
    const xai_mask *masks; /* of the batch in progress */
} xai_sag_scene;

/* What the parameters say that their table cannot check. BAD_PARAM. */
xai_status xai_sag_scene_check(const xai_model *model, const xai_sag_options *options, xai_error *err);

/* Everything lies in the arena; the context must outlive the scene. */
xai_status xai_sag_scene_init(xai_sag_scene *scene, xai_context *context, const xai_sag_options *options,
                              xai_arena *arena, xai_error *err);

/* An xai_variant_fn: the picture of scene->masks[index]; `user` is the scene. */
void xai_sag_scene_show(const void *user, size_t index, float *input);

#endif
