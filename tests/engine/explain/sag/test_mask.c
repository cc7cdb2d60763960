/* Region sets: names, order, set relations. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "explain/sag/mask.h"

static xai_mask random_mask(xai_rng *rng, int count)
{
    xai_mask m = {{0}};
    for (int i = 0; i < count; i++)
        if (xai_rng_below(rng, 3) == 0) m = xai_mask_with(m, i);
    return m;
}

START_TEST(name_of_the_contract)
{
    char text[XAI_MASK_HEX];
    xai_mask m = xai_mask_with(xai_mask_with((xai_mask){{0}}, 11), 29);
    xai_mask_to_hex(m, 49, text);
    ck_assert_str_eq(text, "0000020000800");
}
END_TEST

START_TEST(names_and_lists_round_trip)
{
    static const int COUNTS[] = {1, 4, 9, 49, 63, 64, 65, 196, 256};
    xai_rng rng = xai_rng_init(1, 0);
    for (size_t c = 0; c < sizeof COUNTS / sizeof COUNTS[0]; c++) {
        for (int trial = 0; trial < 50; trial++) {
            xai_mask m = trial ? random_mask(&rng, COUNTS[c]) : xai_mask_full(COUNTS[c]), back, listed = {{0}};
            char text[XAI_MASK_HEX];
            int list[XAI_MASK_MAX], n = xai_mask_list(m, list);
            xai_mask_to_hex(m, COUNTS[c], text);
            ck_assert_uint_eq(strlen(text), (size_t)(COUNTS[c] + 3) / 4);
            ck_assert_int_eq(xai_mask_from_hex(text, COUNTS[c], &back, NULL), XAI_OK);
            ck_assert(xai_mask_equal(m, back));
            for (int i = 0; i < n; i++) listed = xai_mask_with(listed, list[i]);
            for (int i = 1; i < n; i++) ck_assert_int_lt(list[i - 1], list[i]);
            ck_assert(xai_mask_equal(m, listed));
            ck_assert_int_eq(xai_mask_count(m), n);
        }
    }
}
END_TEST

START_TEST(bad_names_are_refused)
{
    static const char *const BAD[] = {"", "000002000080", "00000200008000", "000002000080g", "000002000080A",
                                      "2000000000000" /* bit 49 */, "-000020000800"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        xai_mask m;
        xai_error err = {0};
        ck_assert_msg(xai_mask_from_hex(BAD[i], 49, &m, &err) == XAI_E_BAD_PARAM, "\"%s\" was taken", BAD[i]);
        ck_assert_str_ne(err.msg, "");
    }
}
END_TEST

/* The definition: ascending lists, compared as words. */
static int compare_lists(xai_mask a, xai_mask b)
{
    int x[XAI_MASK_MAX], y[XAI_MASK_MAX], n = xai_mask_list(a, x), m = xai_mask_list(b, y);
    for (int i = 0; i < n && i < m; i++)
        if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
    return (n > m) - (n < m);
}

START_TEST(order_is_that_of_the_lists)
{
    xai_rng rng = xai_rng_init(2, 0);
    for (int trial = 0; trial < 3000; trial++) {
        int count = trial % 3 == 0 ? 5 : trial % 3 == 1 ? 70 : 196; /* 5: prefixes and equal sets are common */
        xai_mask a = random_mask(&rng, count), b = random_mask(&rng, count);
        ck_assert_int_eq(xai_mask_compare(a, b), compare_lists(a, b));
    }
}
END_TEST

START_TEST(set_relations)
{
    xai_rng rng = xai_rng_init(3, 0);
    for (int trial = 0; trial < 500; trial++) {
        xai_mask a = random_mask(&rng, 130), b = random_mask(&rng, 130), less = xai_mask_minus(a, b);
        int both = 0;
        bool subset = true;
        for (int i = 0; i < 130; i++) {
            both += xai_mask_has(a, i) && xai_mask_has(b, i);
            if (xai_mask_has(a, i) && !xai_mask_has(b, i)) subset = false;
            ck_assert_int_eq(xai_mask_has(less, i), xai_mask_has(a, i) && !xai_mask_has(b, i));
        }
        ck_assert_int_eq(xai_mask_overlap(a, b), both);
        ck_assert_int_eq(xai_mask_subset(a, b), subset);
        ck_assert(xai_mask_subset(less, a));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mask");
    TCase *all = tcase_create("all");
    tcase_add_test(all, name_of_the_contract);
    tcase_add_test(all, names_and_lists_round_trip);
    tcase_add_test(all, bad_names_are_refused);
    tcase_add_test(all, order_is_that_of_the_lists);
    tcase_add_test(all, set_relations);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
