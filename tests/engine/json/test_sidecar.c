/* Sidecars: the form of the contract, and a pointer to the culprit for each way to get it wrong. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "json/read.h"
#include "json/sidecar.h"

static const char GOOD[] =
    "{\"schema\":1,\"id\":\"net\",\"sha256\":\"ab\",\"input\":{\"name\":\"x\",\"layout\":\"NHWC\",\"channels\":\"BGR\"},"
    "\"preprocess\":[{\"op\":\"resize\",\"short_side\":256,\"filter\":\"bicubic\",\"antialias\":false},"
    "{\"op\":\"resize\",\"size\":[100,200]},{\"op\":\"center_crop\",\"size\":[224,112]},"
    "{\"op\":\"normalize\",\"mean\":[1,2,3],\"scale\":[58]}],"
    "\"output\":{\"name\":\"y\",\"head\":\"sigmoid\"},\"labels\":[\"cat\",\"dog\"],\"licence\":\"L\"}";

static xai_arena *arena;
static xai_model_config config;
static xai_error err;

static void setup(void) { arena = xai_arena_new(0); }
static void teardown(void) { xai_arena_free(arena); }

static xai_status read_text(const char *text)
{
    json_t *root = NULL;
    memset(&err, 0, sizeof err);
    xai_status status = xai_json_parse(text, strlen(text), XAI_E_BAD_CONFIG, &root, &err);
    if (status == XAI_OK) status = xai_json_sidecar(root, arena, &config, &err);
    json_decref(root);
    return status;
}

START_TEST(every_member_arrives)
{
    ck_assert_int_eq(read_text(GOOD), XAI_OK);
    ck_assert_str_eq(config.id, "net");
    ck_assert_str_eq(config.input_name, "x");
    ck_assert_int_eq(config.layout, XAI_LAYOUT_NHWC);
    ck_assert_int_eq(config.channels, XAI_CHANNELS_BGR);
    ck_assert_int_eq(config.step_count, 4);
    ck_assert_int_eq(config.steps[0].short_side, 256);
    ck_assert_int_eq(config.steps[0].filter, XAI_FILTER_BICUBIC);
    ck_assert(!config.steps[0].antialias);
    ck_assert_int_eq(config.steps[1].height, 100);
    ck_assert_int_eq(config.steps[1].width, 200);
    ck_assert_int_eq(config.steps[2].op, XAI_STEP_CENTER_CROP);
    ck_assert_int_eq(config.steps[2].width, 112);
    ck_assert_float_eq(config.steps[3].mean[2], 3.0f);
    ck_assert_float_eq(config.steps[3].scale[2], 58.0f);
    ck_assert(config.head_known);
    ck_assert_int_eq(config.head, XAI_HEAD_SIGMOID);
    ck_assert_uint_eq(config.label_count, 2);
    ck_assert_str_eq(config.labels[1], "dog");
}
END_TEST

START_TEST(the_minimum_is_the_schema)
{
    ck_assert_int_eq(read_text("{\"schema\":1}"), XAI_OK);
    ck_assert(!config.head_known);
    ck_assert_int_eq(config.step_count, 0);
}
END_TEST

START_TEST(errors_point_at_the_culprit)
{
    static const struct {
        const char *text, *pointer;
        xai_status status;
    } CASES[] = {
        {"{}", "/schema", XAI_E_BAD_CONFIG},
        {"[]", "", XAI_E_BAD_CONFIG},
        {"{\"schema\":2}", "/schema", XAI_E_BAD_CONFIG},
        {"{\"schema\":1,\"labls\":[]}", "/labls", XAI_E_BAD_CONFIG},
        {"{\"schema\":1,\"schema\":1}", "", XAI_E_BAD_CONFIG},
        {"{\"schema\":1,\"input\":{\"layout\":\"CHW\"}}", "/input/layout", XAI_E_BAD_CONFIG},
        {"{\"schema\":1,\"output\":{\"head\":\"thick\"}}", "/output/head", XAI_E_BAD_CONFIG},
        {"{\"schema\":1,\"labels\":[\"a\",7]}", "/labels/1", XAI_E_BAD_CONFIG},
        {"{\"schema\":1,\"preprocess\":[{\"op\":\"flip\"}]}", "/preprocess/0/op", XAI_E_BAD_CONFIG},
        {"{\"schema\":1,\"preprocess\":[{}]}", "/preprocess/0", XAI_E_BAD_CONFIG},
        {"{\"schema\":1,\"preprocess\":[{\"op\":\"resize\"}]}", "/preprocess/0", XAI_E_BAD_CONFIG},
        {"{\"schema\":1,\"preprocess\":[{\"op\":\"resize\",\"short_side\":0}]}", "/preprocess/0/short_side",
         XAI_E_BAD_CONFIG},
        {"{\"schema\":1,\"preprocess\":[{\"op\":\"center_crop\",\"size\":[1]}]}", "/preprocess/0/size", XAI_E_BAD_CONFIG},
        {"{\"schema\":1,\"preprocess\":[{\"op\":\"normalize\",\"scale\":[1,0,1]}]}", "/preprocess/0/scale",
         XAI_E_BAD_CONFIG},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        ck_assert_msg(read_text(CASES[i].text) == CASES[i].status, "%s", CASES[i].text);
        ck_assert_str_eq(err.where, CASES[i].pointer);
    }
}
END_TEST

START_TEST(the_shipped_sidecar_is_read)
{
    ck_assert_msg(xai_json_sidecar_read("models/efficientnet-lite0.json", arena, &config, &err) == XAI_OK, "%s", err.msg);
    ck_assert_uint_eq(config.label_count, 1000);
    ck_assert_int_eq(config.steps[0].short_side, 256);
    ck_assert_int_eq(xai_json_sidecar_read("models/none.json", arena, &config, &err), XAI_E_IO);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sidecar");
    TCase *tc = tcase_create("sidecar");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, every_member_arrives);
    tcase_add_test(tc, the_minimum_is_the_schema);
    tcase_add_test(tc, errors_point_at_the_culprit);
    tcase_add_test(tc, the_shipped_sidecar_is_read);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
