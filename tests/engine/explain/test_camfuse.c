/*
 * Layers and variants of the picture: what any method of the family with `layers` or `aug_smooth` gives is what comes of
 * asking for each layer's map, and for each variant's, and joining them here. Of methods that no library fuses there is
 * nothing else to compare with.
 */
#include "../graph/nets.h"
#include "explain/cam/fuse.h"

#include <stdlib.h>

enum { SIDE = 32, COLOURS = 3, PIXELS = SIDE * SIDE, MOST_METHODS = 64 };

static const char LATE[] = "/layer3/layer3.1/relu3/Relu_output_0", EARLY[] = "/layer2/relu2/Relu_output_0";
static const char BOTH[] = "/layer3/layer3.1/relu3/Relu_output_0,/layer2/relu2/Relu_output_0";

static xai_pool *pool;
static xai_model *model;
static xai_array sample;
static const xai_method_info *methods[MOST_METHODS]; /* those with `layers` */
static int method_count;

static bool has(const xai_method_info *m, const char *name)
{
    for (size_t i = 0; i < m->param_count; i++)
        if (strcmp(m->params[i].name, name) == 0) return true;
    return false;
}

static void list_methods(void)
{
    for (size_t i = 0; i < xai_method_count(); i++)
        if (has(xai_method_at(i), "fusion")) methods[method_count++] = xai_method_at(i);
}

static void set_up(void)
{
    ck_assert_int_eq(xai_pool_new(2, &pool, NULL), XAI_OK);
    model = load_net("tiny-resnet");
    ck_assert_int_eq(xai_npy_read("tests/golden/data/tiny-resnet/input.npy", &sample, NULL), XAI_OK);
    sample.shape[0] = 1; /* its first picture */
    ck_assert_int_eq(sample.shape[2], SIDE);
}

static void tear_down(void)
{
    xai_array_clear(&sample);
    xai_model_unref(model);
    xai_pool_free(pool);
}

/* The method on `values`, from one layer (a list of it or not) or several; perhaps smoothed; with few samples. */
static xai_result *ask(const xai_method_info *m, const float *values, const char *name, const char *layers,
                       const char *fusion, bool smooth)
{
    xai_named_value params[6] = {{.name = name, .type = XAI_VALUE_TEXT, .text = layers}};
    size_t n = 1;
    static const char *const SAMPLES[] = {"samples", "noise_samples"};
    for (int i = 0; i < 2; i++)
        if (has(m, SAMPLES[i])) params[n++] = (xai_named_value){.name = SAMPLES[i], .type = XAI_VALUE_NUMBER, .number = 2};
    if (fusion) params[n++] = (xai_named_value){.name = "fusion", .type = XAI_VALUE_TEXT, .text = fusion};
    if (smooth) params[n++] = (xai_named_value){.name = "aug_smooth", .type = XAI_VALUE_TEXT, .text = "true"};
    xai_array tensor = sample;
    tensor.data = (void *)(uintptr_t)values;
    xai_method_call call = {m->id, params, n};
    xai_target target = {.class_index = 3, .contrast = -1};
    xai_request q = {.model = model, .tensor = &tensor, .calls = &call, .call_count = 1, .targets = &target,
                     .target_count = 1, .seed = 7};
    xai_result *r = NULL;
    xai_error err = {0};
    ck_assert_msg(xai_explain(&q, pool, NULL, &r, &err) == XAI_OK, "%s: %s", m->id, err.msg);
    const xai_explanation *e = &r->explanations[0];
    double said = xai_request_cost(&q), ran = e->forwards + 2 * e->backwards;
    ck_assert_msg(ran <= said + 1e-6, "%s said %g, ran %g", m->id, said, ran);
    return r;
}

static const xai_artifact *first_map(const xai_explanation *e)
{
    size_t i = 0;
    while (e->artifacts[i].kind != XAI_ARTIFACT_MAP) i++;
    return &e->artifacts[i];
}
static const xai_artifact *map_of(const xai_result *r) { return first_map(&r->explanations[0]); }

static void check_near(const xai_method_info *m, const float *got, const float *want)
{
    float most = 0;
    for (int i = 0; i < PIXELS; i++) most = fmaxf(most, fabsf(got[i] - want[i]));
    ck_assert_msg(most <= 1e-5F, "%s differs by %g", m->id, (double)most);
}

/* The raw maps of both layers, joined. */
START_TEST(layers_are_joined)
{
    const xai_method_info *m = methods[_i / 2];
    bool largest = _i % 2;
    const char *const names[] = {LATE, EARLY};
    xai_cam_canvas canvas;
    float *want = calloc(PIXELS, sizeof *want);
    ck_assert_int_eq(xai_cam_canvas_init(&canvas, SIDE, SIDE, largest ? XAI_CAM_MAX : XAI_CAM_MEAN, NULL), XAI_OK);
    for (int i = 0; i < 2; i++) {
        xai_result *r = ask(m, sample.data, "layer", names[i], NULL, false);
        const xai_artifact *map = map_of(r);
        xai_cam_layer layer = {.height = map->shape[0], .width = map->shape[1], .area = map->shape[0] * map->shape[1]};
        float copy[PIXELS];
        memcpy(copy, map->values, (size_t)layer.area * sizeof *copy);
        xai_cam_canvas_add(&canvas, copy, &layer);
        xai_result_free(r);
    }
    xai_cam_canvas_end(&canvas, false);
    xai_cam_canvas_result(&canvas, want);
    xai_result *both = ask(m, sample.data, "layers", BOTH, largest ? "max" : "mean", false);
    ck_assert_int_eq(map_of(both)->shape[0], SIDE);
    check_near(m, map_of(both)->values, want);
    xai_result_free(both);
    xai_cam_canvas_deinit(&canvas);
    free(want);
}
END_TEST

/* The picture times a factor, perhaps mirrored. */
static void make_variant(int index, float *values)
{
    static const float FACTORS[] = {0.9F, 1, 1.1F};
    const float *x = sample.data;
    for (int i = 0; i < COLOURS * PIXELS; i++) {
        int column = i % SIDE, from = index < 3 ? column : SIDE - 1 - column;
        values[i] = FACTORS[index % 3] * x[i - column + from];
    }
}

/* The maps of the picture and of its mirror image, each darker, as it is, and brighter, turned back and averaged. */
START_TEST(variants_are_averaged)
{
    const xai_method_info *m = methods[_i];
    if (!has(m, "aug_smooth")) return;
    float values[COLOURS * PIXELS], want[PIXELS] = {0};
    for (int v = 0; v < 6; v++) {
        make_variant(v, values);
        xai_result *r = ask(m, values, "layers", BOTH, NULL, false);
        for (int i = 0; i < PIXELS; i++) {
            int column = i % SIDE, from = v < 3 ? column : SIDE - 1 - column;
            want[i] += map_of(r)->values[i - column + from] / 6;
        }
        xai_result_free(r);
    }
    xai_result *smooth = ask(m, sample.data, "layers", BOTH, NULL, true);
    xai_result *plain = ask(m, sample.data, "layers", BOTH, NULL, false);
    check_near(m, map_of(smooth)->values, want);
    ck_assert_int_ne(memcmp(map_of(plain)->values, map_of(smooth)->values, PIXELS * sizeof(float)), 0);
    xai_result_free(smooth);
    xai_result_free(plain);
}
END_TEST

/* What comes after a smoothed map in one request is what it is when asked for alone. */
START_TEST(nothing_is_left_of_the_variants)
{
    xai_named_value smooth = {.name = "aug_smooth", .type = XAI_VALUE_TEXT, .text = "true"};
    xai_method_call calls[] = {{"ablationcam", &smooth, 1}, {"gradcam", NULL, 0}, {"saliency", NULL, 0},
                               {"scorecam", NULL, 0}, {"reciprocam", &smooth, 1}, {"shapleycam", NULL, 0}};
    enum { CALLS = sizeof calls / sizeof calls[0] };
    xai_target targets[] = {{.class_index = 3, .contrast = -1}, {.class_index = 7, .contrast = -1}};
    xai_request q = {.model = model, .tensor = &sample, .calls = calls, .call_count = CALLS, .targets = targets,
                     .target_count = 2, .seed = 7};
    xai_result *all, *alone;
    xai_error err = {0};
    ck_assert_msg(xai_explain(&q, pool, NULL, &all, &err) == XAI_OK, "%s", err.msg);
    for (int i = 0; i < 2 * CALLS; i++) {
        q.calls = calls + i / 2;
        q.targets = targets + i % 2;
        q.call_count = q.target_count = 1;
        ck_assert_msg(xai_explain(&q, pool, NULL, &alone, &err) == XAI_OK, "%s", err.msg);
        const xai_artifact *x = first_map(&all->explanations[i]), *y = map_of(alone);
        ck_assert_int_eq(memcmp(x->values, y->values, (size_t)(x->shape[0] * x->shape[1]) * sizeof(float)), 0);
        ck_assert_double_eq(all->explanations[i].target_value, alone->explanations[0].target_value);
        xai_result_free(alone);
    }
    xai_result_free(all);
}
END_TEST

int main(void)
{
    list_methods();
    Suite *suite = suite_create("camfuse");
    TCase *tc = tcase_create("camfuse");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, layers_are_joined, 0, 2 * method_count);
    tcase_add_loop_test(tc, variants_are_averaged, 0, method_count);
    tcase_add_test(tc, nothing_is_left_of_the_variants);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
