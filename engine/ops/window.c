/* Reading of window attributes (window.h). All numbers come from files: each is bounded before it is used. */
#include "window.h"

#include <string.h>

enum { WINDOW_LIMIT = 1 << 20 };

xai_status xai_plane_of(const xai_node *node, const xai_shape *shape, xai_plane *out, xai_error *err)
{
    char text[128];
    XAI_NODE_CHECK(shape->rank == 3 || shape->rank == 4, node, UNSUPPORTED_OP, err,
                   "the input has the shape %s; only N x C x W and N x C x H x W are served",
                   xai_shape_text(shape, text, sizeof text));
    bool flat = shape->rank == 3;
    *out = (xai_plane){shape->dim[0], shape->dim[1], flat ? 1 : shape->dim[2], shape->dim[flat ? 2 : 3]};
    return XAI_OK;
}

/* Reads `values` (height, width) from a list attribute with one number an axis; `fallback` where it is absent. */
static xai_status read_pair(const xai_node *node, const char *name, int spatial, int64_t fallback, int64_t values[2],
                            xai_error *err)
{
    size_t count;
    const int64_t *list = xai_attr_ints(node, name, &count);
    values[0] = 1;
    values[1] = fallback;
    if (!list) {
        if (spatial == 2) values[0] = fallback;
        return XAI_OK;
    }
    XAI_NODE_CHECK(count == (size_t)spatial, node, BAD_MODEL, err, "%s has %zu numbers, expected %d", name, count,
                   spatial);
    for (size_t i = 0; i < count; i++) {
        XAI_NODE_CHECK(list[i] >= 1 && list[i] <= WINDOW_LIMIT, node, BAD_MODEL, err, "%s holds %lld", name,
                       (long long)list[i]);
        values[2 - count + i] = list[i];
    }
    return XAI_OK;
}

static xai_status read_pads(const xai_node *node, int spatial, int64_t pads[4], xai_error *err)
{
    size_t count;
    const int64_t *list = xai_attr_ints(node, "pads", &count);
    memset(pads, 0, 4 * sizeof *pads);
    if (!list) return XAI_OK;
    XAI_NODE_CHECK(count == 2 * (size_t)spatial, node, BAD_MODEL, err, "pads has %zu numbers, expected %d", count,
                   2 * spatial);
    for (size_t i = 0; i < count; i++)
        XAI_NODE_CHECK(list[i] >= 0 && list[i] <= WINDOW_LIMIT, node, UNSUPPORTED_OP, err, "pads holds %lld",
                       (long long)list[i]);
    for (int i = 0; i < spatial; i++) {
        pads[2 - spatial + i] = list[i];
        pads[4 - spatial + i] = list[spatial + i];
    }
    return XAI_OK;
}

static int64_t reach(const xai_window *w, int axis) { return w->dilation[axis] * (w->kernel[axis] - 1) + 1; }

/* Pads so that there are ceil(size / stride) windows; an odd one goes to the end (upper) or the beginning. */
static void pad_same(xai_window *w, int axis, int64_t size, bool upper)
{
    int64_t windows = (size + w->stride[axis] - 1) / w->stride[axis];
    int64_t total = (windows - 1) * w->stride[axis] + reach(w, axis) - size;
    if (total < 0) total = 0;
    w->pads[axis] = upper ? total / 2 : total - total / 2;
    w->pads[2 + axis] = total - w->pads[axis];
}

static xai_status resolve_auto_pad(const xai_node *node, const int64_t size[2], xai_window *w, xai_error *err)
{
    const char *mode = xai_attr_text(node, "auto_pad", "NOTSET");
    if (strcmp(mode, "NOTSET") == 0) return XAI_OK;
    memset(w->pads, 0, sizeof w->pads);
    if (strcmp(mode, "VALID") == 0) return XAI_OK;
    bool upper = strcmp(mode, "SAME_UPPER") == 0;
    XAI_NODE_CHECK(upper || strcmp(mode, "SAME_LOWER") == 0, node, BAD_MODEL, err, "auto_pad is \"%s\"", mode);
    for (int axis = 0; axis < 2; axis++) pad_same(w, axis, size[axis], upper);
    return XAI_OK;
}

static int64_t count_windows(const xai_window *w, int axis, int64_t size, bool ceil_mode)
{
    int64_t room = size + w->pads[axis] + w->pads[2 + axis] - reach(w, axis);
    if (room < 0) return 0;
    int64_t count = (room + (ceil_mode ? w->stride[axis] - 1 : 0)) / w->stride[axis] + 1;
    if (ceil_mode && (count - 1) * w->stride[axis] >= size + w->pads[axis]) count--;
    return count;
}

static xai_status read_kernel(const xai_node *node, int spatial, const int64_t *kernel, xai_window *w, xai_error *err)
{
    XAI_NODE_CHECK(kernel || xai_attr_find(node, "kernel_shape"), node, BAD_MODEL, err, "kernel_shape is missing");
    XAI_TRY(read_pair(node, "kernel_shape", spatial, 1, w->kernel, err));
    if (!kernel) return XAI_OK;
    for (int axis = 0; axis < 2; axis++) {
        XAI_NODE_CHECK(kernel[axis] >= 1 && kernel[axis] <= WINDOW_LIMIT, node, BAD_MODEL, err,
                       "the kernel has the extent %lld", (long long)kernel[axis]);
        XAI_NODE_CHECK(!xai_attr_find(node, "kernel_shape") || w->kernel[axis] == kernel[axis], node, BAD_MODEL, err,
                       "kernel_shape does not agree with the weight");
        w->kernel[axis] = kernel[axis];
    }
    return XAI_OK;
}

xai_status xai_window_read(xai_node *node, const int64_t *kernel, bool ceil_mode, xai_window *window,
                           int64_t out[2], xai_error *err)
{
    xai_plane in = {0};
    XAI_TRY(xai_plane_of(node, &node->in[0]->shape, &in, err));
    int spatial = node->in[0]->shape.rank - 2;
    const int64_t size[2] = {in.h, in.w};
    XAI_TRY(read_kernel(node, spatial, kernel, window, err));
    XAI_TRY(read_pair(node, "strides", spatial, 1, window->stride, err));
    XAI_TRY(read_pair(node, "dilations", spatial, 1, window->dilation, err));
    XAI_TRY(read_pads(node, spatial, window->pads, err));
    XAI_TRY(resolve_auto_pad(node, size, window, err));
    for (int axis = 0; axis < 2; axis++) {
        out[axis] = count_windows(window, axis, size[axis], ceil_mode);
        XAI_NODE_CHECK(out[axis] >= 1, node, BAD_MODEL, err,
                       "the window (%lld) is larger than the padded input (%lld)", (long long)reach(window, axis),
                       (long long)size[axis]);
    }
    double planes = (double)in.n * (double)in.c, windows = (double)out[0] * (double)out[1];
    node->macs = planes * windows * (double)window->kernel[0] * (double)window->kernel[1];
    return XAI_OK;
}

/* Window o sees `o * stride - pad` and, dilated, up to reach - 1 more. */
void xai_window_reach(const xai_window *w, const xai_shape *out_shape, const xai_box *in, xai_box *out)
{
    for (int i = 2; i < out_shape->rank; i++) {
        int axis = i + 2 - out_shape->rank;
        int64_t stride = w->stride[axis], first = in->low[i] + w->pads[axis] - reach(w, axis) + 1;
        out->low[i] = first <= 0 ? 0 : (first + stride - 1) / stride;
        out->end[i] = (in->end[i] - 1 + w->pads[axis]) / stride + 1;
    }
    xai_box_clip(out, out_shape);
}

/* One number an axis, at least 0: as (height, width), 0 where the list is absent, which *given says. */
static xai_status read_sizes(const xai_node *node, const char *name, int spatial, int64_t values[2], bool *given,
                             xai_error *err)
{
    size_t count;
    const int64_t *list = xai_attr_ints(node, name, &count);
    values[0] = values[1] = 0;
    *given = list != NULL;
    if (!list) return XAI_OK;
    XAI_NODE_CHECK(count == (size_t)spatial, node, BAD_MODEL, err, "%s has %zu numbers, expected %d", name, count,
                   spatial);
    for (size_t i = 0; i < count; i++) {
        XAI_NODE_CHECK(list[i] >= 0 && list[i] <= WINDOW_LIMIT, node, BAD_MODEL, err, "%s holds %lld", name,
                       (long long)list[i]);
        values[2 - count + i] = list[i];
    }
    if (spatial == 1) values[0] = 1; /* the height of what has none */
    return XAI_OK;
}

/* Pixels that the windows of one axis cover. */
static int64_t covered(const xai_window *w, int axis, int64_t windows, int64_t padding)
{
    return (windows - 1) * w->stride[axis] + reach(w, axis) + padding;
}

/* Pads that leave `want` of the covered pixels; an odd one goes to the end (upper) or the beginning. */
static void pad_to(xai_window *w, int axis, int64_t cover, int64_t want, bool upper)
{
    int64_t total = cover > want ? cover - want : 0;
    w->pads[axis] = upper ? total / 2 : total - total / 2;
    w->pads[2 + axis] = total - w->pads[axis];
}

xai_status xai_window_read_transposed(xai_node *node, const int64_t *kernel, xai_window *window, int64_t out[2],
                                      xai_error *err)
{
    xai_plane in = {0};
    XAI_TRY(xai_plane_of(node, &node->in[0]->shape, &in, err));
    int spatial = node->in[0]->shape.rank - 2;
    const int64_t size[2] = {in.h, in.w};
    const char *mode = xai_attr_text(node, "auto_pad", "NOTSET");
    bool upper = strcmp(mode, "SAME_UPPER") == 0, same = upper || strcmp(mode, "SAME_LOWER") == 0, valid, given;
    int64_t padding[2];
    valid = strcmp(mode, "VALID") == 0;
    XAI_NODE_CHECK(same || valid || strcmp(mode, "NOTSET") == 0, node, BAD_MODEL, err, "auto_pad is \"%s\"", mode);
    XAI_TRY(read_kernel(node, spatial, kernel, window, err));
    XAI_TRY(read_pair(node, "strides", spatial, 1, window->stride, err));
    XAI_TRY(read_pair(node, "dilations", spatial, 1, window->dilation, err));
    XAI_TRY(read_pads(node, spatial, window->pads, err));
    XAI_TRY(read_sizes(node, "output_padding", spatial, padding, &given, err));
    if (spatial == 1) padding[0] = 0;
    XAI_TRY(read_sizes(node, "output_shape", spatial, out, &given, err));
    if (valid) memset(window->pads, 0, sizeof window->pads);
    for (int axis = 0; axis < 2; axis++) {
        int64_t cover = covered(window, axis, size[axis], padding[axis]);
        if (!given && same) out[axis] = size[axis] * window->stride[axis];
        if (given || same) pad_to(window, axis, cover, out[axis], upper);
        else out[axis] = cover - window->pads[axis] - window->pads[2 + axis];
        XAI_NODE_CHECK(out[axis] >= 1 && size[axis] >= 1, node, BAD_MODEL, err, "the output has the extent %lld",
                       (long long)out[axis]);
    }
    return XAI_OK;
}

xai_shape xai_window_shape(const xai_shape *in, int64_t c, const int64_t out[2])
{
    if (in->rank == 3) return (xai_shape){3, {in->dim[0], c, out[1]}};
    return xai_shape_4d(in->dim[0], c, out[0], out[1]);
}
