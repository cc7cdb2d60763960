/*
 * External data: tensors that a model keeps in files beside it (TensorProto.external_data: location, offset, length).
 *
 * The model names the file, so a hostile one could name any file of the machine. Hence: a location is a path below the
 * model's folder, walked name by name from that folder; no name may be "..", none may be a link; the end must be a
 * regular file, opened so that a pipe cannot block; and it must be long enough before anything is allocated. What is
 * read goes into the model's checksum: it decides the results as much as the model's own bytes.
 *
 * Files are opened tensor by tensor, since some exporters write hundreds. One thread.
 */
#include "external.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_LOCATION = 1024 };

xai_status xai_external_open(xai_external *x, const char *path, const void *bytes, size_t size, xai_error *err)
{
    *x = (xai_external){.folder = -1, .sha = xai_sha256_init()};
    xai_sha256_update(&x->sha, bytes, size);
    if (!path) return XAI_OK;
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!folder) XAI_NO_MEMORY(err);
    x->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int problem = errno;
    free(folder);
    XAI_CHECK(x->folder >= 0, err, IO, path, "cannot open the folder of '%s': %s", path, strerror(problem));
    return XAI_OK;
}

void xai_external_close(xai_external *x)
{
    if (x->folder >= 0) close(x->folder);
    x->folder = -1;
}

void xai_external_drop(const xai_external_part *part) { close(part->file); }

/* ---------------------------------------------------------------- what the tensor says */

static const char *entry(const Onnx__TensorProto *p, const char *key)
{
    for (size_t i = 0; i < p->n_external_data; i++) {
        const Onnx__StringStringEntryProto *e = p->external_data[i];
        if (e->key && strcmp(e->key, key) == 0) return e->value ? e->value : "";
    }
    return NULL;
}

/* A number of bytes; `fallback` if the key is absent. */
static xai_status read_number(const Onnx__TensorProto *p, const char *key, const char *where, int64_t fallback,
                              int64_t *out, xai_error *err)
{
    const char *text = entry(p, key);
    char *end = NULL;
    *out = fallback;
    if (!text) return XAI_OK;
    errno = 0;
    bool digits = text[0] >= '0' && text[0] <= '9';
    long long value = digits ? strtoll(text, &end, 10) : -1;
    XAI_CHECK(digits && errno == 0 && !*end, err, BAD_MODEL, where,
              "tensor '%s' is stored in another file, with the impossible %s '%.40s'", where, key, text);
    *out = value;
    return XAI_OK;
}

/* ---------------------------------------------------------------- the way to the file */

static bool is_up(const char *name) { return strcmp(name, "..") == 0; }

static xai_status check_location(const char *location, const char *where, xai_error *err)
{
    XAI_CHECK(location && location[0] && strlen(location) < MAX_LOCATION, err, BAD_MODEL, where,
              "tensor '%s' is stored in another file, but does not say in which", where);
    XAI_CHECK(location[0] != '/', err, BAD_MODEL, where,
              "tensor '%s' is stored in '%s': an absolute path; the file must lie beside the model", where, location);
    return XAI_OK;
}

/* Opens one name of the path; *folder is closed unless it is the model's own. */
static int step(int own, int folder, const char *name, bool last)
{
    int flags = O_NOFOLLOW | O_CLOEXEC | (last ? O_RDONLY | O_NONBLOCK | O_NOCTTY : O_PATH | O_DIRECTORY);
    int next = openat(folder, name, flags);
    int problem = errno;
    if (folder != own) close(folder);
    errno = problem;
    return next;
}

static xai_status walk(int own, const char *location, const char *where, int *file, xai_error *err)
{
    char path[MAX_LOCATION], *rest = path;
    strcpy(path, location); /* its length is checked */
    int at = own;
    for (char *name = strsep(&rest, "/"); name; name = strsep(&rest, "/")) {
        if (rest && (!name[0] || strcmp(name, ".") == 0)) continue;
        if (is_up(name)) {
            if (at != own) close(at);
            XAI_FAIL(err, BAD_MODEL, where, "tensor '%s' is stored in '%s': '..' is not allowed; the file must lie "
                                            "beside the model", where, location);
        }
        at = step(own, at, name, !rest);
        XAI_CHECK(at >= 0, err, IO, where, "tensor '%s' is stored in '%s', which cannot be opened: %s", where, location,
                  errno == ELOOP || (rest && errno == ENOTDIR) ? "links are not followed" : strerror(errno));
    }
    *file = at;
    return XAI_OK;
}

static xai_status check_file(const xai_external_part *part, const char *location, const char *where, xai_error *err)
{
    struct stat st;
    XAI_CHECK(fstat(part->file, &st) == 0 && S_ISREG(st.st_mode), err, BAD_MODEL, where,
              "tensor '%s' is stored in '%s', which is not a regular file", where, location);
    bool inside = part->offset <= st.st_size && part->size <= (uint64_t)(st.st_size - part->offset);
    XAI_CHECK(inside, err, BAD_MODEL, where,
              "tensor '%s' claims %zu bytes at %lld of '%s', which has %lld bytes: the file is truncated or another's",
              where, part->size, (long long)part->offset, location, (long long)st.st_size);
    return XAI_OK;
}

xai_status xai_external_find(const xai_external *x, const Onnx__TensorProto *p, const char *where, size_t size,
                             xai_external_part *out, xai_error *err)
{
    const char *location = entry(p, "location");
    int64_t offset = 0, length = 0;
    XAI_CHECK(x->folder >= 0, err, UNSUPPORTED_OP, where, "tensor '%s' is stored in another file", where);
    XAI_TRY(check_location(location, where, err));
    XAI_TRY(read_number(p, "offset", where, 0, &offset, err));
    XAI_TRY(read_number(p, "length", where, (int64_t)size, &length, err));
    XAI_CHECK((uint64_t)length == size, err, BAD_MODEL, where,
              "tensor '%s' has %lld bytes in '%s', but its shape claims %zu", where, (long long)length, location, size);
    *out = (xai_external_part){.offset = offset, .size = size};
    XAI_TRY(walk(x->folder, location, where, &out->file, err));
    xai_status status = check_file(out, location, where, err);
    if (status != XAI_OK) xai_external_drop(out);
    return status;
}

/* ---------------------------------------------------------------- reading */

xai_status xai_external_read(xai_external *x, const xai_external_part *part, const char *where, void *to,
                             xai_error *err)
{
    size_t done = 0;
    ssize_t got = 1;
    while (done < part->size && got > 0) {
        got = pread(part->file, (char *)to + done, part->size - done, (off_t)(part->offset + (int64_t)done));
        if (got < 0 && errno == EINTR) got = 1;
        else if (got > 0) done += (size_t)got;
    }
    xai_external_drop(part);
    XAI_CHECK(done == part->size, err, IO, where, "the data of tensor '%s' cannot be read to their end", where);
    xai_sha256_update(&x->sha, to, part->size);
    x->used = true;
    return XAI_OK;
}
