/* The listener is told of every step and sleeps once, as long as the whole time that is given. */
#include "support/late.h"

#include <time.h>

enum { SECONDS = 2 };

static void hold_up(void *user, const xai_progress *p)
{
    late *l = user;
    if (p->done < l->after || l->held) return;
    l->held = true;
    nanosleep(&(struct timespec){.tv_sec = SECONDS}, NULL);
}

xai_token *late_token(late *l, double after)
{
    *l = (late){.after = after};
    xai_token *token = xai_token_new(SECONDS * 1000, hold_up, l);
    xai_token_report_all(token);
    return token;
}

void cancel_at(void *user, const xai_progress *p)
{
    watch *w = user;
    w->done = p->done;
    if (p->done >= w->at) xai_token_cancel(w->token);
}
