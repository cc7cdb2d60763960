/*
 * Convolution as a product of matrices (kernels/gemm.h), group by group.
 *
 * Forward: A is the weight, one row an output channel. Backward: A is the weight transposed, one row an input
 * channel, with the taps of the lattice; the product adds to the input's gradient, and the gradient passes the gate
 * of the fused clamp while it is gathered.
 */
#include "conv_plan.h"
#include "kernels/gemm.h"
#include "rectifier.h"

/* Rows of A in one group: channels of the target; and channels of the source in one group. */
typedef struct sides {
    size_t rows, channels;
} sides;

static sides sides_of(const xai_conv *conv, bool backward)
{
    size_t in = (size_t)(conv->plan->in.c / conv->group), out = (size_t)(conv->channels / conv->group);
    return backward ? (sides){in, out} : (sides){out, in};
}

/* Of one group. */
static size_t group_size(const xai_conv *conv, bool backward, const xai_lattice *lattice)
{
    sides s = sides_of(conv, backward);
    return xai_gemm_packed_size(s.rows, s.channels * (size_t)lattice->taps);
}

size_t xai_conv_gemm_packed(const xai_conv *conv, bool backward, const xai_lattice *lattice)
{
    size_t size = group_size(conv, backward, lattice);
    return size ? size * (size_t)conv->group + XAI_PANEL_SLACK : 0;
}

void xai_conv_gemm_pack_into(const xai_conv *conv, const float *weight, bool backward, const xai_lattice *lattice,
                             float *packed)
{
    sides s = sides_of(conv, backward);
    size_t taps = (size_t)(conv->window.kernel[0] * conv->window.kernel[1]), per_row = sides_of(conv, false).channels;
    size_t size = group_size(conv, backward, lattice);
    for (size_t g = 0; g < (size_t)conv->group; g++) {
        xai_gemm_weights weights = {
            .data = weight + g * sides_of(conv, false).rows * per_row * taps,
            .row_step = backward ? taps : per_row * taps,
            .channel_step = backward ? per_row * taps : taps,
            .tap = lattice->weight,
            .taps = lattice->taps,
        };
        xai_gemm_pack(&weights, s.rows, s.channels * (size_t)lattice->taps, packed + g * size);
    }
}

xai_status xai_conv_gemm_pack(const xai_conv *conv, bool backward, xai_conv_part *part, xai_arena *arena,
                              xai_error *err)
{
    size_t floats = xai_conv_gemm_packed(conv, backward, &part->lattice);
    float *packed = floats ? XAI_NEW(arena, float, floats) : NULL;
    if (!packed) XAI_NO_MEMORY(err);
    xai_conv_gemm_pack_into(conv, conv->weight, backward, &part->lattice, packed);
    part->packed = packed;
    return XAI_OK;
}

size_t xai_conv_gemm_scratch(const xai_conv *conv)
{
    size_t forward = xai_gemm_scratch(sides_of(conv, false).rows),
           backward = xai_gemm_scratch(sides_of(conv, true).rows);
    return forward > backward ? forward : backward;
}

/* Position and source pixel are the same thing: then rows need not be told apart. */
static bool is_pointwise(const xai_lattice *l, const xai_plane *from, const xai_plane *to)
{
    return l->taps == 1 && l->shift[0][0] == 0 && l->shift[0][1] == 0 && l->step[0] == 1 && l->step[1] == 1 &&
           l->pitch[0] == 1 && l->pitch[1] == 1 && from->h == to->h && from->w == to->w && l->rows == from->h &&
           l->cols == from->w;
}

/* One long row in place of h x w. */
static void flatten(xai_gemm *g)
{
    g->grid.cols *= g->grid.rows;
    g->grid.rows = 1;
    g->gather.width *= g->gather.height;
    g->gather.height = 1;
}

static void run_part(const xai_conv_run *run, const xai_conv_part *part)
{
    const xai_lattice *l = &part->lattice;
    sides s = sides_of(run->conv, run->backward);
    size_t from = (size_t)(run->from.h * run->from.w), to = (size_t)(run->to.h * run->to.w);
    xai_gemm gemm = {
        .grid = {(size_t)run->from.n, l->rows, l->cols, l->first[0], l->first[1]},
        .groups = (size_t)run->conv->group,
        .rows = s.rows,
        .k = s.channels * (size_t)l->taps,
        .packed = part->packed,
        .bias = run->bias,
        .clamp = run->backward ? xai_clamp_none() : run->conv->act,
        .accumulate = run->backward || run->add,
        .gather = {.channel = from,
                   .height = (int)run->from.h,
                   .width = (int)run->from.w,
                   .taps = l->taps,
                   .tap = l->shift,
                   .step = l->step[1],
                   .gate = xai_rectifier_gate(run->policy, run->conv->act)},
        .in = run->source,
        .gate_y = run->gate_y,
        .in_image = (size_t)run->from.c * from,
        .in_group = s.channels * from,
        .step_row = l->step[0],
        .out = run->target + l->origin[0] * run->to.w + l->origin[1],
        .out_image = (size_t)run->to.c * to,
        .out_group = s.rows * to,
        .out_channel = to,
        .out_row = (size_t)(l->pitch[0] * run->to.w),
        .out_col = (size_t)l->pitch[1],
    };
    if (is_pointwise(l, &run->from, &run->to)) flatten(&gemm);
    xai_gemm_run(&gemm, run->exec->par, run->exec->scratch, run->exec->scratch_stride);
}

void xai_conv_gemm_run(const xai_conv_run *run)
{
    for (int i = 0; i < run->part_count; i++) run_part(run, &run->parts[i]);
}
