/* The kernels of bfloat16, each way that this machine has, against their definition in kernels/bf16.h. */
#include "kernels/bf16.h"

#include "base/rng.h"
#include "xai.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const WAYS[] = {"scalar", "avx512", "avx512bf16"};
enum { WAY_COUNT = 3, MOST = 1 << 14, GUARD = 16 };

static float upper(uint32_t half) { return xai_float_of_bits(half << 16); }

/* The nearer of the two neighbours; of two as near the even one. */
static uint32_t nearest(float x)
{
    uint32_t low = xai_bits_of_float(x) >> 16, high = low + 1;
    double below = fabs((double)x - (double)upper(low)), above = fabs((double)upper(high) - (double)x);
    return below < above || (below == above && low % 2 == 0) ? low : high;
}

START_TEST(rounds_to_the_nearest)
{
    xai_rng rng = xai_rng_init(1, 0);
    for (int i = 0; i < 200000; i++) {
        uint32_t bits = xai_rng_u32(&rng);
        if (i % 4 == 0) bits = (bits & 0xffff0000) | 0x8000; /* half way */
        float x = xai_float_of_bits(bits);
        uint32_t exponent = bits >> 23 & 255;
        if (exponent == 0 || exponent >= 254) continue;
        ck_assert_msg(xai_bf16_of(x) == nearest(x), "%a", (double)x);
    }
    ck_assert_uint_eq(xai_bf16_of(INFINITY), 0x7f80);
    ck_assert_uint_eq(xai_bf16_of(-INFINITY), 0xff80);
    ck_assert_uint_eq(xai_bf16_of(xai_float_of_bits(0x7f7fffff)), 0x7f80); /* beyond the largest */
    ck_assert_uint_eq(xai_bf16_of(-0.0F), 0x8000);
    ck_assert_uint_eq(xai_bf16_of(xai_float_of_bits(0x807fffff)), 0x8000); /* below the normal numbers */
    ck_assert(isnan(upper(xai_bf16_of(NAN))) && isnan(upper(xai_bf16_of(xai_float_of_bits(0x7f800001)))));
}
END_TEST

static void fill(float *x, size_t n, uint64_t seed)
{
    xai_rng rng = xai_rng_init(seed, 0);
    for (size_t i = 0; i < n; i++) x[i] = (float)xai_rng_normal(&rng);
}

/* Number i of a pair's list as `narrow` leaves it. */
static float narrowed(const xai_bf16 *t, const float *pairs, size_t i)
{
    if (t->words == 2) return pairs[i];
    uint32_t word = xai_bits_of_float(pairs[i / 2]);
    return upper(i % 2 ? word >> 16 : word & 0xffff);
}

START_TEST(narrows_any_count_and_no_further)
{
    const xai_bf16 *t = xai_bf16_for(WAYS[_i]);
    if (!t) return; /* not on this machine */
    float in[80], out[80 + GUARD];
    fill(in, 80, 2);
    in[0] = xai_float_of_bits(1), in[1] = -INFINITY, in[2] = xai_float_of_bits(0x3f808000), in[3] = 1e-39F;
    for (size_t n = 1; n <= 80; n++) {
        size_t words = (n + 1) / 2 * t->words;
        for (size_t i = 0; i < words + GUARD; i++) out[i] = -77;
        t->narrow(in, n, out);
        for (size_t i = 0; i < n; i++) ck_assert(narrowed(t, out, i) == upper(xai_bf16_of(in[i])));
        if (n % 2) ck_assert(narrowed(t, out, n) == 0);
        for (size_t i = words; i < words + GUARD; i++) ck_assert_msg(out[i] == -77, "%zu: written beyond the end", n);
    }
    in[0] = NAN;
    t->narrow(in, 1, out);
    ck_assert(isnan(narrowed(t, out, 0)));
}
END_TEST

enum { TAPS = 2, PIXELS = 15, PAIRS = 37, WIDEST = 64 };

static float x_of[TAPS][PIXELS][2 * PAIRS], w_of[TAPS][2 * PAIRS][3 * 16], x_words[TAPS][PIXELS][2 * PAIRS];
static float w_words[MOST], y_of[PIXELS][WIDEST], add_of[PIXELS][WIDEST], bias[WIDEST];

/* The sum of one output as kernels/bf16.h defines it, the odd one of a pair first. */
static float sum_of(size_t pixel, size_t n)
{
    float s = 0;
    for (size_t t = 0; t < TAPS; t++)
        for (size_t k = 0; k < PAIRS; k++)
            for (size_t odd = 2; odd-- > 0;)
                s = fmaf(upper(xai_bf16_of(x_of[t][pixel][2 * k + odd])), upper(xai_bf16_of(w_of[t][2 * k + odd][n])), s);
    return s;
}

/* The panel writes channels 2, 3, ... of its pixels, and nothing else. */
static void check_outputs(const xai_bf16 *t, const xai_pixel_panel *p)
{
    float before[WIDEST], bound = strcmp(t->isa, "avx512bf16") == 0 ? 1e-4F : 0; /* should a processor round otherwise */
    for (size_t i = 0; i < PIXELS; i++) {
        fill(before, WIDEST, 90 + i);
        for (size_t n = 0; n < WIDEST; n++) {
            bool written = i < p->count && n >= p->y_at && n < p->y_at + p->lanes;
            float want = before[n];
            if (written) {
                want = (p->accumulate ? before[n] : bias[n - p->y_at]) + sum_of(i, n - p->y_at);
                if (p->add) want = want + add_of[i][n];
                want = xai_clamp_apply(p->clamp, want);
            }
            ck_assert_msg(fabsf(y_of[i][n] - want) <= (written ? bound : 0), "%s: pixel %zu, channel %zu of %zu: %a, not %a",
                          t->isa, i, n, p->lanes, (double)y_of[i][n], (double)want);
        }
    }
}

static void check_panel(const xai_bf16 *t, size_t count, size_t vecs, size_t lanes, bool accumulate, bool adds)
{
    const float *x[TAPS * PIXELS], *add[PIXELS];
    float *y[PIXELS];
    size_t width = vecs * t->width;
    for (size_t i = 0; i < PIXELS; i++) {
        y[i] = y_of[i], add[i] = add_of[i];
        fill(y[i], WIDEST, 90 + i);
        for (size_t k = 0; k < TAPS; k++) {
            t->narrow(x_of[k][i], 2 * PAIRS, x_words[k][i]);
            x[k * PIXELS + i] = x_words[k][i];
        }
    }
    for (size_t k = 0; k < (size_t)TAPS * PAIRS; k++)
        for (size_t n = 0; n < width; n++)
            w_words[k * width + n] = xai_bf16_pair(w_of[k / PAIRS][2 * (k % PAIRS)][n], w_of[k / PAIRS][2 * (k % PAIRS) + 1][n]);
    xai_pixel_panel panel = {.count = count, .x = x, .x_pitch = PIXELS, .taps = TAPS, .k = PAIRS, .w = w_words,
                             .vecs = vecs, .lanes = lanes, .y = y, .y_at = 2, .bias = bias, .accumulate = accumulate,
                             .add = adds ? add : NULL, .clamp = {-3, 8}};
    t->panel(&panel);
    check_outputs(t, &panel);
}

START_TEST(panels_of_every_size)
{
    const xai_bf16 *t = xai_bf16_for(WAYS[_i]);
    if (!t) return; /* not on this machine */
    fill(&x_of[0][0][0], sizeof x_of / sizeof(float), 3);
    fill(&w_of[0][0][0], sizeof w_of / sizeof(float), 4);
    fill(&add_of[0][0], sizeof add_of / sizeof(float), 5);
    fill(bias, WIDEST, 6);
    for (size_t vecs = 1; vecs <= XAI_PIXEL_VECS; vecs++)
        for (size_t count = 1; count <= PIXELS; count++) {
            check_panel(t, count, vecs, vecs * t->width, count % 2, count % 3 == 0);
            check_panel(t, count, vecs, vecs * t->width - t->width / 2, count % 3 == 0, count % 2);
        }
}
END_TEST

/* A machine that has bfloat16 uses one of its ways, beside the float32 kernels of the same width; others use none. */
START_TEST(is_chosen_beside_the_float32_kernels)
{
    const xai_bf16 *chosen = xai_bf16_get();
    bool here = false;
#if defined(__x86_64__)
    here = __builtin_cpu_supports("avx512bf16") && strcmp(xai_kernels_get()->isa, "avx512") == 0;
#endif
    ck_assert(!chosen == !here);
    ck_assert(!chosen || chosen->width == xai_kernels_get()->width);
    ck_assert(xai_precision_check(XAI_PRECISION_F32, NULL) == XAI_OK);
    ck_assert((xai_precision_check(XAI_PRECISION_BF16, NULL) == XAI_OK) == here);
    ck_assert_str_eq(xai_precision_isa(XAI_PRECISION_F32), xai_isa_name());
    ck_assert_ptr_null(xai_bf16_for("none"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/bf16");
    TCase *all = tcase_create("all");
    tcase_add_test(all, rounds_to_the_nearest);
    tcase_add_loop_test(all, narrows_any_count_and_no_further, 0, WAY_COUNT);
    tcase_add_loop_test(all, panels_of_every_size, 0, WAY_COUNT);
    tcase_add_test(all, is_chosen_beside_the_float32_kernels);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
