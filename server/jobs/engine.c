/* The real engine behind the jobs' table. No state. */
#include "engine.h"

#pragma weak xai_probe /* an engine without `sag` has none: the table's entry is NULL then */

jobs_engine jobs_engine_xai(void)
{
    return (jobs_engine){.describe = xai_model_describe,
                         .find_class = xai_model_find_class,
                         .method_count = xai_method_count,
                         .method_at = xai_method_at,
                         .method_find = xai_method_find,
                         .served = xai_method_served,
                         .check = xai_request_check,
                         .cost = xai_request_cost,
                         .explain = xai_explain,
                         .result_free = xai_result_free,
                         .probe = xai_probe};
}
