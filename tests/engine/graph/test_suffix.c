/*
 * Sessions of the part after a layer, for every layer of the tiny networks: bytes against a run of the whole, with the
 * activation as it was and changed; skip connections around the cut; gradients against the whole session's.
 */
#include "graph/session_inside.h"
#include "nets.h"

#include <stdlib.h>

static xai_pool *pool;
static void start_pool(void) { ck_assert_int_eq(xai_pool_new(2, &pool, NULL), XAI_OK); }
static void stop_pool(void) { xai_pool_free(pool); }

typedef struct cut {
    xai_arena *arena;
    xai_part part;
    xai_session *session;
} cut;

static cut open_cut(xai_model *m, xai_value *layer, xai_plan_mode mode, xai_session *base)
{
    cut c = {.arena = xai_arena_new(0)};
    xai_value *wanted = logits_of(m);
    ck_assert_int_eq(xai_part_after(m->program, layer, &wanted, 1, c.arena, &c.part, NULL), XAI_OK);
    c.session = open_session(m->program, &(xai_session_spec){.mode = mode, .keep = &m->logits, .keep_count = 1,
                                                             .threads = 2, .part = &c.part, .base = base});
    return c;
}

static void close_cut(cut *c)
{
    xai_session_free(c->session);
    xai_arena_free(c->arena);
}

/* The reference: in a session that keeps everything, the layer is overwritten and every node after it run in order. */
static void run_after(xai_session *s, const xai_program *p, const xai_value *layer)
{
    xai_par serial = {NULL};
    xai_exec exec = xai_session_exec(s, XAI_POLICY_PLAIN, &serial);
    bool *changed = calloc((size_t)p->value_count, sizeof *changed);
    changed[layer->id] = true;
    for (int i = 0; i < p->node_count; i++) {
        const xai_node *n = p->nodes[i];
        bool reads = false;
        for (int k = 0; k < n->in_count; k++) reads = reads || (n->in[k] && changed[n->in[k]->id]);
        for (int k = 0; reads && k < n->out_count; k++) changed[n->out[k]->id] = true;
        if (reads && !n->op->view) n->op->forward(n, &exec);
    }
    free(changed);
}

/* Every value that can be a cut: what the test overwrites must not be another value's bytes. */
static bool is_layer(const xai_program *p, const xai_value *v)
{
    for (int i = 0; i < p->node_count; i++)
        if (p->nodes[i]->out[0] == v) return !p->nodes[i]->op->view && v->dtype == XAI_F32;
    return false;
}

static void check_layer(xai_model *m, xai_value *layer, xai_session *base, int *borders)
{
    size_t row = count_of(logits_of(m)) * sizeof(float), n = count_of(layer);
    xai_par serial = {NULL}, both = {pool};
    cut c = open_cut(m, layer, XAI_PLAN_FORWARD, base);
    *borders += c.part.input_count - 1;
    for (int round = 0; round < 3; round++) { /* as it was, changed, and as it was again: nothing is left of a run */
        xai_session *full = run_base(m, XAI_PLAN_KEEP, 0);
        float *a = xai_session_value_data(c.session, layer), *b = xai_session_value_data(full, layer);
        if (round == 1)
            for (size_t i = 0; i < n; i += 2) b[i] = 0.5F * b[i] + 0.25F;
        memcpy(a, b, n * sizeof *a);
        if (round == 1) run_after(full, m->program, layer);
        if (round < 2) xai_session_forward(c.session, &serial);
        else {
            xai_pool_enter(pool, false);
            xai_session_forward(c.session, &both);
            xai_pool_leave(pool);
        }
        const float *got = xai_session_data(c.session, m->logits), *want = xai_session_data(full, m->logits);
        ck_assert_msg(memcmp(got, want, row) == 0, "%s, round %d", layer->name, round);
        bool moved = memcmp(got, xai_session_data(base, m->logits), row) != 0;
        ck_assert_msg(moved == (round == 1), "%s, round %d", layer->name, round);
        xai_session_free(full);
    }
    close_cut(&c);
}

START_TEST(suffix_equals_the_full_run_after_every_layer)
{
    xai_model *m = load_net(NETS[_i]);
    xai_session *base = run_base(m, XAI_PLAN_KEEP, 0);
    int layers = 0, borders = 0;
    for (int i = 0; i < m->program->value_count; i++) {
        if (!is_layer(m->program, m->program->values[i])) continue;
        check_layer(m, m->program->values[i], base, &borders);
        layers++;
    }
    ck_assert_int_gt(layers, 5);
    bool skips = strcmp(NETS[_i], "tiny-vgg") != 0;
    ck_assert_int_eq(borders > 0, skips);
    xai_session_free(base);
    xai_model_unref(m);
}
END_TEST

START_TEST(suffix_takes_the_bytes_of_its_part_alone)
{
    xai_model *m = load_net(NETS[_i]);
    const char *name = m->info.default_layer;
    xai_value *layer = xai_program_find(m->program, name);
    xai_session *base = run_base(m, XAI_PLAN_KEEP, 0);
    cut c = open_cut(m, layer, XAI_PLAN_FORWARD, base);
    ck_assert_uint_lt(xai_session_bytes(c.session), xai_session_bytes(base) / 2);
    size_t planned;
    xai_session_spec spec = {.mode = XAI_PLAN_FORWARD, .keep = &m->logits, .keep_count = 1, .threads = 2,
                             .part = &c.part};
    ck_assert_int_eq(xai_session_plan_bytes(m->program, &spec, &planned, NULL), XAI_OK);
    ck_assert_uint_eq(planned, xai_session_bytes(c.session));
    close_cut(&c);
    xai_session_free(base);
    xai_model_unref(m);
}
END_TEST

START_TEST(gradient_of_the_suffix_is_that_of_the_whole)
{
    xai_model *m = load_net(NETS[_i]);
    xai_session *base = run_base(m, XAI_PLAN_GRADIENT, 1);
    xai_par serial = {NULL};
    xai_value *logits = logits_of(m);
    float *seed = calloc(count_of(logits), sizeof *seed);
    seed[1] = 1;
    for (int i = 0; i < m->program->value_count; i++) {
        xai_value *layer = m->program->values[i];
        if (!is_layer(m->program, layer)) continue;
        size_t n = count_of(layer);
        float *whole = calloc(n, sizeof *whole), *part = calloc(n, sizeof *part);
        cut c = open_cut(m, layer, XAI_PLAN_GRADIENT, base);
        xai_session_forward(c.session, &serial);
        ck_assert_int_eq(xai_session_backward(base, &(xai_seed){logits, seed}, 1, &(xai_wanted){layer, whole}, 1,
                                              XAI_POLICY_PLAIN, &serial, NULL), XAI_OK);
        ck_assert_int_eq(xai_session_backward(c.session, &(xai_seed){logits, seed}, 1, &(xai_wanted){layer, part}, 1,
                                              XAI_POLICY_PLAIN, &serial, NULL), XAI_OK);
        double sum = 0;
        for (size_t k = 0; k < n; k++) sum += fabs((double)whole[k]);
        ck_assert_msg(memcmp(whole, part, n * sizeof *whole) == 0, "%s", layer->name);
        ck_assert_double_gt(sum, 0);
        close_cut(&c);
        free(whole);
        free(part);
    }
    free(seed);
    xai_session_free(base);
    xai_model_unref(m);
}
END_TEST

/* A wanted tensor that the cut does not reach is as the base left it. */
START_TEST(what_the_cut_does_not_reach_stays)
{
    xai_model *m = load_net(NETS[0]);
    xai_session *base = run_base(m, XAI_PLAN_KEEP, 2);
    xai_arena *arena = xai_arena_new(0);
    xai_part part;
    xai_value *early = m->program->nodes[0]->out[0], *late = xai_program_find(m->program, m->info.default_layer);
    const char *keep[] = {m->logits, early->name};
    xai_value *wanted[] = {logits_of(m), early};
    xai_par serial = {NULL};
    ck_assert_int_eq(xai_part_after(m->program, late, wanted, 2, arena, &part, NULL), XAI_OK);
    xai_session *s = open_session(m->program, &(xai_session_spec){.mode = XAI_PLAN_FORWARD, .keep = keep,
                                                                  .keep_count = 2, .threads = 1, .part = &part,
                                                                  .base = base});
    xai_session_forward(s, &serial);
    ck_assert_int_eq(memcmp(xai_session_value_data(s, early), xai_session_value_data(base, early),
                            count_of(early) * sizeof(float)), 0);
    xai_session_free(s);
    xai_session_free(base);
    xai_arena_free(arena);
    xai_model_unref(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph/suffix");
    TCase *tc = tcase_create("suffix");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, start_pool, stop_pool);
    tcase_add_loop_test(tc, suffix_equals_the_full_run_after_every_layer, 0, NET_COUNT);
    tcase_add_loop_test(tc, suffix_takes_the_bytes_of_its_part_alone, 0, NET_COUNT);
    tcase_add_loop_test(tc, gradient_of_the_suffix_is_that_of_the_whole, 0, NET_COUNT);
    tcase_add_test(tc, what_the_cut_does_not_reach_stays);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
