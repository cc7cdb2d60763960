/*
 * Changed region: after a small change of one tensor, only what it reaches is computed anew.
 *
 * A session of mode KEEP that was made from a base holds the base's activations. A change is a box of the tensor
 * (ops/box.h) in which the caller has written other values. It is followed from node to node by the operators'
 * `reach`: of every output only the box that depends on the change is computed (`forward_box`), until most of a
 * tensor is reached or an operator has no such rule, where the whole output is. What an earlier change touched and
 * this one does not cover is put back from the base on the way; so a result depends on the change alone, not on what
 * ran before it.
 *
 * An element is computed by the same sums as in a full run: it differs by rounding at most (tests bound it by 1e-4
 * of the largest logit; with the kernels of today the bytes are the same).
 *
 * Whether it pays is a question of the boxes, answered by counting, never by the clock: xai_region_share is the work
 * that is left, in multiplications and elements. Measured (one thread, AVX-512, squares at a stride of 16 on 224 x
 * 224; processor time of a change against a full forward):
 *
 *                      squares of 32         of 64                 of 112
 *     VGG-16           share 0.14 time 0.25  (half of it reads the weights of the linear layers)
 *     SqueezeNet 1.1   share 0.33 time 0.37
 *     ResNet-18        share 0.38 time 0.48
 *     ResNet-50        share 0.41 time 0.51  share 0.54 time 0.63  share 0.71 time 0.79
 *     DenseNet-121     share 0.46 time 0.65  share 0.56 time 0.75  share 0.71 time 0.94
 *     MobileNetV2      share 0.47 time 0.53
 *     Lite0            share 0.59 time 0.63  share 0.66 time 0.70  share 0.73 time 0.81 (of 96)
 *
 * and beyond a share of 0.85 it is slower than the whole. So a method takes it where the mean share of its variants
 * is at most XAI_REGION_PAYS: at least a tenth of the time is saved, for buffers that hold every activation once a
 * lane.
 */
#ifndef XAI_GRAPH_REGION_H
#define XAI_GRAPH_REGION_H

#include "session.h"

#define XAI_REGION_PAYS 0.65

/* The share of the part's work (part NULL: the program's) that a change in `box` of `from` leaves: 0 to 1. */
xai_status xai_region_share(xai_program *program, const xai_part *part, const xai_value *from, const xai_box *box,
                            double *share, xai_error *err);

/* Makes the session's inputs the base's again. Call it before the next change is written. */
void xai_session_restore(xai_session *session);

/* Computes what depends on `from`, an input of the session, which the caller has changed inside `box` since
 * xai_session_restore. For a session with mode KEEP and a base. Every value can be read until the next restore. An
 * empty box makes every value the base's. */
void xai_session_forward_changed(xai_session *session, const xai_value *from, const xai_box *box, const xai_par *par);

#endif
