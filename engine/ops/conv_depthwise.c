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

/* The padded plane of a lattice. */
typedef struct canvas {
    int top, left; /* source coordinates of its first pixel; never positive where there is padding */
    int rows, cols;
    size_t phase, pitch; /* floats from one remainder to the next, and from one row to the next */
} canvas;

static void bounds(const xai_lattice *l, int axis, int *low, int *high)
{
    *low = *high = l->shift[0][axis];
    for (int t = 1; t < l->taps; t++) {
        if (l->shift[t][axis] < *low) *low = l->shift[t][axis];
        if (l->shift[t][axis] > *high) *high = l->shift[t][axis];
    }
}

static canvas canvas_of(const xai_lattice *l)
{
    canvas c;
    int bottom, right;
    bounds(l, 0, &c.top, &bottom);
    bounds(l, 1, &c.left, &right);
    c.rows = (l->rows - 1) * l->step[0] + bottom - c.top + 1;
    c.cols = (l->cols - 1) * l->step[1] + right - c.left + 1;
    c.phase = (size_t)((c.cols + l->step[1] - 1) / l->step[1]);
    c.pitch = c.phase * (size_t)l->step[1];
    return c;
}

static size_t canvas_floats(const canvas *c) { return (size_t)c->rows * c->pitch + SLACK; }

size_t xai_conv_depthwise_scratch(const xai_lattice *lattice)
{
    canvas c = canvas_of(lattice);
    size_t plane = (size_t)lattice->rows * (size_t)lattice->cols;
    return (canvas_floats(&c) + plane) * sizeof(float) + (size_t)lattice->taps * sizeof(ptrdiff_t);
}

/* One filter after the other, the taps of the lattice in its order. */
xai_status xai_conv_depthwise_pack(const xai_conv *conv, xai_conv_part *part, xai_arena *arena, xai_error *err)
{
    size_t taps = (size_t)part->lattice.taps, all = (size_t)(conv->window.kernel[0] * conv->window.kernel[1]);
    float *packed = XAI_NEW(arena, float, (size_t)conv->channels * taps);
    if (!packed) XAI_NO_MEMORY(err);
    for (size_t c = 0; c < (size_t)conv->channels; c++)
        for (size_t t = 0; t < taps; t++) packed[c * taps + t] = conv->weight[c * all + (size_t)part->lattice.weight[t]];
    part->packed = packed;
    return XAI_OK;
}

typedef struct job {
    const xai_conv_run *run;
    const xai_kernels *kernels;
    canvas canvas;
    size_t multiplier, planes, piece_planes; /* planes: of the convolution's input */
} job;

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
    size_t wide = (size_t)run->from.w, rows = (size_t)(v.bottom - v.top), cols = (size_t)(v.right - v.left);
    size_t from = (plane * (size_t)run->from.h + (size_t)v.top) * wide + (size_t)v.left;
    float *to = canvas_data + (size_t)(v.top - c->top) * c->pitch;
    if (run->gate_y) { /* backward: the step is 1 */
        xai_gate gate = xai_rectifier_gate(run->policy, run->conv->act);
        for (size_t r = 0; r < rows; r++, from += wide, to += c->pitch)
            j->kernels->gate(gate, run->gate_y + from, run->source + from, to + (v.left - c->left), cols);
        return;
    }
    j->kernels->spread(&(xai_spread){.in = run->source + from, .in_pitch = wide, .rows = rows, .cols = cols, .out = to,
                                     .pitch = c->pitch, .phase = c->phase,
                                     .step = (size_t)run->part->lattice.step[1], .at = (size_t)(v.left - c->left)});
}

static void add_to_target(const xai_conv_run *run, size_t plane, const float *sum)
{
    const xai_lattice *l = &run->part->lattice;
    float *target = run->target + plane * (size_t)(run->to.h * run->to.w);
    for (int r = 0; r < l->rows; r++) {
        float *row = target + (l->origin[0] + r * l->pitch[0]) * run->to.w + l->origin[1];
        for (int c = 0; c < l->cols; c++) row[c * l->pitch[1]] += *sum++;
    }
}

/* The filter of output channel `channel` on the canvas, to `out`, a plane of the lattice's size. */
static void filter(const job *j, size_t channel, const float *canvas_data, const ptrdiff_t *offset, float *out)
{
    const xai_conv_run *run = j->run;
    const xai_lattice *l = &run->part->lattice;
    xai_depthwise call = {
        .in = canvas_data,
        .row_step = (size_t)l->step[0] * j->canvas.pitch,
        .offset = offset,
        .weight = run->part->packed + channel * (size_t)l->taps,
        .taps = l->taps,
        .bias = run->conv->bias && !run->backward ? run->conv->bias[channel] : 0,
        .clamp = run->backward ? xai_clamp_none() : run->conv->act,
        .out = out,
        .out_pitch = (size_t)l->cols,
        .rows = l->rows,
        .cols = l->cols,
    };
    j->kernels->depthwise(&call);
}

/* All filters of one channel of the convolution's input. */
static void run_plane(const job *j, size_t plane, float *canvas_data, const ptrdiff_t *offset, float *spare)
{
    const xai_conv_run *run = j->run;
    size_t channels = (size_t)run->conv->group, first = plane % channels * j->multiplier;
    if (!run->backward) fill(j, plane, canvas_data);
    for (size_t m = 0; m < j->multiplier; m++) {
        size_t other = plane * j->multiplier + m;
        if (run->backward) {
            fill(j, other, canvas_data);
            filter(j, first + m, canvas_data, offset, spare);
            add_to_target(run, plane, spare);
        } else {
            filter(j, first + m, canvas_data, offset, run->target + other * (size_t)(run->to.h * run->to.w));
        }
    }
}

static void run_piece(void *context, size_t index, int thread)
{
    const job *j = context;
    const xai_lattice *l = &j->run->part->lattice;
    const canvas *c = &j->canvas;
    ptrdiff_t *offset = xai_scratch(j->run->exec, thread);
    float *canvas_data = (float *)(offset + l->taps), *spare = canvas_data + canvas_floats(c);
    for (int t = 0; t < l->taps; t++) {
        int x = l->shift[t][1] - c->left;
        offset[t] = (ptrdiff_t)((size_t)(l->shift[t][0] - c->top) * c->pitch + (size_t)(x % l->step[1]) * c->phase) +
                    x / l->step[1];
    }
    memset(canvas_data, 0, canvas_floats(c) * sizeof *canvas_data);
    size_t begin = index * j->piece_planes, end = begin + j->piece_planes;
    for (size_t p = begin; p < end && p < j->planes; p++) run_plane(j, p, canvas_data, offset, spare);
}

void xai_conv_depthwise_run(const xai_conv_run *run)
{
    job j = {
        .run = run,
        .kernels = xai_kernels_get(),
        .canvas = canvas_of(&run->part->lattice),
        .multiplier = (size_t)(run->conv->channels / run->conv->group),
        .planes = (size_t)(run->from.n * run->conv->group),
    };
    size_t pieces = (size_t)xai_par_threads(run->exec->par) * PIECES_A_THREAD;
    j.piece_planes = (j.planes + pieces - 1) / pieces;
    if (j.piece_planes > PIECE_PLANES) j.piece_planes = PIECE_PLANES;
    xai_par_for(run->exec->par, (j.planes + j.piece_planes - 1) / j.piece_planes, run_piece, &j);
}
