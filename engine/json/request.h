/*
 * Request: what to explain, as it comes from outside.
 *
 *     {"model":"efficientnet-lite0", "image":{"b64":"..."}, "methods":[{"id":"gradcam","params":{"layer":"..."}}],
 *      "targets":[{"class":504,"space":"logit","contrast":"tench"}], "seed":0, "outputs":["map","overlay"],
 *      "evaluate":["sparseness",{"id":"insertion","params":{"step":448}}],
 *      "expected":{"box":[top,left,bottom,right]} or {"mask":{"size":[rows,cols],"runs":[n,...]}},
 *      "top":5, "precision":"f32", "wait_ms":10000}
 *
 * `method`, `params`, `target` are short for one element. Reading happens in two steps, because names of classes mean
 * something only to a model: xai_json_request_read checks the form, xai_json_request_bind resolves the names.
 */
#ifndef XAI_JSON_REQUEST_H
#define XAI_JSON_REQUEST_H

#include <jansson.h>

#include "target.h"

enum {
    XAI_JSON_MAX_METHODS = 16,
    XAI_JSON_MAX_TARGETS = 16,
    XAI_JSON_MAX_METRICS = 32,
    XAI_JSON_MAX_RESULTS = 64, /* methods x targets */
    XAI_JSON_MAX_PARAMS = 64,
    XAI_JSON_MAX_TOP = 1000
};

/* A request as read; everything lives in the arena or in the JSON that it was read from. */
typedef struct xai_json_request {
    const char *model; /* NULL: the default */
    const char *image; /* base64; NULL: the image comes by another way */
    size_t image_length;
    xai_method_call *calls;
    size_t call_count;
    xai_metric_call *metrics;
    size_t metric_count;
    xai_json_target *expected; /* NULL: not given */
    xai_json_target *targets;
    size_t target_count;
    int64_t seed;
    unsigned outputs; /* xai_output bits; 0: all */
    int64_t top;      /* 0: 5 */
    xai_precision precision;
    int64_t wait_ms;  /* -1: not given */
    bool masks_later; /* set by who decodes masks' pictures after binding: till then all is inside; else refused */
} xai_json_request;

/* Reads the form. Errors: BAD_REQUEST or UNSUPPORTED, where = JSON pointer of the offending member. */
xai_status xai_json_request_read(const json_t *root, xai_arena *arena, xai_json_request *out, xai_error *err);

typedef xai_status (*xai_json_find_class)(const xai_model *model, const char *text, int64_t *index, xai_error *err);

/*
 * Resolves classes for a model and fills *out but for the image. `find` is xai_model_find_class (or a test's).
 * Errors: UNKNOWN_CLASS, AMBIGUOUS_CLASS, where = JSON pointer.
 */
xai_status xai_json_request_bind(const xai_json_request *request, xai_model *model, const xai_model_info *info,
                                 xai_json_find_class find, xai_arena *arena, xai_request *out, xai_error *err);

/*
 * The same request from name=value pairs (a query, a command line): model, method (one or a list by commas), target,
 * space, contrast, seed, outputs, evaluate (as method), expected (box:TOP,LEFT,BOTTOM,RIGHT or mask:FILE), top,
 * precision, wait_ms, and param.NAME=VALUE, param.METHOD.NAME=VALUE or param.METRIC.NAME=VALUE. *out is a new reference
 * to the JSON form. Errors: BAD_REQUEST, where = the pair's name.
 */
xai_status xai_json_request_from_pairs(const char *const *names, const char *const *values, size_t count,
                                       json_t **out, xai_error *err);

/*
 * What decides the numbers, in one canonical text: methods with versions and all parameters, classes, seed, outputs,
 * top, precision. Requests with equal texts on the same image and model have the same result. Heap memory, NULL when
 * memory is out or a parameter does not fit its table (xai_request_check says why).
 */
typedef const xai_method_info *(*xai_json_find_method)(const char *id);
char *xai_json_request_canonical(const xai_request *request, xai_json_find_method find);

#endif
