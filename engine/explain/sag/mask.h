/*
 * Mask: a set of regions as bits, bit i = region i, up to 256 regions (16 x 16).
 *
 * Its name outside is lower-case hex of ceil(count / 4) digits, written as a number is: the last digit holds regions
 * 0 to 3. {11, 29} of 49 is "0000020000800".
 */
#ifndef XAI_EXPLAIN_SAG_MASK_H
#define XAI_EXPLAIN_SAG_MASK_H

#include "base/error.h"

enum { XAI_MASK_WORDS = 4, XAI_MASK_MAX = 64 * XAI_MASK_WORDS, XAI_MASK_HEX = XAI_MASK_MAX / 4 + 1 };

typedef struct xai_mask {
    uint64_t word[XAI_MASK_WORDS];
} xai_mask;

/* All of the first `count` regions; count in [0, XAI_MASK_MAX]. */
xai_mask xai_mask_full(int count);

static inline bool xai_mask_has(xai_mask m, int i)
{
    return m.word[i >> 6] >> (i & 63) & 1;
}

static inline xai_mask xai_mask_with(xai_mask m, int i)
{
    m.word[i >> 6] |= UINT64_C(1) << (i & 63);
    return m;
}

static inline xai_mask xai_mask_without(xai_mask m, int i)
{
    m.word[i >> 6] &= ~(UINT64_C(1) << (i & 63));
    return m;
}

xai_mask xai_mask_minus(xai_mask a, xai_mask b);
int xai_mask_count(xai_mask m);
int xai_mask_overlap(xai_mask a, xai_mask b); /* regions in both */
bool xai_mask_equal(xai_mask a, xai_mask b);
bool xai_mask_subset(xai_mask a, xai_mask b); /* a is in b, or equal to it */

/*
 * < 0, 0 or > 0: the order of the lists of regions, written in ascending order, as words in a dictionary:
 * {} < {0} < {0, 1} < {0, 5} < {1}. It breaks every tie of the search.
 */
int xai_mask_compare(xai_mask a, xai_mask b);

uint64_t xai_mask_hash(xai_mask m);

/* Writes the regions in ascending order to list[XAI_MASK_MAX] and returns how many. */
int xai_mask_list(xai_mask m, int *list);

/* Writes the hex name, with its final zero, to text[XAI_MASK_HEX]. */
void xai_mask_to_hex(xai_mask m, int count, char *text);

/* Reads a hex name of exactly ceil(count / 4) digits with no bit at or above `count`; BAD_PARAM otherwise. */
xai_status xai_mask_from_hex(const char *text, int count, xai_mask *out, xai_error *err);

#endif
