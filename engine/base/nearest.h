/*
 * Nearest: which of the known names a misspelt one was meant to be.
 *
 * Used wherever a name comes from outside: parameters, methods, configuration keys, flags. Errors that name the right
 * word save a person the search.
 */
#ifndef XAI_BASE_NEAREST_H
#define XAI_BASE_NEAREST_H

#include <stddef.h>

typedef struct xai_nearest {
    const char *name; /* what was given */
    const char *best; /* the nearest candidate so far, or NULL when none is near enough to be meant */
    size_t distance;  /* of `best`, or the largest that counts as near */
} xai_nearest;

xai_nearest xai_nearest_to(const char *name);

/* Offers a candidate, which must outlive the search. Ties keep the first. */
void xai_nearest_try(xai_nearest *search, const char *candidate);

/* Edits (insert, delete, replace, swap of neighbours) between two names, case aside; names longer than 63 bytes are
 * compared by their first 63. */
size_t xai_edit_distance(const char *a, const char *b);

#endif
