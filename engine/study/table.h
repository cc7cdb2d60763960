/* A table of a study, and its forms: plain values (for JSON), CSV, Markdown. */
#ifndef XAI_STUDY_TABLE_H
#define XAI_STUDY_TABLE_H

#include "base/doc.h"
#include "statistics.h"

typedef enum xai_column_kind {
    XAI_COLUMN_TEXT,
    XAI_COLUMN_NUMBER,  /* an interval's value alone */
    XAI_COLUMN_INTERVAL /* with its low and high end */
} xai_column_kind;

typedef struct xai_column {
    const char *name;  /* snake_case; of CSV and JSON */
    const char *title; /* of Markdown */
    xai_column_kind kind;
    int digits;        /* after the point, in Markdown */
} xai_column;

typedef struct xai_cell {
    const char *text;      /* TEXT */
    xai_interval interval; /* the others; a value that is not finite is left empty */
} xai_cell;

typedef struct xai_table {
    const xai_column *columns;
    size_t column_count;
    const xai_cell *cells; /* rows x columns */
    size_t rows;
} xai_table;

/* An array of objects; an interval is {"value","low","high","n"}. NULL when memory is out. */
xai_doc *xai_table_doc(const xai_table *table, xai_arena *arena);

/* RFC 4180 with a header line; an interval takes the columns NAME, NAME_low, NAME_high. NULL when memory is out. */
const char *xai_table_csv(const xai_table *table, xai_arena *arena);

/* A table as GitHub's Markdown has it; an interval as "0.81 (0.70 to 0.90)". NULL when memory is out. */
const char *xai_table_markdown(const xai_table *table, xai_arena *arena);

#endif
