/* Casts between element types, as Cast and CastLike share them. */
#ifndef XAI_OPS_CAST_H
#define XAI_OPS_CAST_H

#include "op.h"

/* The type that an integer attribute names; UNSUPPORTED_OP if the engine does not hold it. */
xai_status xai_cast_target(const xai_node *node, const char *attribute, xai_dtype *out, xai_error *err);

/* out[i] = value, in any type. */
void xai_cast_store(xai_dtype dtype, void *out, int64_t i, int64_t value);

/* From input 0 to the type of output 0. */
void xai_cast_forward(const xai_node *node, const xai_exec *exec);
void xai_cast_backward(const xai_node *node, const xai_exec *exec);

#endif
