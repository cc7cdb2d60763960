/*
 * xai study: one piece of work on every photo of a folder. Records go to DIR/records.jsonl as they are made, so that a
 * study which was ended goes on; tables and plots are made of the records, at the end or at an interrupt.
 */
#include "cli.h"

#include "base/param.h"
#include "base/token.h"
#include "json/doc.h"
#include "json/records.h"
#include "study/methods_study.h"
#include "study/sag_study.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct study_call study_call;

/* A kind of study: what it takes, does and reports. */
typedef struct kind {
    const char *name;
    xai_status (*prepare)(study_call *s, xai_error *err);
    xai_doc *(*protocol)(const study_call *s, xai_arena *arena);
    xai_status (*work)(void *user, const xai_study_photo *photo, xai_error *err);
    void *(*user)(study_call *s);
    xai_status (*report)(const study_call *s, const xai_doc *const *records, size_t count, xai_arena *arena,
                         xai_study_report *out, xai_error *err);
} kind;

struct study_call {
    cli_call *call;
    const kind *kind;
    xai_model *model;
    xai_pool *pool;
    xai_token *token;
    xai_photo_set set;
    uint64_t seed;
    xai_json_records records;
    xai_sag_study sag;
    xai_methods_study methods;
    /* progress */
    bool quiet, terminal;
    int64_t started_ns, told_ns;
    size_t made, failed, done; /* done: of the set, known ones included */
};

/* ---------------------------------------------------------------- parameters */

/* --param NAME=VALUE by a table. */
static xai_status read_params(const study_call *s, const xai_param *table, size_t n, void *out, xai_error *err)
{
    const cli_values *given = &s->call->options[CLI_PARAM];
    xai_named_value values[CLI_MAX_REPEATS];
    for (size_t i = 0; i < given->count; i++) {
        values[i] = (xai_named_value){.type = XAI_VALUE_TEXT};
        XAI_TRY(cli_pair(s->call, given->items[i], &values[i].name, &values[i].text, err));
    }
    return xai_params_parse(table, n, values, given->count, out, s->call->arena, err);
}

/* ---------------------------------------------------------------- sag */

static xai_status sag_prepare(study_call *s, xai_error *err)
{
    s->sag = (xai_sag_study){.model = s->model, .pool = s->pool, .token = s->token, .seed = s->seed};
    XAI_TRY(read_params(s, XAI_SAG_STUDY_PARAMS, XAI_SAG_STUDY_PARAM_COUNT, &s->sag.options, err));
    return xai_sag_study_prepare(&s->sag, err);
}

static void *sag_user(study_call *s) { return &s->sag; }
static xai_doc *sag_protocol(const study_call *s, xai_arena *arena) { return xai_sag_study_protocol(&s->sag, arena); }

static xai_status sag_report(const study_call *s, const xai_doc *const *records, size_t count, xai_arena *arena,
                             xai_study_report *out, xai_error *err)
{
    return xai_sag_study_report(&s->sag, records, count, arena, out, err);
}

/* ---------------------------------------------------------------- methods */

typedef struct methods_options {
    bool label;
} methods_options;

static const xai_param METHODS_PARAMS[] = {
    XAI_P_BOOL(methods_options, label, false, "Explain the labelled class; off: the model's first."),
};

static xai_status read_calls(const study_call *s, cli_option option, size_t most, xai_call_text *out, size_t *count,
                             xai_error *err)
{
    const cli_values *given = &s->call->options[option];
    for (size_t i = 0; i < given->count; i++)
        XAI_TRY(xai_calls_read(given->items[i], ',', most, s->call->arena, out, count, err));
    return XAI_OK;
}

static xai_status methods_prepare(study_call *s, xai_error *err)
{
    methods_options options;
    xai_methods_study *m = &s->methods;
    *m = (xai_methods_study){.model = s->model, .pool = s->pool, .token = s->token, .seed = s->seed};
    XAI_TRY(read_params(s, METHODS_PARAMS, 1, &options, err));
    m->label = options.label;
    XAI_TRY(read_calls(s, CLI_METHOD, XAI_STUDY_MOST_METHODS, m->methods, &m->method_count, err));
    XAI_TRY(read_calls(s, CLI_EVALUATE, XAI_STUDY_MOST_METRICS, m->metrics, &m->metric_count, err));
    return xai_methods_study_prepare(m, &s->set, err);
}

static void *methods_user(study_call *s) { return &s->methods; }

static xai_doc *methods_protocol(const study_call *s, xai_arena *arena)
{
    return xai_methods_study_protocol(&s->methods, arena);
}

static xai_status methods_report(const study_call *s, const xai_doc *const *records, size_t count, xai_arena *arena,
                                 xai_study_report *out, xai_error *err)
{
    return xai_methods_study_report(&s->methods, records, count, arena, out, err);
}

static const kind KINDS[] = {
    {"sag", sag_prepare, sag_protocol, xai_sag_study_work, sag_user, sag_report},
    {"methods", methods_prepare, methods_protocol, xai_methods_study_work, methods_user, methods_report},
};
enum { KIND_COUNT = sizeof KINDS / sizeof KINDS[0] };

/* ---------------------------------------------------------------- the keeper */

static bool known(void *keeper, const char *file)
{
    const study_call *s = keeper;
    return xai_json_records_find(&s->records, file) != NULL;
}

static void tell(study_call *s)
{
    int64_t now = xai_clock_ns();
    if (s->quiet || (!s->terminal && now - s->told_ns < (int64_t)30e9)) return;
    s->told_ns = now;
    double each = (double)(now - s->started_ns) * 1e-9 / (double)s->made, left = each * (double)(s->set.count - s->done);
    fprintf(stderr, "%sphoto %zu of %zu, %zu failed, %.1f s each, at most %.0f min left%s", s->terminal ? "\r" : "", s->done,
            s->set.count, s->failed, each, left / 60, s->terminal ? "   " : "\n");
}

static xai_status keep(void *keeper, const xai_doc *record, xai_error *err)
{
    study_call *s = keeper;
    XAI_TRY(xai_json_records_add(&s->records, record, err));
    s->made++;
    s->done++;
    s->failed += xai_record_failed(record);
    tell(s);
    return XAI_OK;
}

/* ---------------------------------------------------------------- what it ends as */

static xai_status write_text(study_call *s, const char *dir, const char *name, const char *extension, const char *text,
                             xai_error *err)
{
    char *path = xai_arena_printf(s->call->arena, "%s/%s.%s", dir, name, extension);
    if (!path || !text) XAI_NO_MEMORY(err);
    return cli_write_file(path, text, strlen(text), err);
}

static xai_status write_files(study_call *s, const xai_study_report *report, xai_error *err)
{
    const char *dir = cli_text(s->call, CLI_OUT, NULL);
    if (!dir) return XAI_OK;
    for (size_t i = 0; i < report->table_count; i++) {
        const xai_table *table = &report->tables[i].table;
        XAI_TRY(write_text(s, dir, report->tables[i].name, "csv", xai_table_csv(table, s->call->arena), err));
        XAI_TRY(write_text(s, dir, report->tables[i].name, "md", xai_table_markdown(table, s->call->arena), err));
    }
    for (size_t i = 0; i < report->plot_count; i++) {
        const xai_artifact *plot = &report->plots[i];
        char *path = xai_arena_printf(s->call->arena, "%s/%s.png", dir, plot->name);
        if (!path) XAI_NO_MEMORY(err);
        XAI_TRY(cli_write_file(path, plot->bytes, plot->size, err));
    }
    return XAI_OK;
}

static xai_status finish(study_call *s, bool complete, xai_error *err)
{
    xai_study_report report;
    const char *dir = cli_text(s->call, CLI_OUT, NULL);
    const xai_doc **records = XAI_NEW(s->call->arena, const xai_doc *, s->set.count);
    if (!records) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < s->set.count; i++) records[i] = xai_json_records_find(&s->records, s->set.photos[i].file);
    XAI_TRY(s->kind->report(s, records, s->set.count, s->call->arena, &report, err));
    XAI_TRY(write_files(s, &report, err));
    json_t *root = json_pack("{s:i, s:s, s:s}", "schema", 1, "study", s->kind->name, "status", complete ? "done" : "partial");
    json_t *rest = xai_json_doc(report.summary);
    bool ok = root && rest && json_object_update(root, rest) == 0;
    json_decref(rest);
    char *text = ok && dir ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
    xai_status status = XAI_OK;
    if (dir) status = write_text(s, dir, "summary", "json", text, err);
    free(text);
    if (status != XAI_OK || !ok) {
        json_decref(root);
        if (status == XAI_OK) XAI_NO_MEMORY(err);
        return status;
    }
    return cli_print(root, err);
}

/* ---------------------------------------------------------------- the command */

static xai_status open_records(study_call *s, xai_error *err)
{
    const char *dir = cli_text(s->call, CLI_OUT, NULL);
    char *path = NULL;
    xai_doc *protocol = s->kind->protocol(s, s->call->arena);
    if (!xai_doc_ok(protocol)) XAI_NO_MEMORY(err);
    if (dir) {
        XAI_TRY(cli_make_directory(dir, err));
        if (!(path = xai_arena_printf(s->call->arena, "%s/records.jsonl", dir))) XAI_NO_MEMORY(err);
    }
    XAI_TRY(xai_json_records_open(&s->records, path, protocol, s->call->arena, err));
    for (size_t i = 0; i < s->set.count; i++) s->done += known(s, s->set.photos[i].file);
    if (s->done && !s->quiet) fprintf(stderr, "xai study: %zu of %zu photos are known from '%s'\n", s->done, s->set.count, path);
    return XAI_OK;
}

/* An interrupt is told after the tables are written: exit code 6. A deadline gives a partial result, as always. */
static xai_status run(study_call *s, xai_error *err)
{
    xai_study study = {.set = &s->set, .work = s->kind->work, .user = s->kind->user(s), .known = known, .keep = keep,
                       .keeper = s, .token = s->token};
    xai_error why = {0};
    s->started_ns = s->told_ns = xai_clock_ns();
    cli_on_interrupt(s->token);
    xai_status ended = xai_study_run(&study, &why);
    cli_on_interrupt(NULL);
    if (s->terminal && !s->quiet) fprintf(stderr, "\r%70s\r", "");
    if (ended != XAI_OK && xai_status_class(ended) != XAI_CLASS_CANCELLED) {
        *err = why;
        return ended;
    }
    XAI_TRY(finish(s, ended == XAI_OK, err));
    if (ended != XAI_E_CANCELLED) return XAI_OK;
    *err = why;
    return ended;
}

static xai_status open_study(study_call *s, xai_error *err)
{
    cli_call *call = s->call;
    const char *images = cli_text(call, CLI_IMAGES, NULL);
    int64_t limit, seed, seconds;
    XAI_CHECK(images, err, USAGE, "--images", "give --images, the folder of the photos");
    XAI_TRY(cli_int(call, CLI_LIMIT, 0, 1, 1000000, &limit, err));
    XAI_TRY(cli_int(call, CLI_SEED, 0, 0, (int64_t)1 << 53, &seed, err));
    XAI_TRY(cli_int(call, CLI_TIMEOUT, 0, 1, 10000000, &seconds, err));
    s->seed = (uint64_t)seed;
    s->quiet = call->options[CLI_QUIET].count > 0;
    s->terminal = isatty(STDERR_FILENO);
    XAI_TRY(xai_photo_set_read(images, cli_text(call, CLI_LABELS, NULL), (size_t)limit, call->arena, &s->set, err));
    XAI_TRY(cli_load_model(call, &s->model, err));
    XAI_TRY(cli_make_pool(call, &s->pool, err));
    if (!(s->token = xai_token_new(seconds * 1000, NULL, NULL))) XAI_NO_MEMORY(err);
    XAI_TRY(s->kind->prepare(s, err));
    return open_records(s, err);
}

static xai_status find_kind(const cli_call *call, const kind **out, xai_error *err)
{
    const char *name;
    XAI_TRY(cli_argument(call, "kind of study: sag or methods", false, &name, err));
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strcmp(KINDS[i].name, name) == 0) return *out = &KINDS[i], XAI_OK;
    XAI_FAIL(err, USAGE, name, "there is no study '%s': sag or methods", name);
}

xai_status cli_study(cli_call *call, xai_error *err)
{
    study_call *s = XAI_NEW(call->arena, study_call, 1);
    if (!s) XAI_NO_MEMORY(err);
    s->call = call;
    XAI_TRY(find_kind(call, &s->kind, err));
    xai_status status = open_study(s, err);
    if (status == XAI_OK) status = run(s, err);
    xai_json_records_close(&s->records);
    xai_token_free(s->token);
    xai_pool_free(s->pool);
    xai_model_unref(s->model);
    return status;
}
