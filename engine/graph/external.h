/* External data: the files beside a model that hold its large tensors. */
#ifndef XAI_GRAPH_EXTERNAL_H
#define XAI_GRAPH_EXTERNAL_H

#include "base/sha256.h"
#include "onnx.pb-c.h"
#include "xai.h"

typedef struct xai_external {
    int folder;     /* the model's; -1: there is none, and what lies outside the model is refused */
    bool used;      /* something was read */
    xai_sha256 sha; /* of the model's bytes and of everything that was read since, in the order of the tensors */
} xai_external;

/* A tensor's bytes in an open file: checked to be there. */
typedef struct xai_external_part {
    int file;
    int64_t offset;
    size_t size;
} xai_external_part;

/* `path`: the model's file (NULL: no folder), whose bytes are given too. Close it in any case. */
xai_status xai_external_open(xai_external *external, const char *path, const void *bytes, size_t size, xai_error *err);
void xai_external_close(xai_external *external);

/* Finds the `size` bytes of a tensor whose data_location is external. `where` names it in messages. */
xai_status xai_external_find(const xai_external *external, const Onnx__TensorProto *proto, const char *where,
                             size_t size, xai_external_part *out, xai_error *err);
/* Reads them; the part is closed, whatever happens. */
xai_status xai_external_read(xai_external *external, const xai_external_part *part, const char *where, void *to,
                             xai_error *err);
void xai_external_drop(const xai_external_part *part);

#endif
