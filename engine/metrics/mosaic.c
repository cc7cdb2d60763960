/* Mosaics of four pictures: choosing, making, scoring. Pure but for the arena. */
#include "mosaic.h"

#include "base/rng.h"
#include "graph/model.h"
#include "image/preprocess.h"
#include "image/resize.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- choosing */

/* Which pictures may be chosen. */
typedef struct choice {
    const int64_t *class_of;
    size_t count;
    const size_t *taken; /* these are not */
    size_t taken_count;
    int64_t same; /* >= 0: of this class; < 0: of no class that is taken */
} choice;

static bool fits(const choice *c, size_t i)
{
    if (c->same >= 0 && c->class_of[i] != c->same) return false;
    for (size_t k = 0; k < c->taken_count; k++)
        if (c->same >= 0 ? c->taken[k] == i : c->class_of[c->taken[k]] == c->class_of[i]) return false;
    return true;
}

/* One of those that fit, each as likely; `count`: there is none. */
static size_t choose(const choice *c, xai_rng *rng)
{
    size_t n = 0, at;
    for (size_t i = 0; i < c->count; i++) n += fits(c, i);
    if (n == 0) return c->count;
    at = xai_rng_below(rng, (uint32_t)n);
    for (size_t i = 0;; i++)
        if (fits(c, i) && at-- == 0) return i;
}

static size_t add(const choice *c, xai_rng *rng, size_t *picks, size_t n)
{
    size_t i = choose(c, rng);
    if (i == c->count) return n;
    picks[n] = i;
    return n + 1;
}

static bool has_pairs(const int64_t *class_of, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (class_of[i] == class_of[k]) return true;
    return false;
}

/* The index-th picture that can be the target's, in the order of the set: one of a pair, where there are pairs. */
static size_t target_at(const int64_t *class_of, size_t count, size_t index, bool pairs)
{
    size_t able = 0;
    for (int round = 0; round < 2; round++) {
        size_t at = able ? index % able : 0, seen = 0;
        for (size_t i = 0; i < count; i++) {
            choice other = {class_of, count, &i, 1, class_of[i]};
            bool fit = !pairs;
            for (size_t k = 0; pairs && !fit && k < count; k++) fit = fits(&other, k);
            if (fit && round == 1 && seen == at) return i;
            seen += fit;
        }
        able = seen;
    }
    return count;
}

static void mix(xai_rng *rng, size_t picks[XAI_MOSAIC], size_t targets, unsigned *quadrants)
{
    bool target[XAI_MOSAIC];
    for (size_t i = 0; i < XAI_MOSAIC; i++) target[i] = i < targets;
    for (uint32_t i = XAI_MOSAIC; i > 1; i--) {
        uint32_t k = xai_rng_below(rng, i);
        size_t pick = picks[i - 1];
        bool was = target[i - 1];
        picks[i - 1] = picks[k];
        target[i - 1] = target[k];
        picks[k] = pick;
        target[k] = was;
    }
    *quadrants = 0;
    for (unsigned i = 0; i < XAI_MOSAIC; i++) *quadrants |= (unsigned)target[i] << i;
}

xai_status xai_mosaic_draw(uint64_t seed, size_t index, const int64_t *class_of, size_t count,
                           size_t picks[XAI_MOSAIC], unsigned *quadrants, xai_error *err)
{
    xai_rng rng = xai_rng_init(seed, index);
    bool pairs = has_pairs(class_of, count);
    size_t n = 0, first = target_at(class_of, count, index, pairs), targets = pairs ? 2 : 1;
    if (first < count) picks[n++] = first;
    if (pairs && n == 1) n = add(&(choice){class_of, count, picks, 1, class_of[first]}, &rng, picks, n);
    while (n >= targets && n < XAI_MOSAIC) {
        size_t more = add(&(choice){class_of, count, picks, n, -1}, &rng, picks, n);
        if (more == n) break;
        n = more;
    }
    XAI_CHECK(n == XAI_MOSAIC, err, BAD_PARAM, "images", "a mosaic takes two pictures of a class and two of other classes, "
              "or four of different ones: the set has too few");
    mix(&rng, picks, targets, quadrants);
    return XAI_OK;
}

/* ---------------------------------------------------------------- making */

/* Picture `i`, as the model sees it, into its quadrant. */
static xai_status place(const xai_model_info *m, const xai_image *picture, int i, xai_preprocess *job, uint8_t *full,
                        uint8_t *small, uint8_t *view, xai_error *err)
{
    int top = i / 2 ? job->height / 2 : 0, left = i % 2 ? job->width / 2 : 0;
    int height = i / 2 ? job->height - top : job->height / 2, width = i % 2 ? job->width - left : job->width / 2;
    xai_preprocess alone = *job;
    alone.input = NULL;
    alone.view_rgb = full;
    alone.steps = m->steps;
    alone.step_count = m->step_count;
    XAI_TRY(xai_preprocess_run(picture, &alone, err));
    xai_resize half = {.width = job->width, .height = job->height, .out_width = width, .out_height = height,
                       .filter = XAI_FILTER_BILINEAR, .antialias = true};
    XAI_TRY(xai_resize_rgb(&half, full, (xai_window){0, 0, width, height}, small, err));
    for (int y = 0; y < height; y++)
        memcpy(view + 3 * ((size_t)(top + y) * (size_t)job->width + (size_t)left),
               small + 3 * (size_t)y * (size_t)width, 3 * (size_t)width);
    return XAI_OK;
}

xai_status xai_mosaic_make(const xai_model *model, const xai_image *const pictures[XAI_MOSAIC], xai_arena *arena,
                           xai_array *sample, uint8_t **view, xai_error *err)
{
    const xai_model_info *m = xai_model_describe(model);
    int64_t height, width;
    xai_model_input_sides(model, &height, &width);
    XAI_CHECK(height >= 2 && width >= 2, err, UNSUPPORTED, "", "the model's input is too small for four pictures");
    size_t pixels = (size_t)height * (size_t)width, channels = m->channels == XAI_CHANNELS_GRAY ? 1 : 3;
    uint8_t *full = XAI_NEW(arena, uint8_t, 3 * pixels), *small = XAI_NEW(arena, uint8_t, 3 * pixels);
    float *input = XAI_NEW(arena, float, channels * pixels);
    *view = XAI_NEW(arena, uint8_t, 3 * pixels);
    if (!full || !small || !input || !*view) XAI_NO_MEMORY(err);
    xai_preprocess job = {.steps = m->steps, .step_count = m->step_count, .channels = m->channels, .layout = m->layout,
                          .height = (int)height, .width = (int)width};
    for (int i = 0; i < XAI_MOSAIC; i++) XAI_TRY(place(m, pictures[i], i, &job, full, small, *view, err));
    xai_preprocess_values(*view, &job, input);
    *sample = (xai_array){.dtype = XAI_F32, .rank = 4, .data = input};
    memcpy(sample->shape, m->input_shape, sizeof m->input_shape);
    return XAI_OK;
}

/* ---------------------------------------------------------------- scoring */

/* Of cell `i` of `n` the share that lies in the first half. */
static double share_of(int i, int n)
{
    if (2 * (i + 1) <= n) return 1;
    return 2 * i >= n ? 0 : 0.5;
}

double xai_mosaic_focus(const float *map, int rows, int cols, unsigned quadrants, bool *none)
{
    double all = 0, inside = 0;
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < cols; x++) {
            double v = map[y * cols + x] > 0 ? (double)map[y * cols + x] : 0;
            double top = share_of(y, rows), left = share_of(x, cols);
            double part[XAI_MOSAIC] = {top * left, top * (1 - left), (1 - top) * left, (1 - top) * (1 - left)}, in = 0;
            for (int q = 0; q < XAI_MOSAIC; q++) in += quadrants >> q & 1 ? part[q] : 0;
            all += v;
            inside += v * in;
        }
    if (none) *none = all <= 0;
    return all > 0 ? inside / all : 0;
}
