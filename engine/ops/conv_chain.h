/*
 * Chains: a depthwise convolution run together with the dense one before it, the pointwise one after it, or both, some
 * rows at a time: the large tensors between them never leave the second-level cache. The bytes are those of the single
 * runs. For sessions that do not keep what lies between (graph/chain.c).
 */
#ifndef XAI_OPS_CONV_CHAIN_H
#define XAI_OPS_CONV_CHAIN_H

#include "op.h"

/* Whether rows of a's output can go to b at once, and are better off so; after prepare. a's output is b's input. */
bool xai_conv_chains(const xai_node *a, const xai_node *b);

/* Two or three such nodes as one; scratch: bytes a thread. */
size_t xai_conv_chain_scratch(xai_node *const *nodes, int count);
void xai_conv_chain_run(xai_node *const *nodes, int count, const xai_exec *exec);

#endif
