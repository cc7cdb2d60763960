/*
 * Every metric of metrics.def, known by its table alone: defaults work, invalid parameters are refused by name, one thread
 * and two give the same, what is run was announced, a cancel and a deadline reach it. And what is known by hand: linear
 * models, maps of one value, regions. That the numbers are a library's is for tests/golden to say.
 */
#include "base/param.h"
#include "base/token.h"
#include "metrics/impute.h"
#include "metrics/metric.h"
#include "support/late.h"
#include "support/onnx_builder.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIDE = 8, PIXELS = SIDE * SIDE, MOST_PARAMS = 16 };

static const char NET[] = "tests/golden/data/tiny-resnet/model.onnx";
static const char INPUT[] = "tests/golden/data/tiny-resnet/input.npy";

static xai_pool *two, *one;
static xai_model *net, *linear;
static xai_array sample;
static float picture[PIXELS], weights[2 * PIXELS];

/* y = W x of one gray channel of 8 x 8. */
static xai_model *make_linear(void)
{
    onnx_builder b;
    xai_model *m = NULL;
    xai_error err = {0};
    xai_model_config config = {.head = XAI_HEAD_SOFTMAX, .head_known = true, .channels = XAI_CHANNELS_GRAY,
                               .step_count = 1};
    config.steps[0] = (xai_preprocess_step){.op = XAI_STEP_NORMALIZE, .mean = {0, 0, 0}, .scale = {1, 1, 1}};
    onnx_begin(&b, 13);
    onnx_input(&b, "x", "1x1x8x8");
    onnx_output(&b, "y");
    onnx_floats(&b, "w", "2x64", weights);
    onnx_node(&b, "Relu", "x", "r");
    onnx_node(&b, "Flatten", "r", "flat");
    onnx_attr_int(onnx_node(&b, "Gemm", "flat w", "y"), "transB", 1);
    ck_assert_msg(xai_model_load(onnx_write(&b), &config, &m, &err) == XAI_OK, "%s", err.msg);
    onnx_end(&b);
    return m;
}

static void set_up(void)
{
    xai_model_config config = {.head = XAI_HEAD_SOFTMAX, .head_known = true};
    ck_assert_int_eq(xai_pool_new(2, &two, NULL), XAI_OK);
    ck_assert_int_eq(xai_pool_new(1, &one, NULL), XAI_OK);
    ck_assert_int_eq(xai_model_load(NET, &config, &net, NULL), XAI_OK);
    ck_assert_int_eq(xai_npy_read(INPUT, &sample, NULL), XAI_OK);
    sample.shape[0] = 1;
    for (int i = 0; i < PIXELS; i++) {
        picture[i] = 1.5F + sinf((float)i * 0.7F); /* above 0 */
        weights[i] = cosf((float)i * 1.3F);
        weights[PIXELS + i] = 0.1F * sinf((float)i);
    }
    linear = make_linear();
}

static void tear_down(void)
{
    xai_array_clear(&sample);
    xai_model_unref(net);
    xai_model_unref(linear);
    ck_assert_uint_eq(xai_memory_now().leased, 0);
    xai_pool_free(two);
    xai_pool_free(one);
}

/* ---------------------------------------------------------------- asking */

typedef struct question {
    xai_model *model;
    const xai_array *tensor;
    const char *method; /* NULL: none */
    const float *map;   /* rows x cols; NULL: none */
    int64_t rows, cols;
    const char *metric;
    xai_named_value params[MOST_PARAMS];
    size_t count;
    xai_space space;
    xai_pool *pool;
    xai_token *token;
    uint64_t seed;
} question;

typedef struct pieces { /* what a request points to */
    xai_array tensor, map;
    xai_method_call method;
    xai_metric_call metric;
    xai_target target, expected;
} pieces;

static xai_request request_of(const question *q, pieces *p)
{
    p->tensor = (xai_array){.dtype = XAI_F32, .rank = 4, .shape = {1, 1, SIDE, SIDE}, .data = picture};
    p->map = (xai_array){.dtype = XAI_F32, .rank = 2, .shape = {q->rows, q->cols}, .data = (void *)(uintptr_t)q->map};
    p->method = (xai_method_call){.id = q->method};
    p->metric = (xai_metric_call){q->metric, q->params, q->count};
    p->target = (xai_target){.class_index = 0, .contrast = -1, .space = q->space};
    p->expected = (xai_target){.kind = XAI_TARGET_BOX, .box = {2, 1, 6, 5}};
    return (xai_request){.model = q->model, .tensor = q->tensor ? q->tensor : &p->tensor, .calls = &p->method,
                         .call_count = q->method != NULL, .targets = &p->target, .target_count = 1, .seed = q->seed,
                         .metrics = &p->metric, .metric_count = 1, .expected = &p->expected, .maps = &p->map,
                         .map_count = q->map != NULL};
}

static xai_status ask(const question *q, xai_result **out, xai_error *err)
{
    pieces p;
    xai_request request = request_of(q, &p);
    *err = (xai_error){0};
    *out = NULL;
    xai_status status = xai_grade_check(&request, err);
    if (status == XAI_OK) status = xai_explain(&request, q->pool ? q->pool : two, NULL, out, err);
    if (status == XAI_OK) status = xai_grade_result(&request, q->pool ? q->pool : two, q->token, *out, err);
    if (status != XAI_OK) {
        xai_result_free(*out);
        *out = NULL;
    }
    return status;
}

static void add_number(question *q, const char *name, double v)
{
    q->params[q->count++] = (xai_named_value){.name = name, .type = XAI_VALUE_NUMBER, .number = v};
}

/* Metrics that run the method again are compared with nothing. */
static bool compared(const xai_metric_info *m) { return strcmp(m->needs, "method") != 0; }

/* The metric on a real network's map, its counts of passes cut to what a test can wait for. */
static question about(const xai_metric_info *m)
{
    question q = {.model = net, .tensor = &sample, .method = "integratedgradients", .metric = m->id, .seed = 3};
    if (compared(m)) add_number(&q, "random", 2);
    for (size_t i = compared(m); i < m->param_count; i++)
        if (m->params[i].type == XAI_PARAM_INT && m->params[i].def > 16 && strcmp(m->params[i].name, "step") != 0)
            add_number(&q, m->params[i].name, fmax(m->params[i].min, 16));
    return q;
}

/* The grade of a given map of the linear model, in logits unless told otherwise. */
static xai_grade grade_of(const char *metric, const float *map, int64_t rows, int64_t cols, const char *param, double v)
{
    question q = {.model = linear, .map = map, .rows = rows, .cols = cols, .metric = metric, .space = XAI_SPACE_LOGIT};
    xai_result *r;
    xai_error err;
    if (strcmp(metric, "averagedrop") == 0 || strcmp(metric, "increase") == 0) q.space = XAI_SPACE_DEFAULT;
    if (param) add_number(&q, param, v);
    ck_assert_msg(ask(&q, &r, &err) == XAI_OK, "%s: %s", metric, err.msg);
    ck_assert_uint_eq(r->explanation_count, 1);
    xai_grade g = r->explanations[0].grades[0];
    ck_assert_msg(!g.refusal, "%s: %s", metric, g.refusal);
    xai_result_free(r);
    return g;
}

/* ---------------------------------------------------------------- the walk */

START_TEST(the_table_is_whole)
{
    const xai_metric_info *m = xai_metric_at((size_t)_i);
    const char *const texts[] = {m->id, m->title, m->family, m->summary, m->paper, m->needs, m->cost};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) ck_assert_msg(texts[i] && texts[i][0], "%s", m->id);
    ck_assert_ptr_eq(xai_metric_find(m->id), m);
    ck_assert(compared(m) == (strcmp(m->params[0].name, "random") == 0)); /* XAI_METRIC_COMMON comes first */
    ck_assert_uint_eq(m->params[0].offset, 0);
    for (size_t i = 0; i < m->param_count; i++) {
        ck_assert(m->params[i].help[0] != 0);
        for (size_t k = 0; k < i; k++) ck_assert_str_ne(m->params[i].name, m->params[k].name);
    }
}
END_TEST

static void check_same(const xai_grade *a, const xai_grade *b, const char *what)
{
    ck_assert_msg(!a->refusal == !b->refusal && memcmp(&a->value, &b->value, sizeof a->value) == 0 &&
                      a->random_mean == b->random_mean && a->random_count == b->random_count, "%s: %s", a->name, what);
}

START_TEST(defaults_work_and_threads_change_nothing)
{
    question q = about(xai_metric_at((size_t)_i));
    xai_result *a, *b;
    xai_error err;
    ck_assert_msg(ask(&q, &a, &err) == XAI_OK, "%s: %s", q.metric, err.msg);
    q.pool = one;
    ck_assert_msg(ask(&q, &b, &err) == XAI_OK, "%s: %s", q.metric, err.msg);
    const xai_grade *g = &a->explanations[0].grades[0];
    ck_assert_msg(!g->refusal, "%s: %s", q.metric, g->refusal);
    ck_assert(isfinite(g->value));
    ck_assert(g->random_count == 0 || (g->percentile >= 0 && g->percentile <= 100 && isfinite(g->random_mean)));
    const xai_measure *last = &a->explanations[0].metrics[a->explanations[0].metric_count - 1];
    ck_assert_str_eq(last->name, q.metric);
    ck_assert(last->value == g->value);
    check_same(g, &b->explanations[0].grades[0], "threads");
    xai_result_free(a);
    xai_result_free(b);
}
END_TEST

/* Grades without the explanation: what xai_grade_cost announces, at least and not eight times more. */
START_TEST(cost_is_said_before)
{
    question q = about(xai_metric_at((size_t)_i));
    pieces p;
    xai_result *r;
    xai_error err;
    xai_request request = request_of(&q, &p);
    ck_assert_int_eq(xai_explain(&request, two, NULL, &r, &err), XAI_OK);
    double before = r->forwards + 2 * r->backwards, said = xai_grade_cost(&request);
    ck_assert_msg(xai_grade_result(&request, two, NULL, r, &err) == XAI_OK, "%s", err.msg);
    double run = r->forwards + 2 * r->backwards - before;
    ck_assert_msg(run <= 1.05 * said + 2 && said <= 8 * run + 8, "%s: said %g, ran %g", q.metric, said, run);
    xai_result_free(r);
}
END_TEST

static void check_refused(question q, const xai_named_value *value)
{
    char where[96];
    xai_result *r;
    xai_error err;
    q.params[0] = *value;
    q.count = 1;
    snprintf(where, sizeof where, "evaluate.0.params.%s", value->name);
    ck_assert_msg(ask(&q, &r, &err) == XAI_E_BAD_PARAM, "%s.%s", q.metric, value->name);
    ck_assert_str_eq(err.where, where);
}

START_TEST(invalid_parameters_are_refused_by_name)
{
    const xai_metric_info *m = xai_metric_at((size_t)_i);
    question q = about(m);
    check_refused(q, &(xai_named_value){.name = "no_such_thing", .type = XAI_VALUE_NUMBER, .number = 1});
    for (size_t i = 0; i < m->param_count; i++) {
        const xai_param *p = &m->params[i];
        xai_named_value v = {.name = p->name, .type = XAI_VALUE_TEXT, .text = "no such value"};
        check_refused(q, &v);
        if (p->type != XAI_PARAM_INT && p->type != XAI_PARAM_REAL) continue;
        v = (xai_named_value){.name = p->name, .type = XAI_VALUE_NUMBER, .number = p->min - 1};
        check_refused(q, &v);
        v.number = p->max + 1;
        check_refused(q, &v);
    }
}
END_TEST

/* A batch is eight variants a thread (graph/lanes.c), and a metric looks at the token before each map. */
START_TEST(cancel_ends_it_within_a_batch)
{
    question q = about(xai_metric_at((size_t)_i));
    xai_result *r;
    xai_error err;
    watch w = {.at = 3};
    w.token = q.token = xai_token_new(0, cancel_at, &w);
    xai_token_report_all(q.token);
    xai_status status = ask(&q, &r, &err);
    xai_token_free(q.token);
    xai_result_free(r);
    bool short_one = w.done < w.at; /* it is over before */
    ck_assert_msg(status == (short_one ? XAI_OK : XAI_E_CANCELLED), "%s: %d", q.metric, (int)status);
    ck_assert_msg(status == XAI_OK || w.done <= w.at + 2 * 2 * 8 * 3, "%s ran on to %g", q.metric, w.done);
}
END_TEST

START_TEST(a_deadline_leaves_explanations_without_grades)
{
    question q = about(xai_metric_at((size_t)_i));
    xai_result *r;
    xai_error err;
    q.token = xai_token_new(1, NULL, NULL);
    usleep(3000);
    ck_assert_msg(ask(&q, &r, &err) == XAI_OK, "%s: %s", q.metric, err.msg);
    ck_assert(r->partial && r->explanation_count == 1 && r->explanations[0].artifact_count > 0);
    ck_assert_ptr_nonnull(r->explanations[0].grades[0].refusal);
    xai_token_free(q.token);
    xai_result_free(r);
}
END_TEST

START_TEST(a_map_of_one_value_is_graded)
{
    static const float NOTHING[PIXELS], ONES[1] = {1};
    const xai_metric_info *m = xai_metric_at((size_t)_i);
    for (int k = 0; k < 2; k++) {
        question q = {.model = linear, .map = k ? ONES : NOTHING, .rows = k ? 1 : SIDE, .cols = k ? 1 : SIDE,
                      .metric = m->id};
        xai_result *r;
        xai_error err;
        if (compared(m)) add_number(&q, "random", 3);
        ck_assert_msg(ask(&q, &r, &err) == XAI_OK, "%s: %s", m->id, err.msg);
        const xai_grade *g = &r->explanations[0].grades[0];
        ck_assert(g->refusal || isfinite(g->value));
        xai_result_free(r);
    }
}
END_TEST

/* ---------------------------------------------------------------- known by hand */

/* What pixel i adds to the first logit. */
static double part(int i) { return (double)picture[i] * (double)weights[i]; }

static void parts(float *map)
{
    for (int i = 0; i < PIXELS; i++) map[i] = (float)part(i);
}

/* The deletion curve of a linear model in the order of `map`, 10 pixels a step, by counting. */
static double deleted_area(const float *map)
{
    double area = 0, y[8];
    for (int step = 0; step <= 7; step++) {
        y[step] = 0;
        for (int i = 0; i < PIXELS; i++) {
            int before = 0;
            for (int k = 0; k < PIXELS; k++) before += map[k] > map[i] || (map[k] == map[i] && k < i);
            if (before >= 10 * step) y[step] += part(i);
        }
        if (step) area += (y[step] + y[step - 1]) / 2 / 7;
    }
    return area;
}

START_TEST(deletion_of_a_linear_model_is_its_parts)
{
    float map[PIXELS], back[PIXELS];
    parts(map);
    for (int i = 0; i < PIXELS; i++) back[i] = -map[i];
    xai_grade best = grade_of("deletion", map, SIDE, SIDE, "step", 10);
    xai_grade worst = grade_of("deletion", back, SIDE, SIDE, "step", 10);
    ck_assert_double_eq_tol(best.value, deleted_area(map), 1e-4);
    ck_assert_double_eq_tol(worst.value, deleted_area(back), 1e-4);
    ck_assert(best.percentile == 100 && worst.percentile == 0 && best.random_count == 20);
    ck_assert(best.random_mean == worst.random_mean && best.random_mean > best.value && best.random_mean < worst.value);
}
END_TEST

START_TEST(equal_pixels_go_by_index)
{
    static const float flat[PIXELS];
    ck_assert_double_eq_tol(grade_of("deletion", flat, SIDE, SIDE, "step", 10).value, deleted_area(flat), 1e-4);
}
END_TEST

START_TEST(road_prefers_the_true_parts)
{
    float map[PIXELS], back[PIXELS];
    parts(map);
    for (int i = 0; i < PIXELS; i++) back[i] = -map[i];
    xai_grade best = grade_of("road", map, SIDE, SIDE, "noise", 0), worst = grade_of("road", back, SIDE, SIDE, "noise", 0);
    ck_assert_double_eq_tol(best.value, -worst.value, 0.15 * best.value); /* thresholds are not symmetric */
    ck_assert(best.value > best.random_mean && best.random_mean > worst.value); /* not the best: holes are filled */
}
END_TEST

START_TEST(simple_maps_have_known_complexity)
{
    float single[PIXELS] = {0}, half[PIXELS] = {0};
    single[9] = -3;
    for (int i = 0; i < PIXELS / 2; i++) half[i] = 2;
    ck_assert_double_eq_tol(grade_of("complexity", single, SIDE, SIDE, NULL, 0).value, 0, 1e-12);
    ck_assert_double_eq_tol(grade_of("complexity", half, SIDE, SIDE, NULL, 0).value, log(PIXELS / 2), 1e-12);
    ck_assert_double_eq_tol(grade_of("sparseness", single, SIDE, SIDE, NULL, 0).value, 1 - 1.0 / PIXELS, 1e-5);
    ck_assert_double_eq_tol(grade_of("sparseness", half, SIDE, SIDE, NULL, 0).value, 0.5, 1e-5);
}
END_TEST

/* The region is rows 2..5, columns 1..4. */
START_TEST(regions_are_counted)
{
    float map[PIXELS] = {0};
    map[2 * SIDE + 1] = 3; /* inside */
    map[0] = 1;            /* outside */
    map[7] = -5;           /* does not count */
    ck_assert_double_eq_tol(grade_of("massinside", map, SIDE, SIDE, NULL, 0).value, 0.75, 1e-12);
    ck_assert_double_eq(grade_of("pointing", map, SIDE, SIDE, "tolerance", 0).value, 1);
    map[7] = 9; /* row 0, column 7: (2, 3) from the nearest pixel inside */
    ck_assert_double_eq(grade_of("pointing", map, SIDE, SIDE, "tolerance", 3).value, 0);
    ck_assert_double_eq(grade_of("pointing", map, SIDE, SIDE, "tolerance", 4).value, 1);
    for (int i = 0; i < PIXELS; i++) map[i] = i % SIDE >= 1 && i % SIDE <= 4 && i / SIDE >= 4 ? 1.0F : 0.0F;
    ck_assert_double_eq_tol(grade_of("iou", map, SIDE, SIDE, NULL, 0).value, 8.0 / 24, 1e-12); /* rows 4 and 5 of 4..7 */
}
END_TEST

/* A map that shows everything loses nothing; one that shows nothing loses what the mean does. */
START_TEST(average_drop_sees_through_the_map)
{
    float map[PIXELS];
    for (int i = 0; i < PIXELS; i++) map[i] = part(i) > 0 ? 1.0F : 0.0F;
    ck_assert_double_eq(grade_of("averagedrop", map, SIDE, SIDE, NULL, 0).value, 0);
    ck_assert_double_eq(grade_of("increase", map, SIDE, SIDE, NULL, 0).value, 1);
    for (int i = 0; i < PIXELS; i++) map[i] = part(i) > 0 ? 0.0F : 1.0F;
    ck_assert_double_gt(grade_of("averagedrop", map, SIDE, SIDE, NULL, 0).value, 0.5);
    ck_assert_double_eq(grade_of("increase", map, SIDE, SIDE, NULL, 0).value, 0);
}
END_TEST

/* Every imputed pixel is the weighted mean of its neighbours, whatever the hole. */
START_TEST(imputed_pixels_are_means)
{
    enum { H = 23, W = 31 };
    static bool missing[H * W];
    static double pixels[H * W][XAI_IMPUTER_PLANES];
    for (int kind = 0; kind < 5; kind++) {
        xai_arena *arena = xai_arena_new(0);
        xai_imputer *im = xai_imputer_new(arena, H, W);
        ck_assert_ptr_nonnull(im);
        for (int i = 0; i < H * W; i++) {
            int y = i / W, x = i % W;
            for (int k = 0; k < 3; k++) pixels[i][k] = sin(i * 0.37 + k) * 3; /* the fourth is not used: zeros */
            const bool kinds[5] = {(i * 7919) % 3 == 0, i > 0, x > 4, y % 2 != 0, x == 9};
            missing[i] = kinds[kind];
        }
        xai_imputer_set(im, missing);
        xai_imputer_fill(im, pixels[0]);
        for (int n = 0; n < XAI_IMPUTER_PLANES * H * W; n++) {
            int i = n / XAI_IMPUTER_PLANES, k = n % XAI_IMPUTER_PLANES;
            double sum = 0, all = 0;
            for (int v = i / W - 1; v <= i / W + 1; v++)
                for (int u = i % W - 1; u <= i % W + 1; u++) {
                    if (v < 0 || u < 0 || v >= H || u >= W || (v == i / W && u == i % W)) continue;
                    double weight = v == i / W || u == i % W ? 2 : 1;
                    sum += weight * pixels[v * W + u][k];
                    all += weight;
                }
            if (missing[i]) ck_assert_double_eq_tol(pixels[i][k], sum / all, 1e-6);
            else ck_assert_double_eq(pixels[i][k], k == 3 ? 0 : sin(i * 0.37 + k) * 3);
        }
        xai_arena_free(arena);
    }
}
END_TEST

/* Another seed, other random maps; the same seed, the same. */
START_TEST(random_maps_follow_the_seed)
{
    float map[PIXELS];
    parts(map);
    question q = {.model = linear, .map = map, .rows = SIDE, .cols = SIDE, .metric = "deletion",
                  .space = XAI_SPACE_LOGIT};
    double mean[3];
    add_number(&q, "step", 4);
    for (int k = 0; k < 3; k++) {
        xai_result *r;
        xai_error err;
        q.seed = k == 2;
        ck_assert_int_eq(ask(&q, &r, &err), XAI_OK);
        mean[k] = r->explanations[0].grades[0].random_mean;
        xai_result_free(r);
    }
    ck_assert(mean[0] == mean[1] && mean[0] != mean[2]);
}
END_TEST

START_TEST(bad_maps_and_metrics_are_refused)
{
    float map[PIXELS] = {0};
    xai_result *r;
    xai_error err;
    question q = {.model = linear, .map = map, .rows = SIDE, .cols = SIDE, .metric = "no_such_metric"};
    ck_assert_int_eq(ask(&q, &r, &err), XAI_E_UNKNOWN_METRIC);
    ck_assert_str_eq(err.where, "evaluate.0.id");
    q.metric = "deletion";
    map[3] = NAN;
    ck_assert_int_eq(ask(&q, &r, &err), XAI_E_BAD_TENSOR);
    q.metric = "averagedrop";
    q.space = XAI_SPACE_LOGIT;
    ck_assert_int_eq(ask(&q, &r, &err), XAI_E_BAD_PARAM);
}
END_TEST

/* ---------------------------------------------------------------- channels last */

enum { CHANNELS = 3 };
static float colours[CHANNELS * PIXELS], colour_weights[2 * CHANNELS * PIXELS];

/* y = W x of three channels, which come first, or last and are brought forward. */
static xai_model *make_coloured(bool last)
{
    onnx_builder b;
    xai_model *m = NULL;
    xai_error err = {0};
    static const int64_t FORWARD[] = {0, 3, 1, 2};
    xai_model_config config = {.head = XAI_HEAD_SOFTMAX, .head_known = true, .layout_known = true, .step_count = 1,
                               .layout = last ? XAI_LAYOUT_NHWC : XAI_LAYOUT_NCHW};
    config.steps[0] = (xai_preprocess_step){.op = XAI_STEP_NORMALIZE, .mean = {0, 0, 0}, .scale = {1, 1, 1}};
    onnx_begin(&b, 13);
    onnx_input(&b, "x", last ? "1x8x8x3" : "1x3x8x8");
    onnx_output(&b, "y");
    onnx_floats(&b, "w", "2x192", colour_weights);
    if (last) onnx_attr_ints(onnx_node(&b, "Transpose", "x", "first"), "perm", 4, FORWARD);
    onnx_node(&b, "Relu", last ? "first" : "x", "r");
    onnx_node(&b, "Flatten", "r", "flat");
    onnx_attr_int(onnx_node(&b, "Gemm", "flat w", "y"), "transB", 1);
    ck_assert_msg(xai_model_load(onnx_write(&b), &config, &m, &err) == XAI_OK, "%s", err.msg);
    onnx_end(&b);
    return m;
}

static double graded(const char *metric, xai_model *model, const xai_array *tensor, const float *map)
{
    question q = {.model = model, .tensor = tensor, .map = map, .rows = SIDE, .cols = SIDE, .metric = metric};
    xai_result *r;
    xai_error err;
    add_number(&q, "random", 2);
    ck_assert_msg(ask(&q, &r, &err) == XAI_OK, "%s: %s", metric, err.msg);
    const xai_grade *g = &r->explanations[0].grades[0];
    double sum = g->refusal ? 0 : g->value + g->random_mean + g->edges;
    xai_result_free(r);
    return sum;
}

START_TEST(where_the_channels_stand_changes_nothing)
{
    static float other[CHANNELS * PIXELS];
    float map[PIXELS];
    for (int i = 0; i < CHANNELS * PIXELS; i++) {
        colours[i] = 1 + sinf((float)i * 0.7F);
        other[i % PIXELS * CHANNELS + i / PIXELS] = colours[i];
        colour_weights[i] = 0.02F * cosf((float)i * 1.3F);
        colour_weights[CHANNELS * PIXELS + i] = 0.02F * sinf((float)i);
        map[i % PIXELS] = cosf((float)(i % PIXELS));
    }
    xai_array first = {.dtype = XAI_F32, .rank = 4, .shape = {1, CHANNELS, SIDE, SIDE}, .data = colours};
    xai_array last = {.dtype = XAI_F32, .rank = 4, .shape = {1, SIDE, SIDE, CHANNELS}, .data = other};
    xai_model *a = make_coloured(false), *b = make_coloured(true);
    for (size_t i = 0; i < xai_metric_count(); i++) {
        const xai_metric_info *m = xai_metric_at(i);
        if (xai_metric_of(m)->needs & XAI_METRIC_METHOD) continue; /* a given map has no method */
        ck_assert_msg(fabs(graded(m->id, a, &first, map) - graded(m->id, b, &last, map)) < 1e-4, "%s", m->id);
    }
    xai_model_unref(a);
    xai_model_unref(b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *each = tcase_create("each"), *known = tcase_create("known");
    int count = (int)xai_metric_count();
    tcase_add_checked_fixture(each, set_up, tear_down);
    tcase_add_checked_fixture(known, set_up, tear_down);
    tcase_add_loop_test(each, the_table_is_whole, 0, count);
    tcase_add_loop_test(each, defaults_work_and_threads_change_nothing, 0, count);
    tcase_add_loop_test(each, cost_is_said_before, 0, count);
    tcase_add_loop_test(each, invalid_parameters_are_refused_by_name, 0, count);
    tcase_add_loop_test(each, cancel_ends_it_within_a_batch, 0, count);
    tcase_add_loop_test(each, a_deadline_leaves_explanations_without_grades, 0, count);
    tcase_add_loop_test(each, a_map_of_one_value_is_graded, 0, count);
    tcase_add_test(known, deletion_of_a_linear_model_is_its_parts);
    tcase_add_test(known, equal_pixels_go_by_index);
    tcase_add_test(known, road_prefers_the_true_parts);
    tcase_add_test(known, simple_maps_have_known_complexity);
    tcase_add_test(known, regions_are_counted);
    tcase_add_test(known, average_drop_sees_through_the_map);
    tcase_add_test(known, imputed_pixels_are_means);
    tcase_add_test(known, random_maps_follow_the_seed);
    tcase_add_test(known, bad_maps_and_metrics_are_refused);
    tcase_add_test(known, where_the_channels_stand_changes_nothing);
    suite_add_tcase(suite, each);
    suite_add_tcase(suite, known);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
