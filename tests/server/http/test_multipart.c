/* Multipart: a table of bodies, each fed whole, byte by byte, and cut in two at every position. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/multipart.h"

#define FORM "multipart/form-data; boundary=XX"

/* What came out, as text: "name|filename|type=bytes;" a part. */
typedef struct record {
    char text[65536];
    size_t size;
    bool open;
} record;

static void put(record *r, const char *bytes, size_t size)
{
    ck_assert(r->size + size < sizeof r->text);
    memcpy(r->text + r->size, bytes, size);
    r->size += size;
}

static bool on_begin(void *user, const http_part_head *head)
{
    char line[1024];
    record *r = user;
    int length = snprintf(line, sizeof line, "%s%s|%s|%s=", r->open ? ";" : "", head->name,
                          head->has_filename ? head->filename : "-", head->type[0] ? head->type : "-");
    r->open = true;
    put(r, line, (size_t)length);
    return true;
}

static bool on_data(void *user, const char *bytes, size_t size)
{
    record *r = user;
    ck_assert(r->open && size > 0);
    put(r, bytes, size);
    return true;
}

/* Feeds body[0..cut) and the rest; *error is NULL if it passed. */
static void parse(const char *type, const char *body, size_t size, size_t step, size_t cut, record *r,
                  const char **error)
{
    http_multipart parser;
    const http_part_sink sink = {on_begin, on_data, r};
    memset(r, 0, sizeof *r);
    bool ok = http_multipart_init(&parser, type, 3, &sink);
    for (size_t at = 0; ok && at < size;) {
        size_t left = size - at, take = step ? step : at < cut ? cut - at : left;
        if (take > left) take = left;
        char *copy = malloc(take); /* a block of its own, so that a read beyond it shows */
        memcpy(copy, body + at, take);
        ok = http_multipart_feed(&parser, copy, take);
        free(copy);
        at += take;
    }
    ok = ok && http_multipart_end(&parser);
    *error = ok ? NULL : parser.error;
    ck_assert_msg(ok || parser.error, "a failure without its reason");
}

typedef struct good {
    const char *type, *body, *expected;
} good;

#define CD "Content-Disposition: form-data; "

static const good goods[] = {
    {FORM, "--XX\r\n" CD "name=\"a\"\r\n\r\n1\r\n--XX--", "a|-|-=1"},
    {FORM, "--XX\r\n" CD "name=\"a\"\r\n\r\n1\r\n--XX--\r\nepilogue\r\n--XX\r\n", "a|-|-=1"},
    {FORM, "preamble\r\nmore --XX\r\n--XX\r\n" CD "name=\"a\"\r\n\r\n1\r\n--XX--\r\n", "a|-|-=1"},
    {FORM, "--XX  \t\r\n" CD "name=\"a\"\r\n\r\n1\r\n--XX--\r\n", "a|-|-=1"},
    {FORM, "--XX\r\n" CD "name=a\r\n\r\n1\r\n--XX--", "a|-|-=1"},
    {FORM, "--XX\r\n" CD "name=\"a\"\r\n\r\n\r\n--XX--", "a|-|-="},
    {FORM, "--XX\r\n" CD "name=\"a\"\r\n\r\n--XX--", "a|-|-="},
    {FORM, "--XX\r\n" CD "name=\"a\"\r\n\r\n\r\n\r\n--XX--", "a|-|-=\r\n"},
    {FORM, "--XX\r\n" CD "name=\"a\"\r\n\r\n-\r\n-\r\n--\r\n--X\r\n\r\r\n--XX--", "a|-|-=-\r\n-\r\n--\r\n--X\r\n\r"},
    {FORM, "--XX\r\n" CD "name=\"a\"\r\n\r\n--X\r\n--XX--", "a|-|-=--X"},
    {FORM, "--XX\r\n" CD "name=\"a\"\r\n\r\nx--XX\r\n--XX--", "a|-|-=x--XX"},
    {FORM, "--XX\r\n" CD "name=\"a\"\r\n\r\nx\n--XX\r\n--XX--", "a|-|-=x\n--XX"},
    {FORM, "--XX\r\n" CD "name=\"a\"\r\n\r\n1\r\n--XX\r\n" CD "name=\"b\"\r\n\r\n2\r\n--XX--", "a|-|-=1;b|-|-=2"},
    {FORM, "--XX\r\ncontent-DISPOSITION:FORM-DATA;NAME=\"a\" ;  FileName=\"f.png\"\r\ncontent-type: Image/PNG; x=y\r\n\r\n1"
           "\r\n--XX--", "a|f.png|image/png=1"},
    {FORM, "--XX\r\n" CD "filename=\"q\\\"u\\\\o;te.png\"; name=\"a\"\r\n\r\n1\r\n--XX--", "a|q\"u\\o;te.png|-=1"},
    {FORM, "--XX\r\n" CD "name=\"a\"; filename=\"C:\\pics\\x.png\"\r\n\r\n1\r\n--XX--", "a|C:\\pics\\x.png|-=1"},
    {FORM, "--XX\r\n" CD "name=\"a\"; filename=\"\"\r\n\r\n1\r\n--XX--", "a||-=1"},
    {FORM, "--XX\r\n" CD "name=\"a\"; filename=\"x\"; filename*=UTF-8''na%C3%AFve.png\r\n\r\n1\r\n--XX--", "a|na\xc3\xafve.png|-=1"},
    {FORM, "--XX\r\n" CD "name=\"a\"; filename*=utf-8'en'y.png; filename=\"x\"\r\n\r\n1\r\n--XX--", "a|y.png|-=1"},
    {FORM, "--XX\r\nX-Other: 1\r\n" CD "name=\"a\"\r\nContent-Transfer-Encoding: binary\r\n\r\n1\r\n--XX--", "a|-|-=1"},
    {"multipart/form-data; boundary=XX; charset=utf-8", "--XX\r\n" CD "name=\"a\"\r\n\r\n1\r\n--XX--", "a|-|-=1"},
    {"multipart/form-data; charset=utf-8; boundary=XX", "--XX\r\n" CD "name=\"a\"\r\n\r\n1\r\n--XX--", "a|-|-=1"},
    {"Multipart/Form-Data;Boundary=XX", "--XX\r\n" CD "name=\"a\"\r\n\r\n1\r\n--XX--", "a|-|-=1"},
    {"multipart/form-data; boundary=\"X X:?\"", "--X X:?\r\n" CD "name=\"a\"\r\n\r\n1\r\n--X X:?--", "a|-|-=1"},
    {"multipart/form-data; boundary=\"XX\" ; a=b", "--XX\r\n" CD "name=\"a\"\r\n\r\n1\r\n--XX--", "a|-|-=1"},
    {"multipart/form-data; boundary=-----------------------------1234567890123456789012345678",
     "-------------------------------1234567890123456789012345678\r\n" CD "name=\"a\"\r\n\r\n-----\r\n"
     "-------------------------------1234567890123456789012345678--\r\n", "a|-|-=-----"},
};

typedef struct bad {
    const char *type, *body, *error; /* a part of the message */
} bad;

static const bad bads[] = {
    {"multipart/form-data", "", "needs a boundary"},
    {"multipart/form-data; boundary=", "", "malformed"},
    {"multipart/form-data; boundary=\"\"", "", "needs a boundary"},
    {"multipart/form-data; boundary=\"XX", "", "malformed"},
    {"multipart/form-data; boundary=XX; boundary=YY", "", "two boundaries"},
    {"multipart/form-data; boundary=X{X", "", "RFC 2046"},
    {"multipart/form-data; boundary=\"X \"", "", "RFC 2046"},
    {"multipart/form-data; boundary=01234567890123456789012345678901234567890123456789012345678901234567890", "", "RFC 2046"},
    {"multipart/form-data; boundary XX", "", "malformed"},
    {FORM, "", "does not hold its boundary"},
    {FORM, "abc", "does not hold its boundary"},
    {FORM, "--XX--", "no part"},
    {FORM, "--XX", "closing boundary"},
    {FORM, "--XX\r\n", "closing boundary"},
    {FORM, "--XX\r\n" CD "name=\"a\"\r\n\r\n1", "closing boundary"},
    {FORM, "--XX\r\n" CD "name=\"a\"\r\n\r\n1\r\n--XX", "closing boundary"},
    {FORM, "--XX\r\n" CD "name=\"a\"\r\n\r\n1\r\n--XX-", "closing boundary"},
    {FORM, "--XX\r\n" CD "name=\"a\"\r\n\r\n1\r\n--XX\r\n", "closing boundary"},
    {FORM, "--XXX\r\n" CD "name=\"a\"\r\n\r\n1\r\n--XX--", "stray bytes"},
    {FORM, "--XX\r\n" CD "name=\"a\"\r\n\r\n1\r\n--XX-x", "stray bytes"},
    {FORM, "--XX\n" CD "name=\"a\"\n\n1\n--XX--", "stray bytes"},
    {FORM, "--XX\r\r\n" CD "name=\"a\"\r\n\r\n1\r\n--XX--", "stray bytes"},
    {FORM, "--XX\r\n" CD "name=\"a\"\nX: y\r\n\r\n1\r\n--XX--", "end with CRLF"},
    {FORM, "--XX\r\n" CD "name=\"a\"\r\n\rX: y\r\n\r\n1\r\n--XX--", "end with CRLF"},
    {FORM, "--XX\r\nA: b\rX\r\n" CD "name=\"a\"\r\n\r\n1\r\n--XX--", "end with CRLF"},
    {FORM, "--XX\r\n\r\n1\r\n--XX--", "no Content-Disposition"},
    {FORM, "--XX\r\nContent-Type: text/plain\r\n\r\n1\r\n--XX--", "no Content-Disposition"},
    {FORM, "--XX\r\n" CD "name=\"a\"\r\n" CD "name=\"b\"\r\n\r\n1\r\n--XX--", "two Content-Disposition"},
    {FORM, "--XX\r\n" CD "name=\"a\"\r\nContent-Type: a/b\r\nContent-Type: a/c\r\n\r\n1\r\n--XX--", "two Content-Type"},
    {FORM, "--XX\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n1\r\n--XX--", "form-data"},
    {FORM, "--XX\r\n" CD "filename=\"a\"\r\n\r\n1\r\n--XX--", "no name"},
    {FORM, "--XX\r\n" CD "name=\"\"\r\n\r\n1\r\n--XX--", "no name"},
    {FORM, "--XX\r\n" CD "name=\r\n\r\n1\r\n--XX--", "malformed"},
    {FORM, "--XX\r\n" CD "name=\"a\r\n\r\n1\r\n--XX--", "malformed"},
    {FORM, "--XX\r\n" CD "name=\"a\"; name=\"b\"\r\n\r\n1\r\n--XX--", "twice"},
    {FORM, "--XX\r\n" CD "name=\"a\"; filename=b; filename=c\r\n\r\n1\r\n--XX--", "twice"},
    {FORM, "--XX\r\n" CD "name=\"a\"; filename*=UTF-8''%zz\r\n\r\n1\r\n--XX--", "filename*"},
    {FORM, "--XX\r\n" CD "name=\"a\"; filename*=UTF-8''a%00b\r\n\r\n1\r\n--XX--", "filename*"},
    {FORM, "--XX\r\n" CD "name=\"a\"; filename*=latin1''a\r\n\r\n1\r\n--XX--", "filename*"},
    {FORM, "--XX\r\n" CD "name=\"a\"; filename*=UTF-8''%ff\r\n\r\n1\r\n--XX--", "invalid UTF-8"},
    {FORM, "--XX\r\n" CD "name=\"\xff\"\r\n\r\n1\r\n--XX--", "invalid UTF-8"},
    {FORM, "--XX\r\n" CD "name=\"a\x01\"\r\n\r\n1\r\n--XX--", "control characters"},
    {FORM, "--XX\r\n" CD "name=\"a\" stray\r\n\r\n1\r\n--XX--", "malformed"},
    {FORM, "--XX\r\n" CD "name=\"a\"\r\n folded: 1\r\n\r\n1\r\n--XX--", "folded"},
    {FORM, "--XX\r\nContent-Disposition : form-data; name=\"a\"\r\n\r\n1\r\n--XX--", "space before"},
    {FORM, "--XX\r\nnonsense\r\n\r\n1\r\n--XX--", "no colon"},
    {FORM, "--XX\r\n: x\r\n\r\n1\r\n--XX--", "no name or no colon"},
    {FORM, "--XX\r\n" CD "name=\"a\"\r\nContent-Transfer-Encoding: base64\r\n\r\n1\r\n--XX--", "Content-Transfer-Encoding"},
    {FORM, "--XX\r\n" CD "name=a\r\n\r\n1\r\n--XX\r\n" CD "name=b\r\n\r\n1\r\n--XX\r\n" CD "name=c\r\n\r\n1\r\n--XX\r\n" CD
           "name=d\r\n\r\n1\r\n--XX--", "too many parts"},
};

static void check_good(const good *g, size_t step, size_t cut)
{
    static record r;
    const char *error;
    parse(g->type, g->body, strlen(g->body), step, cut, &r, &error);
    ck_assert_msg(!error, "%s: refused: %s", g->body, error);
    ck_assert_msg(r.size == strlen(g->expected) && memcmp(r.text, g->expected, r.size) == 0,
                  "step %zu cut %zu:\n%s\ngave\n%.*s", step, cut, g->body, (int)r.size, r.text);
}

START_TEST(good_bodies_give_their_parts_however_they_are_cut)
{
    const good *g = &goods[_i];
    check_good(g, 0, 0);
    for (size_t step = 1; step < 6; step++) check_good(g, step, 0);
    for (size_t cut = 1; cut < strlen(g->body); cut++) check_good(g, 0, cut);
}
END_TEST

START_TEST(bad_bodies_are_refused_with_the_same_reason_however_they_are_cut)
{
    const bad *b = &bads[_i];
    static record r;
    const char *error;
    for (size_t cut = 0; cut <= strlen(b->body); cut++) {
        parse(b->type, b->body, strlen(b->body), cut == 0, cut, &r, &error);
        ck_assert_msg(error != NULL, "%s: accepted", b->body);
        ck_assert_msg(!strpbrk(error, "\"\\\n"), "%s: would break a problem document", error);
        ck_assert_msg(strstr(error, b->error) != NULL, "%s: %s, expected %s", b->body, error, b->error);
    }
}
END_TEST

/* Every proper prefix of a good body must be refused: an upload that breaks off is never taken for a whole one. */
START_TEST(every_truncation_is_an_error)
{
    const good *g = &goods[_i];
    static record r;
    const char *error;
    const char *closing = strstr(g->type, "X X") ? "--X X:?--" : strstr(g->type, "1234") ? "5678--" : "--XX--";
    size_t whole = (size_t)(strstr(g->body, closing) - g->body) + strlen(closing);
    for (size_t size = 0; size < whole; size++) {
        parse(g->type, g->body, size, 0, 0, &r, &error);
        ck_assert_msg(error != NULL, "%.*s: accepted", (int)size, g->body);
    }
}
END_TEST

START_TEST(nul_in_a_part_head_is_refused)
{
    static const char body[] = "--XX\r\n" CD "name=\"a\"\r\nX: a\0b\r\n\r\n1\r\n--XX--";
    static record r;
    const char *error;
    parse(FORM, body, sizeof body - 1, 0, 0, &r, &error);
    ck_assert_ptr_nonnull(error);
    ck_assert_ptr_nonnull(strstr(error, "NUL"));
}
END_TEST

START_TEST(binary_data_passes_unchanged)
{
    static record r;
    static char body[20000];
    const char *error, head[] = "--XX\r\n" CD "name=a\r\n\r\n", tail[] = "\r\n--XX--";
    size_t size = sizeof head - 1;
    memcpy(body, head, size);
    for (int i = 0; i < 16384; i++) body[size++] = (char)(i * 7 + (i >> 8) * 13);
    memcpy(body + size, tail, sizeof tail - 1);
    for (size_t step = 1; step < 300; step += 37) {
        parse(FORM, body, size + sizeof tail - 1, step, 0, &r, &error);
        ck_assert_msg(!error, "%s", error);
        ck_assert_uint_eq(r.size, 6 + 16384);
        ck_assert_mem_eq(r.text + 6, body + sizeof head - 1, 16384);
    }
}
END_TEST

START_TEST(headers_of_a_part_are_limited)
{
    static record r;
    static char body[HTTP_MAX_PART_HEAD + 200];
    const char *error;
    int size = snprintf(body, sizeof body, "--XX\r\nX: ");
    memset(body + size, 'y', sizeof body - (size_t)size);
    parse(FORM, body, sizeof body, 0, 0, &r, &error);
    ck_assert_ptr_nonnull(error);
    ck_assert_ptr_nonnull(strstr(error, "too large"));
}
END_TEST

START_TEST(overlong_names_are_refused_not_cut)
{
    static record r;
    char body[600], name[HTTP_MAX_PART_NAME + 1];
    const char *error;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    int size = snprintf(body, sizeof body, "--XX\r\n" CD "name=\"%s\"\r\n\r\n1\r\n--XX--", name);
    parse(FORM, body, (size_t)size, 0, 0, &r, &error);
    ck_assert_ptr_nonnull(error);
    size = snprintf(body, sizeof body, "--XX\r\n" CD "name=\"%s\"\r\n\r\n1\r\n--XX--", name + 1);
    parse(FORM, body, (size_t)size, 0, 0, &r, &error);
    ck_assert_ptr_null(error);
}
END_TEST

START_TEST(a_failed_parser_stays_failed)
{
    record *r = calloc(1, sizeof *r);
    const http_part_sink sink = {on_begin, on_data, r};
    http_multipart parser;
    ck_assert(http_multipart_init(&parser, FORM, 3, &sink));
    ck_assert(!http_multipart_feed(&parser, "--XXnonsense", 12));
    const char *first = parser.error;
    ck_assert(!http_multipart_feed(&parser, "\r\n--XX--", 8));
    ck_assert(!http_multipart_end(&parser));
    ck_assert_ptr_eq(parser.error, first);
    free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("multipart");
    TCase *tc = tcase_create("multipart");
    tcase_add_loop_test(tc, good_bodies_give_their_parts_however_they_are_cut, 0, sizeof goods / sizeof *goods);
    tcase_add_loop_test(tc, bad_bodies_are_refused_with_the_same_reason_however_they_are_cut, 0,
                        sizeof bads / sizeof *bads);
    tcase_add_loop_test(tc, every_truncation_is_an_error, 0, sizeof goods / sizeof *goods);
    tcase_add_test(tc, nul_in_a_part_head_is_refused);
    tcase_add_test(tc, binary_data_passes_unchanged);
    tcase_add_test(tc, headers_of_a_part_are_limited);
    tcase_add_test(tc, overlong_names_are_refused_not_cut);
    tcase_add_test(tc, a_failed_parser_stays_failed);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
