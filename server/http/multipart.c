/*
 * Multipart: a state machine over bytes.
 *
 * The delimiter is CR LF "--" boundary. As its only CR is its first byte, a failed match can restart only at a CR, so
 * that matching needs one counter and no look-back. The first delimiter may stand at the very start of the body:
 * the parser begins as if CR LF had been seen.
 * Invariant: bytes counted in `matched` (less `assumed`) have not been given to the sink; they are, once the match
 * fails.
 * A parser belongs to one thread at a time; it allocates nothing.
 */
#include "multipart.h"
#include "params.h"
#include "target.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool fail(http_multipart *parser, const char *error)
{
    parser->state = HTTP_MP_FAILED;
    if (!parser->error) parser->error = error;
    return false;
}

/* ---------------------------------------------------------------- boundary */

static bool is_boundary(const char *text, size_t size)
{
    static const char extra[] = "'()+_,-./:=? ";
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && !strchr(extra, c)) return false;
    }
    return size >= 1 && size <= HTTP_MAX_BOUNDARY && text[size - 1] != ' ';
}

static bool find_boundary(http_multipart *parser, const char *content_type)
{
    char key[64], value[256], boundary[256] = "";
    http_param found;
    while ((found = http_params_next(&content_type, key, sizeof key, value, sizeof value)) == HTTP_PARAM_FOUND) {
        if (strcmp(key, "boundary") != 0) continue;
        if (boundary[0]) return fail(parser, "The Content-Type holds two boundaries.");
        memcpy(boundary, value, sizeof boundary);
    }
    if (found == HTTP_PARAM_BAD) return fail(parser, "The parameters of the Content-Type are malformed.");
    if (!boundary[0]) return fail(parser, "The Content-Type multipart/form-data needs a boundary.");
    if (!is_boundary(boundary, strlen(boundary)))
        return fail(parser, "The boundary must be 1 to 70 of the characters that RFC 2046 allows.");
    parser->delimiter_size = (size_t)snprintf(parser->delimiter, sizeof parser->delimiter, "\r\n--%.*s",
                                              HTTP_MAX_BOUNDARY, boundary);
    return true;
}

bool http_multipart_init(http_multipart *parser, const char *content_type, size_t max_parts,
                         const http_part_sink *sink)
{
    parser->state = HTTP_MP_PREAMBLE;
    parser->matched = parser->assumed = 2;
    parser->head_size = parser->parts = 0;
    parser->max_parts = max_parts;
    parser->sink = *sink;
    parser->error = NULL;
    return find_boundary(parser, content_type);
}

/* ---------------------------------------------------------------- the headers of a part */

/* UTF-8''percent-encoded (RFC 8187); false if it is anything else. */
static bool decode_extended(const char *value, char *out, size_t room)
{
    if (strncasecmp(value, "utf-8'", 6) != 0) return false;
    const char *in = strchr(value + 6, '\'');
    size_t size = 0;
    if (!in) return false;
    for (in++; *in; in++) {
        char c = *in;
        if (c == '%') {
            int high = http_hex_digit(in[1]), low = high < 0 ? -1 : http_hex_digit(in[2]);
            if (low < 0) return false;
            c = (char)(high * 16 + low);
            in += 2;
        }
        if (c == 0 || size + 1 >= room) return false;
        out[size++] = c;
    }
    out[size] = 0;
    return true;
}

static bool is_clean(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f) return false;
    return http_utf8_valid(text, strlen(text));
}

typedef struct disposition {
    http_part_head *head;
    bool has_name, has_plain, has_extended;
} disposition;

static const char *take_parameter(disposition *d, const char *key, const char *value)
{
    static const char twice[] = "A parameter of a part's Content-Disposition came twice.";
    http_part_head *head = d->head;
    if (strcmp(key, "name") == 0) {
        if (d->has_name) return twice;
        d->has_name = true;
        memcpy(head->name, value, strlen(value) + 1);
    } else if (strcmp(key, "filename") == 0) {
        if (d->has_plain) return twice;
        d->has_plain = head->has_filename = true;
        if (!d->has_extended) memcpy(head->filename, value, strlen(value) + 1);
    } else if (strcmp(key, "filename*") == 0) {
        if (d->has_extended) return twice;
        d->has_extended = head->has_filename = true;
        if (!decode_extended(value, head->filename, sizeof head->filename))
            return "A part's filename* is not UTF-8''percent-encoded.";
    }
    return NULL;
}

static const char *read_disposition(const char *value, http_part_head *head)
{
    char token[32], key[64], text[HTTP_MAX_PART_NAME];
    disposition d = {.head = head};
    http_param found;
    if (!http_params_token(value, token, sizeof token) || strcmp(token, "form-data") != 0)
        return "A part's Content-Disposition must be form-data.";
    while ((found = http_params_next(&value, key, sizeof key, text, sizeof text)) == HTTP_PARAM_FOUND) {
        const char *error = take_parameter(&d, key, text);
        if (error) return error;
    }
    if (found == HTTP_PARAM_BAD) return "The parameters of a part's Content-Disposition are malformed or too long.";
    if (!d.has_name || !head->name[0]) return "A part has no name.";
    if (!is_clean(head->name) || !is_clean(head->filename))
        return "A part's name or file name holds control characters or invalid UTF-8.";
    return NULL;
}

static const char *read_encoding(const char *value)
{
    char token[32];
    bool plain = http_params_token(value, token, sizeof token) &&
                 (!strcmp(token, "binary") || !strcmp(token, "8bit") || !strcmp(token, "7bit"));
    return plain ? NULL : "Send the parts without a Content-Transfer-Encoding.";
}

typedef struct part_reader {
    http_part_head head;
    bool has_disposition, has_type;
} part_reader;

/* One header line, NUL-terminated. */
static const char *read_line(char *line, part_reader *reader)
{
    char *colon = strchr(line, ':');
    if (!colon || colon == line) return "A part's header has no name or no colon.";
    *colon = 0;
    if (strpbrk(line, " \t")) return "A part's header is folded, or has a space before its colon.";
    const char *value = colon + 1;
    if (strcasecmp(line, "content-disposition") == 0) {
        if (reader->has_disposition) return "A part has two Content-Disposition headers.";
        reader->has_disposition = true;
        return read_disposition(value, &reader->head);
    }
    if (strcasecmp(line, "content-type") == 0) {
        if (reader->has_type) return "A part has two Content-Type headers.";
        reader->has_type = true;
        if (!http_params_token(value, reader->head.type, sizeof reader->head.type) || !is_clean(reader->head.type))
            return "A part's Content-Type is malformed.";
    }
    return strcasecmp(line, "content-transfer-encoding") == 0 ? read_encoding(value) : NULL;
}

/* The head is complete: lines that end with CR LF, then an empty one. */
static bool finish_head(http_multipart *parser)
{
    part_reader reader = {0};
    if (memchr(parser->head, 0, parser->head_size)) return fail(parser, "A part's header holds a NUL.");
    char *last = parser->head + parser->head_size - 2; /* the empty line */
    for (char *line = parser->head; line < last;) {
        char *end = memchr(line, '\r', (size_t)(last - line));
        if (end[1] != '\n' || memchr(line, '\n', (size_t)(end - line)))
            return fail(parser, "A line in a part's header does not end with CRLF.");
        *end = 0;
        const char *error = read_line(line, &reader);
        if (error) return fail(parser, error);
        line = end + 2;
    }
    if (!reader.has_disposition) return fail(parser, "A part has no Content-Disposition.");
    if (!parser->sink.begin(parser->sink.user, &reader.head)) return fail(parser, "The part was refused.");
    parser->state = HTTP_MP_BODY;
    parser->matched = parser->assumed = 2; /* the CR LF that ended the head may begin an empty part's delimiter */
    return true;
}

static bool feed_head(http_multipart *parser, char c)
{
    if (parser->head_size == sizeof parser->head) return fail(parser, "A part's headers are too large.");
    parser->head[parser->head_size++] = c;
    size_t size = parser->head_size;
    bool empty_line = size >= 2 && c == '\n' && parser->head[size - 2] == '\r' &&
                      (size == 2 || (size >= 4 && parser->head[size - 3] == '\n' && parser->head[size - 4] == '\r'));
    return empty_line ? finish_head(parser) : true;
}

/* ---------------------------------------------------------------- what stands between the heads */

static bool emit(http_multipart *parser, const char *bytes, size_t size)
{
    if (size == 0 || parser->state != HTTP_MP_BODY) return true;
    if (!parser->sink.data(parser->sink.user, bytes, size)) return fail(parser, "The part was refused.");
    return true;
}

/* Consumes bytes up to a delimiter, or all; returns how many. */
static size_t feed_data(http_multipart *parser, const char *bytes, size_t size)
{
    size_t i = 0;
    while (i < size) {
        if (parser->matched == 0) {
            const char *cr = memchr(bytes + i, '\r', size - i);
            size_t plain = cr ? (size_t)(cr - (bytes + i)) : size - i;
            if (!emit(parser, bytes + i, plain)) return size;
            i += plain;
            if (i == size) return size;
        }
        if (bytes[i] == parser->delimiter[parser->matched]) {
            parser->matched++;
            i++;
            if (parser->matched < parser->delimiter_size) continue;
            parser->state = HTTP_MP_DELIMITER;
            parser->matched = parser->assumed = 0;
            return i;
        }
        size_t held = parser->matched - parser->assumed;
        if (!emit(parser, parser->delimiter + parser->assumed, held)) return size;
        parser->matched = parser->assumed = 0;
    }
    return size;
}

/* After a delimiter: "--" ends the body, padding and CR LF begin a part. */
static bool feed_delimiter(http_multipart *parser, char c)
{
    switch (parser->state) {
    case HTTP_MP_DELIMITER:
        if (c == '-') return parser->state = HTTP_MP_CLOSING, true;
        parser->state = HTTP_MP_PADDING;
        return feed_delimiter(parser, c);
    case HTTP_MP_CLOSING:
        if (c != '-') return fail(parser, "A boundary is followed by stray bytes.");
        parser->state = HTTP_MP_EPILOGUE;
        return true;
    default:
        break;
    }
    if (parser->matched == 1 && c == '\n') {
        if (parser->parts++ == parser->max_parts) return fail(parser, "There are too many parts.");
        parser->matched = parser->head_size = 0;
        parser->state = HTTP_MP_HEAD;
        return true;
    }
    if (parser->matched == 0 && (c == ' ' || c == '\t')) return true;
    if (parser->matched == 0 && c == '\r') return parser->matched = 1, true;
    return fail(parser, "A boundary is followed by stray bytes.");
}

bool http_multipart_feed(http_multipart *parser, const char *bytes, size_t size)
{
    size_t i = 0;
    while (i < size && parser->state != HTTP_MP_FAILED && parser->state != HTTP_MP_EPILOGUE) {
        if (parser->state == HTTP_MP_PREAMBLE || parser->state == HTTP_MP_BODY)
            i += feed_data(parser, bytes + i, size - i);
        else if (parser->state == HTTP_MP_HEAD)
            feed_head(parser, bytes[i++]);
        else
            feed_delimiter(parser, bytes[i++]);
    }
    return parser->state != HTTP_MP_FAILED;
}

bool http_multipart_end(http_multipart *parser)
{
    if (parser->state == HTTP_MP_EPILOGUE) return parser->parts > 0 || fail(parser, "The body holds no part.");
    if (parser->state == HTTP_MP_PREAMBLE) return fail(parser, "The body does not hold its boundary.");
    return fail(parser, "The body ended before its closing boundary.");
}
