/*
 * Fuzzes the multipart parser: the first line of the input is the Content-Type, the rest the body.
 *
 * Holds: the parts and the verdict are the same however the body is cut; a refusal has its reason; what is accepted
 * holds its boundary, and no more bytes come out than went in.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/multipart.h"
#include "http/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct digest {
    uint64_t hash; /* of all that came out, independent of how data was cut */
    size_t parts, bytes;
} digest;

static void require(bool condition)
{
    if (!condition) abort();
}

static void mix(digest *d, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) d->hash = (d->hash ^ (uint8_t)bytes[i]) * 0x100000001b3u;
}

static bool on_begin(void *user, const http_part_head *head)
{
    digest *d = user;
    require(head->name[0] && http_utf8_valid(head->name, strlen(head->name)));
    require(http_utf8_valid(head->filename, strlen(head->filename)));
    d->parts++;
    mix(d, "begin", 6);
    mix(d, head->name, strlen(head->name) + 1);
    mix(d, head->filename, strlen(head->filename) + 1);
    mix(d, head->type, strlen(head->type) + 1);
    return true;
}

static bool on_data(void *user, const char *bytes, size_t size)
{
    digest *d = user;
    require(size > 0 && d->parts > 0);
    mix(d, bytes, size);
    d->bytes += size;
    return true;
}

static const char *parse(const char *type, const uint8_t *body, size_t size, size_t step, digest *d)
{
    http_multipart parser;
    const http_part_sink sink = {on_begin, on_data, d};
    *d = (digest){.hash = 0xcbf29ce484222325u};
    bool ok = http_multipart_init(&parser, type, 4, &sink);
    for (size_t at = 0; ok && at < size; at += step)
        ok = http_multipart_feed(&parser, (const char *)body + at, size - at < step ? size - at : step);
    ok = ok && http_multipart_end(&parser);
    require(ok || parser.error);
    return ok ? NULL : parser.error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, '\n', size);
    if (!end || size > 65536) return 0;
    char *type = strndup((const char *)data, (size_t)(end - data));
    const uint8_t *body = end + 1;
    size_t left = size - (size_t)(body - data);
    digest whole, cut;
    const char *error = parse(type, body, left, left + 1, &whole);
    require(whole.bytes <= left && whole.parts <= 4);
    static const size_t steps[] = {1, 2, 7, 64};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const char *other = parse(type, body, left, steps[i], &cut);
        require(error == other && cut.hash == whole.hash && cut.parts == whole.parts && cut.bytes == whole.bytes);
    }
    free(type);
    return 0;
}
