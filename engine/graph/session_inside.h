/*
 * Inside of a session: what the files that run programs share (session.c, region.c, tangent.c, relevance.c,
 * multipliers.c). Nobody else looks in.
 */
#ifndef XAI_GRAPH_SESSION_INSIDE_H
#define XAI_GRAPH_SESSION_INSIDE_H

#include "ops/tangent.h"
#include "session.h"

/* A second block, laid out like the session's own: where each value has its tangent, and each gradient its own. */
typedef struct xai_twin {
    unsigned char *block;
    float **tangents; /* by value id; NULL: the value does not move */
    float **grads;    /* by value id: tangents of gradients */
    xai_stage *stage;
} xai_twin;

typedef struct xai_relevance_room xai_relevance_room; /* relevance_inside.h */

struct xai_session {
    xai_arena *arena;
    xai_program *program;
    xai_part part; /* what is run */
    xai_session *base;
    xai_plan plan;
    xai_plan_mode mode;
    int *together; /* by position in the part: how many nodes run as one from here on; 0 within such */
    bool fast; /* see xai_exec; what follows a base computes as that did */
    unsigned char *block;
    size_t block_bytes;
    void **data;       /* by value id; further slots follow, value_count each */
    xai_exec *execs;   /* of each slot, for the run */
    int first_shared;  /* the first node that takes several slots at once; node_count: none */
    float **grads;     /* by value id; set while a backward pass runs */
    bool *mark;        /* by value id: scratch for walks */
    unsigned char *scratch;
    size_t scratch_stride;
    unsigned char *shared;
    xai_observer observer;
    xai_twin *twin; /* NULL: no tangents */
    xai_relevance_room *room; /* NULL: no relevance */
    struct xai_multiplier_room *multipliers; /* multipliers_inside.h; NULL: none */
    /* region.c's, by value id; NULL unless KEEP with a base: what the change that runs touches of each value, and what
     * differs from the base by an earlier one */
    xai_box *changed, *stale;
};

/* forward of one node, unless it is a view. */
void xai_session_run_node(const xai_session *session, const xai_node *node, const xai_exec *exec);

/* chain.c: says what runs together; s->mark has what is kept. Then the scratch bytes a thread that it takes. */
xai_status xai_session_find_chains(xai_session *session, xai_error *err);
size_t xai_session_chain_scratch(const xai_session *session);
void xai_session_run_chain(xai_node *const *nodes, int count, const xai_exec *exec);

xai_exec xai_session_exec(xai_session *session, xai_policy policy, const xai_par *par);

bool xai_any_marked(const bool *mark, xai_value *const *values, int count);
void xai_session_mark_needed(xai_session *session, const xai_wanted *wanted, size_t count);

/* The gradient of a marked value becomes live in `block`: cleared, to be added to. */
void xai_session_open_gradient(const xai_session *session, const xai_value *value, unsigned char *block,
                               float **grads);

/*
 * The walk that backward passes share: from the seeds, node by node in reverse, to the wanted values. It visits the
 * nodes between them whose outputs' gradients are live and complete; a visit opens those of the inputs that it adds to.
 */
typedef struct xai_walk {
    const xai_seed *seeds;
    size_t seed_count;
    const xai_wanted *wanted;
    size_t wanted_count;
    xai_status (*visit)(void *user, const xai_node *node, int position, xai_error *err); /* position: in the part */
    void *user;
} xai_walk;
xai_status xai_session_walk_back(xai_session *session, const xai_walk *walk, xai_error *err);

/* Any node's backward pass, views too. */
void xai_node_backward(const xai_node *node, const xai_exec *exec);

/* tangent.c: the twin's memory. */
xai_status xai_session_add_twin(xai_session *session, xai_error *err);
/* relevance.c: its memory. */
size_t xai_session_relevance_bytes(const xai_session *session);
/* multipliers.c: its memory. */
xai_status xai_session_add_multipliers(xai_session *session, xai_error *err);
size_t xai_session_multiplier_bytes(const xai_session *session);
xai_status xai_session_add_relevance(xai_session *session, xai_error *err);

#endif
