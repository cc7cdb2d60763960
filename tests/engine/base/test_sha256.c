/* SHA-256: the known answers of FIPS 180-4 and NIST's CAVP, and both code paths against each other. */
#include "base/sha256.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

typedef struct known {
    const char *text, *hex;
} known;

static const known KNOWN[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrst"
     "nopqrstu",
     "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
};

START_TEST(known_answers)
{
    char hex[65];
    xai_sha256_hex(KNOWN[_i].text, strlen(KNOWN[_i].text), hex);
    ck_assert_str_eq(hex, KNOWN[_i].hex);
}
END_TEST

START_TEST(no_bytes_may_be_null)
{
    char hex[65];
    xai_sha256_hex(NULL, 0, hex);
    ck_assert_str_eq(hex, KNOWN[0].hex);
}
END_TEST

START_TEST(million_times_a_in_uneven_pieces)
{
    static char text[1009];
    memset(text, 'a', sizeof text);
    xai_sha256 sha = xai_sha256_init();
    size_t left = 1000000;
    for (size_t piece = 1; left > 0; piece = piece % 1009 + 1) {
        size_t n = piece < left ? piece : left;
        xai_sha256_update(&sha, text, n);
        left -= n;
    }
    char hex[65];
    xai_sha256_final_hex(&sha, hex);
    ck_assert_str_eq(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
END_TEST

START_TEST(every_length_around_the_block_agrees_with_bytewise)
{
    uint8_t bytes[200];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        char once[65], bytewise[65];
        xai_sha256_hex(bytes, n, once);
        xai_sha256 sha = xai_sha256_init();
        for (size_t i = 0; i < n; i++) xai_sha256_update(&sha, bytes + i, 1);
        xai_sha256_final_hex(&sha, bytewise);
        ck_assert_str_eq(once, bytewise);
    }
}
END_TEST

#if defined(__x86_64__)
START_TEST(instructions_agree_with_portable)
{
    if (!xai_sha256_x86_usable()) return;
    uint8_t bytes[64 * 9];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)((i * i) >> 3);
    xai_sha256 a = xai_sha256_init(), b = xai_sha256_init();
    xai_sha256_blocks_portable(a.state, bytes, 9);
    xai_sha256_blocks_x86(b.state, bytes, 9);
    ck_assert_mem_eq(a.state, b.state, sizeof a.state);
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("base/sha256");
    TCase *tests = tcase_create("sha256");
    tcase_add_loop_test(tests, known_answers, 0, sizeof KNOWN / sizeof KNOWN[0]);
    tcase_add_test(tests, no_bytes_may_be_null);
    tcase_add_test(tests, million_times_a_in_uneven_pieces);
    tcase_add_test(tests, every_length_around_the_block_agrees_with_bytewise);
#if defined(__x86_64__)
    tcase_add_test(tests, instructions_agree_with_portable);
#endif
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
