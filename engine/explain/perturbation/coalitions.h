/*
 * Coalitions: samples of a set function v(S) = the target's value with the features S kept and the others hidden.
 *
 * A sample is a row of bits; equal rows are evaluated once, and the full set never, since its value is the base
 * forward's. Everything lies in the task's arena, made for a number of samples that is known before.
 */
#ifndef XAI_EXPLAIN_PERTURBATION_COALITIONS_H
#define XAI_EXPLAIN_PERTURBATION_COALITIONS_H

#include "features.h"

typedef struct xai_coalitions {
    const xai_features *features;
    size_t words;      /* of 64 bits, a row */
    size_t room;       /* samples */
    size_t count;      /* samples there are */
    uint32_t *which;   /* of each sample: its distinct row */
    size_t distinct;   /* rows; row 0 is the full set */
    uint64_t *bits;    /* distinct x words */
    float *values;     /* of each distinct row, once evaluated */
    uint32_t *slots;   /* hash table of row + 1; a power of two, at most half full */
    size_t slot_count;
} xai_coalitions;

xai_status xai_coalitions_init(xai_coalitions *c, const xai_features *features, size_t room, xai_task *task,
                               xai_error *err);

/* One more sample: row[words], with no bit beyond the features. */
void xai_coalitions_add(xai_coalitions *c, const uint64_t *row);

/* Coalitions.npy of the task's draws (count x features; 0: hidden), in place of the method's own. They are as many as
 * the file says. `first_full`: the first row is the whole picture, whatever it holds. */
xai_status xai_coalitions_replay(xai_coalitions *c, const xai_features *features, bool first_full, xai_task *task,
                                 xai_error *err);
/* Writes the samples as coalitions.npy, if the task asks for that and they are less than a gigabyte. */
xai_status xai_coalitions_emit(const xai_coalitions *c, const xai_task *task, xai_error *err);

/*
 * Evaluates all. A deadline leaves the first *done samples, if they are at least `enough`, and marks the result
 * partial, with a warning. Samples that cost nothing count as progress too.
 */
xai_status xai_coalitions_evaluate(xai_coalitions *c, xai_task *task, size_t enough, size_t *done, xai_error *err);

static inline const uint64_t *xai_coalition_row(const xai_coalitions *c, size_t sample)
{
    return c->bits + c->which[sample] * c->words;
}
static inline double xai_coalition_value(const xai_coalitions *c, size_t sample)
{
    return (double)c->values[c->which[sample]];
}
static inline bool xai_coalition_has(const uint64_t *row, size_t feature) { return row[feature / 64] >> feature % 64 & 1; }
static inline void xai_coalition_put(uint64_t *row, size_t feature) { row[feature / 64] |= (uint64_t)1 << feature % 64; }
size_t xai_coalition_size(const xai_coalitions *c, const uint64_t *row);

#endif
