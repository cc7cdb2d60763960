/* Pad: what the fusion pass needs to know of it. */
#ifndef XAI_OPS_PAD_H
#define XAI_OPS_PAD_H

#include "nest.h"

typedef enum xai_pad_mode { XAI_PAD_CONSTANT, XAI_PAD_REFLECT, XAI_PAD_EDGE, XAI_PAD_WRAP } xai_pad_mode;

typedef struct xai_pad {
    xai_pad_mode mode;
    int64_t before[XAI_MAX_RANK], after[XAI_MAX_RANK]; /* by axis; negative ones cut off */
    unsigned char value[8];                            /* an element of the data's type */
    bool is_zero;
    xai_nest inside; /* constant mode: what output and input share */
} xai_pad;

/* Whether the node pads height and width of a 4-D tensor with zeros, never negatively: top, left, bottom, right. */
bool xai_node_zero_pads(const xai_node *node, int64_t pads[4]);

#endif
