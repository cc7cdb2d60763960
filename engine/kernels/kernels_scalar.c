/* Kernels in plain C, for any processor. */
#define XAI_TABLE xai_kernels_scalar
#define XAI_TABLE_ISA "scalar"
#include "table_template.h"
