/* Regions and baseline of one image. A scene is read only while a batch runs, so compute threads share it. */
#include "scene.h"

#include "explain/picture.h"
#include "image/segment.h"

#include <stdlib.h>
#include <string.h>

static const char GRAY[] = "#808080";

/* A preset stands for the parameters that it names, whatever they were. */
static xai_sag_options resolve(const xai_sag_options *given)
{
    xai_sag_options o = *given;
    if (o.preset == XAI_SAG_CRISP) {
        o.region = XAI_REGION_HARD;
        o.baseline = XAI_BASELINE_MEAN;
    }
    if (!o.colour) o.colour = GRAY;
    return o;
}

static bool read_colour(const char *text, uint8_t rgb[3])
{
    static const char DIGITS[] = "0123456789abcdefABCDEF";
    if (text[0] != '#' || strlen(text) != 7 || strspn(text + 1, DIGITS) != 6) return false;
    unsigned long value = strtoul(text + 1, NULL, 16);
    for (int k = 0; k < 3; k++) rgb[k] = (uint8_t)(value >> (16 - 8 * k));
    return true;
}

xai_status xai_sag_scene_check(const xai_model *model, const xai_sag_options *options, xai_error *err)
{
    xai_sag_options o = resolve(options);
    uint8_t rgb[3];
    int64_t height, width;
    xai_model_input_sides(model, &height, &width);
    XAI_CHECK(o.region == XAI_REGION_SUPERPIXEL || (o.grid <= height && o.grid <= width), err, BAD_PARAM, "params.grid",
              "a grid of %lld patches a side is finer than the model's input", (long long)o.grid);
    XAI_CHECK(read_colour(o.colour, rgb), err, BAD_PARAM, "params.colour",
              "'%s' is no colour: write red, green and blue in hexadecimal, as #ff8000", o.colour);
    return XAI_OK;
}

static xai_status fill_colour(const xai_context *c, const char *colour, float *out, xai_error *err)
{
    uint8_t rgb[3];
    XAI_CHECK(read_colour(colour, rgb), err, BAD_PARAM, "params.colour", "'%s' is no colour", colour);
    size_t pixels = (size_t)c->height * (size_t)c->width;
    uint8_t *view = malloc(3 * pixels);
    if (!view) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < 3 * pixels; i++) view[i] = rgb[i % 3];
    xai_context_from_view(c, view, out);
    free(view);
    return XAI_OK;
}

static xai_status fill_baseline(xai_sag_scene *scene, const xai_sag_options *o, float *out, xai_error *err)
{
    static const char *const NAMES[] = {"black", "white", "mean", "blur"};
    const xai_context *c = scene->context;
    if (o->baseline == XAI_SAG_COLOUR) {
        scene->baseline = xai_arena_strdup(c->arena, o->colour);
        if (!scene->baseline) XAI_NO_MEMORY(err);
        return fill_colour(c, o->colour, out, err);
    }
    scene->baseline = NAMES[o->baseline];
    return xai_context_baseline(c, (xai_baseline)o->baseline, o->sigma, out, err);
}

/* Superpixels as scikit-image's slic makes them by default. */
static xai_status cut_superpixels(xai_sag_scene *scene, int segments, xai_arena *arena, xai_error *err)
{
    const xai_context *c = scene->context;
    size_t pixels = (size_t)c->height * (size_t)c->width;
    int32_t *labels = XAI_NEW(arena, int32_t, pixels);
    double *rgb = malloc(3 * pixels * sizeof *rgb);
    if (!labels || !rgb) {
        free(rgb);
        XAI_NO_MEMORY(err);
    }
    xai_context_picture(c, rgb);
    xai_picture picture = {rgb, c->height, c->width};
    xai_slic slic = {.segments = segments, .compactness = 10, .sigma = 0};
    int count = 0;
    xai_status status = xai_segment_slic(&picture, &slic, c->token, labels, &count, err);
    free(rgb);
    return status == XAI_OK ? xai_regions_of_labels(&scene->regions, labels, count, c->height, c->width, err) : status;
}

xai_status xai_sag_scene_init(xai_sag_scene *scene, xai_context *c, const xai_sag_options *options, xai_arena *arena,
                              xai_error *err)
{
    xai_sag_options o = resolve(options);
    float *baseline = XAI_NEW(arena, float, c->input_count);
    if (!baseline) XAI_NO_MEMORY(err);
    *scene = (xai_sag_scene){.context = c};
    XAI_TRY(fill_baseline(scene, &o, baseline, err));
    scene->picture = (xai_region_picture){.channels = c->channels, .view = c->input, .baseline = baseline,
                                          .interleaved = c->x_stride != 1 || c->channels == 1};
    if (o.region == XAI_REGION_SUPERPIXEL) return cut_superpixels(scene, (int)o.segments, arena, err);
    return xai_regions_init(&scene->regions, (xai_region_kind)o.region, (int)o.grid, (int)o.grid, c->height, c->width,
                            arena, err);
}

void xai_sag_scene_show(const void *user, size_t index, float *input)
{
    const xai_sag_scene *scene = user;
    xai_regions_compose(&scene->regions, scene->masks[index], &scene->picture, input);
}
