/*
 * Events of a job: queued, started, progress, and its end, numbered from 1, the last few dozen kept, so that a client
 * whose connection broke goes on where it was. Guarded by the lock of whoever owns the ring.
 */
#ifndef EXPLAIND_JOBS_EVENTS_H
#define EXPLAIND_JOBS_EVENTS_H

#include <stddef.h>
#include <stdint.h>

enum { JOBS_EVENTS_KEPT = 48, JOBS_EVENT_DATA = 208 };

typedef struct jobs_event {
    uint64_t id;
    const char *name; /* static */
    char data[JOBS_EVENT_DATA]; /* JSON */
} jobs_event;

typedef struct jobs_events {
    uint64_t last; /* id of the newest; 0: none yet */
    jobs_event kept[JOBS_EVENTS_KEPT];
} jobs_events;

void jobs_events_add(jobs_events *ring, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The first event after `id` that is still kept, or NULL. */
const jobs_event *jobs_events_after(const jobs_events *ring, uint64_t id);

#endif
