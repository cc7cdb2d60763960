/* Strided copies: an odometer over the outer dimensions, a plain loop over the innermost. Pure. */
#include "strided.h"

#include <string.h>

void xai_dense_strides(const xai_shape *shape, int64_t stride[XAI_MAX_RANK])
{
    int64_t step = 1;
    for (int i = shape->rank; i-- > 0; step *= shape->dim[i]) stride[i] = step;
}

typedef void (*row_fn)(void *context, int64_t dense, int64_t strided, int64_t count, int64_t stride);

static void walk_rows(const xai_strided *w, row_fn row, void *context)
{
    int outer = w->shape.rank > 0 ? w->shape.rank - 1 : 0;
    int64_t index[XAI_MAX_RANK] = {0}, at = w->offset, count = w->shape.rank ? w->shape.dim[outer] : 1;
    int64_t rows = xai_shape_span(&w->shape, 0, outer);
    for (int64_t r = 0; r < rows; r++) {
        row(context, r * count, at, count, w->shape.rank ? w->stride[outer] : 0);
        for (int d = outer; d-- > 0;) {
            at += w->stride[d];
            if (++index[d] < w->shape.dim[d]) break;
            at -= index[d] * w->stride[d];
            index[d] = 0;
        }
    }
}

typedef struct copy {
    const unsigned char *from;
    unsigned char *to;
    size_t size;
} copy;

static void read_row(void *context, int64_t dense, int64_t strided, int64_t count, int64_t stride)
{
    const copy *c = context;
    unsigned char *to = c->to + (size_t)dense * c->size;
    if (stride == 1) {
        memcpy(to, c->from + strided * (int64_t)c->size, (size_t)count * c->size);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        memcpy(to + (size_t)i * c->size, c->from + (strided + i * stride) * (int64_t)c->size, c->size);
}

void xai_strided_read(const xai_strided *walk, const void *strided, void *dense, size_t size)
{
    copy c = {strided, dense, size};
    walk_rows(walk, read_row, &c);
}

typedef struct sum {
    const float *from;
    float *to;
} sum;

static void add_row(void *context, int64_t dense, int64_t strided, int64_t count, int64_t stride)
{
    const sum *s = context;
    for (int64_t i = 0; i < count; i++) s->to[strided + i * stride] += s->from[dense + i];
}

void xai_strided_add(const xai_strided *walk, const float *dense, float *strided)
{
    sum s = {dense, strided};
    walk_rows(walk, add_row, &s);
}
