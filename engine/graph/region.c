/*
 * Changed regions (region.h): boxes by value id, one walk over the nodes. The walk that counts work and the one that
 * computes are the same, so that the choice and what is chosen cannot disagree.
 *
 * The boxes belong to the session, so the rule of one thread at a time holds; nothing is allocated while it runs.
 */
#include "region.h"

#include "session_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MOST_OF_IT 0.8 /* of an output: beyond it, computing the whole is as fast */

/* Follows a change of `from`: boxes[id] is what has changed of each value of the part; empty: nothing. */
typedef struct follow {
    const xai_part *part;
    xai_box *boxes;
} follow;

static bool is_changed(const follow *f, const xai_value *v)
{
    return xai_value_runs(v) && xai_box_count(&f->boxes[v->id], v->shape.rank) > 0;
}

/* What of out[0] a change of in[i] reaches. */
static xai_box reached(const follow *f, const xai_node *n, int i)
{
    const xai_value *in = n->in[i], *out = n->out[0];
    xai_box box = xai_box_whole(&out->shape);
    if (n->op->view && xai_shape_equal(&in->shape, &out->shape)) return f->boxes[in->id];
    if (n->op->reach && n->out_count == 1) n->op->reach(n, i, &f->boxes[in->id], &box);
    return box;
}

/* Sets the boxes of the node's outputs; returns the share of the node's work, 0 where nothing changes. */
static double enter(follow *f, const xai_node *n)
{
    xai_box box = {0};
    const xai_shape *shape = &n->out[0]->shape;
    for (int i = 0; i < n->in_count; i++) {
        if (!is_changed(f, n->in[i])) continue;
        xai_box more = reached(f, n, i);
        xai_box_join(&box, &more, shape->rank);
    }
    int64_t count = xai_box_count(&box, shape->rank), all = xai_shape_count(shape);
    if (count == 0) return 0;
    if (n->op->view) count = 0; /* costs nothing, and its box may stay small */
    else if ((double)count >= MOST_OF_IT * (double)all) {
        box = xai_box_whole(shape);
        count = all;
    }
    f->boxes[n->out[0]->id] = box;
    for (int k = 1; k < n->out_count; k++)
        if (n->out[k]) f->boxes[n->out[k]->id] = xai_box_whole(&n->out[k]->shape);
    return (double)count / (double)all;
}

static void begin(follow *f, const xai_program *p, const xai_value *from, const xai_box *box)
{
    memset(f->boxes, 0, (size_t)p->value_count * sizeof *f->boxes);
    f->boxes[from->id] = *box;
}

/* ---------------------------------------------------------------- counting */

static double work_of(const xai_node *n)
{
    double elements = 0;
    for (int k = 0; k < n->out_count; k++)
        if (n->out[k]) elements += (double)xai_value_count(n->out[k]);
    return n->op->view ? 0 : n->macs + elements;
}

xai_status xai_region_share(xai_program *program, const xai_part *part, const xai_value *from, const xai_box *box,
                            double *share, xai_error *err)
{
    xai_part whole = xai_part_whole(program);
    follow f = {part ? part : &whole, calloc((size_t)program->value_count, sizeof *f.boxes)};
    double work = 0, all = 0;
    if (!f.boxes) XAI_NO_MEMORY(err);
    begin(&f, program, from, box);
    for (int i = 0; i < f.part->node_count; i++) {
        work += enter(&f, f.part->nodes[i]) * work_of(f.part->nodes[i]);
        all += work_of(f.part->nodes[i]);
    }
    *share = all > 0 ? work / all : 1;
    free(f.boxes);
    return XAI_OK;
}

/* ---------------------------------------------------------------- running */

/* Puts the value back as the base has it where the last change touched it, unless the new one covers that. */
static void restore(xai_session *s, const xai_value *v)
{
    xai_box *old = &s->stale[v->id], both = s->changed[v->id];
    int rank = v->shape.rank;
    if (!xai_box_count(old, rank)) return;
    xai_box_join(&both, old, rank);
    if (xai_box_count(&both, rank) > xai_box_count(&s->changed[v->id], rank)) {
        xai_shape shape = v->channels_last ? xai_shape_turned(&v->shape) : v->shape;
        xai_box lies = v->channels_last ? xai_box_turned(old) : *old;
        xai_box_copy(&lies, &shape, s->base->data[v->id], s->data[v->id], xai_dtype_size(v->dtype));
    }
    *old = (xai_box){0};
}

static void run_node(xai_session *s, const xai_node *n, const xai_exec *exec)
{
    follow f = {&s->part, s->changed};
    bool reached_it = enter(&f, n) > 0;
    if (n->op->view) return;
    for (int k = 0; k < n->out_count; k++) {
        if (!n->out[k]) continue;
        restore(s, n->out[k]);
        s->stale[n->out[k]->id] = s->changed[n->out[k]->id];
    }
    if (!reached_it) return;
    const xai_box *box = &s->changed[n->out[0]->id];
    bool whole = xai_box_count(box, n->out[0]->shape.rank) == xai_value_count(n->out[0]);
    if (whole || !n->op->forward_box || n->out_count > 1) xai_session_run_node(s, n, exec);
    else n->op->forward_box(n, exec, box);
}

void xai_session_forward_changed(xai_session *s, const xai_value *from, const xai_box *box, const xai_par *par)
{
    assert(s->changed && s->data[from->id]);
    follow f = {&s->part, s->changed};
    xai_exec exec = xai_session_exec(s, XAI_POLICY_PLAIN, par);
    begin(&f, s->program, from, box);
    xai_box_join(&s->stale[from->id], box, from->shape.rank);
    for (int i = 0; i < s->part.node_count; i++) run_node(s, s->part.nodes[i], &exec);
}

void xai_session_restore(xai_session *s)
{
    assert(s->changed);
    memset(s->changed, 0, (size_t)s->program->value_count * sizeof *s->changed);
    for (int i = 0; i < s->part.input_count; i++) restore(s, s->part.inputs[i]);
}
