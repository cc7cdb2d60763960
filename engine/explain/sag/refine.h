/* Refine: explanations of a coarse grid as the seeds of a search on a finer one. */
#ifndef XAI_EXPLAIN_SAG_REFINE_H
#define XAI_EXPLAIN_SAG_REFINE_H

#include "regions.h"
#include "search.h"

/* Fills settings->seeds with the MSEs of `found`, a search on `coarse`, in the regions of `fine`; in the arena. */
xai_status xai_sag_refine(const xai_sag_result *found, const xai_regions *coarse, const xai_regions *fine,
                          xai_arena *arena, xai_sag_settings *settings, xai_error *err);

#endif
