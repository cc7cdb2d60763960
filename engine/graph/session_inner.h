/*
 * What the files that implement a session share. Explainers see session.h.
 */
#ifndef XAI_GRAPH_SESSION_INNER_H
#define XAI_GRAPH_SESSION_INNER_H

#include "session.h"

struct xai_session {
    xai_arena *arena;
    xai_program *program;
    xai_part part; /* what is run */
    xai_session *base;
    xai_plan plan;
    xai_plan_mode mode;
    unsigned char *block;
    size_t block_bytes;
    void **data;   /* by value id; further slots follow, value_count each */
    xai_exec *execs; /* of each slot, for the run */
    int shared;      /* the first node that takes several slots at once; node_count: none */
    float **grads; /* by value id; set while a backward pass runs */
    bool *mark;    /* by value id: scratch for walks */
    unsigned char *scratch;
    size_t scratch_stride;
    xai_observer observer;
    /* region.c's, by value id; NULL unless KEEP with a base: what the change that runs touches of each value, and what
     * differs from the base by an earlier one */
    xai_box *changed, *stale;
};

/* forward of one node, unless it is a view. */
void xai_session_run_node(const xai_session *session, const xai_node *node, const xai_exec *exec);

xai_exec xai_session_exec(xai_session *session, xai_policy policy, const xai_par *par);

#endif
