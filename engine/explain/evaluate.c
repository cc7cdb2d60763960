/* Evaluate: variants through lanes, scores by index. Which lane takes which variant leaves no trace in the scores. */
#include "evaluate.h"

typedef struct job {
    const xai_context *context;
    const xai_aim *aim;
    const xai_variants *variants;
    xai_scores *scores;
} job;

static xai_status run_variant(void *user, size_t index, xai_session *session, const xai_par *par, xai_error *err)
{
    (void)err;
    job *j = user;
    const xai_context *c = j->context;
    j->variants->make(j->variants->user, index, xai_session_value_data(session, c->in));
    xai_session_forward(session, par);
    const float *data = xai_session_value_data(session, j->aim->value);
    j->scores->values[index] = (float)xai_aim_value(j->aim, data);
    if (j->scores->top1) j->scores->top1[index] = (int32_t)xai_aim_top_class(j->aim, data);
    return XAI_OK;
}

xai_status xai_evaluate(xai_context *c, const xai_aim *aim, const xai_variants *variants, xai_scores *scores,
                        xai_error *err)
{
    xai_lanes *lanes;
    scores->done = 0;
    XAI_TRY(xai_context_lanes(c, &lanes, err));
    job j = {.context = c, .aim = aim, .variants = variants, .scores = scores};
    xai_status status = xai_lanes_run(lanes, variants->count, run_variant, &j, 1, c->token, &scores->done, err);
    c->forwards += (double)scores->done;
    return status;
}

xai_status xai_evaluate_until(xai_context *c, const xai_aim *aim, const xai_variants *variants, size_t enough,
                              xai_scores *scores, bool *partial, xai_error *err)
{
    xai_status status = xai_evaluate(c, aim, variants, scores, err);
    *partial = status == XAI_E_DEADLINE && scores->done >= enough;
    return *partial ? XAI_OK : status;
}
