/* Hardmax: 1 at the first largest element of the axis, 0 elsewhere; derivative 0. */
#include "softmax.h"

static void forward_row(const xai_softmax_row *r)
{
    int64_t best = 0;
    for (int64_t i = 1; i < r->n; i++)
        if (r->x[i * r->step] > r->x[best * r->step]) best = i;
    for (int64_t i = 0; i < r->n; i++) r->y[i * r->step] = i == best;
}

static void forward(const xai_node *node, const xai_exec *exec) { xai_softmax_run_forward(node, exec, forward_row); }

static void backward(const xai_node *node, const xai_exec *exec) { (void)node, (void)exec; }

static const xai_op_case CASES[] = {
    {"classes", {"3x10", NULL}, "", 0},
    {"channels", {"2x5x3", NULL}, "axis=1", 0},
    {0},
};

const xai_op xai_op_hardmax = {
    .type = "Hardmax",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .state_size = sizeof(xai_softmax),
    .setup = xai_softmax_setup,
    .forward = forward,
    .backward = backward,
    .cases = CASES,
};
