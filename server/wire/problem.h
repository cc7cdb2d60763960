/*
 * Problem details (RFC 9457): every error of the service, as
 * {"type","title","status","detail","instance","code","pointer"}.
 *
 * Errors of the engine get their HTTP status from their class; what only HTTP knows has a list of its own
 * (problems.def). `pointer` is the JSON pointer of the offending member, when there is one.
 */
#ifndef EXPLAIND_WIRE_PROBLEM_H
#define EXPLAIND_WIRE_PROBLEM_H

#include <jansson.h>

#include "base/error.h"

#define WIRE_PROBLEM_TYPE "application/problem+json"

typedef enum wire_problem_id {
#define WIRE_PROBLEM(name, status, code, title) WIRE_##name,
#include "problems.def"
#undef WIRE_PROBLEM
} wire_problem_id;

/* 400, 413, 415, 422, 429, 499, 500, 503, 504 or 507. */
int wire_status_of(xai_status status);

/* A new reference; `instance` NULL: left out. */
json_t *wire_problem_of_error(const xai_error *err, const char *instance);
json_t *wire_problem(wire_problem_id id, const char *instance, const char *detail);
int wire_problem_status(wire_problem_id id);

#endif
