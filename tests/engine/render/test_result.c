/* The pictures of a whole result: what is kept of the drawing, and what a cancel and a deadline do to it. */
#include "base/arena.h"
#include "xai.h"

#include <check.h>
#include <string.h>
#include <unistd.h>

#define NET "tests/golden/data/tiny-densenet/model.onnx"

enum { SIDE = 40 };

static xai_pool *pool;
static xai_model *model;
static xai_image *image;
static xai_result *result;

static void set_up(void)
{
    static uint8_t rgb[SIDE * SIDE * 3];
    static const xai_method_call CALLS[] = {{"saliency", NULL, 0}, {"sag", NULL, 0}};
    static const xai_metric_call METRIC = {"deletion", NULL, 0}; /* which has a curve */
    for (size_t i = 0; i < sizeof rgb; i++) rgb[i] = (uint8_t)(i * 7);
    ck_assert_int_eq(xai_pool_new(2, &pool, NULL), XAI_OK);
    ck_assert_int_eq(xai_model_load(NET, NULL, &model, NULL), XAI_OK);
    ck_assert_int_eq(xai_image_from_rgb(rgb, SIDE, SIDE, 1, &image, NULL), XAI_OK);
    xai_request r = {.model = model, .image = image, .calls = CALLS, .call_count = 2, .metrics = &METRIC,
                     .metric_count = 1};
    xai_error err = {0};
    ck_assert_msg(xai_answer(&r, pool, NULL, &result, &err) == XAI_OK, "%s", err.msg);
}

static void tear_down(void)
{
    xai_result_free(result);
    xai_image_free(image);
    xai_model_unref(model);
    xai_pool_free(pool);
}

static size_t pictures(size_t *bytes)
{
    size_t count = 0;
    *bytes = 0;
    for (size_t i = 0; i < result->explanation_count; i++)
        for (size_t k = 0; k < result->explanations[i].artifact_count; k++) {
            const xai_artifact *a = &result->explanations[i].artifacts[k];
            if (a->kind != XAI_ARTIFACT_IMAGE) continue;
            count++;
            *bytes += a->size;
        }
    return count;
}

static xai_status render(const xai_token *token)
{
    unsigned all = XAI_OUTPUT_MAP | XAI_OUTPUT_OVERLAY | XAI_OUTPUT_TREE | XAI_OUTPUT_SVG | XAI_OUTPUT_GIF;
    return xai_result_render(result, all, token, NULL);
}

/* Pixels before they were encoded, canvases and palettes are gone. */
START_TEST(only_encoded_pictures_are_kept)
{
    size_t before = xai_arena_used(result->arena), bytes;
    ck_assert_int_eq(render(NULL), XAI_OK);
    ck_assert_uint_ge(pictures(&bytes), 6); /* overlay, curve; of the graph four */
    ck_assert_uint_le(xai_arena_used(result->arena) - before, bytes + (8 << 10));
}
END_TEST

START_TEST(a_cancel_ends_it)
{
    xai_token *token = xai_token_new(0, NULL, NULL);
    xai_token_cancel(token);
    ck_assert_int_eq(render(token), XAI_E_CANCELLED);
    xai_token_free(token);
}
END_TEST

/* What the deadline left is shown. */
START_TEST(a_deadline_leaves_time_for_a_few)
{
    xai_token *token = xai_token_new(1, NULL, NULL);
    size_t bytes;
    usleep(3000);
    ck_assert_int_eq(render(token), XAI_OK);
    ck_assert(pictures(&bytes) >= 1 && bytes > 0);
    xai_token_free(token);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("result");
    TCase *tc = tcase_create("pictures");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, only_encoded_pictures_are_kept);
    tcase_add_test(tc, a_cancel_ends_it);
    tcase_add_test(tc, a_deadline_leaves_time_for_a_few);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
