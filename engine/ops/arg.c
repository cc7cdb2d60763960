/* Positions of largest and smallest elements, vector by vector. NaN counts as nothing. */
#include "arg.h"

xai_status xai_arg_setup(xai_node *node, bool smallest, xai_error *err)
{
    const xai_shape *in = &node->in[0]->shape;
    int axis = xai_shape_axis(in, xai_attr_int(node, "axis", 0));
    bool keepdims = xai_attr_int(node, "keepdims", 1) != 0;
    XAI_NODE_CHECK(axis >= 0, node, BAD_MODEL, err, "axis is out of range");
    XAI_NODE_CHECK(in->dim[axis] > 0, node, BAD_MODEL, err, "the axis is empty");
    *(xai_arg *)node->state = (xai_arg){xai_shape_span(in, 0, axis), in->dim[axis],
                                        xai_shape_span(in, axis + 1, in->rank), smallest,
                                        xai_attr_int(node, "select_last_index", 0) != 0};
    xai_shape out = {.rank = 0};
    for (int i = 0; i < in->rank; i++)
        if (i != axis || keepdims) out.dim[out.rank++] = i == axis ? 1 : in->dim[i];
    return xai_node_output(node, 0, XAI_I64, &out, err);
}

typedef struct run {
    const xai_arg *s;
    xai_tensor in;
    int64_t *out;
} run;

static bool wins(const xai_arg *s, double challenger, double best)
{
    if (challenger == best) return s->last;
    return best != best || (s->smallest ? challenger < best : challenger > best);
}

/* Integers beyond 2^53 are compared as integers. */
static bool beats(const run *r, int64_t challenger, int64_t best)
{
    if (r->in.dtype == XAI_I64) {
        int64_t a = xai_tensor_int(&r->in, challenger), b = xai_tensor_int(&r->in, best);
        return a == b ? r->s->last : r->s->smallest ? a < b : a > b;
    }
    return wins(r->s, xai_tensor_real(&r->in, challenger), xai_tensor_real(&r->in, best));
}

static void run_outer(void *context, size_t outer, int thread)
{
    (void)thread;
    const run *r = context;
    for (int64_t i = 0; i < r->s->inner; i++) {
        int64_t first = (int64_t)outer * r->s->n * r->s->inner + i, best = 0;
        for (int64_t k = 1; k < r->s->n; k++)
            if (beats(r, first + k * r->s->inner, first + best * r->s->inner)) best = k;
        r->out[(int64_t)outer * r->s->inner + i] = best;
    }
}

void xai_arg_forward(const xai_node *node, const xai_exec *exec)
{
    run r = {node->state, {node->in[0]->dtype, node->in[0]->shape, xai_in_data(exec, node, 0)},
             xai_out_data(exec, node, 0)};
    xai_par_for(exec->par, (size_t)r.s->outer, run_outer, &r);
}
