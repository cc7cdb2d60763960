/* Evaluate: variants through lanes, scores by index. Which lane takes which variant leaves no trace in the scores. */
#include "evaluate.h"

typedef struct job {
    const xai_context *context;
    const xai_target *target;
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
    const float *logits = xai_session_value_data(session, c->logits);
    j->scores->values[index] = (float)xai_target_value(c, j->target, logits);
    if (j->scores->top1) j->scores->top1[index] = (int32_t)xai_context_top_class(c, logits);
    return XAI_OK;
}

xai_status xai_evaluate(xai_context *c, const xai_target *target, const xai_variants *variants, xai_scores *scores,
                        xai_error *err)
{
    xai_lanes *lanes;
    scores->done = 0;
    XAI_TRY(xai_context_lanes(c, &lanes, err));
    job j = {.context = c, .target = target, .variants = variants, .scores = scores};
    xai_status status = xai_lanes_run(lanes, variants->count, run_variant, &j, 1, c->token, &scores->done, err);
    c->forwards += (double)scores->done;
    return status;
}

xai_status xai_evaluate_until(xai_context *c, const xai_target *target, const xai_variants *variants, size_t enough,
                              xai_scores *scores, bool *partial, xai_error *err)
{
    xai_status status = xai_evaluate(c, target, variants, scores, err);
    *partial = status == XAI_E_DEADLINE && scores->done >= enough;
    return *partial ? XAI_OK : status;
}
