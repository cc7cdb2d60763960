/*
 * Files: the viewer's static files, read into memory when the server starts.
 *
 * A path from outside is only ever compared with the names in the table, never joined to the file system: there is
 * nothing to traverse. Hidden files, links and unknown types are not served. Read-only after loading; any thread.
 */
#include "inner.h"

#include "base/sha256.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILES = 512, MAX_FILE = 16 << 20, MAX_DEPTH = 6, MAX_PATH = 512 };

struct http_file {
    char *path;       /* "/views/map.js" */
    const char *type; /* media type, static */
    char etag[68];    /* "\"<sha256>\"" */
    uint8_t *bytes;
    size_t size;
};

struct http_files {
    http_file *list[MAX_FILES];
    size_t count;
};

static const struct { const char *suffix, *type; } types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".ico", "image/vnd.microsoft.icon"},
    {".woff2", "font/woff2"},
    {".webmanifest", "application/manifest+json"},
    {".txt", "text/plain; charset=utf-8"},
};

static const char viewer_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static const char *type_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcmp(dot, types[i].suffix) == 0) return types[i].type;
    return NULL;
}

/* ---------------------------------------------------------------- loading */

static void free_file(http_file *file)
{
    if (!file) return;
    free(file->path);
    free(file->bytes);
    free(file);
}

static bool read_all(int fd, http_file *file, size_t size)
{
    file->bytes = malloc(size + 1);
    while (file->bytes && file->size < size) {
        ssize_t got = read(fd, file->bytes + file->size, size - file->size);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        file->size += (size_t)got;
    }
    return file->bytes != NULL;
}

static xai_status load_file(http_files *files, int dir, const char *name, const char *path, size_t size,
                            xai_error *err)
{
    XAI_CHECK(files->count < MAX_FILES, err, TOO_LARGE, path, "there are more than %d static files", MAX_FILES);
    XAI_CHECK(size <= MAX_FILE, err, TOO_LARGE, path, "a static file may hold at most %d bytes", MAX_FILE);
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    XAI_CHECK(fd >= 0, err, IO, path, "cannot open the static file: %s", strerror(errno));
    http_file *file = calloc(1, sizeof *file);
    bool read = file && (file->path = strdup(path)) != NULL && read_all(fd, file, size);
    close(fd);
    if (!read) {
        free_file(file);
        XAI_FAIL(err, IO, path, "cannot read the static file");
    }
    char hash[65];
    xai_sha256_hex(file->bytes, file->size, hash);
    snprintf(file->etag, sizeof file->etag, "\"%s\"", hash);
    file->type = type_of(name);
    files->list[files->count++] = file;
    return XAI_OK;
}

static xai_status load_dir(http_files *files, int fd, const char *path, int depth, xai_error *err);

static xai_status load_entry(http_files *files, int dir, const char *name, const char *parent, int depth,
                             xai_error *err)
{
    char path[MAX_PATH];
    struct stat st;
    if (name[0] == '.' || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return XAI_OK;
    int length = snprintf(path, sizeof path, "%s/%s", parent, name);
    XAI_CHECK(length > 0 && length < MAX_PATH, err, TOO_LARGE, name, "the path of a static file is too long");
    if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH) {
        int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        XAI_CHECK(fd >= 0, err, IO, path, "cannot open the folder: %s", strerror(errno));
        return load_dir(files, fd, path, depth + 1, err);
    }
    if (!S_ISREG(st.st_mode) || !type_of(name)) return XAI_OK;
    return load_file(files, dir, name, path, (size_t)st.st_size, err);
}

/* Takes over `fd`. */
static xai_status load_dir(http_files *files, int fd, const char *path, int depth, xai_error *err)
{
    DIR *dir = fdopendir(fd);
    xai_status status = XAI_OK;
    if (!dir) {
        close(fd);
        XAI_FAIL(err, IO, path, "cannot read the folder");
    }
    for (struct dirent *entry; status == XAI_OK && (entry = readdir(dir)) != NULL;)
        status = load_entry(files, fd, entry->d_name, path, depth, err);
    closedir(dir);
    return status;
}

static int by_path(const void *a, const void *b)
{
    const http_file *const *x = a, *const *y = b;
    return strcmp((*x)->path, (*y)->path);
}

xai_status http_files_load(const char *dir, http_files **out, xai_error *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    XAI_CHECK(fd >= 0, err, IO, "static_dir", "cannot open the folder of static files %s: %s", dir, strerror(errno));
    http_files *files = calloc(1, sizeof *files);
    if (!files) {
        close(fd);
        XAI_NO_MEMORY(err);
    }
    xai_status status = load_dir(files, fd, "", 0, err);
    if (status != XAI_OK) {
        http_files_free(files);
        return status;
    }
    qsort(files->list, files->count, sizeof files->list[0], by_path);
    *out = files;
    return XAI_OK;
}

void http_files_free(http_files *files)
{
    for (size_t i = 0; files && i < files->count; i++) free_file(files->list[i]);
    free(files);
}

/* ---------------------------------------------------------------- serving */

static int path_against(const void *path, const void *entry)
{
    const http_file *const *file = entry;
    return strcmp(path, (*file)->path);
}

const http_file *http_files_find(const http_files *files, const char *path)
{
    if (!files) return NULL;
    if (strcmp(path, "/") == 0) path = "/index.html";
    http_file *const *found = bsearch(path, files->list, files->count, sizeof files->list[0], path_against);
    return found ? *found : NULL;
}

/* If-None-Match: a list of tags, each perhaps weak, or "*" (RFC 9110, 13.1.2). */
static bool matches(const char *list, const char *etag)
{
    return list && (strcmp(list, "*") == 0 || strstr(list, etag) != NULL);
}

void http_files_answer(const http_file *file, const api_request *request, api_response *response)
{
    bool known = matches(api_request_header(request, "If-None-Match"), file->etag);
    api_response_init(response, known ? 304 : 200);
    api_response_header(response, "ETag", "%s", file->etag);
    api_response_header(response, "Cache-Control", "no-cache");
    api_response_header(response, "Content-Security-Policy", "%s", viewer_policy);
    if (known) return;
    response->type = file->type;
    response->body = file->bytes;
    response->size = file->size;
}
