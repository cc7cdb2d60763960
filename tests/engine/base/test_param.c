/* Parameter tables: defaults, every type, every refusal, and the receipt. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/param.h"

typedef struct options {
    int64_t window;
    double alpha;
    bool fast;
    int baseline;
    const char *note;
    const char *layer;
    xai_layer_list layers;
} options;

static const xai_param TABLE[] = {
    XAI_P_INT(options, window, 32, 1, 1024, "Side of the window in pixels."),
    XAI_P_REAL(options, alpha, 0.5, 0, 1, "Share."),
    XAI_P_BOOL(options, fast, true, "Whether to hurry."),
    XAI_P_ENUM(options, baseline, 1, "mean|black|white", "What a hidden pixel shows."),
    XAI_P_TEXT(options, note, "A note."),
    XAI_P_LAYER(options, layer, "A layer."),
    XAI_P_LAYERS(options, layers, "Layers."),
};
enum { N = sizeof TABLE / sizeof TABLE[0] };

static xai_arena *arena;
static xai_error err;
static options o;

static void setup(void)
{
    arena = xai_arena_new(0);
    memset(&err, 0, sizeof err);
    memset(&o, 0xee, sizeof o);
}

static void teardown(void) { xai_arena_free(arena); }

static xai_named_value text(const char *name, const char *value)
{
    return (xai_named_value){.name = name, .type = XAI_VALUE_TEXT, .text = value};
}
static xai_named_value number(const char *name, double value)
{
    return (xai_named_value){.name = name, .type = XAI_VALUE_NUMBER, .number = value};
}
static xai_named_value boolean(const char *name, bool value)
{
    return (xai_named_value){.name = name, .type = XAI_VALUE_BOOL, .boolean = value};
}

static xai_status parse(const xai_named_value *values, size_t count)
{
    return xai_params_parse(TABLE, N, values, count, &o, arena, &err);
}

static void refused(xai_named_value value, const char *where, const char *says)
{
    ck_assert_int_eq(parse(&value, 1), XAI_E_BAD_PARAM);
    ck_assert_str_eq(err.where, where);
    ck_assert_msg(strstr(err.msg, says), "\"%s\" does not say \"%s\"", err.msg, says);
}

START_TEST(defaults_fill_every_field)
{
    ck_assert_int_eq(parse(NULL, 0), XAI_OK);
    ck_assert_int_eq(o.window, 32);
    ck_assert_double_eq(o.alpha, 0.5);
    ck_assert(o.fast);
    ck_assert_int_eq(o.baseline, 1);
    ck_assert_ptr_null(o.note);
    ck_assert_ptr_null(o.layer);
}
END_TEST

START_TEST(lists_are_read_from_arrays_and_from_text)
{
    static const char *const ITEMS[] = {"a", "b,c"};
    xai_named_value list = {.name = "layers", .type = XAI_VALUE_LIST, .items = ITEMS, .item_count = 2};
    ck_assert_int_eq(parse(&list, 1), XAI_OK);
    ck_assert_uint_eq(o.layers.count, 2);
    ck_assert_str_eq(o.layers.names[1], "b,c");
    xai_named_value words = text("layers", "a,b,c");
    ck_assert_int_eq(parse(&words, 1), XAI_OK);
    ck_assert_uint_eq(o.layers.count, 3);
    ck_assert_str_eq(o.layers.names[2], "c");
    ck_assert_int_eq(parse(NULL, 0), XAI_OK);
    ck_assert_uint_eq(o.layers.count, 0);
    refused(number("layers", 3), "params.layers", "must be a list");
    refused(text("layers", "a,,b"), "params.layers", "empty");
    list.name = "window";
    refused(list, "params.window", "a list");
}
END_TEST

START_TEST(typed_values_and_text_give_the_same)
{
    char layer[] = "/head";
    xai_named_value typed[] = {number("window", 7), number("alpha", 0.25), boolean("fast", false),
                               text("baseline", "white"), text("layer", layer)};
    xai_named_value texts[] = {text("window", "7"), text("alpha", "2.5e-1"), text("fast", "no"),
                               text("baseline", "white"), text("layer", layer)};
    for (int round = 0; round < 2; round++) {
        ck_assert_int_eq(parse(round ? texts : typed, 5), XAI_OK);
        ck_assert_int_eq(o.window, 7);
        ck_assert_double_eq(o.alpha, 0.25);
        ck_assert(!o.fast);
        ck_assert_int_eq(o.baseline, 2);
        ck_assert_str_eq(o.layer, "/head");
        ck_assert_ptr_ne(o.layer, layer);
    }
}
END_TEST

START_TEST(null_means_the_default)
{
    xai_named_value v = {.name = "window", .type = XAI_VALUE_NULL};
    ck_assert_int_eq(parse(&v, 1), XAI_OK);
    ck_assert_int_eq(o.window, 32);
}
END_TEST

START_TEST(range_errors_state_the_range)
{
    refused(number("window", 0), "params.window", "from 1 to 1024, got 0");
    refused(number("window", 1025), "params.window", "got 1025");
    refused(number("window", 1e300), "params.window", "from 1 to 1024");
    refused(number("window", 1.5), "params.window", "whole number");
    refused(number("alpha", 1.0001), "params.alpha", "from 0 to 1");
}
END_TEST

START_TEST(nan_and_infinity_are_refused_in_every_spelling)
{
    refused(number("alpha", NAN), "params.alpha", "must be a number");
    refused(number("alpha", INFINITY), "params.alpha", "must be a number");
    const char *spellings[] = {"nan", "NaN", "inf", "-Infinity", "1e999", "0x1p-1", "", " 1", "1 ", "1,5"};
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
        refused(text("alpha", spellings[i]), "params.alpha", "must be a number");
}
END_TEST

START_TEST(wrong_types_are_refused)
{
    refused(boolean("window", true), "params.window", "got true");
    refused(number("fast", 1), "params.fast", "true or false");
    refused(text("fast", "maybe"), "params.fast", "\"maybe\"");
    refused(number("baseline", 1), "params.baseline", "mean, black, white");
    refused(text("baseline", "bla"), "params.baseline", "mean, black, white");
    refused(text("baseline", "black|white"), "params.baseline", "one of");
    refused(number("layer", 3), "params.layer", "must be a text");
}
END_TEST

START_TEST(unknown_names_list_the_known_and_the_nearest)
{
    refused(number("windw", 3), "params.windw", "did you mean \"window\"");
    refused(number("qqqqqqqq", 3), "params.qqqqqqqq", "Known: window, alpha, fast, baseline, note, layer");
    xai_named_value v = number("x", 1);
    ck_assert_int_eq(xai_params_parse(NULL, 0, &v, 1, &o, arena, &err), XAI_E_BAD_PARAM);
    ck_assert(strstr(err.msg, "none"));
}
END_TEST

START_TEST(a_parameter_given_twice_is_refused)
{
    xai_named_value twice[] = {number("window", 3), number("window", 3)};
    ck_assert_int_eq(parse(twice, 2), XAI_E_BAD_PARAM);
}
END_TEST

START_TEST(overlong_text_is_refused)
{
    char *big = malloc(XAI_PARAM_TEXT_MAX + 2);
    memset(big, 'x', XAI_PARAM_TEXT_MAX + 1);
    big[XAI_PARAM_TEXT_MAX + 1] = '\0';
    refused(text("note", big), "params.note", "longer");
    free(big);
}
END_TEST

START_TEST(the_receipt_shows_the_values_in_use)
{
    xai_named_value v[] = {number("window", 9), text("layer", "l")};
    ck_assert_int_eq(parse(v, 2), XAI_OK);
    xai_doc *doc = xai_params_doc(TABLE, N, &o, arena);
    ck_assert(xai_doc_ok(doc));
    ck_assert_uint_eq(doc->count, N);
    ck_assert_int_eq(xai_doc_get(doc, "window")->integer, 9);
    ck_assert_str_eq(xai_doc_get(doc, "baseline")->text, "black");
    ck_assert_int_eq(xai_doc_get(doc, "note")->type, XAI_DOC_NULL);
    ck_assert_str_eq(xai_doc_get(doc, "layer")->text, "l");
}
END_TEST

START_TEST(edit_distance_counts_swaps_as_one)
{
    ck_assert_uint_eq(xai_edit_distance("", "abc"), 3);
    ck_assert_uint_eq(xai_edit_distance("abc", "acb"), 1);
    ck_assert_uint_eq(xai_edit_distance("gradcam", "GradCAM"), 0);
    ck_assert_uint_eq(xai_edit_distance("kitten", "sitting"), 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("param");
    TCase *tc = tcase_create("param");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, defaults_fill_every_field);
    tcase_add_test(tc, lists_are_read_from_arrays_and_from_text);
    tcase_add_test(tc, typed_values_and_text_give_the_same);
    tcase_add_test(tc, null_means_the_default);
    tcase_add_test(tc, range_errors_state_the_range);
    tcase_add_test(tc, nan_and_infinity_are_refused_in_every_spelling);
    tcase_add_test(tc, wrong_types_are_refused);
    tcase_add_test(tc, unknown_names_list_the_known_and_the_nearest);
    tcase_add_test(tc, a_parameter_given_twice_is_refused);
    tcase_add_test(tc, overlong_text_is_refused);
    tcase_add_test(tc, the_receipt_shows_the_values_in_use);
    tcase_add_test(tc, edit_distance_counts_swaps_as_one);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
