/*
 * Labels: the names of a model's classes, and finding a class by number or name. A name that several
 * classes share (ImageNet has two cranes) is an error that lists their numbers. Pure.
 */
#include "base/nearest.h"
#include "model.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static xai_status number_labels(xai_model *m, const char **labels, xai_error *err)
{
    for (int64_t i = 0; i < m->info.classes; i++)
        if (!(labels[i] = xai_arena_printf(m->arena, "%" PRId64, i))) XAI_NO_MEMORY(err);
    return XAI_OK;
}

xai_status xai_model_read_labels(xai_model *m, const xai_model_config *config, xai_error *err)
{
    const char **labels = XAI_NEW(m->arena, const char *, (size_t)m->info.classes);
    if (!labels) XAI_NO_MEMORY(err);
    m->info.labels = labels;
    if (!config || config->label_count == 0) return number_labels(m, labels, err);
    XAI_CHECK((int64_t)config->label_count == m->info.classes, err, BAD_CONFIG, "labels",
              "there are %zu labels, but the model has %" PRId64 " classes", config->label_count, m->info.classes);
    for (size_t i = 0; i < config->label_count; i++)
        if (!(labels[i] = xai_arena_strdup(m->arena, config->labels[i]))) XAI_NO_MEMORY(err);
    return XAI_OK;
}

static bool is_number(const char *text)
{
    if (!*text) return false;
    for (; *text; text++)
        if (!isdigit((unsigned char)*text)) return false;
    return true;
}

static xai_status by_number(const xai_model *m, const char *text, int64_t *index, xai_error *err)
{
    errno = 0;
    long long i = strtoll(text, NULL, 10);
    XAI_CHECK(errno == 0 && i < m->info.classes, err, UNKNOWN_CLASS, "class",
              "there is no class %s: the model has classes 0 to %" PRId64, text, m->info.classes - 1);
    *index = i;
    return XAI_OK;
}

typedef int (*compare_fn)(const char *, const char *);

/* How many classes have this name; *index is the last of them. */
static int count_named(const xai_model *m, const char *text, compare_fn compare, int64_t *index)
{
    int count = 0;
    for (int64_t i = 0; i < m->info.classes; i++) {
        if (compare(m->info.labels[i], text) != 0) continue;
        *index = i;
        count++;
    }
    return count;
}

static xai_status ambiguous(const xai_model *m, const char *text, compare_fn compare, xai_error *err)
{
    char list[128] = "";
    size_t used = 0;
    for (int64_t i = 0; i < m->info.classes && used + 24 < sizeof list; i++)
        if (compare(m->info.labels[i], text) == 0)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%" PRId64, used ? ", " : "", i);
    XAI_FAIL(err, AMBIGUOUS_CLASS, "class", "several classes are named '%s': give one of the numbers %s", text, list);
}

static xai_status unknown(const xai_model *m, const char *text, xai_error *err)
{
    xai_nearest nearest = xai_nearest_to(text);
    for (int64_t i = 0; i < m->info.classes; i++) xai_nearest_try(&nearest, m->info.labels[i]);
    XAI_FAIL(err, UNKNOWN_CLASS, "class", "the model has no class '%s'%s%s%s", text,
             nearest.best ? "; did you mean '" : "", nearest.best ? nearest.best : "", nearest.best ? "'?" : "");
}

/* As it is written first, since "Cardigan" is a dog and "cardigan" is clothing; then without case. */
xai_status xai_model_find_class(const xai_model *m, const char *text, int64_t *index, xai_error *err)
{
    static const compare_fn COMPARISONS[] = {strcmp, strcasecmp};
    if (is_number(text)) return by_number(m, text, index, err);
    for (int i = 0; i < 2; i++) {
        int count = count_named(m, text, COMPARISONS[i], index);
        if (count == 1) return XAI_OK;
        if (count > 1) return ambiguous(m, text, COMPARISONS[i], err);
    }
    return unknown(m, text, err);
}
