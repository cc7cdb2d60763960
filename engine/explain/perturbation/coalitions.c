/*
 * Coalitions: an open-addressing table of distinct rows (linear probing), evaluated through evaluate.h in the order in
 * which they came. Values depend on the rows alone. One thread fills; compute threads read rows.
 */
#include "coalitions.h"

#include "explain/evaluate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_WORDS = XAI_MOST_FEATURES / 64 };
#define EMIT_MAX ((size_t)1 << 30)

/* ---------------------------------------------------------------- rows */

static size_t hash(const xai_coalitions *c, const uint64_t *row)
{
    uint64_t h = 0x9E3779B97F4A7C15;
    for (size_t i = 0; i < c->words; i++) {
        h = (h ^ row[i]) * 0xBF58476D1CE4E5B9;
        h ^= h >> 29;
    }
    return (size_t)h & (c->slot_count - 1);
}

/* The row's number; a new one if it is not known. */
static uint32_t find(xai_coalitions *c, const uint64_t *row)
{
    size_t at = hash(c, row), bytes = c->words * sizeof *row;
    while (c->slots[at]) {
        uint32_t known = c->slots[at] - 1;
        if (memcmp(c->bits + known * c->words, row, bytes) == 0) return known;
        at = (at + 1) & (c->slot_count - 1);
    }
    memcpy(c->bits + c->distinct * c->words, row, bytes);
    c->slots[at] = (uint32_t)++c->distinct;
    return (uint32_t)c->distinct - 1;
}

static void fill_row(const xai_coalitions *c, uint64_t *row)
{
    memset(row, 0, c->words * sizeof *row);
    for (size_t i = 0; i < c->features->count; i++) xai_coalition_put(row, i);
}

xai_status xai_coalitions_init(xai_coalitions *c, const xai_features *features, size_t room, xai_task *task,
                               xai_error *err)
{
    assert(features->count <= XAI_MOST_FEATURES);
    *c = (xai_coalitions){.features = features, .words = (features->count + 63) / 64, .room = room, .slot_count = 4};
    XAI_CHECK(room < UINT32_MAX / 4, err, TOO_LARGE, "coalitions.npy", "too many coalitions");
    while (c->slot_count < 2 * (room + 1)) c->slot_count *= 2;
    c->which = XAI_NEW(task->arena, uint32_t, room);
    c->bits = XAI_NEW(task->arena, uint64_t, (room + 1) * c->words);
    c->values = XAI_NEW(task->arena, float, room + 1);
    c->slots = XAI_NEW(task->arena, uint32_t, c->slot_count);
    if (!c->which || !c->bits || !c->values || !c->slots) XAI_NO_MEMORY(err);
    uint64_t full[ROW_WORDS];
    fill_row(c, full);
    c->values[find(c, full)] = (float)task->base;
    return XAI_OK;
}

void xai_coalitions_add(xai_coalitions *c, const uint64_t *row)
{
    assert(c->count < c->room);
    c->which[c->count++] = find(c, row);
}

size_t xai_coalition_size(const xai_coalitions *c, const uint64_t *row)
{
    size_t size = 0;
    for (size_t i = 0; i < c->words; i++) size += (size_t)__builtin_popcountll(row[i]);
    return size;
}

/* ---------------------------------------------------------------- draws */

xai_status xai_coalitions_replay(xai_coalitions *c, const xai_features *features, bool first_full, xai_task *task,
                                 xai_error *err)
{
    xai_tensor t;
    bool found;
    XAI_TRY(xai_task_use_draws(task, "coalitions", 2, &t, &found, err));
    XAI_CHECK(found && t.shape.dim[0] > 0 && t.shape.dim[1] == (int64_t)features->count, err, BAD_TENSOR,
              "coalitions.npy", "coalitions.npy must have the shape (count, %zu): a column for each feature",
              features->count);
    size_t count = (size_t)t.shape.dim[0], m = features->count;
    XAI_TRY(xai_coalitions_init(c, features, count, task, err));
    const float *given = t.data;
    for (size_t i = 0; i < count; i++) {
        uint64_t row[ROW_WORDS] = {0};
        for (size_t k = 0; k < m; k++)
            if (given[i * m + k] != 0 || (first_full && i == 0)) xai_coalition_put(row, k);
        xai_coalitions_add(c, row);
    }
    return XAI_OK;
}

xai_status xai_coalitions_emit(const xai_coalitions *c, const xai_task *task, xai_error *err)
{
    size_t m = c->features->count;
    if (!task->emit_draws || c->count > EMIT_MAX / sizeof(float) / m) return XAI_OK;
    float *all = malloc(c->count * m * sizeof *all);
    if (!all) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < c->count; i++)
        for (size_t k = 0; k < m; k++) all[i * m + k] = xai_coalition_has(xai_coalition_row(c, i), k) ? 1 : 0;
    xai_array a = {.dtype = XAI_F32, .rank = 2, .shape = {(int64_t)c->count, (int64_t)m}, .data = all};
    xai_status status = xai_task_emit_draws(task, "coalitions", &a, err);
    free(all);
    return status;
}

/* ---------------------------------------------------------------- values */

/* Variant `index` is distinct row index + 1. */
static void compose(const void *user, size_t index, float *input)
{
    const xai_coalitions *c = user;
    const uint64_t *row = c->bits + (index + 1) * c->words;
    uint8_t keep[XAI_MOST_FEATURES];
    for (size_t i = 0; i < c->features->count; i++) keep[i] = xai_coalition_has(row, i);
    xai_features_compose(c->features, keep, input);
}

/* Rows are numbered as samples bring them, so that the first n samples need a first part of the rows. */
static size_t rows_of(const xai_coalitions *c, size_t samples)
{
    size_t rows = 1;
    for (size_t i = 0; i < samples; i++)
        if (c->which[i] >= rows) rows = c->which[i] + 1;
    return rows;
}

static size_t samples_of(const xai_coalitions *c, size_t rows)
{
    size_t i = 0;
    while (i < c->count && c->which[i] < rows) i++;
    return i;
}

xai_status xai_coalitions_evaluate(xai_coalitions *c, xai_task *task, size_t enough, size_t *done, xai_error *err)
{
    size_t least = rows_of(c, enough < c->count ? enough : c->count) - 1;
    xai_variants variants = {.count = c->distinct - 1, .make = compose, .user = c};
    xai_scores scores = {.values = c->values + 1};
    bool partial = false;
    *done = c->count;
    if (variants.count)
        XAI_TRY(xai_evaluate_until(task->context, &task->aim, &variants, least, &scores, &partial, err));
    xai_token_advance(task->context->token, c->count > c->distinct ? (double)(c->count - c->distinct) : 0);
    if (!partial) return XAI_OK;
    *done = samples_of(c, scores.done + 1);
    task->result->partial = true;
    return xai_task_warn(task, err, "The deadline came after %zu of %zu samples: the values are less certain.", *done,
                         c->count);
}
