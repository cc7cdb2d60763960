/* Weights: ONNX's TensorProto made a tensor. */
#ifndef XAI_GRAPH_WEIGHTS_H
#define XAI_GRAPH_WEIGHTS_H

#include "external.h"
#include "tensor/tensor.h"

/* Our type for ONNX's element type; XAI_DTYPE_COUNT: not supported. float16, bfloat16 and double become float32, int8,
 * int16 and uint16 int32. */
xai_dtype xai_weights_dtype(int onnx_type);

/* Copies the tensor, or what it names in another file, into the arena. `where` names it in messages. */
xai_status xai_weights_read(const Onnx__TensorProto *proto, const char *where, xai_external *external,
                            xai_arena *arena, xai_tensor **out, xai_error *err);

#endif
