/* Quizzes and their answers: the way to the store, with the times that are the jobs' to set. */
#include "internal.h"

/* Whether the explanation is there is asked when the quiz is kept: a deletion after that takes the quiz along. */
xai_status jobs_keep_quiz(jobs *j, store_quiz *quiz, bool *gone, xai_error *err)
{
    jobs_view view;
    bool found;
    jobs_new_id(quiz->id);
    quiz->created_ms = jobs_now_ms();
    quiz->expires_ms = quiz->created_ms + j->config.retention_ms;
    XAI_TRY(j->store->table->add_quiz(j->store, quiz, err));
    XAI_TRY(jobs_get(j, quiz->job, &view, &found, err));
    *gone = !found || view.state == STORE_GONE;
    if (found) jobs_view_clear(&view);
    return *gone ? jobs_remove(j, quiz->job, err) : XAI_OK;
}

xai_status jobs_quiz(jobs *j, const char *id, store_quiz *quiz, bool *found, xai_error *err)
{
    return j->store->table->quiz(j->store, id, quiz, found, err);
}

xai_status jobs_answer_quiz(jobs *j, store_answer *answer, bool *fresh, xai_error *err)
{
    answer->created_ms = jobs_now_ms();
    return j->store->table->add_answer(j->store, answer, fresh, err);
}

xai_status jobs_tally(jobs *j, void (*each)(void *user, const store_tally *tally), void *user, xai_error *err)
{
    return j->store->table->tally(j->store, each, user, err);
}
