/* Rectifiers that the fusion pass may fold into what stands before them. */
#ifndef XAI_OPS_CLIP_H
#define XAI_OPS_CLIP_H

#include "op.h"

/* Whether the node is a Relu or a float Clip with constant bounds, and its interval. After setup. */
bool xai_node_clamp(const xai_node *node, xai_clamp *out);

/* forward and backward of a node whose state is an xai_clamp. */
void xai_clamp_forward(const xai_node *node, const xai_exec *exec);
void xai_clamp_backward(const xai_node *node, const xai_exec *exec);

#endif
