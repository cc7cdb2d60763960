/*
 * Tangents: how a node's outputs, and its gradients, change when its inputs move (Pearlmutter, "Fast exact
 * multiplication by the Hessian", 1994; forward mode over reverse mode).
 *
 * With a node y = f(x) and its backward pass gx = J(x)^T gy, and dots for derivatives by the step e in x + e * xdot:
 *     tangent    ydot  = J(x) xdot
 *     backward   gxdot = J(x)^T gydot + curve(x, xdot, gy),  curve = (d/de J(x + e xdot))^T gy
 * The first term is the ordinary backward pass on gydot. Most operators need no code of their own: op.h, `linear`,
 * `bilinear`, `symmetric`.
 */
#ifndef XAI_OPS_TANGENT_H
#define XAI_OPS_TANGENT_H

#include "stage.h"

/* Whether any of its inputs moves, and any of its outputs can follow: exec->tangents. */
bool xai_node_moves(const xai_node *node, const xai_exec *exec);

/* UNSUPPORTED_METHOD, naming the operator, if it moves and has no tangent. */
xai_status xai_node_check_tangent(const xai_node *node, const xai_exec *exec, xai_error *err);

/* Writes the tangents of its float outputs, whose buffers are in exec->tangents. Not for views: they share bytes. */
void xai_node_tangent(const xai_node *node, const xai_exec *exec, xai_stage *stage);

/* Whether xai_node_curve would add anything. */
bool xai_node_curves(const xai_node *node, const xai_exec *exec);

/* Adds the second term to exec->grads, of inputs that move; exec->firsts hold the gradients of its outputs. */
void xai_node_curve(const xai_node *node, const xai_exec *exec, xai_stage *stage);

#endif
