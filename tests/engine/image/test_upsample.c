/* The transpose of the bilinear resampling: <up a, b> = <a, back b> for any a and b. */
#include "base/rng.h"
#include "image/upsample.h"

#include <check.h>
#include <math.h>

enum { MOST = 23 };

START_TEST(back_is_the_transpose)
{
    static const int SIZE[][4] = {{7, 7, 23, 23}, {2, 5, 9, 4}, {1, 3, 8, 8}, {6, 6, 6, 6}, {9, 8, 4, 3}, {3, 2, 1, 1}};
    for (int corners = 0; corners < 2; corners++)
        for (size_t k = 0; k < sizeof SIZE / sizeof *SIZE; k++) {
            const int *n = SIZE[k];
            float a[MOST * MOST], up[MOST * MOST];
            double b[MOST * MOST], back[MOST * MOST] = {0}, left = 0, right = 0;
            xai_rng rng = xai_rng_init(9, k);
            for (int i = 0; i < n[0] * n[1]; i++) a[i] = (float)xai_rng_normal(&rng);
            for (int i = 0; i < n[2] * n[3]; i++) b[i] = xai_rng_normal(&rng);
            xai_upsample_bilinear(a, n[0], n[1], up, n[2], n[3], corners);
            xai_upsample_bilinear_back(b, n[2], n[3], back, n[0], n[1], corners);
            for (int i = 0; i < n[2] * n[3]; i++) left += (double)up[i] * b[i];
            for (int i = 0; i < n[0] * n[1]; i++) right += (double)a[i] * back[i];
            ck_assert_double_eq_tol(left, right, 1e-5);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("upsample");
    TCase *tc = tcase_create("transpose");
    tcase_add_test(tc, back_is_the_transpose);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
