/*
 * Convolution in which every input channel has its own filters: plane by plane, forward and backward.
 *
 * A source plane is copied into the thread's scratch with its padding, and with its columns sorted by their remainder
 * modulo the step, so that the kernel reads neighbouring floats at any stride and never asks where the edge is.
 */
#include "conv_plan.h"
#include "rectifier.h"

#include <string.h>

enum { SLACK = 32, PIECES_A_THREAD = 4, PIECE_PLANES = 32 };

/* A padded plane of the source, wide enough for every part of a run. */
typedef struct canvas {
    int top, left; /* source coordinates of its first pixel; never positive where there is padding */
    int rows, cols;
    int step;            /* of the columns */
    size_t phase, pitch; /* floats from one remainder to the next, and from one row to the next */
} canvas;

/* Lowest source coordinate of a lattice, and the one after the highest. */
static void bounds(const xai_lattice *l, int axis, int *low, int *end)
{
    int most = *low = l->shift[0][axis];
    for (int t = 1; t < l->taps; t++) {
        if (l->shift[t][axis] < *low) *low = l->shift[t][axis];
        if (l->shift[t][axis] > most) most = l->shift[t][axis];
    }
    *low += l->first[axis];
    *end = l->first[axis] + ((axis ? l->cols : l->rows) - 1) * l->step[axis] + most + 1;
}

static canvas canvas_of(const xai_conv_part *parts, int count)
{
    int low[2] = {0}, end[2] = {0};
    for (int i = 0; i < count; i++)
        for (int axis = 0; axis < 2; axis++) {
            int l, e;
            bounds(&parts[i].lattice, axis, &l, &e);
            if (i == 0 || l < low[axis]) low[axis] = l;
            if (i == 0 || e > end[axis]) end[axis] = e;
        }
    canvas c = {low[0], low[1], end[0] - low[0], end[1] - low[1], parts[0].lattice.step[1], 0, 0};
    c.phase = (size_t)((c.cols + c.step - 1) / c.step);
    c.pitch = c.phase * (size_t)c.step;
    return c;
}

static size_t canvas_floats(const canvas *c) { return (size_t)c->rows * c->pitch + SLACK; }

size_t xai_conv_depthwise_scratch(const xai_conv_part *parts, int count)
{
    if (count == 0) return 0;
    canvas c = canvas_of(parts, count);
    size_t floats = canvas_floats(&c), taps = 0;
    for (int i = 0; i < count; i++) {
        floats += (size_t)parts[i].lattice.rows * (size_t)parts[i].lattice.cols;
        taps += (size_t)parts[i].lattice.taps;
    }
    return floats * sizeof(float) + taps * sizeof(ptrdiff_t);
}

/* One filter after the other, the taps of the lattice in its order. */
xai_status xai_conv_depthwise_pack(const xai_conv *conv, xai_conv_part *part, xai_arena *arena, xai_error *err)
{
    size_t taps = (size_t)part->lattice.taps, all = (size_t)(conv->window.kernel[0] * conv->window.kernel[1]);
    float *packed = XAI_NEW(arena, float, (size_t)conv->channels * taps);
    if (!packed) XAI_NO_MEMORY(err);
    for (size_t c = 0; c < (size_t)conv->channels; c++)
        for (size_t t = 0; t < taps; t++)
            packed[c * taps + t] = conv->weight[c * all + (size_t)part->lattice.weight[t]];
    part->packed = packed;
    return XAI_OK;
}

typedef struct job {
    const xai_conv_run *run;
    const xai_kernels *kernels;
    canvas canvas;
    size_t multiplier, planes, piece_planes; /* planes: of the convolution's input */
    size_t taps;                             /* of all parts together */
} job;

/* A thread's scratch. */
typedef struct desk {
    ptrdiff_t *offset; /* of every tap in the canvas, part after part */
    float *canvas;
    float *sums; /* backward: what each part adds, part after part */
} desk;

/* The part of the source that the canvas covers. */
typedef struct cover {
    int top, bottom, left, right; /* source coordinates; bottom and right are beyond the last */
} cover;

static cover cover_of(const job *j)
{
    const canvas *c = &j->canvas;
    int high = (int)j->run->from.h, wide = (int)j->run->from.w;
    cover v = {c->top < 0 ? 0 : c->top, c->top + c->rows, c->left < 0 ? 0 : c->left, c->left + c->cols};
    if (v.bottom > high) v.bottom = high;
    if (v.right > wide) v.right = wide;
    return v;
}

/* Fills the canvas from a source plane; what lies outside the plane has been zeroed and stays so. */
static void fill(const job *j, size_t plane, float *canvas_data)
{
    const xai_conv_run *run = j->run;
    const canvas *c = &j->canvas;
    cover v = cover_of(j);
    if (v.top >= v.bottom || v.left >= v.right) return;
    size_t wide = (size_t)run->from.w;
    size_t from = (plane * (size_t)run->from.h + (size_t)v.top) * wide + (size_t)v.left;
    xai_spread call = {
        .in = run->source + from,
        .y = run->gate_y ? run->gate_y + from : NULL,
        .gate = xai_rectifier_gate(run->policy, run->conv->act),
        .in_pitch = wide,
        .rows = (size_t)(v.bottom - v.top),
        .cols = (size_t)(v.right - v.left),
        .out = canvas_data + (size_t)(v.top - c->top) * c->pitch,
        .pitch = c->pitch,
        .phase = c->phase,
        .step = (size_t)c->step,
        .at = (size_t)(v.left - c->left),
    };
    j->kernels->spread(&call);
}

/* ---- backward: the classes of the target's pixels, put back between each other */

static void add_one_part(const xai_conv_run *run, const xai_lattice *l, const float *sum, float *target)
{
    for (int r = 0; r < l->rows; r++) {
        float *row = target + (l->origin[0] + r * l->pitch[0]) * run->to.w + l->origin[1];
        for (int c = 0; c < l->cols; c++) row[c * l->pitch[1]] += *sum++;
    }
}

/* With a stride of 1 or 2 every class is there, and a row is woven from one or two of them. */
static bool can_weave(const xai_conv_run *run)
{
    const int *pitch = run->parts[0].lattice.pitch;
    return pitch[1] <= 2 && run->part_count == pitch[0] * pitch[1];
}

static void weave(const job *j, const float *sums, float *target)
{
    const xai_conv_run *run = j->run;
    const int *pitch = run->parts[0].lattice.pitch;
    const float *next[2];
    if (pitch[0] == 1 && pitch[1] == 1) { /* one class, and no gaps */
        j->kernels->weave_add(&sums, 1, target, (size_t)(run->to.h * run->to.w));
        return;
    }
    for (int band = 0, part = 0; band < pitch[0]; band++) {
        const xai_lattice *l = &run->parts[part].lattice;
        for (int p = 0; p < pitch[1]; p++, part++) {
            next[p] = sums;
            sums += run->parts[part].lattice.rows * run->parts[part].lattice.cols;
        }
        for (int r = 0; r < l->rows; r++) {
            float *row = target + (l->origin[0] + r * pitch[0]) * run->to.w;
            j->kernels->weave_add(next, (size_t)pitch[1], row, (size_t)run->to.w);
            for (int p = 0; p < pitch[1]; p++) next[p] += run->parts[part - pitch[1] + p].lattice.cols;
        }
    }
}

static void add_to_target(const job *j, size_t plane, const float *sums)
{
    const xai_conv_run *run = j->run;
    float *target = run->target + plane * (size_t)(run->to.h * run->to.w);
    if (can_weave(run)) {
        weave(j, sums, target);
        return;
    }
    for (int i = 0; i < run->part_count; i++) {
        add_one_part(run, &run->parts[i].lattice, sums, target);
        sums += run->parts[i].lattice.rows * run->parts[i].lattice.cols;
    }
}

/* ---- planes */

/* The filter of output channel `channel` on the canvas, to the part's positions in `out`, rows `pitch` floats apart. */
static void filter(const job *j, const xai_conv_part *part, size_t channel, const desk *d, const ptrdiff_t *offset,
                   float *out, size_t pitch)
{
    const xai_conv *conv = j->run->conv;
    const xai_lattice *l = &part->lattice;
    xai_depthwise call = {
        .in = d->canvas,
        .row_step = (size_t)l->step[0] * j->canvas.pitch,
        .offset = offset,
        .weight = part->packed + channel * (size_t)l->taps,
        .taps = l->taps,
        .bias = j->run->bias ? j->run->bias[channel] : 0,
        .clamp = j->run->backward ? xai_clamp_none() : conv->act,
        .out = out,
        .out_pitch = pitch,
        .rows = l->rows,
        .cols = l->cols,
    };
    j->kernels->depthwise(&call);
}

static void forward_plane(const job *j, size_t plane, const desk *d)
{
    const xai_conv_run *run = j->run;
    size_t first = plane % (size_t)run->conv->group * j->multiplier;
    const int *origin = run->parts->lattice.origin;
    fill(j, plane, d->canvas);
    for (size_t m = 0; m < j->multiplier; m++) {
        float *out = run->target + (plane * j->multiplier + m) * (size_t)(run->to.h * run->to.w);
        filter(j, run->parts, first + m, d, d->offset, out + origin[0] * run->to.w + origin[1], (size_t)run->to.w);
    }
}

static void backward_plane(const job *j, size_t plane, const desk *d)
{
    const xai_conv_run *run = j->run;
    size_t first = plane % (size_t)run->conv->group * j->multiplier;
    for (size_t m = 0; m < j->multiplier; m++) {
        fill(j, plane * j->multiplier + m, d->canvas);
        const ptrdiff_t *offset = d->offset;
        float *sums = d->sums;
        for (int i = 0; i < run->part_count; i++) {
            const xai_conv_part *part = &run->parts[i];
            filter(j, part, first + m, d, offset, sums, (size_t)part->lattice.cols);
            offset += part->lattice.taps;
            sums += part->lattice.rows * part->lattice.cols;
        }
        add_to_target(j, plane, d->sums);
    }
}

static desk lay_out(const job *j, int thread)
{
    const canvas *c = &j->canvas;
    desk d = {.offset = xai_scratch(j->run->exec, thread)};
    d.canvas = (float *)(d.offset + j->taps);
    d.sums = d.canvas + canvas_floats(c);
    ptrdiff_t *offset = d.offset;
    for (int i = 0; i < j->run->part_count; i++) {
        const xai_lattice *l = &j->run->parts[i].lattice;
        for (int t = 0; t < l->taps; t++) {
            int y = l->first[0] + l->shift[t][0] - c->top, x = l->first[1] + l->shift[t][1] - c->left;
            *offset++ = (ptrdiff_t)((size_t)y * c->pitch + (size_t)(x % c->step) * c->phase) + x / c->step;
        }
    }
    memset(d.canvas, 0, canvas_floats(c) * sizeof *d.canvas);
    return d;
}

static void run_piece(void *context, size_t index, int thread)
{
    const job *j = context;
    desk d = lay_out(j, thread);
    size_t begin = index * j->piece_planes, end = begin + j->piece_planes;
    for (size_t p = begin; p < end && p < j->planes; p++) {
        if (j->run->backward)
            backward_plane(j, p, &d);
        else
            forward_plane(j, p, &d);
    }
}

void xai_conv_depthwise_run(const xai_conv_run *run)
{
    job j = {
        .run = run,
        .kernels = xai_kernels_get(),
        .canvas = canvas_of(run->parts, run->part_count),
        .multiplier = (size_t)(run->conv->channels / run->conv->group),
        .planes = (size_t)(run->from.n * run->conv->group),
    };
    for (int i = 0; i < run->part_count; i++) j.taps += (size_t)run->parts[i].lattice.taps;
    size_t pieces = (size_t)xai_par_threads(run->exec->par) * PIECES_A_THREAD;
    j.piece_planes = (j.planes + pieces - 1) / pieces;
    if (j.piece_planes > PIECE_PLANES) j.piece_planes = PIECE_PLANES;
    xai_par_for(run->exec->par, (j.planes + j.piece_planes - 1) / j.piece_planes, run_piece, &j);
}
