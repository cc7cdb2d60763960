/* DepthToSpace and SpaceToDepth, which move blocks of channels into squares of pixels and back: one loop nest. */
#ifndef XAI_OPS_DEPTH_TO_SPACE_H
#define XAI_OPS_DEPTH_TO_SPACE_H

#include "nest.h"

/* Which of the channels the square's pixels are: the first or the last part of their number. */
typedef enum xai_depth_order { XAI_DEPTH_FIRST, XAI_DEPTH_LAST } xai_depth_order;

/* The deep tensor is N x C*b*b x H x W; `deep` are its channels' order and `to_space` the direction. */
xai_status xai_depth_setup(xai_node *node, bool to_space, xai_depth_order order, xai_error *err);

#endif
