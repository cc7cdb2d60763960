/* xai predict: the class scores of an image. */
#include "cli.h"

#include "json/doc.h"
#include "json/result.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *prediction_json(const xai_prediction *p)
{
    return json_pack("{s:I, s:o, s:o, s:o}", "class", (json_int_t)p->class_index, "name", xai_json_text(p->name),
                     "probability", xai_json_real((double)p->probability), "logit", xai_json_real((double)p->logit));
}

static xai_status predict_whole(const xai_request *request, xai_pool *pool, xai_error *err)
{
    xai_result *result;
    XAI_TRY(xai_explain(request, pool, NULL, &result, err));
    json_t *list = json_array();
    for (size_t i = 0; i < result->prediction_count; i++)
        json_array_append_new(list, prediction_json(&result->predictions[i]));
    xai_result_free(result);
    return cli_print(json_pack("{s:s, s:o}", "model", xai_model_describe(request->model)->id, "predictions", list), err);
}

static xai_status predict_with(cli_call *call, xai_request *request, xai_pool *pool, xai_error *err)
{
    int64_t top;
    XAI_TRY(cli_int(call, CLI_TOP, 5, 1, 100000, &top, err));
    request->top = (int)top;
    return predict_whole(request, pool, err);
}

xai_status cli_predict(cli_call *call, xai_error *err)
{
    cli_subject subject;
    xai_status status = cli_open_subject(call, &subject, err);
    if (status == XAI_OK) status = predict_with(call, &subject.request, subject.pool, err);
    cli_close_subject(&subject);
    return status;
}
