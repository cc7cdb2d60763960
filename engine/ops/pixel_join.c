/* Joining of pixels (pixel_join.h). A piece of work is some pixels; every element is one multiply-add and a clamp. */
#include "pixel_join.h"

#include "batch_normalization.h"
#include "clip.h"
#include "kernels/kernels.h"

#include <string.h>

enum { PIECE_FLOATS = 1 << 14 };

typedef struct run {
    const xai_pixel_join *join;
    const xai_exec *exec;
    const xai_kernels *kernels;
    size_t pixels, piece, channels;
} run;

static size_t channels_of(const xai_value *v) { return (size_t)v->shape.dim[1]; }

static void run_piece(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    const xai_pixel_join *j = r->join;
    size_t first = index * r->piece, count = r->pixels - first < r->piece ? r->pixels - first : r->piece, at = 0;
    for (int i = 0; i < j->inputs; at += channels_of(j->node->in[i++])) {
        size_t c = channels_of(j->node->in[i]);
        r->kernels->pixel_lines(&(xai_pixel_lines){
            .count = count,
            .channels = c,
            .in = xai_in_f32(r->exec, j->node, i) + first * c,
            .scale = j->scale ? j->scale + at : NULL,
            .shift = j->scale ? j->shift + at : NULL,
            .clamp = j->clamp,
            .out = j->out + first * r->channels + at,
            .out_step = r->channels,
        });
    }
}

void xai_pixel_join_run(const xai_pixel_join *join, const xai_exec *exec)
{
    const int64_t *dim = join->node->in[0]->shape.dim;
    run r = {.join = join, .exec = exec, .kernels = xai_kernels_get(), .pixels = (size_t)(dim[0] * dim[2] * dim[3])};
    for (int i = 0; i < join->inputs; i++) r.channels += channels_of(join->node->in[i]);
    r.piece = r.channels < PIECE_FLOATS ? PIECE_FLOATS / r.channels : 1;
    xai_par_for(exec->par, (r.pixels + r.piece - 1) / r.piece, run_piece, &r);
}

/* ---- several nodes as one */

static bool is_concat(const xai_node *n) { return strcmp(n->op->type, "Concat") == 0 && n->channels_last; }

static bool is_normalization(const xai_node *n)
{
    return strcmp(n->op->type, "BatchNormalization") == 0 && n->channels_last;
}

bool xai_pixel_join_chains(const xai_node *a, const xai_node *b)
{
    xai_clamp clamp;
    if (is_concat(a)) return is_normalization(b);
    return is_normalization(a) && b->channels_last && xai_node_clamp(b, &clamp);
}

void xai_pixel_join_chain_run(xai_node *const *nodes, int count, const xai_exec *exec)
{
    const xai_node *first = nodes[0], *last = nodes[count - 1];
    const xai_batch_normalization *bn = nodes[is_concat(first)]->state;
    xai_pixel_join join = {.node = first, .inputs = is_concat(first) ? first->in_count : 1, .scale = bn->scale,
                           .shift = bn->shift, .clamp = xai_clamp_none(), .out = xai_out_f32(exec, last, 0)};
    xai_node_clamp(last, &join.clamp);
    xai_pixel_join_run(&join, exec);
}
