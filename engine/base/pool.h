/*
 * Pool: the one set of compute threads of the process, and the turns by which jobs share it.
 *
 * A job enters, runs one batch over all threads, and leaves; urgent jobs are let in first, the others in order of
 * arrival. So a Grad-CAM waits for the batch in progress, never for a whole RISE. Inside its turn the job calls
 * xai_par_for, which spreads independent pieces of work over the threads. Which thread takes which piece is left to
 * chance: pieces must not depend on it, and none may sum into another's output.
 */
#ifndef XAI_BASE_POOL_H
#define XAI_BASE_POOL_H

#include "error.h"

/* Waits for the turn. Every enter is followed by a leave, on the same thread. */
void xai_pool_enter(xai_pool *pool, bool urgent);
void xai_pool_leave(xai_pool *pool);

/* How to spread work: over a pool's threads (the caller has the turn), or, with pool NULL, on the caller alone. */
typedef struct xai_par {
    xai_pool *pool;
} xai_par;

/* `thread` is 0 <= thread < xai_par_threads(par): for scratch memory. */
typedef void (*xai_par_body)(void *context, size_t index, int thread);

void xai_par_for(const xai_par *par, size_t count, xai_par_body body, void *context);
int xai_par_threads(const xai_par *par);

#endif
