/* Seconds on the clock, and of all processors together: the latter hardly depend on what else the machine does. */
#ifndef XAI_STUDY_STOPWATCH_H
#define XAI_STUDY_STOPWATCH_H

#include <time.h>

#include "base/doc.h"
#include "base/token.h"

typedef struct xai_stopwatch {
    int64_t wall, cpu; /* nanoseconds */
} xai_stopwatch;

static inline xai_stopwatch xai_stopwatch_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (xai_stopwatch){.wall = xai_clock_ns(), .cpu = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec};
}

/* Since then. */
static inline xai_stopwatch xai_stopwatch_since(const xai_stopwatch *then)
{
    xai_stopwatch now = xai_stopwatch_now();
    return (xai_stopwatch){.wall = now.wall - then->wall, .cpu = now.cpu - then->cpu};
}

/* "seconds" and "cpu_seconds" of a duration. */
static inline void xai_stopwatch_put(xai_doc *object, const xai_stopwatch *duration)
{
    xai_doc_put_real(object, "seconds", (double)duration->wall * 1e-9);
    xai_doc_put_real(object, "cpu_seconds", (double)duration->cpu * 1e-9);
}

#endif
