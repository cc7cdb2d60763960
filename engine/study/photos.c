/* Folders and tables of labels. Thread-safe: no state. */
#include "photos.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/param.h"

enum { MOST_PHOTOS = 1 << 20, LINE = 4096 };

typedef enum column { FILE_COLUMN, CLASS_COLUMN, BOX_COLUMN, MASK_COLUMN, COLUMN_COUNT } column;

typedef struct reader {
    xai_arena *arena;
    xai_photo *photos;
    size_t count, room;
    int at[COLUMN_COUNT]; /* which field of a line it is; -1: there is none */
} reader;

static xai_status add(reader *r, const xai_photo *photo, xai_error *err)
{
    XAI_CHECK(r->count < MOST_PHOTOS, err, TOO_LARGE, "images", "a study takes at most %d photos", MOST_PHOTOS);
    if (r->count == r->room) {
        size_t room = 2 * r->room + 64;
        xai_photo *more = XAI_NEW(r->arena, xai_photo, room);
        if (!more) XAI_NO_MEMORY(err);
        if (r->count) memcpy(more, r->photos, r->count * sizeof *more);
        r->photos = more;
        r->room = room;
    }
    r->photos[r->count++] = *photo;
    return XAI_OK;
}

/* ---------------------------------------------------------------- the table */

static void read_header(reader *r, char *line)
{
    static const char *const NAMES[COLUMN_COUNT] = {"file", "class", "box", "mask"};
    for (int c = 0; c < COLUMN_COUNT; c++) r->at[c] = -1;
    int i = 0;
    for (char *rest = line, *field = strsep(&rest, "\t"); field; field = strsep(&rest, "\t"), i++)
        for (int c = 0; c < COLUMN_COUNT; c++)
            if (strcmp(field, NAMES[c]) == 0) r->at[c] = i;
}

static xai_status take_field(reader *r, column c, const char *text, const char *place, xai_photo *photo, xai_error *err)
{
    double number;
    if (!*text) return XAI_OK;
    if (c == CLASS_COLUMN) {
        XAI_CHECK(xai_parse_number(text, &number) && number >= 0 && number < 1e9 && number == (double)(int64_t)number, err,
                  BAD_REQUEST, place, "the class '%.40s' is not a number", text);
        photo->class_index = (int64_t)number;
        return XAI_OK;
    }
    const char *copy = xai_arena_strdup(r->arena, text);
    if (!copy) XAI_NO_MEMORY(err);
    *(c == FILE_COLUMN ? &photo->file : c == BOX_COLUMN ? &photo->boxes : &photo->mask) = copy;
    return XAI_OK;
}

static xai_status read_line(reader *r, char *line, const char *place, xai_error *err)
{
    xai_photo photo = {.class_index = -1};
    int i = 0;
    for (char *rest = line, *field = strsep(&rest, "\t"); field; field = strsep(&rest, "\t"), i++)
        for (int c = 0; c < COLUMN_COUNT; c++)
            if (r->at[c] == i) XAI_TRY(take_field(r, (column)c, field, place, &photo, err));
    XAI_CHECK(photo.file, err, BAD_REQUEST, place, "the line names no file");
    return add(r, &photo, err);
}

static xai_status read_lines(reader *r, FILE *f, const char *path, xai_error *err)
{
    char line[LINE], place[300];
    for (int number = 1; fgets(line, sizeof line, f); number++) {
        snprintf(place, sizeof place, "%.250s:%d", path, number);
        XAI_CHECK(strlen(line) + 1 < sizeof line, err, BAD_REQUEST, place, "the line is longer than %d bytes", LINE - 2);
        line[strcspn(line, "\r\n")] = '\0';
        if (number == 1) {
            read_header(r, line);
            XAI_CHECK(r->at[FILE_COLUMN] >= 0, err, BAD_REQUEST, place,
                      "the first line must name the columns, with tabs between them, and 'file' among them");
        } else if (*line) {
            XAI_TRY(read_line(r, line, place, err));
        }
    }
    XAI_CHECK(!ferror(f), err, IO, path, "cannot read '%s'", path);
    return XAI_OK;
}

static xai_status read_table(reader *r, const char *path, xai_error *err)
{
    FILE *f = fopen(path, "r");
    XAI_CHECK(f, err, IO, path, "cannot open '%s': %s", path, strerror(errno));
    xai_status status = read_lines(r, f, path, err);
    fclose(f);
    return status;
}

/* ---------------------------------------------------------------- the folder */

static int is_picture(const struct dirent *entry)
{
    static const char *const ENDS[] = {".jpg", ".jpeg", ".png", ".bmp"};
    const char *dot = strrchr(entry->d_name, '.');
    for (size_t i = 0; dot && entry->d_name[0] != '.' && i < sizeof ENDS / sizeof ENDS[0]; i++)
        if (strcasecmp(dot, ENDS[i]) == 0) return 1;
    return 0;
}

/* By bytes, so that a locale changes nothing. */
static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static xai_status list_folder(reader *r, const char *folder, xai_error *err)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, is_picture, by_name);
    XAI_CHECK(n >= 0, err, IO, folder, "cannot list '%s': %s", folder, strerror(errno));
    xai_status status = XAI_OK;
    for (int i = 0; i < n; i++) {
        xai_photo photo = {.file = xai_arena_strdup(r->arena, entries[i]->d_name), .class_index = -1};
        if (status == XAI_OK)
            status = photo.file ? add(r, &photo, err) : XAI_ERROR_SET(err, NO_MEMORY, "", "out of memory");
        free(entries[i]);
    }
    free(entries);
    return status;
}

/* ---------------------------------------------------------------- both */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static xai_status check_unique(const reader *r, const char *path, xai_error *err)
{
    const char **names = XAI_NEW(r->arena, const char *, r->count);
    if (!names) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < r->count; i++) names[i] = r->photos[i].file;
    qsort(names, r->count, sizeof *names, compare_names);
    for (size_t i = 1; i < r->count; i++)
        XAI_CHECK(strcmp(names[i - 1], names[i]) != 0, err, BAD_REQUEST, path, "'%.100s' is listed twice", names[i]);
    return XAI_OK;
}

xai_status xai_photo_set_read(const char *folder, const char *labels, size_t limit, xai_arena *arena,
                              xai_photo_set *out, xai_error *err)
{
    reader r = {.arena = arena};
    XAI_TRY(labels ? read_table(&r, labels, err) : list_folder(&r, folder, err));
    XAI_CHECK(r.count > 0, err, BAD_REQUEST, labels ? labels : folder, "there are no photos in '%s'", labels ? labels : folder);
    XAI_TRY(check_unique(&r, labels ? labels : folder, err));
    size_t wanted = limit > 0 && limit < r.count ? limit : r.count;
    for (size_t i = 0; i < wanted; i++) r.photos[i] = r.photos[i * r.count / wanted];
    *out = (xai_photo_set){.folder = folder, .photos = r.photos, .count = wanted};
    return XAI_OK;
}

static xai_status read_file(FILE *f, const char *path, uint8_t **bytes, size_t *size, xai_error *err)
{
    size_t limit = XAI_IMAGE_LIMITS.max_bytes;
    *bytes = malloc(limit + 1);
    if (!*bytes) XAI_NO_MEMORY(err);
    *size = fread(*bytes, 1, limit + 1, f);
    XAI_CHECK(!ferror(f), err, IO, path, "cannot read '%s'", path);
    XAI_CHECK(*size <= limit, err, TOO_LARGE, path, "'%s' is larger than %zu MB", path, limit >> 20);
    return XAI_OK;
}

xai_status xai_photo_load(const char *folder, const char *file, xai_image **out, xai_error *err)
{
    char path[LINE];
    uint8_t *bytes = NULL;
    size_t size = 0;
    int n = snprintf(path, sizeof path, "%s/%s", folder, file);
    XAI_CHECK(n > 0 && (size_t)n < sizeof path, err, IO, file, "the path of '%.100s' is too long", file);
    FILE *f = fopen(path, "rb");
    XAI_CHECK(f, err, IO, file, "cannot open '%s': %s", path, strerror(errno));
    xai_status status = read_file(f, path, &bytes, &size, err);
    if (status == XAI_OK) status = xai_image_decode(bytes, size, NULL, out, err);
    free(bytes);
    fclose(f);
    return status;
}
