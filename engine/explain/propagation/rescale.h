/* What DeepLIFT and DeepSHAP share: multipliers against one baseline after another. */
#ifndef XAI_EXPLAIN_RESCALE_H
#define XAI_EXPLAIN_RESCALE_H

#include "explain/channels.h"

enum { XAI_RESCALE_CAPTUM, XAI_RESCALE_COMPLETE };
#define XAI_RESCALE_CHOICES "captum|complete"
#define XAI_RESCALE_HELP                                                                                              \
    "Whose rules for max-pools and Softmax: captum's, which can lose part of the difference, or those that add up to it."

typedef struct xai_rescale {
    xai_task *task;
    bool complete;
    double *sums;     /* input_count: (x - b) m, added up over the baselines */
    double change;    /* target at the input less target at the baseline, the same */
    size_t baselines; /* that have been added */
    float *seed, *multipliers, *rows; /* room for one pass: like the target's tensor, the input, four cells */
} xai_rescale;

xai_status xai_rescale_init(xai_rescale *r, xai_task *task, bool complete, xai_error *err);

/* One forward of the baseline and one pass of multipliers; the input's forward is run once. */
xai_status xai_rescale_add(xai_rescale *r, const float *baseline, xai_error *err);

/* Adds the mean over the baselines as the map, and the metric completeness_error: its sum less the change of the target;
 * with a warning where that is more than a tenth of the change. */
xai_status xai_rescale_finish(const xai_rescale *r, xai_fold fold, xai_error *err);

/* Forward-equivalents: the base forward, the input's in the plain program, then for each baseline a forward and a pass. */
double xai_rescale_cost(double baselines);

#endif
