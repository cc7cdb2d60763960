/* A grade and what it is compared with. One thread; what is run is spread by evaluate.h. */
#include "compare.h"

#include "image/upsample.h"
#include "yardstick.h"

#include <math.h>
#include <string.h>

xai_status xai_comparison_init(xai_comparison *c, const xai_metric_item *item, xai_grading *grading, xai_error *err)
{
    *c = (xai_comparison){.item = item, .grading = grading, .edges = NAN};
    const xai_metric *m = item->metric;
    return m->prepare ? m->prepare(grading, item->params, &c->state, err) : XAI_OK;
}

/* ---------------------------------------------------------------- one run */

/* Runs the metric on a map; what `use` does not take out of the finding is gone afterwards. */
typedef xai_status (*use_fn)(xai_comparison *c, void *user, const xai_finding *found, xai_error *err);

/* A method that cannot run again as asked (other weights let the scores overflow, say) has no grade; the rest has. */
static bool is_refusal(const xai_metric *m, xai_status status)
{
    xai_class class = xai_status_class(status);
    return (m->needs & XAI_METRIC_METHOD) && (class == XAI_CLASS_UNSUPPORTED || status == XAI_E_BAD_MODEL);
}

static xai_status run(xai_comparison *c, const xai_graded *map, use_fn use, void *user, xai_error *err)
{
    const xai_metric *m = c->item->metric;
    xai_grading *g = c->grading;
    xai_finding found = {0};
    g->scratch = xai_arena_new(XAI_GRADE_MEMORY);
    if (!g->scratch) XAI_NO_MEMORY(err);
    xai_status status = xai_token_check(g->context->token, err);
    xai_error why = {0};
    if (status == XAI_OK) {
        status = m->run(g, c->item->params, c->state, map, &found, &why);
        if (is_refusal(m, status)) {
            found = (xai_finding){.refusal = why.msg};
            status = XAI_OK;
        } else if (status != XAI_OK && err) *err = why;
    }
    if (status == XAI_OK && !found.refusal && !isfinite(found.value))
        status = XAI_ERROR_SET(err, BAD_MODEL, m->info.id, "%s is not a finite number: the model overflows on variants of "
                               "this input", m->info.id);
    if (status == XAI_OK) status = use(c, user, &found, err);
    xai_arena_free(g->scratch);
    g->scratch = NULL;
    return status;
}

/* ---------------------------------------------------------------- yardsticks */

static xai_status add_line(xai_arena *arena, const xai_finding *found, double share, xai_kept_line *line, xai_error *err)
{
    if (!found->line_count) return XAI_OK;
    const xai_line *from = &found->lines[0];
    if (!line->count) {
        line->x = XAI_NEW(arena, double, from->count);
        line->y = XAI_NEW(arena, double, from->count);
        if (!line->x || !line->y) XAI_NO_MEMORY(err);
        line->count = from->count;
        memcpy(line->x, from->x, from->count * sizeof *from->x);
    }
    for (size_t i = 0; i < line->count && i < from->count; i++) line->y[i] += share * from->y[i];
    return XAI_OK;
}

static xai_status take_random(xai_comparison *c, void *user, const xai_finding *found, xai_error *err)
{
    xai_random_grades *r = user;
    if (found->refusal) return XAI_OK;
    r->values[r->count++] = found->value;
    return add_line(c->grading->arena, found, 1, &r->mean, err);
}

static xai_status take_edges(xai_comparison *c, void *user, const xai_finding *found, xai_error *err)
{
    (void)user;
    c->edges = found->refusal ? (double)NAN : found->value;
    return add_line(c->grading->arena, found, 1, &c->edge_line, err);
}

static xai_status measure_random(xai_comparison *c, xai_random_grades *r, float *raw, float *values, xai_error *err)
{
    const xai_grading *g = c->grading;
    xai_graded map = {.values = values, .raw = raw, .rows = r->rows, .cols = r->cols};
    for (int64_t i = 0; i < c->item->random; i++) {
        xai_yardstick_random(g->seed, (size_t)i, r->rows, r->cols, raw);
        xai_upsample_bilinear(raw, r->rows, r->cols, values, g->height, g->width, false);
        XAI_TRY(run(c, &map, take_random, r, err));
    }
    for (size_t i = 0; i < r->mean.count; i++) r->mean.y[i] /= (double)r->count;
    return XAI_OK;
}

/* Room for a map's raw values and for those at the input's size, in an arena of their own. */
static xai_arena *map_room(const xai_grading *g, int rows, int cols, float **raw, float **values)
{
    xai_arena *arena = xai_arena_new(XAI_GRADE_MEMORY);
    *raw = arena ? XAI_NEW(arena, float, (size_t)rows * (size_t)cols) : NULL;
    *values = arena ? XAI_NEW(arena, float, (size_t)g->height * (size_t)g->width) : NULL;
    if (*raw && *values) return arena;
    xai_arena_free(arena);
    return NULL;
}

static xai_status find_random(xai_comparison *c, int rows, int cols, const xai_random_grades **out, xai_error *err)
{
    const xai_grading *g = c->grading;
    float *raw, *values;
    for (*out = c->random; *out; *out = (*out)->next)
        if ((*out)->rows == rows && (*out)->cols == cols) return XAI_OK;
    xai_random_grades *r = XAI_NEW(g->arena, xai_random_grades, 1);
    if (!r || !(r->values = XAI_NEW(g->arena, double, (size_t)c->item->random))) XAI_NO_MEMORY(err);
    r->rows = rows;
    r->cols = cols;
    xai_arena *arena = map_room(g, rows, cols, &raw, &values);
    if (!arena) XAI_NO_MEMORY(err);
    xai_status status = measure_random(c, r, raw, values, err);
    xai_arena_free(arena);
    r->next = c->random;
    if (status == XAI_OK) *out = c->random = r;
    return status;
}

static xai_status find_edges(xai_comparison *c, xai_error *err)
{
    const xai_grading *g = c->grading;
    float *raw, *values;
    if (c->edges_known || !c->item->compared) return XAI_OK;
    xai_arena *arena = map_room(g, 1, 1, &raw, &values);
    if (!arena) XAI_NO_MEMORY(err);
    xai_yardstick_edges(g->context, values);
    xai_graded map = {.values = values, .raw = values, .rows = g->height, .cols = g->width};
    xai_status status = run(c, &map, take_edges, NULL, err);
    xai_arena_free(arena);
    c->edges_known = status == XAI_OK;
    return status;
}

/* ---------------------------------------------------------------- a grade */

static void place(const xai_comparison *c, const xai_random_grades *r, xai_grade *out)
{
    bool lower = c->item->metric->info.better == XAI_BETTER_LOWER;
    double beaten = 0, sum = 0;
    for (size_t i = 0; i < r->count; i++) {
        double other = r->values[i];
        sum += other;
        if (other == out->value) beaten += 0.5;
        else if (lower ? other > out->value : other < out->value) beaten++;
    }
    out->random_count = r->count;
    if (!r->count) return;
    out->random_mean = sum / (double)r->count;
    out->percentile = 100 * beaten / (double)r->count;
}

static xai_doc *numbers(xai_arena *arena, const double *values, size_t count)
{
    xai_doc *array = xai_doc_array(arena);
    for (size_t i = 0; i < count; i++) xai_doc_push(array, xai_doc_real(arena, values[i]));
    return array;
}

static void add_series(xai_doc *series, const char *name, const double *x, const double *y, size_t count)
{
    xai_doc *line = xai_doc_object(series->arena);
    if (!count) return;
    xai_doc_put_text(line, "name", name);
    xai_doc_put(line, "x", numbers(series->arena, x, count));
    xai_doc_put(line, "y", numbers(series->arena, y, count));
    xai_doc_push(series, line);
}

static xai_status add_curve(const xai_comparison *c, const xai_finding *found, const xai_random_grades *r,
                            xai_explanation *e, xai_arena *arena, xai_grade *out, xai_error *err)
{
    xai_doc *doc = xai_doc_object(arena), *series = xai_doc_array(arena);
    if (!doc || !series) XAI_NO_MEMORY(err);
    xai_doc_put_text(doc, "form", "lines");
    xai_doc_put_text(doc, "title", c->item->metric->info.title);
    xai_doc_put_text(doc, "x_label", found->x_label);
    xai_doc_put_text(doc, "y_label", found->y_label);
    for (size_t i = 0; i < found->line_count; i++) {
        const xai_line *l = &found->lines[i];
        add_series(series, l->name ? l->name : "this map", l->x, l->y, l->count);
    }
    const char *of = found->line_count > 1 ? found->lines[0].name : NULL; /* the line that others are compared by */
    const char *random = of ? xai_arena_printf(arena, "random maps, %s", of) : "random maps, mean";
    const char *edges = of ? xai_arena_printf(arena, "edges, %s", of) : "edges";
    if (r) add_series(series, random, r->mean.x, r->mean.y, r->mean.count);
    add_series(series, edges, c->edge_line.x, c->edge_line.y, c->edge_line.count);
    xai_doc_put(doc, "series", series);
    out->curve = out->name;
    return xai_task_add_doc(&(xai_task){.arena = arena, .result = e}, out->curve, XAI_ARTIFACT_CURVE, doc, err);
}

typedef struct graded {
    const xai_random_grades *random; /* NULL: there are none */
    xai_explanation *explanation;
    xai_arena *arena;
    xai_grade *out;
} graded;

static xai_status take_grade(xai_comparison *c, void *user, const xai_finding *found, xai_error *err)
{
    const graded *k = user;
    if (found->refusal) {
        k->out->refusal = xai_arena_strdup(k->arena, found->refusal);
        if (!k->out->refusal) XAI_NO_MEMORY(err);
        return XAI_OK;
    }
    k->out->value = found->value;
    k->out->edges = c->edges;
    if (k->random) place(c, k->random, k->out);
    xai_task task = {.arena = k->arena, .result = k->explanation};
    XAI_TRY(xai_task_add_metric(&task, k->out->name, found->value, err));
    if (found->note) XAI_TRY(xai_task_warn(&task, err, "%s: %s", k->out->name, found->note));
    return found->line_count ? add_curve(c, found, k->random, k->explanation, k->arena, k->out, err) : XAI_OK;
}

xai_status xai_comparison_grade(xai_comparison *c, const xai_graded *map, xai_explanation *e, xai_arena *arena,
                                xai_grade *out, xai_error *err)
{
    graded k = {.explanation = e, .arena = arena, .out = out};
    if (c->item->compared) XAI_TRY(find_random(c, map->rows, map->cols, &k.random, err));
    XAI_TRY(find_edges(c, err));
    return run(c, map, take_grade, &k, err);
}
