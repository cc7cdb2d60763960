/* Gate and target: heads and request targets as tables, with the exact status. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/gate.h"
#include "http/params.h"
#include "http/target.h"

static http_config limits;

static void setup(void)
{
    http_config_default(&limits);
    limits.max_body = 1000;
    limits.max_uri = 100;
    limits.max_headers = 8;
    limits.max_header_bytes = 400;
}

/* "Name: value" lines; a name ends at the first ": ". */
static size_t split(const char *lines, http_field *fields)
{
    size_t count = 0;
    while (*lines) {
        const char *colon = strstr(lines, ": "), *end = strchr(lines, '\n');
        fields[count++] = (http_field){lines, colon + 2, (size_t)(colon - lines), (size_t)(end - colon - 2)};
        lines = end + 1;
    }
    return count;
}

typedef struct head_case {
    int status;
    const char *method, *target, *version, *fields;
} head_case;

#define H   "Host: a\n"
#define V11 "HTTP/1.1"

static const head_case heads[] = {
    {0, "GET", "/", V11, H},
    {0, "HEAD", "/", V11, H},
    {0, "GET", "/", "HTTP/1.0", ""},
    {0, "POST", "/", V11, H "Content-Length: 5\n"},
    {0, "POST", "/", V11, H "Content-Length: 1000\n"},
    {0, "POST", "/", V11, H "Content-Length: 0005\n"},
    {0, "POST", "/", V11, H "Transfer-Encoding: chunked\n"},
    {0, "POST", "/", V11, H "transfer-encoding: CHUNKED \n"},
    {0, "POST", "/", V11, H "Expect: 100-Continue\nContent-Length: 5\n"},
    {0, "POST", "/", V11, H "Content-Encoding: identity\n"},
    {0, "GET", "/", V11, "host: [::1]:8080\n"},
    {0, "GET", "/", V11, H "X-Latin: \xe9\n"},
    {0, "GET", "/", V11, H "Accept: a\nAccept: b\n"},
    {413, "POST", "/", V11, H "Content-Length: 1001\n"},
    {413, "POST", "/", V11, H "Content-Length: 999999999999999999\n"},
    {400, "POST", "/", V11, H "Content-Length: 9999999999999999999\n"},
    {400, "POST", "/", V11, H "Content-Length: 5\nContent-Length: 5\n"},
    {400, "POST", "/", V11, H "Content-Length: 5, 5\n"},
    {400, "POST", "/", V11, H "Content-Length: +5\n"},
    {400, "POST", "/", V11, H "Content-Length: -5\n"},
    {400, "POST", "/", V11, H "Content-Length: 0x5\n"},
    {400, "POST", "/", V11, H "Content-Length: 5 \n"},
    {400, "POST", "/", V11, H "Content-Length: \n"},
    {400, "POST", "/", V11, H "Content-Length : 5\n"},
    {400, "POST", "/", V11, H "Content-Length\t: 5\n"},
    {400, "POST", "/", V11, H "Transfer-Encoding: chunked\nContent-Length: 5\n"},
    {400, "POST", "/", V11, H "Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n"},
    {400, "POST", "/", "HTTP/1.0", H "Transfer-Encoding: chunked\n"},
    {501, "POST", "/", V11, H "Transfer-Encoding: gzip\n"},
    {501, "POST", "/", V11, H "Transfer-Encoding: gzip, chunked\n"},
    {501, "POST", "/", V11, H "Transfer-Encoding: chunked, identity\n"},
    {501, "POST", "/", V11, H "Transfer-Encoding: \n"},
    {501, "POST", "/", V11, H "Transfer-Encoding: xchunked\n"},
    {400, "GET", "/", V11, ""},
    {400, "GET", "/", V11, H H},
    {400, "GET", "/", V11, "Host: a b\n"},
    {400, "GET", "/", V11, "Host: a/b\n"},
    {400, "GET", "/", V11, "Host: u@h\n"},
    {400, "GET", "/", "HTTP/1.0", H H},
    {400, "GET", "/", V11, H "Authorization: a\nAuthorization: b\n"},
    {400, "GET", "/", V11, H "Content-Type: a/b\nContent-Type: a/c\n"},
    {400, "GET", "/", V11, H ": empty\n"},
    {400, "GET", "/", V11, H "X Y: 1\n"},
    {400, "GET", "/", V11, H "X(Y): 1\n"},
    {400, "GET", "/", V11, H "X\xe9: 1\n"},
    {400, "GET", "/", V11, H "X: a\rb\n"},
    {400, "GET", "/", V11, H "X: a\x01" "b\n"},
    {400, "GET", "/", V11, H "X: a\x7f" "b\n"},
    {415, "POST", "/", V11, H "Content-Encoding: gzip\n"},
    {417, "POST", "/", V11, H "Expect: 200-ok\n"},
    {431, "GET", "/", V11, H "A: 1\nA: 2\nA: 3\nA: 4\nA: 5\nA: 6\nA: 7\nA: 8\n"},
    {501, "BREW", "/", V11, H},
    {501, "CONNECT", "/", V11, H},
    {501, "TRACE", "/", V11, H},
    {501, "get", "/", V11, H},
    {505, "GET", "/", "HTTP/1.2", H},
    {505, "GET", "/", "", H},
};

START_TEST(heads_get_their_status)
{
    const head_case *c = &heads[_i];
    http_field fields[32];
    http_head head = {c->method, c->target, c->version, fields, split(c->fields, fields), false};
    http_verdict verdict = http_gate_check(&head, &limits);
    ck_assert_msg(verdict.status == c->status, "%s %s %s\n%s-> %d (%s), expected %d", c->method, c->target, c->version,
                  c->fields, verdict.status, verdict.code ? verdict.code : "", c->status);
    ck_assert(!verdict.status == !verdict.detail && !verdict.status == !verdict.code);
}
END_TEST

START_TEST(a_nul_in_a_value_is_refused)
{
    const http_field fields[] = {{"Host", "a", 4, 1}, {"X", "a\0b", 1, 3}};
    const http_head head = {"GET", "/", V11, fields, 2, false};
    ck_assert_int_eq(http_gate_check(&head, &limits).status, 400);
}
END_TEST

START_TEST(a_head_that_lost_bytes_is_refused)
{
    const http_field field = {"Host", "a", 4, 1};
    const http_head head = {"GET", "/", V11, &field, 1, true};
    ck_assert_int_eq(http_gate_check(&head, &limits).status, 400);
}
END_TEST

START_TEST(sizes_are_limited_exactly)
{
    char value[402], target[103];
    memset(value, 'v', sizeof value);
    memset(target, 't', sizeof target);
    target[0] = '/';
    http_field fields[] = {{"Host", "a", 4, 1}, {"X", value, 1, 400 - 9 - 5}};
    target[100] = 0;
    http_head head = {"GET", target, V11, fields, 2, false};
    ck_assert_int_eq(http_gate_check(&head, &limits).status, 0);
    fields[1].value_size++;
    ck_assert_int_eq(http_gate_check(&head, &limits).status, 431);
    fields[1].value_size = 1;
    target[100] = 't';
    target[101] = 0;
    ck_assert_int_eq(http_gate_check(&head, &limits).status, 414);
}
END_TEST

START_TEST(the_announced_length_is_read)
{
    http_field fields[8];
    http_head head = {"POST", "/", V11, fields, split(H "Content-Length: 17\n", fields), false};
    ck_assert_int_eq(http_gate_length(&head), 17);
    head.field_count = split(H "Transfer-Encoding: chunked\n", fields);
    ck_assert_int_eq(http_gate_length(&head), -1);
    head.field_count = split(H, fields);
    ck_assert_int_eq(http_gate_length(&head), 0);
}
END_TEST

/* ---------------------------------------------------------------- targets */

typedef struct target_case {
    const char *raw, *expected; /* "path|name=value|..."; NULL: 400 */
} target_case;

static const target_case targets[] = {
    {"/", "/"},
    {"*", "*"},
    {"/a/b", "/a/b"},
    {"/a%20b", "/a b"},
    {"/%C3%A9", "/\xc3\xa9"},
    {"/a+b", "/a+b"},
    {"/a?x=1&y=a+b&z", "/a|x=1|y=a b|z="},
    {"/a?x=%26%3D&=1&&x=2", "/a|x=&=|x=2"},
    {"/a?x=1?2", "/a|x=1?2"},
    {"/a?x=a=b", "/a|x=a=b"},
    {"/a?", "/a"},
    {"/a?x=..%2F", "/a|x=../"},
    {"/...", "/..."},
    {"/a..b/.c", "/a..b/.c"},
    {"http://h:1/p?q=1", "/p|q=1"},
    {"HTTPS://h/p", "/p"},
    {"", NULL},
    {"a", NULL},
    {"http://h", NULL},
    {"ftp://h/p", NULL},
    {"/%", NULL},
    {"/%2", NULL},
    {"/%zz", NULL},
    {"/%00", NULL},
    {"/a%00.png", NULL},
    {"/%0a", NULL},
    {"/%7f", NULL},
    {"/%2e%2e/etc", NULL},
    {"/a/../b", NULL},
    {"/a/..", NULL},
    {"/./a", NULL},
    {"/.", NULL},
    {"/a%2f..%2fb", NULL},
    {"/a%2Fb", NULL},
    {"/a b", NULL},
    {"/\xc3\xa9", NULL},
    {"/%c0%af", NULL},
    {"/%ed%a0%80", NULL},
    {"/%ff", NULL},
    {"/a#b", NULL},
    {"/a?x=%", NULL},
    {"/a?x=%00", NULL},
    {"/a?%zz=1", NULL},
    {"/a?x=%ff", NULL},
};

START_TEST(targets_are_decoded_strictly)
{
    const target_case *c = &targets[_i];
    char *raw = strdup(c->raw), text[512];
    http_target target;
    http_verdict verdict = http_target_parse(raw, &target);
    ck_assert_msg((verdict.status == 0) == (c->expected != NULL), "%s -> %d", c->raw, verdict.status);
    if (c->expected) {
        int size = snprintf(text, sizeof text, "%s", target.path);
        for (size_t i = 0; i < target.query_count; i++)
            size += snprintf(text + size, sizeof text - (size_t)size, "|%s=%s", target.query[i].name,
                             target.query[i].value);
        ck_assert_str_eq(text, c->expected);
    } else {
        ck_assert_int_eq(verdict.status, 400);
    }
    free(raw);
}
END_TEST

START_TEST(query_parameters_are_limited)
{
    char raw[HTTP_MAX_QUERY * 4 + 16] = "/?";
    http_target target;
    for (int i = 0; i < HTTP_MAX_QUERY; i++) strcat(raw, "a=1&");
    char *copy = strdup(raw);
    ck_assert_int_eq(http_target_parse(copy, &target).status, 0);
    free(copy);
    strcat(raw, "a=1");
    ck_assert_int_eq(http_target_parse(raw, &target).status, 400);
}
END_TEST

START_TEST(parameters_are_read_in_any_order_and_case)
{
    const char *value = "a/b ; X=1;Y=\"a;\\\"b\" ; z=2", *cursor = value;
    char key[8], out[8];
    ck_assert(http_params_next(&cursor, key, sizeof key, out, sizeof out) == HTTP_PARAM_FOUND);
    ck_assert_str_eq(key, "x");
    ck_assert(http_params_next(&cursor, key, sizeof key, out, sizeof out) == HTTP_PARAM_FOUND);
    ck_assert_str_eq(out, "a;\"b");
    ck_assert(http_params_next(&cursor, key, sizeof key, out, sizeof out) == HTTP_PARAM_FOUND);
    ck_assert_str_eq(out, "2");
    ck_assert(http_params_next(&cursor, key, sizeof key, out, sizeof out) == HTTP_PARAM_END);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gate");
    TCase *tc = tcase_create("gate");
    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_loop_test(tc, heads_get_their_status, 0, sizeof heads / sizeof *heads);
    tcase_add_test(tc, a_nul_in_a_value_is_refused);
    tcase_add_test(tc, a_head_that_lost_bytes_is_refused);
    tcase_add_test(tc, sizes_are_limited_exactly);
    tcase_add_test(tc, the_announced_length_is_read);
    tcase_add_loop_test(tc, targets_are_decoded_strictly, 0, sizeof targets / sizeof *targets);
    tcase_add_test(tc, query_parameters_are_limited);
    tcase_add_test(tc, parameters_are_read_in_any_order_and_case);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
