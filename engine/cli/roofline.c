/*
 * Roofline: every thread of the pool runs the same loop at the same time, on a part of the working set of its own; the
 * best of several runs counts, since anything else on the machine only ever makes it slower. One thread is measured in CPU
 * time for the same reason.
 */
#include "roofline.h"

#include "json/doc.h"
#include "roofline_loops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS = 12, ROUNDS = 200000, LINE_FLOATS = 16, STREAMS = 3 };

static const size_t SET_BYTES[ROOFLINE_SETS] = {24u << 10, 192u << 10, 768u << 10, 1536u << 10, 3u << 20,
                                                12u << 20, 48u << 20, 192u << 20};
/* A run touches about so much, however small the set. */
static const size_t TOUCHED_BYTES = 48u << 20;

typedef struct measurement {
    const roofline_loops *loops;
    float *memory;
    size_t part;    /* floats of a stream of one thread */
    size_t repeats; /* of the stream in one run */
} measurement;

static void multiply_add(void *context, size_t index, int thread)
{
    (void)index, (void)thread;
    measurement *m = context;
    m->loops->multiply_add(ROUNDS);
}

static void stream(void *context, size_t index, int thread)
{
    (void)thread;
    measurement *m = context;
    float *a = m->memory + index * STREAMS * m->part;
    for (size_t i = 0; i < m->repeats; i++) m->loops->stream(a, a + m->part, a + 2 * m->part, m->part);
}

double roofline_now_us(int threads)
{
    struct timespec t;
    clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

/* Nanoseconds of the best run. */
static double best_run(xai_pool *pool, xai_par_body body, measurement *m)
{
    xai_par par = {pool};
    double best = 1e30;
    int threads = xai_pool_threads(pool);
    for (int i = 0; i < RUNS; i++) {
        double started = roofline_now_us(threads);
        xai_par_for(&par, (size_t)threads, body, m);
        double ns = (roofline_now_us(threads) - started) * 1e3;
        if (ns < best) best = ns;
    }
    return best;
}

static void measure_set(xai_pool *pool, measurement *m, size_t bytes, roofline *out, int i)
{
    size_t threads = (size_t)out->threads, floats = bytes / sizeof(float);
    m->part = floats / threads / STREAMS / LINE_FLOATS * LINE_FLOATS;
    if (m->part < LINE_FLOATS) m->part = LINE_FLOATS;
    m->repeats = TOUCHED_BYTES / bytes + 1;
    double touched = (double)(m->part * STREAMS * threads * sizeof(float)) * (double)m->repeats;
    out->sets[i].bytes = bytes;
    out->sets[i].gb_per_s = touched / best_run(pool, stream, m);
}

xai_status roofline_measure(xai_pool *pool, roofline *out, xai_error *err)
{
    size_t threads = (size_t)xai_pool_threads(pool);
    size_t most = SET_BYTES[ROOFLINE_SETS - 1] + threads * STREAMS * LINE_FLOATS * sizeof(float);
    measurement m = {.loops = roofline_loops_get(), .memory = aligned_alloc(64, most / 64 * 64)};
    if (!m.memory) XAI_NO_MEMORY(err);
    memset(m.memory, 0, most / 64 * 64);
    out->isa = m.loops->isa;
    out->threads = (int)threads;
    xai_pool_enter(pool, false);
    out->gflops = m.loops->multiply_add(ROUNDS) * (double)threads / best_run(pool, multiply_add, &m);
    for (int i = 0; i < ROOFLINE_SETS; i++) measure_set(pool, &m, SET_BYTES[i], out, i);
    xai_pool_leave(pool);
    free(m.memory);
    return XAI_OK;
}

/* Between the two nearest sets, by the logarithm of their sizes. */
static double bandwidth(const roofline *r, double bytes)
{
    int i = 1;
    while (i + 1 < ROOFLINE_SETS && (double)r->sets[i].bytes < bytes) i++;
    double low = log((double)r->sets[i - 1].bytes), high = log((double)r->sets[i].bytes);
    double at = bytes > 0 ? (log(bytes) - low) / (high - low) : 0;
    at = at < 0 ? 0 : at > 1 ? 1 : at;
    return (1 - at) * r->sets[i - 1].gb_per_s + at * r->sets[i].gb_per_s;
}

static double compute_us(const roofline *r, double macs) { return 2e-3 * macs / r->gflops; }
static double memory_us(const roofline *r, double bytes) { return 1e-3 * bytes / bandwidth(r, bytes); }

bool roofline_is_memory(const roofline *r, double macs, double bytes)
{
    return memory_us(r, bytes) > compute_us(r, macs);
}

double roofline_us(const roofline *r, double macs, double bytes)
{
    return roofline_is_memory(r, macs, bytes) ? memory_us(r, bytes) : compute_us(r, macs);
}

json_t *roofline_json(const roofline *r)
{
    json_t *sets = json_array();
    for (int i = 0; i < ROOFLINE_SETS; i++)
        json_array_append_new(sets, json_pack("{s:I, s:o}", "bytes", (json_int_t)r->sets[i].bytes, "gb_per_s",
                                              xai_json_real(r->sets[i].gb_per_s)));
    return json_pack("{s:s, s:i, s:o, s:o, s:s}", "isa", r->isa, "threads", r->threads, "gflops",
                     xai_json_real(r->gflops), "bandwidth", sets, "how",
                     "float32 multiply-adds between registers; a = b + c through a working set of so many bytes, "
                     "read and written; on all threads at once, the best of 12 runs");
}
