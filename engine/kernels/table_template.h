/*
 * The whole kernel table of one instruction set. The including file defines XAI_TABLE, the name of the table, and
 * XAI_TABLE_ISA, the name of the instruction set; its compiler flags do the rest.
 */
#include "gemm_template.h"

#include "gather_template.h"

#include "depthwise_template.h"

#include "elementwise_template.h"

#include "pixels_template.h"

#include "windows_template.h"

#include "winograd_template.h"

#include "map_template.h"

extern const xai_kernels XAI_TABLE;

const xai_kernels XAI_TABLE = {
    .isa = XAI_TABLE_ISA,
    .rows = PANEL_ROWS,
    .cols = PANEL_COLS,
    .width = WIDTH,
#define XAI_KERNEL(name, parameters) .name = name,
#include "kernels.def"
#undef XAI_KERNEL
};
