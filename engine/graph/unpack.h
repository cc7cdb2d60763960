/* Unpack: the bytes of an ONNX file to protobuf's tree, within a budget. */
#ifndef XAI_GRAPH_UNPACK_H
#define XAI_GRAPH_UNPACK_H

#include "base/error.h"
#include "onnx.pb-c.h"

/* `where` names the bytes in messages. */
xai_status xai_onnx_unpack(const void *bytes, size_t size, const char *where, Onnx__ModelProto **out, xai_error *err);
void xai_onnx_free(Onnx__ModelProto *tree);

#endif
