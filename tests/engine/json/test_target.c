/* Targets as text and JSON: what each form means, where a list is cut, and that what is written can be read again. */
#include "json/target.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static xai_arena *arena;
static xai_error err;

static void set_up(void) { arena = xai_arena_new(0); }
static void tear_down(void) { xai_arena_free(arena); }

START_TEST(lists_of_text_are_cut_where_a_target_ends)
{
    static const char *const CASES[][2] = {
        {"504", "[{\"class\":\"504\"}]"},
        {"504,espresso", "[{\"class\":\"504\"},{\"class\":\"espresso\"}]"},
        {"box:car:1,2,3,4", "[{\"class\":\"car\",\"box\":[1,2,3,4]}]"},
        {"box:car:1,2,3,4,5", "[{\"class\":\"car\",\"box\":[1,2,3,4]},{\"class\":\"5\"}]"},
        {"box::1,2,3,4,box:7:0,0,1,1", "[{\"class\":null,\"box\":[1,2,3,4]},{\"class\":\"7\",\"box\":[0,0,1,1]}]"},
        {"box:a:b:1,2,3,4", "[{\"class\":\"a:b\",\"box\":[1,2,3,4]}]"},
        {"neuron:conv5:12", "[{\"neuron\":{\"layer\":\"conv5\",\"channel\":12}}]"},
        {"neuron:conv5:12,13", "[{\"neuron\":{\"layer\":\"conv5\",\"channel\":12}},{\"class\":\"13\"}]"},
        {"neuron:/a/b:0:12", "[{\"neuron\":{\"layer\":\"/a/b:0\",\"channel\":12}}]"},
        {"neuron:c:12:3,4", "[{\"neuron\":{\"layer\":\"c\",\"channel\":12,\"position\":[3,4]}}]"},
        {"neuron:c:0:12:3,4,5", "[{\"neuron\":{\"layer\":\"c:0\",\"channel\":12,\"position\":[3,4]}},{\"class\":\"5\"}]"},
        {"output:speed:0", "[{\"output\":{\"name\":\"speed\",\"index\":0}}]"},
        {"output:y:0:7", "[{\"output\":{\"name\":\"y:0\",\"index\":7}}]"},
        {"output:7", "[{\"output\":{\"index\":7}}]"},
        {"mask:3:a:b.png", "[{\"class\":\"3\",\"mask\":{\"file\":\"a:b.png\"}}]"},
        {"{\"class\":1,\"box\":[1,2,3,4]},2", "[{\"class\":1,\"box\":[1,2,3,4]},{\"class\":\"2\"}]"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        json_t *list = NULL;
        ck_assert_msg(xai_json_targets_of_text(CASES[i][0], &list, &err) == XAI_OK, "%s: %s", CASES[i][0], err.msg);
        char *text = json_dumps(list, JSON_COMPACT);
        ck_assert_str_eq(text, CASES[i][1]);
        free(text);
        json_decref(list);
    }
}
END_TEST

START_TEST(malformed_text_is_refused_with_the_form)
{
    static const char *const CASES[] = {"box:car", "box:car:1,2,3", "box:car:1,2,3,x", "box:1,2,3,4", "neuron:12",
                                        "neuron::12", "neuron:c:x", "neuron:c:12:3", "neuron:c:-1", "output:", "output:y:",
                                        "output:y:1.5", "mask:3", "mask:3:", "{\"class\":", "{} 2", "neuron:\xff:1", "\xff",
                                        "box:car:1,2,3,99999999999999999999"};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        json_t *list = NULL;
        xai_status status = xai_json_targets_of_text(CASES[i], &list, &err);
        bool whole = strcmp(CASES[i], "neuron:c:12:3") == 0; /* the channel 3 of a layer "c:12" */
        ck_assert_msg(status == (whole ? XAI_OK : XAI_E_BAD_REQUEST), "%s", CASES[i]);
        json_decref(list);
    }
}
END_TEST

static xai_status read_text(const char *text, xai_json_target *out, json_t **json)
{
    *json = json_loads(text, JSON_DECODE_ANY, NULL);
    ck_assert_ptr_nonnull(*json);
    xai_json_at at = xai_json_root(*json, XAI_E_BAD_REQUEST);
    return xai_json_target_read(&at, arena, out, &err);
}

START_TEST(what_is_written_is_what_was_read)
{
    static const char *const CASES[] = {
        "{\"class\":3,\"space\":\"logit\",\"contrast\":4}", "{\"class\":3,\"space\":\"probability\",\"box\":[1,2,3,4]}",
        "{\"space\":\"logit\",\"box\":[1,2,3,4]}", "{\"class\":0,\"mask\":{\"size\":[2,3],\"runs\":[1,2,3]}}",
        "{\"neuron\":{\"layer\":\"a:0\",\"channel\":5},\"space\":\"logit\"}",
        "{\"neuron\":{\"layer\":\"a\",\"channel\":5,\"position\":[0,7]}}", "{\"output\":{\"name\":\"y\",\"index\":9}}",
        "{\"output\":{\"name\":null,\"index\":9}}"};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        xai_json_target t;
        json_t *json;
        ck_assert_msg(read_text(CASES[i], &t, &json) == XAI_OK, "%s: %s", CASES[i], err.msg);
        t.target.class_index = t.class.given ? t.class.index : -1;
        t.target.contrast = t.contrast.given ? t.contrast.index : -1;
        json_t *form = xai_json_target_form(&t.target, NULL);
        char *text = json_dumps(form, JSON_COMPACT);
        ck_assert_str_eq(text, CASES[i]);
        free(text);
        json_decref(form);
        json_decref(json);
    }
}
END_TEST

START_TEST(a_wrong_member_is_pointed_at)
{
    static const char *const CASES[][2] = {
        {"{\"neuron\":{\"channel\":1}}", "/neuron/layer"},
        {"{\"neuron\":{\"layer\":\"a\"}}", "/neuron/channel"},
        {"{\"neuron\":{\"layer\":\"a\",\"channel\":-1}}", "/neuron/channel"},
        {"{\"neuron\":{\"layer\":\"a\",\"channel\":1,\"position\":[1]}}", "/neuron/position"},
        {"{\"neuron\":{\"layer\":\"a\",\"channel\":1,\"position\":[1,null]}}", "/neuron/position/1"},
        {"{\"neuron\":{\"layer\":\"a\",\"channel\":1},\"class\":1}", "/class"},
        {"{\"output\":{\"index\":1},\"contrast\":1}", "/contrast"},
        {"{\"output\":{\"index\":1},\"neuron\":{\"layer\":\"a\",\"channel\":1}}", "/output"},
        {"{\"output\":\"y\"}", "/output"},
        {"{\"output\":{\"name\":\"y\"}}", "/output/index"},
        {"{\"box\":[1,2,3]}", "/box"},
        {"{\"box\":[1,2,3,4.5]}", "/box/3"},
        {"{\"box\":[1,2,3,4],\"mask\":{\"b64\":\"\"}}", "/mask"},
        {"{\"mask\":{}}", "/mask"},
        {"{\"mask\":{\"size\":[1,1]}}", "/mask"},
        {"{\"mask\":{\"size\":[1,1],\"runs\":[]}}", "/mask/runs"},
        {"{\"mask\":{\"size\":[1,1],\"runs\":[0,\"1\"]}}", "/mask/runs/1"},
        {"{\"mask\":{\"b64\":\"\",\"size\":[1,1]}}", "/mask"},
        {"{\"mask\":{\"file\":\"x\"}}", "/mask/file"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        xai_json_target t;
        json_t *json;
        ck_assert_msg(read_text(CASES[i][0], &t, &json) == XAI_E_BAD_REQUEST, "%s", CASES[i][0]);
        ck_assert_str_eq(err.where, CASES[i][1]);
        json_decref(json);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json target");
    TCase *tc = tcase_create("target");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, lists_of_text_are_cut_where_a_target_ends);
    tcase_add_test(tc, malformed_text_is_refused_with_the_form);
    tcase_add_test(tc, what_is_written_is_what_was_read);
    tcase_add_test(tc, a_wrong_member_is_pointed_at);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
