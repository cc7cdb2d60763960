/* The models of the process. Written before the threads start. */
#include "models.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "json/sidecar.h"

xai_status models_add(models *all, const char *id, xai_model *model, xai_error *err)
{
    for (size_t i = 0; i < all->count; i++)
        XAI_CHECK(strcmp(all->entries[i].id, id) != 0, err, BAD_CONFIG, id, "two models are called \"%s\"", id);
    XAI_CHECK(all->count < MODELS_MAX, err, BAD_CONFIG, id, "more than %d models", MODELS_MAX);
    models_entry *entry = &all->entries[all->count++];
    snprintf(entry->id, sizeof entry->id, "%s", id);
    entry->model = model;
    return XAI_OK;
}

static xai_status load_file(models *all, const char *path, xai_error *err)
{
    xai_model *model = NULL;
    XAI_TRY(xai_json_model_load(path, NULL, &model, err));
    xai_status status = models_add(all, xai_model_describe(model)->id, model, err);
    if (status != XAI_OK) xai_model_unref(model);
    return status;
}

static int is_onnx(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return n > 5 && entry->d_name[0] != '.' && strcmp(entry->d_name + n - 5, ".onnx") == 0;
}

static xai_status load_dir(models *all, const char *dir, const char *except, xai_error *err)
{
    struct dirent **names = NULL;
    int n = scandir(dir, &names, is_onnx, alphasort); /* in one order on every machine */
    XAI_CHECK(n >= 0, err, BAD_CONFIG, dir, "cannot read the model folder %s", dir);
    xai_status status = XAI_OK;
    for (int i = 0; i < n; i++) {
        char path[4096];
        int length = snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
        if (status == XAI_OK && length > 0 && (size_t)length < sizeof path && strcmp(path, except) != 0)
            status = load_file(all, path, err);
        free(names[i]);
    }
    free(names);
    return status;
}

static xai_status choose_default(models *all, const char *standard, xai_error *err)
{
    XAI_CHECK(all->count > 0, err, BAD_CONFIG, "model_dir", "there is no model to serve");
    all->standard = 0;
    if (standard[0] == '\0') return XAI_OK;
    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->entries[i].id, standard) != 0) continue;
        all->standard = i;
        return XAI_OK;
    }
    XAI_FAIL(err, BAD_CONFIG, "default_model", "default_model: there is no model \"%s\"", standard);
}

xai_status models_load(models *all, const char *file, const char *dir, const char *standard, xai_error *err)
{
    if (file[0]) XAI_TRY(load_file(all, file, err));
    if (dir[0]) XAI_TRY(load_dir(all, dir, file, err));
    return choose_default(all, standard, err);
}

xai_status models_find(const models *all, const char *id, xai_model **out, xai_error *err)
{
    *out = all->entries[all->standard].model;
    if (!id) return XAI_OK;
    char names[320] = "";
    size_t used = 0;
    for (size_t i = 0; i < all->count; i++) {
        *out = all->entries[i].model;
        if (strcmp(all->entries[i].id, id) == 0) return XAI_OK;
        if (used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", all->entries[i].id);
    }
    XAI_FAIL(err, UNKNOWN_MODEL, "/model", "there is no model \"%.60s\"; served: %s", id, names);
}

void models_clear(models *all)
{
    for (size_t i = 0; i < all->count; i++) xai_model_unref(all->entries[i].model);
    all->count = 0;
}
