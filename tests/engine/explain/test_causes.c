/* Degrees of responsibility against their definition, on every verdict that four parts, or fewer, can have. */
#include "explain/perturbation/causes.h"

#include <check.h>

/* By the definition's own words: hide k other parts, and the verdict hangs on this one. */
static double by_definition(int parts, uint32_t suffices, int part)
{
    for (int k = 0; k < parts; k++)
        for (unsigned hide = 0; hide < 1U << parts; hide++) {
            unsigned left = ((1U << parts) - 1) & ~hide;
            if (__builtin_popcount(hide) != k || hide >> part & 1) continue;
            if ((suffices >> left & 1) && !(suffices >> (left & ~(1U << part)) & 1)) return 1.0 / (1 + k);
        }
    return 0;
}

START_TEST(degrees_are_those_of_the_definition)
{
    for (int parts = 1; parts <= XAI_MOST_PARTS; parts++)
        for (uint32_t verdicts = 0; verdicts < (uint32_t)1 << (1 << parts); verdicts++) {
            xai_cause causes[XAI_MOST_PARTS];
            xai_find_causes(parts, verdicts, causes);
            for (int j = 0; j < parts; j++) {
                unsigned set = causes[j].smallest;
                ck_assert_double_eq(causes[j].responsibility, by_definition(parts, verdicts, j));
                if (causes[j].responsibility <= 0) continue;
                ck_assert((set >> j & 1) && (verdicts >> set & 1) && !(verdicts >> (set & ~(1U << j)) & 1));
                for (unsigned other = 0; other < 1U << parts; other++)
                    if (__builtin_popcount(other) < __builtin_popcount(set) && (other >> j & 1) && (verdicts >> other & 1))
                        ck_assert(verdicts >> (other & ~(1U << j)) & 1);
            }
        }
}
END_TEST

/* The textbook's: a vote that needs two of three; a conjunction; a disjunction. */
START_TEST(known_cases)
{
    xai_cause c[XAI_MOST_PARTS];
    xai_find_causes(3, 1U << 3 | 1U << 5 | 1U << 6 | 1U << 7, c);
    for (int j = 0; j < 3; j++) ck_assert_double_eq(c[j].responsibility, 0.5);
    xai_find_causes(2, 1U << 3, c);
    ck_assert(c[0].responsibility == 1 && c[1].responsibility == 1 && c[0].smallest == 3);
    xai_find_causes(2, 1U << 1 | 1U << 2 | 1U << 3, c);
    ck_assert(c[0].responsibility == 0.5 && c[0].smallest == 1 && c[1].smallest == 2);
    xai_find_causes(2, 1U << 1 | 1U << 3, c);
    ck_assert(c[0].responsibility == 1 && c[1].responsibility == 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("causes");
    TCase *tc = tcase_create("degrees");
    tcase_add_test(tc, degrees_are_those_of_the_definition);
    tcase_add_test(tc, known_cases);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
