/*
 * Calls as text: "saliency?noise=smoothgrad&noise_samples=25": a method's or a metric's id, and parameters after a
 * question mark. A name may come first: "SmoothGrad=saliency?noise=smoothgrad".
 */
#ifndef XAI_EXPLAIN_CALL_TEXT_H
#define XAI_EXPLAIN_CALL_TEXT_H

#include "base/arena.h"

typedef struct xai_call_text {
    const char *name; /* the id, where none is given */
    const char *text; /* without the name */
    xai_method_call call;
} xai_call_text;

/* Reads one call; everything is copied into the arena. Whether id and parameters exist is not asked. BAD_PARAM. */
xai_status xai_call_read(const char *text, xai_arena *arena, xai_call_text *out, xai_error *err);

/* Reads a list of calls with `separator` between them, at most `most`. */
xai_status xai_calls_read(const char *text, char separator, size_t most, xai_arena *arena, xai_call_text *out,
                          size_t *count, xai_error *err);

#endif
