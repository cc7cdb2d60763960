/* The explanations that a structured attention graph lists, as sets: their sizes, and how many can stand together. */
#ifndef XAI_STUDY_MSE_SETS_H
#define XAI_STUDY_MSE_SETS_H

#include "base/doc.h"
#include "explain/sag/diverse.h"
#include "explain/sag/mask.h"

enum { XAI_MSE_SETS_MOST = XAI_DIVERSE_MAX };

typedef struct xai_mse_sets {
    xai_mask masks[XAI_MSE_SETS_MOST];
    int sizes[XAI_MSE_SETS_MOST]; /* ascending */
    size_t count, total;          /* kept here, and listed */
} xai_mse_sets;

/* From the `data` of the artifact "sag". */
void xai_mse_sets_read(const xai_doc *graph, xai_mse_sets *out);

/* The largest number of them of which any two share at most `overlap` patches. */
int64_t xai_mse_sets_diverse(const xai_mse_sets *sets, int overlap);

#endif
