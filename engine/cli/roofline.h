/*
 * Roofline: what this machine could do, measured: the rate of multiply-adds between registers, and the bandwidth of
 * working sets from the first-level cache to main memory. A layer can take no less than the longer of the two times
 * (Williams, Waterman and Patterson, "Roofline", Communications of the ACM 52(4), 2009).
 */
#ifndef XAI_CLI_ROOFLINE_H
#define XAI_CLI_ROOFLINE_H

#include <jansson.h>

#include "base/pool.h"

enum { ROOFLINE_SETS = 8 };

typedef struct roofline {
    const char *isa;
    int threads;
    double gflops; /* float32 multiply-adds, two operations each, over all threads */
    struct {
        size_t bytes;        /* of the working set, over all threads */
        double gb_per_s;     /* read and written */
    } sets[ROOFLINE_SETS];   /* growing */
} roofline;

/* Measures on all threads of the pool, in the instruction set in use; takes about a second. */
xai_status roofline_measure(xai_pool *pool, roofline *out, xai_error *err);

/* The least microseconds that `macs` multiply-adds over `bytes` read and written can take. */
double roofline_us(const roofline *r, double macs, double bytes);
/* Whether it is the bandwidth that sets them. */
bool roofline_is_memory(const roofline *r, double macs, double bytes);

/* The clock by which this many threads are measured: of one, its CPU time; of more, that on the wall. */
double roofline_now_us(int threads);

json_t *roofline_json(const roofline *r);

#endif
