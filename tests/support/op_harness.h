/*
 * Operator harness: a node made from an xai_op_case, with buffers of its own, that can be run forward and backward
 * like in a session. Every buffer lies between guards.
 *
 * Whatever fails here is a failure of the test that called (Check), but for setup, whose status is returned.
 */
#ifndef TESTS_SUPPORT_OP_HARNESS_H
#define TESTS_SUPPORT_OP_HARNESS_H

#include "base/rng.h"
#include "ops/op.h"

enum { OP_VALUES = 16, OP_ATTRS = 16, OP_LIST = 16 };

typedef struct op_buffer {
    unsigned char *block, *data; /* data lies in block, 64-byte aligned, between two guards */
    size_t bytes;
} op_buffer;

typedef struct op_bench {
    xai_arena *arena;
    xai_node node;
    xai_value values[OP_VALUES];    /* inputs, then outputs; ids are indices */
    xai_value *in[6], *out[OP_VALUES - 6];
    bool differentiable[OP_VALUES]; /* float32 and not a constant */
    op_buffer data[OP_VALUES], grad[OP_VALUES];
    op_buffer scratch, shared;
    xai_attr attrs[OP_ATTRS];
    int64_t integers[OP_ATTRS][OP_LIST];
    float reals[OP_ATTRS][OP_LIST];
    char text[512]; /* of the attributes, cut into words */
} op_bench;

/* Random inputs from the seed; setup and prepare of the operator; a status other than XAI_OK is setup's. */
xai_status op_bench_init(op_bench *b, const xai_op *op, const xai_op_case *c, uint64_t seed, xai_error *err);
void op_bench_free(op_bench *b);

int op_bench_count(const op_bench *b, int id);      /* elements of a value */
float *op_bench_f32(op_bench *b, int id);           /* its data */
float *op_bench_grad(const op_bench *b, int id);          /* its gradient; NULL unless differentiable */
static inline int op_bench_out(const op_bench *b, int i) { return b->node.out[i]->id; }

/* Runs on the threads of `pool`, NULL: on the caller alone. Outputs are filled with NaN bytes before a forward. */
void op_bench_forward(op_bench *b, xai_pool *pool);
/* The operator's forward_box: the rest of the output keeps its bytes. */
void op_bench_forward_box(op_bench *b, xai_pool *pool, const xai_box *box);
/* Adds to the gradients of the inputs, as in a session; the gradients of the outputs are the caller's to set. */
void op_bench_backward(op_bench *b, xai_pool *pool, xai_policy policy);
void op_bench_clear_grads(op_bench *b);

/* Sets the node up anew to run with the channels last, and turns its 4-D inputs. */
xai_status op_bench_turn(op_bench *b, xai_error *err);
/* The same as is said: in which order, and in float32 or bfloat16 (forward only). After inputs have been changed too. */
xai_status op_bench_again(op_bench *b, bool last, const struct xai_bf16 *bf16, xai_error *err);
/* Data or gradient of a value in ONNX's order, whatever the node's. */
void op_bench_read(const op_bench *b, int id, bool gradient, float *out);
void op_bench_write(op_bench *b, int id, bool gradient, const float *in);

/* NULL, or what was written outside a buffer: a message in static memory. */
const char *op_bench_damage(const op_bench *b);

#endif
