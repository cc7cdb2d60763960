/* Nearest name by the restricted Damerau-Levenshtein distance over three rows. No state, no allocation. */
#include "nearest.h"

#include <ctype.h>
#include <string.h>

enum { LONGEST = 63 };

static size_t min2(size_t a, size_t b) { return a < b ? a : b; }
static int same(char a, char b) { return tolower((unsigned char)a) == tolower((unsigned char)b); }

size_t xai_edit_distance(const char *a, const char *b)
{
    size_t na = strnlen(a, LONGEST), nb = strnlen(b, LONGEST);
    size_t rows[3][LONGEST + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= nb; j++) last[j] = j;
    for (size_t i = 1; i <= na; i++) {
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t replace = last[j - 1] + !same(a[i - 1], b[j - 1]);
            row[j] = min2(replace, min2(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                row[j] = min2(row[j], before[j - 2] + 1);
        }
        size_t *reuse = before;
        before = last;
        last = row;
        row = reuse;
    }
    return last[nb];
}

xai_nearest xai_nearest_to(const char *name)
{
    return (xai_nearest){.name = name, .distance = 2 + strnlen(name, LONGEST) / 4};
}

void xai_nearest_try(xai_nearest *search, const char *candidate)
{
    size_t distance = xai_edit_distance(search->name, candidate);
    if (distance >= search->distance || distance >= strlen(candidate)) return;
    search->distance = distance;
    search->best = candidate;
}
