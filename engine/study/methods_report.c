/*
 * From the records of the study of methods to its tables and its plot.
 *
 * On every photo the methods are ranked by each metric that says which way is better; a method without a grade there
 * shares the last ranks, and a metric that graded nobody is passed over. A method's mean rank is over photos and
 * metrics; intervals are of one bootstrap over the photos. Pure.
 */
#include "methods_study.h"
#include "render/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { RESAMPLES = 2000, FIXED = 3 };

typedef struct report {
    const xai_methods_study *study;
    const xai_doc *const *records;
    size_t photos, methods, metrics;
    xai_arena *arena;
    xai_bootstrap bootstrap;
    double *values;      /* [method][metric][photo]; NaN: none */
    double *percentiles; /* the same */
    double *edges;       /* [metric][photo] */
    double *ranks;       /* [method][photo]: the mean over the metrics */
    double *seconds, *cpu_seconds; /* [method][photo] */
    xai_interval *value, *percentile; /* [method][metric] */
    xai_interval *edge;               /* [metric] */
    xai_interval rank[XAI_STUDY_MOST_METHODS], second[XAI_STUDY_MOST_METHODS], cpu_second[XAI_STUDY_MOST_METHODS];
    size_t order[XAI_STUDY_MOST_METHODS]; /* the methods, best first */
} report;

static double *cell(const report *r, double *table, size_t method, size_t metric)
{
    return table + (method * r->metrics + metric) * r->photos;
}

/* ---------------------------------------------------------------- read */

static xai_status new_numbers(report *r, size_t count, double **out, xai_error *err)
{
    size_t n;
    XAI_CHECK(!__builtin_mul_overflow(count, r->photos, &n), err, TOO_LARGE, "", "the study has too many photos");
    if (!(*out = XAI_NEW(r->arena, double, n))) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < n; i++) (*out)[i] = (double)NAN;
    return XAI_OK;
}

static xai_status make_room(report *r, xai_error *err)
{
    XAI_TRY(new_numbers(r, r->methods * r->metrics, &r->values, err));
    XAI_TRY(new_numbers(r, r->methods * r->metrics, &r->percentiles, err));
    XAI_TRY(new_numbers(r, r->metrics, &r->edges, err));
    XAI_TRY(new_numbers(r, r->methods, &r->ranks, err));
    XAI_TRY(new_numbers(r, r->methods, &r->seconds, err));
    XAI_TRY(new_numbers(r, r->methods, &r->cpu_seconds, err));
    r->value = XAI_NEW(r->arena, xai_interval, r->methods * r->metrics);
    r->percentile = XAI_NEW(r->arena, xai_interval, r->methods * r->metrics);
    r->edge = XAI_NEW(r->arena, xai_interval, r->metrics);
    if (!r->value || !r->percentile || !r->edge) XAI_NO_MEMORY(err);
    return XAI_OK;
}

static void read_row(report *r, size_t photo, const xai_doc *row)
{
    const char *name = xai_record_text(row, "name");
    const xai_doc *grades = xai_doc_get(row, "grades");
    size_t i = 0;
    while (name && i < r->methods && strcmp(r->study->methods[i].name, name) != 0) i++;
    if (!name || i == r->methods) return;
    r->seconds[i * r->photos + photo] = xai_record_number(row, "seconds");
    r->cpu_seconds[i * r->photos + photo] = xai_record_number(row, "cpu_seconds");
    for (size_t m = 0; grades && m < r->metrics; m++) {
        const xai_doc *grade = xai_doc_get(grades, r->study->metrics[m].name);
        if (!grade) continue;
        cell(r, r->values, i, m)[photo] = xai_record_number(grade, "value");
        cell(r, r->percentiles, i, m)[photo] = xai_record_number(grade, "percentile");
        double edges = xai_record_number(grade, "edges");
        if (isfinite(edges)) r->edges[m * r->photos + photo] = edges;
    }
}

/* ---------------------------------------------------------------- rank */

static xai_better better(const report *r, size_t metric) { return xai_methods_study_better(r->study, metric); }

/* Adds the ranks by one metric on one photo; whether it ranked anybody. */
static bool add_ranks(const report *r, size_t photo, size_t metric, double *sums)
{
    double values[XAI_STUDY_MOST_METHODS], ranks[XAI_STUDY_MOST_METHODS];
    bool any = false;
    for (size_t i = 0; i < r->methods; i++) {
        values[i] = cell(r, r->values, i, metric)[photo];
        any = any || isfinite(values[i]);
    }
    if (!any) return false;
    xai_rank(values, r->methods, better(r, metric) == XAI_BETTER_HIGHER, ranks);
    for (size_t i = 0; i < r->methods; i++) sums[i] += ranks[i];
    return true;
}

static void rank_photo(report *r, size_t photo)
{
    double sums[XAI_STUDY_MOST_METHODS] = {0};
    int counted = 0;
    for (size_t m = 0; m < r->metrics; m++)
        if (better(r, m) != XAI_BETTER_NONE) counted += add_ranks(r, photo, m, sums);
    for (size_t i = 0; counted && i < r->methods; i++) r->ranks[i * r->photos + photo] = sums[i] / counted;
}

static xai_status mean_of(const report *r, const double *values, xai_interval *out, xai_error *err)
{
    return xai_bootstrap_interval(&r->bootstrap, XAI_STATISTIC_MEAN, values, r->arena, out, err);
}

static xai_status measure(report *r, xai_error *err)
{
    for (size_t m = 0; m < r->metrics; m++) XAI_TRY(mean_of(r, r->edges + m * r->photos, &r->edge[m], err));
    for (size_t i = 0; i < r->methods; i++) {
        XAI_TRY(mean_of(r, r->ranks + i * r->photos, &r->rank[i], err));
        XAI_TRY(mean_of(r, r->seconds + i * r->photos, &r->second[i], err));
        XAI_TRY(mean_of(r, r->cpu_seconds + i * r->photos, &r->cpu_second[i], err));
        for (size_t m = 0; m < r->metrics; m++) {
            XAI_TRY(mean_of(r, cell(r, r->values, i, m), &r->value[i * r->metrics + m], err));
            XAI_TRY(mean_of(r, cell(r, r->percentiles, i, m), &r->percentile[i * r->metrics + m], err));
        }
        size_t at = i;
        for (; at > 0 && !(r->rank[r->order[at - 1]].value <= r->rank[i].value) && isfinite(r->rank[i].value); at--)
            r->order[at] = r->order[at - 1];
        r->order[at] = i;
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- tables */

static const char *const ARROWS[] = {"", " \u2191", " \u2193"};

static xai_status name_columns(const report *r, const char *what, bool arrows, xai_column *columns, xai_error *err)
{
    columns[0] = (xai_column){"method", "Method", XAI_COLUMN_TEXT, 0};
    columns[1] = (xai_column){"mean_rank", "Mean rank", XAI_COLUMN_INTERVAL, 2};
    columns[2] = (xai_column){"photos", "Photos", XAI_COLUMN_NUMBER, 0};
    for (size_t m = 0; m < r->metrics; m++) {
        const char *name = r->study->metrics[m].name;
        const char *title = xai_arena_printf(r->arena, "%s%s", name, arrows ? ARROWS[better(r, m)] : "");
        const char *key = xai_arena_printf(r->arena, "%s%s", name, what);
        if (!title || !key) XAI_NO_MEMORY(err);
        columns[FIXED + m] = (xai_column){key, title, XAI_COLUMN_INTERVAL, arrows ? 3 : 0};
    }
    columns[FIXED + r->metrics] = (xai_column){"seconds", "Seconds", XAI_COLUMN_NUMBER, 3};
    columns[FIXED + r->metrics + 1] = (xai_column){"cpu_seconds", "CPU seconds", XAI_COLUMN_NUMBER, 3};
    return XAI_OK;
}

static const xai_interval NOTHING = {.value = (double)NAN, .low = (double)NAN, .high = (double)NAN};

/* The grades, or the percentiles among random maps; the photo's edges come last. */
static xai_status make_table(const report *r, bool percentiles, xai_table *out, xai_error *err)
{
    size_t columns = FIXED + r->metrics + 2, rows = r->methods + !percentiles;
    xai_column *heads = XAI_NEW(r->arena, xai_column, columns);
    xai_cell *cells = XAI_NEW(r->arena, xai_cell, rows * columns);
    if (!heads || !cells) XAI_NO_MEMORY(err);
    XAI_TRY(name_columns(r, percentiles ? "_percentile" : "", !percentiles, heads, err));
    for (size_t k = 0; k < rows; k++) {
        xai_cell *row = cells + k * columns;
        bool edges = k == r->methods;
        size_t i = edges ? 0 : r->order[k];
        row[0].text = edges ? "(edges of the photo)" : r->study->methods[i].name;
        row[1].interval = edges ? NOTHING : r->rank[i];
        row[2].interval.value = edges ? (double)NAN : (double)r->second[i].n;
        for (size_t m = 0; m < r->metrics; m++)
            row[FIXED + m].interval = edges ? r->edge[m] : (percentiles ? r->percentile : r->value)[i * r->metrics + m];
        row[FIXED + r->metrics].interval = edges ? NOTHING : r->second[i];
        row[FIXED + r->metrics + 1].interval = edges ? NOTHING : r->cpu_second[i];
    }
    *out = (xai_table){.columns = heads, .column_count = columns, .cells = cells, .rows = rows};
    return XAI_OK;
}

/* ---------------------------------------------------------------- plot */

static xai_status fill_panel(const report *r, const xai_table *t, size_t column, xai_better way, xai_plot_panel *out,
                             xai_error *err)
{
    static const char *const NOTES[] = {"", "higher is better", "lower is better"};
    double *v = XAI_NEW(r->arena, double, 3 * r->methods);
    if (!v) XAI_NO_MEMORY(err);
    *out = (xai_plot_panel){.title = t->columns[column].name, .note = NOTES[way], .value = v, .low = v + r->methods,
                            .high = v + 2 * r->methods, .best = -1};
    for (size_t k = 0; k < r->methods; k++) {
        const xai_interval *i = &t->cells[k * t->column_count + column].interval;
        v[k] = i->value;
        v[r->methods + k] = i->low;
        v[2 * r->methods + k] = i->high;
        bool beats = out->best < 0 || (way == XAI_BETTER_HIGHER ? v[k] > v[out->best] : v[k] < v[out->best]);
        if (way != XAI_BETTER_NONE && isfinite(v[k]) && beats) out->best = (int)k;
    }
    return XAI_OK;
}

static xai_status plot(const report *r, const xai_table *t, xai_artifact *out, xai_error *err)
{
    char note[240];
    const char *rows[XAI_STUDY_MOST_METHODS];
    xai_plot_panel panels[XAI_STUDY_MOST_METRICS + 1];
    size_t graded = 0;
    for (size_t k = 0; k < r->methods; k++) rows[k] = r->study->methods[r->order[k]].name;
    for (size_t i = 0; i < r->photos; i++) graded += isfinite(r->ranks[i]);
    XAI_TRY(fill_panel(r, t, 1, XAI_BETTER_LOWER, &panels[0], err));
    panels[0].title = "mean rank";
    for (size_t m = 0; m < r->metrics; m++) XAI_TRY(fill_panel(r, t, FIXED + m, better(r, m), &panels[m + 1], err));
    snprintf(note, sizeof note, "%.60s, %zu photos; means with 95 %% intervals; the best in orange",
             xai_model_describe(r->study->model)->id, graded);
    xai_plot_panels p = {.title = "Methods by metrics", .note = note, .rows = rows, .row_count = r->methods, .panels = panels,
                         .count = r->metrics + 1};
    return xai_render_panels(&p, "methods", r->arena, out, err);
}

/* ---------------------------------------------------------------- together */

/* What failed on a photo that was otherwise measured. */
static xai_doc *method_failures(const report *r)
{
    xai_doc *list = xai_doc_array(r->arena);
    for (size_t i = 0; list && i < r->photos; i++) {
        const xai_doc *rows = r->records[i] ? xai_doc_get(r->records[i], "methods") : NULL;
        for (const xai_doc *row = rows ? rows->first : NULL; row; row = row->next) {
            xai_doc *failure = xai_record_failed(row) ? xai_doc_object(r->arena) : NULL;
            if (!failure) continue;
            xai_doc_put_text(failure, "file", xai_record_text(r->records[i], "file"));
            xai_doc_put_text(failure, "method", xai_record_text(row, "name"));
            xai_doc_put_text(failure, "error", xai_record_text(row, "error"));
            xai_doc_put_text(failure, "reason", xai_record_text(row, "reason"));
            xai_doc_push(list, failure);
        }
    }
    return list;
}

static xai_status summarise(const report *r, xai_study_report *out, xai_error *err)
{
    size_t done = 0;
    for (size_t i = 0; i < r->photos; i++) done += r->records[i] && !xai_record_failed(r->records[i]);
    xai_doc *doc = out->summary = xai_doc_object(r->arena);
    if (!doc) XAI_NO_MEMORY(err);
    xai_doc_put(doc, "protocol", xai_methods_study_protocol(r->study, r->arena));
    xai_doc_put_int(doc, "photos", (int64_t)r->photos);
    xai_doc_put_int(doc, "measured", (int64_t)done);
    xai_doc_put(doc, "failures", xai_study_failures(r->records, r->photos, r->arena));
    xai_doc_put(doc, "method_failures", method_failures(r));
    xai_doc_put(doc, "methods", xai_table_doc(&out->tables[0].table, r->arena));
    xai_doc_put(doc, "percentiles", xai_table_doc(&out->tables[1].table, r->arena));
    if (!xai_doc_ok(doc)) XAI_NO_MEMORY(err);
    return XAI_OK;
}

static xai_status read_records(report *r, xai_error *err)
{
    XAI_TRY(make_room(r, err));
    for (size_t i = 0; i < r->photos; i++) {
        const xai_doc *rows = r->records[i] ? xai_doc_get(r->records[i], "methods") : NULL;
        for (const xai_doc *row = rows ? rows->first : NULL; row; row = row->next) read_row(r, i, row);
        rank_photo(r, i);
    }
    return XAI_OK;
}

xai_status xai_methods_study_report(const xai_methods_study *study, const xai_doc *const *records, size_t count,
                                    xai_arena *arena, xai_study_report *out, xai_error *err)
{
    report *r = XAI_NEW(arena, report, 1);
    if (!r) XAI_NO_MEMORY(err);
    *r = (report){.study = study, .records = records, .photos = count, .methods = study->method_count,
                  .metrics = study->metric_count, .arena = arena};
    XAI_TRY(xai_bootstrap_init(&r->bootstrap, count, RESAMPLES, study->seed, arena, err));
    XAI_TRY(read_records(r, err));
    XAI_TRY(measure(r, err));
    *out = (xai_study_report){.table_count = 2, .tables = {{.name = "methods"}, {.name = "percentiles"}}};
    XAI_TRY(make_table(r, false, &out->tables[0].table, err));
    XAI_TRY(make_table(r, true, &out->tables[1].table, err));
    XAI_TRY(plot(r, &out->tables[0].table, &out->plots[out->plot_count++], err));
    return summarise(r, out, err);
}
