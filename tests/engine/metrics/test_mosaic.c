/*
 * Mosaics: which pictures, where they are put, and the share of a map in the right quadrants.
 */
#include "graph/model.h"
#include "metrics/mosaic.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ALL = 15 };

START_TEST(each_picture_is_the_targets_once_and_classes_are_as_promised)
{
    static const int64_t PAIRED[] = {5, 5, 7, 8, 7, 9, 5}, SINGLE[] = {1, 2, 3, 4, 5};
    const int64_t *class_of = _i ? SINGLE : PAIRED;
    size_t count = _i ? 5 : 7, able = 5, seen[7] = {0};
    for (size_t index = 0; index < able; index++) {
        size_t picks[XAI_MOSAIC], again[XAI_MOSAIC], targets = 0;
        unsigned quadrants, same;
        ck_assert_int_eq(xai_mosaic_draw(3, index, class_of, count, picks, &quadrants, NULL), XAI_OK);
        ck_assert_int_eq(xai_mosaic_draw(3, index, class_of, count, again, &same, NULL), XAI_OK);
        ck_assert_mem_eq(picks, again, sizeof picks);
        ck_assert_uint_eq(quadrants, same);
        int64_t target = -1;
        for (unsigned q = 0; q < XAI_MOSAIC; q++)
            if (quadrants >> q & 1) {
                ck_assert(target < 0 || target == class_of[picks[q]]);
                target = class_of[picks[q]];
                targets++;
            }
        ck_assert_uint_eq(targets, _i ? 1 : 2);
        for (unsigned q = 0; q < XAI_MOSAIC; q++) {
            for (unsigned k = 0; k < q; k++) {
                ck_assert_uint_ne(picks[k], picks[q]);
                bool both = (quadrants >> q & 1) && (quadrants >> k & 1);
                ck_assert(both || class_of[picks[k]] != class_of[picks[q]]);
            }
            if (_i && quadrants >> q & 1) seen[picks[q]]++;
        }
    }
    for (size_t i = 0; _i && i < count; i++) ck_assert_uint_eq(seen[i], 1);
}
END_TEST

START_TEST(every_place_is_drawn_and_too_few_classes_are_refused)
{
    static const int64_t SINGLE[] = {1, 2, 3, 4}, FEW[] = {1, 1, 2, 2, 2}, THREE[] = {1, 2, 3};
    size_t picks[XAI_MOSAIC], places[XAI_MOSAIC] = {0};
    unsigned quadrants;
    xai_error err = {0};
    for (size_t i = 0; i < 400; i++) {
        ck_assert_int_eq(xai_mosaic_draw(1, i, SINGLE, 4, picks, &quadrants, NULL), XAI_OK);
        for (unsigned q = 0; q < XAI_MOSAIC; q++) places[q] += quadrants >> q & 1;
    }
    for (unsigned q = 0; q < XAI_MOSAIC; q++) ck_assert(places[q] > 60 && places[q] < 140);
    ck_assert_int_eq(xai_mosaic_draw(1, 0, FEW, 5, picks, &quadrants, &err), XAI_E_BAD_PARAM);
    ck_assert_int_eq(xai_mosaic_draw(1, 0, THREE, 3, picks, &quadrants, &err), XAI_E_BAD_PARAM);
    ck_assert_int_eq(xai_mosaic_draw(1, 0, THREE, 0, picks, &quadrants, &err), XAI_E_BAD_PARAM);
}
END_TEST

/* One colour each: the quadrants have it, and the sample is the view as the model's preprocessing has it. */
START_TEST(pictures_lie_in_their_quadrants)
{
    xai_model_config config = {.head = XAI_HEAD_SOFTMAX, .head_known = true};
    xai_model *model;
    ck_assert_int_eq(xai_model_load("tests/golden/data/tiny-resnet/model.onnx", &config, &model, NULL), XAI_OK);
    xai_arena *arena = xai_arena_new(0);
    enum { SIDE = 40 };
    static uint8_t rgb[XAI_MOSAIC][SIDE * SIDE * 3];
    xai_image images[XAI_MOSAIC];
    const xai_image *list[XAI_MOSAIC];
    for (int i = 0; i < XAI_MOSAIC; i++) {
        for (int k = 0; k < SIDE * SIDE * 3; k++) rgb[i][k] = (uint8_t)(50 * i + 20 * (k % 3));
        images[i] = (xai_image){.width = SIDE, .height = SIDE, .rgb = rgb[i]};
        list[i] = &images[i];
    }
    xai_array sample;
    uint8_t *view;
    ck_assert_int_eq(xai_mosaic_make(model, list, arena, &sample, &view, NULL), XAI_OK);
    int height = (int)sample.shape[2], width = (int)sample.shape[3];
    const xai_preprocess_step *normal = &model->info.steps[2];
    ck_assert_int_eq(normal->op, XAI_STEP_NORMALIZE);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int ch = 0; ch < 3; ch++) {
                int i = 2 * (y >= height / 2) + (x >= width / 2), byte = view[3 * (y * width + x) + ch];
                ck_assert_int_eq(byte, 50 * i + 20 * ch);
                float v = ((const float *)sample.data)[(ch * height + y) * width + x];
                ck_assert_float_eq_tol(v, ((float)byte - normal->mean[ch]) / normal->scale[ch], 1e-5F);
            }
    xai_arena_free(arena);
    xai_model_unref(model);
}
END_TEST

START_TEST(focus_is_the_positive_share)
{
    static const float EVEN[] = {1, -5, 2, 0, /**/ 1, 1, 0, 3, /**/ 0, 0, 4, 0, /**/ 2, 0, -1, 6},
                       ODD[] = {1, 2, 1, /**/ 2, 4, 2, /**/ 1, 2, 1}, NOTHING[] = {0, -1, -2, 0};
    bool none;
    ck_assert_double_eq_tol(xai_mosaic_focus(EVEN, 4, 4, 1, &none), 3.0 / 20, 1e-12);
    ck_assert(!none);
    ck_assert_double_eq_tol(xai_mosaic_focus(EVEN, 4, 4, 2 | 4, NULL), 7.0 / 20, 1e-12);
    ck_assert_double_eq_tol(xai_mosaic_focus(EVEN, 4, 4, 8, NULL), 10.0 / 20, 1e-12);
    ck_assert_double_eq_tol(xai_mosaic_focus(EVEN, 4, 4, ALL, NULL), 1, 1e-12);
    for (unsigned q = 1; q < ALL; q *= 2) ck_assert_double_eq_tol(xai_mosaic_focus(ODD, 3, 3, q, NULL), 0.25, 1e-12);
    ck_assert_double_eq(xai_mosaic_focus(NOTHING, 2, 2, ALL, &none), 0);
    ck_assert(none);
}
END_TEST

/* quantus.Focus 0.6 of sin(.37 i) on 6 x 8. */
START_TEST(focus_is_quantuss)
{
    static const double WANT[] = {0,
        0.195699335747, 0.428000712764, 0.623700048511, 0.157475909696, 0.353175245443, 0.585476622460, 0.781175958207,
        0.218824041731, 0.414523377478, 0.646824754496, 0.842524090242, 0.376299951427, 0.571999287174, 0.804300664192};
    float map[6 * 8];
    for (int i = 0; i < 6 * 8; i++) map[i] = (float)sin(i * .37);
    for (unsigned q = 1; q < ALL; q++) ck_assert_double_eq_tol(xai_mosaic_focus(map, 6, 8, q, NULL), WANT[q], 1e-7);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mosaic");
    TCase *tc = tcase_create("mosaic");
    tcase_add_loop_test(tc, each_picture_is_the_targets_once_and_classes_are_as_promised, 0, 2);
    tcase_add_test(tc, every_place_is_drawn_and_too_few_classes_are_refused);
    tcase_add_test(tc, pictures_lie_in_their_quadrants);
    tcase_add_test(tc, focus_is_the_positive_share);
    tcase_add_test(tc, focus_is_quantuss);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
