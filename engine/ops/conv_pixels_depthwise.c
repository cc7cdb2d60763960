/*
 * Convolution of channels-last tensors, every channel by itself, forward and backward: row by row of the lattice.
 *
 * Where a row's window lies inside the source, a run of pixels goes to the kernel at once; pixels at the edges go one
 * by one with the taps that they have. A tap in the padding is left out, which changes no sum.
 */
#include "conv_plan.h"
#include "kernels/kernels.h"

#include <string.h>

enum { MOST_TAPS = 128 }; /* conv_pixels.c takes no more */

/* One filter tap after the other, `channels` floats each. */
xai_status xai_conv_pixels_depthwise_pack(const xai_conv *conv, xai_conv_part *part, xai_arena *arena, xai_error *err)
{
    size_t taps = (size_t)part->lattice.taps, all = (size_t)(conv->window.kernel[0] * conv->window.kernel[1]);
    size_t channels = (size_t)conv->channels;
    float *packed = XAI_NEW(arena, float, channels * taps);
    if (!packed) XAI_NO_MEMORY(err);
    for (size_t t = 0; t < taps; t++)
        for (size_t c = 0; c < channels; c++)
            packed[t * channels + c] = conv->weight[c * all + (size_t)part->lattice.weight[t]];
    part->packed = packed;
    part->bias = conv->bias;
    return XAI_OK;
}

/* The taps of one row whose source row exists. */
typedef struct row_taps {
    int count;
    int shift[MOST_TAPS];             /* columns */
    const float *row[MOST_TAPS];      /* the source row, at its first pixel */
    const float *weight[MOST_TAPS];
} row_taps;

typedef struct job {
    const xai_conv_run *run;
    const xai_conv_part *part;
    const xai_kernels *kernels;
    size_t channels;
} job;

static void find_taps(const job *j, size_t image, int row, row_taps *taps)
{
    const xai_lattice *l = &j->part->lattice;
    const xai_conv_run *run = j->run;
    taps->count = 0;
    for (int t = 0; t < l->taps; t++) {
        int64_t y = l->first[0] + (int64_t)row * l->step[0] + l->shift[t][0];
        if (y < 0 || y >= run->from.h) continue;
        size_t at = (image * (size_t)run->from.h + (size_t)y) * (size_t)run->from.w;
        taps->shift[taps->count] = l->first[1] + l->shift[t][1];
        taps->row[taps->count] = run->source + at * j->channels;
        taps->weight[taps->count++] = j->part->packed + (size_t)t * j->channels;
    }
}

/* Columns [first, end) all of whose taps lie inside the source row. */
static void find_inner(const job *j, const row_taps *taps, int *first, int *end)
{
    const int step = j->part->lattice.step[1], wide = (int)j->run->from.w, cols = j->part->lattice.cols;
    *first = 0;
    *end = cols;
    for (int t = 0; t < taps->count; t++) {
        int dx = taps->shift[t], low = dx < 0 ? (-dx + step - 1) / step : 0;
        int high = wide - dx <= 0 ? 0 : (wide - dx - 1) / step + 1;
        if (low > *first) *first = low;
        if (high < *end) *end = high;
    }
    if (*first > cols) *first = cols;
    if (*end < *first) *end = *first;
}

/* `count` columns from `col` on, with the taps that all of them have. */
static void run_columns(const job *j, const row_taps *taps, float *y, int col, int count)
{
    const xai_lattice *l = &j->part->lattice;
    const xai_conv_run *run = j->run;
    const float *x[MOST_TAPS], *w[MOST_TAPS];
    size_t n = 0;
    for (int t = 0; t < taps->count; t++) {
        int64_t at = (int64_t)col * l->step[1] + taps->shift[t];
        if (at < 0 || at >= run->from.w) continue;
        x[n] = taps->row[t] + (size_t)at * j->channels;
        w[n++] = taps->weight[t];
    }
    j->kernels->pixel_taps(&(xai_pixel_taps){
        .count = (size_t)count,
        .channels = j->channels,
        .taps = n,
        .x = x,
        .w = w,
        .x_step = (size_t)l->step[1] * j->channels,
        .y_step = (size_t)l->pitch[1] * j->channels,
        .y = y + (size_t)col * (size_t)l->pitch[1] * j->channels,
        .bias = run->backward ? NULL : j->part->bias,
        .accumulate = run->backward,
        .clamp = run->backward ? xai_clamp_none() : run->conv->act,
    });
}

static void run_row(void *context, size_t index, int thread)
{
    (void)thread;
    const job *j = context;
    const xai_lattice *l = &j->part->lattice;
    const xai_conv_run *run = j->run;
    size_t image = index / (size_t)l->rows, row = index % (size_t)l->rows;
    size_t high = (size_t)l->origin[0] + row * (size_t)l->pitch[0];
    float *y = run->target + ((image * (size_t)run->to.h + high) * (size_t)run->to.w + (size_t)l->origin[1]) * j->channels;
    row_taps taps;
    int first, end;
    find_taps(j, image, (int)row, &taps);
    find_inner(j, &taps, &first, &end);
    for (int c = 0; c < first; c++) run_columns(j, &taps, y, c, 1);
    if (first < end) run_columns(j, &taps, y, first, end - first);
    for (int c = end; c < l->cols; c++) run_columns(j, &taps, y, c, 1);
}

void xai_conv_pixels_depthwise_run(const xai_conv_run *run)
{
    for (int i = 0; i < run->part_count; i++) {
        job j = {run, &run->parts[i], xai_kernels_get(), (size_t)run->conv->channels};
        xai_par_for(run->exec->par, (size_t)run->from.n * (size_t)j.part->lattice.rows, run_row, &j);
    }
}
