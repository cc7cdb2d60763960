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
#define XAI_AUTO_CANDIDATES                                                                                     \
    "gradcam;layercam;gradcam++;inputxgradient;layercam?layer=finer;saliency?noise=smoothgrad&noise_samples=8;"  \
    "integratedgradients?steps=8;gradcam?layer=finer;hirescam;guidedbackprop;lrp;deeplift;ablationcam;"             \
    "scorecam?channels=64;occlusion;rise?masks=500;kernelshap?samples=500;sag"

/* The candidates of these options. "layer=finer" becomes the last layer before the model's default one whose map is
 * larger; where there is none the candidate is left out. BAD_PARAM, where = "params.candidates". */
xai_status xai_auto_candidates(const xai_auto_options *options, const xai_model *model, xai_arena *arena,
                               xai_call_text *out, size_t *count, xai_error *err);

#endif
