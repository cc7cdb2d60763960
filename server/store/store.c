/* Store: what all implementations share. No state. */
#include "store.h"

#include <stdlib.h>

const char *store_state_name(store_state state)
{
    static const char *const NAMES[] = {[STORE_QUEUED] = "queued",   [STORE_RUNNING] = "running",
                                        [STORE_DONE] = "done",       [STORE_PARTIAL] = "partial",
                                        [STORE_FAILED] = "failed",   [STORE_CANCELLED] = "cancelled",
                                        [STORE_GONE] = "gone"};
    return NAMES[state];
}

bool store_state_is_final(store_state state) { return state != STORE_QUEUED && state != STORE_RUNNING; }

void store_quiz_clear(store_quiz *quiz)
{
    free(quiz->text);
    quiz->text = NULL;
}

void store_job_clear(store_job *job)
{
    free(job->request);
    job->request = NULL;
}
