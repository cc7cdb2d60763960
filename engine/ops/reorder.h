/* The operator that the layout pass puts between two orders of a 4-D tensor's axes. No file can name it. */
#ifndef XAI_OPS_REORDER_H
#define XAI_OPS_REORDER_H

#include "op.h"

/* From the order of in[0] to that of out[0], which differ; the shapes are the same. */
extern const xai_op xai_op_reorder;

#endif
