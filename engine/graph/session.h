/*
 * Session: one set of planned buffers in which a program, or the part of it after a layer, runs. Everything that
 * explains calls these functions, and nothing below them: forward, backward with a policy, named tensors; lanes.h runs
 * many samples at once, region.h computes only what a small change reaches.
 *
 * Suffix and prefix reuse are one thing: a session of a part (part.h) is made from a base, a session of the whole
 * program that has run. It takes over what the part reads from before the cut; each run then begins with what the
 * caller writes to the cut.
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
    bool tangents; /* GRADIENT mode: room for xai_session_hvp, as much again; the program must be plain */
    bool relevance; /* GRADIENT mode: room for xai_session_relevance; the program must be plain, its weights open */
    bool multipliers; /* GRADIENT mode: room for xai_session_multipliers; the program must be plain */
    int slots;   /* samples that lie side by side, for xai_session_forward_slots; 0: one. FORWARD only */
    const xai_part *part; /* NULL: the whole program; else what is run, as long as the session lives */
    xai_session *base;    /* NULL: none; else a session that has run with the part's inputs kept (or everything): what
                             survives runs is copied from it when the session is made. With KEEP it is read by
                             xai_session_forward_changed too, and must neither run nor end before the session does */
} xai_session_spec;

/* Bytes of the buffers that such a session will take. GRADIENT: packs the program's backward weights first, since
 * they decide how much scratch is needed. */
xai_status xai_session_plan_bytes(xai_program *program, const xai_session_spec *spec, size_t *bytes, xai_error *err);

xai_status xai_session_new(xai_program *program, const xai_session_spec *spec, xai_session **out, xai_error *err);
void xai_session_free(xai_session *session);
size_t xai_session_bytes(const xai_session *session);

/* The data of a tensor: an input before the run, a kept one (GRADIENT, KEEP: any) after it; a variable weight at any
 * time, to be read or trained. NULL: not in this program or part. */
float *xai_session_data(xai_session *session, const char *name);
void *xai_session_value_data(xai_session *session, const xai_value *value);

/* Told of every node that runs, just before (`begins`) and just after; for measuring. Of several that run as one it
 * is told the first. */
typedef struct xai_observer {
    void (*tell)(void *user, const xai_node *node, bool backward, bool begins); /* NULL: nobody listens */
    void *user;
} xai_observer;
void xai_session_observe(xai_session *session, const xai_observer *observer);

/* How many nodes of the program or part run as one from this position on; 0: it runs with one before it. */
int xai_session_together(const xai_session *session, int position);

/* Runs every node of the program or part. `par` spreads one run over threads; serial inside a lane. */
void xai_session_forward(xai_session *session, const xai_par *par);

/*
 * Several samples in one session, where weights weigh more than arithmetic (the linear layers at the end): the nodes
 * before the first that takes several at once run sample by sample, while its data is in the cache; the rest run for
 * all of them. The bytes are those of single runs.
 */
void *xai_session_slot_data(xai_session *session, const xai_value *value, int slot);
void xai_session_forward_slot(xai_session *session, int slot, const xai_par *par);
void xai_session_forward_slots(xai_session *session, int count, const xai_par *par);

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

/*
 * Hessian-vector product: with the target t = sum of seeds * values, as a function of the value `at` alone,
 *     gradient = dt / d at,    product = (d^2 t / d at^2) direction
 * both exact (forward mode over reverse mode; see ops/tangent.h). `at`, direction, gradient and product have one
 * shape; gradient may be NULL. Over the last forward; the session's spec asked for tangents. Costs about two forwards
 * and two backwards; one forward and one backward where the graph after `at` is piecewise linear: then the product
 * is 0. UNSUPPORTED_METHOD, naming the operator, where one has no second derivative.
 */
typedef struct xai_hvp {
    const xai_value *at;
    const float *direction;
    float *gradient, *product;
} xai_hvp;
xai_status xai_session_hvp(xai_session *session, const xai_seed *seeds, size_t seed_count, const xai_hvp *hvp,
                           const xai_par *par, xai_error *err);

#endif
