/* Evidence: a hint where to look first, from what other methods make of the picture. */
#ifndef XAI_EXPLAIN_SAG_EVIDENCE_H
#define XAI_EXPLAIN_SAG_EVIDENCE_H

#include "explain/method.h"
#include "regions.h"

/* Grad-CAM at the centres of the regions, or NULL where the model does not offer it. In the task's arena. */
xai_status xai_sag_evidence(xai_task *task, const xai_regions *regions, const double **out, xai_error *err);

enum { XAI_SAG_START_SIDE = 7 };

/* The mask from which the reference code starts, as evidence: of mask.npy among the task's draws,
 * or by I-GOS as that code calls it. Emitted as mask.npy. */
xai_status xai_sag_start_mask(xai_task *task, const double **out, xai_error *err);
double xai_sag_start_cost(void); /* of I-GOS, forward-equivalents */

#endif
