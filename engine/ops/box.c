/* Boxes: arithmetic on intervals, and walks over rows. Pure. */
#include "box.h"

#include <string.h>

xai_box xai_box_whole(const xai_shape *shape)
{
    xai_box box = {0};
    memcpy(box.end, shape->dim, (size_t)shape->rank * sizeof *shape->dim);
    return box;
}

int64_t xai_box_count(const xai_box *box, int rank)
{
    int64_t count = 1;
    for (int i = 0; i < rank; i++) {
        if (box->end[i] <= box->low[i]) return 0;
        count *= box->end[i] - box->low[i];
    }
    return count;
}

void xai_box_join(xai_box *box, const xai_box *other, int rank)
{
    if (!xai_box_count(other, rank)) return;
    if (!xai_box_count(box, rank)) *box = *other;
    for (int i = 0; i < rank; i++) {
        if (other->low[i] < box->low[i]) box->low[i] = other->low[i];
        if (other->end[i] > box->end[i]) box->end[i] = other->end[i];
    }
}

void xai_box_clip(xai_box *box, const xai_shape *shape)
{
    for (int i = 0; i < shape->rank; i++) {
        if (box->low[i] < 0) box->low[i] = 0;
        if (box->end[i] > shape->dim[i]) box->end[i] = shape->dim[i];
    }
}

static void turn(const int64_t *in, int64_t *out)
{
    out[0] = in[0];
    out[1] = in[2];
    out[2] = in[3];
    out[3] = in[1];
}

xai_box xai_box_turned(const xai_box *box)
{
    xai_box b = {0};
    turn(box->low, b.low);
    turn(box->end, b.end);
    return b;
}

xai_shape xai_shape_turned(const xai_shape *shape)
{
    xai_shape s = {.rank = 4};
    turn(shape->dim, s.dim);
    return s;
}

/* The next row; false after the last. */
static bool advance(const xai_box *box, int axes, int64_t *index)
{
    for (int i = axes; i-- > 0; index[i] = box->low[i])
        if (++index[i] < box->end[i]) return true;
    return false;
}

void xai_box_rows(const xai_box *box, const xai_shape *shape, xai_box_row row, void *context)
{
    int axes = shape->rank > 0 ? shape->rank - 1 : 0;
    int64_t index[XAI_MAX_RANK] = {0}, n = shape->rank > 0 ? box->end[axes] - box->low[axes] : 1;
    if (!xai_box_count(box, shape->rank)) return;
    memcpy(index, box->low, sizeof index);
    do {
        int64_t at = 0;
        for (int i = 0; i < shape->rank; i++) at = at * shape->dim[i] + index[i];
        row(context, index, at, n);
    } while (advance(box, axes, index));
}

typedef struct copy {
    const unsigned char *from;
    unsigned char *to;
    size_t size;
} copy;

static void copy_row(void *context, const int64_t *index, int64_t at, int64_t n)
{
    (void)index;
    const copy *c = context;
    size_t offset = (size_t)at * c->size;
    memcpy(c->to + offset, c->from + offset, (size_t)n * c->size);
}

/* Axes at the end that are whole become one row with the axis before them. */
static void merge_whole_axes(xai_box *box, xai_shape *shape)
{
    while (shape->rank > 1 && box->low[shape->rank - 1] == 0 && box->end[shape->rank - 1] == shape->dim[shape->rank - 1]) {
        int last = --shape->rank;
        int64_t n = shape->dim[last];
        box->low[last - 1] *= n;
        box->end[last - 1] *= n;
        shape->dim[last - 1] *= n;
    }
}

void xai_box_copy(const xai_box *box, const xai_shape *shape, const void *from, void *to, size_t size)
{
    copy c = {from, to, size};
    xai_box b = *box;
    xai_shape s = *shape;
    merge_whole_axes(&b, &s);
    xai_box_rows(&b, &s, copy_row, &c);
}
