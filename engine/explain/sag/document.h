/*
 * Document: what a search found, as plain data (the graph artifact), as a formula (DNF) and as Graphviz text (DOT).
 *
 * All three are made from the same result, so they cannot disagree.
 */
#ifndef XAI_EXPLAIN_SAG_DOCUMENT_H
#define XAI_EXPLAIN_SAG_DOCUMENT_H

#include "base/doc.h"
#include "regions.h"
#include "search.h"

/* The graph: regions, threshold, outcome, mses, roots, dnf, nodes, edges, counterfactuals, necessity, stats. */
xai_status xai_sag_document(const xai_regions *regions, const char *baseline, const xai_sag_settings *settings,
                            const xai_sag_result *result, xai_arena *arena, const xai_doc **out, xai_error *err);

/* The member `regions` of that graph: kind, rows, cols, count, baseline. Superpixels tell their labels too, row by row:
 * "labels": {"height", "width", "runs": [label, pixels, label, pixels, ...]}. NULL: no memory. */
xai_doc *xai_sag_describe_regions(const xai_regions *regions, const char *baseline, xai_arena *arena);
/* The regions of a graph again, on a picture of that size. BAD_PARAM for another document, or superpixels of another
 * size. In the arena. */
xai_status xai_sag_regions_of(const xai_doc *graph, int height, int width, xai_arena *arena, xai_regions *out,
                              xai_error *err);

/* "P11 & P29 | P10 & P30": every MSE listed, in their order; "" if there are none. */
xai_status xai_sag_dnf(const xai_sag_result *result, xai_arena *arena, const char **out, xai_error *err);

/* A digraph whose nodes are named by their masks, with the probability, and the removed region on the edges. */
xai_status xai_sag_dot(int count, const xai_sag_result *result, xai_arena *arena, const char **out, xai_error *err);

/* "2 combinations suffice ...": a few lines for a terminal, made from a graph document. */
xai_status xai_sag_words(const xai_doc *graph, xai_arena *arena, const char **out, xai_error *err);

#endif
