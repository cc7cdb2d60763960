/*
 * Variants through evaluate: of a layer against full runs of what follows it, gradients against the task's own and
 * against slopes, changed regions against the whole, and the same bytes on one thread and on two.
 */
#include "../graph/nets.h"
#include "explain/evaluate.h"
#include "graph/region.h"

#include <stdlib.h>

static xai_pool *one, *two;
static void start(void)
{
    ck_assert_int_eq(xai_pool_new(1, &one, NULL), XAI_OK);
    ck_assert_int_eq(xai_pool_new(2, &two, NULL), XAI_OK);
}
static void stop(void)
{
    xai_pool_free(one);
    xai_pool_free(two);
    ck_assert_uint_eq(xai_memory_now().leased, 0);
}

typedef struct subject {
    xai_model *model;
    xai_arena *arena;
    xai_context context;
    xai_value *layer;
    xai_aim aim;
    xai_array input;
} subject;

static void open_subject(subject *s, const char *net, xai_pool *pool)
{
    xai_target target = {.class_index = 1, .contrast = -1, .space = XAI_SPACE_PROBABILITY};
    *s = (subject){.model = load_net(net), .arena = xai_arena_new(0)};
    const char *layer = s->model->info.default_layer;
    s->input = (xai_array){.dtype = XAI_F32, .rank = 4, .data = calloc(count_of(input_of(s->model)), sizeof(float))};
    memcpy(s->input.shape, s->model->info.input_shape, 4 * sizeof *s->input.shape);
    fill_wave(s->input.data, count_of(input_of(s->model)), 0.4F);
    xai_context_spec spec = {.model = s->model, .pool = pool, .arena = s->arena, .tensor = &s->input,
                             .wants = {.layers = &layer, .layer_count = 1}, .layers_only = true};
    xai_error err = {0};
    ck_assert_msg(xai_context_init(&s->context, &spec, &err) == XAI_OK, "%s", err.msg);
    ck_assert_int_eq(xai_context_base(&s->context, NULL), XAI_OK);
    ck_assert_int_eq(xai_aim_init(&s->aim, &s->context, &target, NULL), XAI_OK);
    s->layer = xai_program_find(s->context.program, layer);
}

static void close_subject(subject *s)
{
    xai_context_deinit(&s->context);
    xai_arena_free(s->arena);
    xai_model_unref(s->model);
    free(s->input.data);
}

/* ---------------------------------------------------------------- a layer */

typedef struct ablation {
    const float *base;
    size_t count, channels, area;
} ablation;

/* Channel `index` off; the first variant beyond them is the base itself. */
static void ablate(const void *user, size_t index, float *values)
{
    const ablation *a = user;
    memcpy(values, a->base, a->count * sizeof *values);
    if (index < a->channels) memset(values + index * a->area, 0, a->area * sizeof *values);
}

static ablation ablation_of(subject *s)
{
    xai_session *base;
    ck_assert_int_eq(xai_context_kept_base(&s->context, &base, NULL), XAI_OK);
    const int64_t *dim = s->layer->shape.dim;
    return (ablation){xai_session_value_data(base, s->layer), count_of(s->layer), (size_t)dim[1],
                      (size_t)(dim[2] * dim[3])};
}

static float *scores_of(subject *s, ablation *a)
{
    float *values = calloc(a->channels + 1, sizeof *values);
    xai_scores scores = {.values = values};
    xai_variants variants = {.count = a->channels + 1, .make = ablate, .user = a, .of = s->layer};
    ck_assert_int_eq(xai_evaluate(&s->context, &s->aim, &variants, &scores, NULL), XAI_OK);
    ck_assert_uint_eq(scores.done, a->channels + 1);
    return values;
}

/* Several at once on two threads, several at once on one, and one after the other in a session of the test's own. */
START_TEST(variants_of_a_layer_are_runs_of_what_follows_it)
{
    subject s, t;
    open_subject(&s, NETS[_i], two);
    open_subject(&t, NETS[_i], one);
    ablation a = ablation_of(&s), b = ablation_of(&t);
    float *values = scores_of(&s, &a), *again = scores_of(&t, &b);
    ck_assert_int_eq(memcmp(values, again, (a.channels + 1) * sizeof *values), 0);
    xai_context *c = &s.context;
    xai_part part;
    xai_par serial = {NULL};
    xai_session_spec spec = {.mode = XAI_PLAN_FORWARD, .keep = &s.model->logits, .keep_count = 1, .threads = 1,
                             .part = &part};
    ck_assert_int_eq(xai_context_kept_base(c, &spec.base, NULL), XAI_OK);
    ck_assert_int_eq(xai_part_after(c->program, s.layer, c->wanted, 1, s.arena, &part, NULL), XAI_OK);
    xai_session *session = open_session(c->program, &spec);
    int differ = 0;
    for (size_t i = 0; i <= a.channels; i++) {
        ablate(&a, i, xai_session_value_data(session, s.layer));
        xai_session_forward(session, &serial);
        float want = (float)xai_aim_value(&s.aim, xai_session_value_data(session, c->logits));
        ck_assert_msg(memcmp(&want, &values[i], sizeof want) == 0, "channel %zu: %g, not %g", i, (double)values[i],
                      (double)want);
        differ += values[i] != values[a.channels];
    }
    ck_assert_int_gt(differ, 0);
    float base = (float)xai_aim_value(&s.aim, c->base_logits);
    ck_assert_float_eq(values[a.channels], base);
    xai_session_free(session);
    free(values);
    free(again);
    close_subject(&s);
    close_subject(&t);
}
END_TEST

/* ---------------------------------------------------------------- gradients */

typedef struct tally {
    size_t elements, next; /* of the first wanted value; the sample that must come next */
    float *gradients;      /* of all samples, one after the other; NULL: not looked at */
    double *sum;           /* of gradient * data over the samples */
    float *values;         /* the target's */
} tally;

static void take(void *user, const xai_sample *samples, size_t count, const xai_par *par)
{
    tally *t = user;
    ck_assert_ptr_nonnull(par);
    for (size_t k = 0; k < count; k++) {
        const xai_sample *s = &samples[k];
        ck_assert_uint_eq(s->index, t->next++);
        t->values[s->index] = (float)s->value;
        if (t->gradients)
            memcpy(t->gradients + s->index * t->elements, s->gradients[0], t->elements * sizeof(float));
        for (size_t i = 0; i < t->elements; i++) t->sum[i] += (double)s->gradients[0][i] * (double)s->data[0][i];
    }
}

static tally tally_new(size_t elements, size_t count)
{
    return (tally){elements, 0, calloc(count * elements, sizeof(float)), calloc(elements, sizeof(double)),
                   calloc(count, sizeof(float))};
}

static void tally_free(tally *t)
{
    free(t->gradients);
    free(t->sum);
    free(t->values);
}

static xai_gradients gradients_of(xai_value *const *by, tally *t)
{
    return (xai_gradients){.by = by, .by_count = 1, .data = true, .take = take, .user = t};
}

/* The gradient at the base is the task's own; and the task's is the same after variants have been there. The values
 * are those of a forward pass. */
START_TEST(gradients_of_variants)
{
    subject s;
    open_subject(&s, NETS[_i], two);
    ablation a = ablation_of(&s);
    size_t n = a.channels + 1;
    float *values = scores_of(&s, &a), *own = calloc(a.count, sizeof *own);
    tally t = tally_new(a.count, n);
    xai_gradients g = gradients_of(&s.layer, &t);
    xai_variants variants = {.count = n, .make = ablate, .user = &a, .of = s.layer};
    xai_explanation result = {0};
    xai_task task = {.context = &s.context, .arena = s.arena, .aim = s.aim, .result = &result};
    double forwards = s.context.forwards, backwards = s.context.backwards;
    ck_assert_int_eq(xai_differentiate(&s.context, &s.aim, &variants, &g, NULL), XAI_OK);
    ck_assert_uint_eq(g.done, n);
    ck_assert_double_eq_tol(s.context.forwards - forwards, s.context.backwards - backwards, 1e-9);
    for (size_t i = 0; i < n; i++) ck_assert_float_eq_tol(t.values[i], values[i], 1e-6F);
    ck_assert_int_eq(xai_task_gradient(&task, &(xai_wanted){s.layer, own}, 1, XAI_POLICY_PLAIN, NULL), XAI_OK);
    ck_assert_int_eq(memcmp(own, t.gradients + a.channels * a.count, a.count * sizeof *own), 0);
    ck_assert_ptr_null(s.context.lanes[XAI_PLAN_GRADIENT]); /* the suffix did */
    double sum = 0;
    for (size_t i = 0; i < a.count; i++) sum += fabs((double)own[i]);
    ck_assert_double_gt(sum, 0);
    tally_free(&t);
    free(values);
    free(own);
    close_subject(&s);
}
END_TEST

/* Variant k of the input: k + 1 fiftieths of it. */
static void dim(const void *user, size_t index, float *values)
{
    const xai_context *c = user;
    for (size_t i = 0; i < c->input_count; i++) values[i] = c->input[i] * (float)(index + 1) / 50;
}

static tally dimmed(subject *s, xai_value *by)
{
    tally t = tally_new((size_t)xai_value_count(by), 50);
    xai_gradients g = gradients_of(&by, &t);
    xai_variants variants = {.count = 50, .make = dim, .user = &s->context};
    ck_assert_int_eq(xai_differentiate(&s->context, &s->aim, &variants, &g, NULL), XAI_OK);
    return t;
}

/* By the input and by a layer on the way, on one thread and on two; the base run is left as it was. */
START_TEST(samples_come_in_order_and_their_sums_do_not_depend_on_threads)
{
    subject s, t;
    open_subject(&s, NETS[_i], two);
    open_subject(&t, NETS[_i], one);
    xai_session *base;
    ck_assert_int_eq(xai_context_gradient_base(&s.context, &base, NULL), XAI_OK);
    size_t bytes = count_of(s.layer) * sizeof(float);
    float *before = malloc(bytes);
    memcpy(before, xai_session_value_data(base, s.layer), bytes);
    for (int k = 0; k < 2; k++) {
        tally a = dimmed(&s, k ? s.layer : s.context.in), b = dimmed(&t, k ? t.layer : t.context.in);
        ck_assert_int_eq(memcmp(a.sum, b.sum, a.elements * sizeof *a.sum), 0);
        ck_assert_int_eq(memcmp(a.values, b.values, 50 * sizeof *a.values), 0);
        ck_assert_float_eq_tol(a.values[49], (float)xai_aim_value(&s.aim, s.context.base_logits), 1e-5F);
        double size = 0;
        for (size_t i = 0; i < a.elements; i++) size += fabs(a.sum[i]);
        ck_assert_double_gt(size, 0);
        tally_free(&a);
        tally_free(&b);
    }
    ck_assert_int_eq(memcmp(before, xai_session_value_data(base, s.layer), bytes), 0);
    free(before);
    close_subject(&s);
    close_subject(&t);
}
END_TEST

typedef struct late {
    tally tally;
    xai_token *token;
} late;

/* Cancels the job when the first samples come. */
static void take_and_cancel(void *user, const xai_sample *samples, size_t count, const xai_par *par)
{
    late *l = user;
    take(&l->tally, samples, count, par);
    xai_token_cancel(l->token);
}

START_TEST(cancel_ends_gradients_within_a_block)
{
    subject s;
    open_subject(&s, NETS[_i], two);
    s.context.token = xai_token_new(0, NULL, NULL);
    late l = {tally_new(s.context.input_count, 50), s.context.token};
    xai_gradients g = gradients_of(&s.context.in, &l.tally);
    g.user = &l;
    g.take = take_and_cancel;
    g.enough = 1;
    xai_variants variants = {.count = 50, .make = dim, .user = &s.context};
    ck_assert_int_eq(xai_differentiate(&s.context, &s.aim, &variants, &g, NULL), XAI_E_CANCELLED);
    ck_assert(!g.partial);
    ck_assert_uint_gt(g.done, 0);
    ck_assert_uint_le(g.done, 16);
    xai_token_free(s.context.token);
    tally_free(&l.tally);
    close_subject(&s);
}
END_TEST

/* ---------------------------------------------------------------- regions */

typedef struct windows {
    subject *subject;
    int64_t side;
} windows;

static void window(const void *user, size_t index, xai_box *box)
{
    const windows *w = user;
    *box = xai_box_whole(&w->subject->context.in->shape);
    for (int i = 2; i < 4; i++) {
        box->low[i] = (int64_t)(i == 2 ? index / 3 : index % 3) * 8;
        box->end[i] = box->low[i] + w->side;
    }
    xai_box_clip(box, &w->subject->context.in->shape);
}

static void clear_row(void *context, const int64_t *index, int64_t at, int64_t n)
{
    (void)index;
    memset((float *)context + at, 0, (size_t)n * sizeof(float));
}

static void hide(const void *user, size_t index, float *values)
{
    const windows *w = user;
    xai_box box;
    window(user, index, &box);
    memcpy(values, w->subject->context.input, w->subject->context.input_count * sizeof *values);
    xai_box_rows(&box, &w->subject->context.in->shape, clear_row, values);
}

START_TEST(changed_regions_are_taken_by_their_share)
{
    subject s;
    open_subject(&s, NETS[_i], two);
    float region[9], whole[9];
    bool taken = false;
    static const int64_t SIDES[] = {2, 21, 200}; /* the last is clipped to what is left of the picture */
    for (int k = 0; k < 3; k++) {
        windows w = {&s, SIDES[k]};
        xai_variants variants = {.count = 9, .make = hide, .user = &w, .changed = window};
        xai_scores scores = {.values = region};
        double share = 0;
        for (size_t i = 0; i < 9; i++) {
            xai_box box;
            double left;
            window(&w, i, &box);
            ck_assert_int_eq(xai_region_share(s.context.program, NULL, s.context.in, &box, &left, NULL), XAI_OK);
            share += left / 9;
        }
        double before = s.context.forwards;
        ck_assert_int_eq(xai_evaluate(&s.context, &s.aim, &variants, &scores, NULL), XAI_OK);
        taken = taken || s.context.forwards - before < 8;
        variants.changed = NULL;
        scores.values = whole;
        ck_assert_int_eq(xai_evaluate(&s.context, &s.aim, &variants, &scores, NULL), XAI_OK);
        for (int i = 0; i < 9; i++) ck_assert_float_eq_tol(region[i], whole[i], 1e-5F);
        if (k == 2) ck_assert_double_gt(share, XAI_REGION_PAYS);
    }
    ck_assert(taken);
    close_subject(&s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explain/evaluate");
    TCase *tc = tcase_create("evaluate");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, start, stop);
    tcase_add_loop_test(tc, variants_of_a_layer_are_runs_of_what_follows_it, 0, NET_COUNT);
    tcase_add_loop_test(tc, gradients_of_variants, 0, NET_COUNT);
    tcase_add_loop_test(tc, samples_come_in_order_and_their_sums_do_not_depend_on_threads, 0, NET_COUNT);
    tcase_add_loop_test(tc, cancel_ends_gradients_within_a_block, 0, NET_COUNT);
    tcase_add_loop_test(tc, changed_regions_are_taken_by_their_share, 0, NET_COUNT);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
