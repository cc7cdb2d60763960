/* Cancel, deadline, progress: one atomic flag, one clock, one listener. */
#include "token.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { PROGRESS_INTERVAL_NS = 50 * 1000 * 1000 };

struct xai_token {
    atomic_bool cancelled;
    int64_t deadline_ns; /* 0: none */
    xai_progress_fn listener;
    void *user;
    int64_t last_report_ns, started_ns;
    bool report_all;
    int nested;
    xai_progress progress;
};

int64_t xai_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

xai_token *xai_token_new(int64_t timeout_ms, xai_progress_fn listener, void *user)
{
    xai_token *token = calloc(1, sizeof *token);
    if (!token) return NULL;
    token->started_ns = xai_clock_ns();
    token->deadline_ns = timeout_ms > 0 ? token->started_ns + timeout_ms * 1000000 : 0;
    token->listener = listener;
    token->user = user;
    return token;
}

void xai_token_free(xai_token *token) { free(token); }

void xai_token_report_all(xai_token *token) { token->report_all = true; }

void xai_token_nest(xai_token *token, int by)
{
    if (token) token->nested += by;
}

void xai_token_cancel(xai_token *token) { atomic_store(&token->cancelled, true); }

xai_status xai_token_check(const xai_token *token, xai_error *err)
{
    if (!token) return XAI_OK;
    if (atomic_load_explicit(&token->cancelled, memory_order_relaxed))
        XAI_FAIL(err, CANCELLED, "", "the work was cancelled");
    if (token->deadline_ns && xai_clock_ns() >= token->deadline_ns)
        XAI_FAIL(err, DEADLINE, "", "the deadline passed after %.1f s",
                 (double)(xai_clock_ns() - token->started_ns) * 1e-9);
    return XAI_OK;
}

static void report(xai_token *token, bool force)
{
    if (!token->listener) return;
    int64_t now = xai_clock_ns();
    if (!force && !token->report_all && now - token->last_report_ns < PROGRESS_INTERVAL_NS) return;
    token->last_report_ns = now;
    xai_progress *p = &token->progress;
    double elapsed_ms = (double)(now - token->started_ns) * 1e-6;
    p->eta_ms = p->done > 0 && p->total > p->done ? elapsed_ms * (p->total - p->done) / p->done : 0;
    token->listener(token->user, p);
}

void xai_token_stage(xai_token *token, const char *stage, double total)
{
    if (!token || token->nested) return;
    token->progress = (xai_progress){.stage = stage, .total = total};
    token->started_ns = token->started_ns ? token->started_ns : xai_clock_ns();
    report(token, true);
}

void xai_token_advance(xai_token *token, double done)
{
    if (!token) return;
    token->progress.done += done;
    if (token->progress.done > token->progress.total) token->progress.total = token->progress.done;
    report(token, token->progress.done >= token->progress.total);
}
