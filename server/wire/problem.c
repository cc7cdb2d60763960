/* Problem documents from errors. No state. */
#include "problem.h"

#include <stdio.h>

static const struct {
    int status;
    const char *code, *title;
} PROBLEMS[] = {
#define WIRE_PROBLEM(name, status, code, title) [WIRE_##name] = {status, code, title},
#include "problems.def"
#undef WIRE_PROBLEM
};

/* Not to be understood at all: 400. Understood, but naming what does not exist or does not fit: 422. */
static int status_of_input(xai_status status)
{
    switch (status) {
    case XAI_E_BAD_PARAM:
    case XAI_E_BAD_TENSOR:
    case XAI_E_UNKNOWN_MODEL:
    case XAI_E_UNKNOWN_METHOD:
    case XAI_E_UNKNOWN_CLASS:
    case XAI_E_AMBIGUOUS_CLASS:
    case XAI_E_UNKNOWN_LAYER: return 422;
    default: return 400;
    }
}

static int status_of_limit(xai_status status)
{
    switch (status) {
    case XAI_E_TOO_LARGE: return 413;
    case XAI_E_NO_SPACE: return 507;
    case XAI_E_QUOTA: return 429;
    default: return 503;
    }
}

int wire_status_of(xai_status status)
{
    switch (xai_status_class(status)) {
    case XAI_CLASS_NONE: return 200;
    case XAI_CLASS_INPUT: return status_of_input(status);
    case XAI_CLASS_UNSUPPORTED: return status == XAI_E_UNSUPPORTED_IMAGE ? 415 : 422;
    case XAI_CLASS_LIMIT: return status_of_limit(status);
    case XAI_CLASS_CANCELLED: return status == XAI_E_DEADLINE ? 504 : 499;
    case XAI_CLASS_INTERNAL: break;
    }
    return 500;
}

static json_t *document(int status, const char *code, const char *title, const char *detail, const char *instance)
{
    char type[80];
    snprintf(type, sizeof type, "urn:explaind:problem:%s", code);
    json_t *text = detail ? json_string(detail) : NULL; /* NULL when it quotes bytes that are not UTF-8 */
    json_t *problem = json_pack("{s:s, s:s, s:i, s:o, s:s}", "type", type, "title", title, "status", status, "detail",
                                text ? text : json_string(title), "code", code);
    if (instance) json_object_set_new(problem, "instance", json_string(instance));
    return problem;
}

json_t *wire_problem_of_error(const xai_error *err, const char *instance)
{
    json_t *problem = document(wire_status_of(err->status), xai_status_id(err->status), xai_status_title(err->status),
                               err->msg, instance);
    if (err->where[0] == '/') json_object_set_new(problem, "pointer", json_string(err->where));
    return problem;
}

json_t *wire_problem(wire_problem_id id, const char *instance, const char *detail)
{
    return document(PROBLEMS[id].status, PROBLEMS[id].code, PROBLEMS[id].title, detail, instance);
}

int wire_problem_status(wire_problem_id id) { return PROBLEMS[id].status; }
