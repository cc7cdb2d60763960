/* Building of lattices (conv_lattice.h); at load only. All extents have been checked to fit an int. */
#include "conv_lattice.h"

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

xai_status xai_lattice_backward(const xai_window *window, const xai_plane *in, xai_arena *arena,
                                xai_lattice **lattices, int *count, xai_error *err)
{
    int stride[2] = {(int)window->stride[0], (int)window->stride[1]}, first[2];
    /* Classes beyond the input have no members: do not make room for them. */
    int high = stride[0] < in->h ? stride[0] : (int)in->h, wide = stride[1] < in->w ? stride[1] : (int)in->w;
    size_t taps = (size_t)(window->kernel[0] * window->kernel[1]);
    *lattices = XAI_NEW(arena, xai_lattice, (size_t)high * (size_t)wide);
    if (!*lattices) XAI_NO_MEMORY(err);
    *count = 0;
    for (first[0] = 0; first[0] < high; first[0]++)
        for (first[1] = 0; first[1] < wide; first[1]++) {
            shift_pair *shift;
            int *weight;
            xai_lattice *l = &(*lattices)[*count];
            XAI_TRY(new_taps(arena, taps, &shift, &weight, err));
            collect_taps(window, first, shift, weight, &l->taps);
            if (l->taps == 0) continue;
            l->rows = members(in->h, first[0], stride[0]);
            l->cols = members(in->w, first[1], stride[1]);
            l->shift = (const shift_pair *)shift;
            l->weight = weight;
            l->step[0] = l->step[1] = 1;
            for (int axis = 0; axis < 2; axis++) {
                l->origin[axis] = first[axis];
                l->pitch[axis] = stride[axis];
            }
            (*count)++;
        }
    return XAI_OK;
}
