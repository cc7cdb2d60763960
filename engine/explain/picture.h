/* Picture: what the model sees, as colours that a segmentation can cut. */
#ifndef XAI_EXPLAIN_PICTURE_H
#define XAI_EXPLAIN_PICTURE_H

#include "context.h"

/* rgb[height * width * 3] in [0, 1]: the view; of a tensor, which has none, its values stretched to their range. */
void xai_context_picture(const xai_context *context, double *rgb);

#endif
