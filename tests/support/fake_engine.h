/*
 * A planted engine: methods whose course a test decides, so that queue, cancel, store and restart can be tested
 * without a network.
 *
 *     quick            cost 1, ends at once
 *     slow   ms, key   cost 1000, takes `ms` milliseconds in steps of 5, ends early when cancelled
 *     patient ms       the same, but its deadline gives a partial result
 *     broken           fails with INTERNAL
 *     sag              a graph, for probes
 *
 * An image is any bytes that begin with "IMG"; others cannot be decoded.
 */
#ifndef EXPLAIND_TEST_FAKE_ENGINE_H
#define EXPLAIND_TEST_FAKE_ENGINE_H

#include <stdatomic.h>

#include "jobs/engine.h"
#include "jobs/models.h"

extern atomic_int fake_runs;      /* explanations begun */
extern atomic_int fake_running;   /* at this moment */
extern atomic_int fake_cancelled; /* ended by their token */

jobs_engine fake_engine(void);

/* One model, "fake": ten classes, of which 3 and 4 are both called "crane". */
void fake_models(models *out);

#endif
