/*
 * The geometric steps as a plan of windows: a resize that is followed by a crop computes only what the crop keeps.
 *
 * Invariant: `picture` is the current picture's pixels, owned unless it is still the image's own. Thread-safe: no
 * state.
 */
#include "preprocess.h"

#include "resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* More than any image that is accepted: only a step that enlarges beyond reason reaches it. */
enum { MAX_PIXELS = 1 << 26 };

typedef struct picture {
    const uint8_t *rgb;
    uint8_t *owned; /* to be released; NULL while rgb is the image's */
    int width, height;
    double x, y, scale_x, scale_y; /* origin and size of a pixel, in pixels of the image */
} picture;

static void replace(picture *p, uint8_t *rgb, int width, int height)
{
    free(p->owned);
    p->rgb = p->owned = rgb;
    p->width = width;
    p->height = height;
}

static xai_status new_pixels(int width, int height, uint8_t **out, xai_error *err)
{
    size_t bytes;
    bool overflow = __builtin_mul_overflow((size_t)width * 3, (size_t)height, &bytes);
    *out = overflow ? NULL : calloc(1, bytes);
    if (!*out) XAI_NO_MEMORY(err);
    return XAI_OK;
}

/* Python's int(round(v / 2.0)): halves go to the even number. */
static int half_to_even(int v) { return (int)nearbyint(v / 2.0); }

static xai_status resized_size(const picture *p, const xai_preprocess_step *step, int *width, int *height,
                               xai_error *err)
{
    int64_t w = step->width, h = step->height, s = step->short_side;
    if (s > 0) {
        w = p->width <= p->height ? s : s * p->width / p->height;
        h = p->width <= p->height ? s * p->height / p->width : s;
    }
    /* 2^24 keeps positions exact and weights few; no crop is that large. */
    XAI_CHECK(w > 0 && h > 0 && w <= 1 << 24 && h <= 1 << 24, err, BAD_CONFIG, "preprocess",
              "resizing %d x %d pixels would give %lld x %lld", p->width, p->height, (long long)w, (long long)h);
    *width = (int)w;
    *height = (int)h;
    return XAI_OK;
}

/* The part of a `length` long axis that a crop of `crop` keeps: where it begins there, and in the crop. */
static void overlap(int length, int crop, int *from, int *to, int *count)
{
    int origin = half_to_even(length - crop);
    *from = origin > 0 ? origin : 0;
    *to = origin < 0 ? -origin : 0;
    int rest = length - *from, room = crop - *to;
    *count = rest < room ? rest : room;
}

/* What a resize and a crop, either of which may be missing, make of a picture. */
typedef struct geometry {
    xai_resize resize;
    xai_window window; /* of the resized picture */
    int width, height; /* of the crop; larger than the window where it reaches beyond the picture */
    int to_x, to_y;    /* of the window in the crop */
} geometry;

static xai_status plan(const picture *p, const xai_preprocess_step *resize, const xai_preprocess_step *crop,
                       geometry *g, xai_error *err)
{
    xai_resize r = {.width = p->width, .height = p->height, .out_width = p->width, .out_height = p->height};
    if (resize) {
        XAI_TRY(resized_size(p, resize, &r.out_width, &r.out_height, err));
        r.filter = resize->filter;
        r.antialias = resize->antialias;
    }
    *g = (geometry){
        .resize = r, .width = crop ? crop->width : r.out_width, .height = crop ? crop->height : r.out_height};
    XAI_CHECK(g->width > 0 && g->height > 0, err, BAD_CONFIG, "preprocess", "the crop's size is %d x %d", g->width,
              g->height);
    XAI_CHECK((int64_t)g->width * g->height <= MAX_PIXELS, err, TOO_LARGE, "preprocess",
              "a step would give %d x %d pixels: the image is too long and narrow, or the step too large", g->width,
              g->height);
    overlap(r.out_width, g->width, &g->window.x, &g->to_x, &g->window.width);
    overlap(r.out_height, g->height, &g->window.y, &g->to_y, &g->window.height);
    return XAI_OK;
}

/* The window's pixels in a black crop; takes `part` over. */
static xai_status pad(const geometry *g, uint8_t *part, uint8_t **out, xai_error *err)
{
    *out = part;
    if (g->window.width == g->width && g->window.height == g->height) return XAI_OK;
    xai_status status = new_pixels(g->width, g->height, out, err);
    size_t row = 3 * (size_t)g->window.width;
    for (int y = 0; status == XAI_OK && y < g->window.height; y++)
        memcpy(*out + 3 * ((size_t)(g->to_y + y) * (size_t)g->width + (size_t)g->to_x), part + row * (size_t)y, row);
    free(part);
    return status;
}

static xai_status resize_and_crop(picture *p, const xai_preprocess_step *resize, const xai_preprocess_step *crop,
                                  xai_error *err)
{
    geometry g;
    uint8_t *part, *whole;
    XAI_TRY(plan(p, resize, crop, &g, err));
    XAI_TRY(new_pixels(g.window.width, g.window.height, &part, err));
    xai_status status = xai_resize_rgb(&g.resize, p->rgb, g.window, part, err);
    if (status != XAI_OK) {
        free(part);
        return status;
    }
    XAI_TRY(pad(&g, part, &whole, err));
    p->scale_x *= (double)g.resize.width / g.resize.out_width;
    p->scale_y *= (double)g.resize.height / g.resize.out_height;
    p->x += (g.window.x - g.to_x) * p->scale_x;
    p->y += (g.window.y - g.to_y) * p->scale_y;
    replace(p, whole, g.width, g.height);
    return XAI_OK;
}

static xai_status run_geometry(picture *p, const xai_preprocess *job, xai_error *err)
{
    for (int i = 0; i < job->step_count; i++) {
        const xai_preprocess_step *step = &job->steps[i], *next = i + 1 < job->step_count ? step + 1 : NULL;
        if (step->op == XAI_STEP_CENTER_CROP) XAI_TRY(resize_and_crop(p, NULL, step, err));
        if (step->op != XAI_STEP_RESIZE) continue;
        bool fuse = next && next->op == XAI_STEP_CENTER_CROP;
        XAI_TRY(resize_and_crop(p, step, fuse ? next : NULL, err));
        if (fuse) i++;
    }
    XAI_CHECK(p->width == job->width && p->height == job->height, err, BAD_CONFIG, "preprocess",
              "the steps make %d x %d pixels, but the model takes %d x %d: add a resize to that size, or a crop",
              p->width, p->height, job->width, job->height);
    return XAI_OK;
}

static uint8_t luma(const uint8_t *rgb)
{
    return (uint8_t)((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16);
}

/* What each of the 256 byte values becomes in channel `c`. */
static void fill_table(const xai_preprocess *job, int c, float table[256])
{
    for (int v = 0; v < 256; v++) {
        float value = (float)v;
        for (int i = 0; i < job->step_count; i++)
            if (job->steps[i].op == XAI_STEP_NORMALIZE)
                value = (value - job->steps[i].mean[c]) / job->steps[i].scale[c];
        table[v] = value;
    }
}

void xai_preprocess_values(const uint8_t *view_rgb, const xai_preprocess *job, float *input)
{
    size_t pixels = (size_t)job->width * (size_t)job->height;
    size_t channels = job->channels == XAI_CHANNELS_GRAY ? 1 : 3;
    bool planes = job->layout == XAI_LAYOUT_NCHW;
    for (size_t c = 0; c < channels; c++) {
        float table[256];
        fill_table(job, (int)c, table);
        const uint8_t *p = view_rgb + (job->channels == XAI_CHANNELS_BGR ? 2 - c : c);
        float *out = input + c * (planes ? pixels : 1);
        size_t stride = planes ? 1 : channels;
        for (size_t i = 0; i < pixels; i++) out[i * stride] = table[p[3 * i]];
    }
}

xai_status xai_preprocess_run(const xai_image *image, xai_preprocess *job, xai_error *err)
{
    picture p = {.rgb = image->rgb, .width = image->width, .height = image->height, .scale_x = 1, .scale_y = 1};
    size_t pixels = (size_t)job->width * (size_t)job->height;
    uint8_t *view = NULL;
    xai_status status;
    XAI_TRY_OUT(run_geometry(&p, job, err));
    XAI_TRY_OUT(new_pixels(job->width, job->height, &view, err));
    memcpy(view, p.rgb, 3 * pixels);
    if (job->channels == XAI_CHANNELS_GRAY)
        for (size_t i = 0; i < pixels; i++) memset(view + 3 * i, luma(view + 3 * i), 3);
    if (job->input) xai_preprocess_values(view, job, job->input);
    if (job->view_rgb) memcpy(job->view_rgb, view, 3 * pixels);
    job->crop[0] = p.x;
    job->crop[1] = p.y;
    job->crop[2] = p.width * p.scale_x;
    job->crop[3] = p.height * p.scale_y;
out:
    free(view);
    free(p.owned);
    return status;
}
