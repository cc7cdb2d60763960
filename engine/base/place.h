/* Place: where the files are that come with the program: models, pictures, pages. */
#ifndef XAI_BASE_PLACE_H
#define XAI_BASE_PLACE_H

#include <stddef.h>

/*
 * The first that exists of `path` as it is, PROGRAM/../path (a build folder in its tree) and
 * PROGRAM/../share/explaind/path (installed), PROGRAM the folder of this program; `path` itself if none does, so that
 * an error names what was asked for. `buffer` may hold what is returned.
 */
const char *xai_place_find(const char *path, char *buffer, size_t size);

#endif
