/*
 * Convolution as a product of packed weights A (output channels x k) and a matrix B (k x positions) that is gathered
 * panel by panel and never stored: k = input channel x tap, a position is an output pixel of one image of the batch.
 *
 * An output is the bias and then the products in ascending k, in short chains (gemm_template.h says why): its bytes
 * depend on the layer and the instruction set, never on the batch, the threads or how the work is cut.
 *
 * Why not OpenBLAS: the order of its sums depends on the size of the matrices; and Debian's single-threaded build
 * (0.3.21) has no locks, so that lanes which call it at the same time now and then get wrong products (measured: 34 and
 * 82 wrong ones of 16000 products of 96 x 96 on 4 threads).
 */
#ifndef XAI_KERNELS_GEMM_H
#define XAI_KERNELS_GEMM_H

#include "base/pool.h"
#include "kernels.h"

/* Where element (row, channel, tap) of A lies: data[row * row_step + channel * channel_step + tap[t]]. */
typedef struct xai_gemm_weights {
    const float *data;
    size_t row_step, channel_step;
    const int *tap;
    int taps;
} xai_gemm_weights;

/* Floats that `rows` x `k` take when packed, without XAI_PANEL_SLACK after the last group; 0 if that overflows. */
size_t xai_gemm_packed_size(size_t rows, size_t k);
void xai_gemm_pack(const xai_gemm_weights *weights, size_t rows, size_t k, float *packed);

/* The positions: a grid of rows x cols in each image, from row `top` and column `left` of the input on. */
typedef struct xai_gemm_grid {
    size_t images;
    int rows, cols;
    int top, left;
} xai_gemm_grid;

typedef struct xai_gemm {
    xai_gemm_grid grid;
    size_t groups, rows, k; /* rows and k of A in each group */
    const float *packed;    /* the groups one after the other, xai_gemm_packed_size(rows, k) each */
    const float *bias;      /* groups * rows, or NULL */
    xai_clamp clamp;
    bool accumulate; /* add to what the output holds; no bias then */
    /* input: the row step of neighbouring positions is gather.step columns, `step_row` rows */
    xai_gather gather;
    const float *in, *gate_y; /* gate_y: the layer's output, laid out as `in`; NULL: no gate */
    size_t in_image, in_group;
    int step_row;
    /* output: floats between neighbouring images, groups, channels, grid rows and grid columns */
    float *out;
    size_t out_image, out_group, out_channel, out_row, out_col;
} xai_gemm;

/* Bytes of scratch memory a thread needs, for any such product with `rows` rows. */
size_t xai_gemm_scratch(size_t rows);

/* `scratch`: one region a thread, `stride` bytes apart. */
void xai_gemm_run(const xai_gemm *gemm, const xai_par *par, unsigned char *scratch, size_t stride);

#endif
