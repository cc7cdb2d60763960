/* Rectifiers that the fusion pass may fold into what stands before them. */
#ifndef XAI_OPS_CLIP_H
#define XAI_OPS_CLIP_H

#include "unary.h"

/* Whether the node is a Relu or a Clip, and its interval in *out. After setup. */
bool xai_node_clamp(const xai_node *node, xai_clamp *out);

/* The loops of a clamp to s->clamp, by the vector kernels. */
extern const xai_unary_rule xai_clamp_rule;

#endif
