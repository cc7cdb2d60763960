/* Records in a file. Numbers are written with 17 digits, so that what is read again is what was written. One thread. */
#include "records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doc.h"
#include "read.h"

static const size_t FLAGS = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17);

static char *text_of(const xai_doc *doc)
{
    json_t *value = xai_json_doc(doc);
    char *text = value ? json_dumps(value, FLAGS) : NULL;
    json_decref(value);
    return text;
}

static xai_status keep(xai_json_records *r, const xai_doc *record, xai_error *err)
{
    if (r->count == r->room) {
        size_t room = 2 * r->room + 64;
        const xai_doc **more = XAI_NEW(r->arena, const xai_doc *, room);
        if (!more) XAI_NO_MEMORY(err);
        if (r->count) memcpy(more, r->list, r->count * sizeof *more);
        r->list = more;
        r->room = room;
    }
    r->list[r->count++] = record;
    return XAI_OK;
}

static xai_status keep_text(xai_json_records *r, const char *text, size_t size, xai_error *err)
{
    json_t *value;
    XAI_TRY(xai_json_parse(text, size, XAI_E_BAD_REQUEST, &value, err));
    xai_doc *record = xai_json_to_doc(value, r->arena);
    json_decref(value);
    if (!xai_doc_ok(record)) XAI_NO_MEMORY(err);
    return keep(r, record, err);
}

static xai_status write_line(xai_json_records *r, const char *text, xai_error *err)
{
    if (!r->file) return XAI_OK;
    bool ok = fputs(text, r->file) >= 0 && fputc('\n', r->file) >= 0 && fflush(r->file) == 0;
    XAI_CHECK(ok, err, IO, "", "cannot write a record: %s", strerror(errno));
    return XAI_OK;
}

static xai_status begin(xai_json_records *r, const char *protocol, xai_error *err)
{
    XAI_CHECK(ftruncate(fileno(r->file), 0) == 0, err, IO, "", "cannot begin the records: %s", strerror(errno));
    rewind(r->file);
    return write_line(r, protocol, err);
}

/* A line with its end; *whole false: the file ends in the middle of it. */
static xai_status read_lines(xai_json_records *r, const char *path, const char *protocol, char **line, xai_error *err)
{
    size_t room = 0;
    long end = 0; /* of the last whole line */
    for (int number = 1;; number++) {
        ssize_t n = getline(line, &room, r->file);
        if (n <= 0 || (*line)[n - 1] != '\n') break;
        (*line)[n - 1] = '\0';
        if (number == 1)
            XAI_CHECK(strcmp(*line, protocol) == 0, err, USAGE, path,
                      "the records in '%s' were made by another protocol: choose another folder, or remove them", path);
        else if (keep_text(r, *line, (size_t)n - 1, NULL) != XAI_OK)
            XAI_FAIL(err, BAD_REQUEST, path, "'%s', line %d is no record", path, number);
        end = ftell(r->file);
    }
    if (end == 0) return begin(r, protocol, err);
    XAI_CHECK(ftruncate(fileno(r->file), end) == 0 && fseek(r->file, end, SEEK_SET) == 0, err, IO, path, "cannot go on in '%s': %s",
              path, strerror(errno));
    return XAI_OK;
}

static xai_status open_file(xai_json_records *r, const char *path, const char *protocol, xai_error *err)
{
    char *line = NULL;
    r->file = fopen(path, "r+");
    if (!r->file) r->file = fopen(path, "w+");
    XAI_CHECK(r->file, err, IO, path, "cannot open '%s': %s", path, strerror(errno));
    xai_status status = read_lines(r, path, protocol, &line, err);
    free(line);
    return status;
}

xai_status xai_json_records_open(xai_json_records *r, const char *path, const xai_doc *protocol, xai_arena *arena,
                                 xai_error *err)
{
    *r = (xai_json_records){.arena = arena};
    if (!path) return XAI_OK;
    char *text = text_of(protocol);
    if (!text) XAI_NO_MEMORY(err);
    xai_status status = open_file(r, path, text, err);
    free(text);
    return status;
}

void xai_json_records_close(xai_json_records *r)
{
    if (r->file) fclose(r->file);
    r->file = NULL;
}

xai_status xai_json_records_add(xai_json_records *r, const xai_doc *record, xai_error *err)
{
    char *text = text_of(record);
    if (!text) XAI_NO_MEMORY(err);
    xai_status status = write_line(r, text, err);
    if (status == XAI_OK) status = keep_text(r, text, strlen(text), err);
    free(text);
    return status;
}

const xai_doc *xai_json_records_find(const xai_json_records *r, const char *file)
{
    for (size_t i = 0; i < r->count; i++) {
        const xai_doc *name = xai_doc_get(r->list[i], "file");
        if (name && name->type == XAI_DOC_TEXT && strcmp(name->text, file) == 0) return r->list[i];
    }
    return NULL;
}
