/*
 * Chains of convolutions (conv_chain.h). A piece of work is a share of one image's rows, taken strip by strip: the
 * dense convolution makes the rows that the strip's windows see and that the strip before has not left, the depthwise
 * one a strip of rows, the pointwise one the same rows of the chain's output. Pieces and strips change no byte, since
 * none of an output's sum depends on which rows are made with it.
 */
#include "conv_chain.h"

#include "conv_plan.h"
#include "kernels/kernels.h"

#include <string.h>

enum {
    FAR_FLOATS = 1 << 18,  /* of an image between two convolutions: from here on it does not stay in the cache */
    STRIP_FLOATS = 1 << 17 /* of the rows between them at a time */
};

static const xai_conv *conv_of(const xai_node *node) { return node->state; }
static const xai_conv_plan *plan_of(const xai_node *node) { return conv_of(node)->plan; }

static bool is_packed_last(const xai_node *node)
{
    return strcmp(node->op->type, "Conv") == 0 && !conv_of(node)->open && plan_of(node)->pixels &&
           !xai_conv_takes_winograd(conv_of(node));
}

static bool is_pointwise(const xai_conv *conv)
{
    const xai_window *w = &conv->window;
    const xai_conv_plan *plan = conv->plan;
    return !plan->depthwise && w->kernel[0] * w->kernel[1] == 1 && w->stride[0] == 1 && w->stride[1] == 1 &&
           plan->in.h == plan->out.h && plan->in.w == plan->out.w && w->pads[0] == 0 && w->pads[1] == 0;
}

bool xai_conv_chains(const xai_node *a, const xai_node *b)
{
    if (!is_packed_last(a) || !is_packed_last(b)) return false;
    const xai_plane *between = &plan_of(a)->out;
    if (between->c * between->h * between->w <= FAR_FLOATS) return false;
    return plan_of(b)->depthwise ? !plan_of(a)->depthwise : plan_of(a)->depthwise && is_pointwise(conv_of(b));
}

typedef struct rows {
    int64_t low, end;
} rows;

/* Rows of a tensor, from row `top` of an image on. */
typedef struct place {
    float *data;
    int64_t top;
} place;

typedef struct chain {
    const xai_node *dense, *depthwise, *pointwise; /* the first or the last may be NULL */
    const xai_exec *exec;
    int64_t shares, share, strip; /* pieces of an image; rows of one, and of a strip */
    size_t buffers;               /* floats */
} chain;

static size_t row_floats(const xai_plane *p) { return (size_t)(p->w * p->c); }

/* Rows of the depthwise convolution's source that the windows of `out` see. */
static rows source_rows(const chain *c, rows out)
{
    const xai_window *w = &conv_of(c->depthwise)->window;
    int64_t high = plan_of(c->depthwise)->in.h, low = out.low * w->stride[0] - w->pads[0];
    int64_t end = (out.end - 1) * w->stride[0] - w->pads[0] + (w->kernel[0] - 1) * w->dilation[0] + 1;
    low = low < 0 ? 0 : low;
    end = end > high ? high : end;
    return (rows){low < end ? low : end, end};
}

/* Floats of the buffers for strips of `count` rows: first what the dense convolution makes, then the depthwise one. */
static size_t dense_floats(const chain *c, int64_t count)
{
    const xai_window *w = &conv_of(c->depthwise)->window;
    const xai_plane *in = &plan_of(c->depthwise)->in;
    int64_t seen = (count - 1) * w->stride[0] + (w->kernel[0] - 1) * w->dilation[0] + 1;
    return c->dense ? (size_t)(seen < in->h ? seen : in->h) * row_floats(in) : 0;
}

static size_t buffer_floats(const chain *c, int64_t count)
{
    size_t depthwise = c->pointwise ? (size_t)count * row_floats(&plan_of(c->depthwise)->out) : 0;
    return dense_floats(c, count) + depthwise;
}

static chain chain_of(xai_node *const *nodes, int count)
{
    chain c = {.depthwise = nodes[0]};
    if (!plan_of(nodes[0])->depthwise) c.dense = nodes[0], c.depthwise = nodes[1];
    if (c.depthwise != nodes[count - 1]) c.pointwise = nodes[count - 1];
    c.strip = plan_of(c.depthwise)->out.h;
    while (c.strip > 1 && buffer_floats(&c, c.strip) > STRIP_FLOATS) c.strip--;
    c.buffers = (buffer_floats(&c, c.strip) + 15) / 16 * 16;
    return c;
}

size_t xai_conv_chain_scratch(xai_node *const *nodes, int count)
{
    size_t most = 0;
    for (int i = 0; i < count; i++) most = nodes[i]->scratch > most ? nodes[i]->scratch : most;
    return chain_of(nodes, count).buffers * sizeof(float) + most;
}

/* Some rows of one image. */
static void run_rows(const xai_node *node, const xai_exec *exec, size_t image, rows out, place from, place to)
{
    const xai_conv_plan *plan = plan_of(node);
    const int low[2] = {(int)out.low, 0}, end[2] = {(int)out.end, (int)plan->out.w};
    xai_conv_part part = plan->forward;
    part.lattice = xai_lattice_cut(&part.lattice, low, end);
    xai_conv_run r = {.conv = node->state, .parts = &part, .part_count = 1, .exec = exec, .from = plan->in,
                      .to = plan->out, .source = from.data, .source_top = from.top, .target = to.data,
                      .target_top = to.top};
    r.from.n = r.to.n = 1;
    if (xai_has_input(node, XAI_CONV_RESIDUAL))
        r.residual = xai_in_f32(exec, node, XAI_CONV_RESIDUAL) + image * (size_t)plan->out.h * row_floats(&plan->out);
    if (plan->depthwise) xai_conv_pixels_depthwise_run(&r);
    else xai_conv_pixels_run(&r);
}

static place whole(float *data, size_t image, const xai_plane *plane)
{
    return (place){data + image * (size_t)plane->h * row_floats(plane), 0};
}

/* The rows `wanted` of the dense convolution's output, of which the buffer has the rows `held`. */
static void make_dense(const chain *c, const xai_exec *exec, size_t image, rows held, rows wanted, float *buffer)
{
    const xai_plane *in = &plan_of(c->dense)->in;
    size_t row = row_floats(&plan_of(c->dense)->out);
    rows missing = {held.end > wanted.low ? held.end : wanted.low, wanted.end};
    if (missing.low > wanted.low)
        memmove(buffer, buffer + (size_t)(wanted.low - held.low) * row,
                (size_t)(missing.low - wanted.low) * row * sizeof *buffer);
    if (missing.low < missing.end)
        run_rows(c->dense, exec, image, missing, whole(xai_in_data(exec, c->dense, 0), image, in),
                 (place){buffer, wanted.low});
}

static void run_strip(const chain *c, const xai_exec *exec, size_t image, rows out, place from, float *buffer)
{
    const xai_node *last = c->pointwise ? c->pointwise : c->depthwise;
    place to = whole(xai_out_f32(exec, last, 0), image, &plan_of(last)->out), between = {buffer, out.low};
    run_rows(c->depthwise, exec, image, out, from, c->pointwise ? between : to);
    if (c->pointwise) run_rows(c->pointwise, exec, image, out, between, to);
}

static void run_piece(void *context, size_t index, int thread)
{
    const chain *c = context;
    float *buffer = xai_scratch(c->exec, thread);
    xai_par alone = {NULL};
    xai_exec exec = *c->exec;
    exec.par = &alone;
    exec.scratch = (unsigned char *)(buffer + c->buffers);
    size_t image = index / (size_t)c->shares;
    int64_t high = plan_of(c->depthwise)->out.h, row = (int64_t)(index % (size_t)c->shares) * c->share;
    int64_t end = row + c->share < high ? row + c->share : high;
    rows held = {0, 0};
    for (; row < end; row += c->strip) {
        rows out = {row, row + c->strip < end ? row + c->strip : end};
        place from = {buffer, 0};
        if (c->dense) {
            rows wanted = source_rows(c, out);
            make_dense(c, &exec, image, held, wanted, buffer);
            held = wanted;
            from.top = wanted.low;
        } else from = whole(xai_in_data(&exec, c->depthwise, 0), image, &plan_of(c->depthwise)->in);
        run_strip(c, &exec, image, out, from, buffer + dense_floats(c, c->strip));
    }
}

static int64_t common_divisor(int64_t a, int64_t b) { return b == 0 ? a : common_divisor(b, a % b); }

void xai_conv_chain_run(xai_node *const *nodes, int count, const xai_exec *exec)
{
    chain c = chain_of(nodes, count);
    int64_t images = plan_of(c.depthwise)->out.n, high = plan_of(c.depthwise)->out.h;
    int64_t threads = xai_par_threads(exec->par);
    c.exec = exec;
    c.shares = threads / common_divisor(images, threads); /* as many pieces for every thread */
    if (c.shares > high) c.shares = high;
    c.share = (high + c.shares - 1) / c.shares;
    c.shares = (high + c.share - 1) / c.share;
    xai_par_for(exec->par, (size_t)(images * c.shares), run_piece, &c);
}
