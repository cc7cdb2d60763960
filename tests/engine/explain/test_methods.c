/*
 * Every method of methods.def, known by its table alone: what anybody may ask it, on small networks of several kinds.
 *
 * Defaults work; random valid parameters work, or are refused by name; invalid ones are refused by name; one thread and
 * two give the same bytes; a cancel ends it within a batch, which is counted, not timed; other weights, another map.
 * That the numbers are right is for tests/golden to say.
 */
#include "base/rng.h"
#include "base/token.h"
#include "explain/method.h"
#include "graph/reweigh.h"
#include "graph/session.h"

#include <check.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NETS = 5, MOST_PARAMS = 32, RANDOM_CASES = 12, CLASS = 1 };

/* Rectifiers and skips; max-pools and several linear layers; gates; plain numbers, behind a flatten and behind a global
 * average pool. */
static const struct {
    const char *name, *input;
    xai_head head;
    const char *output; /* NULL: the first */
} NET[NETS] = {
    {"tests/golden/data/tiny-resnet/model.onnx", "tests/golden/data/tiny-resnet/input.npy", XAI_HEAD_SOFTMAX, NULL},
    {"tests/golden/data/tiny-vgg/model.onnx", "tests/golden/data/tiny-vgg/input.npy", XAI_HEAD_SOFTMAX, NULL},
    {"tests/golden/data/second/gate/model.onnx", "tests/golden/data/second/gate/input.npy", XAI_HEAD_SOFTMAX, NULL},
    {"tests/golden/data/tiny-steer/model.onnx", "tests/golden/data/tiny-steer/input.npy", XAI_HEAD_REGRESSION, NULL},
    {"tests/golden/data/tiny-steer/model.onnx", "tests/golden/data/tiny-steer/input.npy", XAI_HEAD_REGRESSION, "speed"},
};

static xai_pool *pool, *lone;
static xai_model *models[NETS];
static xai_array samples[NETS];

static xai_model *load(int net)
{
    xai_model_config config = {.head = NET[net].head, .head_known = true, .output_name = NET[net].output};
    xai_model *model;
    xai_error err = {0};
    ck_assert_msg(xai_model_load(NET[net].name, &config, &model, &err) == XAI_OK, "%s: %s", NET[net].name, err.msg);
    return model;
}

static void set_up(void)
{
    ck_assert_int_eq(xai_pool_new(2, &pool, NULL), XAI_OK);
    ck_assert_int_eq(xai_pool_new(1, &lone, NULL), XAI_OK);
    for (int n = 0; n < NETS; n++) {
        models[n] = load(n);
        ck_assert_int_eq(xai_npy_read(NET[n].input, &samples[n], NULL), XAI_OK);
        samples[n].shape[0] = 1; /* its first picture */
    }
}

static void tear_down(void)
{
    for (int n = 0; n < NETS; n++) {
        xai_array_clear(&samples[n]);
        xai_model_unref(models[n]);
    }
    ck_assert_uint_eq(xai_memory_now().leased, 0);
    xai_pool_free(pool);
    xai_pool_free(lone);
}

/* ---------------------------------------------------------------- asking */

typedef struct question {
    const xai_method_info *method;
    xai_named_value params[MOST_PARAMS];
    char texts[MOST_PARAMS][192];
    size_t count;
    bool likeliest; /* ask about the class that the model finds likeliest */
} question;

static xai_target target_of(const xai_model *model)
{
    int64_t last = xai_model_describe(model)->classes - 1;
    return (xai_target){.class_index = CLASS < last ? CLASS : last, .contrast = -1};
}

static xai_status ask(const question *q, int net, xai_model *model, xai_pool *on, xai_token *token, xai_result **r,
                      xai_error *err)
{
    xai_method_call call = {q->method->id, q->params, q->count};
    xai_target target = target_of(model);
    if (q->likeliest) target.class_index = -1;
    xai_request request = {.model = model, .tensor = &samples[net], .calls = &call, .call_count = 1,
                           .targets = &target, .target_count = 1, .seed = 7};
    *err = (xai_error){0};
    *r = NULL;
    return xai_explain(&request, on, token, r, err);
}

static bool served(const xai_method_info *m, int net) { return xai_method_served(m, models[net], NULL) == XAI_OK; }

/* A refusal that a caller can mend: of a parameter, the target, or of the method on this model. */
static bool refused(xai_status status, const xai_error *err)
{
    xai_class class = xai_status_class(status);
    return (class == XAI_CLASS_INPUT || class == XAI_CLASS_UNSUPPORTED) && err->where[0] && err->msg[0];
}

static void add_text(question *q, const char *name, const char *text)
{
    ck_assert_uint_lt(q->count, MOST_PARAMS);
    snprintf(q->texts[q->count], sizeof q->texts[0], "%s", text);
    q->params[q->count] = (xai_named_value){.name = name, .type = XAI_VALUE_TEXT, .text = q->texts[q->count]};
    q->count++;
}

static void add_number(question *q, const char *name, double v)
{
    ck_assert_uint_lt(q->count, MOST_PARAMS);
    q->params[q->count++] = (xai_named_value){.name = name, .type = XAI_VALUE_NUMBER, .number = v};
}

/* Of the integers the small ones: they are counts of passes, mostly, or sizes within a picture of 32 pixels. */
static double small_int(const xai_param *p, xai_rng *rng)
{
    double most = fmin(p->max, fmax(p->min, 24));
    return p->min + (double)xai_rng_below(rng, (uint32_t)(most - p->min) + 1);
}

static const char *some_layer(const xai_model_info *info, xai_rng *rng)
{
    for (;;) {
        const xai_layer_info *l = &info->layers[xai_rng_below(rng, (uint32_t)info->layer_count)];
        if (l->spatial) return l->name;
    }
}

/* In place of the one layer, which comes before a list in the tables. */
static void add_two_layers(question *q, const char *name, const xai_model_info *info, xai_rng *rng)
{
    char text[192];
    snprintf(text, sizeof text, "%s,%s", some_layer(info, rng), some_layer(info, rng));
    for (size_t i = 0; i < q->count; i++)
        if (strcmp(q->params[i].name, "layer") == 0) q->params[i].type = XAI_VALUE_NULL;
    add_text(q, name, text);
}

static void add_random(question *q, const xai_param *p, const xai_model_info *info, xai_rng *rng)
{
    size_t choices = 0, len;
    switch (p->type) {
    case XAI_PARAM_INT: add_number(q, p->name, small_int(p, rng)); break;
    case XAI_PARAM_REAL: add_number(q, p->name, p->min + xai_rng_uniform(rng) * (fmin(p->max, 100) - p->min)); break;
    case XAI_PARAM_BOOL: add_text(q, p->name, xai_rng_below(rng, 2) ? "true" : "false"); break;
    case XAI_PARAM_ENUM:
        while (xai_choice_at(p->choices, choices, &len)) choices++;
        const char *choice = xai_choice_at(p->choices, xai_rng_below(rng, (uint32_t)choices), &len);
        char text[64];
        snprintf(text, sizeof text, "%.*s", (int)len, choice);
        add_text(q, p->name, text);
        break;
    case XAI_PARAM_LAYER: add_text(q, p->name, some_layer(info, rng)); break;
    case XAI_PARAM_LAYERS: add_two_layers(q, p->name, info, rng); break;
    default: break; /* what a text means is the method's own matter: left at its default */
    }
}

/* The integers that count passes, cut to what a test can wait for; everything else at its default. */
static question modest(const xai_method_info *m)
{
    question q = {.method = m};
    for (size_t i = 0; i < m->param_count; i++)
        if (m->params[i].type == XAI_PARAM_INT && m->params[i].def > 64)
            add_number(&q, m->params[i].name, fmax(m->params[i].min, 64));
    return q;
}

static void check_same(const xai_explanation *x, const xai_explanation *y, const char *id, const char *what)
{
    ck_assert_uint_eq(x->artifact_count, y->artifact_count);
    for (size_t i = 0; i < x->artifact_count; i++) {
        const xai_artifact *p = &x->artifacts[i], *q = &y->artifacts[i];
        size_t n = p->values ? sizeof(float) : 0;
        for (int d = 0; d < p->rank; d++) n *= (size_t)p->shape[d];
        ck_assert_int_eq(p->rank, q->rank);
        ck_assert_msg(n == 0 || memcmp(p->values, q->values, n) == 0, "%s: %s change '%s'", id, what, p->name);
    }
    ck_assert_uint_eq(x->metric_count, y->metric_count);
    for (size_t i = 0; i < x->metric_count; i++) ck_assert_double_eq(x->metrics[i].value, y->metrics[i].value);
}

/* ---------------------------------------------------------------- the suite */

START_TEST(the_table_is_whole)
{
    const xai_method_info *m = xai_method_at((size_t)_i);
    ck_assert(m->id && m->title && m->family && m->summary && m->paper && m->needs && m->cost && m->version >= 1);
    ck_assert_uint_lt(m->param_count, MOST_PARAMS);
    for (size_t i = 0; i < m->param_count; i++) {
        const xai_param *p = &m->params[i];
        ck_assert_msg(p->help && strlen(p->help) > 20, "%s.%s says nothing", m->id, p->name);
        if (p->type == XAI_PARAM_INT || p->type == XAI_PARAM_REAL)
            ck_assert_msg(p->min <= p->def && p->def <= p->max, "%s.%s: default out of range", m->id, p->name);
        for (size_t k = 0; k < i; k++) ck_assert_str_ne(p->name, m->params[k].name);
    }
}
END_TEST

START_TEST(defaults_work)
{
    question q = {.method = xai_method_at((size_t)_i)};
    int worked = 0;
    for (int n = 0; n < NETS; n++) {
        xai_result *r;
        xai_error err;
        xai_status status = ask(&q, n, models[n], pool, NULL, &r, &err);
        ck_assert_msg(status == XAI_OK || refused(status, &err), "%s on %s: %s", q.method->id, NET[n].name, err.msg);
        ck_assert_msg(status == XAI_OK || !served(q.method, n) || NET[n].head != XAI_HEAD_SOFTMAX || err.where[0],
                      "%s on %s: %s", q.method->id, NET[n].name, err.msg);
        if (status != XAI_OK) continue;
        const xai_explanation *e = &r->explanations[0];
        ck_assert_uint_gt(e->artifact_count, 0);
        ck_assert(e->forwards >= 1 && !e->partial);
        worked++;
        xai_result_free(r);
    }
    ck_assert_msg(worked > 0, "%s works on no net here", q.method->id);
}
END_TEST

/* Before it runs, the cost is what the receipt says afterwards; or more, up to eight times, where changed regions and
 * suffixes save work. */
START_TEST(cost_is_said_before)
{
    question q = modest(xai_method_at((size_t)_i));
    for (int n = 0; n < NETS; n++) {
        xai_result *r;
        xai_error err;
        if (ask(&q, n, models[n], pool, NULL, &r, &err) != XAI_OK) continue;
        xai_method_call call = {q.method->id, q.params, q.count};
        xai_target target = target_of(models[n]);
        xai_request request = {.model = models[n], .tensor = &samples[n], .calls = &call, .call_count = 1,
                               .targets = &target, .target_count = 1};
        double said = xai_request_cost(&request);
        const xai_explanation *e = &r->explanations[0];
        double run = e->forwards + 2 * e->backwards;
        ck_assert_msg(run <= 1.05 * said + 2, "%s on %s: said %g, ran %g", q.method->id, NET[n].name, said, run);
        ck_assert_msg(strcmp(q.method->id, "sag") == 0 || said <= 8 * run + 8, "%s on %s: said %g, ran %g",
                      q.method->id, NET[n].name, said, run);
        xai_result_free(r);
    }
}
END_TEST

/* Few layers serve a method that needs a linear head behind: without the layer its default is taken. False: none given. */
static bool drop_layer(question *q)
{
    for (size_t i = 0; i < q->count; i++) {
        if (strcmp(q->params[i].name, "layer") != 0) continue;
        q->params[i].type = XAI_VALUE_NULL;
        return true;
    }
    return false;
}

START_TEST(random_valid_parameters_work_and_threads_change_nothing)
{
    const xai_method_info *m = xai_method_at((size_t)_i);
    int worked = 0;
    for (int k = 0; k < RANDOM_CASES; k++) {
        int n = k % NETS;
        xai_rng rng = xai_rng_init(11, (uint64_t)(_i * RANDOM_CASES + k));
        question q = {.method = m};
        for (size_t i = 0; i < m->param_count; i++)
            if (xai_rng_below(&rng, 4) || (m->params[i].type == XAI_PARAM_INT && m->params[i].def > 24))
                add_random(&q, &m->params[i], xai_model_describe(models[n]), &rng);
        xai_result *two, *one;
        xai_error err;
        xai_status status = ask(&q, n, models[n], pool, NULL, &two, &err);
        if (status == XAI_E_UNSUPPORTED_METHOD && drop_layer(&q)) status = ask(&q, n, models[n], pool, NULL, &two, &err);
        ck_assert_msg(status == XAI_OK || refused(status, &err), "%s, case %d: %s (%s)", m->id, k, err.msg, err.where);
        if (status != XAI_OK) continue;
        ck_assert_msg(ask(&q, n, models[n], lone, NULL, &one, &err) == XAI_OK, "%s: %s", m->id, err.msg);
        check_same(&two->explanations[0], &one->explanations[0], m->id, "threads");
        worked++;
        xai_result_free(two);
        xai_result_free(one);
    }
    ck_assert_msg(worked > 0, "%s: every random case is refused", m->id);
}
END_TEST

/* What two targets share is run once, and each result is what it is when asked for alone. */
START_TEST(targets_share_and_change_nothing)
{
    question q = modest(xai_method_at((size_t)_i));
    for (int n = 0; n < NETS; n++) {
        xai_method_call call = {q.method->id, q.params, q.count};
        xai_target targets[] = {{.class_index = CLASS, .contrast = -1}, {.class_index = 0, .contrast = -1}};
        xai_request request = {.model = models[n], .tensor = &samples[n], .calls = &call, .call_count = 1,
                               .targets = targets, .target_count = 2, .seed = 7};
        xai_result *both, *alone;
        xai_error err = {0};
        if (xai_explain(&request, pool, NULL, &both, &err) != XAI_OK) continue;
        double run = 0;
        request.target_count = 1;
        for (int k = 0; k < 2; k++) {
            request.targets = targets + k;
            ck_assert_msg(xai_explain(&request, pool, NULL, &alone, &err) == XAI_OK, "%s: %s", q.method->id, err.msg);
            check_same(&both->explanations[k], &alone->explanations[0], q.method->id, "other targets");
            run += alone->forwards;
            xai_result_free(alone);
        }
        ck_assert_msg(both->forwards <= run, "%s runs more for two targets than for each alone", q.method->id);
        if (xai_method_of(q.method)->steady) ck_assert_msg(both->forwards <= run / 2 + 2, "%s shares nothing", q.method->id);
        xai_result_free(both);
    }
}
END_TEST

static void check_refused(const xai_method_info *m, const xai_param *p, const xai_named_value *value, const char *what)
{
    for (int n = 0; n < NETS; n++) {
        if (!served(m, n)) continue;
        question q = {.method = m, .params = {*value}, .count = 1};
        xai_result *r;
        xai_error err;
        char where[128];
        snprintf(where, sizeof where, "params.%s", value->name);
        ck_assert_msg(ask(&q, n, models[n], pool, NULL, &r, &err) == XAI_E_BAD_PARAM, "%s.%s takes %s", m->id,
                      p ? p->name : value->name, what);
        ck_assert_str_eq(err.where, where);
        return;
    }
}

START_TEST(invalid_parameters_are_refused_by_name)
{
    const xai_method_info *m = xai_method_at((size_t)_i);
    xai_named_value unknown = {.name = "no_such_thing", .type = XAI_VALUE_NUMBER, .number = 1};
    check_refused(m, NULL, &unknown, "an unknown parameter");
    for (size_t i = 0; i < m->param_count; i++) {
        const xai_param *p = &m->params[i];
        xai_named_value v = {.name = p->name, .type = XAI_VALUE_TEXT, .text = "no such value"};
        bool text = p->type == XAI_PARAM_TEXT || p->type == XAI_PARAM_LAYER || p->type == XAI_PARAM_LAYERS;
        if (!text) check_refused(m, p, &v, "a word");
        v = (xai_named_value){.name = p->name, .type = XAI_VALUE_NUMBER};
        if (p->type != XAI_PARAM_INT && p->type != XAI_PARAM_REAL) continue;
        v.number = p->min - 1;
        check_refused(m, p, &v, "less than its minimum");
        v.number = p->max + 1;
        check_refused(m, p, &v, "more than its maximum");
        v.number = NAN;
        check_refused(m, p, &v, "no number");
        v.number = p->def + 0.5;
        if (p->type == XAI_PARAM_INT && v.number < p->max) check_refused(m, p, &v, "half an integer");
    }
}
END_TEST

/* ---------------------------------------------------------------- cancel, counted */

static xai_token *_Atomic victim;
static atomic_int passes, fatal; /* begun; and at which the cancel comes */

static void count_pass(void)
{
    if (atomic_fetch_add(&passes, 1) + 1 == atomic_load(&fatal)) xai_token_cancel(victim);
}

/* The linker puts these between the explainers and the session (Makefile). */
void __real_xai_session_forward(xai_session *s, const xai_par *par);
void __wrap_xai_session_forward(xai_session *s, const xai_par *par);
void __wrap_xai_session_forward(xai_session *s, const xai_par *par)
{
    count_pass();
    __real_xai_session_forward(s, par);
}
void __real_xai_session_forward_slots(xai_session *s, int count, const xai_par *par);
void __wrap_xai_session_forward_slots(xai_session *s, int count, const xai_par *par);
void __wrap_xai_session_forward_slots(xai_session *s, int count, const xai_par *par)
{
    count_pass();
    __real_xai_session_forward_slots(s, count, par);
}
xai_status __real_xai_session_backward(xai_session *s, const xai_seed *seeds, size_t n, const xai_wanted *wanted,
                                       size_t count, xai_policy policy, const xai_par *par, xai_error *err);
xai_status __wrap_xai_session_backward(xai_session *s, const xai_seed *seeds, size_t n, const xai_wanted *wanted,
                                       size_t count, xai_policy policy, const xai_par *par, xai_error *err);
xai_status __wrap_xai_session_backward(xai_session *s, const xai_seed *seeds, size_t n, const xai_wanted *wanted,
                                       size_t count, xai_policy policy, const xai_par *par, xai_error *err)
{
    count_pass();
    return __real_xai_session_backward(s, seeds, n, wanted, count, policy, par, err);
}

/* A batch is eight variants a thread (graph/lanes.c), here two threads, each a forward and a backward. */
enum { ONE_BATCH = 2 * 8 * 2 };

START_TEST(cancel_ends_it_within_a_batch)
{
    question q = {.method = xai_method_at((size_t)_i)};
    static const int AT[] = {1, 2, 7, 50};
    for (int n = 0; n < NETS; n++)
        for (size_t k = 0; k < sizeof AT / sizeof AT[0]; k++) {
            xai_result *r;
            xai_error err;
            victim = xai_token_new(0, NULL, NULL);
            passes = 0;
            fatal = AT[k];
            xai_status status = ask(&q, n, models[n], pool, victim, &r, &err);
            int begun = passes;
            fatal = 0;
            xai_token_free(victim);
            if (status == XAI_OK) xai_result_free(r);
            if (status != XAI_E_CANCELLED && !refused(status, &err) && status != XAI_OK)
                ck_abort_msg("%s: %s", q.method->id, err.msg);
            ck_assert_msg(begun <= AT[k] + ONE_BATCH, "%s on %s: cancelled at pass %d, ran on to %d", q.method->id,
                          NET[n].name, AT[k], begun);
        }
}
END_TEST

/* ---------------------------------------------------------------- other weights */

/* Every weight matrix and kernel shuffled: the same numbers, elsewhere. Biases and norms stay. */
static xai_model *shuffled(xai_model *model, xai_arena *arena)
{
    xai_weight *list;
    size_t count;
    xai_model *other = NULL;
    ck_assert_int_eq(xai_model_weights(model, arena, &list, &count, NULL), XAI_OK);
    ck_assert_uint_gt(count, 3);
    xai_new_weight *fresh = XAI_NEW(arena, xai_new_weight, count);
    for (size_t i = 0; i < count; i++) {
        xai_tensor *t;
        ck_assert_int_eq(xai_tensor_new(arena, XAI_F32, &list[i].tensor->shape, &t, NULL), XAI_OK);
        xai_weight_redraw(&list[i], i, XAI_REDRAW_SHUFFLE, 5, t, NULL);
        fresh[i] = (xai_new_weight){list[i].name, t};
    }
    ck_assert_int_eq(xai_model_reweigh(model, fresh, count, &other, NULL), XAI_OK);
    return other;
}

static double correlation(const float *a, const float *b, int64_t n)
{
    double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < n; i++) {
        ma += (double)a[i] / (double)n;
        mb += (double)b[i] / (double)n;
    }
    for (int64_t i = 0; i < n; i++) {
        double x = (double)a[i] - ma, y = (double)b[i] - mb;
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

static const xai_artifact *first_map(const xai_result *r)
{
    for (size_t i = 0; i < r->explanations[0].artifact_count; i++)
        if (r->explanations[0].artifacts[i].values) return &r->explanations[0].artifacts[i];
    return NULL;
}

/* An explanation of the network changes with the network. How much is not judged here. */
START_TEST(other_weights_give_another_map)
{
    question q = modest(xai_method_at((size_t)_i));
    if (strcmp(q.method->id, "extremal") == 0) { /* its bumps of 21 pixels are for pictures of 224 */
        add_number(&q, "cell", 1);
        add_number(&q, "smoothness", 3);
    }
    q.likeliest = strcmp(q.method->id, "anchors") == 0; /* other classes are never held here: nothing to compare */
    int compared = 0, without_map = 0;
    for (int n = 0; n < NETS; n++) {
        xai_arena *arena = xai_arena_new(0);
        xai_model *other = shuffled(models[n], arena);
        xai_result *a = NULL, *b = NULL;
        xai_error err;
        if (ask(&q, n, models[n], pool, NULL, &a, &err) == XAI_OK && ask(&q, n, other, pool, NULL, &b, &err) == XAI_OK) {
            const xai_artifact *x = first_map(a), *y = first_map(b);
            without_map += !x;
            if (x && y && x->min < x->max && memcmp(x->shape, y->shape, sizeof x->shape) == 0) {
                double r = correlation(x->values, y->values, x->shape[0] * x->shape[1]);
                ck_assert_msg(r < 0.999, "%s on %s does not depend on the weights: %g", q.method->id, NET[n].name, r);
                compared++;
            }
        }
        xai_result_free(a);
        xai_result_free(b);
        xai_model_unref(other);
        xai_arena_free(arena);
    }
    ck_assert_msg(compared > 0 || without_map > 0, "%s was compared on no net", q.method->id);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("methods");
    TCase *tc = tcase_create("each");
    int count = (int)xai_method_count();
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, the_table_is_whole, 0, count);
    tcase_add_loop_test(tc, defaults_work, 0, count);
    tcase_add_loop_test(tc, cost_is_said_before, 0, count);
    tcase_add_loop_test(tc, random_valid_parameters_work_and_threads_change_nothing, 0, count);
    tcase_add_loop_test(tc, targets_share_and_change_nothing, 0, count);
    tcase_add_loop_test(tc, invalid_parameters_are_refused_by_name, 0, count);
    tcase_add_loop_test(tc, cancel_ends_it_within_a_batch, 0, count);
    tcase_add_loop_test(tc, other_weights_give_another_map, 0, count);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
