/* What methods attach to their result: artifacts, warnings, draws. A task belongs to one thread. */
#include "method.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { GROWTH = 8 }; /* artifacts and warnings come in small numbers */

/* `items` with room for one more; copied in steps of GROWTH. */
static void *with_room(xai_arena *arena, const void *items, size_t count, size_t size)
{
    if (count % GROWTH) return (void *)(uintptr_t)items;
    void *more = xai_arena_alloc(arena, count + GROWTH, size);
    if (more && count) memcpy(more, items, count * size);
    return more;
}

static xai_status add_artifact(xai_task *task, const xai_artifact *artifact, xai_error *err)
{
    xai_explanation *r = task->result;
    xai_artifact *list = with_room(task->arena, r->artifacts, r->artifact_count, sizeof *list);
    if (!list) XAI_NO_MEMORY(err);
    list[r->artifact_count++] = *artifact;
    r->artifacts = list;
    return XAI_OK;
}

xai_status xai_task_warn(xai_task *task, xai_error *err, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    xai_explanation *r = task->result;
    for (size_t i = 0; i < r->warning_count; i++)
        if (strcmp(r->warnings[i], text) == 0) return XAI_OK; /* of another layer, or another variant of the picture */
    const char **list = with_room(task->arena, (const void *)r->warnings, r->warning_count, sizeof *list);
    if (!list || !(list[r->warning_count] = xai_arena_strdup(task->arena, text))) XAI_NO_MEMORY(err);
    r->warning_count++;
    r->warnings = list;
    return XAI_OK;
}

xai_status xai_task_add_metric(xai_task *task, const char *name, double value, xai_error *err)
{
    XAI_CHECK(isfinite(value), err, BAD_MODEL, name, "'%s' is not a finite number: the model overflows on this input", name);
    xai_explanation *r = task->result;
    xai_measure *list = with_room(task->arena, r->metrics, r->metric_count, sizeof *list);
    if (!list) XAI_NO_MEMORY(err);
    list[r->metric_count++] = (xai_measure){name, value};
    r->metrics = list;
    return XAI_OK;
}

/* a->min and a->max; fails where a value is not finite. */
static xai_status measure(xai_artifact *a, int64_t count, xai_error *err)
{
    a->min = INFINITY;
    a->max = -INFINITY;
    for (int64_t i = 0; i < count; i++) {
        float v = a->values[i];
        XAI_CHECK(isfinite(v), err, BAD_MODEL, a->name,
                  "the map '%s' holds a value that is not finite: the model overflows on this input", a->name);
        if (v < a->min) a->min = v;
        if (v > a->max) a->max = v;
    }
    return XAI_OK;
}

xai_status xai_task_add_maps(xai_task *task, const char *name, const float *values, const int64_t shape[3],
                             xai_error *err)
{
    xai_artifact a = {.name = name, .kind = XAI_ARTIFACT_MAPS, .rank = 3, .shape = {shape[0], shape[1], shape[2]},
                      .values = values};
    XAI_TRY(measure(&a, shape[0] * shape[1] * shape[2], err));
    return add_artifact(task, &a, err);
}

xai_status xai_task_add_map(xai_task *task, const char *name, const float *values, int64_t height, int64_t width,
                            xai_error *err)
{
    xai_artifact a = {.name = name, .kind = XAI_ARTIFACT_MAP, .rank = 2, .shape = {height, width}, .values = values};
    XAI_TRY(measure(&a, height * width, err));
    if (a.min == a.max)
        XAI_TRY(xai_task_warn(task, err, "The map '%s' is the same everywhere (%g): it explains nothing.", name,
                              (double)a.min));
    return add_artifact(task, &a, err);
}

xai_status xai_task_add_doc(xai_task *task, const char *name, xai_artifact_kind kind, const xai_doc *doc,
                            xai_error *err)
{
    if (!xai_doc_ok(doc)) XAI_NO_MEMORY(err);
    return add_artifact(task, &(xai_artifact){.name = name, .kind = kind, .doc = doc}, err);
}

xai_status xai_task_add_text(xai_task *task, const char *name, const char *media_type, const char *text,
                             xai_error *err)
{
    return add_artifact(task, &(xai_artifact){.name = name, .kind = XAI_ARTIFACT_TEXT, .media_type = media_type,
                                              .bytes = (const uint8_t *)text, .size = strlen(text)}, err);
}

/* ---------------------------------------------------------------- draws */

xai_status xai_task_emit_draws(const xai_task *task, const char *name, const xai_array *array, xai_error *err)
{
    if (!task->emit_draws) return XAI_OK;
    char *path = xai_arena_printf(task->arena, "%s/%s.npy", task->emit_draws, name);
    if (!path) XAI_NO_MEMORY(err);
    return xai_npy_write(path, array, err);
}

bool xai_task_has_draws(const xai_task *task, const char *name)
{
    char *path = task->use_draws ? xai_arena_printf(task->arena, "%s/%s.npy", task->use_draws, name) : NULL;
    FILE *f = path ? fopen(path, "rb") : NULL;
    if (f) fclose(f);
    return f != NULL;
}

int64_t xai_draws_count(const char *draws, const char *name)
{
    char path[4096];
    xai_array a;
    int n = snprintf(path, sizeof path, "%s/%s.npy", draws, name);
    if (n < 0 || (size_t)n >= sizeof path || xai_npy_read(path, &a, NULL) != XAI_OK) return 0;
    int64_t count = a.rank ? a.shape[0] : 0;
    xai_array_clear(&a);
    return count;
}

/* A tensor of the array's numbers as float32. */
static xai_status take(const xai_array *a, const char *path, int rank, xai_arena *arena, xai_tensor *out,
                       xai_error *err)
{
    xai_tensor given = {a->dtype, {a->rank, {0}}, a->data};
    memcpy(given.shape.dim, a->shape, sizeof a->shape);
    XAI_CHECK(a->rank == rank, err, BAD_TENSOR, path, "'%s' must have %d dimensions", path, rank);
    *out = (xai_tensor){XAI_F32, given.shape, NULL};
    int64_t count = xai_tensor_count(&given);
    float *values = XAI_NEW(arena, float, (size_t)count + 1);
    if (!(out->data = values)) XAI_NO_MEMORY(err);
    for (int64_t i = 0; i < count; i++) values[i] = (float)xai_tensor_real(&given, i);
    return XAI_OK;
}

xai_status xai_task_use_draws(const xai_task *task, const char *name, int rank, xai_tensor *out, bool *found,
                              xai_error *err)
{
    *found = task->use_draws != NULL;
    if (!*found) return XAI_OK;
    char *path = xai_arena_printf(task->arena, "%s/%s.npy", task->use_draws, name);
    if (!path) XAI_NO_MEMORY(err);
    xai_array a;
    XAI_TRY(xai_npy_read(path, &a, err));
    xai_status status = take(&a, path, rank, task->arena, out, err);
    xai_array_clear(&a);
    return status;
}
