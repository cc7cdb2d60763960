/* DepthToSpace and SpaceToDepth, which move blocks of channels into squares of pixels and back: one loop nest. */
#ifndef XAI_OPS_DEPTH_TO_SPACE_H
#define XAI_OPS_DEPTH_TO_SPACE_H

#include "nest.h"

/* One of the tensors is N x C x H*b x W*b, the other, `deep` one N x C*b*b x H x W; the output is the former if
 * `to_space`. */
xai_status xai_depth_setup(xai_node *node, bool to_space, xai_error *err);

#endif
