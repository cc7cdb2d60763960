/* Methods and models as JSON: what `xai methods`, `xai model` and the server's lists print. */
#ifndef XAI_JSON_SCHEMA_H
#define XAI_JSON_SCHEMA_H

#include <jansson.h>

#include "xai.h"

/* JSON Schema 2020-12 of a parameter table. A layer has "format":"layer". */
json_t *xai_json_params_schema(const xai_param *table, size_t n);

/* {"id","title","family","summary","paper","version","needs","cost","params":<schema>} */
json_t *xai_json_method(const xai_method_info *method);

/* {"id","title","family","summary","paper","version","needs","cost","better","params":<schema>} */
json_t *xai_json_metric(const xai_metric_info *metric);

/* {"id":..., "served":true} or {"id":..., "served":false, "reason":...}: one member of a model's "methods". */
json_t *xai_json_served(const xai_method_info *method, xai_status status, const xai_error *why);

/* The model's description; `methods` (an array of xai_json_served) is taken over. */
json_t *xai_json_model(const xai_model_info *model, json_t *methods);

/* {"id","sha256","classes","input_shape"}: a line of the list of models. */
json_t *xai_json_model_brief(const xai_model_info *model);

#endif
