/*
 * Names: a map from text to a pointer, for tensor names and labels. Lives in an arena; keys are not copied.
 */
#ifndef XAI_BASE_NAMES_H
#define XAI_BASE_NAMES_H

#include "arena.h"

typedef struct xai_names xai_names;

xai_names *xai_names_new(xai_arena *arena);                            /* NULL: out of memory */
xai_status xai_names_put(xai_names *names, const char *key, void *value, xai_error *err); /* replaces */
void *xai_names_get(const xai_names *names, const char *key);          /* NULL: absent */

#endif
