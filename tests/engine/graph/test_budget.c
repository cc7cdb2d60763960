/*
 * The memory budget: what can never fit is refused, what does not fit now waits, idle lanes make room, a cancelled job
 * stops waiting, and jobs that would wait for each other for ever do not. Then whole explanations under a budget that
 * holds one of them, from several threads at once.
 */
#include "base/token.h"
#include "graph/budget.h"
#include "nets.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { MB = 1000000 };

static xai_pool *pool;
static void start(void)
{
    ck_assert_int_eq(xai_pool_new(2, &pool, NULL), XAI_OK);
    xai_memory_set_budget(100 * MB);
}
static void stop(void)
{
    ck_assert_uint_eq(xai_memory_now().leased, 0);
    xai_memory_set_budget(0);
    xai_pool_free(pool);
}

static void take(xai_lease *l, size_t mb)
{
    xai_error err = {0};
    ck_assert_msg(xai_lease_take(l, mb * MB, &err) == XAI_OK, "%s", err.msg);
}

static void end(xai_lease *l)
{
    xai_lease_give(l, l->used);
    xai_lease_end(l);
}

START_TEST(what_can_never_fit_is_refused_with_both_numbers)
{
    xai_lease l = {0};
    xai_error err = {0};
    ck_assert_int_eq(xai_lease_take(&l, 101 * (size_t)MB, &err), XAI_E_TOO_LARGE);
    ck_assert_int_eq(xai_status_class(err.status), XAI_CLASS_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.msg, "101.0 MB"));
    ck_assert_ptr_nonnull(strstr(err.msg, "100.0 MB"));
    take(&l, 60);
    ck_assert_int_eq(xai_lease_take(&l, 41 * (size_t)MB, &err), XAI_E_TOO_LARGE); /* together with what it holds */
    ck_assert_int_eq(xai_lease_take(&l, SIZE_MAX, &err), XAI_E_TOO_LARGE);
    ck_assert_uint_eq(xai_memory_now().leased, 60 * MB);
    end(&l);
}
END_TEST

START_TEST(what_is_reserved_is_used_without_waiting)
{
    xai_lease l = {0};
    ck_assert_int_eq(xai_lease_reserve(&l, 500 * (size_t)MB, NULL), XAI_OK); /* the whole budget, then */
    ck_assert_uint_eq(xai_memory_now().leased, 100 * MB);
    take(&l, 70);
    take(&l, 30);
    ck_assert_uint_eq(xai_memory_now().leased, 100 * MB);
    end(&l);
}
END_TEST

/* ---------------------------------------------------------------- waiting */

typedef struct waiter {
    xai_lease lease;
    size_t mb;
    xai_status status;
    pthread_t thread;
    _Atomic bool done;
} waiter;

static void *wait_for(void *argument)
{
    waiter *w = argument;
    w->status = xai_lease_take(&w->lease, w->mb * MB, NULL);
    w->done = true;
    return NULL;
}

static void begin(waiter *w, size_t mb)
{
    w->mb = mb;
    w->done = false;
    ck_assert_int_eq(pthread_create(&w->thread, NULL, wait_for, w), 0);
}

static void settle(void) { usleep(150000); }

START_TEST(a_job_waits_for_another_to_end)
{
    xai_lease first = {0};
    waiter w = {0};
    take(&first, 70);
    begin(&w, 40);
    settle();
    ck_assert(!w.done);
    end(&first);
    pthread_join(w.thread, NULL);
    ck_assert_int_eq(w.status, XAI_OK);
    end(&w.lease);
}
END_TEST

/* Small ones that came later do not pass a large one for ever; an urgent one goes first. */
START_TEST(waiting_has_an_order)
{
    xai_lease first = {0};
    waiter large = {0}, small = {0}, urgent = {.lease = {.urgent = true}};
    take(&first, 70);
    begin(&large, 60);
    settle();
    begin(&small, 20);
    settle();
    ck_assert(!small.done); /* it would fit, but it is not its turn */
    begin(&urgent, 25);
    settle();
    ck_assert(urgent.done);
    end(&first);
    pthread_join(large.thread, NULL);
    pthread_join(urgent.thread, NULL);
    settle();
    ck_assert(!small.done); /* 60 and 25 are held */
    end(&large.lease);
    pthread_join(small.thread, NULL);
    end(&small.lease);
    end(&urgent.lease);
}
END_TEST

START_TEST(a_cancelled_job_stops_waiting)
{
    xai_lease first = {0};
    xai_token *token = xai_token_new(0, NULL, NULL), *brief = xai_token_new(100, NULL, NULL);
    waiter w = {.lease = {.token = token}}, late = {.lease = {.token = brief}};
    take(&first, 70);
    begin(&w, 40);
    begin(&late, 40);
    settle();
    ck_assert(!w.done);
    xai_token_cancel(token);
    pthread_join(w.thread, NULL);
    pthread_join(late.thread, NULL);
    ck_assert_int_eq(w.status, XAI_E_CANCELLED);
    ck_assert_int_eq(late.status, XAI_E_DEADLINE);
    end(&first);
    xai_token_free(token);
    xai_token_free(brief);
}
END_TEST

/* Two that hold and want more than there is: the later gives up, the other goes on. */
START_TEST(jobs_that_wait_for_each_other_do_not_wait_for_ever)
{
    waiter a = {0}, b = {0};
    take(&a.lease, 40);
    take(&b.lease, 40);
    begin(&a, 50);
    settle();
    ck_assert(!a.done);
    begin(&b, 50);
    pthread_join(b.thread, NULL);
    ck_assert_int_eq(b.status, XAI_E_BUSY);
    ck_assert(!a.done);
    end(&b.lease);
    pthread_join(a.thread, NULL);
    ck_assert_int_eq(a.status, XAI_OK);
    end(&a.lease);
}
END_TEST

/* ---------------------------------------------------------------- idle lanes */

static xai_lanes *borrow(xai_model *m, xai_lease *lease)
{
    xai_lanes *l = NULL;
    xai_error err = {0};
    ck_assert_msg(xai_model_borrow_lanes(m, m->program, XAI_PLAN_FORWARD, pool, lease, &l, &err) == XAI_OK, "%s",
                  err.msg);
    return l;
}

START_TEST(idle_lanes_of_another_model_make_room)
{
    xai_model *one = load_net(NETS[0]), *two = load_net(NETS[2]);
    xai_lease lease = {0};
    size_t bytes, gradient;
    xai_lanes *l = borrow(one, &lease);
    bytes = xai_lanes_bytes(l);
    ck_assert_uint_eq(lease.used, bytes);
    ck_assert_uint_eq(xai_memory_now().leased, bytes);
    xai_model_return_lanes(one, l);
    ck_assert_uint_eq(xai_memory_now().leased, 0);
    ck_assert_uint_eq(xai_memory_now().idle, bytes);
    ck_assert_ptr_eq(borrow(one, &lease), l); /* lent again */
    xai_model_return_lanes(one, l);
    size_t needed;
    ck_assert_int_eq(xai_model_lane_bytes(two, two->program, XAI_PLAN_FORWARD, 2, &needed, NULL), XAI_OK);
    xai_memory_set_budget(needed > bytes ? needed : bytes); /* either, and not both */
    xai_lanes *other = borrow(two, &lease);
    ck_assert_uint_eq(xai_memory_now().idle, 0);
    ck_assert_uint_eq(xai_lanes_bytes(other), needed);
    xai_model_return_lanes(two, other);
    xai_lease_end(&lease);
    xai_memory_set_budget(needed - 1);
    xai_error err = {0};
    ck_assert_int_eq(xai_model_session_bytes(two, &needed, &gradient, NULL), XAI_OK);
    ck_assert_uint_gt(gradient, needed);
    xai_memory_set_budget(needed - 1);
    xai_lanes *none = NULL;
    xai_idle_drop(two->program);
    ck_assert_int_eq(xai_model_borrow_lanes(two, two->program, XAI_PLAN_FORWARD, pool, &lease, &none, &err),
                     XAI_E_TOO_LARGE);
    ck_assert_ptr_null(none);
    ck_assert_uint_eq(lease.used, 0);
    xai_lease_end(&lease);
    xai_model_unref(one);
    xai_model_unref(two);
    ck_assert_uint_eq(xai_memory_now().idle, 0);
}
END_TEST

START_TEST(few_idle_lanes_of_one_program_are_kept)
{
    enum { MANY = XAI_IDLE_LANES + 3 };
    xai_model *m = load_net(NETS[0]);
    xai_lanes *l[MANY];
    xai_lease lease = {0};
    for (int i = 0; i < MANY; i++) l[i] = borrow(m, &lease);
    size_t bytes = xai_lanes_bytes(l[0]);
    for (int i = 0; i < MANY; i++) xai_model_return_lanes(m, l[i]);
    ck_assert_uint_eq(xai_memory_now().idle, XAI_IDLE_LANES * bytes);
    xai_lease_end(&lease);
    xai_model_unref(m);
    ck_assert_uint_eq(xai_memory_now().idle, 0);
}
END_TEST

/* ---------------------------------------------------------------- explanations */

enum { SIDE = 40, JOBS = 4, ROUNDS = 6 };

static const char *const METHODS[] = {"gradcam", "occlusion", "rise", "saliency"};

typedef struct job {
    xai_model *model;
    const xai_image *image;
    const char *method;
    float sum; /* of the map: the same whenever it runs */
    xai_status status;
    xai_error err;
} job;

static void explain_once(job *j)
{
    static const xai_named_value WINDOW[] = {{.name = "window", .type = XAI_VALUE_NUMBER, .number = 16}};
    static const xai_named_value MASKS[] = {{.name = "masks", .type = XAI_VALUE_NUMBER, .number = 16}};
    bool occlusion = strcmp(j->method, "occlusion") == 0, rise = strcmp(j->method, "rise") == 0;
    xai_method_call call = {j->method, occlusion ? WINDOW : MASKS, occlusion || rise};
    xai_request request = {.model = j->model, .image = j->image, .calls = &call, .call_count = 1};
    xai_result *r = NULL;
    j->sum = 0;
    j->status = xai_explain(&request, pool, NULL, &r, &j->err);
    if (j->status != XAI_OK) return;
    const xai_artifact *map = &r->explanations[0].artifacts[0];
    for (int64_t i = 0; i < map->shape[0] * map->shape[1]; i++) j->sum += map->values[i];
    xai_result_free(r);
}

static void *explain_often(void *argument)
{
    job *j = argument;
    float first = 0;
    for (int i = 0; i < ROUNDS && j->status == XAI_OK; i++) {
        explain_once(j);
        if (i == 0) first = j->sum;
        if (memcmp(&first, &j->sum, sizeof first) != 0) j->status = XAI_E_INTERNAL;
    }
    return NULL;
}

static xai_image *picture(void)
{
    static uint8_t rgb[SIDE * SIDE * 3];
    xai_image *image = NULL;
    for (size_t i = 0; i < sizeof rgb; i++) rgb[i] = (uint8_t)(i * 7);
    ck_assert_int_eq(xai_image_from_rgb(rgb, SIDE, SIDE, 1, &image, NULL), XAI_OK);
    return image;
}

/* The most that one of the jobs holds. */
static size_t largest_need(job *jobs)
{
    size_t low = 1 << 14, high = 100 * MB;
    while (high - low > 1 << 12) {
        size_t middle = low + (high - low) / 2;
        bool fits = true;
        xai_memory_set_budget(middle);
        for (int i = 0; i < JOBS && fits; i++) {
            explain_once(&jobs[i]);
            fits = jobs[i].status == XAI_OK;
            if (!fits) ck_assert_int_eq(jobs[i].status, XAI_E_TOO_LARGE);
        }
        *(fits ? &high : &low) = middle;
    }
    return high;
}

START_TEST(jobs_share_a_budget_that_holds_one)
{
    xai_model *models[] = {load_net(NETS[0]), load_net(NETS[3])};
    xai_image *image = picture();
    job jobs[JOBS];
    pthread_t threads[JOBS];
    for (int i = 0; i < JOBS; i++) jobs[i] = (job){.model = models[i % 2], .image = image, .method = METHODS[i]};
    size_t need = largest_need(jobs);
    xai_memory_set_budget(need);
    for (int i = 0; i < JOBS; i++) {
        jobs[i].status = XAI_OK;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, explain_often, &jobs[i]), 0);
    }
    for (int i = 0; i < JOBS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_msg(jobs[i].status == XAI_OK, "%s: %s", jobs[i].method, jobs[i].err.msg);
    }
    ck_assert_uint_le(xai_memory_now().idle, need);
    xai_image_free(image);
    xai_model_unref(models[0]);
    xai_model_unref(models[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph/budget");
    TCase *tc = tcase_create("budget");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, start, stop);
    tcase_add_test(tc, what_can_never_fit_is_refused_with_both_numbers);
    tcase_add_test(tc, what_is_reserved_is_used_without_waiting);
    tcase_add_test(tc, a_job_waits_for_another_to_end);
    tcase_add_test(tc, waiting_has_an_order);
    tcase_add_test(tc, a_cancelled_job_stops_waiting);
    tcase_add_test(tc, jobs_that_wait_for_each_other_do_not_wait_for_ever);
    tcase_add_test(tc, idle_lanes_of_another_model_make_room);
    tcase_add_test(tc, few_idle_lanes_of_one_program_are_kept);
    tcase_add_test(tc, jobs_share_a_budget_that_holds_one);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
