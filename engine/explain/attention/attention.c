/*
 * Attention: what the network's own gates let through on this picture: weights of channels as bars, weights of
 * positions as maps, gate by gate in network order. Nothing is estimated: the numbers are those of the forward pass, the
 * same for every class.
 *
 * Hu et al., "Squeeze-and-Excitation Networks", arXiv 1709.01507; Woo et al., "CBAM", arXiv 1807.06521; Oktay et al.,
 * "Attention U-Net", arXiv 1804.03999; Ilse et al., "Attention-based Deep Multiple Instance Learning", arXiv 1802.04712;
 * Vaswani et al., "Attention Is All You Need", arXiv 1706.03762. What counts as a gate: gates.h.
 *
 * A gate's artifacts are "gate<n>-weights" and "gate<n>-map", n its place in the network; of a gate that is asked for
 * by itself "weights" and "map", and with several heads (or channels) "heads", one map each; of self-attention also the
 * "matrix" of heads x queries x keys as it is. The map of self-attention is the class token's row, where there are
 * tokens before those of the picture, else the mean over all rows; both over the mean of the heads.
 */
#include "explain/method.h"
#include "weights.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STRONGEST = 5, MOST_LISTED = 1 << 22 }; /* elements of heads or a matrix that are returned */

typedef struct attention_params {
    const char *gate;
    int64_t limit;
} attention_params;

static const xai_param PARAMS[] = {
    XAI_P_TEXT(attention_params, gate,
               "One gate: its place in network order (0 is the first) or its tensor's name; all of them if omitted."),
    XAI_P_INT(attention_params, limit, 32, 1, 128, "How many gates at most, the first ones; large networks have dozens."),
};

/* ---------------------------------------------------------------- which gates */

typedef struct choice {
    const xai_gate *gates; /* all of the network */
    size_t total, first, count;
    bool alone; /* one was asked for */
} choice;

static bool parse_place(const char *text, size_t *out)
{
    char *end;
    *out = strtoul(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && !*end;
}

static xai_status choose_one(const xai_model *m, const char *text, choice *c, xai_error *err)
{
    const char *tensor = NULL;
    c->alone = true;
    c->count = 1;
    bool place = parse_place(text, &c->first);
    if (place && c->first < c->total) return XAI_OK;
    if (!place && xai_graph_find_tensor(m->graph, text, &tensor, NULL) == XAI_OK)
        for (c->first = 0; c->first < c->total; c->first++) {
            const xai_gate *g = &c->gates[c->first];
            if (strcmp(g->tensor, tensor) == 0 || strcmp(g->read, tensor) == 0) return XAI_OK;
        }
    XAI_FAIL(err, BAD_PARAM, "params.gate", "'%s' is no gate; the model has %zu, 0 to %zu: the first is '%s'", text,
             c->total, c->total - 1, c->gates[0].tensor);
}

static xai_status check_gates(const choice *c, xai_error *err)
{
    XAI_CHECK(c->total > 0, err, UNSUPPORTED_METHOD, "attention",
              "Attention needs gates, and this model has none: nowhere is a sigmoid or a softmax multiplied into a feature map");
    return XAI_OK;
}

static xai_status choose(const xai_model *m, const attention_params *p, xai_arena *arena, choice *c, xai_error *err)
{
    xai_gate *gates;
    *c = (choice){.first = 0};
    XAI_TRY(xai_gates_find(m, arena, &gates, &c->total, err));
    c->gates = gates;
    XAI_TRY(check_gates(c, err));
    if (p->gate) return choose_one(m, p->gate, c, err);
    c->count = c->total < (size_t)p->limit ? c->total : (size_t)p->limit;
    return XAI_OK;
}

static xai_status serves(const xai_model *model, xai_error *err)
{
    xai_arena *arena = xai_arena_new(0);
    choice c = {.total = 0};
    xai_gate *gates;
    if (!arena) XAI_NO_MEMORY(err);
    xai_status status = xai_gates_find(model, arena, &gates, &c.total, err);
    xai_arena_free(arena);
    return status == XAI_OK ? check_gates(&c, err) : status;
}

static xai_status reads(const xai_model *model, const void *params, xai_arena *arena, const char *const **names,
                        size_t *count, xai_error *err)
{
    choice c;
    XAI_TRY(choose(model, params, arena, &c, err));
    const char **list = XAI_NEW(arena, const char *, c.count);
    if (!list) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < c.count; i++) list[i] = c.gates[c.first + i].read;
    *names = list;
    *count = c.count;
    return XAI_OK;
}

/* ---------------------------------------------------------------- artifacts */

typedef struct shown { /* one gate */
    xai_task *task;
    const xai_gate *gate;
    const float *data;
    xai_gate_weights weights;
    const char *prefix; /* of its artifacts' names */
    bool alone;
} shown;

static xai_status name(const shown *s, const char *what, const char **out, xai_error *err)
{
    *out = xai_arena_printf(s->task->arena, "%s%s", s->prefix, what);
    if (!*out) XAI_NO_MEMORY(err);
    return XAI_OK;
}

/* {"form":"bars"}: weights over their index. */
static xai_status add_bars(const shown *s, const char *label, const float *values, int64_t count, xai_error *err)
{
    xai_arena *arena = s->task->arena;
    const char *artifact;
    xai_doc *doc = xai_doc_object(arena), *series = xai_doc_array(arena), *line = xai_doc_object(arena);
    xai_doc *x = xai_doc_array(arena), *y = xai_doc_array(arena);
    XAI_TRY(name(s, "weights", &artifact, err));
    for (int64_t i = 0; i < count; i++) {
        xai_doc_push(x, xai_doc_int(arena, i));
        xai_doc_push(y, xai_doc_real(arena, (double)values[i]));
    }
    xai_doc_put_text(line, "name", s->gate->tensor);
    xai_doc_put(line, "x", x);
    xai_doc_put(line, "y", y);
    xai_doc_push(series, line);
    xai_doc_put_text(doc, "form", "bars");
    xai_doc_put_text(doc, "title", s->gate->tensor);
    xai_doc_put_text(doc, "x_label", label);
    xai_doc_put_text(doc, "y_label", "weight");
    xai_doc_put(doc, "series", series);
    return xai_task_add_doc(s->task, artifact, XAI_ARTIFACT_CURVE, doc, err);
}

static xai_status add_map(const shown *s, xai_error *err)
{
    const char *artifact;
    XAI_TRY(name(s, "map", &artifact, err));
    return xai_task_add_map(s->task, artifact, s->weights.positions + s->gate->lead, s->gate->rows, s->gate->cols, err);
}

/* *values NULL, and a warning: it would be too large. */
static xai_status make_room(const shown *s, const char *what, const int64_t shape[3], float **values, xai_error *err)
{
    *values = NULL;
    if (shape[0] * shape[1] > MOST_LISTED / shape[2])
        return xai_task_warn(s->task, err, "'%s' is left out: %" PRId64 " x %" PRId64 " x %" PRId64 " numbers.", what,
                             shape[0], shape[1], shape[2]);
    *values = XAI_NEW(s->task->arena, float, (size_t)(shape[0] * shape[1] * shape[2]));
    if (!*values) XAI_NO_MEMORY(err);
    return XAI_OK;
}

static xai_status add_heads(const shown *s, xai_error *err)
{
    const xai_gate *g = s->gate;
    int64_t shape[] = {xai_gate_head_count(g), g->rows, g->cols};
    float *values;
    if (!s->weights.positions || !g->rows || shape[0] == 1) return XAI_OK;
    XAI_TRY(make_room(s, "heads", shape, &values, err));
    if (!values) return XAI_OK;
    xai_gate_heads(g, &s->weights, s->data, values);
    return xai_task_add_maps(s->task, "heads", values, shape, err);
}

static xai_status add_matrix(const shown *s, xai_error *err)
{
    const xai_gate *g = s->gate;
    int64_t shape[] = {g->size[XAI_AXIS_HEAD], g->size[XAI_AXIS_QUERY], g->size[XAI_AXIS_POSITION]};
    float *values;
    if (g->kind != XAI_GATE_SELF) return XAI_OK;
    XAI_TRY(make_room(s, "matrix", shape, &values, err));
    if (!values) return XAI_OK;
    xai_gate_matrix(g, s->data, values);
    return xai_task_add_maps(s->task, "matrix", values, shape, err);
}

/* Positions that are no grid of the picture's: those within windows, or of channels among themselves. */
static bool has_list(const shown *s) { return s->weights.positions && !s->gate->rows; }

static xai_status add_gate(const shown *s, xai_error *err)
{
    const xai_gate *g = s->gate;
    const xai_gate_weights *w = &s->weights;
    bool listed = has_list(s);
    if (w->channels) XAI_TRY(add_bars(s, "channel", w->channels, g->size[XAI_AXIS_CHANNEL], err));
    if (w->positions && g->rows) XAI_TRY(add_map(s, err));
    if (listed && !w->channels) XAI_TRY(add_bars(s, "position", w->positions, g->size[XAI_AXIS_POSITION], err));
    if (!s->alone) return XAI_OK;
    XAI_TRY(add_heads(s, err)); /* for every gate they would be too much */
    return add_matrix(s, err);
}

/* ---------------------------------------------------------------- the table */

static const char *add_place(const shown *s, const char *text, int64_t at, bool grid)
{
    const char *comma = text[0] ? ", " : "";
    int64_t cols = s->gate->cols;
    return grid ? xai_arena_printf(s->task->arena, "%s%s%" PRId64 ":%" PRId64, text, comma, at / cols, at % cols)
                : xai_arena_printf(s->task->arena, "%s%s%" PRId64, text, comma, at);
}

/* "17, 3, 250": the strongest channels; "4:7, 3:7": positions by row and column. Of equal ones the first comes first. */
static const char *strongest(const shown *s)
{
    const xai_gate *g = s->gate;
    bool channels = s->weights.channels, grid = !channels && g->rows;
    const float *v = channels ? s->weights.channels : s->weights.positions + (grid ? g->lead : 0);
    int64_t n = channels ? g->size[XAI_AXIS_CHANNEL] : grid ? g->rows * g->cols : g->size[XAI_AXIS_POSITION];
    int64_t taken[STRONGEST];
    const char *text = "";
    for (int64_t k = 0; k < STRONGEST && k < n; k++) {
        int64_t best = -1;
        for (int64_t i = 0; i < n; i++) {
            bool gone = false;
            for (int64_t j = 0; j < k; j++) gone = gone || taken[j] == i;
            if (!gone && (best < 0 || v[i] > v[best])) best = i;
        }
        taken[k] = best;
        if (!(text = add_place(s, text, best, grid))) return NULL;
    }
    return text;
}

static void add_row(const shown *s, size_t place, xai_doc *rows)
{
    const xai_gate *g = s->gate;
    xai_arena *arena = s->task->arena;
    const char *grid = g->rows * g->cols > 1 ? xai_arena_printf(arena, "%" PRId64 " x %" PRId64, g->rows, g->cols) : "";
    xai_doc *row = xai_doc_array(arena);
    xai_doc_push(row, xai_doc_int(arena, (int64_t)place));
    xai_doc_push(row, xai_doc_text(arena, xai_gate_kind_name(g->kind)));
    xai_doc_push(row, xai_doc_text(arena, g->tensor));
    xai_doc_push(row, xai_doc_text(arena, g->gated));
    xai_doc_push(row, xai_doc_int(arena, g->size[XAI_AXIS_HEAD]));
    xai_doc_push(row, xai_doc_int(arena, g->size[XAI_AXIS_CHANNEL]));
    xai_doc_push(row, xai_doc_int(arena, g->size[XAI_AXIS_POSITION]));
    xai_doc_push(row, xai_doc_text(arena, grid));
    xai_doc_push(row, xai_doc_real(arena, s->weights.mean));
    xai_doc_push(row, xai_doc_real(arena, s->weights.min));
    xai_doc_push(row, xai_doc_real(arena, s->weights.max));
    xai_doc_push(row, xai_doc_text(arena, strongest(s)));
    xai_doc_push(rows, row);
}

static xai_doc *new_table(xai_arena *arena, xai_doc *rows)
{
    static const char *const COLUMNS[] = {"gate", "kind", "tensor", "weighs", "heads", "channels",
                                          "positions", "grid", "mean", "min", "max", "strongest"};
    xai_doc *table = xai_doc_object(arena), *columns = xai_doc_array(arena);
    for (size_t i = 0; i < sizeof COLUMNS / sizeof COLUMNS[0]; i++) xai_doc_push(columns, xai_doc_text(arena, COLUMNS[i]));
    xai_doc_put(table, "columns", columns);
    xai_doc_put(table, "rows", rows);
    return table;
}

/* ---------------------------------------------------------------- run */

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    (void)params;
    return 1;
}

static xai_status show(xai_task *task, xai_session *session, const choice *c, size_t place, xai_doc *rows, size_t *lists,
                       xai_error *err)
{
    const xai_gate *g = &c->gates[place];
    const xai_value *value = xai_program_find(task->context->program, g->read);
    XAI_CHECK(value, err, INTERNAL, g->read, "the program does not compute '%s'", g->read);
    shown s = {.task = task, .gate = g, .data = xai_session_value_data(session, value), .alone = c->alone,
               .prefix = c->alone ? "" : xai_arena_printf(task->arena, "gate%zu-", place)};
    if (!s.prefix) XAI_NO_MEMORY(err);
    XAI_TRY(xai_token_check(task->context->token, err));
    XAI_TRY(xai_gate_weigh(g, s.data, task->arena, &s.weights, err));
    add_row(&s, place, rows);
    *lists += has_list(&s);
    return add_gate(&s, err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    choice c;
    xai_session *session;
    xai_doc *rows = xai_doc_array(task->arena), *table = new_table(task->arena, rows);
    XAI_TRY(choose(task->context->model, params, task->arena, &c, err));
    XAI_TRY(xai_context_kept_base(task->context, &session, err));
    size_t lists = 0;
    for (size_t i = 0; i < c.count; i++) XAI_TRY(show(task, session, &c, c.first + i, rows, &lists, err));
    if (lists > 0)
        XAI_TRY(xai_task_warn(task, err, "%zu of the gates have no map: their positions are no grid of the picture's, as "
                              "within windows.", lists));
    if (!c.alone && c.count < c.total)
        XAI_TRY(xai_task_warn(task, err, "The first %zu of %zu gates are shown: raise `limit`, or name one by `gate`.",
                              c.count, c.total));
    XAI_TRY(xai_task_add_metric(task, "gates", (double)c.total, err));
    return xai_task_add_doc(task, "gates", XAI_ARTIFACT_TABLE, table, err);
}

const xai_method xai_method_attention = {
    .info = {.id = "attention", .title = "Attention", .family = "attention",
             .summary = "What the network's own gates let through: weights of channels and of positions, the same for every class.",
             .paper = "arXiv:1709.01507", .version = 1, .needs = "gates", .cost = "1 forward",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(attention_params),
    .needs = XAI_NEEDS_TENSORS,
    .space = XAI_SPACE_LOGIT,
    .serves = serves,
    .reads = reads,
    .cost = cost,
    .run = run,
};
