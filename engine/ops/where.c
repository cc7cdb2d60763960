/* Where: condition ? a : b with broadcasting; a and b of any one type. The condition has no gradient. */
#include "nest.h"

#include <string.h>

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    const xai_value *c = node->in[0], *a = node->in[1], *b = node->in[2];
    const xai_shape *shapes[] = {&c->shape, &a->shape, &b->shape};
    xai_shape out;
    XAI_NODE_CHECK(c->dtype == XAI_BOOL, node, BAD_MODEL, err, "the condition is %s, not bool",
                   xai_dtype_name(c->dtype));
    XAI_NODE_CHECK(a->dtype == b->dtype, node, BAD_MODEL, err, "the choices are %s and %s", xai_dtype_name(a->dtype),
                   xai_dtype_name(b->dtype));
    bool fits = xai_broadcast_shape(&a->shape, &b->shape, &out) && xai_broadcast_shape(&c->shape, &out, &out);
    XAI_NODE_CHECK(fits, node, BAD_MODEL, err, "the shapes do not broadcast");
    XAI_TRY(xai_node_output(node, 0, a->dtype, &out, err));
    xai_nest_broadcast(node->state, &out, shapes, 3);
    return XAI_OK;
}

typedef struct run {
    const xai_nest *nest;
    const uint8_t *condition;
    const unsigned char *choice[2]; /* where true, where false */
    unsigned char *out;
    size_t size;
    const float *gy;
    float *gx;
    int input; /* whose gradient: 1 or 2 */
} run;

static void forward_row(void *context, const int64_t *at, int64_t n)
{
    const run *r = context;
    int64_t step[4];
    for (int k = 0; k < 4; k++) step[k] = xai_nest_step(r->nest, k);
    for (int64_t i = 0; i < n; i++) {
        int pick = r->condition[at[1] + i * step[1]] ? 0 : 1;
        const unsigned char *from = r->choice[pick] + (at[2 + pick] + i * step[2 + pick]) * (int64_t)r->size;
        memcpy(r->out + (at[0] + i * step[0]) * (int64_t)r->size, from, r->size);
    }
}

static void backward_row(void *context, const int64_t *at, int64_t n)
{
    const run *r = context;
    int64_t sy = xai_nest_step(r->nest, 0), sc = xai_nest_step(r->nest, 1);
    int64_t sx = xai_nest_step(r->nest, r->input + 1);
    float *gx = r->gx + at[r->input + 1];
    for (int64_t i = 0; i < n; i++)
        if ((r->condition[at[1] + i * sc] != 0) == (r->input == 1)) gx[i * sx] += r->gy[at[0] + i * sy];
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    run r = {.nest = node->state,
             .condition = xai_in_data(exec, node, 0),
             .choice = {xai_in_data(exec, node, 1), xai_in_data(exec, node, 2)},
             .out = xai_out_data(exec, node, 0),
             .size = xai_dtype_size(node->out[0]->dtype)};
    xai_nest_run(node->state, exec->par, 0, forward_row, &r);
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    run r = {.nest = node->state, .condition = xai_in_data(exec, node, 0), .gy = xai_grad_out(exec, node, 0)};
    for (r.input = 1; r.input <= 2; r.input++) {
        r.gx = xai_grad_in(exec, node, r.input);
        if (r.gx && r.gy) xai_nest_run(node->state, exec->par, r.input + 1, backward_row, &r);
    }
}

static const xai_op_case CASES[] = {
    {"equal_shapes", {"?2x3x4", "2x3x4", "2x3x4", NULL}, "", 0},
    {"all_repeat", {"?3x1", "2x1x4", "1", NULL}, "", 0},
    {0},
};

const xai_op xai_op_where = {
    .type = "Where",
    .min_in = 3,
    .max_in = 3,
    .max_out = 1,
    .state_size = sizeof(xai_nest),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .linear = 6, /* in both choices */
    .flow = XAI_FLOW_ROUTE,
    .cases = CASES,
};
