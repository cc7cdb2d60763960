/*
 * Budget: the bytes of all buffers in which models run, held against one number for the process.
 *
 * A job has a lease. Before a session is made, its planned bytes are taken on the lease; a job that knows what it
 * will need reserves that at once, before it holds anything. What can never fit is TOO_LARGE, with both numbers.
 * What does not fit now first drives out idle lanes (those that ended jobs left for the next, the least recently
 * used first) and then waits: for a job to end, or for its own token. Who holds something and wants more goes first,
 * then urgent jobs, then the order of arrival. Where everybody who holds something waits, nobody could go on: the
 * last of them is refused as BUSY. Jobs that reserve what they need never come to that.
 */
#ifndef XAI_GRAPH_BUDGET_H
#define XAI_GRAPH_BUDGET_H

#include "lanes.h"

/* A job's share. Begin with {.token, .program, .urgent}, end with xai_lease_end; one thread at a time. */
typedef struct xai_lease {
    xai_token *token; /* ends a wait; may be NULL */
    const xai_program *program; /* whose idle lanes it will take: they are driven out last; may be NULL */
    bool urgent;
    size_t held, used; /* taken from the budget; given to sessions */
    /* while it waits */
    size_t wanted;
    uint64_t turn;
    struct xai_lease *next; /* of those that hold or wait */
    bool listed;
} xai_lease;

/* Makes sure that `bytes` more can be used: from what the lease holds already, or from the budget. */
xai_status xai_lease_take(xai_lease *lease, size_t bytes, xai_error *err);
void xai_lease_give(xai_lease *lease, size_t bytes);

/* Holds at least `bytes`, or the whole budget if that is less, for what will be taken later. */
xai_status xai_lease_reserve(xai_lease *lease, size_t bytes, xai_error *err);

/* Gives back what is held. */
void xai_lease_end(xai_lease *lease);

/* ---- idle lanes */

enum { XAI_IDLE_LANES = 4 }; /* of one program, kept so that the next job need not map and clear its buffers anew */

/* Idle lanes of the program that serve `mode` on `pool`, put on the lease; NULL: there are none. Never waits. */
xai_lanes *xai_idle_take(const xai_program *program, xai_plan_mode mode, const xai_pool *pool, xai_lease *lease);
/* Keeps lanes for the next job, off their lease. */
void xai_idle_put(xai_lanes *lanes);
/* Ends all idle lanes of a program, which is about to go. */
void xai_idle_drop(const xai_program *program);

#endif
