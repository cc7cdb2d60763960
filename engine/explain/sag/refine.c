/* A fine region belongs to a coarse set by the weight that the set has at the region's centre. Pure. */
#include "refine.h"

/* More than so much of it, from the tight to the wide. */
static const float WEIGHTS[XAI_SAG_SEED_WIDTHS] = {0.5f, 0.25f, 0};

static int pixel_at(double part, int pixels)
{
    int at = (int)(part * pixels);
    return at < pixels ? at : pixels - 1;
}

static void translate(const xai_regions *coarse, xai_mask mask, const xai_regions *fine, float *line, xai_mask *widths)
{
    for (int k = 0; k < XAI_SAG_SEED_WIDTHS; k++) widths[k] = (xai_mask){{0}};
    for (int i = 0; i < fine->count; i++) {
        double y, x;
        xai_regions_centre(fine, i, &y, &x);
        xai_regions_line(coarse, mask, pixel_at(y, coarse->height), line);
        float weight = line[pixel_at(x, coarse->width)];
        for (int k = 0; k < XAI_SAG_SEED_WIDTHS; k++)
            if (weight > WEIGHTS[k]) widths[k] = xai_mask_with(widths[k], i);
    }
}

xai_status xai_sag_refine(const xai_sag_result *found, const xai_regions *coarse, const xai_regions *fine,
                          xai_arena *arena, xai_sag_settings *settings, xai_error *err)
{
    xai_mask (*seeds)[XAI_SAG_SEED_WIDTHS] = (void *)XAI_NEW(arena, xai_mask, found->mse_count * XAI_SAG_SEED_WIDTHS + 1);
    float *line = XAI_NEW(arena, float, (size_t)coarse->width);
    if (!seeds || !line) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < found->mse_count; i++) translate(coarse, found->mses[i].mask, fine, line, seeds[i]);
    settings->seeds = (const xai_mask (*)[XAI_SAG_SEED_WIDTHS])(void *)seeds;
    settings->seed_count = found->mse_count;
    return XAI_OK;
}
