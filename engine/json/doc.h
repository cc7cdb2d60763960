/* From the engine's value trees (base/doc.h) to JSON. */
#ifndef XAI_JSON_DOC_H
#define XAI_JSON_DOC_H

#include <jansson.h>

#include "base/doc.h"

/* A new reference, or NULL when memory is out. NULL gives null. */
json_t *xai_json_doc(const xai_doc *doc);

/* The same way back: numbers without a point are integers. NULL when memory is out; xai_doc_ok tells of its parts. */
xai_doc *xai_json_to_doc(const json_t *value, xai_arena *arena);

/* A real number, or null where JSON has none (NaN, infinity). */
json_t *xai_json_real(double value);

/* Text that may not be valid UTF-8 (it comes from a model file): what is not becomes '?'. NULL gives null. */
json_t *xai_json_text(const char *text);

#endif
