/* Sets of patches read from a graph's plain values. Pure. */
#include "mse_sets.h"

/* Roots come first in the document, so they are sorted here. */
void xai_mse_sets_read(const xai_doc *graph, xai_mse_sets *out)
{
    const xai_doc *list = xai_doc_get(graph, "mses");
    *out = (xai_mse_sets){.total = list ? list->count : 0};
    for (const xai_doc *mse = list ? list->first : NULL; mse && out->count < XAI_MSE_SETS_MOST; mse = mse->next) {
        xai_mask mask = {{0}};
        const xai_doc *patches = xai_doc_get(mse, "patches");
        for (const xai_doc *p = patches ? patches->first : NULL; p; p = p->next)
            mask = xai_mask_with(mask, (int)p->integer);
        size_t at = out->count++;
        int size = xai_mask_count(mask);
        for (; at > 0 && out->sizes[at - 1] > size; at--) {
            out->sizes[at] = out->sizes[at - 1];
            out->masks[at] = out->masks[at - 1];
        }
        out->sizes[at] = size;
        out->masks[at] = mask;
    }
}

int64_t xai_mse_sets_diverse(const xai_mse_sets *s, int overlap)
{
    uint64_t compatible[XAI_MSE_SETS_MOST] = {0};
    for (size_t i = 0; i < s->count; i++)
        for (size_t j = 0; j < s->count; j++)
            if (xai_mask_overlap(s->masks[i], s->masks[j]) <= overlap) compatible[i] |= UINT64_C(1) << j;
    return __builtin_popcountll(xai_diverse_choose(compatible, s->sizes, (int)s->count, XAI_MSE_SETS_MOST));
}
