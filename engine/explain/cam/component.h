/* The leading eigenvector of a symmetric matrix that is known by its products alone. */
#ifndef XAI_EXPLAIN_CAM_COMPONENT_H
#define XAI_EXPLAIN_CAM_COMPONENT_H

#include "base/error.h"

/* out = matrix * v. */
typedef void (*xai_product_fn)(const void *user, const double *v, double *out);

/* vector[n], of length 1, for the largest eigenvalue, which goes to *value; all zero where the matrix is. The same
 * bytes for the same products; the sign is open. */
xai_status xai_leading_vector(size_t n, xai_product_fn product, const void *user, double *vector, double *value,
                              xai_error *err);

#endif
