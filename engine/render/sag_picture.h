/* The pictures of a structured attention graph, drawn from the graph document alone. */
#ifndef XAI_RENDER_SAG_PICTURE_H
#define XAI_RENDER_SAG_PICTURE_H

#include "base/doc.h"

/*
 * One artifact each; sag_plan.h says what they show. A graph without explanations gives the view with the reason.
 *
 *   xai_render_sag        "picture": PNG
 *   xai_render_sag_tree   "tree": PNG; a set that several sets lead to stands below each of them
 *   xai_render_sag_svg    "svg": the same drawing as the picture; text is text, patches are masks over one picture
 *   xai_render_sag_gif    "gif": the same drawing, coming into being: roots, then patch after patch taken away
 *
 * `graph`: an artifact "sag". `view_rgb`: height * width * 3, what the model saw. The same bytes for the same arguments.
 * BAD_PARAM if the document is no such graph or the sizes do not fit it; NO_MEMORY.
 */
typedef xai_status xai_sag_renderer(const xai_doc *graph, const uint8_t *view_rgb, int width, int height,
                                    xai_arena *arena, xai_artifact *out, xai_error *err);
xai_sag_renderer xai_render_sag, xai_render_sag_tree, xai_render_sag_svg, xai_render_sag_gif;

#endif
