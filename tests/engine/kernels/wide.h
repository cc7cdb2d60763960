/*
 * A vector of 16 floats in plain C, lane for lane what the AVX-512 one in engine/kernels/vector.h does. With it the
 * kernels that are made for AVX-512 run on any machine; what remains untested then is one intrinsic a function.
 */
#ifndef XAI_TESTS_KERNELS_WIDE_H
#define XAI_TESTS_KERNELS_WIDE_H

#define WIDTH 16
typedef struct vec {
    float lane[WIDTH];
} vec;

#define EACH_LANE(expression)                                     \
    vec out;                                                      \
    for (int i = 0; i < WIDTH; i++) out.lane[i] = (expression);   \
    return out

static inline vec v_set(float x) { EACH_LANE(x); }
static inline vec v_zero(void) { return v_set(0); }
static inline vec v_load(const float *p) { EACH_LANE(p[i]); }
static inline vec v_even(const float *p) { EACH_LANE(p[2 * i]); }
static inline vec v_most(vec a, vec b)
{
    EACH_LANE(a.lane[i] > b.lane[i] || a.lane[i] != a.lane[i] ? a.lane[i] : b.lane[i]);
}
static inline vec v_add(vec a, vec b) { EACH_LANE(a.lane[i] + b.lane[i]); }
static inline vec v_fma(vec a, vec b, vec c) { EACH_LANE(fmaf(a.lane[i], b.lane[i], c.lane[i])); }
static inline vec v_clamp(vec v, vec lo, vec hi)
{
    EACH_LANE(xai_clamp_apply((xai_clamp){lo.lane[i], hi.lane[i]}, v.lane[i]));
}
static inline vec v_load_part(const float *p, size_t n) { EACH_LANE((size_t)i < n ? p[i] : 0); }
static inline vec v_inside(vec v, vec x, vec lo, vec hi)
{
    EACH_LANE(x.lane[i] > lo.lane[i] && x.lane[i] < hi.lane[i] ? v.lane[i] : 0);
}
typedef struct vmask {
    size_t first, n;
} vmask;
static inline vmask v_lanes(size_t first, size_t n) { return (vmask){first, n}; }
static inline vec v_load_lanes(const float *p, vmask l)
{
    EACH_LANE((size_t)i >= l.first && (size_t)i < l.first + l.n ? p[i] : 0);
}
static inline vec v_join(vec a, vec b) { EACH_LANE(a.lane[i] != 0 ? a.lane[i] : b.lane[i]); }
static inline vec v_weave_low(vec a, vec b) { EACH_LANE(i % 2 ? b.lane[i / 2] : a.lane[i / 2]); }
static inline vec v_weave_high(vec a, vec b) { EACH_LANE(i % 2 ? b.lane[8 + i / 2] : a.lane[8 + i / 2]); }
static inline void v_store_part(float *p, vec v, size_t n)
{
    for (size_t i = 0; i < n; i++) p[i] = v.lane[i];
}
static inline void v_store(float *p, vec v) { v_store_part(p, v, WIDTH); }

#endif
