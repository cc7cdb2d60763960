/* CIE L*a*b*, in which distances are roughly those that people see. */
#ifndef XAI_IMAGE_LAB_H
#define XAI_IMAGE_LAB_H

#include <stddef.h>

/* `pixels` RGB triples in [0, 1], sRGB, to L*a*b* under D65 for the 2 degree observer, in place. The constants are
 * scikit-image's (rgb2lab). */
void xai_rgb_to_lab(double *rgb, size_t pixels);

#endif
