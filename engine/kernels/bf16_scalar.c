/* bfloat16 in plain C, bit for bit what vdpbf16ps does: what the tests hold the other ways against. */
#define XAI_TABLE xai_bf16_scalar
#define XAI_TABLE_ISA "scalar"
#include "bf16.h"

#include <math.h>

#include "vector.h"

enum { WORDS = 1 };

typedef struct pair {
    float even, odd;
} panel_x, panel_w;

static inline panel_x x_set(const float *x)
{
    uint32_t bits = xai_bits_of_float(*x);
    return (panel_x){xai_float_of_bits(bits << 16), xai_float_of_bits(bits & 0xffff0000)};
}

static inline panel_w w_load(const float *w) { return x_set(w); }

/* Below the normal numbers there is 0. */
static inline float flush(float x) { return fabsf(x) < 0x1p-126F ? copysignf(0, x) : x; }

static inline vec x_fma(panel_x x, panel_w w, vec s)
{
    s = flush(fmaf(x.odd, w.odd, flush(s)));
    return flush(fmaf(x.even, w.even, s));
}

static void narrow(const float *in, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += 2) out[i / 2] = xai_bf16_pair(in[i], i + 1 < n ? in[i + 1] : 0);
}

#include "bf16_template.h"
