/* Models: which ones this process serves, and under which names. Filled at the start, then only read. */
#ifndef EXPLAIND_JOBS_MODELS_H
#define EXPLAIND_JOBS_MODELS_H

#include "xai.h"

enum { MODELS_MAX = 64 };

typedef struct models_entry {
    char id[64];
    xai_model *model;
} models_entry;

typedef struct models {
    models_entry entries[MODELS_MAX];
    size_t count, standard; /* index of the default model */
} models;

/* Takes a reference over. Errors: BAD_CONFIG when the id is taken or there are too many. */
xai_status models_add(models *all, const char *id, xai_model *model, xai_error *err);

/* Loads `file` ("": none) and every .onnx file of `dir` ("": none), by name, each with its sidecar. */
xai_status models_load(models *all, const char *file, const char *dir, const char *standard, xai_error *err);

/* NULL id: the default. Errors: UNKNOWN_MODEL, which lists the names. */
xai_status models_find(const models *all, const char *id, xai_model **out, xai_error *err);

void models_clear(models *all);

#endif
