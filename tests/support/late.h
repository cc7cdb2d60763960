/*
 * A token whose deadline passes in the middle of the work, wherever the machine's speed would have put it: after so
 * many forwards the job is held up until the time is over.
 */
#ifndef TESTS_SUPPORT_LATE_H
#define TESTS_SUPPORT_LATE_H

#include "base/token.h"

typedef struct late {
    double after; /* forward-equivalents */
    bool held;
} late;

/* `l` must outlive the token, which is the caller's to free. */
xai_token *late_token(late *l, double after);

/* The same by a cancel: a listener's `user` that cancels once `at` forward-equivalents are done, and knows how many are. */
typedef struct watch {
    xai_token *token;
    double at, done;
} watch;

/* An xai_progress_fn; `user` is a watch. */
void cancel_at(void *user, const xai_progress *p);

#endif
