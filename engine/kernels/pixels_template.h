/*
 * Channels last: vectors run along the channels of a pixel, so that no plane is too small for them, a filter's window
 * is read where it lies, and neither edges nor strides need copies.
 */
#include "vector.h"

enum { WORDS = 1 };
typedef vec panel_x, panel_w;

static inline panel_x x_set(const float *x) { return v_set(*x); }
static inline panel_w w_load(const float *w) { return v_load(w); }
static inline vec x_fma(panel_x x, panel_w w, vec s) { return v_fma(x, w, s); }

#include "panel_template.h"
