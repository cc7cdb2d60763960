/* Requests: both spellings, the form from a query, every refusal with its pointer, and the canonical text. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/param.h"
#include "json/read.h"
#include "json/request.h"

typedef struct options {
    int64_t window;
    const char *layer;
} options;

static const xai_param PARAMS[] = {
    XAI_P_INT(options, window, 32, 1, 64, "Pixels."),
    XAI_P_LAYER(options, layer, "Layer."),
};
static const xai_method_info METHOD = {.id = "m", .version = 3, .params = PARAMS, .param_count = 2};

static const xai_method_info *find_method(const char *id) { return strcmp(id, "m") == 0 ? &METHOD : NULL; }

static xai_status find_class(const xai_model *model, const char *text, int64_t *index, xai_error *err)
{
    (void)model;
    XAI_CHECK(strcmp(text, "crane") != 0, err, AMBIGUOUS_CLASS, "", "134 or 517");
    XAI_CHECK(strcmp(text, "tent") == 0, err, UNKNOWN_CLASS, "", "no such class");
    *index = 7;
    return XAI_OK;
}

static xai_arena *arena;
static json_t *root;
static xai_json_request r;
static xai_request bound;
static xai_error err;

static void setup(void) { arena = xai_arena_new(0); }
static void teardown(void)
{
    json_decref(root);
    root = NULL;
    xai_arena_free(arena);
}

static xai_status read_text(const char *text)
{
    json_decref(root);
    root = NULL;
    memset(&err, 0, sizeof err);
    XAI_TRY(xai_json_parse(text, strlen(text), XAI_E_BAD_REQUEST, &root, &err));
    return xai_json_request_read(root, arena, &r, &err);
}

static xai_status bind(const char *text)
{
    static const xai_model_info INFO = {.classes = 10};
    XAI_TRY(read_text(text));
    return xai_json_request_bind(&r, NULL, &INFO, find_class, arena, &bound, &err);
}

START_TEST(long_and_short_spelling_are_the_same_request)
{
    char *texts[2];
    ck_assert_int_eq(bind("{\"methods\":[{\"id\":\"m\",\"params\":{\"window\":8}}],\"targets\":[{\"class\":7}],\"seed\":5}"),
                     XAI_OK);
    ck_assert_int_eq(bound.targets[0].class_index, 7);
    ck_assert_int_eq(bound.targets[0].contrast, -1);
    texts[0] = xai_json_request_canonical(&bound, find_method);
    ck_assert_int_eq(bind("{\"method\":\"m\",\"params\":{\"window\":8.0},\"target\":\"tent\",\"seed\":5}"), XAI_OK);
    texts[1] = xai_json_request_canonical(&bound, find_method);
    ck_assert_str_eq(texts[0], texts[1]);
    free(texts[0]);
    free(texts[1]);
}
END_TEST

START_TEST(outputs_are_bits)
{
    ck_assert_int_eq(bind("{\"method\":\"m\"}"), XAI_OK);
    ck_assert_uint_eq(bound.outputs, 0);
    ck_assert_int_eq(bind("{\"method\":\"m\",\"outputs\":[\"overlay\",\"tree\"]}"), XAI_OK);
    ck_assert_uint_eq(bound.outputs, XAI_OUTPUT_OVERLAY | XAI_OUTPUT_TREE);
    ck_assert_int_eq(bind("{\"method\":\"m\",\"outputs\":[\"gif\",\"map\",\"svg\"]}"), XAI_OK);
    ck_assert_uint_eq(bound.outputs, XAI_OUTPUT_MAP | XAI_OUTPUT_SVG | XAI_OUTPUT_GIF);
}
END_TEST

START_TEST(canonical_text_knows_defaults_and_differences)
{
    static const char *const SAME[] = {"{\"method\":\"m\"}", "{\"method\":\"m\",\"params\":{\"window\":32}}",
                                       "{\"method\":{\"id\":\"m\"},\"outputs\":[\"overlay\",\"map\"],\"top\":5,\"precision\":\"f32\"}"};
    static const char *const OTHER[] = {"{\"method\":\"m\",\"params\":{\"window\":31}}", "{\"method\":\"m\",\"seed\":1}",
                                        "{\"method\":\"m\",\"outputs\":[\"map\"]}", "{\"method\":\"m\",\"target\":1}",
                                        "{\"method\":\"m\",\"outputs\":[\"map\",\"overlay\",\"svg\"]}",
                                        "{\"method\":\"m\",\"target\":{\"contrast\":1}}", "{\"method\":\"m\",\"top\":4}",
                                        "{\"method\":\"m\",\"target\":{\"space\":\"logit\"}}",
                                        "{\"method\":\"m\",\"precision\":\"bf16\"}", "{}"};
    ck_assert_int_eq(bind(SAME[0]), XAI_OK);
    char *first = xai_json_request_canonical(&bound, find_method);
    for (size_t i = 0; i < 3 + sizeof OTHER / sizeof OTHER[0]; i++) {
        const char *text = i < 3 ? SAME[i] : OTHER[i - 3];
        ck_assert_msg(bind(text) == XAI_OK, "%s: %s", text, err.msg);
        char *canonical = xai_json_request_canonical(&bound, find_method);
        ck_assert_msg((strcmp(first, canonical) == 0) == (i < 3), "%s gives %s", text, canonical);
        free(canonical);
    }
    free(first);
}
END_TEST

START_TEST(pairs_give_the_same_request)
{
    const char *names[] = {"method", "target", "param.window", "param.layer", "seed", "contrast", "wait_ms"};
    const char *values[] = {"m", "tent", "8", "/a.b", "9", "3", "250"};
    ck_assert_int_eq(xai_json_request_from_pairs(names, values, 7, &root, &err), XAI_OK);
    ck_assert_int_eq(xai_json_request_read(root, arena, &r, &err), XAI_OK);
    ck_assert_str_eq(r.calls[0].id, "m");
    ck_assert_uint_eq(r.calls[0].param_count, 2);
    ck_assert_str_eq(r.targets[0].class.name, "tent");
    ck_assert_str_eq(r.targets[0].contrast.name, "3");
    ck_assert_int_eq(r.seed, 9);
    ck_assert_int_eq(r.wait_ms, 250);
}
END_TEST

START_TEST(pairs_address_one_of_several_methods)
{
    const char *names[] = {"param.a.x", "method", "param.y"}, *values[] = {"1", "a,b", "2"};
    ck_assert_int_eq(xai_json_request_from_pairs(names, values, 3, &root, &err), XAI_OK);
    ck_assert_int_eq(xai_json_request_read(root, arena, &r, &err), XAI_OK);
    ck_assert_uint_eq(r.calls[0].param_count, 2);
    ck_assert_uint_eq(r.calls[1].param_count, 1);
    ck_assert_str_eq(r.calls[1].params[0].name, "y");
}
END_TEST

/* "method=a++" in a query arrives as "a  ", escaped as it is. */
START_TEST(a_plus_in_an_id_need_not_be_escaped)
{
    static const char *const SPELT[] = {"gradcam  ", "gradcam++"}, *const KEY[] = {"param.gradcam  .layer", "param.gradcam++.layer"};
    for (int i = 0; i < 2; i++) {
        const char *names[] = {"method", KEY[i]}, *values[] = {SPELT[i], "x"};
        ck_assert_int_eq(xai_json_request_from_pairs(names, values, 2, &root, &err), XAI_OK);
        json_t *method = json_array_get(json_object_get(root, "methods"), 0);
        ck_assert_str_eq(json_string_value(json_object_get(method, "id")), "gradcam++");
        ck_assert_str_eq(json_string_value(json_object_get(json_object_get(method, "params"), "layer")), "x");
        json_decref(root);
        root = NULL;
    }
}
END_TEST

START_TEST(lists_of_texts_are_read)
{
    xai_json_request read;
    root = json_pack("{s:s, s:{s:[s,s]}}", "method", "gradcam", "params", "layers", "a,b", "c");
    ck_assert_int_eq(xai_json_request_read(root, arena, &read, &err), XAI_OK);
    const xai_named_value *v = &read.calls[0].params[0];
    ck_assert_int_eq(v->type, XAI_VALUE_LIST);
    ck_assert_uint_eq(v->item_count, 2);
    ck_assert_str_eq(v->items[0], "a,b");
    ck_assert_str_eq(v->items[1], "c");
    json_decref(root);
    root = json_pack("{s:s, s:{s:[i]}}", "method", "gradcam", "params", "layers", 1);
    ck_assert_int_eq(xai_json_request_read(root, arena, &read, &err), XAI_E_BAD_REQUEST);
    ck_assert_str_eq(err.where, "/params/layers/0");
}
END_TEST

START_TEST(bad_pairs_are_refused_by_name)
{
    static const char *const BAD[][2] = {{"metod", "m"}, {"param.x", "1"}, {"seed", "x"}, {"seed", "-1"}, {"seed", "1.5"},
                                         {"top", "nan"}, {"outputs", "mp"}, {"model", "\xff"}};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        json_t *made = NULL;
        xai_status status = xai_json_request_from_pairs(&BAD[i][0], &BAD[i][1], 1, &made, &err);
        if (status == XAI_OK) status = xai_json_request_read(made, arena, &r, &err);
        ck_assert_msg(status == XAI_E_BAD_REQUEST, "%s=%s", BAD[i][0], BAD[i][1]);
        json_decref(made);
    }
    const char *names[] = {"seed", "seed"}, *values[] = {"1", "1"};
    ck_assert_int_eq(xai_json_request_from_pairs(names, values, 2, &root, &err), XAI_E_BAD_REQUEST);
    ck_assert(strstr(err.msg, "twice"));
}
END_TEST

START_TEST(errors_point_at_the_culprit)
{
    static const struct {
        const char *text, *pointer;
        xai_status status;
    } CASES[] = {
        {"[]", "", XAI_E_BAD_REQUEST},
        {"{\"metod\":1}", "/metod", XAI_E_BAD_REQUEST},
        {"{\"method\":7}", "/method", XAI_E_BAD_REQUEST},
        {"{\"methods\":[]}", "/methods", XAI_E_BAD_REQUEST},
        {"{\"methods\":[{}]}", "/methods/0/id", XAI_E_BAD_REQUEST},
        {"{\"methods\":[\"m\"],\"method\":\"m\"}", "/methods", XAI_E_BAD_REQUEST},
        {"{\"params\":{}}", "/params", XAI_E_BAD_REQUEST},
        {"{\"method\":\"m\",\"params\":{\"window\":[1]}}", "/params/window/0", XAI_E_BAD_REQUEST},
        {"{\"method\":\"m\",\"params\":{\"a/b\":{}}}", "/params/a~1b", XAI_E_BAD_REQUEST},
        {"{\"targets\":[{\"class\":-1}]}", "/targets/0/class", XAI_E_BAD_REQUEST},
        {"{\"targets\":[{\"class\":1.5}]}", "/targets/0/class", XAI_E_BAD_REQUEST},
        {"{\"targets\":[{\"box\":[1]}]}", "/targets/0/box", XAI_E_BAD_REQUEST},
        {"{\"targets\":[{\"class\":10}]}", "/targets/0/class", XAI_E_UNKNOWN_CLASS},
        {"{\"targets\":[{\"contrast\":\"crane\"}]}", "/targets/0/contrast", XAI_E_AMBIGUOUS_CLASS},
        {"{\"target\":\"tennt\"}", "/targets/0/class", XAI_E_UNKNOWN_CLASS},
        {"{\"target\":{\"space\":\"log\"}}", "/target/space", XAI_E_BAD_REQUEST},
        {"{\"seed\":-1}", "/seed", XAI_E_BAD_REQUEST},
        {"{\"seed\":\"1\"}", "/seed", XAI_E_BAD_REQUEST},
        {"{\"outputs\":[\"sound\"]}", "/outputs/0", XAI_E_BAD_REQUEST},
        {"{\"precision\":\"f16\"}", "/precision", XAI_E_BAD_REQUEST},
        {"{\"evaluate\":[{}]}", "/evaluate/0/id", XAI_E_BAD_REQUEST},
        {"{\"image\":\"abc\"}", "/image", XAI_E_BAD_REQUEST},
        {"{\"image\":{}}", "/image/b64", XAI_E_BAD_REQUEST},
        {"{\"seed\":1,\"seed\":1}", "", XAI_E_BAD_REQUEST},
        {"{\"seed\":NaN}", "", XAI_E_BAD_REQUEST},
        {"{\"model\":\"a\\u0000b\"}", "", XAI_E_BAD_REQUEST},
        {"{} {}", "", XAI_E_BAD_REQUEST},
        {"", "", XAI_E_BAD_REQUEST},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        ck_assert_msg(bind(CASES[i].text) == CASES[i].status, "%s: %s", CASES[i].text, err.msg);
        ck_assert_msg(strcmp(err.where, CASES[i].pointer) == 0, "%s: \"%s\"", CASES[i].text, err.where);
    }
}
END_TEST

START_TEST(deep_nesting_is_refused_before_it_is_parsed)
{
    char *deep = malloc(20001);
    memset(deep, '[', 20000);
    deep[20000] = '\0';
    ck_assert_int_eq(read_text(deep), XAI_E_BAD_REQUEST);
    ck_assert(strstr(err.msg, "deeper"));
    ck_assert_int_eq(read_text("{\"model\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}"), XAI_OK);
    free(deep);
}
END_TEST

START_TEST(too_many_results_are_refused)
{
    char text[2000] = "{\"methods\":[\"m\",\"m\",\"m\",\"m\",\"m\",\"m\",\"m\",\"m\",\"m\"],\"targets\":[0,1,2,3,4,5,6,7]}";
    ck_assert_int_eq(read_text(text), XAI_E_TOO_LARGE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("request");
    TCase *tc = tcase_create("request");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, long_and_short_spelling_are_the_same_request);
    tcase_add_test(tc, outputs_are_bits);
    tcase_add_test(tc, canonical_text_knows_defaults_and_differences);
    tcase_add_test(tc, pairs_give_the_same_request);
    tcase_add_test(tc, pairs_address_one_of_several_methods);
    tcase_add_test(tc, a_plus_in_an_id_need_not_be_escaped);
    tcase_add_test(tc, lists_of_texts_are_read);
    tcase_add_test(tc, bad_pairs_are_refused_by_name);
    tcase_add_test(tc, errors_point_at_the_culprit);
    tcase_add_test(tc, deep_nesting_is_refused_before_it_is_parsed);
    tcase_add_test(tc, too_many_results_are_refused);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
