/*
 * Random numbers: known answers of Philox 4x32-10 (the kat_vectors of Random123, Salmon et al. 2011), independence of
 * order, and the shapes of the distributions at five standard errors.
 */
#include "base/rng.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

typedef struct known_answer {
    uint32_t counter[4], key[2], out[4];
} known_answer;

static const known_answer KNOWN[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

START_TEST(philox_known_answers)
{
    uint32_t out[4];
    xai_philox4x32(KNOWN[_i].counter, KNOWN[_i].key, out);
    ck_assert_mem_eq(out, KNOWN[_i].out, sizeof out);
}
END_TEST

START_TEST(seed_stream_and_counter_are_what_counts)
{
    xai_rng a = xai_rng_init(5, 9), b = xai_rng_init(5, 9), other_stream = xai_rng_init(5, 10),
            other_seed = xai_rng_init(6, 9);
    int same_stream = 0, same_seed = 0;
    for (int i = 0; i < 1000; i++) {
        uint32_t v = xai_rng_u32(&a);
        ck_assert_uint_eq(v, xai_rng_u32(&b));
        same_stream += v == xai_rng_u32(&other_stream);
        same_seed += v == xai_rng_u32(&other_seed);
    }
    ck_assert_int_le(same_stream + same_seed, 1);
    xai_rng wide = xai_rng_init(UINT64_C(5) << 32, 9), narrow = xai_rng_init(5, 9);
    ck_assert_uint_ne(xai_rng_u32(&wide), xai_rng_u32(&narrow));
}
END_TEST

enum { N = 200000 };

START_TEST(uniform)
{
    xai_rng rng = xai_rng_init(1, 2);
    int bins[20] = {0};
    double sum = 0, lag = 0, last = 0.5;
    for (int i = 0; i < N; i++) {
        double u = xai_rng_uniform(&rng);
        ck_assert(u >= 0 && u < 1);
        bins[(int)(u * 20)]++;
        sum += u;
        lag += (u - 0.5) * (last - 0.5);
        last = u;
    }
    double chi = 0, expected = N / 20.0;
    for (int i = 0; i < 20; i++) chi += (bins[i] - expected) * (bins[i] - expected) / expected;
    ck_assert_msg(chi < 19 + 5 * sqrt(2 * 19), "chi-squared %g of 19 degrees", chi);
    ck_assert(fabs(sum / N - 0.5) < 5 / sqrt(12.0 * N));
    ck_assert_msg(fabs(lag / N) < 5 / (12 * sqrt((double)N)), "neighbours correlate: %g", lag / N);
}
END_TEST

START_TEST(below)
{
    xai_rng rng = xai_rng_init(3, 4);
    int counts[6] = {0};
    for (int i = 0; i < 60000; i++) counts[xai_rng_below(&rng, 6)]++;
    for (int i = 0; i < 6; i++) ck_assert_msg(abs(counts[i] - 10000) < 460, "%d came %d times", i, counts[i]);
    for (int i = 0; i < 100; i++) ck_assert_uint_eq(xai_rng_below(&rng, 1), 0);
    uint32_t largest = 0;
    for (int i = 0; i < 1000; i++) {
        uint32_t v = xai_rng_below(&rng, 0xfffffffe);
        ck_assert_uint_lt(v, 0xfffffffe);
        if (v > largest) largest = v;
    }
    ck_assert_uint_gt(largest, 0xf0000000);
}
END_TEST

START_TEST(normal)
{
    xai_rng rng = xai_rng_init(5, 6);
    double moment[5] = {0};
    for (int i = 0; i < N; i++) {
        double v = xai_rng_normal(&rng), power = 1;
        ck_assert(isfinite(v));
        for (int k = 1; k <= 4; k++) moment[k] += (power *= v) / N;
    }
    double error = 1 / sqrt((double)N); /* variances of the moments: 1, 2, 15, 96 */
    ck_assert(fabs(moment[1]) < 5 * error);
    ck_assert(fabs(moment[2] - 1) < 5 * sqrt(2) * error);
    ck_assert(fabs(moment[3]) < 5 * sqrt(15) * error);
    ck_assert(fabs(moment[4] - 3) < 5 * sqrt(96) * error);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/rng");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, philox_known_answers, 0, (int)(sizeof KNOWN / sizeof *KNOWN));
    tcase_add_test(tests, seed_stream_and_counter_are_what_counts);
    tcase_add_test(tests, uniform);
    tcase_add_test(tests, below);
    tcase_add_test(tests, normal);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
