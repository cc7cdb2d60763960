/* Proportion: how well a share is known that was counted in few cases. */
#ifndef XAI_MATH_PROPORTION_H
#define XAI_MATH_PROPORTION_H

#include <stdint.h>

/*
 * Wilson's score interval of a share, `hits` of `count` >= 1 cases, at 95 %: [*low, *high] in [0, 1]. It holds at few
 * cases and near 0 and 1, where the usual mean +- 1.96 deviations does not (Wilson, "Probable inference, the law of
 * succession, and statistical inference", JASA 22, 1927).
 */
void xai_wilson(int64_t hits, int64_t count, double *low, double *high);

#endif
