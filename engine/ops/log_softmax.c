/* LogSoftmax: x - log(sum of exp(x)), relative to the largest. */
#include "softmax.h"

static void forward_row(const xai_softmax_row *r)
{
    float m;
    double shift = log(xai_softmax_sum(r, &m));
    for (int64_t i = 0; i < r->n; i++)
        r->y[i * r->step] = (float)((double)r->x[i * r->step] - (double)m - shift);
}

/* gx = gy - exp(y) * sum(gy) */
static void backward_row(const xai_softmax_row *r)
{
    double sum = 0;
    for (int64_t i = 0; i < r->n; i++) sum += (double)r->gy[i * r->step];
    for (int64_t i = 0; i < r->n; i++)
        r->gx[i * r->step] += (float)((double)r->gy[i * r->step] - exp((double)r->y[i * r->step]) * sum);
}

/* dy = dx - sum(exp(y) * dx) */
static void tangent_row(const xai_softmax_row *r)
{
    double sum = 0;
    for (int64_t i = 0; i < r->n; i++) sum += exp((double)r->y[i * r->step]) * (double)r->dx[i * r->step];
    for (int64_t i = 0; i < r->n; i++) r->dy[i * r->step] = (float)((double)r->dx[i * r->step] - sum);
}

/* gx = -exp(y) * dy * sum(gy) */
static void curve_row(const xai_softmax_row *r)
{
    double sum = 0;
    for (int64_t i = 0; i < r->n; i++) sum += (double)r->gy[i * r->step];
    for (int64_t i = 0; i < r->n; i++)
        r->gx[i * r->step] -= (float)(exp((double)r->y[i * r->step]) * (double)r->dy[i * r->step] * sum);
}

static void forward(const xai_node *node, const xai_exec *exec) { xai_softmax_run_forward(node, exec, forward_row); }

static void backward(const xai_node *node, const xai_exec *exec)
{
    xai_softmax_run_backward(node, exec, backward_row);
}

static void tangent(const xai_node *node, const xai_exec *exec) { xai_softmax_run_tangent(node, exec, tangent_row); }
static void curve(const xai_node *node, const xai_exec *exec) { xai_softmax_run_curve(node, exec, curve_row); }

static const xai_op_case CASES[] = {
    {"classes", {"3x10", NULL}, "", 0},
    {"channels_of_a_map", {"2x5x3x4", NULL}, "axis=1", 0},
    {"coerced_to_two_axes", {"2x3x4", NULL}, "axis=1", 11},
    {0},
};

const xai_op xai_op_log_softmax = {
    .type = "LogSoftmax",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .state_size = sizeof(xai_softmax),
    .setup = xai_softmax_setup,
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .curve = curve,
    .cases = CASES,
};
