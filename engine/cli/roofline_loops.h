/*
 * The two loops by which a machine is measured, once for each instruction set.
 *
 * They stay out of kernels/: nothing but the measurement uses them. The instruction set is an attribute of the function,
 * so that this file needs no flags of its own.
 */
#ifndef XAI_CLI_ROOFLINE_LOOPS_H
#define XAI_CLI_ROOFLINE_LOOPS_H

#include <stddef.h>

typedef struct roofline_loops {
    const char *isa;
    /* `rounds` rounds of multiply-adds between registers; returns how many operations these were. */
    double (*multiply_add)(size_t rounds);
    /* a = b + c, n floats each, n a multiple of 16, all aligned to 64 bytes. */
    void (*stream)(float *a, const float *b, const float *c, size_t n);
} roofline_loops;

/* Of the instruction set in use (xai_isa_name). */
const roofline_loops *roofline_loops_get(void);

#endif
