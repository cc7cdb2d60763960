/*
 * From the records of the SAG study to its tables and its plot.
 *
 * Coverage at k is the share of the photos that were measured for which a series has an explanation of at most k patches;
 * photos without one count as not covered. Intervals are of one bootstrap over the photos. Pure.
 */
#include "render/plot.h"
#include "sag_study.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_SERIES = 32, RESAMPLES = 2000 };

/* What is told of a run, as columns of numbers over the photos. */
typedef enum measure { PATCHES, MSES, DIVERSE_0, DIVERSE_1, EVALS, SECONDS, CPU_SECONDS, MEASURES } measure;
static const char *const KEYS[MEASURES] = {"patches", "mses", "diverse_0", "diverse_1", "evals", "seconds", "cpu_seconds"};

typedef struct series {
    const char *name, *kind, *region;
    double *values[MEASURES]; /* of each photo; NaN: none. PATCHES: infinite where no set was found */
    xai_interval *coverage;   /* [count]: at 1, 2, ... patches */
} series;

typedef struct report {
    const xai_sag_study *study;
    const xai_doc *const *records;
    size_t photos; /* in the set */
    int patches;   /* of a photo */
    xai_arena *arena;
    xai_bootstrap bootstrap;
    series list[MOST_SERIES];
    size_t count;
} report;

static series *find_series(report *r, const char *name)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->list[i].name, name) == 0) return &r->list[i];
    return NULL;
}

static xai_status add_series(report *r, const xai_doc *run, series **out, xai_error *err)
{
    XAI_CHECK(r->count < MOST_SERIES, err, TOO_LARGE, "", "the study has more than %d series", MOST_SERIES);
    series *s = *out = &r->list[r->count++];
    *s = (series){.name = xai_record_text(run, "name"), .kind = xai_record_text(run, "kind"), .region = xai_record_text(run, "region")};
    XAI_CHECK(s->kind && s->region, err, BAD_REQUEST, "", "a record of the study is not of its form");
    for (int m = 0; m < MEASURES; m++) {
        if (!(s->values[m] = XAI_NEW(r->arena, double, r->photos))) XAI_NO_MEMORY(err);
        for (size_t i = 0; i < r->photos; i++) s->values[m][i] = (double)NAN;
    }
    return XAI_OK;
}

static xai_status read_run(report *r, size_t photo, const xai_doc *run, xai_error *err)
{
    const char *name = xai_record_text(run, "name");
    XAI_CHECK(name, err, BAD_REQUEST, "", "a record of the study is not of its form");
    series *s = find_series(r, name);
    if (!s) XAI_TRY(add_series(r, run, &s, err));
    if (xai_record_failed(run)) return XAI_OK;
    for (int m = 0; m < MEASURES; m++) s->values[m][photo] = xai_record_number(run, KEYS[m]);
    if (isnan(s->values[PATCHES][photo])) s->values[PATCHES][photo] = INFINITY;
    return XAI_OK;
}

static xai_status read_records(report *r, xai_error *err)
{
    for (size_t i = 0; i < r->photos; i++) {
        const xai_doc *runs = r->records[i] ? xai_doc_get(r->records[i], "runs") : NULL;
        for (const xai_doc *run = runs ? runs->first : NULL; run; run = run->next) XAI_TRY(read_run(r, i, run, err));
    }
    return XAI_OK;
}

static xai_status cover(const report *r, series *s, xai_error *err)
{
    double *covered = XAI_NEW(r->arena, double, r->photos);
    s->coverage = XAI_NEW(r->arena, xai_interval, (size_t)r->patches);
    if (!covered || !s->coverage) XAI_NO_MEMORY(err);
    for (int k = 1; k <= r->patches; k++) {
        for (size_t i = 0; i < r->photos; i++) {
            double patches = s->values[PATCHES][i];
            covered[i] = isnan(patches) ? (double)NAN : patches <= k ? 1 : 0;
        }
        XAI_TRY(xai_bootstrap_interval(&r->bootstrap, XAI_STATISTIC_MEAN, covered, r->arena, &s->coverage[k - 1], err));
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- tables */

static const xai_column SERIES[] = {
    {"series", "Patches by", XAI_COLUMN_TEXT, 0},
    {"photos", "Photos", XAI_COLUMN_NUMBER, 0},
    {"at_5", "At most 5", XAI_COLUMN_INTERVAL, 2},
    {"at_10", "At most 10", XAI_COLUMN_INTERVAL, 2},
    {"at_20", "At most 20", XAI_COLUMN_INTERVAL, 2},
    {"median_patches", "Median patches", XAI_COLUMN_INTERVAL, 1},
    {"mses", "MSEs found", XAI_COLUMN_INTERVAL, 2},
    {"diverse_0", "MSEs, none shared", XAI_COLUMN_INTERVAL, 2},
    {"diverse_1", "MSEs, at most 1 shared", XAI_COLUMN_INTERVAL, 2},
    {"median_evals", "Evaluations (median)", XAI_COLUMN_INTERVAL, 0},
    {"evals", "Evaluations (mean)", XAI_COLUMN_INTERVAL, 0},
    {"seconds", "Seconds (mean)", XAI_COLUMN_INTERVAL, 2},
    {"cpu_seconds", "CPU seconds (mean)", XAI_COLUMN_INTERVAL, 2},
};
enum { SERIES_COLUMNS = sizeof SERIES / sizeof SERIES[0] };

static xai_status interval_of(const report *r, const double *values, xai_statistic statistic, xai_interval *out,
                              xai_error *err)
{
    return xai_bootstrap_interval(&r->bootstrap, statistic, values, r->arena, out, err);
}

/* The median of the patches, where none found counts as more than there are. */
static xai_status median_patches(const report *r, const series *s, xai_interval *out, xai_error *err)
{
    double *values = XAI_NEW(r->arena, double, r->photos);
    if (!values) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < r->photos; i++) {
        double v = s->values[PATCHES][i];
        values[i] = isinf(v) ? r->patches + 1 : v;
    }
    return interval_of(r, values, XAI_STATISTIC_MEDIAN, out, err);
}

static xai_interval covered_at(const report *r, const series *s, int k)
{
    const xai_interval none = {.value = (double)NAN, .low = (double)NAN, .high = (double)NAN};
    return k <= r->patches ? s->coverage[k - 1] : none;
}

static xai_status fill_row(const report *r, const series *s, xai_cell *row, xai_error *err)
{
    static const struct {
        measure what;
        xai_statistic statistic;
        int column;
    } OTHERS[] = {{MSES, XAI_STATISTIC_MEAN, 6},   {DIVERSE_0, XAI_STATISTIC_MEAN, 7}, {DIVERSE_1, XAI_STATISTIC_MEAN, 8},
                  {EVALS, XAI_STATISTIC_MEDIAN, 9}, {EVALS, XAI_STATISTIC_MEAN, 10},    {SECONDS, XAI_STATISTIC_MEAN, 11},
                  {CPU_SECONDS, XAI_STATISTIC_MEAN, 12}};
    row[0].text = s->name;
    row[1].interval.value = (double)s->coverage[0].n;
    row[2].interval = covered_at(r, s, 5);
    row[3].interval = covered_at(r, s, 10);
    row[4].interval = covered_at(r, s, 20);
    XAI_TRY(median_patches(r, s, &row[5].interval, err));
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++)
        XAI_TRY(interval_of(r, s->values[OTHERS[i].what], OTHERS[i].statistic, &row[OTHERS[i].column].interval, err));
    return XAI_OK;
}

static xai_status series_table(const report *r, xai_table *out, xai_error *err)
{
    xai_cell *cells = XAI_NEW(r->arena, xai_cell, r->count * SERIES_COLUMNS);
    if (!cells) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < r->count; i++) XAI_TRY(fill_row(r, &r->list[i], cells + i * SERIES_COLUMNS, err));
    *out = (xai_table){.columns = SERIES, .column_count = SERIES_COLUMNS, .cells = cells, .rows = r->count};
    return XAI_OK;
}

static const xai_column COVERAGE[] = {{"series", "Patches by", XAI_COLUMN_TEXT, 0},
                                      {"patches", "At most", XAI_COLUMN_NUMBER, 0},
                                      {"share", "Share of photos", XAI_COLUMN_INTERVAL, 3}};

static xai_status coverage_table(const report *r, xai_table *out, xai_error *err)
{
    size_t rows = r->count * (size_t)r->patches;
    xai_cell *cells = XAI_NEW(r->arena, xai_cell, 3 * rows), *cell = cells;
    if (!cells) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < r->count; i++)
        for (int k = 1; k <= r->patches; k++, cell += 3) {
            cell[0].text = r->list[i].name;
            cell[1].interval.value = k;
            cell[2].interval = r->list[i].coverage[k - 1];
        }
    *out = (xai_table){.columns = COVERAGE, .column_count = 3, .cells = cells, .rows = rows};
    return XAI_OK;
}

/* ---------------------------------------------------------------- plot */

/* A series by its colour, its kind of patch by the dash. */
static int colour_of(const report *r, size_t which)
{
    const char *name = r->list[which].name;
    size_t head = strcspn(name, ",");
    int colour = 0;
    for (size_t i = 0; i < which; i++) {
        size_t length = strcspn(r->list[i].name, ",");
        bool same = length == head && strncmp(r->list[i].name, name, head) == 0, first = true;
        for (size_t k = 0; k < i; k++)
            if (strcspn(r->list[k].name, ",") == length && strncmp(r->list[k].name, r->list[i].name, length) == 0) first = false;
        if (same) return colour;
        colour += first;
    }
    return colour;
}

static xai_status line_of(const report *r, size_t which, xai_plot_line *out, xai_error *err)
{
    const series *s = &r->list[which];
    size_t n = (size_t)r->patches;
    double *v = XAI_NEW(r->arena, double, 4 * n);
    if (!v) XAI_NO_MEMORY(err);
    for (size_t k = 0; k < n; k++) {
        v[k] = (double)k + 1;
        v[n + k] = s->coverage[k].value;
        v[2 * n + k] = s->coverage[k].low;
        v[3 * n + k] = s->coverage[k].high;
    }
    *out = (xai_plot_line){.name = s->name, .x = v, .y = v + n, .low = v + 2 * n, .high = v + 3 * n, .count = n,
                           .colour = colour_of(r, which), .dash = strcmp(s->region, "tent") != 0};
    return XAI_OK;
}

static xai_status plot(const report *r, xai_artifact *out, xai_error *err)
{
    char note[200];
    const xai_sag_study_options *o = &r->study->options;
    xai_plot_line *lines = XAI_NEW(r->arena, xai_plot_line, r->count);
    if (!lines) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < r->count; i++) XAI_TRY(line_of(r, i, &lines[i], err));
    snprintf(note, sizeof note, "%.60s, %zu photos, %lld x %lld patches, %.3g of the whole photo's probability; bands: 95 %%",
             xai_model_describe(r->study->model)->id, r->count ? r->list[0].coverage[0].n : 0, (long long)o->grid,
             (long long)o->grid, o->p_high);
    xai_plot_lines p = {.title = "Photos explained by at most k patches", .note = note, .x_label = "patches k",
                        .y_label = "share of photos", .x_low = 0, .x_high = r->patches, .y_low = 0, .y_high = 1,
                        .percent = true, .lines = lines, .count = r->count};
    return xai_render_lines(&p, "coverage", r->arena, out, err);
}

/* ---------------------------------------------------------------- together */

static xai_status summarise(const report *r, xai_study_report *out, xai_error *err)
{
    size_t done = 0, right = 0, labelled = 0;
    for (size_t i = 0; i < r->photos; i++) {
        double is_right = r->records[i] ? xai_record_number(r->records[i], "right") : (double)NAN;
        done += r->records[i] && !xai_record_failed(r->records[i]);
        labelled += isfinite(is_right);
        right += is_right > 0;
    }
    xai_doc *doc = out->summary = xai_doc_object(r->arena);
    if (!doc) XAI_NO_MEMORY(err);
    xai_doc_put(doc, "protocol", xai_sag_study_protocol(r->study, r->arena));
    xai_doc_put_int(doc, "photos", (int64_t)r->photos);
    xai_doc_put_int(doc, "measured", (int64_t)done);
    xai_doc_put_int(doc, "labelled", (int64_t)labelled);
    xai_doc_put_int(doc, "right", (int64_t)right);
    xai_doc_put(doc, "failures", xai_study_failures(r->records, r->photos, r->arena));
    xai_doc_put(doc, "series", xai_table_doc(&out->tables[0].table, r->arena));
    xai_doc_put(doc, "coverage", xai_table_doc(&out->tables[1].table, r->arena));
    if (!xai_doc_ok(doc)) XAI_NO_MEMORY(err);
    return XAI_OK;
}

xai_status xai_sag_study_report(const xai_sag_study *study, const xai_doc *const *records, size_t count, xai_arena *arena,
                                xai_study_report *out, xai_error *err)
{
    report *r = XAI_NEW(arena, report, 1);
    if (!r) XAI_NO_MEMORY(err);
    *r = (report){.study = study, .records = records, .photos = count, .arena = arena,
                  .patches = (int)(study->options.grid * study->options.grid)};
    XAI_TRY(xai_bootstrap_init(&r->bootstrap, count, RESAMPLES, study->seed, arena, err));
    XAI_TRY(read_records(r, err));
    for (size_t i = 0; i < r->count; i++) XAI_TRY(cover(r, &r->list[i], err));
    *out = (xai_study_report){.table_count = 2, .tables = {{.name = "series"}, {.name = "coverage"}}};
    XAI_TRY(series_table(r, &out->tables[0].table, err));
    XAI_TRY(coverage_table(r, &out->tables[1].table, err));
    if (r->count) XAI_TRY(plot(r, &out->plots[out->plot_count++], err));
    return summarise(r, out, err);
}
