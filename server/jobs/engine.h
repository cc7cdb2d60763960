/*
 * The engine as the jobs see it: a table of functions, so that queue, cancel, store and restart can be tested with
 * planted work. jobs_engine_xai() is the real one.
 */
#ifndef EXPLAIND_JOBS_ENGINE_H
#define EXPLAIND_JOBS_ENGINE_H

#include "xai.h"

typedef struct jobs_engine {
    const xai_model_info *(*describe)(const xai_model *model);
    xai_status (*find_class)(const xai_model *model, const char *text, int64_t *index, xai_error *err);
    size_t (*method_count)(void);
    const xai_method_info *(*method_at)(size_t index);
    const xai_method_info *(*method_find)(const char *id);
    xai_status (*served)(const xai_method_info *method, const xai_model *model, xai_error *err);
    xai_status (*check)(const xai_request *request, xai_error *err);
    double (*cost)(const xai_request *request);
    xai_status (*explain)(const xai_request *request, xai_pool *pool, xai_token *token, xai_result **out,
                          xai_error *err);
    void (*result_free)(xai_result *result);
    xai_status (*probe)(const xai_probe_request *request, xai_pool *pool, xai_token *token, xai_probe_value *values,
                        xai_error *err);

    xai_status (*quiz)(const xai_quiz_request *request, xai_pool *pool, xai_token *token, xai_quiz_pair *pairs,
                       size_t *found, xai_error *err);

    /* Image bytes into pixels, somewhere they can do no harm. `decoder` is the first argument. */
    xai_status (*decode)(void *decoder, const void *bytes, size_t size, const xai_token *token, xai_image **out,
                         xai_error *err);
    void (*rest)(void *decoder); /* a worker has answered: time to make ready for the next image; NULL: nothing to do */
    void *decoder;
} jobs_engine;

/* libxai itself; `decode` is left for the caller to fill in (decoders.h). */
jobs_engine jobs_engine_xai(void);

#endif
