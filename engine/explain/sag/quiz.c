/*
 * Choosing pairs: sets are drawn and scored in batches until enough pairs of both sorts are among them.
 *
 * Sets of a size are drawn in turn from a sufficient set with a few regions exchanged, from the hottest regions with a
 * few exchanged, and from all: the first score high though they may be cool, the second may be hot without a part that
 * matters. Draws depend on (seed, index), scores are the oracle's: the same questions every time. One thread.
 */
#include "quiz.h"

#include <assert.h>
#include <math.h>

#include "base/rng.h"

enum { BATCH = 64, MAX_DRAWS = 2048, ORDER = 1 << 20 }; /* ORDER: the stream that shuffles */

typedef struct candidate {
    xai_mask mask;
    xai_sag_score score;
    double heat;
    int size;
    bool used;
} candidate;

typedef struct pair {
    uint16_t a, b;
} pair;

typedef struct quiz {
    const xai_quiz_settings *settings;
    xai_sag_oracle *oracle;
    int *hottest; /* regions, the hottest first */
    candidate *list;
    size_t count;
    pair *pairs[2]; /* by misleading */
    size_t pair_count[2], room;
} quiz;

/* ---------------------------------------------------------------- drawing sets */

static void rank_heat(quiz *q)
{
    for (int i = 0; i < q->settings->count; i++) {
        int at = i;
        for (; at > 0 && q->settings->heat[q->hottest[at - 1]] < q->settings->heat[i]; at--)
            q->hottest[at] = q->hottest[at - 1];
        q->hottest[at] = i;
    }
}

/* A region of the mask, or outside of it; -1 if there is none. */
static int draw_region(const quiz *q, xai_rng *rng, xai_mask mask, bool inside)
{
    int list[XAI_MASK_MAX];
    xai_mask from = inside ? mask : xai_mask_minus(xai_mask_full(q->settings->count), mask);
    int n = xai_mask_list(from, list);
    return n ? list[xai_rng_below(rng, (uint32_t)n)] : -1;
}

/* Regions are taken away or added at random until there are `size`. */
static xai_mask fit(const quiz *q, xai_rng *rng, xai_mask mask, int size)
{
    while (xai_mask_count(mask) > size) mask = xai_mask_without(mask, draw_region(q, rng, mask, true));
    while (xai_mask_count(mask) < size) mask = xai_mask_with(mask, draw_region(q, rng, mask, false));
    return mask;
}

static xai_mask exchange(const quiz *q, xai_rng *rng, xai_mask mask, uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        int out = draw_region(q, rng, mask, true), in = draw_region(q, rng, mask, false);
        if (out < 0 || in < 0) return mask;
        mask = xai_mask_with(xai_mask_without(mask, out), in);
    }
    return mask;
}

/* In turn the sizes of the sufficient sets, and shares of the whole. */
static int size_of_draw(const quiz *q, size_t index)
{
    const xai_quiz_settings *s = q->settings;
    size_t turn = index / 4 % (s->sufficient + 3);
    int size = turn < s->sufficient ? xai_mask_count(s->shown[turn])
                                    : s->count * (int)(turn - s->sufficient + 1) / 4;
    return size < 1 ? 1 : size >= s->count ? s->count - 1 : size;
}

static xai_mask draw_set(const quiz *q, size_t index)
{
    const xai_quiz_settings *s = q->settings;
    xai_rng rng = xai_rng_init(s->seed, index);
    int size = size_of_draw(q, index);
    xai_mask mask = {{0}};
    size_t way = index % 4;
    if (way < 2 && s->sufficient) {
        mask = fit(q, &rng, s->shown[xai_rng_below(&rng, (uint32_t)s->sufficient)], size);
        return exchange(q, &rng, mask, 1 + xai_rng_below(&rng, 2));
    }
    if (way == 2) {
        for (int i = 0; i < size; i++) mask = xai_mask_with(mask, q->hottest[i]);
        return exchange(q, &rng, mask, 1 + xai_rng_below(&rng, 1 + (uint32_t)size / 3));
    }
    return fit(q, &rng, mask, size);
}

static bool is_new(const quiz *q, xai_mask mask)
{
    for (size_t i = 0; i < q->settings->shown_count; i++)
        if (xai_mask_equal(q->settings->shown[i], mask)) return false;
    for (size_t i = 0; i < q->count; i++)
        if (xai_mask_equal(q->list[i].mask, mask)) return false;
    return true;
}

/* ---------------------------------------------------------------- pairs */

/* 1: misleading, 0: not, -1: no pair. */
static int sort_of_pair(const quiz *q, const candidate *a, const candidate *b)
{
    double apart = (double)a->score.p - (double)b->score.p, hotter = a->heat - b->heat;
    if (a->size != b->size || fabs(apart) < q->settings->gap || fabs(hotter) < 1e-9) return -1;
    return apart > 0 ? hotter < 0 : hotter > 0;
}

static void pair_up(quiz *q, size_t fresh)
{
    for (size_t b = fresh; b < q->count; b++)
        for (size_t a = 0; a < b; a++) {
            int sort = sort_of_pair(q, &q->list[a], &q->list[b]);
            if (sort >= 0 && q->pair_count[sort] < q->room)
                q->pairs[sort][q->pair_count[sort]++] = (pair){(uint16_t)a, (uint16_t)b};
        }
}

static void shuffle(xai_rng *rng, pair *list, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t k = xai_rng_below(rng, (uint32_t)i);
        pair kept = list[k];
        list[k] = list[i - 1];
        list[i - 1] = kept;
    }
}

/* Pairs of one sort, none of which shares a set with another that was taken, to taken[most]. */
static size_t take(quiz *q, int sort, size_t most, pair *taken)
{
    size_t n = 0;
    for (size_t i = 0; i < q->pair_count[sort] && n < most; i++) {
        candidate *a = &q->list[q->pairs[sort][i].a], *b = &q->list[q->pairs[sort][i].b];
        if (a->used || b->used) continue;
        a->used = b->used = true;
        taken[n++] = q->pairs[sort][i];
    }
    return n;
}

/* The rarer sort first; as many of one as of the other. */
static size_t choose(quiz *q, xai_rng *rng, pair *taken)
{
    size_t half = q->settings->pairs / 2;
    int rare = q->pair_count[1] <= q->pair_count[0];
    for (size_t i = 0; i < q->count; i++) q->list[i].used = false;
    for (int sort = 0; sort < 2; sort++) shuffle(rng, q->pairs[sort], q->pair_count[sort]);
    size_t first = take(q, rare, half, taken), second = take(q, !rare, first, taken + first);
    for (size_t i = 0; i < second; i++) taken[second + i] = taken[first + i];
    return 2 * second;
}

static xai_quiz_question question_of(const quiz *q, pair p, bool turned)
{
    const candidate *a = &q->list[turned ? p.b : p.a], *b = &q->list[turned ? p.a : p.b];
    return (xai_quiz_question){.mask = {a->mask, b->mask}, .score = {a->score, b->score}, .heat = {a->heat, b->heat},
                               .misleading = sort_of_pair(q, a, b) == 1};
}

/* ---------------------------------------------------------------- the whole */

/* The next batch of new sets; *next is where drawing goes on. */
static xai_status draw_batch(quiz *q, size_t *next, size_t most, xai_arena *arena, xai_error *err)
{
    size_t fresh = q->count;
    xai_mask *masks = XAI_NEW(arena, xai_mask, BATCH);
    xai_sag_score *scores = XAI_NEW(arena, xai_sag_score, BATCH);
    if (!masks || !scores) XAI_NO_MEMORY(err);
    while (q->count - fresh < most && *next < MAX_DRAWS) {
        xai_mask mask = draw_set(q, (*next)++);
        if (!is_new(q, mask)) continue;
        masks[q->count - fresh] = mask;
        q->list[q->count++] = (candidate){.mask = mask, .size = xai_mask_count(mask)};
    }
    XAI_TRY(xai_sag_oracle_ask(q->oracle, masks, q->count - fresh, scores, err));
    for (size_t i = fresh; i < q->count; i++) {
        int list[XAI_MASK_MAX], n = xai_mask_list(q->list[i].mask, list);
        q->list[i].score = scores[i - fresh];
        for (int k = 0; k < n; k++) q->list[i].heat += q->settings->heat[list[k]];
    }
    pair_up(q, fresh);
    return XAI_OK;
}

static xai_status run(quiz *q, xai_arena *arena, xai_quiz_question *questions, size_t *found, xai_error *err)
{
    const xai_quiz_settings *s = q->settings;
    xai_rng rng = xai_rng_init(s->seed, ORDER);
    pair *taken = XAI_NEW(arena, pair, s->pairs);
    if (!taken) XAI_NO_MEMORY(err);
    size_t n = 0;
    for (size_t next = 0; n < s->pairs && next < MAX_DRAWS && q->count < s->max_evals;) {
        size_t left = s->max_evals - q->count;
        XAI_TRY(draw_batch(q, &next, left < BATCH ? left : BATCH, arena, err));
        n = choose(q, &rng, taken);
    }
    shuffle(&rng, taken, n);
    for (size_t i = 0; i < n; i++) questions[i] = question_of(q, taken[i], xai_rng_below(&rng, 2));
    *found = n;
    return XAI_OK;
}

xai_status xai_quiz_choose(const xai_quiz_settings *s, xai_sag_evaluate_fn evaluate, void *user, xai_token *token,
                           xai_arena *arena, xai_quiz_question *questions, size_t *found, xai_error *err)
{
    assert(s->count >= 1 && s->count <= XAI_MASK_MAX && s->pairs >= 2 && s->pairs % 2 == 0);
    *found = 0;
    if (s->count < 2) return XAI_OK; /* superpixels may be one: there are no two sets to compare */
    quiz q = {.settings = s, .hottest = XAI_NEW(arena, int, (size_t)s->count),
              .list = XAI_NEW(arena, candidate, MAX_DRAWS + BATCH), .room = (size_t)1 << 16};
    for (int sort = 0; sort < 2; sort++) q.pairs[sort] = XAI_NEW(arena, pair, q.room);
    if (!q.hottest || !q.list || !q.pairs[0] || !q.pairs[1]) XAI_NO_MEMORY(err);
    rank_heat(&q);
    XAI_TRY(xai_sag_oracle_new(evaluate, user, token, s->max_evals, &q.oracle, err));
    xai_status status = run(&q, arena, questions, found, err);
    xai_sag_oracle_free(q.oracle);
    return status;
}
