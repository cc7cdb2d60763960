/*
 * The kernel table and the small structs by which kernels are called.
 *
 * Kernels are pure: they touch what their arguments name, allocate nothing, and are safe on any thread.
 */
#ifndef XAI_KERNELS_KERNELS_H
#define XAI_KERNELS_KERNELS_H

#include "activation.h"

#include <stddef.h>

/*
 * C[rows x cols] = clamp(start + A * B), summed over k in ascending order from the start, which is C itself
 * (accumulate), else the bias, else zero. So a sum may be cut into blocks of k without a change of its bytes.
 */
typedef struct xai_gemm_panel {
    const float *a; /* panels of table.rows rows, one after the other; each k x table.rows, the last padded with 0;
                       readable to XAI_PANEL_SLACK floats beyond */
    const float *b; /* k x table.cols floats, `ldb` apart; all table.cols of each are read */
    size_t ldb;
    size_t
        b_step; /* floats from one panel of B to the next, where cols > table.cols; cols is a multiple of it then */
    float *c;   /* `rows` rows of `cols` floats, `ldc` apart */
    size_t ldc, rows, cols, k;
    const float *bias; /* `rows` floats, or NULL */
    bool accumulate;
    xai_clamp clamp;
} xai_gemm_panel;

/* Which part of an upstream gradient passes a rectifier (ops/rectifier.h). */
typedef struct xai_gate {
    xai_clamp clamp;
    bool by_output;   /* only where clamp.lo < y < clamp.hi */
    bool by_gradient; /* only where it is positive */
} xai_gate;

/*
 * The matrix B of a convolution, never stored: row k = channel * taps + tap, column = position. Its element is the
 * input at the position shifted by the tap, 0 outside the plane.
 */
typedef struct xai_gather {
    size_t channel;    /* floats from one channel's plane to the next */
    int height, width; /* of a plane */
    int taps;
    const int (*tap)[2]; /* shift (y, x) of each tap */
    int step;            /* columns of the input from one position to the next */
    xai_gate gate;       /* applied where a run has `y` */
} xai_gather;

/* Neighbouring columns of a panel whose positions lie in one row of one image. */
typedef struct xai_gather_run {
    const float *plane; /* of channel 0 */
    const float *y;     /* the layer's output for the gate, laid out as `plane`; NULL: no gate */
    int row, column;    /* of the first position, before the shift of the tap */
    int count, at;      /* how many columns, from which column of the panel on */
} xai_gather_run;

/* out[r][c] = clamp(bias + sum over taps t of weight[t] * in[r * row_step + offset[t] + c]), t ascending. */
typedef struct xai_depthwise {
    const float *in; /* readable to 16 floats beyond the last one used */
    size_t row_step;
    const ptrdiff_t *offset;
    const float *weight;
    int taps;
    float bias;
    xai_clamp clamp;
    float *out;
    size_t out_pitch; /* floats from one output row to the next; at least cols */
    int rows, cols;
} xai_depthwise;

/* Copies a plane, its columns sorted by their remainder: column c goes to (at + c) % step * phase + (at + c) / step.
 */
typedef struct xai_spread {
    const float *in;
    const float *y; /* not NULL: `in` passes the gate on its way, with y laid out alike; the step is 1 */
    xai_gate gate;
    size_t in_pitch, rows, cols;
    float *out;
    size_t pitch, phase, step, at;
} xai_spread;

/*
 * Channels last, every output channel sees every input channel: y[i][n] = finish(start + sum over t, k of
 * x[t][i][k] * w[t][k][n]), t outermost, for `count` pixels and the channels of one panel. The start is what y holds
 * (accumulate), else the bias, else zero; finish adds add[i][n], if given, and clamps.
 */
typedef struct xai_pixel_panel {
    size_t count;
    const float *const *x; /* taps x count pixels, `x_pitch` pointers from tap to tap */
    size_t x_pitch, x_at;  /* x_at: first float that is read of each pixel */
    size_t taps, k;        /* k floats a tap */
    const float *w;        /* taps x k x (vecs * width) */
    size_t vecs;           /* 1 to XAI_PIXEL_VECS */
    size_t lanes;          /* output channels, at most vecs * width */
    float *const *y;       /* count pixels */
    size_t y_at;           /* first float of each that is written */
    const float *bias;     /* vecs * width floats, or NULL */
    bool accumulate;
    const float *const *add; /* count pixels, read from y_at on, or NULL */
    xai_clamp clamp;
} xai_pixel_panel;

/*
 * Channels last, every channel by itself: y[row][col][c] = clamp(start + sum over taps (a, b) of x[first + (row, col) *
 * step + (a, b) * gap][c] * w[a][b][c]) for a grid of pixels; a tap outside of `high` x `wide` pixels is left out.
 */
typedef struct xai_pixel_windows {
    size_t channels;
    int rows, cols;           /* of the grid */
    int taps[2], gap[2];      /* rows and columns of the window, and the distance between neighbours */
    int first[2], step[2];    /* where in the source the first tap of the first output is, and of the next output */
    int high, wide;           /* of the source */
    const float *x;           /* row `top` of it */
    int top;
    size_t x_row, x_pixel;    /* floats from one to the next */
    const float *w;           /* rows x columns of taps, w_tap floats apart */
    size_t w_tap;
    float *y;
    size_t y_row, y_pixel;
    const float *bias;        /* or NULL */
    bool accumulate;          /* the start is what y holds; no bias then */
    xai_clamp clamp;
} xai_pixel_windows;

/* out[i * out_step + c] = clamp(scale[c] * in[i * channels + c] + shift[c]) for `count` pixels; scale NULL: in[...]
 * itself. */
typedef struct xai_pixel_lines {
    size_t count, channels;
    const float *in, *scale, *shift;
    xai_clamp clamp;
    float *out;
    size_t out_step;
} xai_pixel_lines;

/* B' d B of the 6 x 6 pixels x (row by row), `channels` floats each, to 36 vectors `pitch` floats apart. */
typedef struct xai_winograd_in {
    const float *const *x;
    size_t channels;
    float *out;
    size_t pitch;
} xai_winograd_in;

/* y[i] = clamp(A' m A + bias + add[i]) for the 4 x 4 pixels i of a tile, `lanes` floats from `at` on; NULL: no pixel.
 * m: 36 vectors `pitch` floats apart, whole vectors readable; bias likewise. */
typedef struct xai_winograd_out {
    const float *m;
    size_t pitch, lanes;
    const float *bias; /* or NULL */
    float *const *y;
    const float *const *add; /* or NULL */
    size_t at;
    xai_clamp clamp;
} xai_winograd_out;

typedef struct xai_kernels {
    const char *isa;
    size_t rows, cols; /* of a gemm panel: MR and NR */
    size_t width;      /* floats of a vector: output channels of a pixel panel come in multiples of it */
#define XAI_KERNEL(name, parameters) void(*name) parameters;
#include "kernels.def"
#undef XAI_KERNEL
} xai_kernels;

/* Widest panel of any instruction set, for arrays on the stack. */
enum { XAI_MAX_PANEL_COLS = 32, XAI_PANEL_SLACK = 16, XAI_PIXEL_VECS = 3 };

/* The table in use: the best that this processor has, or what the environment variable XAI_ISA forces down. */
const xai_kernels *xai_kernels_get(void);

/* The table of one instruction set, or NULL when this processor or build lacks it. For tests. */
const xai_kernels *xai_kernels_for(const char *isa);

#endif
