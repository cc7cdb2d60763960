/* What `auto` is asked, and which methods it may stand for. The measuring is in study/auto.c, above the metrics. */
#ifndef XAI_EXPLAIN_AUTO_H
#define XAI_EXPLAIN_AUTO_H

#include "explain/call_text.h"

typedef struct xai_auto_options {
    int64_t budget_ms;
    const char *candidates; /* calls with semicolons between them; NULL: XAI_AUTO_CANDIDATES */
    const char *metrics;    /* the same of metrics; NULL: the usual ones */
    const char *choose;     /* the call that was chosen; NULL: still open */
} xai_auto_options;

enum { XAI_AUTO_MOST = 32 };

/* In the order in which they are tried: the cheap ones first. */
#define XAI_AUTO_CANDIDATES                                                                                  \
    "gradcam;gradcam++;layercam;hirescam;inputxgradient;saliency;lrp;integratedgradients?steps=16;"          \
    "saliency?noise=smoothgrad&noise_samples=16;ablationcam;scorecam?channels=64;occlusion;rise?masks=500;" \
    "kernelshap?samples=500;sag"

/* The candidates of these options. BAD_PARAM, where = "params.candidates". */
xai_status xai_auto_candidates(const xai_auto_options *options, xai_arena *arena, xai_call_text *out, size_t *count,
                               xai_error *err);

#endif
