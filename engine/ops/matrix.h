/*
 * Products of matrices for Gemm and MatMul, where one factor has few rows (the samples of a batch).
 *
 * Each element of a product is summed in an order that depends on the length of the sum and the layout of the right
 * factor alone: a sample's result does not depend on how many there are.
 */
#ifndef XAI_OPS_MATRIX_H
#define XAI_OPS_MATRIX_H

#include "op.h"

typedef struct xai_matrix {
    float *data; /* of a left or right factor: only read */
    int64_t rows, cols, row_step, col_step; /* one of the steps is 1 */
} xai_matrix;

static inline xai_matrix xai_matrix_transposed(xai_matrix m)
{
    return (xai_matrix){m.data, m.cols, m.rows, m.col_step, m.row_step};
}

/* For forward_slots: `count` samples of one row each, as the rows of one matrix. */
xai_matrix xai_matrix_of_slots(const xai_exec *exec, int count, const xai_value *value);

/* Scratch bytes a thread for products of these three matrices in any order and transposition. */
size_t xai_matrix_scratch(int64_t m, int64_t n, int64_t k);

/* out += alpha * a * b. */
void xai_matrix_product(const xai_exec *exec, float alpha, xai_matrix a, xai_matrix b, xai_matrix out);

/*
 * The same for left factors with many rows, alpha being 1: faster, in another order. The rows of a and out must be
 * contiguous, which xai_matrix_is_tall says.
 */
size_t xai_matrix_tall_scratch(const struct xai_bf16 *bf16); /* of the packed factor; NULL: float32 */
bool xai_matrix_is_tall(xai_matrix a, xai_matrix out);
void xai_matrix_tall_product(const xai_exec *exec, xai_matrix a, xai_matrix b, xai_matrix out);

/*
 * A right factor that stays, packed once: in float32, or in bfloat16 (kernels/bf16.h). The product with it has the bytes
 * of xai_matrix_tall_product in float32, and a sum in pairs in bfloat16, for any number of rows. b is read for its
 * shape alone.
 */
typedef struct xai_packed {
    const float *data; /* NULL: nothing is packed */
    const struct xai_bf16 *bf16; /* NULL: float32 */
} xai_packed;
xai_status xai_matrix_pack(xai_matrix b, const struct xai_bf16 *bf16, xai_arena *arena, xai_packed *packed,
                           xai_error *err);
void xai_matrix_packed_product(const xai_exec *exec, xai_matrix a, xai_matrix b, const xai_packed *packed,
                               xai_matrix out);

/* Rows of a sample from which on that pays. */
enum { XAI_TALL_ROWS = 8 };

#endif
