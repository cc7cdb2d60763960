/*
 * Records: a file of JSON objects, one a line, that only grows. The first line says by what protocol the records were
 * made; those of another are refused. A line that was cut short (the machine went down) is overwritten.
 */
#ifndef XAI_JSON_RECORDS_H
#define XAI_JSON_RECORDS_H

#include <stdio.h>

#include "base/doc.h"

typedef struct xai_json_records {
    FILE *file; /* NULL: kept in memory alone */
    xai_arena *arena;
    const xai_doc **list;
    size_t count, room;
} xai_json_records;

/*
 * Opens or begins the file; what it holds is read into the arena. `path` NULL: no file. USAGE if it was made by another
 * protocol, IO, BAD_REQUEST with the line's number.
 */
xai_status xai_json_records_open(xai_json_records *records, const char *path, const xai_doc *protocol, xai_arena *arena,
                                 xai_error *err);
void xai_json_records_close(xai_json_records *records);

/* Appends and flushes a record; a copy of it is kept. */
xai_status xai_json_records_add(xai_json_records *records, const xai_doc *record, xai_error *err);

/* The record whose member `file` is this; NULL: there is none. */
const xai_doc *xai_json_records_find(const xai_json_records *records, const char *file);

#endif
