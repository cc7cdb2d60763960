/* The picture of a curve document of the form "lines": {"form":"lines","title","x_label","y_label","series":[{"name",
 * "x":[..],"y":[..]}, ...]}. */
#ifndef XAI_RENDER_CURVE_H
#define XAI_RENDER_CURVE_H

#include "base/doc.h"

/* Whether the document is one, with a point at least. */
bool xai_doc_is_lines(const xai_doc *curve);

/* The artifact `name`, a PNG on white. BAD_PARAM for another document. */
xai_status xai_render_curve(const xai_doc *curve, const char *name, xai_arena *arena, xai_artifact *out, xai_error *err);

#endif
