/* The real engine behind the jobs' table. No state. */
#include "engine.h"

/* The explanation, its grades and its pictures. */
static xai_status explain(const xai_request *request, xai_pool *pool, xai_token *token, xai_result **out,
                          xai_error *err)
{
    xai_status status = xai_answer(request, pool, token, out, err);
    if (status != XAI_OK) return status;
    status = xai_result_render(*out, request->outputs, token, err);
    if (status != XAI_OK) xai_result_free(*out);
    return status;
}

jobs_engine jobs_engine_xai(void)
{
    return (jobs_engine){.describe = xai_model_describe,
                         .find_class = xai_model_find_class,
                         .method_count = xai_method_count,
                         .method_at = xai_method_at,
                         .method_find = xai_method_find,
                         .served = xai_method_served,
                         .check = xai_answer_check,
                         .cost = xai_answer_cost,
                         .explain = explain,
                         .result_free = xai_result_free,
                         .probe = xai_probe,
                         .quiz = xai_quiz};
}
