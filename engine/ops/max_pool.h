/* MaxPool's switches, for passes that hand something back through them. */
#ifndef XAI_OPS_MAX_POOL_H
#define XAI_OPS_MAX_POOL_H

#include "op.h"

/* places[i]: the element of the whole input `x` (of a MaxPool that is not channels last) that output i is; less than 0
 * where its window sees padding alone. */
void xai_max_pool_places(const xai_node *node, const float *x, int64_t *places, const xai_par *par);

#endif
