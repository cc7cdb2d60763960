/*
 * Input: the three forms of a request that carries an image.
 *
 *     multipart/form-data     part `image`; the request is the part `request` (JSON), or the query
 *     image/..., octets       the body is the image, the query is the request
 *     application/json        the image as base64 in image.b64
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"
#include "json/read.h"
#include "json/request.h"

static void too_large(api_request *request, const char *what, int64_t limit)
{
    xai_error err;
    XAI_ERROR_SET(&err, TOO_LARGE, "", "%s is larger than %lld bytes; GET /api/v1/limits lists the limits", what,
                  (long long)limit);
    api_reply_error(request, &err);
}

static bool parse(api_request *request, const void *bytes, size_t size, json_t **json)
{
    xai_error err;
    if (xai_json_parse(bytes, size, XAI_E_BAD_REQUEST, json, &err) == XAI_OK) return true;
    api_reply_error(request, &err);
    return false;
}

static bool copy_image(api *a, api_request *request, const void *bytes, size_t size, jobs_bytes **image)
{
    if (size > (size_t)a->config->max_image_bytes) {
        too_large(request, "the image", a->config->max_image_bytes);
        return false;
    }
    *image = jobs_bytes_new(bytes, size);
    xai_error err;
    if (!*image) XAI_ERROR_SET(&err, NO_MEMORY, "", "out of memory");
    if (!*image) api_reply_error(request, &err);
    return *image != NULL;
}

/* ---------------------------------------------------------------- the forms */

static bool read_query(api_request *request, json_t **json)
{
    enum { MAX_PAIRS = 64 };
    const char *names[MAX_PAIRS], *values[MAX_PAIRS];
    size_t n = request->query_count;
    xai_error err;
    xai_status status = XAI_OK;
    if (n > MAX_PAIRS) status = XAI_ERROR_SET(&err, BAD_REQUEST, "", "more than %d query parameters", MAX_PAIRS);
    for (size_t i = 0; i < n && status == XAI_OK; i++) {
        names[i] = request->query[i].name;
        values[i] = request->query[i].value;
    }
    if (status == XAI_OK) status = xai_json_request_from_pairs(names, values, n, json, &err);
    if (status != XAI_OK) api_reply_error(request, &err);
    return status == XAI_OK;
}

static bool without_query(api_request *request)
{
    if (request->query_count == 0) return true;
    xai_error err;
    XAI_ERROR_SET(&err, BAD_REQUEST, "", "give the request either as JSON or in the query, not both");
    api_reply_error(request, &err);
    return false;
}

static bool read_parts(api *a, api_request *request, json_t **json, jobs_bytes **image)
{
    const api_part *picture = api_request_part(request, "image"), *form = api_request_part(request, "request");
    if (!picture) {
        xai_error err;
        XAI_ERROR_SET(&err, BAD_REQUEST, "/image", "the multipart body has no part called \"image\"");
        api_reply_error(request, &err);
        return false;
    }
    if (form && form->size > (size_t)a->config->max_json_bytes) {
        too_large(request, "the part \"request\"", a->config->max_json_bytes);
        return false;
    }
    bool read = form ? without_query(request) && parse(request, form->bytes, form->size, json)
                     : read_query(request, json);
    if (!read) return false;
    if (copy_image(a, request, picture->bytes, picture->size, image)) return true;
    json_decref(*json);
    return false;
}

static bool read_raw(api *a, api_request *request, json_t **json, jobs_bytes **image)
{
    if (!read_query(request, json)) return false;
    if (copy_image(a, request, request->body, request->size, image)) return true;
    json_decref(*json);
    return false;
}

/* A large JSON body is one with an image in it; others are not worth parsing. */
static bool may_be_large(const api *a, const api_request *request)
{
    size_t most = (size_t)a->config->max_image_bytes / 3 * 4 + (size_t)a->config->max_json_bytes;
    return request->size <= most && memmem(request->body, request->size, "\"b64\"", 5) != NULL;
}

static bool read_whole_json(api *a, api_request *request, json_t **json)
{
    if (request->size > (size_t)a->config->max_json_bytes && !may_be_large(a, request)) {
        too_large(request, "the JSON body", a->config->max_json_bytes);
        return false;
    }
    return without_query(request) && parse(request, request->body, request->size, json);
}

static bool has_body(api_request *request)
{
    if (request->size > 0 || request->part_count > 0) return true;
    if (api_request_header(request, "Content-Length") || api_request_header(request, "Transfer-Encoding")) {
        xai_error err;
        XAI_ERROR_SET(&err, BAD_REQUEST, "", "the body is empty");
        api_reply_error(request, &err);
    } else {
        api_reply_problem(request, WIRE_LENGTH_REQUIRED, "send an image, as multipart, raw or in JSON");
    }
    return false;
}

bool api_read_input(api *a, api_request *request, json_t **json, jobs_bytes **image)
{
    const char *type = request->type;
    *json = NULL;
    *image = NULL;
    if (!has_body(request)) return false;
    if (type && strcmp(type, "multipart/form-data") == 0)
        return read_parts(a, request, json, image);
    if (type && strcmp(type, "application/json") == 0) return read_whole_json(a, request, json);
    if (type && (strncmp(type, "image/", 6) == 0 || strcmp(type, "application/octet-stream") == 0))
        return read_raw(a, request, json, image);
    api_reply_problem(request, WIRE_UNSUPPORTED_MEDIA,
                      "send multipart/form-data, application/json, or an image with its Content-Type (image/jpeg, "
                      "image/png, image/bmp, application/octet-stream)");
    return false;
}

bool api_read_json(api *a, api_request *request, json_t **json)
{
    if (!has_body(request)) return false;
    if (!request->type || strcmp(request->type, "application/json") != 0) {
        api_reply_problem(request, WIRE_UNSUPPORTED_MEDIA, "send application/json");
        return false;
    }
    if (request->size > (size_t)a->config->max_json_bytes) {
        too_large(request, "the JSON body", a->config->max_json_bytes);
        return false;
    }
    return parse(request, request->body, request->size, json);
}
