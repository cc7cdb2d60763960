/* Uploads: one body, parts, both limits, and the count of bytes in flight coming back to zero. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "http/upload.h"

static http_config limits;
static atomic_size_t total;
static http_upload upload;
static api_request request;

static const char form[] = "multipart/form-data; boundary=XX";
static const char two_parts[] = "--XX\r\nContent-Disposition: form-data; name=a; filename=f\r\nContent-Type: image/png\r\n\r\n"
                                "12345\r\n--XX\r\nContent-Disposition: form-data; name=b\r\n\r\n\r\n--XX--\r\n";

static void setup(void)
{
    http_config_default(&limits);
    limits.max_body = 100000;
    limits.max_bodies = 200000;
    atomic_store(&total, 0);
    memset(&request, 0, sizeof request);
}

static void teardown(void)
{
    http_upload_settle(&upload);
    http_upload_free(&upload);
    ck_assert_uint_eq(atomic_load(&total), 0);
}

static void feed(const char *bytes, size_t size, size_t step)
{
    for (size_t at = 0; at < size; at += step) http_upload_feed(&upload, bytes + at, size - at < step ? size - at : step);
}

START_TEST(a_body_arrives_whole_and_ends_with_nul)
{
    char body[50000];
    memset(body, 'b', sizeof body);
    http_upload_init(&upload, &limits, &total, "image/png");
    feed(body, sizeof body, 777);
    ck_assert_int_eq(http_upload_finish(&upload, &request).status, 0);
    ck_assert_uint_eq(request.size, sizeof body);
    ck_assert_mem_eq(request.body, body, sizeof body);
    ck_assert_int_eq(request.body[request.size], 0);
    ck_assert_uint_ge(atomic_load(&total), sizeof body);
}
END_TEST

START_TEST(no_body_is_no_error)
{
    http_upload_init(&upload, &limits, &total, NULL);
    ck_assert_int_eq(http_upload_finish(&upload, &request).status, 0);
    ck_assert_ptr_null(request.body);
    ck_assert_uint_eq(atomic_load(&total), 0);
}
END_TEST

START_TEST(parts_arrive_with_name_type_and_bytes)
{
    http_upload_init(&upload, &limits, &total, form);
    feed(two_parts, sizeof two_parts - 1, 3);
    ck_assert_int_eq(http_upload_finish(&upload, &request).status, 0);
    ck_assert_uint_eq(request.part_count, 2);
    const api_part *a = api_request_part(&request, "a"), *b = api_request_part(&request, "b");
    ck_assert_str_eq(a->filename, "f");
    ck_assert_str_eq(a->type, "image/png");
    ck_assert_str_eq((const char *)a->bytes, "12345");
    ck_assert_uint_eq(a->size, 5);
    ck_assert_ptr_null(b->filename);
    ck_assert_uint_eq(b->size, 0);
    ck_assert_ptr_nonnull(b->bytes);
    ck_assert_ptr_null(request.body);
}
END_TEST

START_TEST(the_limit_is_exact)
{
    char *body = calloc(1, limits.max_body + 1);
    http_upload_init(&upload, &limits, &total, NULL);
    feed(body, limits.max_body, 4096);
    ck_assert_int_eq(upload.verdict.status, 0);
    http_upload_feed(&upload, body, 1);
    ck_assert_int_eq(upload.verdict.status, 413);
    ck_assert_uint_eq(atomic_load(&total), 0); /* what came is dropped at once */
    http_upload_feed(&upload, body, 1000);
    ck_assert_int_eq(http_upload_finish(&upload, &request).status, 413);
    free(body);
}
END_TEST

START_TEST(uploads_share_one_total)
{
    char *body = calloc(1, 90000);
    http_upload other;
    http_upload_init(&other, &limits, &total, NULL);
    http_upload_feed(&other, body, 90000);
    ck_assert_int_eq(other.verdict.status, 0);
    http_upload_init(&upload, &limits, &total, NULL);
    http_upload_feed(&upload, body, 90000);
    ck_assert_int_eq(upload.verdict.status, 503);
    http_upload_settle(&other);
    http_upload_free(&other);
    http_upload_init(&upload, &limits, &total, NULL);
    http_upload_feed(&upload, body, 90000);
    ck_assert_int_eq(upload.verdict.status, 0);
    free(body);
}
END_TEST

START_TEST(a_broken_multipart_body_says_why)
{
    http_upload_init(&upload, &limits, &total, form);
    feed(two_parts, sizeof two_parts - 8, 5);
    http_verdict verdict = http_upload_finish(&upload, &request);
    ck_assert_int_eq(verdict.status, 400);
    ck_assert_ptr_nonnull(strstr(verdict.detail, "closing boundary"));
}
END_TEST

START_TEST(a_missing_boundary_is_refused_before_the_body)
{
    http_upload_init(&upload, &limits, &total, "multipart/form-data");
    ck_assert_int_eq(upload.verdict.status, 400);
}
END_TEST

START_TEST(the_parts_are_limited_by_the_shared_total)
{
    char *body = calloc(1, 80000);
    limits.max_bodies = 50000;
    http_upload_init(&upload, &limits, &total, form);
    feed("--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n", 49, 49);
    http_upload_feed(&upload, body, 80000);
    ck_assert_int_eq(upload.verdict.status, 503);
    free(body);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("upload");
    TCase *tc = tcase_create("upload");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_body_arrives_whole_and_ends_with_nul);
    tcase_add_test(tc, no_body_is_no_error);
    tcase_add_test(tc, parts_arrive_with_name_type_and_bytes);
    tcase_add_test(tc, the_limit_is_exact);
    tcase_add_test(tc, uploads_share_one_total);
    tcase_add_test(tc, a_broken_multipart_body_says_why);
    tcase_add_test(tc, a_missing_boundary_is_refused_before_the_body);
    tcase_add_test(tc, the_parts_are_limited_by_the_shared_total);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
