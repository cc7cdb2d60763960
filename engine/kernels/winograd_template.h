/*
 * Winograd's minimal filtering F(4x4, 3x3), channels last: the transforms of a tile, vectors along the channels.
 *
 * Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016 (arXiv 1509.09308), with the points
 * 0, 1, -1, 2, -2.
 */
#include "vector.h"

/* One axis of B' d. */
INLINE void winograd_before(const vec d[6], vec out[6])
{
    const vec one = v_set(-1), two = v_set(2), four = v_set(4), five = v_set(-5);
    vec inner = v_fma(v_set(-4), d[2], d[4]), low = v_fma(v_set(-4), d[1], d[3]);
    vec even = v_fma(one, d[2], d[4]), odd = v_fma(two, d[3], v_fma(v_set(-2), d[1], v_zero()));
    out[0] = v_fma(four, d[0], v_fma(five, d[2], d[4]));
    out[1] = v_add(inner, low);
    out[2] = v_fma(one, low, inner);
    out[3] = v_add(even, odd);
    out[4] = v_fma(one, odd, even);
    out[5] = v_fma(four, d[1], v_fma(five, d[3], d[5]));
}

/* One axis of A' m. */
INLINE void winograd_after(const vec m[6], vec out[4])
{
    const vec one = v_set(-1);
    vec sum12 = v_add(m[1], m[2]), diff12 = v_fma(one, m[2], m[1]);
    vec sum34 = v_add(m[3], m[4]), diff34 = v_fma(one, m[4], m[3]);
    out[0] = v_add(m[0], v_add(sum12, sum34));
    out[1] = v_fma(v_set(2), diff34, diff12);
    out[2] = v_fma(v_set(4), sum34, sum12);
    out[3] = v_add(m[5], v_fma(v_set(8), diff34, diff12));
}

static void winograd_in(const xai_winograd_in *job)
{
    for (size_t c = 0; c < job->channels; c += WIDTH) {
        size_t n = job->channels - c < WIDTH ? job->channels - c : WIDTH;
        vec rows[6][6];
        for (int x = 0; x < 6; x++) {
            vec d[6], out[6];
            for (int y = 0; y < 6; y++) d[y] = v_load_part(job->x[y * 6 + x] + c, n);
            winograd_before(d, out);
            for (int y = 0; y < 6; y++) rows[y][x] = out[y];
        }
        for (int y = 0; y < 6; y++) {
            vec out[6];
            winograd_before(rows[y], out);
            for (int x = 0; x < 6; x++) v_store_part(job->out + (size_t)(y * 6 + x) * job->pitch + c, out[x], n);
        }
    }
}

INLINE void winograd_store(const xai_winograd_out *job, int pixel, size_t c, size_t n, vec v)
{
    if (!job->y[pixel]) return;
    if (job->bias) v = v_add(v, v_load(job->bias + c));
    if (job->add) v = v_add(v, v_load_part(job->add[pixel] + job->at + c, n));
    v_store_part(job->y[pixel] + job->at + c, v_clamp(v, v_set(job->clamp.lo), v_set(job->clamp.hi)), n);
}

static void winograd_out(const xai_winograd_out *job)
{
    for (size_t c = 0; c < job->lanes; c += WIDTH) {
        size_t n = job->lanes - c < WIDTH ? job->lanes - c : WIDTH;
        vec rows[4][6];
        for (int x = 0; x < 6; x++) {
            vec m[6], out[4];
            for (int y = 0; y < 6; y++) m[y] = v_load(job->m + (size_t)(y * 6 + x) * job->pitch + c);
            winograd_after(m, out);
            for (int y = 0; y < 4; y++) rows[y][x] = out[y];
        }
        for (int y = 0; y < 4; y++) {
            vec out[4];
            winograd_after(rows[y], out);
            for (int x = 0; x < 4; x++) winograd_store(job, y * 4 + x, c, n, out[x]);
        }
    }
}
