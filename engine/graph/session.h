/*
 * Session: one set of planned buffers in which a program runs. Everything that explains calls these functions, and
 * nothing below them: forward, suffix, backward with a policy, named tensors; lanes.h runs many samples at once.
 *
 * A session belongs to one thread at a time. Its buffers are allocated when it is made; runs allocate nothing.
 */
#ifndef XAI_GRAPH_SESSION_H
#define XAI_GRAPH_SESSION_H

#include "plan.h"

typedef struct xai_session xai_session;

typedef struct xai_session_spec {
    xai_plan_mode mode;
    const char *const *keep; /* tensors that are readable after a forward; the program's kept ones */
    size_t keep_count;
    int threads; /* that may work inside one run; 1 for a lane */
} xai_session_spec;

xai_status xai_session_new(xai_program *program, const xai_session_spec *spec, xai_session **out, xai_error *err);
void xai_session_free(xai_session *session);
size_t xai_session_bytes(const xai_session *session);

/* The data of a tensor: an input before the run, a kept one (GRADIENT: any) after it. NULL: not in this program. */
float *xai_session_data(xai_session *session, const char *name);
void *xai_session_value_data(xai_session *session, const xai_value *value);

/* Told of every node that runs, just before (`begins`) and just after; for measuring. */
typedef struct xai_observer {
    void (*tell)(void *user, const xai_node *node, bool backward, bool begins); /* NULL: nobody listens */
    void *user;
} xai_observer;
void xai_session_observe(xai_session *session, const xai_observer *observer);

/* Runs every node. `par` spreads one run over threads; serial inside a lane. */
void xai_session_forward(xai_session *session, const xai_par *par);

/* Suffix: runs only the nodes that depend on `from`, whose data the caller has changed. Everything else is as the
 * last full forward left it. GRADIENT mode only. */
void xai_session_forward_from(xai_session *session, const xai_value *from, const xai_par *par);

/* d target / d outputs: where the backward pass starts. `grad` has the value's shape. */
typedef struct xai_seed {
    const xai_value *value;
    const float *grad;
} xai_seed;

/* A gradient that is wanted: copied to `out` (the value's shape) when it is complete. Zero where the target does not
 * depend on the value. */
typedef struct xai_wanted {
    const xai_value *value;
    float *out;
} xai_wanted;

/* Backward pass over the last forward. Only what lies between the seeds and the wanted values is differentiated.
 * Fails if an operator between them has no derivative. GRADIENT mode only. */
xai_status xai_session_backward(xai_session *session, const xai_seed *seeds, size_t seed_count,
                                const xai_wanted *wanted, size_t wanted_count, xai_policy policy, const xai_par *par,
                                xai_error *err);

#endif
