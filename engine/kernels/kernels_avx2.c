/* Kernels in AVX2 and FMA: vectors of 8 floats. */
#define XAI_TABLE xai_kernels_avx2
#define XAI_TABLE_ISA "avx2"
#include "table_template.h"
