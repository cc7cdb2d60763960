/*
 * Functions of one float against the C library's in double precision: over floats of every size within 3 units in the
 * last place; the same bytes from every instruction set; what is not finite; in place, any length, between guards.
 */
#include "tables.h"

typedef void (*map)(const float *in, float *out, size_t n);

typedef struct curve {
    const char *name;
    double (*exact)(double);
    double least; /* results smaller than this are held to its unit: they are subnormal, or may be 0 */
} curve;

static double logistic(double x) { return 1 / (1 + exp(-x)); }

static const curve FUNCTIONS[] = {
    {"exp", exp, 0x1p-126}, {"logistic", logistic, 0x1p-102}, {"tanh", tanh, 0x1p-126}, {"erf", erf, 0x1p-126}};
enum { FUNCTION_COUNT = sizeof FUNCTIONS / sizeof FUNCTIONS[0], SAMPLES = 1 << 18 };

static map map_of(const xai_kernels *k, int function)
{
    const map maps[FUNCTION_COUNT] = {k->map_exp, k->map_logistic, k->map_tanh, k->map_erf};
    return maps[function];
}

/* Every 16411th float by its bits, signs and exponents included; those that are not finite are 0. */
static float *samples(void)
{
    float *x = new_floats(SAMPLES, 1);
    for (uint32_t i = 0; i < SAMPLES; i++) {
        uint32_t bits = i * 16411U;
        memcpy(&x[i], &bits, sizeof bits);
        if (!isfinite(x[i])) x[i] = 0;
    }
    return x;
}

static double unit_at(double y, double least)
{
    int exponent;
    frexp(fmax(fabs(y), least), &exponent);
    return ldexp(1, exponent - 24);
}

START_TEST(within_three_units)
{
    const xai_kernels *table = table_at(_i);
    if (!table) return;
    float *x = samples(), *y = new_floats(SAMPLES, 2);
    for (int f = 0; f < FUNCTION_COUNT; f++) {
        map_of(table, f)(x, y, SAMPLES);
        for (int i = 0; i < SAMPLES; i++) {
            double exact = FUNCTIONS[f].exact((double)x[i]);
            if (exact > 0x1.fffffep127) {
                ck_assert_msg(isinf(y[i]), "%s(%g) is %g", FUNCTIONS[f].name, (double)x[i], (double)y[i]);
                continue;
            }
            double units = fabs((double)y[i] - exact) / unit_at(exact, FUNCTIONS[f].least);
            ck_assert_msg(units <= 3, "%s(%a) is %a, not %a: %.1f units", FUNCTIONS[f].name, (double)x[i], (double)y[i],
                          exact, units);
        }
    }
    free_floats(x);
    free_floats(y);
}
END_TEST

START_TEST(same_bytes_everywhere)
{
    const xai_kernels *table = table_at(_i), *plain = xai_kernels_for("scalar");
    if (!table) return;
    float *x = samples(), *y = new_floats(SAMPLES, 2), *z = new_floats(SAMPLES, 2);
    for (int f = 0; f < FUNCTION_COUNT; f++) {
        map_of(plain, f)(x, y, SAMPLES);
        map_of(table, f)(x, z, SAMPLES);
        ck_assert_msg(memcmp(y, z, SAMPLES * sizeof *y) == 0, "%s differs", FUNCTIONS[f].name);
    }
    free_floats(x);
    free_floats(y);
    free_floats(z);
}
END_TEST

START_TEST(not_finite)
{
    const xai_kernels *table = table_at(_i);
    if (!table) return;
    static const float AT_INFINITY[FUNCTION_COUNT][2] = {{INFINITY, 0}, {1, 0}, {1, -1}, {1, -1}};
    for (int f = 0; f < FUNCTION_COUNT; f++) {
        float x[3] = {INFINITY, -INFINITY, NAN};
        map_of(table, f)(x, x, 3);
        ck_assert_msg(x[0] == AT_INFINITY[f][0] && x[1] == AT_INFINITY[f][1] && isnan(x[2]), "%s: %g %g %g",
                      FUNCTIONS[f].name, (double)x[0], (double)x[1], (double)x[2]);
    }
}
END_TEST

START_TEST(any_length_in_place_between_guards)
{
    const xai_kernels *table = table_at(_i);
    if (!table) return;
    for (int f = 0; f < FUNCTION_COUNT; f++)
        for (size_t n = 0; n < 200; n += n < 20 ? 1 : 13) {
            float *x = new_floats(n, 3), *y = new_floats(n, 4);
            map_of(table, f)(x, y, n);
            map_of(table, f)(x, x, n);
            ck_assert(memcmp(x, y, n * sizeof *x) == 0);
            check_guards(x, n);
            check_guards(y, n);
            free_floats(x);
            free_floats(y);
        }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {within_three_units, same_bytes_everywhere, not_finite,
                                  any_length_in_place_between_guards};
    return run_suite("map", tests, sizeof tests / sizeof tests[0]);
}
