/*
 * `sag` on the shipped model and a sample picture: what the graph says is measured again, one forward at a time, on
 * pictures that are put together here; the probe scores what the graph says; threads leave no trace; refusals.
 */
#include "base/doc.h"
#include "explain/sag/mask.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char MODEL[] = "models/efficientnet-lite0.onnx";

enum { GRID = 5, SIDE = 224, PLANE = SIDE * SIDE };

static xai_pool *pool, *lone;
static xai_model *model;
static xai_image *image;
static xai_result *shared; /* of the usual request, made once */

static const xai_named_value PARAMS[] = {
    {.name = "grid", .type = XAI_VALUE_NUMBER, .number = GRID},
    {.name = "max_evals", .type = XAI_VALUE_NUMBER, .number = 260},
    {.name = "max_nodes", .type = XAI_VALUE_NUMBER, .number = 16},
};

static void read_image(const char *path)
{
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    ck_assert_int_eq(xai_image_decode(bytes, size, NULL, &image, NULL), XAI_OK);
}

static xai_result *explain_with(const xai_named_value *params, size_t count, xai_pool *on)
{
    xai_method_call call = {.id = "sag", .params = params, .param_count = count};
    xai_request q = {.model = model, .image = image, .calls = &call, .call_count = 1};
    xai_result *r = NULL;
    xai_error err = {0};
    ck_assert_msg(xai_explain(&q, on, NULL, &r, &err) == XAI_OK, "%s", err.msg);
    return r;
}

static xai_result *explain(xai_pool *on) { return explain_with(PARAMS, sizeof PARAMS / sizeof PARAMS[0], on); }

static const xai_artifact *artifact(const xai_result *r, const char *name)
{
    for (size_t i = 0; i < r->explanations[0].artifact_count; i++)
        if (strcmp(r->explanations[0].artifacts[i].name, name) == 0) return &r->explanations[0].artifacts[i];
    ck_abort_msg("there is no artifact %s", name);
    return NULL;
}

static const xai_doc *graph(void) { return artifact(shared, "sag")->doc; }

/* ---------------------------------------------------------------- another way to the same numbers */

typedef enum edges { TENTS, SOFT, HARD } edges;

/* Weight of the band at `index` along an axis: a tent whose top is on a pixel, or a rectangle, with soft edges or hard. */
static double weight_of_band(edges kind, int index, int pixel)
{
    if (kind == HARD) return pixel >= index * SIDE / GRID && pixel < (index + 1) * SIDE / GRID;
    if (kind == TENTS) return fmax(0, 1 - fabs(pixel * (GRID - 1) / (SIDE - 1.0) - index));
    double at = (pixel + 0.5) * GRID / SIDE - index, left = index ? (at + 0.25) / 0.5 : 1;
    double right = index < GRID - 1 ? (1.25 - at) / 0.5 : 1;
    return fmin(fmax(left, 0), 1) * fmin(fmax(right, 0), 1);
}

/* How pictures are put together here, and what is read from them. */
static struct {
    edges kind;
    double hidden[3]; /* a hidden pixel, as RGB bytes */
    int64_t class_index;
    int64_t top1;     /* out */
} eye;

static void look_as_usual(void)
{
    memset(&eye, 0, sizeof eye);
    eye.class_index = shared->explanations[0].target.class_index;
}

static void set_up(void)
{
    xai_model_config config = {
        .head = XAI_HEAD_SOFTMAX, .head_known = true, .step_count = 3,
        .steps = {{.op = XAI_STEP_RESIZE, .short_side = 256, .filter = XAI_FILTER_BICUBIC, .antialias = true},
                  {.op = XAI_STEP_CENTER_CROP, .width = SIDE, .height = SIDE},
                  {.op = XAI_STEP_NORMALIZE, .mean = {127, 127, 127}, .scale = {128, 128, 128}}}};
    ck_assert_int_eq(xai_pool_new(2, &pool, NULL), XAI_OK);
    ck_assert_int_eq(xai_pool_new(1, &lone, NULL), XAI_OK);
    ck_assert_int_eq(xai_model_load(MODEL, &config, &model, NULL), XAI_OK);
    read_image("models/samples/chelsea.png");
    shared = explain(pool);
    look_as_usual();
}

static void tear_down(void)
{
    xai_result_free(shared);
    xai_image_free(image);
    xai_model_unref(model);
    xai_pool_free(pool);
    xai_pool_free(lone);
}

/* The given patches; all else hidden. */
static void compose(xai_mask mask, float *input)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            double w = 0;
            for (int i = 0; i < GRID * GRID; i++)
                if (xai_mask_has(mask, i))
                    w += weight_of_band(eye.kind, i / GRID, y) * weight_of_band(eye.kind, i % GRID, x);
            for (int c = 0; c < 3; c++) {
                double value = eye.hidden[c] + w * (shared->view[3 * (y * SIDE + x) + c] - eye.hidden[c]);
                input[c * PLANE + y * SIDE + x] = (float)((value - 127) / 128);
            }
        }
}

/* The class's probability on that picture, by a raw run of batch 1. */
static double measure(xai_mask mask)
{
    static float input[3 * PLANE];
    xai_array in = {.name = (char *)(uintptr_t)xai_model_describe(model)->input_name, .dtype = XAI_F32, .rank = 4,
                    .shape = {1, 3, SIDE, SIDE}, .data = input}, *out = NULL;
    size_t count = 0;
    xai_error err = {0};
    compose(mask, input);
    xai_run_request request = {.inputs = &in, .input_count = 1};
    ck_assert_msg(xai_run(MODEL, lone, &request, NULL, &out, &count, &err) == XAI_OK, "%s", err.msg);
    const float *logits = out[0].data;
    double sum = 0, own = (double)logits[eye.class_index];
    for (int64_t i = 0; i < out[0].shape[1]; i++) {
        sum += exp((double)logits[i] - own);
        if (i == 0 || logits[i] > logits[eye.top1]) eye.top1 = i;
    }
    for (size_t i = 0; i < count; i++) xai_array_clear(&out[i]);
    free(out);
    return 1 / sum;
}

static xai_mask mask_of(const xai_doc *set)
{
    xai_mask m;
    ck_assert_int_eq(xai_mask_from_hex(xai_doc_get(set, "id")->text, GRID * GRID, &m, NULL), XAI_OK);
    return m;
}

START_TEST(every_explanation_is_sufficient_and_minimal_when_measured_again)
{
    const xai_doc *threshold = xai_doc_get(graph(), "threshold"), *mses = xai_doc_get(graph(), "mses");
    double f_all = measure(xai_mask_full(GRID * GRID)), tau = xai_doc_get(threshold, "tau")->real;
    ck_assert_double_eq_tol(f_all, xai_doc_get(threshold, "f_all")->real, 2e-5);
    ck_assert_double_eq_tol(tau, 0.9 * f_all, 2e-5);
    ck_assert_uint_ge(mses->count, 1);
    for (const xai_doc *mse = mses->first; mse; mse = mse->next) {
        int list[XAI_MASK_MAX], n = xai_mask_list(mask_of(mse), list);
        double p = measure(mask_of(mse));
        ck_assert_double_eq_tol(p, xai_doc_get(mse, "p")->real, 2e-5);
        ck_assert(p >= tau - 2e-5);
        for (int i = 0; i < n; i++) ck_assert(measure(xai_mask_without(mask_of(mse), list[i])) < tau + 2e-5);
    }
}
END_TEST

START_TEST(hard_patches_measured_again)
{
    static const xai_named_value params[] = {
        {.name = "grid", .type = XAI_VALUE_NUMBER, .number = GRID},
        {.name = "region", .type = XAI_VALUE_TEXT, .text = "hard"},
        {.name = "max_evals", .type = XAI_VALUE_NUMBER, .number = 300},
        {.name = "max_nodes", .type = XAI_VALUE_NUMBER, .number = 4}};
    xai_result *r = explain_with(params, sizeof params / sizeof params[0], pool);
    const xai_doc *mses = xai_doc_get(artifact(r, "sag")->doc, "mses");
    ck_assert_uint_ge(mses->count, 1);
    eye.kind = HARD;
    for (const xai_doc *mse = mses->first; mse; mse = mse->next)
        ck_assert_double_eq_tol(measure(mask_of(mse)), xai_doc_get(mse, "p")->real, 2e-5);
    look_as_usual();
    xai_result_free(r);
}
END_TEST

START_TEST(other_regions_and_classes_measured_again)
{
    static const xai_named_value params[] = {
        {.name = "grid", .type = XAI_VALUE_NUMBER, .number = GRID},
        {.name = "region", .type = XAI_VALUE_TEXT, .text = "feather"},
        {.name = "baseline", .type = XAI_VALUE_TEXT, .text = "colour"},
        {.name = "colour", .type = XAI_VALUE_TEXT, .text = "#20A040"},
        {.name = "versus", .type = XAI_VALUE_TEXT, .text = "second"},
        {.name = "criterion", .type = XAI_VALUE_TEXT, .text = "argmax"},
        {.name = "counterfactuals", .type = XAI_VALUE_NUMBER, .number = 2},
        {.name = "max_evals", .type = XAI_VALUE_NUMBER, .number = 300},
        {.name = "max_nodes", .type = XAI_VALUE_NUMBER, .number = 4}};
    xai_result *r = explain_with(params, sizeof params / sizeof params[0], pool);
    const xai_doc *other = artifact(r, "sag")->doc, *threshold = xai_doc_get(other, "threshold");
    const xai_doc *versus = xai_doc_get(threshold, "versus"), *turns = xai_doc_get(other, "counterfactuals");
    int64_t target = r->explanations[0].target.class_index, second = xai_doc_get(versus, "class")->integer;
    ck_assert_int_eq(second, r->predictions[1].class_index);
    eye.kind = SOFT;
    memcpy(eye.hidden, (double[]){0x20, 0xA0, 0x40}, sizeof eye.hidden);
    ck_assert_double_eq_tol(measure((xai_mask){{0}}), xai_doc_get(threshold, "f_empty")->real, 2e-5);
    ck_assert_uint_ge(xai_doc_get(other, "mses")->count, 1);
    for (const xai_doc *mse = xai_doc_get(other, "mses")->first; mse; mse = mse->next) {
        int list[XAI_MASK_MAX], n = xai_mask_list(mask_of(mse), list);
        ck_assert_double_eq_tol(measure(mask_of(mse)), xai_doc_get(mse, "p")->real, 2e-5);
        ck_assert_int_eq(eye.top1, target);
        eye.class_index = second;
        ck_assert_double_eq_tol(measure(mask_of(mse)), xai_doc_get(mse, "versus")->real, 2e-5);
        eye.class_index = target;
        for (int i = 0; i < n; i++) {
            measure(xai_mask_without(mask_of(mse), list[i]));
            ck_assert_int_ne(eye.top1, target);
        }
    }
    ck_assert_uint_ge(turns->count, 1);
    for (const xai_doc *set = turns->first; set; set = set->next) {
        xai_mask rest = xai_mask_minus(xai_mask_full(GRID * GRID), mask_of(set));
        int list[XAI_MASK_MAX], n = xai_mask_list(mask_of(set), list);
        ck_assert_double_eq_tol(measure(rest), xai_doc_get(set, "p")->real, 2e-5);
        ck_assert(eye.top1 != target && eye.top1 == xai_doc_get(set, "top1")->integer);
        for (int i = 0; i < n; i++) {
            measure(xai_mask_with(rest, list[i]));
            ck_assert_int_eq(eye.top1, target);
        }
    }
    look_as_usual();
    xai_result_free(r);
}
END_TEST

START_TEST(every_node_has_the_score_that_is_measured_again)
{
    const xai_doc *nodes = xai_doc_get(graph(), "nodes");
    ck_assert_uint_ge(nodes->count, 3);
    for (const xai_doc *n = nodes->first; n; n = n->next)
        ck_assert_double_eq_tol(measure(mask_of(n)), xai_doc_get(n, "p")->real, 2e-5);
}
END_TEST

START_TEST(probe_scores_what_the_graph_says)
{
    enum { MOST = 32 };
    const char *masks[MOST] = {"1ffffff", "0000000"};
    xai_probe_value values[MOST];
    size_t count = 2;
    for (const xai_doc *n = xai_doc_get(graph(), "nodes")->first; n; n = n->next)
        masks[count++] = xai_doc_get(n, "id")->text;
    xai_probe_request q = {.model = model, .image = image, .target = {.class_index = -1, .contrast = -1},
                           .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0], .masks = masks,
                           .mask_count = count};
    ck_assert_int_eq(xai_probe(&q, pool, NULL, values, NULL), XAI_OK);
    const xai_doc *threshold = xai_doc_get(graph(), "threshold");
    ck_assert(values[0].p == xai_doc_get(threshold, "f_all")->real && values[0].rel == 1);
    ck_assert(values[1].p == xai_doc_get(threshold, "f_empty")->real);
    ck_assert_int_eq(values[0].top1, shared->predictions[0].class_index);
    size_t i = 2;
    for (const xai_doc *n = xai_doc_get(graph(), "nodes")->first; n; n = n->next, i++) {
        ck_assert_str_eq(values[i].id, masks[i]);
        ck_assert(values[i].p == xai_doc_get(n, "p")->real);
        ck_assert_int_eq(values[i].top1, xai_doc_get(n, "top1")->integer);
        ck_assert_int_eq(values[i].top[0].class_index, values[i].top1);
        ck_assert(values[i].top[0].logit >= values[i].top[1].logit);
    }
    masks[0] = "3ffffff"; /* a 26th patch */
    ck_assert_int_eq(xai_probe(&q, pool, NULL, values, NULL), XAI_E_BAD_PARAM);
}
END_TEST

START_TEST(threads_leave_no_trace)
{
    xai_result *r = explain(lone);
    const xai_artifact *a = artifact(shared, "dot"), *b = artifact(r, "dot");
    ck_assert_uint_eq(a->size, b->size);
    ck_assert_mem_eq(a->bytes, b->bytes, a->size);
    const xai_doc *other = artifact(r, "sag")->doc;
    ck_assert_str_eq(xai_doc_get(graph(), "dnf")->text, xai_doc_get(other, "dnf")->text);
    xai_result_free(r);
}
END_TEST

START_TEST(necessity_is_the_share_of_explanations)
{
    const xai_artifact *map = artifact(shared, "necessity");
    const xai_doc *mses = xai_doc_get(graph(), "mses");
    ck_assert(map->shape[0] == GRID && map->shape[1] == GRID);
    for (int i = 0; i < GRID * GRID; i++) {
        int holders = 0;
        for (const xai_doc *mse = mses->first; mse; mse = mse->next) holders += xai_mask_has(mask_of(mse), i);
        ck_assert_float_eq_tol(map->values[i], (float)holders / (float)mses->count, 1e-6f);
    }
}
END_TEST

/* A budget ends stages at their shares: what is said holds although evaluations are left. */
START_TEST(a_share_used_up_is_not_called_the_whole)
{
    static const xai_named_value params[] = {{.name = "max_evals", .type = XAI_VALUE_NUMBER, .number = 60},
                                             {.name = "max_nodes", .type = XAI_VALUE_NUMBER, .number = 1}};
    xai_result *r = explain_with(params, 2, pool);
    const xai_explanation *e = &r->explanations[0];
    const xai_doc *doc = artifact(r, "sag")->doc;
    ck_assert_int_lt(xai_doc_get(xai_doc_get(doc, "stats"), "evals")->integer, 60);
    ck_assert_str_eq(xai_doc_get(doc, "bounded_by")->first->text, "max_evals");
    bool told = false;
    for (size_t i = 0; i < e->warning_count; i++) told |= strstr(e->warnings[i], "its share of the 60 evaluations") != NULL;
    ck_assert(told);
    xai_result_free(r);
}
END_TEST

START_TEST(every_role_is_one_of_three)
{
    int seen = 0;
    for (const xai_doc *n = xai_doc_get(graph(), "necessity")->first; n; n = n->next, seen++) {
        const xai_doc *necessary = xai_doc_get(n, "necessary");
        const char *rest = xai_doc_get(n, "sufficient")->boolean ? "sufficient" : "redundant";
        bool needed = necessary->type == XAI_DOC_BOOL && necessary->boolean;
        ck_assert_str_eq(xai_doc_get(n, "role")->text, needed ? "necessary" : rest);
    }
    ck_assert_int_eq(seen, GRID * GRID);
}
END_TEST

/* Nothing to see: a result of its own kind, never NaN, or explanations that are enough like any other's. */
START_TEST(a_picture_of_one_colour_ends_truly)
{
    static uint8_t gray[64 * 64 * 3];
    memset(gray, 127, sizeof gray);
    xai_image *photo = image;
    ck_assert_int_eq(xai_image_from_rgb(gray, 64, 64, 1, &image, NULL), XAI_OK);
    xai_result *r = explain(pool);
    xai_image_free(image);
    image = photo;
    const xai_doc *doc = artifact(r, "sag")->doc, *mses = xai_doc_get(doc, "mses");
    double tau = xai_doc_get(xai_doc_get(doc, "threshold"), "tau")->real;
    ck_assert(isfinite(tau));
    if (!mses->count) ck_assert_uint_ge(r->explanations[0].warning_count, 1);
    for (const xai_doc *mse = mses->first; mse; mse = mse->next) ck_assert(xai_doc_get(mse, "p")->real >= tau);
    for (const xai_doc *n = xai_doc_get(doc, "nodes")->first; n; n = n->next)
        ck_assert_int_eq(xai_doc_get(n, "p")->type, XAI_DOC_REAL);
    xai_result_free(r);
}
END_TEST

static xai_status ask(xai_named_value param, xai_target target)
{
    xai_method_call call = {.id = "sag", .params = &param, .param_count = param.name ? 1 : 0};
    xai_request q = {.model = model, .image = image, .calls = &call, .call_count = 1, .targets = &target,
                     .target_count = 1};
    xai_result *r = NULL;
    xai_error err = {0};
    xai_status status = xai_explain(&q, pool, NULL, &r, &err);
    xai_result_free(r);
    ck_assert(status == XAI_OK || err.msg[0]);
    return status;
}

static xai_status status_of(const char *name, double value, xai_target target)
{
    return ask((xai_named_value){.name = name, .type = XAI_VALUE_NUMBER, .number = value}, target);
}

static xai_status status_of_text(const char *name, const char *text)
{
    return ask((xai_named_value){.name = name, .type = XAI_VALUE_TEXT, .text = text},
               (xai_target){.class_index = -1, .contrast = -1});
}

START_TEST(what_cannot_be_explained_is_refused)
{
    xai_target top = {.class_index = -1, .contrast = -1}, contrast = {.class_index = 3, .contrast = 5};
    xai_target logit = {.class_index = -1, .contrast = -1, .space = XAI_SPACE_LOGIT};
    ck_assert_int_eq(status_of(NULL, 0, contrast), XAI_E_BAD_PARAM);
    ck_assert_int_eq(status_of(NULL, 0, logit), XAI_E_BAD_PARAM);
    ck_assert_int_eq(status_of("grid", 15, top), XAI_E_BAD_PARAM);
    ck_assert_int_eq(status_of("p_low", 0.95, top), XAI_E_BAD_PARAM);
    ck_assert_int_eq(status_of("p_high", 0, top), XAI_E_BAD_PARAM);
    ck_assert_int_eq(status_of("coarse", 2, top), XAI_E_BAD_PARAM);
    ck_assert_int_eq(status_of("coarse", 7, top), XAI_E_BAD_PARAM); /* the grid has 7 */
    ck_assert_int_eq(status_of_text("colour", "red"), XAI_E_BAD_PARAM);
    ck_assert_int_eq(status_of_text("colour", "#12345g"), XAI_E_BAD_PARAM);
    ck_assert_int_ne(status_of_text("versus", "no such class"), XAI_OK);
    ck_assert_int_eq(status_of("max_evals", 1, top), XAI_OK); /* nothing found is a result */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sag on a network");
    TCase *all = tcase_create("all");
    tcase_add_unchecked_fixture(all, set_up, tear_down);
    tcase_set_timeout(all, 240);
    tcase_add_test(all, every_explanation_is_sufficient_and_minimal_when_measured_again);
    tcase_add_test(all, hard_patches_measured_again);
    tcase_add_test(all, other_regions_and_classes_measured_again);
    tcase_add_test(all, every_node_has_the_score_that_is_measured_again);
    tcase_add_test(all, probe_scores_what_the_graph_says);
    tcase_add_test(all, threads_leave_no_trace);
    tcase_add_test(all, necessity_is_the_share_of_explanations);
    tcase_add_test(all, a_picture_of_one_colour_ends_truly);
    tcase_add_test(all, a_share_used_up_is_not_called_the_whole);
    tcase_add_test(all, every_role_is_one_of_three);
    tcase_add_test(all, what_cannot_be_explained_is_refused);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK); /* the pool's threads do not survive a fork */
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
