/* Regions as a document, and back: whoever draws a graph needs no more than its document. One thread on an arena. */
#include "document.h"

#include <limits.h>

static xai_doc *describe_labels(const xai_regions *regions, xai_arena *arena)
{
    xai_doc *doc = xai_doc_object(arena), *runs = xai_doc_array(arena);
    if (!doc || !runs) return NULL;
    int64_t pixels = (int64_t)regions->height * regions->width, length = 0;
    for (int64_t i = 0; i < pixels; i++) {
        length++;
        if (i + 1 < pixels && regions->labels[i + 1] == regions->labels[i]) continue;
        xai_doc_push(runs, xai_doc_int(arena, regions->labels[i]));
        xai_doc_push(runs, xai_doc_int(arena, length));
        length = 0;
    }
    xai_doc_put_int(doc, "height", regions->height);
    xai_doc_put_int(doc, "width", regions->width);
    xai_doc_put(doc, "runs", runs);
    return doc;
}

xai_doc *xai_sag_describe_regions(const xai_regions *regions, const char *baseline, xai_arena *arena)
{
    xai_doc *doc = xai_doc_object(arena);
    if (!doc) return NULL;
    xai_doc_put_text(doc, "kind", xai_region_name(regions->kind));
    xai_doc_put_int(doc, "rows", regions->rows);
    xai_doc_put_int(doc, "cols", regions->cols);
    xai_doc_put_int(doc, "count", regions->count);
    xai_doc_put_text(doc, "baseline", baseline);
    if (regions->labels) xai_doc_put(doc, "labels", describe_labels(regions, arena));
    return doc;
}

static int int_of(const xai_doc *object, const char *key)
{
    const xai_doc *value = object && object->type == XAI_DOC_OBJECT ? xai_doc_get(object, key) : NULL;
    bool usable = value && value->type == XAI_DOC_INT && value->integer >= 0 && value->integer <= INT_MAX;
    return usable ? (int)value->integer : 0;
}

/* labels[pixels] from runs; false where they do not fill it. */
static bool read_runs(const xai_doc *runs, int32_t *labels, int64_t pixels)
{
    int64_t at = 0;
    for (const xai_doc *label = runs->first; label; label = label->next->next) {
        const xai_doc *length = label->next;
        bool sound = length && label->type == XAI_DOC_INT && length->type == XAI_DOC_INT && label->integer >= 0 &&
                     label->integer < XAI_MASK_MAX && length->integer > 0 && length->integer <= pixels - at;
        if (!sound) return false;
        for (int64_t end = at + length->integer; at < end; at++) labels[at] = (int32_t)label->integer;
    }
    return at == pixels;
}

static xai_status read_labels(const xai_doc *regions, int height, int width, xai_arena *arena, xai_regions *out,
                              xai_error *err)
{
    const xai_doc *labels = xai_doc_get(regions, "labels"), *runs = labels ? xai_doc_get(labels, "runs") : NULL;
    int64_t pixels = (int64_t)height * width;
    int32_t *list = XAI_NEW(arena, int32_t, (size_t)pixels + 1);
    if (!list) XAI_NO_MEMORY(err);
    bool fits = runs && runs->type == XAI_DOC_ARRAY && int_of(labels, "height") == height &&
                int_of(labels, "width") == width && read_runs(runs, list, pixels);
    XAI_CHECK(fits, err, BAD_PARAM, "graph", "the labels of the superpixels are not those of a picture of %d x %d",
              width, height);
    return xai_regions_of_labels(out, list, int_of(regions, "count"), height, width, err);
}

xai_status xai_sag_regions_of(const xai_doc *graph, int height, int width, xai_arena *arena, xai_regions *out,
                              xai_error *err)
{
    const xai_doc *regions = xai_doc_get(graph, "regions"), *name = regions ? xai_doc_get(regions, "kind") : NULL;
    xai_region_kind kind = XAI_REGION_TENT;
    XAI_CHECK(name && name->type == XAI_DOC_TEXT && xai_region_find(name->text, &kind), err, BAD_PARAM, "graph",
              "this is not a structured attention graph");
    if (kind == XAI_REGION_SUPERPIXEL) return read_labels(regions, height, width, arena, out, err);
    return xai_regions_init(out, kind, int_of(regions, "rows"), int_of(regions, "cols"), height, width, arena, err);
}
