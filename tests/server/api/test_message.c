/* Messages: look-ups, what a response refuses to carry, who frees what, and a transport made of three functions. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "api/message.h"

static int released, closed, woken, answered;

static void count_release(void *owner)
{
    free(owner);
    released++;
}

static void count_close(void *user)
{
    (void)user;
    closed++;
}

static api_next no_event(void *user, api_event *event)
{
    (void)user, (void)event;
    return API_NEXT_END;
}

START_TEST(look_ups_give_the_first_of_a_name)
{
    const api_pair query[] = {{"a", "1"}, {"A", "2"}, {"a", "3"}}, headers[] = {{"Accept", "x"}, {"accept", "y"}};
    const api_part parts[] = {{.name = "image"}, {.name = "request"}};
    const api_request r = {.query = query, .query_count = 3, .headers = headers, .header_count = 2, .parts = parts,
                           .part_count = 2};
    ck_assert_str_eq(api_request_query(&r, "a"), "1");
    ck_assert_str_eq(api_request_query(&r, "A"), "2");
    ck_assert_ptr_null(api_request_query(&r, "b"));
    ck_assert_str_eq(api_request_header(&r, "ACCEPT"), "x");
    ck_assert_ptr_null(api_request_header(&r, "Host"));
    ck_assert_ptr_eq(api_request_part(&r, "request"), &parts[1]);
    ck_assert_ptr_null(api_request_part(&r, "Image"));
}
END_TEST

START_TEST(headers_that_could_split_a_response_are_refused)
{
    api_response r;
    api_response_init(&r, 200);
    ck_assert(api_response_header(&r, "Location", "/x/%d", 7));
    ck_assert_str_eq(r.headers[0].value, "/x/7");
    ck_assert(!api_response_header(&r, "X-A", "a\r\nSet-Cookie: b"));
    ck_assert(!api_response_header(&r, "X-A", "%*d", API_MAX_HEADER_VALUE, 1));
    ck_assert(api_response_header(&r, "X-A", "%*d", API_MAX_HEADER_VALUE - 1, 1));
    ck_assert_uint_eq(r.header_count, 2);
    while (r.header_count < API_MAX_HEADERS) ck_assert(api_response_header(&r, "X-B", "b"));
    ck_assert(!api_response_header(&r, "X-C", "c"));
}
END_TEST

START_TEST(an_unsent_response_frees_what_it_owns_once)
{
    api_response r;
    api_response_init(&r, 200);
    r.body = r.owner = malloc(10);
    r.release = count_release;
    r.events = (api_events){no_event, count_close, NULL};
    api_response_clear(&r);
    api_response_clear(&r);
    ck_assert_int_eq(released, 1);
    ck_assert_int_eq(closed, 1);
}
END_TEST

static void take_answer(api_request *request, api_response *response)
{
    (void)request;
    answered = response->status;
    api_response_clear(response);
}

static bool take_gone(api_request *request, void (*gone)(void *user), void *user)
{
    (void)request;
    gone(user);
    return true;
}

static void take_wake(api_request *request)
{
    (void)request;
    woken++;
}

START_TEST(a_test_may_be_the_transport)
{
    static const api_transport transport = {take_answer, take_gone, take_wake};
    api_request request = {.transport = &transport};
    api_response r;
    api_response_init(&r, 201);
    api_response_take(&r, "text/plain", strdup("x"), 1);
    ck_assert(api_on_gone(&request, count_close, NULL));
    api_wake(&request);
    api_complete(&request, &r);
    ck_assert_int_eq(answered, 201);
    ck_assert_int_eq(woken, 1);
    ck_assert_int_eq(closed, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message");
    TCase *tc = tcase_create("message");
    tcase_add_test(tc, look_ups_give_the_first_of_a_name);
    tcase_add_test(tc, headers_that_could_split_a_response_are_refused);
    tcase_add_test(tc, an_unsent_response_frees_what_it_owns_once);
    tcase_add_test(tc, a_test_may_be_the_transport);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
