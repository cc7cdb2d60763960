/*
 * Reorder: N, C, H, W to N, H, W, C and back: a transposition of each image as a matrix of channels x pixels, in
 * blocks whose lines fit the first-level cache. Pieces are runs of pixels; forward copies, backward adds.
 */
#include "reorder.h"

enum { PIXELS = 64, PICTURE_PIXELS = 512, BLOCK = 16 };

typedef struct run {
    const float *from;
    float *to;
    size_t channels, pixels, piece, pieces;          /* pixels of a piece, pieces of an image */
    size_t from_channel, from_pixel, to_channel, to_pixel; /* floats from one to the next */
    bool add;
} run;

/* Channels [c, c_end) of pixels [p, p_end). */
static void move_block(const run *r, size_t image, size_t c, size_t c_end, size_t p, size_t p_end)
{
    size_t base = image * r->channels * r->pixels;
    for (size_t k = c; k < c_end; k++) {
        const float *from = r->from + base + k * r->from_channel;
        float *to = r->to + base + k * r->to_channel;
        if (r->add)
            for (size_t i = p; i < p_end; i++) to[i * r->to_pixel] += from[i * r->from_pixel];
        else
            for (size_t i = p; i < p_end; i++) to[i * r->to_pixel] = from[i * r->from_pixel];
    }
}

/* A picture: three planes become pixels. */
static void weave(const float *restrict x, size_t plane, float *restrict to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[3 * i] = x[i];
        to[3 * i + 1] = x[i + plane];
        to[3 * i + 2] = x[i + 2 * plane];
    }
}

static void run_piece(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    size_t image = index / r->pieces, p = index % r->pieces * r->piece;
    size_t end = p + r->piece < r->pixels ? p + r->piece : r->pixels, base = image * r->channels * r->pixels;
    if (r->channels == 3 && r->from_pixel == 1 && !r->add) {
        weave(r->from + base + p, r->pixels, r->to + base + 3 * p, end - p);
        return;
    }
    for (; p < end; p += BLOCK)
        for (size_t c = 0; c < r->channels; c += BLOCK)
            move_block(r, image, c, c + BLOCK < r->channels ? c + BLOCK : r->channels, p,
                       p + BLOCK < end ? p + BLOCK : end);
}

static run begin(const xai_node *node, const float *from, float *to, bool to_last, bool add)
{
    const int64_t *dim = node->in[0]->shape.dim;
    size_t channels = (size_t)dim[1], pixels = (size_t)(dim[2] * dim[3]), piece = channels == 3 ? PICTURE_PIXELS : PIXELS;
    return (run){.from = from,
                 .to = to,
                 .channels = channels,
                 .pixels = pixels,
                 .piece = piece,
                 .pieces = (pixels + piece - 1) / piece,
                 .from_channel = to_last ? pixels : 1,
                 .from_pixel = to_last ? 1 : channels,
                 .to_channel = to_last ? 1 : pixels,
                 .to_pixel = to_last ? channels : 1,
                 .add = add};
}

static void move(const xai_node *node, const xai_exec *exec, const float *from, float *to, bool to_last, bool add)
{
    run r = begin(node, from, to, to_last, add);
    xai_par_for(exec->par, (size_t)node->in[0]->shape.dim[0] * r.pieces, run_piece, &r);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    move(node, exec, xai_in_f32(exec, node, 0), xai_out_f32(exec, node, 0), node->out[0]->channels_last, false);
}

static void reach(const xai_node *node, int i, const xai_box *in, xai_box *out)
{
    (void)node, (void)i;
    *out = *in;
}

static void forward_box(const xai_node *node, const xai_exec *exec, const xai_box *box)
{
    const int64_t *dim = node->in[0]->shape.dim;
    run r = begin(node, xai_in_f32(exec, node, 0), xai_out_f32(exec, node, 0), node->out[0]->channels_last, false);
    for (int64_t n = box->low[0]; n < box->end[0]; n++)
        for (int64_t y = box->low[2]; y < box->end[2]; y++)
            for (int64_t c = box->low[1]; c < box->end[1]; c += BLOCK)
                move_block(&r, (size_t)n, (size_t)c, (size_t)(c + BLOCK < box->end[1] ? c + BLOCK : box->end[1]),
                           (size_t)(y * dim[3] + box->low[3]), (size_t)(y * dim[3] + box->end[3]));
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    const float *gy = xai_grad_out(exec, node, 0);
    float *gx = xai_grad_in(exec, node, 0);
    if (gx && gy) move(node, exec, gy, gx, node->in[0]->channels_last, true);
}

static const xai_op_case CASES[] = {{0}};

const xai_op xai_op_reorder = {
    .type = "Reorder",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .forward = forward,
    .backward = backward,
    .reach = reach,
    .forward_box = forward_box,
    .cases = CASES,
};
