/* The ring of a job's events. */
#include "events.h"

#include <stdarg.h>
#include <stdio.h>

void jobs_events_add(jobs_events *ring, const char *name, const char *format, ...)
{
    jobs_event *event = &ring->kept[ring->last % JOBS_EVENTS_KEPT];
    event->id = ++ring->last;
    event->name = name;
    va_list args;
    va_start(args, format);
    vsnprintf(event->data, sizeof event->data, format, args);
    va_end(args);
}

const jobs_event *jobs_events_after(const jobs_events *ring, uint64_t id)
{
    if (id >= ring->last) return NULL;
    uint64_t oldest = ring->last > JOBS_EVENTS_KEPT ? ring->last - JOBS_EVENTS_KEPT + 1 : 1;
    uint64_t next = id + 1 > oldest ? id + 1 : oldest;
    return &ring->kept[(next - 1) % JOBS_EVENTS_KEPT];
}
