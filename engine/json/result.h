/*
 * Result: the one object that the server and `xai explain` both print (schema 1).
 *
 * It is made in two parts. The body (image, model, predictions, results) is deterministic and may be cached; the head
 * (id, status, created, cache, timing) belongs to one answer.
 */
#ifndef XAI_JSON_RESULT_H
#define XAI_JSON_RESULT_H

#include <jansson.h>

#include "xai.h"

enum { XAI_JSON_SCHEMA = 1, XAI_JSON_DIGITS = 9 }; /* 9 digits tell any two float32 apart */

typedef struct xai_json_head {
    const char *id, *created; /* NULL: left out (command line) */
    const char *status;       /* "done", "partial", ... */
    const char *cache;        /* "miss", "hit", "coalesced"; NULL: left out */
    double queue_ms;          /* < 0: left out */
    double decode_ms, engine_ms, render_ms;
} xai_json_head;

typedef struct xai_json_context {
    const xai_image *image; /* NULL: the input was a tensor */
    const xai_model_info *model;
    uint64_t seed;
    const char *href; /* what stands before "0-overlay.png"; NULL: no href */
} xai_json_context;

/* New references, or NULL when memory is out. */
json_t *xai_json_result_head(const xai_json_head *head);
json_t *xai_json_result_body(const xai_result *result, const xai_json_context *context);

/* {"class","name","probability","logit"}, of a dense output with "share"; of a regression {"class","name","value",
 * "logit"}. */
json_t *xai_json_prediction(const xai_prediction *prediction, xai_head head);

/* Head and body in one object. */
json_t *xai_json_result(const xai_result *result, const xai_json_head *head, const xai_json_context *context);

/* The text that is sent, stored and printed; heap memory. `flags` are jansson's beside the precision. */
char *xai_json_text_of(const json_t *value, size_t flags);

/* "png", "npy", "json", "dot", ...: the extension of an artifact's file, from its kind and media type as in the JSON. */
const char *xai_json_artifact_extension(const char *kind, const char *media_type);

#endif
