/* Boxes and masks of a photo seen through the model's crop. A pixel of the view belongs to the object if its centre
 * does. Thread-safe: no state. */
#include "expected.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct box {
    double left, top, right, bottom;
} box;

enum { MOST_BOXES = 64 };

static xai_status read_boxes(const xai_photo *photo, box *boxes, size_t *count, xai_error *err)
{
    *count = 0;
    for (const char *at = photo->boxes; *at; at += strcspn(at, ";"), at += *at == ';') {
        box *b = &boxes[*count];
        XAI_CHECK(*count < MOST_BOXES && sscanf(at, "%lf,%lf,%lf,%lf", &b->left, &b->top, &b->right, &b->bottom) == 4 &&
                      b->left < b->right && b->top < b->bottom,
                  err, BAD_REQUEST, photo->file, "'%.80s' is not left,top,right,bottom in pixels (at most %d boxes with ;)", at,
                  MOST_BOXES);
        ++*count;
    }
    return XAI_OK;
}

static bool in_boxes(const box *boxes, size_t count, double x, double y)
{
    for (size_t i = 0; i < count; i++)
        if (x >= boxes[i].left && x < boxes[i].right && y >= boxes[i].top && y < boxes[i].bottom) return true;
    return false;
}

static bool in_mask(const xai_image *mask, double x, double y)
{
    int i = (int)x, j = (int)y;
    if (x < 0 || y < 0 || i >= mask->width || j >= mask->height) return false;
    const uint8_t *p = mask->rgb + 3 * ((size_t)j * (size_t)mask->width + (size_t)i);
    return p[0] || p[1] || p[2];
}

typedef struct region {
    box boxes[MOST_BOXES];
    size_t count;
    const xai_image *mask; /* NULL: the boxes */
} region;

/* Alternately so many pixels outside and inside, row by row. */
static xai_status trace(const region *r, const double crop[4], int height, int width, const char *file, xai_arena *arena,
                        xai_target *out, xai_error *err)
{
    int64_t *runs = XAI_NEW(arena, int64_t, XAI_MAX_MASK_RUNS);
    size_t count = 1;
    bool inside = false;
    if (!runs) XAI_NO_MEMORY(err);
    for (int v = 0; v < height; v++)
        for (int u = 0; u < width; u++) {
            double x = crop[0] + (u + 0.5) / width * crop[2], y = crop[1] + (v + 0.5) / height * crop[3];
            bool now = r->mask ? in_mask(r->mask, x, y) : in_boxes(r->boxes, r->count, x, y);
            if (now != inside) {
                XAI_CHECK(count < XAI_MAX_MASK_RUNS, err, TOO_LARGE, file, "the mask has too many runs");
                runs[count++] = 0;
            }
            inside = now;
            runs[count - 1]++;
        }
    XAI_CHECK(count > 1, err, BAD_REQUEST, file, "nothing of the object is inside what the model sees of '%.100s'", file);
    *out = (xai_target){.class_index = -1, .contrast = -1, .kind = XAI_TARGET_MASK, .mask_rows = height, .mask_cols = width,
                        .mask_runs = runs, .mask_run_count = count};
    return XAI_OK;
}

xai_status xai_photo_expected(const xai_photo_set *set, const xai_photo *photo, const xai_image *image,
                              const double crop[4], int height, int width, xai_arena *arena, xai_target *out,
                              bool *found, xai_error *err)
{
    xai_image *mask = NULL;
    *found = photo->boxes || photo->mask;
    if (!*found) return XAI_OK;
    region *r = XAI_NEW(arena, region, 1);
    if (!r) XAI_NO_MEMORY(err);
    if (photo->mask) XAI_TRY(xai_photo_load(set->folder, photo->mask, &mask, err));
    else XAI_TRY(read_boxes(photo, r->boxes, &r->count, err));
    r->mask = mask;
    xai_status status = XAI_OK;
    if (mask && (mask->width != image->width || mask->height != image->height))
        XAI_FAIL_OUT(err, BAD_REQUEST, photo->mask, "the mask is %d x %d, the photo %d x %d pixels", mask->width, mask->height,
                     image->width, image->height);
    status = trace(r, crop, height, width, photo->file, arena, out, err);
out:
    xai_image_free(mask);
    return status;
}
