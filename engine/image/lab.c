/* sRGB -> linear -> XYZ -> L*a*b*. Pure. */
#include "lab.h"

#include <math.h>

static double linear(double v) { return v > 0.04045 ? pow((v + 0.055) / 1.055, 2.4) : v / 12.92; }

static double curve(double t) { return t > 0.008856 ? cbrt(t) : 7.787 * t + 16.0 / 116.0; }

void xai_rgb_to_lab(double *rgb, size_t pixels)
{
    for (double *p = rgb; p < rgb + 3 * pixels; p += 3) {
        double r = linear(p[0]), g = linear(p[1]), b = linear(p[2]);
        double x = curve((0.412453 * r + 0.357580 * g + 0.180423 * b) / 0.95047);
        double y = curve(0.212671 * r + 0.715160 * g + 0.072169 * b);
        double z = curve((0.019334 * r + 0.119193 * g + 0.950227 * b) / 1.08883);
        p[0] = 116.0 * y - 16.0;
        p[1] = 500.0 * (x - y);
        p[2] = 200.0 * (y - z);
    }
}
