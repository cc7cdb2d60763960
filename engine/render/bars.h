/* The picture of a curve document of the form "bars": one bar a number, the strongest named. */
#ifndef XAI_RENDER_BARS_H
#define XAI_RENDER_BARS_H

#include "base/doc.h"

/* Whether the document is one. */
bool xai_doc_is_bars(const xai_doc *curve);

/* The artifact `name`, a PNG on white. A gap stands for what is no number. BAD_PARAM for another document. */
xai_status xai_render_bars(const xai_doc *curve, const char *name, xai_arena *arena, xai_artifact *out, xai_error *err);

#endif
