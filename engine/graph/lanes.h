/*
 * Lanes: as many sessions as compute threads, through which any number of samples runs, one sample a lane at a time.
 *
 * This is the only loop over samples in the engine: turns on the pool, cancel, deadline and progress are here, so
 * that no method has its own. A sample's arithmetic never depends on which lane runs it, nor on its neighbours.
 */
#ifndef XAI_GRAPH_LANES_H
#define XAI_GRAPH_LANES_H

#include "base/token.h"
#include "session.h"

typedef struct xai_lanes xai_lanes;
struct xai_lease; /* budget.h */

/* `spec` as for a session (what it points to must outlive the lanes; `threads` is ignored); the sessions are made when
 * they are first needed, and serve until the end. Their bytes are taken on the lease first (NULL: on none). */
xai_status xai_lanes_new(xai_program *program, const xai_session_spec *spec, xai_pool *pool, struct xai_lease *lease,
                         xai_lanes **out, xai_error *err);
void xai_lanes_free(xai_lanes *lanes);

/* Bytes of the sessions that have been made. */
size_t xai_lanes_bytes(const xai_lanes *lanes);
/* The lease that further sessions are taken on; returns the one before. The caller moves the bytes (budget.c). */
struct xai_lease *xai_lanes_set_lease(xai_lanes *lanes, struct xai_lease *lease);

/* Whether turns on the pool are asked for before those of long jobs. */
void xai_lanes_set_urgent(xai_lanes *lanes, bool urgent);

/* Work on sample `index` in `session`; called on compute threads, each sample exactly once. With `par` the lane may
 * spread its work (a lone sample uses all threads; otherwise `par` is serial). */
typedef xai_status (*xai_lane_fn)(void *user, size_t index, xai_session *session, const xai_par *par, xai_error *err);

/* Runs samples 0..count-1 in batches, checks the token between them and advances it by `cost` forward-equivalents a
 * sample. *done (may be NULL) is the number of leading samples that are complete: less than `count` only when the
 * status is not XAI_OK. */
xai_status xai_lanes_run(xai_lanes *lanes, size_t count, xai_lane_fn fn, void *user, double cost, xai_token *token,
                         size_t *done, xai_error *err);

/* The first lane's session, for what follows one lone sample: run with xai_lanes_run(count 1), then read here. */
xai_session *xai_lanes_first(xai_lanes *lanes);
const xai_program *xai_lanes_program(const xai_lanes *lanes);

/* Whether these lanes do for `mode` on `pool`. The threads count too: a new pool may lie where an old one was. */
bool xai_lanes_serve(const xai_lanes *lanes, xai_plan_mode mode, const xai_pool *pool);

#endif
