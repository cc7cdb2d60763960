/*
 * One artifact of a finished explanation as a file: "0-overlay.png" is artifact "overlay" of results[0]; "sag.svg" is
 * the first artifact with this extension of the first result of method `sag`.
 *
 * Pictures come as they are, maps as .npy, graphs as JSON, texts as text. The ETag is the hash of the bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "internal.h"
#include "base/base64.h"
#include "json/result.h"

/* ---------------------------------------------------------------- bytes */

static jobs_bytes *decoded(const json_t *data)
{
    size_t length = json_string_length(data), size = 0;
    jobs_bytes *bytes = NULL;
    uint8_t *buffer = malloc(xai_base64_room(length) + 1);
    if (buffer && xai_base64_decode(json_string_value(data), length, buffer, &size))
        bytes = jobs_bytes_new(buffer, size);
    free(buffer);
    return bytes;
}

/* Version 1.0 of numpy's format: the header's length is padded so that the data begins at a multiple of 64. */
static size_t npy_header(const json_t *shape, char *out, size_t room)
{
    char dims[128] = "";
    size_t used = 0, i;
    json_t *dim;
    json_array_foreach((json_t *)shape, i, dim)
        used += (size_t)snprintf(dims + used, used < sizeof dims ? sizeof dims - used : 0, "%lld,",
                                 (long long)json_integer_value(dim));
    int n = snprintf(out + 10, room - 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", dims);
    size_t total = (10 + (size_t)n + 1 + 63) / 64 * 64, length = total - 10;
    memset(out + 10 + n, ' ', length - (size_t)n);
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = (char)(length & 0xff);
    out[9] = (char)(length >> 8);
    out[total - 1] = '\n';
    return total;
}

static jobs_bytes *npy(const json_t *artifact)
{
    char header[512];
    jobs_bytes *values = decoded(json_object_get(artifact, "data"));
    if (!values) return NULL;
    size_t n = npy_header(json_object_get(artifact, "shape"), header, sizeof header), size = jobs_bytes_size(values);
    jobs_bytes *bytes = jobs_bytes_new(NULL, n + size);
    if (bytes) {
        memcpy(jobs_bytes_data(bytes), header, n);
        memcpy(jobs_bytes_data(bytes) + n, jobs_bytes_data(values), size);
    }
    jobs_bytes_unref(values);
    return bytes;
}

static jobs_bytes *json_bytes(const json_t *value)
{
    char *text = xai_json_text_of(value, JSON_COMPACT);
    jobs_bytes *bytes = text ? jobs_bytes_new(text, strlen(text)) : NULL;
    free(text);
    return bytes;
}

static jobs_bytes *bytes_of(const json_t *artifact, const char *extension)
{
    const json_t *data = json_object_get(artifact, "data");
    const char *kind = json_string_value(json_object_get(artifact, "kind"));
    if (strcmp(extension, "npy") == 0) return npy(artifact);
    if (strcmp(extension, "json") == 0) return json_bytes(data);
    if (strcmp(kind, "text") == 0) return jobs_bytes_new(json_string_value(data), json_string_length(data));
    return decoded(data);
}

static const char *type_of(const char *extension)
{
    static const char *const TYPES[][2] = {{"png", "image/png"}, {"gif", "image/gif"}, {"json", "application/json"},
                                           {"svg", "image/svg+xml"}, {"dot", "text/vnd.graphviz; charset=utf-8"},
                                           {"txt", "text/plain; charset=utf-8"}};
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++)
        if (strcmp(TYPES[i][0], extension) == 0) return TYPES[i][1];
    return "application/octet-stream";
}

/* ---------------------------------------------------------------- names */

static const char *extension_of(const json_t *artifact)
{
    return xai_json_artifact_extension(json_string_value(json_object_get(artifact, "kind")),
                                       json_string_value(json_object_get(artifact, "media_type")));
}

/* "overlay.png" of a result. */
static const json_t *find_named(const json_t *result, const char *name)
{
    json_t *artifact;
    size_t i;
    json_array_foreach(json_object_get(result, "artifacts"), i, artifact) {
        const char *own = json_string_value(json_object_get(artifact, "name"));
        size_t n = own ? strlen(own) : 0;
        bool same = own && strncmp(name, own, n) == 0 && name[n] == '.';
        if (same && strcmp(name + n + 1, extension_of(artifact)) == 0) return artifact;
    }
    return NULL;
}

/* The first artifact with that extension. */
static const json_t *find_like(const json_t *result, const char *extension)
{
    json_t *artifact;
    size_t i;
    json_array_foreach(json_object_get(result, "artifacts"), i, artifact)
        if (strcmp(extension_of(artifact), extension) == 0) return artifact;
    return NULL;
}

/* The artifact that "0-overlay.png" or "sag.svg" names, and its extension. */
static const json_t *find_artifact(const json_t *root, const char *name, const char **extension)
{
    char *end;
    unsigned long index = strtoul(name, &end, 10);
    json_t *results = json_object_get(root, "results"), *result;
    const json_t *artifact = NULL;
    size_t i;
    if (end != name && *end == '-') artifact = find_named(json_array_get(results, index), end + 1);
    json_array_foreach(results, i, result) {
        const char *method = json_string_value(json_object_get(result, "method"));
        size_t n = method ? strlen(method) : 0;
        bool same = method && !artifact && strncmp(name, method, n) == 0 && name[n] == '.';
        if (same) artifact = find_like(result, name + n + 1);
    }
    if (artifact) *extension = extension_of(artifact);
    return artifact;
}

static void reply_file(api_request *request, jobs_bytes *bytes, const char *type)
{
    char etag[68] = "\"", hex[65];
    xai_sha256_hex(jobs_bytes_data(bytes), jobs_bytes_size(bytes), hex);
    snprintf(etag, sizeof etag, "\"%.32s\"", hex);
    const char *known = api_request_header(request, "If-None-Match");
    bool same = known && (strstr(known, etag) || strcmp(known, "*") == 0);
    api_response response;
    api_response_init(&response, same ? 304 : 200);
    if (same) jobs_bytes_unref(bytes);
    else api_put_bytes(&response, type, bytes);
    api_response_header(&response, "ETag", "%s", etag);
    api_response_header(&response, "Cache-Control", "private, max-age=3600, immutable");
    api_complete(request, &response);
}

static void reply_artifact(api_request *request, const jobs_view *view, const char *name)
{
    const char *extension = NULL;
    json_t *root = json_loadb((const char *)jobs_bytes_data(view->text), jobs_bytes_size(view->text), 0, NULL);
    const json_t *artifact = root ? find_artifact(root, name, &extension) : NULL;
    jobs_bytes *bytes = artifact ? bytes_of(artifact, extension) : NULL;
    xai_error err;
    if (bytes) reply_file(request, bytes, type_of(extension));
    else if (root && !artifact) api_reply_problem(request, WIRE_NOT_FOUND,
                                                 "the explanation has no such artifact; some are made only if the "
                                                 "request's \"outputs\" name them");
    else XAI_ERROR_SET(&err, NO_MEMORY, "", "out of memory");
    if (!bytes && !(root && !artifact)) api_reply_error(request, &err);
    json_decref(root);
}

void api_get_artifact(api *a, api_request *request, const api_path *path)
{
    jobs_view view;
    if (!api_find_job(a, request, path, &view)) return;
    bool ready = view.text && (view.state == STORE_DONE || view.state == STORE_PARTIAL);
    if (ready) reply_artifact(request, &view, path->segment[1]);
    else api_reply_problem(request, WIRE_CONFLICT, "the explanation has no result (yet)");
    jobs_view_clear(&view);
}
