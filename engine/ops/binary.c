/*
 * Broadcasting: strides of 0 where an input repeats, neighbouring dimensions merged where both inputs walk on alike,
 * so that most cases become one or two loops. Sums over repeated inputs run in the order of the output.
 */
#include "binary.h"

#include <string.h>

enum { CHUNK = 16384 }; /* elements a piece of work; a constant, so that nothing depends on the threads */

static xai_status broadcast(const xai_node *node, xai_shape *out, xai_error *err)
{
    const xai_shape *a = &node->in[0]->shape, *b = &node->in[1]->shape;
    out->rank = a->rank > b->rank ? a->rank : b->rank;
    for (int i = 0; i < out->rank; i++) {
        int ia = i - (out->rank - a->rank), ib = i - (out->rank - b->rank);
        int64_t da = ia < 0 ? 1 : a->dim[ia], db = ib < 0 ? 1 : b->dim[ib];
        XAI_NODE_CHECK(da == db || da == 1 || db == 1, node, BAD_MODEL, err, "the shapes do not broadcast");
        out->dim[i] = da == 1 ? db : da;
    }
    return XAI_OK;
}

static void strides_of(const xai_shape *in, const xai_shape *out, int64_t *stride)
{
    int64_t step = 1;
    for (int i = out->rank; i-- > 0;) {
        int k = i - (out->rank - in->rank);
        int64_t d = k < 0 ? 1 : in->dim[k];
        stride[i] = d == 1 ? 0 : step;
        step *= d;
    }
}

/* Merges dimension i into i + 1 where both inputs allow it; the last dimension ends as long as possible. */
static void merge(xai_binary *s)
{
    int n = 0;
    for (int i = 0; i < s->shape.rank; i++) {
        int64_t d = s->shape.dim[i];
        if (d == 1 && s->shape.rank > 1) continue; /* its stride does not matter */
        bool joins = n > 0 && s->stride_a[n - 1] == s->stride_a[i] * d && s->stride_b[n - 1] == s->stride_b[i] * d;
        if (!joins) s->shape.dim[n++] = 1;
        s->shape.dim[n - 1] *= d;
        s->stride_a[n - 1] = s->stride_a[i];
        s->stride_b[n - 1] = s->stride_b[i];
    }
    if (n == 0) {
        s->shape.dim[0] = 1;
        s->stride_a[0] = s->stride_b[0] = 0;
        n = 1;
    }
    s->shape.rank = n;
}

xai_status xai_binary_setup(xai_node *node, const xai_binary_rule *rule, xai_error *err)
{
    xai_binary *s = node->state;
    xai_dtype dtype = node->in[0]->dtype;
    XAI_NODE_CHECK(dtype == node->in[1]->dtype, node, BAD_MODEL, err, "the inputs are %s and %s",
                   xai_dtype_name(dtype), xai_dtype_name(node->in[1]->dtype));
    XAI_NODE_CHECK(dtype == XAI_F32 || (rule->integer && (dtype == XAI_I64 || dtype == XAI_I32)), node,
                   UNSUPPORTED_OP, err, "%s is not supported", xai_dtype_name(dtype));
    s->rule = rule;
    xai_shape out;
    XAI_TRY(broadcast(node, &out, err));
    XAI_TRY(xai_node_output(node, 0, dtype, &out, err));
    s->shape = out;
    strides_of(&node->in[0]->shape, &out, s->stride_a);
    strides_of(&node->in[1]->shape, &out, s->stride_b);
    merge(s);
    return XAI_OK;
}

/* Offsets of row `r` (all dimensions but the last) in both inputs. */
static void row_offsets(const xai_binary *s, int64_t r, int64_t *a, int64_t *b)
{
    *a = *b = 0;
    for (int i = s->shape.rank - 1; i-- > 0; r /= s->shape.dim[i]) {
        *a += r % s->shape.dim[i] * s->stride_a[i];
        *b += r % s->shape.dim[i] * s->stride_b[i];
    }
}

typedef struct forward_run {
    const xai_binary *state;
    const float *a, *b;
    float *z;
    int64_t rows, width, chunks; /* chunks a row */
} forward_run;

static void forward_piece(void *context, size_t index, int thread)
{
    (void)thread;
    const forward_run *f = context;
    const xai_binary *s = f->state;
    int64_t row = (int64_t)index / f->chunks, from = (int64_t)index % f->chunks * CHUNK, a, b;
    int64_t n = f->width - from < CHUNK ? f->width - from : CHUNK;
    int64_t sa = s->stride_a[s->shape.rank - 1], sb = s->stride_b[s->shape.rank - 1];
    row_offsets(s, row, &a, &b);
    s->rule->real(f->a + a + from * sa, sa, f->b + b + from * sb, sb, f->z + row * f->width + from, n);
}

static void forward_integers(const xai_node *node, const xai_exec *exec)
{
    const xai_binary *s = node->state;
    xai_tensor a = {node->in[0]->dtype, node->in[0]->shape, xai_in_data(exec, node, 0)};
    xai_tensor b = {node->in[1]->dtype, node->in[1]->shape, xai_in_data(exec, node, 1)};
    void *z = xai_out_data(exec, node, 0);
    int last = s->shape.rank - 1;
    int64_t width = s->shape.dim[last], rows = xai_shape_span(&s->shape, 0, last);
    for (int64_t i = 0; i < rows * width; i++) {
        int64_t oa, ob, x = i % width;
        row_offsets(s, i / width, &oa, &ob);
        int64_t v = s->rule->integer(xai_tensor_int(&a, oa + x * s->stride_a[last]),
                                     xai_tensor_int(&b, ob + x * s->stride_b[last]));
        if (a.dtype == XAI_I64) ((int64_t *)z)[i] = v;
        else ((int32_t *)z)[i] = (int32_t)v;
    }
}

void xai_binary_forward(const xai_node *node, const xai_exec *exec)
{
    const xai_binary *s = node->state;
    if (node->in[0]->dtype != XAI_F32) {
        forward_integers(node, exec);
        return;
    }
    int last = s->shape.rank - 1;
    forward_run f = {s, xai_in_f32(exec, node, 0), xai_in_f32(exec, node, 1), xai_out_f32(exec, node, 0),
                     xai_shape_span(&s->shape, 0, last), s->shape.dim[last], 0};
    f.chunks = (f.width + CHUNK - 1) / CHUNK;
    xai_par_for(exec->par, (size_t)(f.rows * f.chunks), forward_piece, &f);
}

void xai_binary_backward(const xai_node *node, const xai_exec *exec)
{
    const xai_binary *s = node->state;
    const float *a = xai_in_f32(exec, node, 0), *b = xai_in_f32(exec, node, 1), *gz = xai_grad_out(exec, node, 0);
    float *ga = xai_grad_in(exec, node, 0), *gb = xai_grad_in(exec, node, 1);
    int last = s->shape.rank - 1;
    int64_t width = s->shape.dim[last], rows = xai_shape_span(&s->shape, 0, last);
    for (int64_t r = 0; r < rows; r++) {
        int64_t oa, ob;
        row_offsets(s, r, &oa, &ob);
        for (int64_t x = 0; x < width; x++) {
            int64_t ia = oa + x * s->stride_a[last], ib = ob + x * s->stride_b[last];
            float da, db;
            s->rule->derivative(a[ia], b[ib], gz[r * width + x], &da, &db);
            if (ga) ga[ia] += da;
            if (gb) gb[ib] += db;
        }
    }
}
