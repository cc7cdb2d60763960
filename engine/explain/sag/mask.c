/* Region sets. Plain values without state; every function is pure and safe on any thread. */
#include "mask.h"

#include <assert.h>
#include <string.h>

xai_mask xai_mask_full(int count)
{
    assert(count >= 0 && count <= XAI_MASK_MAX);
    xai_mask m = {{0}};
    for (int i = 0; i < count; i++) m = xai_mask_with(m, i);
    return m;
}

xai_mask xai_mask_minus(xai_mask a, xai_mask b)
{
    for (int w = 0; w < XAI_MASK_WORDS; w++) a.word[w] &= ~b.word[w];
    return a;
}

int xai_mask_count(xai_mask m)
{
    int n = 0;
    for (int w = 0; w < XAI_MASK_WORDS; w++) n += __builtin_popcountll(m.word[w]);
    return n;
}

int xai_mask_overlap(xai_mask a, xai_mask b)
{
    int n = 0;
    for (int w = 0; w < XAI_MASK_WORDS; w++) n += __builtin_popcountll(a.word[w] & b.word[w]);
    return n;
}

bool xai_mask_equal(xai_mask a, xai_mask b)
{
    return memcmp(a.word, b.word, sizeof a.word) == 0;
}

bool xai_mask_subset(xai_mask a, xai_mask b)
{
    for (int w = 0; w < XAI_MASK_WORDS; w++)
        if (a.word[w] & ~b.word[w]) return false;
    return true;
}

/* Whether any region above bit `bit` of word `w` is in m. */
static bool any_above(xai_mask m, int w, int bit)
{
    if (bit < 63 && m.word[w] >> (bit + 1)) return true;
    for (w++; w < XAI_MASK_WORDS; w++)
        if (m.word[w]) return true;
    return false;
}

int xai_mask_compare(xai_mask a, xai_mask b)
{
    for (int w = 0; w < XAI_MASK_WORDS; w++) {
        uint64_t differ = a.word[w] ^ b.word[w];
        if (!differ) continue;
        /* Up to the first difference the lists agree; there one has this region, the other a later one or none. */
        int bit = __builtin_ctzll(differ);
        bool in_a = a.word[w] >> bit & 1;
        bool other_goes_on = any_above(in_a ? b : a, w, bit);
        return in_a == other_goes_on ? -1 : 1;
    }
    return 0;
}

uint64_t xai_mask_hash(xai_mask m)
{
    uint64_t h = UINT64_C(0x9e3779b97f4a7c15);
    for (int w = 0; w < XAI_MASK_WORDS; w++) {
        h ^= m.word[w];
        h *= UINT64_C(0xff51afd7ed558ccd); /* the multiplier of MurmurHash3's finaliser */
        h ^= h >> 32;
    }
    return h;
}

int xai_mask_list(xai_mask m, int *list)
{
    int n = 0;
    for (int w = 0; w < XAI_MASK_WORDS; w++)
        for (uint64_t rest = m.word[w]; rest; rest &= rest - 1) list[n++] = 64 * w + __builtin_ctzll(rest);
    return n;
}

void xai_mask_to_hex(xai_mask m, int count, char *text)
{
    assert(count >= 0 && count <= XAI_MASK_MAX);
    int digits = (count + 3) / 4;
    for (int d = 0; d < digits; d++) {
        int low = 4 * (digits - 1 - d); /* the digit's lowest region; digits do not straddle words */
        *text++ = "0123456789abcdef"[m.word[low >> 6] >> (low & 63) & 15];
    }
    *text = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

xai_status xai_mask_from_hex(const char *text, int count, xai_mask *out, xai_error *err)
{
    assert(count >= 0 && count <= XAI_MASK_MAX);
    size_t digits = (size_t)(count + 3) / 4, given = strlen(text);
    XAI_CHECK(given == digits, err, BAD_PARAM, "masks", "a mask of %d regions has %zu hex digits, not %zu", count,
              digits, given);
    xai_mask m = {{0}};
    for (size_t d = 0; d < digits; d++) {
        int value = hex_value(text[d]);
        XAI_CHECK(value >= 0, err, BAD_PARAM, "masks", "\"%s\" is not lower-case hex", text);
        size_t low = 4 * (digits - 1 - d);
        m.word[low >> 6] |= (uint64_t)value << (low & 63);
    }
    XAI_CHECK(xai_mask_subset(m, xai_mask_full(count)), err, BAD_PARAM, "masks",
              "mask \"%s\" holds a region that does not exist: there are %d", text, count);
    *out = m;
    return XAI_OK;
}
