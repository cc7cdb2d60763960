/*
 * Target: origin-form ("/path?query"), absolute-form ("http://host/path") and "*".
 *
 * Invariant: a path that passes begins with '/', is valid UTF-8, and holds no control character, no "." or ".."
 * segment and no slash that was escaped. Stateless; any thread.
 */
#include "target.h"

#include <string.h>
#include <strings.h>

#define REFUSE(code_, detail_) return ((http_verdict){400, (code_), (detail_)})

int http_hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Bytes that follow a lead byte, and the least code point that this length may carry; -1: not a lead byte. */
static int utf8_tail(unsigned char lead, uint32_t *point, uint32_t *least)
{
    if (lead < 0x80) return *point = lead, *least = 0, 0;
    if (lead >= 0xc2 && lead < 0xe0) return *point = lead & 0x1fu, *least = 0x80, 1;
    if (lead >= 0xe0 && lead < 0xf0) return *point = lead & 0x0fu, *least = 0x800, 2;
    if (lead >= 0xf0 && lead < 0xf5) return *point = lead & 0x07u, *least = 0x10000, 3;
    return -1;
}

bool http_utf8_valid(const char *text, size_t size)
{
    const unsigned char *c = (const unsigned char *)text, *end = c + size;
    while (c < end) {
        uint32_t point = 0, least = 0;
        int tail = utf8_tail(*c++, &point, &least);
        if (tail < 0 || end - c < tail) return false;
        for (; tail > 0; tail--, c++) {
            if ((*c & 0xc0) != 0x80) return false;
            point = (point << 6) | (*c & 0x3fu);
        }
        if (point < least || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
    }
    return true;
}

/* Percent-decodes in place; false on an invalid escape, a control character or invalid UTF-8. In a path an escaped
 * slash is refused too, because it would change the segments. */
static bool decode(char *text, bool is_query)
{
    char *out = text;
    for (const char *in = text; *in; in++) {
        char c = *in;
        if (c == '%') {
            int high = http_hex_digit(in[1]), low = high < 0 ? -1 : http_hex_digit(in[2]);
            if (low < 0) return false;
            c = (char)(high * 16 + low);
            if (c == '/' && !is_query) return false;
            in += 2;
        } else if (c == '+' && is_query) {
            c = ' ';
        }
        unsigned char byte = (unsigned char)c;
        if (byte == 0x7f || (byte < 0x20 && !(is_query && (c == '\n' || c == '\r' || c == '\t')))) return false;
        *out++ = c;
    }
    *out = 0;
    return http_utf8_valid(text, (size_t)(out - text));
}

static bool has_dot_segment(const char *path)
{
    for (const char *c = path; (c = strchr(c, '/')) != NULL; c++) {
        size_t length = strcspn(c + 1, "/");
        if ((length == 1 && c[1] == '.') || (length == 2 && c[1] == '.' && c[2] == '.')) return true;
    }
    return false;
}

static http_verdict parse_query(char *query, http_target *out)
{
    while (query && *query) {
        char *next = strchr(query, '&');
        if (next) *next++ = 0;
        char *value = strchr(query, '=');
        if (value) *value++ = 0;
        if (!decode(query, true) || (value && !decode(value, true)))
            REFUSE("bad-query", "The query holds an invalid escape, a control character or invalid UTF-8.");
        if (*query) {
            if (out->query_count == HTTP_MAX_QUERY) REFUSE("bad-query", "The query holds too many parameters.");
            out->query[out->query_count++] = (api_pair){query, value ? value : ""};
        }
        query = next;
    }
    return HTTP_PASS;
}

/* Skips "http://authority" of the absolute form; NULL when nothing follows that begins with a slash. */
static char *origin_form(char *raw)
{
    if (*raw == '/') return raw;
    size_t scheme = strncasecmp(raw, "http://", 7) == 0 ? 7 : strncasecmp(raw, "https://", 8) == 0 ? 8 : 0;
    return scheme ? strchr(raw + scheme, '/') : NULL;
}

static bool has_illegal_byte(const char *raw)
{
    for (const unsigned char *c = (const unsigned char *)raw; *c; c++)
        if (*c <= 0x20 || *c >= 0x7f || *c == '#') return true;
    return false;
}

http_verdict http_target_parse(char *raw, http_target *out)
{
    out->query_count = 0;
    out->path = raw;
    if (strcmp(raw, "*") == 0) return HTTP_PASS;
    if (has_illegal_byte(raw)) REFUSE("bad-target", "The request target holds a byte that must be percent-encoded.");
    out->path = origin_form(raw);
    if (!out->path) REFUSE("bad-target", "The request target must begin with a slash.");
    char *query = strchr(out->path, '?');
    if (query) *query++ = 0;
    if (!decode(out->path, false))
        REFUSE("bad-path", "The path holds an escaped slash, an invalid escape, a control character or bad UTF-8.");
    if (has_dot_segment(out->path)) REFUSE("bad-path", "The path holds a dot segment.");
    return parse_query(query, out);
}
