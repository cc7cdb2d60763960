/* Arena: alignment, zeroing, the cap, sizes that overflow, and no two allocations that overlap. */
#include "base/arena.h"
#include "base/names.h"
#include "base/rng.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(allocations_are_aligned_zeroed_and_apart)
{
    enum { N = 2000 };
    xai_arena *arena = xai_arena_new(0);
    xai_rng rng = xai_rng_init(1, 0);
    unsigned char *p[N];
    size_t size[N];
    for (int i = 0; i < N; i++) {
        size[i] = xai_rng_below(&rng, i % 100 == 0 ? 300000 : 500);
        p[i] = xai_arena_alloc(arena, size[i], 1);
        ck_assert_ptr_nonnull(p[i]);
        ck_assert_uint_eq((uintptr_t)p[i] % 64, 0);
        for (size_t k = 0; k < size[i]; k++) ck_assert(p[i][k] == 0);
        memset(p[i], i & 255, size[i]);
    }
    for (int i = 0; i < N; i++)
        for (size_t k = 0; k < size[i]; k++) ck_assert(p[i][k] == (i & 255));
    xai_arena_free(arena);
}
END_TEST

START_TEST(the_cap_holds)
{
    xai_arena *arena = xai_arena_new(1000);
    ck_assert_ptr_nonnull(xai_arena_alloc(arena, 500, 1)); /* 512 with its alignment */
    ck_assert_ptr_null(xai_arena_alloc(arena, 500, 1));
    ck_assert_ptr_nonnull(xai_arena_alloc(arena, 448, 1));
    ck_assert_ptr_null(xai_arena_alloc(arena, 1, 1));
    ck_assert_uint_le(xai_arena_used(arena), 1000);
    xai_arena_free(arena);
}
END_TEST

START_TEST(absurd_sizes_are_refused)
{
    xai_arena *arena = xai_arena_new(0);
    ck_assert_ptr_null(xai_arena_alloc(arena, SIZE_MAX, 2));
    ck_assert_ptr_null(xai_arena_alloc(arena, SIZE_MAX / 2 + 1, 2));
    ck_assert_ptr_null(xai_arena_alloc(arena, SIZE_MAX, 1));
    ck_assert_ptr_null(xai_arena_alloc(arena, SIZE_MAX - 63, 1));
    ck_assert_ptr_nonnull(xai_arena_alloc(arena, 0, 8));
    xai_arena_free(arena);
    xai_arena_free(NULL);
}
END_TEST

START_TEST(texts)
{
    xai_arena *arena = xai_arena_new(300);
    ck_assert_str_eq(xai_arena_strdup(arena, "name"), "name");
    ck_assert_str_eq(xai_arena_printf(arena, "%d of %s", 3, "many"), "3 of many");
    ck_assert_ptr_null(xai_arena_printf(arena, "%300d", 3));
    xai_arena_free(arena);
}
END_TEST

START_TEST(names_map_to_pointers)
{
    enum { N = 3000 };
    xai_arena *arena = xai_arena_new(0);
    xai_names *names = xai_names_new(arena);
    static int values[N];
    for (int i = 0; i < N; i++)
        ck_assert(xai_names_put(names, xai_arena_printf(arena, "tensor_%d", i), &values[i], NULL) == XAI_OK);
    for (int i = 0; i < N; i++) {
        char key[32];
        snprintf(key, sizeof key, "tensor_%d", i);
        ck_assert_ptr_eq(xai_names_get(names, key), &values[i]);
    }
    ck_assert_ptr_null(xai_names_get(names, "tensor_3000"));
    ck_assert(xai_names_put(names, "tensor_7", NULL, NULL) == XAI_OK);
    ck_assert_ptr_null(xai_names_get(names, "tensor_7"));
    ck_assert_ptr_eq(xai_names_get(names, "tensor_8"), &values[8]);
    xai_arena_free(arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/arena");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, allocations_are_aligned_zeroed_and_apart);
    tcase_add_test(tests, the_cap_holds);
    tcase_add_test(tests, absurd_sizes_are_refused);
    tcase_add_test(tests, texts);
    tcase_add_test(tests, names_map_to_pointers);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
