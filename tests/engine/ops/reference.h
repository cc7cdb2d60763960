/*
 * References: what an operator's output must be, in float64, by the plainest loops, from the ONNX specification.
 *
 * A reference fills y for output 0 from the bench's inputs. It reads shapes of outputs from the node (that they are
 * right is checked by test_movement.c and by ONNX's own cases) and shares no code with the operators.
 */
#ifndef TESTS_ENGINE_OPS_REFERENCE_H
#define TESTS_ENGINE_OPS_REFERENCE_H

#include "support/op_harness.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct reference {
    const char *type;
    void (*fill)(op_bench *b, double *y);
} reference;

typedef struct place {
    int64_t c[XAI_MAX_RANK];
} place;

static inline const xai_shape *shape_of(const op_bench *b, int id)
{
    return &b->values[id].shape;
}
static inline const xai_shape *out_shape(const op_bench *b)
{
    return &b->node.out[0]->shape;
}

static inline place place_of(const xai_shape *shape, int64_t flat)
{
    place p = {{0}};
    for (int i = shape->rank; i-- > 0; flat /= shape->dim[i]) p.c[i] = flat % shape->dim[i];
    return p;
}

static inline int64_t flat_of(const xai_shape *shape, const int64_t *c)
{
    int64_t flat = 0;
    for (int i = 0; i < shape->rank; i++) flat = flat * shape->dim[i] + c[i];
    return flat;
}

static inline double element(const op_bench *b, int id, int64_t flat)
{
    xai_tensor t = {b->values[id].dtype, b->values[id].shape, b->data[id].data};
    return xai_tensor_real(&t, flat);
}

/* Element of input `id` that broadcasting puts at output place p. */
static inline double element_broadcast(const op_bench *b, int id, place p)
{
    const xai_shape *in = shape_of(b, id), *out = out_shape(b);
    int64_t c[XAI_MAX_RANK] = {0};
    int first = out->rank - in->rank;
    if (b->node.opset < 7 && id == 1) first = 1; /* the cases of old opsets all begin at the channels */
    for (int i = 0; i < in->rank; i++) c[i] = in->dim[i] == 1 ? 0 : p.c[i + first];
    return element(b, id, flat_of(in, c));
}

/* Element of an integer list: constant input `i`, or attribute; `fallback` where there is none. */
static inline int64_t list_at(const op_bench *b, int i, const char *name, int at, int64_t fallback)
{
    size_t count;
    const int64_t *attr = xai_attr_ints(&b->node, name, &count);
    if (xai_has_input(&b->node, i)) return (int64_t)element(b, i, at);
    return attr && at < (int)count ? attr[at] : fallback;
}

static inline int list_count(const op_bench *b, int i, const char *name)
{
    size_t count;
    xai_attr_ints(&b->node, name, &count);
    return xai_has_input(&b->node, i) ? op_bench_count(b, i) : (int)count;
}

static inline int64_t wrap(int64_t v, int64_t n)
{
    return v < 0 ? v + n : v;
}

/* Runs all cases of the reference's operator; relative to the largest output the error may be `tolerance`. */
static inline void check_reference(const reference *r, double tolerance)
{
    const xai_op *op = xai_op_find(r->type);
    ck_assert_msg(op != NULL, "no operator %s", r->type);
    for (const xai_op_case *c = op->cases; c->name; c++) {
        op_bench b;
        xai_error err;
        ck_assert_msg(op_bench_init(&b, op, c, 99, &err) == XAI_OK, "%s %s: %s", r->type, c->name, err.msg);
        int out = op_bench_out(&b, 0), n = op_bench_count(&b, out);
        double *y = calloc((size_t)n + 1, sizeof *y), largest = 1;
        ck_assert_ptr_nonnull(y);
        op_bench_forward(&b, NULL);
        r->fill(&b, y);
        for (int i = 0; i < n; i++) largest = fmax(largest, fabs(y[i]));
        for (int i = 0; i < n; i++)
            ck_assert_msg(fabs(element(&b, out, i) - y[i]) <= tolerance * largest,
                          "%s, case %s: element %d is %.9g, not %.9g", r->type, c->name, i, element(&b, out, i),
                          y[i]);
        free(y);
        op_bench_free(&b);
    }
}

#endif
