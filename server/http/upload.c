/*
 * Upload: growing buffers under two limits, one for this body and one for all bodies in flight.
 *
 * Invariant: held = the sum of the capacities of the buffers, and the total counts it before it is allocated.
 * An upload belongs to one thread at a time; only the total is shared, and atomic.
 */
#include "upload.h"
#include "params.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 4096 };

static const http_verdict too_large = {413, "body-too-large", "The body is larger than this service accepts."};
static const http_verdict busy = {503, "busy", "Too many uploads are in progress; try again in a moment."};

static bool refuse(http_upload *upload, http_verdict verdict)
{
    if (!upload->verdict.status) upload->verdict = verdict;
    return false;
}

/* ---------------------------------------------------------------- memory */

static bool reserve(http_upload *upload, size_t more)
{
    size_t before = atomic_fetch_add(upload->total, more);
    if (before > upload->limits->max_bodies || more > upload->limits->max_bodies - before) {
        atomic_fetch_sub(upload->total, more);
        return false;
    }
    upload->held += more;
    return true;
}

/* Room for `more` bytes and a NUL. Doubles, so that a body is copied a constant number of times. */
static bool grow(http_upload *upload, http_buffer *buffer, size_t more)
{
    size_t need = buffer->size + more + 1; /* both are below max_body */
    if (need <= buffer->capacity) return true;
    size_t capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY;
    while (capacity < need) capacity *= 2;
    if (!reserve(upload, capacity - buffer->capacity)) return refuse(upload, busy);
    uint8_t *bytes = realloc(buffer->bytes, capacity);
    if (!bytes) return refuse(upload, busy);
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}

static bool append(http_upload *upload, http_buffer *buffer, const char *bytes, size_t size)
{
    if (!grow(upload, buffer, size)) return false;
    memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
    buffer->bytes[buffer->size] = 0;
    return true;
}

/* ---------------------------------------------------------------- parts */

static bool begin_part(void *user, const http_part_head *head)
{
    http_upload *upload = user;
    http_upload_part *part = calloc(1, sizeof *part);
    if (!part) return refuse(upload, busy);
    part->head = *head;
    upload->parts[upload->part_count++] = part;
    return append(upload, &part->buffer, "", 0);
}

static bool part_data(void *user, const char *bytes, size_t size)
{
    http_upload *upload = user;
    return append(upload, &upload->parts[upload->part_count - 1]->buffer, bytes, size);
}

static bool begin_multipart(http_upload *upload, const char *content_type)
{
    const http_part_sink sink = {begin_part, part_data, upload};
    size_t max_parts = (size_t)upload->limits->max_parts;
    upload->parser = malloc(sizeof *upload->parser);
    upload->parts = calloc(max_parts, sizeof *upload->parts);
    if (!upload->parser || !upload->parts) return refuse(upload, busy);
    if (!http_multipart_init(upload->parser, content_type, max_parts, &sink))
        return refuse(upload, (http_verdict){400, "bad-multipart", upload->parser->error});
    return true;
}

/* ---------------------------------------------------------------- the whole */

void http_upload_init(http_upload *upload, const http_config *limits, atomic_size_t *total, const char *content_type)
{
    char token[64];
    *upload = (http_upload){.limits = limits, .total = total};
    if (content_type && http_params_token(content_type, token, sizeof token) &&
        strcmp(token, "multipart/form-data") == 0)
        begin_multipart(upload, content_type);
}

static bool take(http_upload *upload, const char *bytes, size_t size)
{
    if (size > upload->limits->max_body - upload->received) return refuse(upload, too_large);
    upload->received += size;
    if (!upload->parser) return append(upload, &upload->body, bytes, size);
    if (http_multipart_feed(upload->parser, bytes, size)) return true;
    return refuse(upload, (http_verdict){400, "bad-multipart", upload->parser->error});
}

void http_upload_feed(http_upload *upload, const char *bytes, size_t size)
{
    if (upload->verdict.status || take(upload, bytes, size)) return;
    http_upload_settle(upload); /* what follows is dropped; so is what came */
    http_upload_free(upload);
}

static bool make_table(http_upload *upload)
{
    upload->table = calloc(upload->part_count, sizeof *upload->table);
    if (!upload->table) return refuse(upload, busy);
    for (size_t i = 0; i < upload->part_count; i++) {
        const http_upload_part *part = upload->parts[i];
        upload->table[i] = (api_part){.name = part->head.name,
                                      .filename = part->head.has_filename ? part->head.filename : NULL,
                                      .type = part->head.type[0] ? part->head.type : NULL,
                                      .bytes = part->buffer.bytes,
                                      .size = part->buffer.size};
    }
    return true;
}

http_verdict http_upload_finish(http_upload *upload, api_request *request)
{
    if (upload->verdict.status) return upload->verdict;
    if (!upload->parser) {
        request->body = upload->body.size ? upload->body.bytes : NULL;
        request->size = upload->body.size;
        return HTTP_PASS;
    }
    if (!http_multipart_end(upload->parser))
        refuse(upload, (http_verdict){400, "bad-multipart", upload->parser->error});
    else if (make_table(upload)) {
        request->parts = upload->table;
        request->part_count = upload->part_count;
    }
    return upload->verdict;
}

void http_upload_settle(http_upload *upload)
{
    if (upload->held) atomic_fetch_sub(upload->total, upload->held);
    upload->held = 0;
}

void http_upload_free(http_upload *upload)
{
    for (size_t i = 0; i < upload->part_count; i++) {
        free(upload->parts[i]->buffer.bytes);
        free(upload->parts[i]);
    }
    free(upload->parts);
    free(upload->table);
    free(upload->parser);
    free(upload->body.bytes);
    upload->parts = NULL;
    upload->table = NULL;
    upload->parser = NULL;
    upload->body = (http_buffer){0};
    upload->part_count = 0;
}
