/*
 * Changed region: after a small change of one tensor, only what it reaches is computed anew.
 *
 * A session of mode KEEP that was made from a base holds the base's activations. A change is a box of the tensor (ops/
 * box.h) in which the caller has written other values. It is followed from node to node by the operators' `reach`:
 * of every output only the box that depends on the change is computed (`forward_box`), until most of a tensor is
 * reached or an operator has no such rule, where the whole output is. Before the next change, what the last one
 * touched is put back from the base; so a result depends on the change alone, not on what ran before it.
 *
 * An element is computed by the same sums as in a full run: it differs by rounding at most (tests bound it by 1e-4 of
 * the largest logit; with the kernels of today the bytes are the same).
 *
 * Whether it pays is a question of the box, answered by counting, never by the clock: xai_region_share is the work
 * that is left, in multiplications and elements. Measured on one thread, a 32 x 32 square of 224 x 224 at the
 * 169 places of occlusion, full batched forward = 1:
 *
 *     TABLE
 *
 * So a method takes it where the mean share of its variants is at most XAI_REGION_PAYS.
 */
#ifndef XAI_GRAPH_REGION_H
#define XAI_GRAPH_REGION_H

#include "session.h"

#define XAI_REGION_PAYS 0.6

/* The share of the part's work (part NULL: the program's) that a change in `box` of `from` leaves: 0 to 1. */
xai_status xai_region_share(xai_program *program, const xai_part *part, const xai_value *from, const xai_box *box,
                            double *share, xai_error *err);

/* Puts back what the last change touched, so that every value is the base's. Before the caller writes the next one. */
void xai_session_restore(xai_session *session);

/* Computes what depends on `from`, an input of the session, which the caller has changed inside `box` since
 * xai_session_restore. For a session with mode KEEP and a base. Every value can be read until the next restore. */
void xai_session_forward_changed(xai_session *session, const xai_value *from, const xai_box *box, const xai_par *par);

#endif
