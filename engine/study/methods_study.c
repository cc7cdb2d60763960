/*
 * The work of the study of methods on one photo.
 *
 * Each method runs by itself, so that its failure is its own and its seconds are known; then all that gave a map are
 * graded together, so that what random maps get is found once for the photo, its target and each size of map. One
 * thread.
 */
#include "methods_study.h"

#include "expected.h"
#include "explain/method.h"
#include "focus.h"
#include "metrics/map.h"
#include "stopwatch.h"

#include <math.h>
#include <string.h>

typedef struct subject {
    const xai_methods_study *study;
    const xai_study_photo *photo;
    xai_target target;
    xai_target expected;
    bool has_expected;
    xai_doc *rows[XAI_STUDY_MOST_METHODS], *grades[XAI_STUDY_MOST_METHODS];
    xai_result *results[XAI_STUDY_MOST_METHODS]; /* NULL: it failed */
} subject;

static xai_request request_of(const subject *u)
{
    return (xai_request){.model = u->study->model, .image = u->photo->image, .targets = &u->target, .target_count = 1,
                         .seed = u->study->seed, .top = 1};
}

/* ---------------------------------------------------------------- target */

/* The class, and what a person expects. */
static xai_status look(subject *u, xai_error *err)
{
    const xai_study_photo *p = u->photo;
    xai_study_look look = {u->study->model, u->study->pool, u->study->token, u->study->label};
    xai_result *seen;
    XAI_TRY(xai_study_target(&look, p, &u->target, &seen, err));
    xai_status status = xai_photo_expected(p->set, p->photo, p->image, seen->crop, seen->view_height, seen->view_width,
                                           p->arena, &u->expected, &u->has_expected, err);
    xai_result_free(seen);
    return status;
}

/* ---------------------------------------------------------------- explain */

static xai_status explain(subject *u, size_t i, xai_error *err)
{
    xai_request request = request_of(u);
    request.calls = &u->study->methods[i].call;
    request.call_count = 1;
    xai_stopwatch watch = xai_stopwatch_now();
    XAI_TRY(xai_explain(&request, u->study->pool, u->study->token, &u->results[i], err));
    watch = xai_stopwatch_since(&watch);
    xai_stopwatch_put(u->rows[i], &watch);
    const xai_explanation *e = &u->results[i]->explanations[0];
    xai_doc_put_real(u->rows[i], "forwards", e->forwards);
    xai_doc_put_real(u->rows[i], "backwards", e->backwards);
    XAI_CHECK(xai_map_of(e), err, UNSUPPORTED, e->method->id, "%s gives no map", e->method->id);
    return XAI_OK;
}

static xai_status explain_all(subject *u, xai_error *err)
{
    xai_arena *arena = u->photo->arena;
    for (size_t i = 0; i < u->study->method_count; i++) {
        xai_error why = {0};
        if (!(u->rows[i] = xai_doc_object(arena))) XAI_NO_MEMORY(err);
        xai_doc_put_text(u->rows[i], "name", u->study->methods[i].name);
        xai_status status = explain(u, i, &why);
        if (status == XAI_OK) continue;
        if (xai_study_ends(status)) {
            if (err) *err = why;
            return status;
        }
        xai_result_free(u->results[i]);
        u->results[i] = NULL;
        xai_doc_put_text(u->rows[i], "error", xai_status_id(status));
        xai_doc_put_text(u->rows[i], "reason", why.msg);
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- grade */

static xai_doc *grade_doc(const xai_grade *g, xai_arena *arena)
{
    xai_doc *doc = xai_doc_object(arena);
    if (!doc) return NULL;
    if (g->refusal) {
        xai_doc_put_text(doc, "refusal", g->refusal);
        return doc;
    }
    xai_doc_put_real(doc, "value", g->value);
    xai_doc_put_real(doc, "random", g->random_count ? g->random_mean : (double)NAN);
    xai_doc_put_real(doc, "percentile", g->percentile);
    xai_doc_put_real(doc, "edges", g->edges);
    return doc;
}

static bool is_focus(const xai_methods_study *s, size_t metric)
{
    return strcmp(s->metrics[metric].call.id, XAI_FOCUS_ID) == 0;
}

static bool needs_region(const xai_methods_study *s, size_t metric)
{
    return !is_focus(s, metric) && strcmp(xai_metric_find(s->metrics[metric].call.id)->needs, "expected") == 0;
}

/* The metrics that can be asked of this photo, and which of the study's they are. */
static size_t list_metrics(const xai_methods_study *s, bool has_region, xai_metric_call *calls, size_t *which)
{
    size_t n = 0;
    for (size_t i = 0; i < s->metric_count; i++) {
        if (is_focus(s, i) || (needs_region(s, i) && !has_region)) continue;
        which[n] = i;
        calls[n++] = s->metrics[i].call;
    }
    return n;
}

static void put_grades(const subject *u, const xai_result *result, const size_t *methods, const size_t *metrics)
{
    for (size_t k = 0; k < result->explanation_count; k++) {
        const xai_explanation *e = &result->explanations[k];
        for (size_t m = 0; m < e->grade_count; m++)
            xai_doc_put(u->grades[methods[k]], u->study->metrics[metrics[m]].name,
                        grade_doc(&e->grades[m], u->photo->arena));
    }
}

/* The explanations of all results in the first, which makes one request of them. */
static xai_status gather(const subject *u, xai_method_call *calls, size_t *which, xai_result **out, xai_error *err)
{
    size_t count = 0;
    *out = NULL;
    for (size_t i = 0; i < u->study->method_count; i++)
        if (u->results[i]) which[count++] = i;
    if (!count) return XAI_OK;
    xai_explanation *all = XAI_NEW(u->photo->arena, xai_explanation, count);
    if (!all) XAI_NO_MEMORY(err);
    for (size_t k = 0; k < count; k++) {
        all[k] = u->results[which[k]]->explanations[0];
        calls[k] = u->study->methods[which[k]].call;
    }
    *out = u->results[which[0]];
    (*out)->explanations = all;
    (*out)->explanation_count = count;
    return XAI_OK;
}

static xai_status grade_all(subject *u, xai_error *err)
{
    xai_method_call calls[XAI_STUDY_MOST_METHODS];
    xai_metric_call metrics[XAI_STUDY_MOST_METRICS];
    size_t which[XAI_STUDY_MOST_METHODS], asked[XAI_STUDY_MOST_METRICS];
    xai_result *result;
    XAI_TRY(gather(u, calls, which, &result, err));
    size_t metric_count = list_metrics(u->study, u->has_expected, metrics, asked);
    if (!result || !metric_count) return XAI_OK;
    xai_request request = request_of(u);
    request.calls = calls;
    request.call_count = result->explanation_count;
    request.metrics = metrics;
    request.metric_count = metric_count;
    request.expected = u->has_expected ? &u->expected : NULL;
    xai_stopwatch watch = xai_stopwatch_now();
    XAI_TRY(xai_grade_result(&request, u->study->pool, u->study->token, result, err));
    XAI_CHECK(!result->partial, err, DEADLINE, "", "the deadline passed before the photo was graded");
    watch = xai_stopwatch_since(&watch);
    xai_doc *grading = xai_doc_object(u->photo->arena);
    if (grading) xai_stopwatch_put(grading, &watch);
    xai_doc_put(u->photo->record, "grading", grading);
    put_grades(u, result, which, asked);
    return XAI_OK;
}

static xai_status focus_all(subject *u, xai_error *err)
{
    double values[XAI_STUDY_MOST_METHODS];
    for (size_t m = 0; m < u->study->metric_count; m++) {
        if (!is_focus(u->study, m)) continue;
        xai_error why = {0};
        xai_status status = xai_study_focus(u->study, u->photo, u->rows, values, &why);
        if (xai_study_ends(status)) {
            if (err) *err = why;
            return status;
        }
        for (size_t i = 0; i < u->study->method_count; i++) {
            xai_doc *grade = xai_doc_object(u->photo->arena);
            if (grade && status == XAI_OK) xai_doc_put_real(grade, "value", values[i]);
            else if (grade) xai_doc_put_text(grade, "refusal", why.msg); /* a photo of the mosaic is broken */
            xai_doc_put(u->grades[i], u->study->metrics[m].name, grade);
        }
    }
    return XAI_OK;
}

static xai_status study_photo(subject *u, xai_error *err)
{
    XAI_TRY(look(u, err));
    XAI_TRY(explain_all(u, err));
    for (size_t i = 0; i < u->study->method_count; i++)
        if (!(u->grades[i] = xai_doc_object(u->photo->arena))) XAI_NO_MEMORY(err);
    XAI_TRY(grade_all(u, err));
    XAI_TRY(focus_all(u, err));
    for (size_t i = 0; i < u->study->method_count; i++) xai_doc_put(u->rows[i], "grades", u->grades[i]);
    xai_doc *rows = xai_doc_array(u->photo->arena);
    if (!rows) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < u->study->method_count; i++) xai_doc_push(rows, u->rows[i]);
    xai_doc_put(u->photo->record, "methods", rows);
    return XAI_OK;
}

xai_status xai_methods_study_work(void *user, const xai_study_photo *photo, xai_error *err)
{
    subject *u = XAI_NEW(photo->arena, subject, 1);
    if (!u) XAI_NO_MEMORY(err);
    u->study = user;
    u->photo = photo;
    xai_status status = study_photo(u, err);
    for (size_t i = 0; i < u->study->method_count; i++) xai_result_free(u->results[i]);
    return status;
}

/* ---------------------------------------------------------------- before and beside it */

static xai_status check_names(const xai_call_text *list, size_t count, const char *where, xai_error *err)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            XAI_CHECK(strcmp(list[i].name, list[k].name) != 0, err, USAGE, where,
                      "'%.80s' is given twice: NAME=ID?... tells them apart", list[i].name);
    return XAI_OK;
}

static bool any_region(const xai_photo_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->photos[i].boxes || set->photos[i].mask) return true;
    return false;
}

/* What the metrics ask of the labels. */
static xai_status check_labels(const xai_methods_study *s, const xai_photo_set *set, xai_error *err)
{
    for (size_t m = 0; m < s->metric_count; m++) {
        XAI_CHECK(is_focus(s, m) || xai_metric_find(s->metrics[m].call.id), err, UNKNOWN_METRIC, "--evaluate",
                  "there is no metric '%.60s'", s->metrics[m].call.id);
        XAI_CHECK(!needs_region(s, m) || any_region(set), err, USAGE, "--labels",
                  "%s needs to know where the objects are: a column 'box' or 'mask'", s->metrics[m].call.id);
        for (size_t i = 0; is_focus(s, m) && i < set->count; i++)
            XAI_CHECK(set->photos[i].class_index >= 0, err, USAGE, "--labels",
                      "focus needs a class for every photo: '%.80s' has none", set->photos[i].file);
    }
    return XAI_OK;
}

xai_status xai_methods_study_prepare(const xai_methods_study *s, const xai_photo_set *set, xai_error *err)
{
    static const int64_t ALL[] = {0, 1};
    const xai_target everywhere = {.class_index = -1, .contrast = -1, .kind = XAI_TARGET_MASK, .mask_rows = 1,
                                   .mask_cols = 1, .mask_runs = ALL, .mask_run_count = 2};
    xai_method_call calls[XAI_STUDY_MOST_METHODS];
    xai_metric_call metrics[XAI_STUDY_MOST_METRICS];
    size_t which[XAI_STUDY_MOST_METRICS];
    XAI_CHECK(s->method_count > 0, err, USAGE, "--method", "give --method: one or more, with commas between them");
    XAI_CHECK(s->metric_count > 0, err, USAGE, "--evaluate", "give --evaluate: one or more metrics, with commas between them");
    XAI_TRY(check_names(s->methods, s->method_count, "--method", err));
    XAI_TRY(check_names(s->metrics, s->metric_count, "--evaluate", err));
    XAI_TRY(check_labels(s, set, err));
    for (size_t i = 0; i < s->method_count; i++) {
        const xai_method_info *info = xai_method_find(s->methods[i].call.id);
        XAI_CHECK(!info || !xai_method_of(info)->stands_for, err, USAGE, "--method",
                  "%s stands for another method on every photo: name those to compare", s->methods[i].call.id);
        calls[i] = s->methods[i].call;
    }
    xai_request request = {.model = s->model, .calls = calls, .call_count = s->method_count, .metrics = metrics,
                           .metric_count = list_metrics(s, true, metrics, which), .expected = &everywhere};
    XAI_TRY(xai_request_check(&request, err));
    return xai_grade_check(&request, err);
}

xai_better xai_methods_study_better(const xai_methods_study *s, size_t metric)
{
    return is_focus(s, metric) ? XAI_BETTER_HIGHER : xai_metric_find(s->metrics[metric].call.id)->better;
}

static xai_doc *call_doc(const xai_call_text *call, int version, xai_arena *arena)
{
    xai_doc *doc = xai_doc_object(arena);
    if (!doc) return NULL;
    xai_doc_put_text(doc, "name", call->name);
    xai_doc_put_text(doc, "call", call->text);
    xai_doc_put_int(doc, "version", version);
    return doc;
}

static xai_doc *methods_doc(const xai_methods_study *s, xai_arena *arena)
{
    xai_doc *array = xai_doc_array(arena);
    for (size_t i = 0; array && i < s->method_count; i++)
        xai_doc_push(array, call_doc(&s->methods[i], xai_method_find(s->methods[i].call.id)->version, arena));
    return array;
}

static xai_doc *metrics_doc(const xai_methods_study *s, xai_arena *arena)
{
    xai_doc *array = xai_doc_array(arena);
    for (size_t i = 0; array && i < s->metric_count; i++) {
        const xai_metric_info *info = xai_metric_find(s->metrics[i].call.id);
        xai_doc *doc = call_doc(&s->metrics[i], info ? info->version : 1, arena);
        if (doc) xai_doc_put_text(doc, "better", xai_better_name(xai_methods_study_better(s, i)));
        xai_doc_push(array, doc);
    }
    return array;
}

xai_doc *xai_methods_study_protocol(const xai_methods_study *s, xai_arena *arena)
{
    xai_doc *doc = xai_study_protocol("methods", s->model, arena);
    if (!doc) return NULL;
    xai_doc_put_int(doc, "seed", (int64_t)s->seed);
    xai_doc_put_bool(doc, "label", s->label);
    xai_doc_put(doc, "methods", methods_doc(s, arena));
    xai_doc_put(doc, "metrics", metrics_doc(s, arena));
    return doc;
}
