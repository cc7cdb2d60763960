/*
 * Convolution of channels-last tensors, every channel by itself, forward and backward. A piece of work is some
 * rows of one image and some vectors of channels: a row where the image comes from memory, many where it is in the
 * cache (kernels/windows_template.h). Nothing depends on how they are cut.
 */
#include "conv_plan.h"
#include "kernels/kernels.h"

#include <stdlib.h>

enum {
    NEAR_FLOATS = 1 << 18,   /* of a source that the second-level cache holds beside the target */
    PIECES_A_THREAD = 4
};

/* The taps of a lattice are rows x columns; in the backward direction they come in descending order. */
static void find_window(xai_conv_part *part)
{
    const xai_lattice *l = &part->lattice;
    part->across[1] = 0;
    for (int t = 0; t < l->taps; t++) part->across[1] += l->shift[t][0] == l->shift[0][0];
    part->across[0] = l->taps / part->across[1];
    for (int axis = 0; axis < 2; axis++) {
        int first = l->shift[0][axis], last = l->shift[l->taps - 1][axis], spaces = part->across[axis] - 1;
        part->low[axis] = first < last ? first : last;
        part->gap[axis] = spaces > 0 ? abs(last - first) / spaces : 1;
    }
}

/* One filter tap after the other, row by row, `channels` floats each. */
xai_status xai_conv_pixels_depthwise_pack(const xai_conv *conv, xai_conv_part *part, xai_arena *arena, xai_error *err)
{
    const xai_lattice *l = &part->lattice;
    size_t taps = (size_t)l->taps, all = (size_t)(conv->window.kernel[0] * conv->window.kernel[1]);
    size_t channels = (size_t)conv->channels;
    float *packed = XAI_NEW(arena, float, channels * taps);
    if (!packed) XAI_NO_MEMORY(err);
    find_window(part);
    for (int t = 0; t < l->taps; t++) {
        int row = (l->shift[t][0] - part->low[0]) / part->gap[0], col = (l->shift[t][1] - part->low[1]) / part->gap[1];
        float *to = packed + (size_t)(row * part->across[1] + col) * channels;
        for (size_t c = 0; c < channels; c++) to[c] = conv->weight[c * all + (size_t)l->weight[t]];
    }
    part->packed = packed;
    part->bias = conv->bias;
    return XAI_OK;
}

typedef struct job {
    const xai_conv_run *run;
    const xai_conv_part *part;
    const xai_kernels *kernels;
    size_t channels;
    size_t rows, strips;    /* of a strip; of an image */
    size_t vecs, groups;    /* vectors of channels in a piece */
} job;

static size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }

static void run_piece(void *context, size_t index, int thread)
{
    (void)thread;
    const job *j = context;
    const xai_conv_run *run = j->run;
    const xai_conv_part *part = j->part;
    const xai_lattice *l = &part->lattice;
    size_t image = index / j->groups / j->strips, row = index / j->groups % j->strips * j->rows;
    size_t at = index % j->groups * j->vecs * j->kernels->width, left = j->channels - at, pitch = j->channels;
    size_t rows = (size_t)l->rows - row < j->rows ? (size_t)l->rows - row : j->rows;
    size_t y = image * (size_t)run->to.h + (size_t)(l->origin[0] - run->target_top) + row * (size_t)l->pitch[0];
    j->kernels->pixel_windows(&(xai_pixel_windows){
        .channels = left < j->vecs * j->kernels->width ? left : j->vecs * j->kernels->width,
        .rows = (int)rows,
        .cols = l->cols,
        .taps = {part->across[0], part->across[1]},
        .gap = {part->gap[0], part->gap[1]},
        .first = {l->first[0] + (int)row * l->step[0] + part->low[0], l->first[1] + part->low[1]},
        .step = {l->step[0], l->step[1]},
        .high = (int)run->from.h,
        .wide = (int)run->from.w,
        .x = run->source + image * (size_t)(run->from.h * run->from.w) * pitch + at,
        .top = (int)run->source_top,
        .x_row = (size_t)run->from.w * pitch,
        .x_pixel = pitch,
        .w = part->packed + at,
        .w_tap = pitch,
        .y = run->target + (y * (size_t)run->to.w + (size_t)l->origin[1]) * pitch + at,
        .y_row = (size_t)(l->pitch[0] * run->to.w) * pitch,
        .y_pixel = (size_t)l->pitch[1] * pitch,
        .bias = part->bias && !run->backward ? part->bias + at : NULL,
        .accumulate = run->backward,
        .clamp = run->backward ? xai_clamp_none() : run->conv->act,
    });
}

static void cut(job *j)
{
    const xai_lattice *l = &j->part->lattice;
    size_t threads = (size_t)xai_par_threads(j->run->exec->par), images = (size_t)j->run->from.n, rows = (size_t)l->rows;
    size_t seen = rows * (size_t)l->step[0], high = (size_t)j->run->from.h, wide = (size_t)j->run->from.w;
    bool near = (seen < high ? seen : high) * wide * j->channels <= NEAR_FLOATS;
    j->rows = near ? ceil_div(rows, images < threads ? ceil_div(threads, images) : 1) : 1;
    j->strips = ceil_div(rows, j->rows);
    size_t all = ceil_div(j->channels, j->kernels->width), pieces = images * j->strips;
    size_t wanted = threads == 1 ? 1 : ceil_div(threads * PIECES_A_THREAD, pieces);
    j->vecs = ceil_div(all, wanted < all ? wanted : all);
    j->groups = ceil_div(all, j->vecs);
}

void xai_conv_pixels_depthwise_run(const xai_conv_run *run)
{
    for (int i = 0; i < run->part_count; i++) {
        job j = {.run = run, .part = &run->parts[i], .kernels = xai_kernels_get()};
        j.channels = (size_t)run->conv->channels;
        if (j.part->lattice.rows == 0 || run->from.n == 0) continue;
        cut(&j);
        xai_par_for(run->exec->par, (size_t)run->from.n * j.strips * j.groups, run_piece, &j);
    }
}
