/*
 * The OpenAPI document: paths from routes.def, parameters of the methods from their tables, problems from the lists.
 *
 * What is here by hand are the shapes that no list knows: request and result. No state.
 */
#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "json/result.h"
#include "json/schema.h"

/* ---------------------------------------------------------------- schemas */

/* A fixed schema as JSON text; the tests parse the whole document. */
static json_t *schema(const char *text) { return json_loads(text, 0, NULL); }

static const char TARGET[] =
    "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":0},{\"type\":\"string\"},{\"type\":\"object\","
    "\"description\":\"A class; its score inside a box or mask of a dense output; a neuron; or an element of an output\","
    "\"additionalProperties\":false,\"properties\":{"
    "\"class\":{\"type\":[\"integer\",\"string\",\"null\"],\"description\":\"Index or unique name; null: the top class\"},"
    "\"space\":{\"type\":[\"string\",\"null\"],\"enum\":[\"logit\",\"probability\",null]},"
    "\"contrast\":{\"type\":[\"integer\",\"string\",\"null\"],\"description\":\"Explain class minus contrast\"},"
    "\"box\":{\"type\":[\"array\",\"null\"],\"minItems\":4,\"maxItems\":4,\"items\":{\"type\":\"integer\",\"minimum\":0},"
    "\"description\":\"Top, left, bottom, right in pixels of the model's input, the latter two excluded\"},"
    "\"mask\":{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"object\",\"additionalProperties\":false,"
    "\"required\":[\"b64\"],\"properties\":{\"b64\":{\"type\":\"string\",\"contentEncoding\":\"base64\","
    "\"description\":\"A picture that covers the model's input; inside is what is not black\"}}},"
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"size\",\"runs\"],\"properties\":{"
    "\"size\":{\"type\":\"array\",\"minItems\":2,\"maxItems\":2,\"items\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":2048},"
    "\"description\":\"Rows, columns; any resolution\"},"
    "\"runs\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":65536,\"items\":{\"type\":\"integer\",\"minimum\":0},"
    "\"description\":\"Row by row: so many outside, then so many inside, and so on\"}}}]},"
    "\"neuron\":{\"type\":[\"object\",\"null\"],\"additionalProperties\":false,\"required\":[\"layer\",\"channel\"],"
    "\"properties\":{\"layer\":{\"type\":\"string\"},\"channel\":{\"type\":\"integer\",\"minimum\":0},"
    "\"position\":{\"type\":[\"array\",\"null\"],\"minItems\":2,\"maxItems\":2,\"items\":{\"type\":\"integer\",\"minimum\":0},"
    "\"description\":\"Row, column; null: the sum over all\"}}},"
    "\"output\":{\"type\":[\"object\",\"null\"],\"additionalProperties\":false,\"required\":[\"index\"],"
    "\"properties\":{\"name\":{\"type\":[\"string\",\"null\"],\"description\":\"null: the model's own\"},"
    "\"index\":{\"type\":\"integer\",\"minimum\":0,\"description\":\"Flat over one sample\"}}}}}]}";

static const char REQUEST[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    "\"model\":{\"type\":[\"string\",\"null\"]},"
    "\"image\":{\"type\":\"object\",\"required\":[\"b64\"],\"properties\":{\"b64\":{\"type\":\"string\",\"contentEncoding\":\"base64\"}}},"
    "\"methods\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":16,\"items\":{\"$ref\":\"#/components/schemas/Method\"}},"
    "\"method\":{\"$ref\":\"#/components/schemas/Method\"},\"params\":{\"type\":\"object\"},"
    "\"targets\":{\"type\":\"array\",\"maxItems\":16,\"items\":{\"$ref\":\"#/components/schemas/Target\"}},"
    "\"target\":{\"$ref\":\"#/components/schemas/Target\"},"
    "\"seed\":{\"type\":[\"integer\",\"null\"],\"minimum\":0},\"precision\":{\"enum\":[\"f32\",\"bf16\",null],"
    "\"description\":\"bf16: where the model's precisions name it, and for methods that need no gradient\"},"
    "\"outputs\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":2,\"items\":{\"enum\":[\"map\",\"overlay\"]}},"
    "\"evaluate\":{\"type\":\"array\",\"maxItems\":32,\"items\":{\"$ref\":\"#/components/schemas/Metric\"},"
    "\"description\":\"Metrics that the maps are graded by\"},"
    "\"expected\":{\"type\":[\"object\",\"null\"],\"additionalProperties\":false,"
    "\"description\":\"Where a person expects the evidence: a box or a mask as a target has it\","
    "\"properties\":{\"box\":{\"type\":\"array\",\"minItems\":4,\"maxItems\":4},\"mask\":{\"type\":\"object\"}}},"
    "\"top\":{\"type\":[\"integer\",\"null\"],\"minimum\":1,\"maximum\":1000},"
    "\"wait_ms\":{\"type\":[\"integer\",\"null\"],\"minimum\":0}}}";

static const char RESULT[] =
    "{\"type\":\"object\",\"required\":[\"schema\",\"status\"],\"properties\":{\"schema\":{\"const\":1},"
    "\"id\":{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{32}$\"},"
    "\"status\":{\"enum\":[\"queued\",\"running\",\"done\",\"partial\",\"failed\",\"cancelled\"]},"
    "\"created\":{\"type\":\"string\"},\"cache\":{\"enum\":[\"miss\",\"hit\",\"coalesced\"]},"
    "\"timing\":{\"type\":\"object\"},\"image\":{\"type\":\"object\"},\"model\":{\"type\":\"object\"},"
    "\"predictions\":{\"type\":\"array\"},\"results\":{\"type\":\"array\"},"
    "\"error\":{\"$ref\":\"#/components/schemas/Problem\"}}}";

static const char PROBLEM[] =
    "{\"type\":\"object\",\"required\":[\"type\",\"title\",\"status\",\"code\"],\"properties\":{"
    "\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},"
    "\"detail\":{\"type\":\"string\"},\"instance\":{\"type\":\"string\"},\"code\":{\"type\":\"string\"},"
    "\"pointer\":{\"type\":\"string\",\"description\":\"JSON pointer of the offending member\"}}}";

static const char PROBE[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    "\"patches\":{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":0}},"
    "\"masks\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":64,\"items\":{\"type\":\"string\",\"pattern\":\"^[0-9a-f]+$\"}}}}";

/* One of the forms that a method or a metric has: its id with its own parameters. */
static void add_form(json_t *forms, json_t *names, const char *id, const xai_param *params, size_t count)
{
    json_array_append_new(names, json_string(id));
    json_array_append_new(forms, json_pack("{s:s, s:[s], s:b, s:{s:{s:s}, s:o}}", "type", "object", "required", "id",
                                           "additionalProperties", 0, "properties", "id", "const", id, "params",
                                           xai_json_params_schema(params, count)));
}

/* Or its bare name. */
static json_t *any_form(json_t *forms, json_t *names)
{
    json_array_append_new(forms, json_pack("{s:o}", "enum", names));
    return json_pack("{s:o}", "anyOf", forms);
}

static json_t *method_schema(const jobs_engine *engine)
{
    json_t *forms = json_array(), *names = json_array();
    for (size_t i = 0; i < engine->method_count(); i++) {
        const xai_method_info *m = engine->method_at(i);
        add_form(forms, names, m->id, m->params, m->param_count);
    }
    return any_form(forms, names);
}

static json_t *metric_schema(void)
{
    json_t *forms = json_array(), *names = json_array();
    for (size_t i = 0; i < xai_metric_count(); i++) {
        const xai_metric_info *m = xai_metric_at(i);
        add_form(forms, names, m->id, m->params, m->param_count);
    }
    return any_form(forms, names);
}

static json_t *schemas(const jobs_engine *engine)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "Request", schema(REQUEST), "Target", schema(TARGET), "Method",
                     method_schema(engine), "Metric", metric_schema(), "Result", schema(RESULT), "Problem", schema(PROBLEM), "Probe",
                     schema(PROBE));
}

/* ---------------------------------------------------------------- paths */

static json_t *reference(const char *name)
{
    char target[64];
    snprintf(target, sizeof target, "#/components/schemas/%s", name);
    return json_pack("{s:{s:s}}", "schema", "$ref", target);
}

static json_t *image_body(void)
{
    json_t *parts = schema("{\"schema\":{\"type\":\"object\",\"required\":[\"image\"],\"properties\":{"
                           "\"image\":{\"type\":\"string\",\"contentMediaType\":\"application/octet-stream\"},"
                           "\"request\":{\"type\":\"string\",\"contentMediaType\":\"application/json\"}}}}");
    return json_pack("{s:b, s:{s:o, s:o, s:{}, s:{}, s:{}, s:{}}}", "required", 1, "content", "multipart/form-data",
                     parts, "application/json", reference("Request"), "image/jpeg", "image/png", "image/bmp",
                     "application/octet-stream");
}

static json_t *body_of(const char *handler)
{
    if (strcmp(handler, "post_probe") == 0)
        return json_pack("{s:b, s:{s:o}}", "required", 1, "content", "application/json", reference("Probe"));
    return image_body();
}

static const char *success_of(const char *handler)
{
    return strcmp(handler, "delete_explanation") == 0 ? "204" : "200";
}

static json_t *responses_of(const char *handler)
{
    json_t *problem = json_pack("{s:s, s:{s:o}}", "description", "A problem (RFC 9457)", "content", WIRE_PROBLEM_TYPE,
                                reference("Problem"));
    json_t *good = json_pack("{s:s}", "description", "It worked");
    bool result = strcmp(handler, "post_explanation") == 0 || strcmp(handler, "get_explanation") == 0;
    if (result) json_object_set_new(good, "content", json_pack("{s:o}", "application/json", reference("Result")));
    json_t *all = json_pack("{s:o, s:o}", success_of(handler), good, "default", problem);
    if (strcmp(handler, "post_explanation") == 0)
        json_object_set_new(all, "202", json_pack("{s:s, s:{s:o}}", "description",
                                                  "Accepted: it takes longer; Location says where to ask", "content",
                                                  "application/json", reference("Result")));
    if (strcmp(handler, "get_ready") == 0)
        json_object_set_new(all, "503", json_pack("{s:s}", "description", "The server is stopping"));
    return all;
}

static json_t *parameter(const char *where, const char *name, bool required)
{
    return json_pack("{s:s, s:s, s:b, s:{s:s}}", "name", name, "in", where, "required", required, "schema", "type",
                     "string");
}

static json_t *parameters_of(const char *handler, const char *path)
{
    static const char *const QUERY[] = {"model", "method", "target", "space", "contrast", "seed", "outputs", "top",
                                        "wait_ms", "precision", "evaluate", "expected"};
    json_t *list = json_array();
    for (const char *p = path; (p = strchr(p, '{')) != NULL; p++) {
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(p + 1, "}"), p + 1);
        json_array_append_new(list, parameter("path", name, true));
    }
    bool image = strcmp(handler, "post_explanation") == 0 || strcmp(handler, "post_prediction") == 0;
    for (size_t i = 0; image && i < sizeof QUERY / sizeof QUERY[0]; i++)
        json_array_append_new(list, parameter("query", QUERY[i], false));
    if (strcmp(handler, "post_probe") == 0) json_array_append_new(list, parameter("query", "result", false));
    return list;
}

static void add_route(json_t *paths, const char *handler, const char *method, const char *path, bool key,
                      const char *summary)
{
    char verb[16] = "";
    for (size_t i = 0; method[i] && i < sizeof verb - 1; i++) verb[i] = (char)(method[i] | 0x20);
    json_t *item = json_object_get(paths, path);
    if (!item) {
        item = json_object();
        json_object_set_new(paths, path, item);
    }
    json_t *operation = json_pack("{s:s, s:s, s:o, s:o}", "operationId", handler, "summary", summary, "parameters",
                                  parameters_of(handler, path), "responses", responses_of(handler));
    if (strcmp(method, "POST") == 0) json_object_set_new(operation, "requestBody", body_of(handler));
    if (key) json_object_set_new(operation, "security", json_pack("[{}, {s:[]}]", "key"));
    json_object_set_new(item, verb, operation);
}

static json_t *paths(void)
{
    enum { OPEN, KEY };
    json_t *all = json_object();
#define API_ROUTE(handler, method, path, access, summary) add_route(all, #handler, method, path, access == KEY, summary);
#include "routes.def"
#undef API_ROUTE
    return all;
}

json_t *api_openapi(const jobs_engine *engine)
{
    return json_pack("{s:s, s:{s:s, s:s, s:s}, s:o, s:{s:o, s:{s:{s:s, s:s}}}}", "openapi", "3.1.0", "info", "title",
                     "explaind", "version", XAI_VERSION, "summary", "Why an image classifier decided as it did",
                     "paths", paths(), "components", "schemas", schemas(engine), "securitySchemes", "key", "type",
                     "http", "scheme", "bearer");
}
