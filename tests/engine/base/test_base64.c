/* Base64: the RFC's examples, round trips, and everything that is not base64. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"

START_TEST(rfc_4648_examples)
{
    static const char *const PAIRS[][2] = {{"", ""},         {"f", "Zg=="},         {"fo", "Zm8="},        {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof PAIRS / sizeof PAIRS[0]; i++) {
        char text[16];
        size_t n = strlen(PAIRS[i][0]), length = xai_base64_length(n);
        xai_base64_encode(PAIRS[i][0], n, text);
        ck_assert_uint_eq(length, strlen(PAIRS[i][1]));
        ck_assert_mem_eq(text, PAIRS[i][1], length);
    }
}
END_TEST

START_TEST(every_length_round_trips)
{
    uint8_t bytes[256], back[256];
    char text[352];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 167 + 13);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        size_t got, length = xai_base64_length(n);
        xai_base64_encode(bytes, n, text);
        ck_assert_uint_ge(xai_base64_room(length), n);
        ck_assert(xai_base64_decode(text, length, back, &got));
        ck_assert_uint_eq(got, n);
        ck_assert_mem_eq(back, bytes, n);
    }
}
END_TEST

START_TEST(what_is_not_base64_is_refused)
{
    static const char *const BAD[] = {"Z", "Zg", "Zg=", "Zg==\n", "Zm 9", "Zm9v====", "====", "Z===", "Zh==",
                                      "Zm9=", "Zg==Zg==", "Zm9\xc3", "Zm-_", "=m9v", "Zm=v"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        uint8_t out[16];
        size_t size;
        ck_assert_msg(!xai_base64_decode(BAD[i], strlen(BAD[i]), out, &size), "accepted %s", BAD[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base64");
    TCase *tc = tcase_create("base64");
    tcase_add_test(tc, rfc_4648_examples);
    tcase_add_test(tc, every_length_round_trips);
    tcase_add_test(tc, what_is_not_base64_is_refused);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
