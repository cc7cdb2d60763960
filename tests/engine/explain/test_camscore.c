/*
 * CAMs by perturbation, beyond what goldens show: that drops worked out from a gradient are those of trying out, what
 * follows a layer, which channels come first, draws, deadlines, costs, and the same bytes on one thread and on two.
 */
#include "../graph/nets.h"
#include "base/token.h"
#include "explain/evaluate.h"
#include "support/late.h"

#include <stdlib.h>

static xai_pool *one, *two;
static xai_model *model;
static xai_array sample;

static void set_up(void)
{
    ck_assert_int_eq(xai_pool_new(1, &one, NULL), XAI_OK);
    ck_assert_int_eq(xai_pool_new(2, &two, NULL), XAI_OK);
    model = load_net("tiny-resnet");
    ck_assert_int_eq(xai_npy_read("tests/golden/data/tiny-resnet/input.npy", &sample, NULL), XAI_OK);
    sample.shape[0] = 1; /* its first picture */
}

static void tear_down(void)
{
    xai_array_clear(&sample);
    xai_model_unref(model);
    xai_pool_free(one);
    xai_pool_free(two);
}

static xai_named_value text(const char *name, const char *v)
{
    return (xai_named_value){.name = name, .type = XAI_VALUE_TEXT, .text = v};
}

static xai_request request_of(const xai_method_call *call)
{
    static const xai_target target = {.class_index = 3, .contrast = -1};
    return (xai_request){.model = model, .tensor = &sample, .calls = call, .call_count = 1, .targets = &target,
                         .target_count = 1, .seed = 7};
}

static xai_result *answer(const xai_request *q, xai_pool *pool)
{
    xai_result *r = NULL;
    xai_error err = {0};
    ck_assert_msg(xai_explain(q, pool, NULL, &r, &err) == XAI_OK, "%s", err.msg);
    return r;
}

static const float *map_of(const xai_result *r) { return r->explanations[0].artifacts[0].values; }
static size_t area_of(const xai_result *r)
{
    const int64_t *shape = r->explanations[0].artifacts[0].shape;
    return (size_t)(shape[0] * shape[1]);
}

/* ---------------------------------------------------------------- the layer, run by the test itself */

typedef struct layer {
    xai_context context;
    xai_arena *arena;
    xai_value *value;
    const float *data;
    size_t channels, area;
} layer;

static void open_layer(layer *l)
{
    *l = (layer){.arena = xai_arena_new(0)};
    const char *name = model->info.default_layer;
    xai_context_spec spec = {.model = model, .pool = one, .arena = l->arena, .tensor = &sample,
                             .wants = {.layers = &name, .layer_count = 1}, .layers_only = true};
    xai_session *base;
    ck_assert_int_eq(xai_context_init(&l->context, &spec, NULL), XAI_OK);
    ck_assert_int_eq(xai_context_kept_base(&l->context, &base, NULL), XAI_OK);
    l->value = xai_program_find(l->context.program, name);
    l->data = xai_session_value_data(base, l->value);
    l->channels = (size_t)l->value->shape.dim[1];
    l->area = (size_t)(l->value->shape.dim[2] * l->value->shape.dim[3]);
}

static void close_layer(layer *l)
{
    xai_context_deinit(&l->context);
    xai_arena_free(l->arena);
}

static void switch_off(const void *user, size_t index, float *values)
{
    const layer *l = user;
    memcpy(values, l->data, l->channels * l->area * sizeof *values);
    if (index < l->channels) memset(values + index * l->area, 0, l->area * sizeof *values);
}

/* Score by score, with what follows the layer run for each; the last is the whole. */
START_TEST(drops_worked_out_are_those_of_trying_out)
{
    layer l;
    xai_aim aim;
    xai_target target = {.class_index = 3, .contrast = -1, .space = XAI_SPACE_LOGIT};
    open_layer(&l);
    ck_assert_int_eq(xai_aim_init(&aim, &l.context, &target, NULL), XAI_OK);
    float *y = calloc(l.channels + 1, sizeof *y);
    xai_variants variants = {.count = l.channels + 1, .make = switch_off, .user = &l, .of = l.value};
    ck_assert_int_eq(xai_evaluate(&l.context, &aim, &variants, &(xai_scores){.values = y}, NULL), XAI_OK);
    xai_request q = request_of(&(xai_method_call){.id = "ablationcam"});
    xai_result *r = answer(&q, one);
    ck_assert_double_eq(r->explanations[0].backwards, 1); /* it did not try */
    double difference = 0, size = 0, whole = (double)y[l.channels];
    for (size_t i = 0; i < l.area; i++) {
        double sum = 0;
        for (size_t k = 0; k < l.channels; k++)
            sum += (whole - (double)y[k]) / whole * (double)l.data[k * l.area + i];
        difference += pow(sum - (double)map_of(r)[i], 2);
        size += sum * sum;
    }
    ck_assert_double_lt(sqrt(difference), 1e-4 * sqrt(size));
    ck_assert_double_gt(size, 0);
    xai_result_free(r);
    free(y);
    close_layer(&l);
}
END_TEST

/* Pooling and a linear layer are affine; a convolution with what follows it, or a hidden layer, is not. */
START_TEST(what_follows_a_layer)
{
    xai_model *vgg = load_net("tiny-vgg");
    const char *last = model->info.default_layer, *first = model->info.layers[0].name;
    ck_assert(xai_model_affine_after(model, last, model->logits));
    ck_assert(!xai_model_affine_after(model, first, model->logits));
    ck_assert(!xai_model_affine_after(model, "no such layer", model->logits));
    ck_assert(!xai_model_affine_after(vgg, vgg->info.default_layer, vgg->logits));
    double after = xai_model_share_after(model, last), nearly = xai_model_share_after(model, first);
    ck_assert(0 < after && after < 0.01);
    ck_assert(0.5 < nearly && nearly < 1);
    ck_assert_double_eq(xai_model_share_after(model, model->info.input_name), 1);
    xai_model_unref(vgg);
}
END_TEST

/* ---------------------------------------------------------------- channels */

static double strength(const layer *l, size_t channel)
{
    double sum = 0;
    for (size_t i = 0; i < l->area; i++) sum += fabs((double)l->data[channel * l->area + i]);
    return sum;
}

/* The softmax of one weight is 1. */
START_TEST(one_channel_is_the_strongest_as_it_is)
{
    layer l;
    open_layer(&l);
    size_t best = 0;
    for (size_t k = 1; k < l.channels; k++)
        if (strength(&l, k) > strength(&l, best)) best = k;
    xai_named_value params[] = {text("channels", "1")};
    xai_request q = request_of(&(xai_method_call){"scorecam", params, 1});
    xai_result *r = answer(&q, one);
    ck_assert_double_eq(r->explanations[0].forwards, 2);
    for (size_t i = 0; i < l.area; i++) ck_assert_float_eq(map_of(r)[i], l.data[best * l.area + i]);
    xai_result_free(r);
    close_layer(&l);
}
END_TEST

START_TEST(deadline_leaves_the_strongest_channels)
{
    xai_named_value params[] = {text("samples", "20"), text("channels", "0")};
    xai_method_call call = {"iscam", params, 1};
    xai_request q = request_of(&call);
    xai_result *r = NULL;
    xai_error err = {0};
    late l;
    xai_token *token = late_token(&l, 100);
    ck_assert_msg(xai_explain(&q, two, token, &r, &err) == XAI_OK, "%s", err.msg);
    ck_assert(r->partial && r->explanations[0].partial);
    int done = 0, all = 0;
    ck_assert_int_eq(sscanf(r->explanations[0].warnings[0], "The deadline came after %d of %d", &done, &all), 2);
    ck_assert(1 <= done && done < all);
    char few[16];
    snprintf(few, sizeof few, "%d", done);
    params[1].text = few;
    call.param_count = 2;
    xai_result *limited = answer(&q, one);
    ck_assert_mem_eq(map_of(r), map_of(limited), area_of(r) * sizeof(float));
    xai_result_free(limited);
    xai_result_free(r);
    xai_token_free(token);
}
END_TEST

/* Of a picture without contrast most channels are silent; their scores are what each would have had. */
START_TEST(silent_channels_are_run_once)
{
    layer l;
    memset(sample.data, 0, 3 * (size_t)(sample.shape[2] * sample.shape[3]) * sizeof(float));
    open_layer(&l);
    size_t silent = 0;
    for (size_t k = 0; k < l.channels; k++) silent += strength(&l, k) == 0;
    ck_assert(2 <= silent && silent < l.channels);
    close_layer(&l);
    xai_request q = request_of(&(xai_method_call){.id = "scorecam"});
    xai_result *r = answer(&q, two);
    ck_assert_double_eq(r->explanations[0].forwards, 1 + (double)(l.channels - silent) + 1);
    xai_result_free(r);
}
END_TEST

/* ---------------------------------------------------------------- all of them */

static const struct {
    const char *id;
    xai_space space;
} METHODS[] = {{"scorecam", XAI_SPACE_DEFAULT},  {"sscam", XAI_SPACE_DEFAULT},
               {"iscam", XAI_SPACE_DEFAULT},     {"ablationcam", XAI_SPACE_LOGIT},
               {"reciprocam", XAI_SPACE_DEFAULT}, {"ablationcam", XAI_SPACE_PROBABILITY}};
enum { METHOD_COUNT = sizeof METHODS / sizeof METHODS[0] };

START_TEST(bytes_do_not_depend_on_threads)
{
    xai_named_value params[] = {text("samples", "2")};
    bool sampled = _i == 1 || _i == 2;
    xai_method_call call = {METHODS[_i].id, params, sampled};
    xai_target target = {.class_index = 3, .contrast = -1, .space = METHODS[_i].space};
    xai_request q = request_of(&call);
    q.targets = &target;
    xai_result *a = answer(&q, one), *b = answer(&q, two);
    ck_assert_mem_eq(map_of(a), map_of(b), area_of(a) * sizeof(float));
    ck_assert_uint_eq(a->explanations[0].warning_count, 0);
    xai_result_free(a);
    xai_result_free(b);
}
END_TEST

START_TEST(cost_is_known_before)
{
    const char *layers[] = {model->info.default_layer, model->info.layers[0].name};
    for (int k = 0; k < 2; k++) {
        xai_named_value params[] = {text("layer", layers[k]), text("samples", "2")};
        bool sampled = _i == 1 || _i == 2;
        xai_method_call call = {METHODS[_i].id, params, sampled ? 2 : 1};
        xai_request q = request_of(&call);
        xai_result *r = answer(&q, two);
        double forwards = r->explanations[0].forwards, backwards = r->explanations[0].backwards;
        double cost = xai_request_cost(&q), ran = forwards + 2 * backwards;
        ck_assert_double_le(ran, cost + 1e-9);      /* silent channels are not run */
        ck_assert_double_gt(ran, cost / 2);
        xai_result_free(r);
    }
}
END_TEST

/* ---------------------------------------------------------------- noise */

static xai_result *noisy(uint64_t seed, const char *emit, const char *use)
{
    xai_named_value params[] = {text("samples", "3"), text("noise_sigma", "0.5")};
    xai_request q = request_of(&(xai_method_call){"sscam", params, 2});
    q.seed = seed;
    q.emit_draws = emit;
    q.use_draws = use;
    return answer(&q, two);
}

START_TEST(noise_is_written_and_replayed)
{
    char folder[] = "/tmp/xai-draws-XXXXXX", path[64];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/noise.npy", folder);
    xai_result *drawn = noisy(1, folder, NULL), *other = noisy(2, NULL, NULL), *again = noisy(2, NULL, folder);
    size_t bytes = area_of(drawn) * sizeof(float);
    ck_assert_mem_eq(map_of(drawn), map_of(again), bytes);
    ck_assert_mem_ne(map_of(drawn), map_of(other), bytes);
    xai_array noise;
    ck_assert_int_eq(xai_npy_read(path, &noise, NULL), XAI_OK);
    double sum = 0, squares = 0, n = 1;
    for (int i = 0; i < noise.rank; i++) n *= (double)noise.shape[i];
    for (size_t i = 0; i < (size_t)n; i++) {
        double v = (double)((const float *)noise.data)[i];
        sum += v;
        squares += v * v;
    }
    ck_assert_double_eq_tol(sum / n, 0, 5 * 0.5 / sqrt(n));
    ck_assert_double_eq_tol(squares / n, 0.25, 5 * 0.25 * sqrt(2 / n));
    xai_array_clear(&noise);
    remove(path);
    remove(folder);
    xai_result_free(drawn);
    xai_result_free(other);
    xai_result_free(again);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("camscore");
    TCase *tc = tcase_create("camscore");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, drops_worked_out_are_those_of_trying_out);
    tcase_add_test(tc, what_follows_a_layer);
    tcase_add_test(tc, one_channel_is_the_strongest_as_it_is);
    tcase_add_test(tc, deadline_leaves_the_strongest_channels);
    tcase_add_test(tc, silent_channels_are_run_once);
    tcase_add_loop_test(tc, bytes_do_not_depend_on_threads, 0, METHOD_COUNT);
    tcase_add_loop_test(tc, cost_is_known_before, 0, METHOD_COUNT);
    tcase_add_test(tc, noise_is_written_and_replayed);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
