/* Health, readiness, counters. They touch neither queue nor store, so that a busy server is not taken for a dead one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

void api_get_health(api *a, api_request *request, const api_path *path)
{
    (void)a, (void)path;
    api_reply_json(request, 200, json_pack("{s:s}", "status", "ok"));
}

void api_get_ready(api *a, api_request *request, const api_path *path)
{
    (void)path;
    bool ready = a->jobs && !atomic_load(&a->stopping);
    api_reply_json(request, ready ? 200 : 503, json_pack("{s:s}", "status", ready ? "ready" : "stopping"));
}

/* ---------------------------------------------------------------- metrics */

static void print(FILE *out, const char *name, const char *type, const char *help, double value)
{
    fprintf(out, "# HELP explaind_%s %s\n# TYPE explaind_%s %s\nexplaind_%s %.15g\n", name, help, name, type, name, value);
}

static void print_states(FILE *out, const jobs_counters *c)
{
    fputs("# HELP explaind_jobs_total Finished jobs by final state.\n# TYPE explaind_jobs_total counter\n", out);
    for (int state = STORE_DONE; state <= STORE_CANCELLED; state++)
        fprintf(out, "explaind_jobs_total{state=\"%s\"} %llu\n", store_state_name((store_state)state),
                (unsigned long long)c->finished[state]);
}

static void print_http(FILE *out, api *a)
{
    fputs("# HELP explaind_http_requests_total Requests by class of status.\n"
          "# TYPE explaind_http_requests_total counter\n", out);
    for (int class = 1; class < API_STATUS_CLASSES; class++)
        fprintf(out, "explaind_http_requests_total{status=\"%dxx\"} %llu\n", class, atomic_load(&a->answered[class]));
    print(out, "http_seconds_total", "counter", "Time from request line to answer, summed.",
          (double)atomic_load(&a->micros) * 1e-6);
}

static void print_jobs(FILE *out, const jobs_counters *c)
{
    print(out, "jobs_submitted_total", "counter", "Jobs that asked to be taken.", (double)c->submitted);
    print(out, "jobs_recovered_total", "counter", "Jobs taken up again after a restart.", (double)c->recovered);
    print(out, "jobs_refused_busy_total", "counter", "Jobs refused because the queue was full.", (double)c->refused_busy);
    print(out, "jobs_refused_quota_total", "counter", "Jobs refused because of a quota.", (double)c->refused_quota);
    print(out, "jobs_coalesced_total", "counter", "Jobs that shared the work of another.", (double)c->coalesced);
    print(out, "cache_hits_total", "counter", "Jobs answered from the cache.", (double)c->cache_hits);
    print(out, "cache_misses_total", "counter", "Jobs that needed work of their own.", (double)c->cache_misses);
    print(out, "queue_seconds_total", "counter", "Time that jobs waited, summed.", c->queue_seconds);
    print(out, "engine_seconds_total", "counter", "Time that the engine worked, summed.", c->engine_seconds);
    print(out, "jobs_queued", "gauge", "Work that waits.", (double)c->queued);
    print(out, "jobs_running", "gauge", "Work in progress.", (double)c->running);
    print(out, "cache_bytes", "gauge", "Memory of the result cache.", (double)c->cache_bytes);
    print(out, "recent_bytes", "gauge", "Memory of finished results that are not stored.", (double)c->recent_bytes);
}

static void print_memory(FILE *out)
{
    xai_memory m = xai_memory_now();
    print(out, "memory_budget_bytes", "gauge", "Most memory for the buffers in which models run.", (double)m.budget);
    print(out, "memory_leased_bytes", "gauge", "Memory of such buffers that jobs hold.", (double)m.leased);
    print(out, "memory_idle_bytes", "gauge", "Memory of such buffers that is kept for the next job.", (double)m.idle);
}

void api_get_metrics(api *a, api_request *request, const api_path *path)
{
    (void)path;
    char *text = NULL;
    size_t size = 0;
    jobs_counters counters = {0};
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        xai_error err;
        XAI_ERROR_SET(&err, NO_MEMORY, "", "out of memory");
        api_reply_error(request, &err);
        return;
    }
    jobs_count(a->jobs, &counters);
    print_states(out, &counters);
    print_jobs(out, &counters);
    print_memory(out);
    print_http(out, a);
    fclose(out);
    api_response response;
    api_response_init(&response, 200);
    api_response_take(&response, "text/plain; version=0.0.4; charset=utf-8", text, size);
    api_complete(request, &response);
}
