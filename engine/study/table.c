/* Tables as text. Thread-safe: no state. */
#include "table.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

static const xai_cell *cell_at(const xai_table *t, size_t row, size_t column)
{
    return &t->cells[row * t->column_count + column];
}

/* ---------------------------------------------------------------- plain values */

static xai_doc *interval_doc(const xai_interval *i, xai_arena *arena)
{
    xai_doc *doc = xai_doc_object(arena);
    if (!doc) return NULL;
    xai_doc_put_real(doc, "value", i->value);
    xai_doc_put_real(doc, "low", i->low);
    xai_doc_put_real(doc, "high", i->high);
    xai_doc_put_int(doc, "n", (int64_t)i->n);
    return doc;
}

static xai_doc *cell_doc(const xai_column *column, const xai_cell *cell, xai_arena *arena)
{
    switch (column->kind) {
    case XAI_COLUMN_TEXT: return xai_doc_text(arena, cell->text);
    case XAI_COLUMN_NUMBER: return xai_doc_real(arena, cell->interval.value);
    case XAI_COLUMN_INTERVAL: return interval_doc(&cell->interval, arena);
    }
    return NULL;
}

xai_doc *xai_table_doc(const xai_table *t, xai_arena *arena)
{
    xai_doc *rows = xai_doc_array(arena);
    for (size_t r = 0; rows && r < t->rows; r++) {
        xai_doc *row = xai_doc_object(arena);
        for (size_t c = 0; row && c < t->column_count; c++)
            xai_doc_put(row, t->columns[c].name, cell_doc(&t->columns[c], cell_at(t, r, c), arena));
        xai_doc_push(rows, row);
    }
    return rows;
}

/* ---------------------------------------------------------------- text */

static void csv_text(xai_text *b, const char *text)
{
    if (!text) return;
    if (!strpbrk(text, ",\"\r\n")) {
        xai_text_add(b, "%s", text);
        return;
    }
    xai_text_add(b, "\"");
    for (const char *c = text; *c; c++) {
        if (*c == '"') xai_text_add(b, "\"");
        xai_text_add(b, "%c", *c);
    }
    xai_text_add(b, "\"");
}

static void csv_number(xai_text *b, double v)
{
    if (isfinite(v)) xai_text_add(b, "%.9g", v);
}

static void write_csv(xai_text *b, const xai_table *t)
{
    for (size_t c = 0; c < t->column_count; c++) {
        const char *name = t->columns[c].name;
        xai_text_add(b, "%s%s", c ? "," : "", name);
        if (t->columns[c].kind == XAI_COLUMN_INTERVAL) xai_text_add(b, ",%s_low,%s_high", name, name);
    }
    xai_text_add(b, "\r\n");
    for (size_t r = 0; r < t->rows; r++) {
        for (size_t c = 0; c < t->column_count; c++) {
            const xai_cell *cell = cell_at(t, r, c);
            if (c) xai_text_add(b, ",");
            if (t->columns[c].kind == XAI_COLUMN_TEXT) csv_text(b, cell->text);
            else csv_number(b, cell->interval.value);
            if (t->columns[c].kind != XAI_COLUMN_INTERVAL) continue;
            xai_text_add(b, ",");
            csv_number(b, cell->interval.low);
            xai_text_add(b, ",");
            csv_number(b, cell->interval.high);
        }
        xai_text_add(b, "\r\n");
    }
}

static void markdown_text(xai_text *b, const char *text)
{
    for (const char *c = text ? text : ""; *c; c++) {
        if (*c == '|') xai_text_add(b, "%c", '\\');
        xai_text_add(b, "%c", *c == '\n' ? ' ' : *c);
    }
}

static void markdown_cell(xai_text *b, const xai_column *column, const xai_cell *cell)
{
    const xai_interval *i = &cell->interval;
    int digits = column->digits;
    if (column->kind == XAI_COLUMN_TEXT) markdown_text(b, cell->text);
    else if (isfinite(i->value)) xai_text_add(b, "%.*f", digits, i->value);
    if (column->kind == XAI_COLUMN_INTERVAL && isfinite(i->low))
        xai_text_add(b, " (%.*f to %.*f)", digits, i->low, digits, i->high);
}

static void write_markdown(xai_text *b, const xai_table *t)
{
    for (size_t c = 0; c < t->column_count; c++) xai_text_add(b, "| %s ", t->columns[c].title);
    xai_text_add(b, "|\n");
    for (size_t c = 0; c < t->column_count; c++) xai_text_add(b, "%s", t->columns[c].kind == XAI_COLUMN_TEXT ? "|---" : "|---:");
    xai_text_add(b, "|\n");
    for (size_t r = 0; r < t->rows; r++) {
        for (size_t c = 0; c < t->column_count; c++) {
            xai_text_add(b, "| ");
            markdown_cell(b, &t->columns[c], cell_at(t, r, c));
            xai_text_add(b, "%c", ' ');
        }
        xai_text_add(b, "|\n");
    }
}

const char *xai_table_csv(const xai_table *t, xai_arena *arena)
{
    xai_text b = {.arena = arena};
    const char *text;
    write_csv(&b, t);
    return xai_text_end(&b, &text, NULL) == XAI_OK ? text : NULL;
}

const char *xai_table_markdown(const xai_table *t, xai_arena *arena)
{
    xai_text b = {.arena = arena};
    const char *text;
    write_markdown(&b, t);
    return xai_text_end(&b, &text, NULL) == XAI_OK ? text : NULL;
}
