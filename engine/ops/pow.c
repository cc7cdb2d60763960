/* Pow: x ^ y in float32. The gradient by y is 0 where x is not positive, as the logarithm is undefined there. */
#include "binary.h"

/* Squares, the common case, without the rounding of powf. */
XAI_BINARY_ROW(pow_f32, float, float, y == 2 ? x * x : powf(x, y))
XAI_BINARY_SLOPE(slope_base, y == 0 ? 0 : y == 2 ? g * 2 * x : g * y * powf(x, y - 1))
XAI_BINARY_SLOPE(slope_exponent, x > 0 ? g * powf(x, y) * logf(x) : 0)


/* y (y - 1) x^(y - 2); 0 for a straight line. */
static inline float bend_of_base(float x, float y)
{
    return y == 0 || y == 1 ? 0 : y == 2 ? 2 : y * (y - 1) * powf(x, y - 2);
}
/* x^(y - 1) (1 + y log x): what an exponent that moves does to the slope by the base, and the other way round. */
static inline float cross(float x, float y) { return x > 0 ? powf(x, y - 1) * (1 + y * logf(x)) : 0; }

XAI_BINARY_BEND(bend_base, g * (dx * bend_of_base(x, y) + (dy != 0 ? dy * cross(x, y) : 0)))
XAI_BINARY_BEND(bend_exponent, x > 0 ? g * (dx * cross(x, y) + dy * powf(x, y) * logf(x) * logf(x)) : 0)

static const xai_binary_rule RULE = {
    .row = {[XAI_F32] = pow_f32}, .slope = {slope_base, slope_exponent}, .bend = {bend_base, bend_exponent}};

static const xai_op_case CASES[] = {
    {"positive_base", {"*2x3", "2x3", NULL}, "", 0},
    {"one_exponent", {"*2x3x4", "~1", NULL}, "", 0},
    {0},
};

XAI_BINARY_OP(pow, "Pow", RULE, CASES, .flow = XAI_FLOW_PASS);
