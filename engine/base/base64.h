/*
 * Base64 (RFC 4648, section 4: with padding, without line breaks), as maps and pictures travel in JSON.
 *
 * Decoding is strict: no white space, no missing padding, no stray bits, so that one text stands for one byte string.
 */
#ifndef XAI_BASE_BASE64_H
#define XAI_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters for `size` bytes, without a final NUL; size <= SIZE_MAX / 2. */
size_t xai_base64_length(size_t size);

/* Writes xai_base64_length(size) characters, and no NUL. */
void xai_base64_encode(const void *bytes, size_t size, char *out);

/* Room that decoding `length` characters may need. */
size_t xai_base64_room(size_t length);

/* Decodes; *size is what was written to `out`. False if the text is not base64. */
bool xai_base64_decode(const char *text, size_t length, uint8_t *out, size_t *size);

#endif
