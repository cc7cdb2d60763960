/* Random maps and edges. Thread-safe: no state. */
#include "yardstick.h"

#include "base/rng.h"

#include <math.h>

#define STREAM ((uint64_t)0x79617264 << 32) /* apart from the draws of methods, which count from 0 */

void xai_yardstick_random(uint64_t seed, size_t index, int rows, int cols, float *raw)
{
    xai_rng rng = xai_rng_init(seed, STREAM + index);
    for (size_t i = 0; i < (size_t)rows * (size_t)cols; i++) raw[i] = (float)xai_rng_uniform(&rng);
}

static double gray(const xai_context *c, int y, int x)
{
    int v = y < 0 ? 0 : y >= c->height ? c->height - 1 : y, u = x < 0 ? 0 : x >= c->width ? c->width - 1 : x;
    const float *at = c->input + (size_t)v * c->row_stride + (size_t)u * c->x_stride;
    double sum = 0;
    for (int ch = 0; ch < c->channels; ch++) sum += (double)at[(size_t)ch * c->channel_stride];
    return sum / c->channels;
}

void xai_yardstick_edges(const xai_context *c, float *edges)
{
    for (int y = 0; y < c->height; y++)
        for (int x = 0; x < c->width; x++) {
            double p[3][3];
            for (int i = 0; i < 3; i++)
                for (int k = 0; k < 3; k++) p[i][k] = gray(c, y + i - 1, x + k - 1);
            double across = p[0][2] + 2 * p[1][2] + p[2][2] - p[0][0] - 2 * p[1][0] - p[2][0];
            double down = p[2][0] + 2 * p[2][1] + p[2][2] - p[0][0] - 2 * p[0][1] - p[0][2];
            edges[(size_t)y * (size_t)c->width + (size_t)x] = (float)hypot(across, down);
        }
}
