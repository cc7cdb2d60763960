/* Building of lattices (conv_lattice.h); at load only. All extents have been checked to fit an int. */
#include "conv_lattice.h"

#include <string.h>

typedef int shift_pair[2];

static xai_status new_taps(xai_arena *arena, size_t most, shift_pair **shift, int **weight, xai_error *err)
{
    *shift = XAI_NEW(arena, shift_pair, most);
    *weight = XAI_NEW(arena, int, most);
    if (!*shift || !*weight) XAI_NO_MEMORY(err);
    return XAI_OK;
}

xai_status xai_lattice_forward(const xai_window *window, const xai_plane *out, xai_arena *arena, xai_lattice *lattice,
                               xai_error *err)
{
    shift_pair *shift;
    int *weight;
    int high = (int)window->kernel[0], wide = (int)window->kernel[1], taps = high * wide;
    XAI_TRY(new_taps(arena, (size_t)taps, &shift, &weight, err));
    for (int t = 0; t < taps; t++) {
        shift[t][0] = t / wide * (int)window->dilation[0] - (int)window->pads[0];
        shift[t][1] = t % wide * (int)window->dilation[1] - (int)window->pads[1];
        weight[t] = t;
    }
    *lattice = (xai_lattice){
        .rows = (int)out->h,
        .cols = (int)out->w,
        .taps = taps,
        .shift = (const shift_pair *)shift,
        .weight = weight,
        .step = {(int)window->stride[0], (int)window->stride[1]},
        .pitch = {1, 1},
    };
    return XAI_OK;
}

xai_lattice xai_lattice_cut(const xai_lattice *lattice, const int low[2], const int end[2])
{
    xai_lattice l = *lattice;
    l.rows = end[0] - low[0];
    l.cols = end[1] - low[1];
    for (int axis = 0; axis < 2; axis++) {
        l.first[axis] += low[axis] * l.step[axis];
        l.origin[axis] += low[axis] * l.pitch[axis];
    }
    return l;
}

/* Output index minus class index for kernel index k, if outputs reach the class by it. */
static bool reaches(const xai_window *w, int axis, int class, int k, int *shift)
{
    int stride = (int)w->stride[axis], distance = class + (int)w->pads[axis] - k * (int)w->dilation[axis];
    if (distance % stride != 0) return false;
    *shift = distance / stride;
    return true;
}

static void collect_taps(const xai_window *w, const int class[2], shift_pair *shift, int *weight, int *count)
{
    *count = 0;
    for (int ky = 0; ky < (int)w->kernel[0]; ky++)
        for (int kx = 0; kx < (int)w->kernel[1]; kx++) {
            int *to = shift[*count];
            if (!reaches(w, 0, class[0], ky, &to[0]) || !reaches(w, 1, class[1], kx, &to[1])) continue;
            weight[(*count)++] = ky * (int)w->kernel[1] + kx;
        }
}

/* Pixels class, class + stride, ... below size. */
static int members(int64_t size, int class, int64_t stride)
{
    return class < size ? (int)((size - class + stride - 1) / stride) : 0;
}

/* The lattice of one class, with copies of its taps; `shift` and `weight` have room for all. */
static xai_status make_class(const xai_window *w, const xai_plane *in, const int class[2], shift_pair *shift,
                             int *weight, xai_arena *arena, xai_lattice *l, xai_error *err)
{
    collect_taps(w, class, shift, weight, &l->taps);
    if (l->taps == 0) return XAI_OK;
    shift_pair *own_shift;
    int *own_weight;
    XAI_TRY(new_taps(arena, (size_t)l->taps, &own_shift, &own_weight, err));
    memcpy(own_shift, shift, (size_t)l->taps * sizeof *shift);
    memcpy(own_weight, weight, (size_t)l->taps * sizeof *weight);
    *l = (xai_lattice){
        .rows = members(in->h, class[0], w->stride[0]),
        .cols = members(in->w, class[1], w->stride[1]),
        .taps = l->taps,
        .shift = (const shift_pair *)own_shift,
        .weight = own_weight,
        .step = {1, 1},
        .origin = {class[0], class[1]},
        .pitch = {(int)w->stride[0], (int)w->stride[1]},
    };
    return XAI_OK;
}

xai_status xai_lattice_backward(const xai_window *window, const xai_plane *in, xai_arena *arena,
                                xai_lattice **lattices, int *count, xai_error *err)
{
    /* Classes beyond the input have no members; a tap reaches one class, so there are no more of them than taps. */
    int class[2], most[2];
    for (int axis = 0; axis < 2; axis++) {
        int64_t size = axis ? in->w : in->h;
        most[axis] = (int)(window->stride[axis] < size ? window->stride[axis] : size);
    }
    shift_pair *shift;
    int *weight;
    size_t taps = (size_t)(window->kernel[0] * window->kernel[1]), classes = (size_t)most[0] * (size_t)most[1];
    XAI_TRY(new_taps(arena, taps, &shift, &weight, err));
    *lattices = XAI_NEW(arena, xai_lattice, classes < taps ? classes : taps);
    if (!*lattices) XAI_NO_MEMORY(err);
    *count = 0;
    for (class[0] = 0; class[0] < most[0]; class[0]++)
        for (class[1] = 0; class[1] < most[1]; class[1]++) {
            xai_lattice l = {0};
            XAI_TRY(make_class(window, in, class, shift, weight, arena, &l, err));
            if (l.taps > 0) (*lattices)[(*count)++] = l;
        }
    return XAI_OK;
}
