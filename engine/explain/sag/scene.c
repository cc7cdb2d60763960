/* Regions and baseline of one image. A scene is read only while a batch runs, so compute threads share it. */
#include "scene.h"

xai_status xai_sag_scene_init(xai_sag_scene *scene, xai_context *c, const xai_sag_options *o, xai_arena *arena,
                              xai_error *err)
{
    float *baseline = XAI_NEW(arena, float, c->input_count);
    if (!baseline) XAI_NO_MEMORY(err);
    XAI_TRY(xai_context_baseline(c, (xai_baseline)o->baseline, o->sigma, baseline, err));
    *scene = (xai_sag_scene){.context = c};
    scene->picture = (xai_region_picture){.channels = c->channels, .view = c->input, .baseline = baseline,
                                          .interleaved = c->x_stride != 1 || c->channels == 1};
    return xai_regions_init(&scene->regions, (xai_region_kind)o->region, (int)o->grid, (int)o->grid, c->height,
                            c->width, arena, err);
}

void xai_sag_scene_show(const void *user, size_t index, float *input)
{
    const xai_sag_scene *scene = user;
    xai_regions_compose(&scene->regions, scene->masks[index], &scene->picture, input);
}
