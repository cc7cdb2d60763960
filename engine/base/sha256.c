/* SHA-256 after FIPS 180-4, section 6.2. Thread-safe: no state of its own. */
#include "sha256.h"

#include <string.h>

const uint32_t XAI_SHA256_K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, int n) { return (x >> n) | (x << (32 - n)); }

static void schedule(uint32_t w[64], const uint8_t *p)
{
    for (int t = 0; t < 16; t++, p += 4)
        w[t] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
    for (int t = 16; t < 64; t++) {
        uint32_t a = w[t - 15], b = w[t - 2];
        w[t] = w[t - 16] + w[t - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ (a >> 3)) +
               (rotate(b, 17) ^ rotate(b, 19) ^ (b >> 10));
    }
}

void xai_sha256_blocks_portable(uint32_t state[8], const uint8_t *bytes, size_t count)
{
    uint32_t w[64];
    for (; count > 0; count--, bytes += 64) {
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
        schedule(w, bytes);
        for (int t = 0; t < 64; t++) {
            uint32_t t1 =
                h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + XAI_SHA256_K[t] + w[t];
            uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
            h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
        }
        state[0] += a, state[1] += b, state[2] += c, state[3] += d;
        state[4] += e, state[5] += f, state[6] += g, state[7] += h;
    }
}

static void compress(uint32_t state[8], const uint8_t *bytes, size_t count)
{
#if defined(__x86_64__)
    if (xai_sha256_x86_usable()) {
        xai_sha256_blocks_x86(state, bytes, count);
        return;
    }
#endif
    xai_sha256_blocks_portable(state, bytes, count);
}

xai_sha256 xai_sha256_init(void)
{
    return (xai_sha256){
        .state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void xai_sha256_update(xai_sha256 *sha, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    size_t held = (size_t)(sha->length % 64);
    sha->length += size;
    if (held > 0) {
        size_t take = size < 64 - held ? size : 64 - held;
        if (take > 0) memcpy(sha->block + held, p, take);
        if (held + take < 64) return;
        compress(sha->state, sha->block, 1);
        p += take;
        size -= take;
    }
    compress(sha->state, p, size / 64);
    if (size % 64 > 0) memcpy(sha->block, p + size / 64 * 64, size % 64);
}

void xai_sha256_final(xai_sha256 *sha, uint8_t digest[32])
{
    static const uint8_t padding[64] = {0x80};
    uint64_t bits = sha->length * 8;
    size_t held = (size_t)(sha->length % 64);
    uint8_t tail[8];
    for (int i = 0; i < 8; i++) tail[i] = (uint8_t)(bits >> (56 - 8 * i));
    xai_sha256_update(sha, padding, held < 56 ? 56 - held : 120 - held);
    xai_sha256_update(sha, tail, 8);
    for (int i = 0; i < 32; i++) digest[i] = (uint8_t)(sha->state[i / 4] >> (24 - 8 * (i % 4)));
}

void xai_sha256_final_hex(xai_sha256 *sha, char out[65])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[32];
    xai_sha256_final(sha, digest);
    for (int i = 0; i < 32; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[64] = '\0';
}

void xai_sha256_hex(const void *bytes, size_t size, char out[65])
{
    xai_sha256 sha = xai_sha256_init();
    xai_sha256_update(&sha, bytes, size);
    xai_sha256_final_hex(&sha, out);
}
