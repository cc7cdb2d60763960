/*
 * The table of one way to bfloat16 (bf16.h). The including file defines XAI_TABLE, its name, XAI_TABLE_ISA, what
 * panel_template.h asks for, with pairs of inputs and weights in place of single ones (of x_fma the odd products come
 * first), and
 *
 *     narrow(const float *in, size_t n, float *out)
 */
#include "panel_template.h"

extern const xai_bf16 XAI_TABLE;

const xai_bf16 XAI_TABLE = {
    .isa = XAI_TABLE_ISA, .width = WIDTH, .words = WORDS, .narrow = narrow, .panel = pixel_panel};
