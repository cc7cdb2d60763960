/* The picture of a structured attention graph, drawn from the graph document alone. */
#ifndef XAI_RENDER_SAG_PICTURE_H
#define XAI_RENDER_SAG_PICTURE_H

#include "base/doc.h"

/*
 * The artifact "picture", a PNG: roots on top; in every node the kept patches bright, as softly as the network saw
 * them, the rest dimmed, the patch that was taken away outlined in red; below it the class's probability and its
 * share of the whole image's, as a bar and in figures. A graph without explanations gives the view with the reason.
 *
 * `graph`: an artifact "sag". `view_rgb`: height * width * 3, what the model saw. BAD_PARAM if the document is no
 * such graph or the sizes do not fit it; NO_MEMORY.
 */
xai_status xai_render_sag(const xai_doc *graph, const uint8_t *view_rgb, int width, int height, xai_arena *arena,
                          xai_artifact *out, xai_error *err);

#endif
