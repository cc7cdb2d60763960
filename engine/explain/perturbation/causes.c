/* Causes, by looking at every set. Pure. */
#include "causes.h"

void xai_find_causes(int parts, uint32_t suffices, xai_cause *out)
{
    for (int j = 0; j < parts; j++) {
        int most = 0, fewest = parts + 1;
        out[j] = (xai_cause){0, 0};
        for (unsigned s = 0; s < 1U << parts; s++) {
            unsigned without = s & ~(1U << j);
            if (s == without || !(suffices >> s & 1) || suffices >> without & 1) continue;
            int size = __builtin_popcount(s);
            if (size > most) most = size;
            if (size < fewest) {
                fewest = size;
                out[j].smallest = s;
            }
        }
        if (most) out[j].responsibility = 1.0 / (1 + parts - most);
    }
}
