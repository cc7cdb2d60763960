/* Kernels in AVX-512 (F, BW, VL, DQ): vectors of 16 floats. */
#define XAI_TABLE xai_kernels_avx512
#define XAI_TABLE_ISA "avx512"
#include "table_template.h"
