/* Which map of an explanation is graded, and explanations that a person brings. */
#ifndef XAI_METRICS_MAP_H
#define XAI_METRICS_MAP_H

#include "explain/method.h"

/* The artifact called "map", or the first map; NULL: there is none. */
const xai_artifact *xai_map_of(const xai_explanation *explanation);

/* Adds the request's own maps to the result, each as an explanation of the method "given" for every target. The context
 * has run its base forward. Errors: BAD_TENSOR, where = "maps". */
xai_status xai_maps_add(const xai_request *request, xai_context *context, xai_result *result, xai_error *err);

#endif
