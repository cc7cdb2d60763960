/*
 * Loop nests: merged axes, pieces of a fixed size. A nest is read-only while it runs; rows are called from the
 * threads of `par`.
 */
#include "nest.h"

#include <string.h>

enum { PIECE = 16384 }; /* elements; a constant, so that no sum depends on the number of threads */

bool xai_broadcast_shape(const xai_shape *a, const xai_shape *b, xai_shape *out)
{
    xai_shape shape = {.rank = a->rank > b->rank ? a->rank : b->rank};
    for (int i = 0; i < shape.rank; i++) {
        int ia = i - (shape.rank - a->rank), ib = i - (shape.rank - b->rank);
        int64_t da = ia < 0 ? 1 : a->dim[ia], db = ib < 0 ? 1 : b->dim[ib];
        if (da != db && da != 1 && db != 1) return false;
        shape.dim[i] = da == 1 ? db : da;
    }
    *out = shape;
    return true;
}

void xai_dense_strides(const xai_shape *shape, int64_t stride[XAI_MAX_RANK])
{
    int64_t step = 1;
    for (int i = shape->rank; i-- > 0; step *= shape->dim[i]) stride[i] = step;
}

/* ---------------------------------------------------------------- making */

static bool joins(const xai_nest *nest, int outer, int inner)
{
    for (int k = 0; k < nest->operands; k++)
        if (nest->stride[k][outer] != nest->stride[k][inner] * nest->dim[inner]) return false;
    return true;
}

static void move_axis(xai_nest *nest, int to, int from)
{
    nest->dim[to] = nest->dim[from];
    for (int k = 0; k < nest->operands; k++) nest->stride[k][to] = nest->stride[k][from];
}

/* Drops axes of length 1, merges neighbours that every operand walks as one, and leaves at least one axis. */
static void merge(xai_nest *nest)
{
    int n = 0;
    for (int i = 0; i < nest->rank; i++) {
        if (nest->dim[i] == 1) continue;
        int64_t outer = n > 0 && joins(nest, n - 1, i) ? nest->dim[n - 1] : 0;
        if (outer) n--;
        move_axis(nest, n, i);
        if (outer) nest->dim[n] *= outer;
        n++;
    }
    if (n == 0) {
        nest->dim[n++] = 1;
        for (int k = 0; k < nest->operands; k++) nest->stride[k][0] = 0;
    }
    nest->rank = n;
}

void xai_nest_broadcast_box(xai_nest *nest, const xai_shape *out, const xai_shape *const *in, int in_count,
                            const xai_box *box)
{
    memset(nest, 0, sizeof *nest);
    nest->rank = out->rank;
    nest->operands = in_count + 1;
    for (int i = 0; i < out->rank; i++) nest->dim[i] = box->end[i] - box->low[i];
    xai_dense_strides(out, nest->stride[0]);
    for (int k = 0; k < in_count; k++) {
        int64_t stride[XAI_MAX_RANK];
        int skip = out->rank - in[k]->rank;
        xai_dense_strides(in[k], stride);
        for (int i = skip; i < out->rank; i++)
            nest->stride[k + 1][i] = in[k]->dim[i - skip] == 1 ? 0 : stride[i - skip];
    }
    for (int k = 0; k < nest->operands; k++)
        for (int i = 0; i < out->rank; i++) nest->offset[k] += box->low[i] * nest->stride[k][i];
    merge(nest);
}

void xai_nest_broadcast(xai_nest *nest, const xai_shape *out, const xai_shape *const *in, int in_count)
{
    xai_box whole = xai_box_whole(out);
    xai_nest_broadcast_box(nest, out, in, in_count, &whole);
}

void xai_nest_make(xai_nest *nest, int rank, const int64_t *dim, const xai_nest_side *sides, int operands)
{
    memset(nest, 0, sizeof *nest);
    nest->rank = rank;
    nest->operands = operands;
    for (int k = 0; k < operands; k++) nest->offset[k] = sides[k].offset;
    for (int i = 0; i < rank; i++) {
        nest->dim[i] = dim[i];
        for (int k = 0; k < operands; k++) nest->stride[k][i] = sides[k].stride[i];
    }
    merge(nest);
}

void xai_nest_pair(xai_nest *nest, int rank, const int64_t *dim, xai_nest_side out, xai_nest_side in)
{
    const xai_nest_side sides[] = {out, in};
    xai_nest_make(nest, rank, dim, sides, 2);
}

void xai_nest_strided(xai_nest *nest, int rank, const int64_t *dim, const int64_t *stride, int64_t offset)
{
    int64_t dense[XAI_NEST_RANK], step = 1;
    for (int i = rank; i-- > 0; step *= dim[i]) dense[i] = step;
    xai_nest_pair(nest, rank, dim, (xai_nest_side){dense, 0}, (xai_nest_side){stride, offset});
}

/* ---------------------------------------------------------------- running */

typedef struct run {
    const xai_nest *nest;
    xai_nest_row row;
    void *context;
    int outer[XAI_NEST_RANK], inner[XAI_NEST_RANK]; /* axes before the last: owned by pieces, walked within one */
    int outer_count, inner_count;
    int64_t rows, chunks, chunk; /* of the outer axes; pieces of a row, and their length */
    int64_t group;               /* rows x chunks in one piece of work */
} run;

static void step(const xai_nest *nest, int64_t *at, int axis, int64_t count)
{
    for (int k = 0; k < nest->operands; k++) at[k] += count * nest->stride[k][axis];
}

/* The next point of the inner axes; false after the last. */
static bool advance(const run *r, int64_t *at, int64_t *index)
{
    for (int i = r->inner_count; i-- > 0;) {
        step(r->nest, at, r->inner[i], 1);
        if (++index[i] < r->nest->dim[r->inner[i]]) return true;
        step(r->nest, at, r->inner[i], -index[i]);
        index[i] = 0;
    }
    return false;
}

static void run_chunk(const run *r, int64_t row, int64_t from)
{
    const xai_nest *nest = r->nest;
    int64_t at[XAI_NEST_OPERANDS], index[XAI_NEST_RANK] = {0};
    int64_t left = nest->dim[nest->rank - 1] - from, n = left < r->chunk ? left : r->chunk;
    memcpy(at, nest->offset, sizeof at);
    step(nest, at, nest->rank - 1, from);
    for (int i = r->outer_count; i-- > 0; row /= nest->dim[r->outer[i]])
        step(nest, at, r->outer[i], row % nest->dim[r->outer[i]]);
    do r->row(r->context, at, n);
    while (advance(r, at, index));
}

static void run_piece(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    int64_t first = (int64_t)index * r->group, total = r->rows * r->chunks;
    for (int64_t i = first; i < first + r->group && i < total; i++)
        run_chunk(r, i / r->chunks, i % r->chunks * r->chunk);
}

/* Says which axes the pieces divide, and how much one piece of work is. */
static void divide(run *r, int owner)
{
    const xai_nest *nest = r->nest;
    int last = nest->rank - 1;
    int64_t width = nest->dim[last], repeats = 1;
    r->rows = 1;
    for (int i = 0; i < last; i++) {
        bool owned = nest->stride[owner][i] != 0;
        if (owned) r->outer[r->outer_count++] = i;
        else r->inner[r->inner_count++] = i;
        *(owned ? &r->rows : &repeats) *= nest->dim[i];
    }
    r->chunk = nest->stride[owner][last] != 0 && width > PIECE ? PIECE : width;
    r->chunks = (width + r->chunk - 1) / r->chunk;
    int64_t cost = r->chunk > PIECE / repeats ? PIECE : r->chunk * repeats;
    r->group = PIECE / cost;
}

void xai_nest_run(const xai_nest *nest, const xai_par *par, int owner, xai_nest_row row, void *context)
{
    for (int i = 0; i < nest->rank; i++)
        if (nest->dim[i] == 0) return;
    run r = {.nest = nest, .row = row, .context = context};
    divide(&r, owner);
    int64_t total = r.rows * r.chunks;
    xai_par_for(par, (size_t)((total + r.group - 1) / r.group), run_piece, &r);
}

/* ---------------------------------------------------------------- copies */

typedef struct copy {
    const unsigned char *in;
    unsigned char *out;
    int64_t size;
    int64_t step_in, step_out; /* bytes */
} copy;

static void copy_row(void *context, const int64_t *at, int64_t n)
{
    const copy *c = context;
    unsigned char *out = c->out + at[0] * c->size;
    const unsigned char *in = c->in + at[1] * c->size;
    if (c->step_in == c->size && c->step_out == c->size) memcpy(out, in, (size_t)(n * c->size));
    else if (c->size == sizeof(float)) /* a size that the compiler knows */
        for (int64_t i = 0; i < n; i++) memcpy(out + i * c->step_out, in + i * c->step_in, sizeof(float));
    else
        for (int64_t i = 0; i < n; i++) memcpy(out + i * c->step_out, in + i * c->step_in, (size_t)c->size);
}

void xai_nest_copy(const xai_nest *nest, const xai_par *par, const void *in, void *out, size_t size)
{
    int64_t bytes = (int64_t)size;
    copy c = {in, out, bytes, xai_nest_step(nest, 1) * bytes, xai_nest_step(nest, 0) * bytes};
    xai_nest_run(nest, par, 0, copy_row, &c);
}

typedef struct add_back {
    const float *gy;
    float *gx;
    int64_t step_x, step_y;
} add_back;

static void add_back_row(void *context, const int64_t *at, int64_t n)
{
    const add_back *a = context;
    const float *gy = a->gy + at[0];
    float *gx = a->gx + at[1];
    double sum = 0;
    if (a->step_x != 0) {
        for (int64_t i = 0; i < n; i++) gx[i * a->step_x] += gy[i * a->step_y];
        return;
    }
    for (int64_t i = 0; i < n; i++) sum += (double)gy[i * a->step_y];
    *gx += (float)sum;
}

void xai_nest_add_back(const xai_nest *nest, const xai_par *par, const float *gy, float *gx)
{
    add_back a = {gy, gx, xai_nest_step(nest, 1), xai_nest_step(nest, 0)};
    xai_nest_run(nest, par, 1, add_back_row, &a);
}

void xai_nest_forward(const xai_node *node, const xai_exec *exec)
{
    xai_nest_copy(node->state, exec->par, xai_in_data(exec, node, 0), xai_out_data(exec, node, 0),
                  xai_dtype_size(node->in[0]->dtype));
}

void xai_nest_backward(const xai_node *node, const xai_exec *exec)
{
    const float *gy = xai_grad_out(exec, node, 0);
    float *gx = xai_grad_in(exec, node, 0);
    if (gx && gy) xai_nest_add_back(node->state, exec->par, gy, gx);
}
