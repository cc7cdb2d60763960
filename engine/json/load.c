/* Loading a model together with its sidecar. No state. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sidecar.h"

/* F.onnx -> F.json; NULL in *out when there is no such file. */
static xai_status beside(const char *model, xai_arena *arena, const char **out, xai_error *err)
{
    const char *dot = strrchr(model, '.'), *slash = strrchr(model, '/');
    int stem = (int)(dot && (!slash || dot > slash) ? dot - model : (long)strlen(model));
    const char *path = xai_arena_printf(arena, "%.*s.json", stem, model);
    if (!path) XAI_NO_MEMORY(err);
    FILE *file = fopen(path, "rb");
    if (file) fclose(file);
    XAI_CHECK(file || errno == ENOENT, err, IO, path, "cannot open %s: %s", path, strerror(errno));
    *out = file ? path : NULL;
    return XAI_OK;
}

xai_status xai_json_model_load(const char *path, const char *config, xai_model **out, xai_error *err)
{
    xai_arena *arena = xai_arena_new(0);
    if (!arena) XAI_NO_MEMORY(err);
    xai_model_config parsed;
    xai_status status = config ? XAI_OK : beside(path, arena, &config, err);
    if (status == XAI_OK && config) status = xai_json_sidecar_read(config, arena, &parsed, err);
    if (status == XAI_OK) status = xai_model_load(path, config ? &parsed : NULL, out, err);
    xai_arena_free(arena);
    return status;
}
