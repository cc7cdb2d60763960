/*
 * Samples are shared: what was drawn for an anchor counts for its children too where it shows the feature that they add.
 * Which samples count for whom follows from who they were drawn for, so no lists are kept. One thread.
 */
#include "anchor_search.h"

#include <math.h>
#include <string.h>

/* ---------------------------------------------------------------- bounds */

static const double LEAST = 1e-7, MOST = 0.9999999999999999;
enum { HALVINGS = 16 };

static double divergence(double p, double q)
{
    p = fmin(fmax(p, LEAST), MOST);
    q = fmin(fmax(q, LEAST), MOST);
    return p * log(p / q) + (1 - p) * log((1 - p) / (1 - q));
}

double xai_kl_upper(double p, double level)
{
    double inside = p, outside = fmin(p + sqrt(level / 2), 1);
    for (int i = 0; i < HALVINGS; i++) {
        double q = (inside + outside) / 2;
        *(divergence(p, q) > level ? &outside : &inside) = q;
    }
    return outside;
}

double xai_kl_lower(double p, double level)
{
    double inside = p, outside = fmin(fmax(p - sqrt(level / 2), 0), 1);
    for (int i = 0; i < HALVINGS; i++) {
        double q = (inside + outside) / 2;
        *(divergence(p, q) > level ? &outside : &inside) = q;
    }
    return outside;
}

/* KL-LUCB's level after t looks at `arms` arms; its constants are those of the paper's theorem. */
static double exploration(size_t arms, size_t t, double delta)
{
    double l = log(405.5 * (double)arms * pow((double)t, 1.1) / delta);
    return l + log(l);
}

/* ---------------------------------------------------------------- anchors and samples */

typedef struct candidate {
    xai_anchor a;
    uint64_t *row;
    uint32_t serial;
    const struct candidate *parent; /* NULL: the empty anchor, all of whose samples count */
    size_t added, born; /* the feature; samples drawn before it was proposed */
    double upper, lower; /* KL-LUCB's own bounds */
} candidate;

typedef struct search {
    const xai_anchor_source *source;
    const xai_anchor_settings *settings;
    xai_arena *arena;
    size_t words;
    uint64_t *rows;   /* of samples */
    uint32_t *owner;  /* the serial of whom they were drawn for */
    uint8_t *label;
    size_t drawn;
    uint64_t *covering; /* coverage rows */
    uint8_t *member;    /* of a parent: samples or coverage rows */
    uint32_t serials;
    candidate **kept;   /* chosen, level by level */
    size_t kept_count, kept_room;
    bool stopped, late; /* late: by the deadline */
} search;

/* 0 where nothing was drawn: nothing speaks for it. */
static double mean_of(const candidate *c)
{
    return c->a.samples ? (double)c->a.positives / (double)c->a.samples : 0;
}

static uint64_t *row_at(const search *s, size_t sample) { return s->rows + sample * s->words; }

/* Whether a sample counts for an anchor. */
static bool counts_for(const search *s, size_t sample, const candidate *c)
{
    while (c->parent) {
        if (s->owner[sample] == c->serial) return true;
        if (sample >= c->born || !xai_anchor_has(row_at(s, sample), c->added)) return false;
        c = c->parent;
    }
    return true;
}

/* A deadline ends the search with what it has. */
static xai_status look_at_token(search *s, xai_error *err)
{
    xai_error own;
    xai_status status = xai_token_check(s->settings->token, &own);
    if (status == XAI_OK) return XAI_OK;
    if (status == XAI_E_DEADLINE) {
        s->stopped = s->late = true;
        return XAI_OK;
    }
    if (err) *err = own;
    return status;
}

/* `count` samples more for each arm, arm by arm. */
static xai_status draw(search *s, candidate *const *arms, size_t arm_count, size_t count, xai_error *err)
{
    size_t all = arm_count * count;
    if (s->stopped || s->drawn + all > s->settings->most_samples) {
        s->stopped = true;
        return XAI_OK;
    }
    for (size_t i = 0; i < all; i++) {
        uint64_t *row = row_at(s, s->drawn + i);
        s->source->row(s->source->user, false, s->drawn + i, row);
        for (size_t w = 0; w < s->words; w++) row[w] |= arms[i / count]->row[w];
        s->owner[s->drawn + i] = arms[i / count]->serial;
    }
    XAI_TRY(s->source->label(s->source->user, row_at(s, s->drawn), all, s->label + s->drawn, &s->stopped, err));
    if (s->stopped) return XAI_OK;
    for (size_t i = 0; i < all; i++) {
        arms[i / count]->a.samples++;
        arms[i / count]->a.positives += s->label[s->drawn + i];
    }
    s->drawn += all;
    return XAI_OK;
}

static candidate *new_candidate(search *s)
{
    candidate *c = XAI_NEW(s->arena, candidate, 1);
    if (c && !(c->row = XAI_NEW(s->arena, uint64_t, s->words))) return NULL;
    if (c) {
        c->serial = s->serials++;
        c->a.row = c->row;
    }
    return c;
}

/* ---------------------------------------------------------------- proposing */

/* Statistics of every child of `parent`, from the samples and rows that there are. */
static void count_child(const search *s, candidate *c, const uint8_t *member, const uint8_t *covered)
{
    size_t cover = 0;
    for (size_t i = 0; i < s->drawn; i++)
        if (member[i] && xai_anchor_has(row_at(s, i), c->added)) {
            c->a.samples++;
            c->a.positives += s->label[i];
        }
    for (size_t i = 0; i < s->settings->coverage; i++)
        cover += covered[i] && xai_anchor_has(s->covering + i * s->words, c->added);
    c->a.coverage = (double)cover / (double)s->settings->coverage;
}

static bool covers(const search *s, const candidate *c, size_t i)
{
    const uint64_t *row = s->covering + i * s->words;
    for (size_t w = 0; w < s->words; w++)
        if (c->row[w] & ~row[w]) return false;
    return true;
}

static bool known(const search *s, candidate *const *list, size_t count, const uint64_t *row)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(list[i]->row, row, s->words * sizeof *row) == 0) return true;
    return false;
}

/* All children of the parents, each once. list[features * parents]; empty where the time ends. */
static xai_status propose(search *s, candidate *const *parents, size_t parent_count, candidate **list, size_t *count,
                          xai_error *err)
{
    size_t found = *count = 0;
    for (size_t f = 0; f < s->source->features; f++) {
        XAI_TRY(look_at_token(s, err));
        if (s->late) return XAI_OK;
        for (size_t p = 0; p < parent_count; p++) {
            if (xai_anchor_has(parents[p]->row, f)) continue;
            candidate *c = new_candidate(s);
            if (!c) XAI_NO_MEMORY(err);
            memcpy(c->row, parents[p]->row, s->words * sizeof *c->row);
            c->row[f / 64] |= (uint64_t)1 << f % 64;
            c->parent = parents[p];
            c->added = f;
            c->born = s->drawn;
            c->a.size = parents[p]->a.size + 1;
            if (!known(s, list, found, c->row)) list[found++] = c;
        }
    }
    uint8_t *covered = s->member + s->settings->most_samples;
    for (size_t p = 0; p < parent_count; p++) {
        for (size_t i = 0; i < s->drawn; i++) s->member[i] = counts_for(s, i, parents[p]);
        for (size_t i = 0; i < s->settings->coverage; i++) covered[i] = covers(s, parents[p], i);
        for (size_t k = 0; k < found; k++) {
            if (list[k]->parent != parents[p]) continue;
            XAI_TRY(look_at_token(s, err));
            if (s->late) return XAI_OK;
            count_child(s, list[k], s->member, covered);
        }
    }
    *count = found;
    return XAI_OK;
}

/* ---------------------------------------------------------------- KL-LUCB */

/* Arms by rising mean; equal ones as they come. */
static void sort_arms(candidate *const *arms, size_t count, candidate **sorted)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = i;
        for (; at > 0 && mean_of(sorted[at - 1]) > mean_of(arms[i]); at--) sorted[at] = sorted[at - 1];
        sorted[at] = arms[i];
    }
}

/* The likeliest to belong up of the lower arms, and down of the upper ones. */
static double critical(candidate **sorted, size_t count, size_t top, double level, candidate *out[2])
{
    size_t low = count - top;
    out[0] = sorted[0];
    out[1] = sorted[low];
    for (size_t i = 0; i < count; i++) {
        candidate *c = sorted[i];
        if (i < low) c->upper = xai_kl_upper(mean_of(c), level / (double)c->a.samples);
        else c->lower = xai_kl_lower(mean_of(c), level / (double)c->a.samples);
        if (i < low && c->upper > out[0]->upper) out[0] = c;
        if (i >= low && c->lower < out[1]->lower) out[1] = c;
    }
    return out[0]->upper - out[1]->lower;
}

/* The `top` most precise arms, into chosen[top]. */
static xai_status choose(search *s, candidate **arms, size_t count, size_t top, candidate **chosen, xai_error *err)
{
    candidate **sorted = XAI_NEW(s->arena, candidate *, count), *pair[2];
    size_t fresh = 0;
    if (!sorted) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < count; i++)
        if (arms[i]->a.samples == 0) sorted[fresh++] = arms[i];
    if (fresh) XAI_TRY(draw(s, sorted, fresh, 1, err));
    if (count == top) {
        memcpy(chosen, arms, count * sizeof *arms);
        return XAI_OK;
    }
    sort_arms(arms, count, sorted);
    for (size_t t = 1; !s->stopped; t++) {
        XAI_TRY(look_at_token(s, err));
        double gap = critical(sorted, count, top, exploration(count, t, s->settings->delta), pair);
        if (gap <= s->settings->tau) break;
        XAI_TRY(draw(s, pair, 2, s->settings->batch, err));
        sort_arms(arms, count, sorted);
    }
    memcpy(chosen, sorted + count - top, top * sizeof *chosen);
    return XAI_OK;
}

/* ---------------------------------------------------------------- judging */

static void bound(candidate *c, double level)
{
    c->a.low = xai_kl_lower(mean_of(c), level / (double)c->a.samples);
    c->a.high = xai_kl_upper(mean_of(c), level / (double)c->a.samples);
}

static bool undecided(const search *s, const candidate *c)
{
    double t = s->settings->threshold, margin = s->settings->margin;
    return mean_of(c) >= t ? c->a.low < t - margin : c->a.high >= t + margin;
}

/* Samples on until every one is seen to be on one side. */
static xai_status judge(search *s, candidate **arms, size_t count, xai_error *err)
{
    double others = (double)((s->settings->beam - 1) * s->source->features);
    double level = log((1 + others) / s->settings->delta);
    candidate **open = XAI_NEW(s->arena, candidate *, count);
    if (!open) XAI_NO_MEMORY(err);
    for (;;) {
        size_t n = 0;
        XAI_TRY(look_at_token(s, err));
        for (size_t i = 0; i < count; i++) {
            bound(arms[i], level);
            if (undecided(s, arms[i])) open[n++] = arms[i];
        }
        if (n == 0 || s->stopped) break;
        XAI_TRY(draw(s, open, n, s->settings->batch, err));
    }
    for (size_t i = 0; i < count; i++)
        arms[i]->a.valid = mean_of(arms[i]) >= s->settings->threshold &&
                           arms[i]->a.low > s->settings->threshold - s->settings->margin;
    return XAI_OK;
}

/* Of the empty anchor: whether the answer holds whatever is hidden. */
static xai_status judge_empty(search *s, candidate *empty, bool *enough, xai_error *err)
{
    double level = log(1 / s->settings->delta), t = s->settings->threshold;
    XAI_TRY(draw(s, &empty, 1, s->settings->start, err));
    bound(empty, level);
    while (mean_of(empty) > t && empty->a.low < t - s->settings->tau && !s->stopped) {
        XAI_TRY(draw(s, &empty, 1, s->settings->batch, err));
        bound(empty, level);
    }
    *enough = empty->a.valid = empty->a.low > t;
    empty->a.coverage = 1;
    return XAI_OK;
}

/* ---------------------------------------------------------------- the levels */

static xai_status keep(search *s, candidate **list, size_t count, xai_error *err)
{
    if (s->kept_count + count > s->kept_room) {
        size_t room = 2 * (s->kept_count + count);
        candidate **more = XAI_NEW(s->arena, candidate *, room);
        if (!more) XAI_NO_MEMORY(err);
        if (s->kept_count) memcpy(more, s->kept, s->kept_count * sizeof *more);
        s->kept = more;
        s->kept_room = room;
    }
    memcpy(s->kept + s->kept_count, list, count * sizeof *list);
    s->kept_count += count;
    return XAI_OK;
}

/* One level more. *best: the valid anchor that covers most so far; NULL: none. *more: whether to go on. */
static xai_status climb(search *s, candidate **level, size_t *count, candidate **best, bool *more, xai_error *err)
{
    size_t beam = s->settings->beam, proposed, n = 0;
    candidate **list = XAI_NEW(s->arena, candidate *, s->source->features * *count), *before = *best;
    if (!list) XAI_NO_MEMORY(err);
    XAI_TRY(propose(s, level, *count, list, &proposed, err));
    for (size_t i = 0; i < proposed; i++)
        if (!before || list[i]->a.coverage > before->a.coverage) list[n++] = list[i];
    *more = n > 0;
    if (!*more) return XAI_OK;
    *count = beam < n ? beam : n;
    XAI_TRY(choose(s, list, n, *count, level, err));
    XAI_TRY(judge(s, level, *count, err));
    XAI_TRY(keep(s, level, *count, err));
    for (size_t i = 0; i < *count; i++)
        if (level[i]->a.valid && (!*best || level[i]->a.coverage > (*best)->a.coverage)) *best = level[i];
    *more = !s->stopped && !(*best != before && ((*best)->a.coverage == 1 || s->settings->first));
    return XAI_OK;
}

/* Where none is precise enough: the most precise of all that were chosen. */
static xai_status fall_back(search *s, candidate **best, xai_error *err)
{
    size_t n = s->kept_count - 1;
    if (n == 0) *best = s->kept[0];
    else XAI_TRY(choose(s, s->kept + 1, n, 1, best, err));
    return XAI_OK;
}

static xai_status make_room(search *s, xai_error *err)
{
    size_t samples = s->settings->most_samples, coverage = s->settings->coverage;
    s->rows = XAI_NEW(s->arena, uint64_t, samples * s->words);
    s->owner = XAI_NEW(s->arena, uint32_t, samples);
    s->label = XAI_NEW(s->arena, uint8_t, samples);
    s->covering = XAI_NEW(s->arena, uint64_t, coverage * s->words);
    s->member = XAI_NEW(s->arena, uint8_t, samples + coverage);
    if (!s->rows || !s->owner || !s->label || !s->covering || !s->member) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < coverage; i++) s->source->row(s->source->user, true, i, s->covering + i * s->words);
    return XAI_OK;
}

static xai_status give(const search *s, const candidate *best, xai_anchor_result *out, xai_error *err)
{
    *out = (xai_anchor_result){.chosen = XAI_NEW(s->arena, xai_anchor, s->kept_count), .count = s->kept_count,
                               .stopped = s->stopped, .late = s->late, .samples = s->drawn, .success = best->a.valid};
    if (!out->chosen) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < s->kept_count; i++) {
        out->chosen[i] = s->kept[i]->a;
        if (s->kept[i] == best) out->best = i;
    }
    return XAI_OK;
}

xai_status xai_anchor_search(const xai_anchor_source *source, const xai_anchor_settings *settings, xai_arena *arena,
                             xai_anchor_result *out, xai_error *err)
{
    search s = {.source = source, .settings = settings, .arena = arena, .words = source->words};
    size_t most = settings->most_size < source->features ? settings->most_size : source->features, count = 1;
    XAI_TRY(make_room(&s, err));
    candidate **level = XAI_NEW(arena, candidate *, settings->beam + 1), *empty = new_candidate(&s), *best = NULL;
    bool enough, more = true;
    if (!level || !empty) XAI_NO_MEMORY(err);
    level[0] = empty;
    XAI_TRY(keep(&s, level, 1, err));
    XAI_TRY(judge_empty(&s, empty, &enough, err));
    if (enough) return give(&s, empty, out, err);
    for (size_t size = 1; size <= most && more && !s.stopped; size++) XAI_TRY(climb(&s, level, &count, &best, &more, err));
    if (!best) XAI_TRY(fall_back(&s, &best, err));
    return give(&s, best, out, err);
}
