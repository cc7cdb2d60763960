/* Pad: what the fusion pass needs to know of it. */
#ifndef XAI_OPS_PAD_H
#define XAI_OPS_PAD_H

#include "op.h"

/* Whether the node pads height and width of a 4-D tensor with zeros, never negatively: top, left, bottom, right. */
bool xai_node_zero_pads(const xai_node *node, int64_t pads[4]);

#endif
