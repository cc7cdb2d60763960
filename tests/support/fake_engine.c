/* The planted engine. Thread-safe: counters are atomic, the rest is constant. */
#include "fake_engine.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/param.h"
#include "base/token.h"

atomic_int fake_runs, fake_running, fake_cancelled;

typedef struct options {
    int64_t ms, key;
    double share;
    const char *layer;
} options;

static const xai_param PARAMS[] = {
    XAI_P_INT(options, ms, 0, 0, 60000, "How long it takes, in milliseconds."),
    XAI_P_INT(options, key, 0, 0, 1000000, "Makes requests different."),
    XAI_P_REAL(options, share, 0.5, 0, 1, "A share."),
    XAI_P_LAYER(options, layer, "A layer."),
};

#define METHOD(name) \
    {.id = name, .title = name, .family = "test", .summary = "For tests.", .paper = "", .version = 1, .needs = "forward", \
     .cost = "1 forward", .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]}

enum { QUICK, SLOW, PATIENT, BROKEN, SAG, METHODS };
static const xai_method_info INFOS[METHODS] = {METHOD("quick"), METHOD("slow"), METHOD("patient"), METHOD("broken"),
                                               METHOD("sag")};

static const char *const LABELS[] = {"zero", "one", "two", "crane", "crane", "five", "six", "seven", "eight", "nine"};
static const int64_t LAYER_SHAPE[] = {1, 8, 7, 7};
static const xai_layer_info LAYERS[] = {{.name = "/head", .node = "", .op = "Conv", .shape = LAYER_SHAPE, .rank = 4,
                                         .spatial = true}};
static const xai_model_info MODEL = {.id = "fake",
                                     .path = "fake.onnx",
                                     .sha256 = "abababababababababababababababababababababababababababababababab",
                                     .licence = "none",
                                     .provenance = "a test",
                                     .input_name = "x",
                                     .output_name = "y",
                                     .input_shape = {1, 3, 4, 4},
                                     .classes = 10,
                                     .labels = LABELS,
                                     .layers = LAYERS,
                                     .layer_count = 1,
                                     .default_layer = "/head"};
static int model_anchor; /* what the opaque model points to */

/* ---------------------------------------------------------------- lists */

static const xai_model_info *describe(const xai_model *model)
{
    (void)model;
    return &MODEL;
}

static xai_status find_class(const xai_model *model, const char *text, int64_t *index, xai_error *err)
{
    (void)model;
    int64_t found = -1;
    for (int i = 0; i < 10; i++) {
        if (strcasecmp(LABELS[i], text) != 0) continue;
        XAI_CHECK(found < 0, err, AMBIGUOUS_CLASS, "", "\"%s\" is class %d and class %d", text, (int)found, i);
        found = i;
    }
    double number;
    if (found < 0 && xai_parse_number(text, &number) && number >= 0 && number < 10) found = (int64_t)number;
    XAI_CHECK(found >= 0, err, UNKNOWN_CLASS, "", "there is no class \"%s\"", text);
    *index = found;
    return XAI_OK;
}

static size_t method_count(void) { return METHODS; }
static const xai_method_info *method_at(size_t index) { return &INFOS[index]; }

static const xai_method_info *method_find(const char *id)
{
    for (size_t i = 0; i < METHODS; i++)
        if (strcmp(INFOS[i].id, id) == 0) return &INFOS[i];
    return NULL;
}

static xai_status served(const xai_method_info *method, const xai_model *model, xai_error *err)
{
    (void)model;
    XAI_CHECK(method != &INFOS[BROKEN], err, UNSUPPORTED_METHOD, "", "it is broken");
    return XAI_OK;
}

static xai_status check(const xai_request *request, xai_error *err)
{
    for (size_t i = 0; i < request->call_count; i++) {
        const xai_method_info *m = method_find(request->calls[i].id);
        XAI_CHECK(m, err, UNKNOWN_METHOD, request->calls[i].id, "there is no method \"%s\"", request->calls[i].id);
        options o;
        xai_arena *arena = xai_arena_new(0);
        xai_status status = xai_params_parse(m->params, m->param_count, request->calls[i].params,
                                             request->calls[i].param_count, &o, arena, err);
        if (status == XAI_OK && o.layer && strcmp(o.layer, "/head") != 0)
            status = XAI_ERROR_SET(err, UNKNOWN_LAYER, "params.layer", "there is no layer \"%s\"", o.layer);
        xai_arena_free(arena);
        XAI_TRY(status);
    }
    return XAI_OK;
}

static double cost(const xai_request *request)
{
    double sum = 1;
    for (size_t i = 0; i < request->call_count; i++) {
        const xai_method_info *m = method_find(request->calls[i].id);
        sum += m == &INFOS[SLOW] || m == &INFOS[PATIENT] ? 1000 : 1;
    }
    return sum;
}

/* ---------------------------------------------------------------- work */

typedef struct fake_result {
    xai_result result;
    xai_arena *arena;
} fake_result;

static void result_free(xai_result *result)
{
    if (!result) return;
    xai_arena_free(((fake_result *)(void *)result)->arena);
}

static xai_status dawdle(int64_t ms, xai_token *token, xai_error *err)
{
    xai_token_stage(token, "dawdling", (double)ms);
    for (int64_t done = 0; done < ms; done += 5) {
        XAI_TRY(xai_token_check(token, err));
        usleep(5000);
        xai_token_advance(token, 5);
    }
    return XAI_OK;
}

static void add_artifacts(xai_explanation *e, const xai_image *image, xai_arena *arena)
{
    float *values = XAI_NEW(arena, float, 4);
    for (int i = 0; i < 4; i++) values[i] = (float)image->rgb[3 * i] - 1.5f;
    xai_artifact *a = XAI_NEW(arena, xai_artifact, 3);
    a[0] = (xai_artifact){.name = "map", .kind = XAI_ARTIFACT_MAP, .rank = 2, .shape = {2, 2}, .values = values,
                          .min = values[0], .max = values[3]};
    a[1] = (xai_artifact){.name = "overlay", .kind = XAI_ARTIFACT_IMAGE, .media_type = "image/png", .width = 2,
                          .height = 2, .bytes = (const uint8_t *)"\x89PNG", .size = 4};
    xai_doc *graph = xai_doc_object(arena);
    xai_doc *regions = xai_doc_object(arena);
    xai_doc_put_int(regions, "count", 49);
    xai_doc_put(graph, "regions", regions);
    xai_doc_put_text(graph, "dnf", "P1 & P2");
    a[2] = (xai_artifact){.name = "sag", .kind = XAI_ARTIFACT_GRAPH, .doc = graph};
    e->artifacts = a;
    e->artifact_count = 3;
}

static xai_status explain_one(const xai_request *request, size_t index, xai_explanation *e, xai_token *token,
                              xai_arena *arena, xai_error *err)
{
    const xai_method_call *call = &request->calls[index];
    const xai_method_info *m = method_find(call->id);
    options o;
    XAI_TRY(xai_params_parse(m->params, m->param_count, call->params, call->param_count, &o, arena, err));
    XAI_CHECK(m != &INFOS[BROKEN], err, INTERNAL, "", "it is broken");
    xai_status status = dawdle(m == &INFOS[SLOW] || m == &INFOS[PATIENT] ? o.ms : 0, token, err);
    if (status == XAI_E_DEADLINE && m == &INFOS[PATIENT]) e->partial = true;
    else XAI_TRY(status);
    e->method = m;
    e->target = (xai_target){.class_index = 5, .contrast = -1, .space = XAI_SPACE_LOGIT};
    e->target_name = LABELS[5];
    e->params = xai_params_doc(m->params, m->param_count, &o, arena);
    add_artifacts(e, request->image, arena);
    return XAI_OK;
}

static xai_status fill(const xai_request *request, fake_result *f, xai_token *token, xai_error *err)
{
    xai_prediction *top = XAI_NEW(f->arena, xai_prediction, 1);
    xai_explanation *list = XAI_NEW(f->arena, xai_explanation, request->call_count);
    *top = (xai_prediction){.class_index = 5, .name = LABELS[5], .probability = 0.75f, .logit = 3.0f};
    f->result = (xai_result){.isa = "scalar", .precision = "f32", .predictions = top, .prediction_count = 1,
                             .input_shape = {1, 3, 4, 4}, .explanations = list,
                             .explanation_count = request->call_count, .engine_ms = 1};
    for (size_t i = 0; i < request->call_count; i++) {
        XAI_TRY(explain_one(request, i, &list[i], token, f->arena, err));
        f->result.partial |= list[i].partial;
    }
    return XAI_OK;
}

static xai_status explain(const xai_request *request, xai_pool *pool, xai_token *token, xai_result **out,
                          xai_error *err)
{
    (void)pool;
    atomic_fetch_add(&fake_runs, 1);
    atomic_fetch_add(&fake_running, 1);
    xai_arena *arena = xai_arena_new(0);
    fake_result *f = XAI_NEW(arena, fake_result, 1);
    f->arena = arena;
    xai_status status = fill(request, f, token, err);
    if (status == XAI_E_CANCELLED) atomic_fetch_add(&fake_cancelled, 1);
    if (status == XAI_OK) *out = &f->result;
    else xai_arena_free(arena);
    atomic_fetch_sub(&fake_running, 1);
    return status;
}

static xai_status probe(const xai_probe_request *request, xai_pool *pool, xai_token *token, xai_probe_value *values,
                        xai_error *err)
{
    (void)pool;
    XAI_TRY(xai_token_check(token, err));
    for (size_t i = 0; i < request->mask_count; i++) {
        XAI_CHECK(strlen(request->masks[i]) == 13, err, BAD_PARAM, "masks", "a mask has 13 digits");
        strncpy(values[i].id, request->masks[i], sizeof values[i].id - 1);
        values[i].p = 0.25;
        values[i].rel = 0.5;
        values[i].top1 = request->target.class_index;
    }
    return XAI_OK;
}

/* Every pair: the first mask scores high, the second low; the heat is wrong about every other. */
static xai_status quiz(const xai_quiz_request *request, xai_pool *pool, xai_token *token, xai_quiz_pair *pairs,
                       size_t *found, xai_error *err)
{
    (void)pool;
    XAI_TRY(xai_token_check(token, err));
    *found = request->seed == 404 ? 0 : request->pairs;
    for (size_t i = 0; i < *found; i++)
        pairs[i] = (xai_quiz_pair){.id = {"0000000000003", "1000000000001"}, .p = {0.9, 0.1},
                                   .heat = {i % 2 ? 0.1 : 0.4, 0.2}, .misleading = i % 2};
    return XAI_OK;
}

static xai_status decode(void *decoder, const void *bytes, size_t size, const xai_token *token, xai_image **out,
                         xai_error *err)
{
    (void)decoder, (void)token;
    XAI_CHECK(size >= 3 && memcmp(bytes, "IMG", 3) == 0, err, BAD_IMAGE, "", "it does not begin with IMG");
    static const uint8_t PIXELS[12] = {0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3};
    return xai_image_from_rgb(PIXELS, 2, 2, 1, out, err);
}

jobs_engine fake_engine(void)
{
    return (jobs_engine){.describe = describe, .find_class = find_class, .method_count = method_count,
                         .method_at = method_at, .method_find = method_find, .served = served, .check = check,
                         .cost = cost, .explain = explain, .result_free = result_free, .probe = probe,
                         .quiz = quiz,
                         .decode = decode};
}

void fake_models(models *out)
{
    xai_error err;
    memset(out, 0, sizeof *out);
    models_add(out, "fake", (xai_model *)(void *)&model_anchor, &err);
}
