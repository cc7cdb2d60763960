/* Results and schemas as JSON: the members of the contract, numbers that JSON has none for, and names of files. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/param.h"
#include "base/base64.h"
#include "json/result.h"
#include "json/schema.h"

typedef struct options {
    int64_t window;
    double alpha;
    bool fast;
    int baseline;
    const char *layer;
} options;

static const xai_param PARAMS[] = {
    XAI_P_INT(options, window, 32, 1, 64, "Pixels."),
    XAI_P_REAL(options, alpha, 0.5, 0, INFINITY, "Share."),
    XAI_P_BOOL(options, fast, true, "Hurry."),
    XAI_P_ENUM(options, baseline, 1, "mean|black", "Hidden pixels."),
    XAI_P_LAYER(options, layer, "Layer."),
};
static const xai_method_info METHOD = {.id = "m", .title = "M", .family = "f", .summary = "s", .paper = "p", .version = 2,
                                       .needs = "forward", .cost = "1", .params = PARAMS, .param_count = 5};

static const float VALUES[4] = {-1.0f, 0.0f, 0.5f, 3.25f};
static const xai_artifact ARTIFACTS[] = {
    {.name = "map", .kind = XAI_ARTIFACT_MAP, .rank = 2, .shape = {2, 2}, .values = VALUES, .min = -1, .max = 3.25f},
    {.name = "overlay", .kind = XAI_ARTIFACT_IMAGE, .media_type = "image/png", .width = 3, .height = 2,
     .bytes = (const uint8_t *)"abc", .size = 3},
    {.name = "dot", .kind = XAI_ARTIFACT_TEXT, .media_type = "text/vnd.graphviz", .bytes = (const uint8_t *)"digraph {}",
     .size = 10},
};
static const char *const WARNINGS[] = {"flat"};
static const xai_measure METRICS[] = {{"spread", 0.5}};

static json_t *body_of(const char *href)
{
    static const xai_prediction TOP = {.class_index = 7, .name = "caf\xe9", .probability = 0.1f, .logit = -INFINITY};
    xai_image image = {.width = 6, .height = 4, .orientation = 6, .sha256 = "ab"};
    xai_model_info model = {.id = "net", .sha256 = "cd"};
    xai_explanation one = {.method = &METHOD, .partial = true, .target_name = "x",
                           .target = {.class_index = 7, .contrast = 3, .space = XAI_SPACE_PROBABILITY},
                           .target_value = NAN, .forwards = 2, .warnings = WARNINGS, .warning_count = 1,
                           .metrics = METRICS, .metric_count = 1,
                           .artifacts = ARTIFACTS, .artifact_count = 3};
    xai_result result = {.forwards = 1, .crop = {25, 0, 350, 350}, .input_shape = {1, 3, 2, 2}, .isa = "avx2", .precision = "f32",
                         .predictions = &TOP, .prediction_count = 1, .explanations = &one, .explanation_count = 1};
    xai_json_context context = {.image = &image, .model = &model, .seed = 9, .href = href};
    return xai_json_result_body(&result, &context);
}

START_TEST(the_body_has_the_members_of_the_contract)
{
    json_t *body = body_of("/x/");
    char *text = xai_json_text_of(body, JSON_COMPACT);
    static const char *const PIECES[] = {
        "\"image\":{\"sha256\":\"ab\",\"width\":6,\"height\":4,\"orientation\":6,\"crop\":[25.0,0.0,350.0,350.0],"
        "\"input_shape\":[1,3,2,2]}",
        "\"model\":{\"id\":\"net\",\"sha256\":\"cd\",\"engine\":\"" XAI_VERSION "\",\"isa\":\"avx2\",\"precision\":\"f32\"}",
        "\"predictions\":[{\"class\":7,\"name\":\"caf?\",\"probability\":0.100000001,\"logit\":null}]",
        "\"cost\":{\"forwards\":1.0,\"backwards\":0.0,\"one_by_one\":{\"forwards\":2.0,\"backwards\":0.0}}",
        "\"method\":\"m\",\"version\":2,\"status\":\"partial\",\"seed\":9,",
        "\"target\":{\"class\":7,\"name\":\"x\",\"space\":\"probability\",\"contrast\":3,\"value\":null}",
        "\"cost\":{\"forwards\":2.0,\"backwards\":0.0},\"warnings\":[\"flat\"],\"metrics\":{\"spread\":0.5}",
        "{\"name\":\"map\",\"kind\":\"map\",\"shape\":[2,2],\"dtype\":\"f32\",\"data\":\"AACAvwAAAAAAAAA/AABQQA==\","
        "\"min\":-1.0,\"max\":3.25,\"href\":\"/x/0-map.npy\"}",
        "\"media_type\":\"image/png\",\"width\":3,\"height\":2,\"data\":\"YWJj\",\"href\":\"/x/0-overlay.png\"",
        "\"data\":\"digraph {}\",\"href\":\"/x/0-dot.dot\""};
    for (size_t i = 0; i < sizeof PIECES / sizeof PIECES[0]; i++)
        ck_assert_msg(strstr(text, PIECES[i]) != NULL, "no %s in %s", PIECES[i], text);
    free(text);
    json_decref(body);
    body = body_of(NULL);
    text = xai_json_text_of(body, JSON_COMPACT);
    ck_assert_ptr_null(strstr(text, "href"));
    free(text);
    json_decref(body);
}
END_TEST

START_TEST(the_head_leaves_out_what_is_not_known)
{
    xai_json_head head = {.status = "done", .queue_ms = -1, .engine_ms = 1.5};
    json_t *object = xai_json_result_head(&head);
    char *text = xai_json_text_of(object, JSON_COMPACT);
    ck_assert_str_eq(text, "{\"schema\":1,\"status\":\"done\",\"timing\":{\"decode_ms\":0.0,\"engine_ms\":1.5,"
                           "\"render_ms\":0.0}}");
    free(text);
    json_decref(object);
}
END_TEST

START_TEST(every_float_survives_the_text)
{
    static const float HARD[] = {0.1f, 1.0f / 3.0f, 16777217.0f, 1.17549435e-38f, 3.40282347e38f, 1e-45f};
    for (size_t i = 0; i < sizeof HARD / sizeof HARD[0]; i++) {
        json_t *value = json_real((double)HARD[i]);
        char *text = xai_json_text_of(value, 0);
        ck_assert_float_eq(strtof(text, NULL), HARD[i]);
        free(text);
        json_decref(value);
    }
}
END_TEST

START_TEST(the_schema_tells_types_ranges_and_defaults)
{
    json_t *method = xai_json_method(&METHOD);
    json_t *schema = json_object_get(method, "params"), *p = json_object_get(schema, "properties");
    ck_assert(json_is_false(json_object_get(schema, "additionalProperties")));
    json_t *window = json_object_get(p, "window"), *alpha = json_object_get(p, "alpha");
    ck_assert_int_eq(json_integer_value(json_object_get(window, "maximum")), 64);
    ck_assert(json_is_integer(json_object_get(window, "default")));
    ck_assert_ptr_null(json_object_get(alpha, "maximum"));
    ck_assert(json_is_true(json_object_get(json_object_get(p, "fast"), "default")));
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(p, "baseline"), "default")), "black");
    ck_assert_uint_eq(json_array_size(json_object_get(json_object_get(p, "baseline"), "enum")), 2);
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(p, "layer"), "format")), "layer");
    json_decref(method);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("result");
    TCase *tc = tcase_create("result");
    tcase_add_test(tc, the_body_has_the_members_of_the_contract);
    tcase_add_test(tc, the_head_leaves_out_what_is_not_known);
    tcase_add_test(tc, every_float_survives_the_text);
    tcase_add_test(tc, the_schema_tells_types_ranges_and_defaults);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
