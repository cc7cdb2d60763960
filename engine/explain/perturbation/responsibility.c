/*
 * Responsibility: how much every pixel answers for the class, and a small set of pixels that is enough for it.
 *
 * A set of pixels suffices if the class, with the baseline everywhere else, keeps the share p_high of its score (or
 * stays the likeliest). Three steps:
 *   1. Trees. The picture is cut into four, all sixteen sets of parts are tried, and each part gets its degree of
 *      responsibility (causes.h). A part that is a cause is cut again, beside the others of the smallest set that needs
 *      it, and so on down to `cell` pixels; a pixel has the product of the degrees on its way. Each further tree cuts
 *      elsewhere; the map is the mean over the trees.
 *   2. Pixels in the order of the map, equal ones in reading order: the first count that suffices, by sections of 16.
 *   3. Tiles of `cell` pixels, the least responsible first, are hidden where the rest still suffices, in halves, until
 *      no single one can be. That is what the result says of its minimality, and no more.
 *
 * After Chockler, Kelly, Kroening and Sun, "Causal Explanations for Image Classifiers" (ReX), 2024, arXiv 2411.08875,
 * and their "Explanations for Occluded Images", ICCV 2021. Their tool differs: it draws its cuts at random, refines
 * every sufficient set and not the smallest one of each cause, lets a part's own degree replace its parent's, looks at
 * the likeliest class alone, and ends with step 2, in steps of many pixels. Scores are the engine's own; all is seeded.
 */
#include "explain/evaluate.h"
#include "causes.h"

#include <stdlib.h>
#include <string.h>

typedef struct responsibility_params {
    int64_t trees, cell, max_evals;
    int criterion, baseline;
    double p_high, sigma;
} responsibility_params;

enum { SHARE, ARGMAX };

static const xai_param PARAMS[] = {
    XAI_P_INT(responsibility_params, trees, 8, 1, 1000, "Ways to cut the picture: more is finer and slower."),
    XAI_P_INT(responsibility_params, cell, 8, 1, 256, "Sides of the smallest parts, in pixels."),
    XAI_P_INT(responsibility_params, max_evals, 1500, 64, 100000, "Forwards to spend on the trees, and again on the set."),
    XAI_P_ENUM(responsibility_params, criterion, SHARE, "share|argmax",
               "When pixels suffice: they keep a share of the score, or the class is the likeliest."),
    XAI_P_REAL(responsibility_params, p_high, 0.9, 0.01, 1, "That share of the whole picture's score."),
    XAI_P_ENUM(responsibility_params, baseline, XAI_BASELINE_MEAN, XAI_BASELINE_CHOICES, "What a hidden pixel shows."),
    XAI_P_REAL(responsibility_params, sigma, 10, 0.5, 100, "Blur of the baseline 'blur', in pixels."),
};

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    return 3 + 2 * (double)((const responsibility_params *)params)->max_evals;
}

enum { SECTIONS = 16, FEW = 2, SETS = 1 << XAI_MOST_PARTS };

typedef struct block {
    int top, left, bottom, right;
} block;

/* A part that is cut: which part of its parent it is, and the smallest set there that needs it. */
typedef struct node {
    block parts[XAI_MOST_PARTS];
    int count, index;
    unsigned set;
    size_t parent; /* its own number: it is a root */
    double weight;
} node;

typedef struct search {
    xai_task *task;
    const xai_context *context;
    const responsibility_params *params;
    float *baseline;
    size_t pixels, spent, room; /* the latter: nodes */
    node *nodes;
    size_t node_count, first; /* of the nodes that are being tried */
    float *values;
    int32_t *top1;
    double threshold, *map;
    float *mean;
    uint32_t *ranked;   /* pixels by falling responsibility */
    size_t *counts;     /* being tried: so many of them */
    uint8_t *shown;     /* the set */
    uint32_t *tile;     /* of every pixel */
    uint32_t *order;    /* tiles with pixels in the set, least responsible first */
    uint32_t *place;    /* of every tile: where it stands there */
    size_t tiles, from, chunk; /* being tried: to hide order[from + i * chunk ...] */
    bool stopped;
} search;

/* ---------------------------------------------------------------- verdicts */

static bool suffices(const search *s, size_t i)
{
    if (s->params->criterion == ARGMAX) return s->top1[i] == s->task->aim.target.class_index;
    return (double)s->values[i] >= s->threshold;
}

/* Runs `count` variants; false: time or budget is over, nothing is known of them. */
static xai_status try_all(search *s, xai_variant_fn make, size_t count, bool *done, xai_error *err)
{
    xai_variants variants = {.count = count, .make = make, .user = s};
    xai_scores scores = {.values = s->values, .top1 = s->top1};
    bool partial;
    *done = false;
    if (s->stopped || s->spent + count > (size_t)s->params->max_evals) return XAI_OK;
    XAI_TRY(xai_evaluate_until(s->task->context, &s->task->aim, &variants, 0, &scores, &partial, err));
    if (partial) s->stopped = s->task->result->partial = true;
    else s->spent += count;
    *done = !partial;
    return XAI_OK;
}

static void put_pixel(const search *s, size_t pixel, float *input)
{
    const xai_context *c = s->context;
    size_t width = (size_t)c->width, at = pixel / width * c->row_stride + pixel % width * c->x_stride;
    for (int ch = 0; ch < c->channels; ch++, at += c->channel_stride) input[at] = c->input[at];
}

static void put_block(const search *s, const block *b, float *input)
{
    for (int y = b->top; y < b->bottom; y++)
        for (int x = b->left; x < b->right; x++) put_pixel(s, (size_t)(y * s->context->width + x), input);
}

static void clear(const search *s, float *input)
{
    memcpy(input, s->baseline, s->context->input_count * sizeof *input);
}

/* ---------------------------------------------------------------- trees */

/* Between the quarters, or in the middle; 0: too short to cut. */
static int cut_of(const search *s, int length, bool middle, xai_rng *rng)
{
    int least = (int)s->params->cell, low = length / 4 > least ? length / 4 : least, high = length - low;
    if (length < 2 * least) return 0;
    return middle ? length / 2 : low + (int)xai_rng_below(rng, (uint32_t)(high - low) + 1);
}

/* Four parts, or two; 0: it is as small as parts get. */
static int cut_block(const search *s, const block *b, uint64_t tree, size_t number, block *parts)
{
    xai_rng rng = xai_rng_init(s->task->seed, tree << 32 | number);
    int dy = cut_of(s, b->bottom - b->top, tree == 0, &rng), dx = cut_of(s, b->right - b->left, tree == 0, &rng), n = 0;
    if (!dy && !dx) return 0;
    for (int row = 0; row < (dy ? 2 : 1); row++)
        for (int col = 0; col < (dx ? 2 : 1); col++)
            parts[n++] = (block){row ? b->top + dy : b->top, col ? b->left + dx : b->left,
                                 dy && !row ? b->top + dy : b->bottom, dx && !col ? b->left + dx : b->right};
    return n;
}

/* Variant i: set i % SETS of the parts of node first + i / SETS, beside what it was cut beside. */
static void show_set(const void *user, size_t index, float *input)
{
    const search *s = user;
    const node *n = &s->nodes[s->first + index / SETS];
    unsigned set = (unsigned)(index % SETS);
    clear(s, input);
    for (int j = 0; j < n->count; j++)
        if (set >> j & 1) put_block(s, &n->parts[j], input);
    for (const node *p; n->parent != (size_t)(n - s->nodes); n = p) {
        p = &s->nodes[n->parent];
        for (int j = 0; j < p->count; j++)
            if (j != n->index && n->set >> j & 1) put_block(s, &p->parts[j], input);
    }
}

static void paint(search *s, const block *b, double weight)
{
    for (int y = b->top; y < b->bottom; y++)
        for (int x = b->left; x < b->right; x++) s->map[y * s->context->width + x] += weight;
}

/* A cause is cut further, or painted. */
static void follow(search *s, uint64_t tree, size_t number, int j, const xai_cause *cause)
{
    const node *n = &s->nodes[number];
    node child = {.index = j, .set = cause->smallest, .parent = number, .weight = n->weight * cause->responsibility};
    child.count = s->node_count < s->room ? cut_block(s, &n->parts[j], tree, s->node_count, child.parts) : 0;
    if (child.count && cause->responsibility > 0) s->nodes[s->node_count++] = child;
    else paint(s, &n->parts[j], child.weight);
}

/* Nodes whose parts are not tried keep their own degree. */
static void paint_node(search *s, const node *n)
{
    for (int j = 0; j < n->count; j++) paint(s, &n->parts[j], n->weight);
}

enum { NODES_AT_A_TIME = 8 };

static xai_status grow(search *s, uint64_t tree, size_t budget, xai_error *err)
{
    const xai_context *c = s->context;
    node root = {.weight = 1};
    root.count = cut_block(s, &(block){0, 0, c->height, c->width}, tree, 0, root.parts);
    s->nodes[0] = root;
    s->node_count = root.count ? 1 : 0;
    for (s->first = 0; s->first < s->node_count;) {
        size_t left = s->node_count - s->first, n = left < NODES_AT_A_TIME ? left : NODES_AT_A_TIME;
        bool done = false;
        if (s->spent + n * SETS <= budget) XAI_TRY(try_all(s, show_set, n * SETS, &done, err));
        for (size_t i = s->first; i < s->first + n; i++) {
            xai_cause causes[XAI_MOST_PARTS];
            uint32_t verdicts = 0;
            if (!done) {
                paint_node(s, &s->nodes[i]);
                continue;
            }
            for (unsigned set = 0; set < SETS; set++)
                if (suffices(s, (i - s->first) * SETS + set)) verdicts |= 1U << set;
            xai_find_causes(s->nodes[i].count, verdicts, causes);
            for (int j = 0; j < s->nodes[i].count; j++) follow(s, tree, i, j, &causes[j]);
        }
        s->first += n;
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- the set */

static int by_responsibility(const void *a, const void *b, void *mean)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    float u = ((const float *)mean)[x], v = ((const float *)mean)[y];
    return u != v ? (u < v) - (u > v) : (x > y) - (x < y);
}

static void show_count(const void *user, size_t index, float *input)
{
    const search *s = user;
    clear(s, input);
    for (size_t i = 0; i < s->counts[index]; i++) put_pixel(s, s->ranked[i], input);
}

/* The first count of ranked pixels that suffices, as far as sections see: all below `low` were not tried one by one. */
static xai_status find_count(search *s, size_t *count, xai_error *err)
{
    size_t low = 0, high = s->pixels; /* low does not suffice, high does */
    while (high - low > 1) {
        size_t n = 0;
        bool done;
        for (size_t i = 1; i < SECTIONS; i++) {
            size_t at = low + (high - low) * i / SECTIONS;
            if (at > low && at < high && (n == 0 || at > s->counts[n - 1])) s->counts[n++] = at;
        }
        XAI_TRY(try_all(s, show_count, n, &done, err));
        if (!done) break;
        for (size_t i = 0; i < n; i++) {
            if (suffices(s, i)) {
                high = s->counts[i];
                break;
            }
            low = s->counts[i];
        }
    }
    *count = high;
    return XAI_OK;
}

static bool hidden(const search *s, size_t pixel, size_t index)
{
    size_t from = s->from + index * s->chunk, at = s->place[s->tile[pixel]];
    return at >= from && at < from + s->chunk;
}

static void show_without(const void *user, size_t index, float *input)
{
    const search *s = user;
    clear(s, input);
    for (size_t i = 0; i < s->pixels; i++)
        if (s->shown[i] && !hidden(s, i, index)) put_pixel(s, i, input);
}

static void number_tiles(search *s)
{
    for (size_t i = 0; i < s->tiles; i++) s->place[s->order[i]] = (uint32_t)i;
}

static void drop(search *s, size_t index)
{
    size_t from = s->from + index * s->chunk, end = from + s->chunk < s->tiles ? from + s->chunk : s->tiles;
    for (size_t i = 0; i < s->pixels; i++)
        if (hidden(s, i, index)) s->shown[i] = 0;
    memmove(s->order + from, s->order + end, (s->tiles - end) * sizeof *s->order);
    s->tiles -= end - from;
    number_tiles(s);
}

/* Tiles that hold pixels of the set, by their last pixel in the ranking, from behind. */
static void list_tiles(search *s, size_t count)
{
    size_t cell = (size_t)s->params->cell, width = (size_t)s->context->width, across = (width + cell - 1) / cell;
    for (size_t i = 0; i < s->pixels; i++) {
        s->tile[i] = (uint32_t)(i / width / cell * across + i % width / cell);
        s->place[i] = UINT32_MAX;
    }
    for (size_t i = count; i-- > 0;) {
        uint32_t t = s->tile[s->ranked[i]];
        s->shown[s->ranked[i]] = 1;
        if (s->place[t] != UINT32_MAX) continue;
        s->place[t] = 0;
        s->order[s->tiles++] = t;
    }
    number_tiles(s);
}

/* One pass over the tiles in chunks. *dropped: how many chunks were hidden; *done: the pass was complete. What follows a
 * hidden chunk was tried beside it, and is tried again: so fewer at a time where many can be hidden. */
static xai_status sweep(search *s, size_t *dropped, bool *done, xai_error *err)
{
    *dropped = 0;
    *done = true;
    size_t most = FEW;
    for (s->from = 0; s->from < s->tiles && s->tiles > 1;) {
        size_t left = (s->tiles - s->from + s->chunk - 1) / s->chunk, n = left < most ? left : most, i = 0;
        XAI_TRY(try_all(s, show_without, n, done, err));
        if (!*done) return XAI_OK;
        while (i < n && !suffices(s, i)) i++;
        if (i < n) drop(s, i);
        *dropped += i < n;
        most = i < n ? FEW : 2 * most < SECTIONS ? 2 * most : SECTIONS;
        s->from += i * s->chunk;
    }
    return XAI_OK;
}

/* Hides chunks while the rest suffices; *minimal: no single tile could be hidden from the set as it is. */
static xai_status shrink(search *s, bool *minimal, xai_error *err)
{
    size_t dropped = 0;
    *minimal = false;
    for (s->chunk = s->tiles / 4 ? s->tiles / 4 : 1; !*minimal; s->chunk = s->chunk > 1 ? s->chunk / 2 : 1) {
        bool done;
        XAI_TRY(sweep(s, &dropped, &done, err));
        if (!done) return XAI_OK;
        *minimal = s->chunk == 1 && dropped == 0;
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- run */

static xai_status make_room(search *s, xai_error *err)
{
    xai_arena *arena = s->task->arena;
    s->room = (size_t)s->params->max_evals / SETS + 1;
    size_t variants = SETS * NODES_AT_A_TIME;
    bool fits = (s->baseline = XAI_NEW(arena, float, s->context->input_count)) &&
                (s->nodes = XAI_NEW(arena, node, s->room + XAI_MOST_PARTS)) &&
                (s->values = XAI_NEW(arena, float, variants)) && (s->top1 = XAI_NEW(arena, int32_t, variants)) &&
                (s->map = XAI_NEW(arena, double, s->pixels)) && (s->mean = XAI_NEW(arena, float, s->pixels)) &&
                (s->ranked = XAI_NEW(arena, uint32_t, s->pixels)) &&
                (s->counts = XAI_NEW(arena, size_t, SECTIONS)) && (s->shown = XAI_NEW(arena, uint8_t, s->pixels)) &&
                (s->tile = XAI_NEW(arena, uint32_t, s->pixels)) && (s->order = XAI_NEW(arena, uint32_t, s->pixels)) &&
                (s->place = XAI_NEW(arena, uint32_t, s->pixels));
    if (!fits) XAI_NO_MEMORY(err);
    return XAI_OK;
}

/* Trees until time or budget is over; the mean over them to `mean`. */
static xai_status plant(search *s, xai_error *err)
{
    size_t trees = (size_t)s->params->trees, budget = (size_t)s->params->max_evals, grown = 0;
    for (; grown < trees && (grown == 0 || (!s->stopped && s->spent + SETS <= budget)); grown++) {
        size_t until = budget * (grown + 1) / trees;
        XAI_TRY(grow(s, grown, until > s->spent + SETS ? until : s->spent + SETS, err));
        XAI_CHECK(!s->stopped || s->spent, err, DEADLINE, "", "the deadline came before the first parts were tried");
    }
    for (size_t i = 0; i < s->pixels; i++) s->mean[i] = (float)(s->map[i] / (double)grown);
    xai_token_advance(s->context->token, (double)(budget - s->spent));
    return XAI_OK;
}

typedef struct outcome {
    size_t count;    /* of ranked pixels, before tiles were hidden */
    bool minimal, checked; /* the latter: what follows is known */
    double set, rest; /* scores of the set, and of everything else */
    bool set_suffices, rest_suffices;
} outcome;

/* Variant 0: the set; 1: everything else. By pixels, not by what the search had composed. */
static void show_either(const void *user, size_t index, float *input)
{
    const search *s = user;
    clear(s, input);
    for (size_t i = 0; i < s->pixels; i++)
        if (s->shown[i] == (index == 0)) put_pixel(s, i, input);
}

static xai_status find_set(search *s, outcome *out, xai_error *err)
{
    bool done;
    size_t searched;
    for (size_t i = 0; i < s->pixels; i++) s->ranked[i] = (uint32_t)i;
    qsort_r(s->ranked, s->pixels, sizeof *s->ranked, by_responsibility, s->mean);
    searched = s->spent;
    s->spent = 0;
    XAI_TRY(find_count(s, &out->count, err));
    list_tiles(s, out->count);
    XAI_TRY(shrink(s, &out->minimal, err));
    xai_token_advance(s->context->token, (double)((size_t)s->params->max_evals - s->spent));
    searched += s->spent;
    s->spent = 0;
    XAI_TRY(try_all(s, show_either, 2, &done, err));
    s->spent = searched + (done ? 2 : 0);
    out->checked = done;
    if (!done) return XAI_OK;
    out->set = (double)s->values[0];
    out->rest = (double)s->values[1];
    out->set_suffices = suffices(s, 0);
    out->rest_suffices = suffices(s, 1);
    return XAI_OK;
}

static void add_claim(xai_doc *rows, xai_arena *arena, const char *claim, bool holds)
{
    xai_doc *row = xai_doc_array(arena);
    xai_doc_push(row, xai_doc_text(arena, claim));
    xai_doc_push(row, xai_doc_bool(arena, holds));
    xai_doc_push(rows, row);
}

static xai_status add_certificate(const search *s, const outcome *o, xai_error *err)
{
    xai_arena *arena = s->task->arena;
    xai_doc *table = xai_doc_object(arena), *columns = xai_doc_array(arena), *rows = xai_doc_array(arena);
    xai_doc_push(columns, xai_doc_text(arena, "claim"));
    xai_doc_push(columns, xai_doc_text(arena, "holds"));
    add_claim(rows, arena, "The set alone suffices.", o->set_suffices);
    add_claim(rows, arena, "It does not without any one of its tiles.", o->minimal);
    add_claim(rows, arena, "Everything else does not suffice.", !o->rest_suffices);
    xai_doc_put(table, "columns", columns);
    xai_doc_put(table, "rows", rows);
    return xai_task_add_doc(s->task, "certificate", XAI_ARTIFACT_TABLE, table, err);
}

static xai_status add_set(const search *s, const outcome *o, xai_error *err)
{
    xai_task *task = s->task;
    float *set = XAI_NEW(task->arena, float, s->pixels);
    size_t size = 0;
    if (!set) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < s->pixels; i++) size += s->shown[i];
    for (size_t i = 0; i < s->pixels; i++) set[i] = s->shown[i];
    XAI_TRY(xai_task_add_metric(task, "area", (double)size / (double)s->pixels, err));
    XAI_TRY(xai_task_add_metric(task, "ranked_area", (double)o->count / (double)s->pixels, err));
    XAI_TRY(xai_task_add_metric(task, "evaluations", (double)s->spent, err));
    XAI_TRY(xai_task_add_map(task, "set", set, s->context->height, s->context->width, err));
    if (!o->checked) return XAI_OK;
    XAI_TRY(xai_task_add_metric(task, "set_value", o->set, err));
    XAI_TRY(xai_task_add_metric(task, "rest_value", o->rest, err));
    return add_certificate(s, o, err);
}

/* Whether the whole picture suffices and the empty one does not: else there is nothing to find, and a warning. */
static xai_status is_asked_well(search *s, bool *well, xai_error *err)
{
    bool done, share = s->params->criterion == SHARE;
    int64_t likeliest = xai_aim_top_class(&s->task->aim, s->context->base_logits);
    s->threshold = s->params->p_high * s->task->base;
    *well = false;
    if (share && !(s->task->base > 0))
        return xai_task_warn(s->task, err, "The whole picture's score is not above 0: there is no share of it to keep.");
    if (!share && likeliest != s->task->aim.target.class_index)
        return xai_task_warn(s->task, err, "The class is not the likeliest one of the whole picture: nothing is enough for "
                                           "it.");
    s->counts[0] = 0;
    XAI_TRY(try_all(s, show_count, 1, &done, err));
    XAI_CHECK(done, err, DEADLINE, "", "the deadline came before the first sets of pixels were tried");
    s->spent = 0;
    *well = !suffices(s, 0);
    if (*well) return XAI_OK;
    return xai_task_warn(s->task, err, "The baseline alone suffices: no pixel is needed. Take another baseline.");
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const responsibility_params *p = params;
    const xai_context *c = task->context;
    search s = {.task = task, .context = c, .params = p, .pixels = (size_t)c->height * (size_t)c->width};
    outcome o = {.count = s.pixels};
    bool well;
    XAI_TRY(make_room(&s, err));
    XAI_TRY(xai_context_baseline(c, (xai_baseline)p->baseline, p->sigma, s.baseline, err));
    XAI_TRY(is_asked_well(&s, &well, err));
    if (well) XAI_TRY(plant(&s, err));
    XAI_TRY(xai_task_add_map(task, "map", s.mean, c->height, c->width, err));
    if (!well) return XAI_OK;
    XAI_TRY(find_set(&s, &o, err));
    if (s.stopped) XAI_TRY(xai_task_warn(task, err, "The time ended: the map is coarser, and the set larger than need be."));
    return add_set(&s, &o, err);
}

const xai_method xai_method_responsibility = {
    .info = {.id = "responsibility", .title = "Responsibility", .family = "perturbation",
             .summary = "How much every pixel answers for the class, and a small set of pixels that is enough for it.",
             .paper = "arXiv:2411.08875", .version = 1, .needs = "forward", .cost = "up to 3003 forwards",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(responsibility_params),
    .needs = XAI_NEEDS_PROBABILITY,
    .lanes = 1 << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_PROBABILITY,
    .cost = cost,
    .run = run,
};
