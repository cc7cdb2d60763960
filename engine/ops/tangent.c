/*
 * Tangents derived from what op.h says of an operator: linear, bilinear, symmetric; else its own functions.
 * Writes into the session's buffers and its stage alone; safe beside other sessions.
 */
#include "tangent.h"

#include <string.h>

static bool moves(const xai_node *node, const xai_exec *exec, int i) { return xai_tangent_in(exec, node, i) != NULL; }

static size_t bytes_of(const xai_value *v) { return (size_t)xai_value_count(v) * sizeof(float); }

bool xai_node_moves(const xai_node *node, const xai_exec *exec)
{
    bool in = false, out = false;
    for (int i = 0; i < node->in_count; i++) in = in || moves(node, exec, i);
    for (int k = 0; k < node->out_count; k++) out = out || (node->out[k] && node->out[k]->dtype == XAI_F32);
    return in && out;
}

/* Whether no input moves but those of the mask. */
static bool within(const xai_node *node, const xai_exec *exec, unsigned mask)
{
    for (int i = 0; i < node->in_count && mask != XAI_ALL_INPUTS; i++)
        if (moves(node, exec, i) && (i >= 32 || !(mask >> i & 1))) return false;
    return true;
}

xai_status xai_node_check_tangent(const xai_node *node, const xai_exec *exec, xai_error *err)
{
    const xai_op *op = node->op;
    if (op->view || !xai_node_moves(node, exec)) return XAI_OK;
    bool known = op->tangent || op->bilinear || (op->symmetric && within(node, exec, 1)) ||
                 (op->linear && within(node, exec, op->linear));
    XAI_NODE_CHECK(known && op->backward, node, UNSUPPORTED_METHOD, err, "it has no second derivative");
    return XAI_OK;
}

/* ---------------------------------------------------------------- first order */

/* ydot = f(xdot), without shifts; what stands still counts as zero. */
static void linear(const xai_node *node, const xai_exec *exec, xai_stage *s)
{
    xai_stage_set(s, node, exec);
    for (int i = 0; i < node->in_count; i++) {
        bool replaced = node->in[i] && node->in[i]->dtype == XAI_F32 &&
                        (node->op->linear == XAI_ALL_INPUTS || (i < 32 && node->op->linear >> i & 1));
        if (replaced) s->data[i] = moves(node, exec, i) ? xai_tangent_in(exec, node, i) : s->zeros;
    }
    for (int k = 0; k < node->out_count; k++)
        if (node->out[k]) s->data[xai_stage_out(s, k)] = xai_tangent_out(exec, node, k);
    xai_stage_forward(s, exec, true);
}

/* J = J^T: the backward pass is the tangent. */
static void symmetric(const xai_node *node, const xai_exec *exec, xai_stage *s)
{
    float *ydot = xai_tangent_out(exec, node, 0);
    xai_stage_set(s, node, exec);
    memset(ydot, 0, bytes_of(node->out[0]));
    s->grads[0] = ydot;
    s->grads[xai_stage_out(s, 0)] = xai_tangent_in(exec, node, 0);
    xai_stage_backward(s, exec);
}

/* out = a b + c, where c may be NULL: nothing is added. */
static void product(const xai_node *node, const xai_exec *exec, xai_stage *s, float *const factors[3], float *out)
{
    xai_stage_set(s, node, exec);
    for (int i = 0; i < 2; i++)
        if (factors[i]) s->data[i] = factors[i];
    if (xai_has_input(node, 2) && factors[2]) s->data[2] = factors[2];
    if (xai_has_input(node, 2) && !factors[2]) xai_stage_leave_out(s, 2);
    s->data[xai_stage_out(s, 0)] = out;
    xai_stage_forward(s, exec, true);
}

/* ydot = adot b + a bdot + cdot; NULL factors of `product` are the node's own. */
static void bilinear(const xai_node *node, const xai_exec *exec, xai_stage *s)
{
    float *a = xai_tangent_in(exec, node, 0), *b = xai_tangent_in(exec, node, 1), *c = xai_tangent_in(exec, node, 2);
    float *ydot = xai_tangent_out(exec, node, 0);
    size_t count = (size_t)xai_value_count(node->out[0]);
    if (!b) {
        product(node, exec, s, (float *const[]){a ? a : s->zeros, NULL, c}, ydot);
        return;
    }
    product(node, exec, s, (float *const[]){NULL, b, c}, ydot);
    if (!a) return;
    product(node, exec, s, (float *const[]){a, NULL, NULL}, s->spare);
    for (size_t i = 0; i < count; i++) ydot[i] += s->spare[i];
}

void xai_node_tangent(const xai_node *node, const xai_exec *exec, xai_stage *stage)
{
    if (node->op->tangent) node->op->tangent(node, exec);
    else if (node->op->bilinear) bilinear(node, exec, stage);
    else if (node->op->symmetric) symmetric(node, exec, stage);
    else linear(node, exec, stage);
}

/* ---------------------------------------------------------------- second order */

bool xai_node_curves(const xai_node *node, const xai_exec *exec)
{
    if (node->op->bilinear) return moves(node, exec, 0) && moves(node, exec, 1);
    return node->op->curve && xai_node_moves(node, exec);
}

/* The gradient of each factor is a product with the other one, which moves. */
static void curve_of_product(const xai_node *node, const xai_exec *exec, xai_stage *s)
{
    xai_stage_set(s, node, exec);
    for (int i = 0; i < 2; i++) {
        s->data[i] = xai_tangent_in(exec, node, i);
        s->grads[i] = xai_grad_in(exec, node, i);
    }
    s->grads[xai_stage_out(s, 0)] = exec->firsts[node->out[0]->id];
    xai_stage_backward(s, exec);
}

void xai_node_curve(const xai_node *node, const xai_exec *exec, xai_stage *stage)
{
    if (node->op->bilinear) curve_of_product(node, exec, stage);
    else node->op->curve(node, exec);
}
