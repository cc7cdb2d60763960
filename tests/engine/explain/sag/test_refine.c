/* Refine: a coarse explanation told in fine regions covers it, from tight to wide. */
#include <check.h>
#include <stdlib.h>

#include "explain/sag/refine.h"

enum { SIDE = 112 };

static xai_arena *arena;
static void setup(void) { arena = xai_arena_new(0); }
static void teardown(void) { xai_arena_free(arena); }

static xai_regions make(xai_region_kind kind, int n)
{
    xai_regions regions;
    ck_assert_int_eq(xai_regions_init(&regions, kind, n, n, SIDE, SIDE, arena, NULL), XAI_OK);
    return regions;
}

static const xai_mask *refine(const xai_regions *coarse, const xai_regions *fine, xai_mask mask)
{
    static xai_sag_settings settings;
    xai_sag_mse mse = {.mask = mask};
    xai_sag_result found = {.mses = &mse, .mse_count = 1};
    settings = (xai_sag_settings){.count = fine->count};
    ck_assert_int_eq(xai_sag_refine(&found, coarse, fine, arena, &settings, NULL), XAI_OK);
    ck_assert_uint_eq(settings.seed_count, 1);
    return settings.seeds[0];
}

START_TEST(hard_patches_fall_into_four)
{
    xai_regions coarse = make(XAI_REGION_HARD, 7), fine = make(XAI_REGION_HARD, 14);
    for (int i = 0; i < 49; i++) {
        const xai_mask *widths = refine(&coarse, &fine, xai_mask_with((xai_mask){{0}}, i));
        xai_mask four = {{0}};
        for (int k = 0; k < 4; k++)
            four = xai_mask_with(four, (2 * (i / 7) + k / 2) * 14 + 2 * (i % 7) + k % 2);
        for (int k = 0; k < XAI_SAG_SEED_WIDTHS; k++) ck_assert(xai_mask_equal(widths[k], four));
    }
}
END_TEST

START_TEST(soft_patches_are_told_from_tight_to_wide)
{
    xai_regions coarse = make(XAI_REGION_TENT, 7), fine = make(XAI_REGION_TENT, 14);
    static float line[SIDE];
    xai_mask mask = xai_mask_with(xai_mask_with((xai_mask){{0}}, 11), 29);
    const xai_mask *widths = refine(&coarse, &fine, mask);
    ck_assert(xai_mask_count(widths[0]) > 0 && xai_mask_subset(widths[0], widths[1]));
    ck_assert(xai_mask_subset(widths[1], widths[2]) && xai_mask_count(widths[2]) > xai_mask_count(widths[0]));
    for (int i = 0; i < fine.count; i++) { /* the wide one is all that the coarse patches touch */
        double y, x;
        xai_regions_centre(&fine, i, &y, &x);
        xai_regions_line(&coarse, mask, (int)(y * (SIDE - 1) + 0.5), line);
        float weight = line[(int)(x * (SIDE - 1) + 0.5)];
        if (weight > 0.55f) ck_assert(xai_mask_has(widths[0], i));
        if (weight < 0.45f) ck_assert(!xai_mask_has(widths[0], i));
        if (weight > 0.05f) ck_assert(xai_mask_has(widths[2], i));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sag refine");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, hard_patches_fall_into_four);
    tcase_add_test(all, soft_patches_are_told_from_tight_to_wide);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
