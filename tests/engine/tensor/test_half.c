/* float16 and bfloat16: every one of the 65536 is itself when rounded, and what lies between two goes to the nearer. */
#include "tensor/half.h"

#include <check.h>
#include <stdbool.h>

static bool same(float a, float b) { return xai_bits_of_float(a) == xai_bits_of_float(b); }

START_TEST(halves_stay_what_they_are)
{
    for (uint32_t h = 0; h < 65536; h++) {
        float half = xai_half_to_float((uint16_t)h), bfloat = xai_bfloat_to_float((uint16_t)h);
        ck_assert_msg(same(xai_round_to_half(half), half), "half %04x", h);
        ck_assert_msg(same(xai_round_to_bfloat(bfloat), bfloat), "bfloat %04x", h);
    }
}
END_TEST

/* Between neighbours a and b: the middle goes to the one whose last bit is 0, what is nearer to one goes there. */
static void check_between(float (*widen)(uint16_t), float (*round_to)(float), uint16_t lower)
{
    float a = widen(lower), b = widen((uint16_t)(lower + 1)), middle = (float)(((double)a + (double)b) / 2);
    ck_assert_msg(same(round_to(middle), lower & 1 ? b : a), "the middle above %04x", lower);
    ck_assert_msg(same(round_to(nextafterf(middle, a)), a), "below the middle above %04x", lower);
    ck_assert_msg(same(round_to(nextafterf(middle, b)), b), "beyond the middle above %04x", lower);
}

START_TEST(between_goes_to_the_nearer)
{
    for (uint16_t h = 0; h < 0x7bff; h++) check_between(xai_half_to_float, xai_round_to_half, h);
    for (uint16_t h = 0x8000; h < 0xfbff; h++) check_between(xai_half_to_float, xai_round_to_half, h);
    for (uint16_t h = 0x80; h < 0x7f7f; h++) check_between(xai_bfloat_to_float, xai_round_to_bfloat, h);
}
END_TEST

START_TEST(what_is_too_large_is_infinite)
{
    ck_assert(xai_round_to_half(65519.99F) == 65504 && isinf(xai_round_to_half(65520)));
    ck_assert(xai_round_to_half(-1e30F) == -INFINITY && isnan(xai_round_to_half(NAN)));
    ck_assert(isinf(xai_round_to_bfloat(3.4e38F)) && isnan(xai_round_to_bfloat(NAN)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tensor/half");
    TCase *tc = tcase_create("half");
    tcase_add_test(tc, halves_stay_what_they_are);
    tcase_add_test(tc, between_goes_to_the_nearer);
    tcase_add_test(tc, what_is_too_large_is_infinite);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
