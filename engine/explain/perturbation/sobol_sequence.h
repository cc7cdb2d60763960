/*
 * Sobol's sequence: points that fill the unit cube more evenly than random ones, in up to 512 dimensions.
 *
 * I. M. Sobol, "The distribution of points in a cube and the accurate evaluation of integrals", 1967, with the
 * direction numbers of Joe and Kuo. Without scrambling, in Gray code order, and without the first point, which is 0:
 * bit for bit TensorFlow's math.sobol_sample and, from its second point on, SciPy's qmc.Sobol(scramble=False). No
 * seed: the same points every time.
 */
#ifndef XAI_EXPLAIN_SOBOL_SEQUENCE_H
#define XAI_EXPLAIN_SOBOL_SEQUENCE_H

#include <stddef.h>

enum { XAI_SOBOL_DIMENSIONS = 512, XAI_SOBOL_POINTS = 1 << 16 };

/* points[count x dimensions], each in (0, 1). */
void xai_sobol_points(size_t dimensions, size_t count, float *points);

#endif
