/* Base64 by tables; four characters a step. No state. */
#include "base64.h"

#include <assert.h>

static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum { INVALID = 64 };

size_t xai_base64_length(size_t size)
{
    assert(size <= SIZE_MAX / 2);
    return (size + 2) / 3 * 4;
}

size_t xai_base64_room(size_t length) { return length / 4 * 3; }

void xai_base64_encode(const void *bytes, size_t size, char *out)
{
    const uint8_t *in = bytes;
    for (; size >= 3; size -= 3, in += 3, out += 4) {
        uint32_t v = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        out[0] = DIGITS[v >> 18];
        out[1] = DIGITS[v >> 12 & 63];
        out[2] = DIGITS[v >> 6 & 63];
        out[3] = DIGITS[v & 63];
    }
    if (size == 0) return;
    uint32_t v = (uint32_t)in[0] << 16 | (size == 2 ? (uint32_t)in[1] << 8 : 0);
    out[0] = DIGITS[v >> 18];
    out[1] = DIGITS[v >> 12 & 63];
    out[2] = size == 2 ? DIGITS[v >> 6 & 63] : '=';
    out[3] = '=';
}

static uint32_t value_of(char c)
{
    if (c >= 'A' && c <= 'Z') return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z') return (uint32_t)(c - 'a' + 26);
    if (c >= '0' && c <= '9') return (uint32_t)(c - '0' + 52);
    return c == '+' ? 62 : c == '/' ? 63 : INVALID;
}

/* The last group, with one or two '='; the bits that they cut off must be zero. */
static bool decode_last(const char *t, uint8_t *out, size_t *size)
{
    uint32_t a = value_of(t[0]), b = value_of(t[1]), c = t[2] == '=' ? 0 : value_of(t[2]);
    if (a == INVALID || b == INVALID || c == INVALID) return false;
    out[(*size)++] = (uint8_t)(a << 2 | b >> 4);
    if (t[2] == '=') return (b & 15) == 0;
    out[(*size)++] = (uint8_t)(b << 4 | c >> 2);
    return (c & 3) == 0;
}

bool xai_base64_decode(const char *text, size_t length, uint8_t *out, size_t *size)
{
    *size = 0;
    if (length % 4 != 0) return false;
    for (size_t i = 0; i < length; i += 4) {
        const char *t = text + i;
        if (i + 4 == length && t[3] == '=') return decode_last(t, out, size);
        uint32_t a = value_of(t[0]), b = value_of(t[1]), c = value_of(t[2]), d = value_of(t[3]);
        if ((a | b | c | d) & INVALID) return false;
        uint32_t v = a << 18 | b << 12 | c << 6 | d;
        out[(*size)++] = (uint8_t)(v >> 16);
        out[(*size)++] = (uint8_t)(v >> 8);
        out[(*size)++] = (uint8_t)v;
    }
    return true;
}
