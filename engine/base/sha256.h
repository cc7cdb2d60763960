/*
 * SHA-256 (FIPS 180-4): names for files, models and results. Not for secrets.
 *
 * The incremental state is a value on the caller's stack; no allocation, safe on any thread. Where the CPU has SHA
 * instructions they are used; the result is the same.
 */
#ifndef XAI_BASE_SHA256_H
#define XAI_BASE_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct xai_sha256 {
    uint32_t state[8];
    uint64_t length; /* bytes taken so far */
    uint8_t block[64];
} xai_sha256;

xai_sha256 xai_sha256_init(void);
void xai_sha256_update(xai_sha256 *sha, const void *bytes, size_t size);
void xai_sha256_final(xai_sha256 *sha, uint8_t digest[32]);

/* Ends an incremental hash as 64 lower-case hex digits and a NUL. */
void xai_sha256_final_hex(xai_sha256 *sha, char out[65]);

/* All at once. `bytes` may be NULL where `size` is 0. */
void xai_sha256_hex(const void *bytes, size_t size, char out[65]);

/* The compression functions, for sha256.c and its test: `count` blocks of 64 bytes. */
void xai_sha256_blocks_portable(uint32_t state[8], const uint8_t *bytes, size_t count);
#if defined(__x86_64__)
bool xai_sha256_x86_usable(void);
void xai_sha256_blocks_x86(uint32_t state[8], const uint8_t *bytes, size_t count);
#endif

/* The 64 round constants: the first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
extern const uint32_t XAI_SHA256_K[64];

#endif
