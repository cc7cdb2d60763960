/* Handlers without a socket: routing, the forms of input, preferences, streams, probes, keys; on a planted engine. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../support/fake_engine.h"
#include "api/api.h"
#include "api/keys.h"
#include "json/read.h"

static models all;
static jobs_engine engine;
static store *keep;
static jobs *j;
static api *a;
static conf config;
static xai_error err;

/* ---------------------------------------------------------------- a transport of our own */

typedef struct call {
    api_request request;
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool completed;
    api_response response;
    void (*gone)(void *user);
    void *gone_user;
    atomic_int wakes;
    api_pair headers[8], query[16];
    api_part parts[4];
} call;

static call *call_of(api_request *request) { return (call *)(void *)request; }

static void complete(api_request *request, api_response *response)
{
    call *c = call_of(request);
    pthread_mutex_lock(&c->lock);
    ck_assert(!c->completed);
    c->completed = true;
    c->response = *response;
    pthread_cond_signal(&c->done);
    pthread_mutex_unlock(&c->lock);
}

static bool on_gone(api_request *request, void (*gone)(void *user), void *user)
{
    call *c = call_of(request);
    c->gone = gone;
    c->gone_user = user;
    return true;
}

static void wake(api_request *request) { atomic_fetch_add(&call_of(request)->wakes, 1); }

static const api_transport TRANSPORT = {complete, on_gone, wake};

static call *new_call(const char *method, const char *path)
{
    call *c = calloc(1, sizeof *c);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->done, NULL);
    c->request = (api_request){.method = method, .path = path, .transport = &TRANSPORT, .id = "request-1",
                               .headers = c->headers, .query = c->query, .parts = c->parts};
    return c;
}

static void put_header(call *c, const char *name, const char *value)
{
    c->headers[c->request.header_count++] = (api_pair){name, value};
}

static void put_query(call *c, const char *name, const char *value)
{
    c->query[c->request.query_count++] = (api_pair){name, value};
}

static void put_part(call *c, const char *name, const char *bytes)
{
    c->parts[c->request.part_count++] = (api_part){.name = name, .bytes = (const uint8_t *)bytes, .size = strlen(bytes)};
    c->request.type = "multipart/form-data";
}

static void put_body(call *c, const char *type, const char *bytes)
{
    c->request.type = type;
    c->request.body = (const uint8_t *)bytes;
    c->request.size = strlen(bytes);
    put_header(c, "Content-Length", "1");
}

static int await(call *c)
{
    pthread_mutex_lock(&c->lock);
    while (!c->completed) pthread_cond_wait(&c->done, &c->lock);
    pthread_mutex_unlock(&c->lock);
    return c->response.status;
}

static int run(call *c)
{
    api_handle(a, &c->request);
    return await(c);
}

static json_t *json_of(const call *c)
{
    json_t *json = json_loadb(c->response.body, c->response.size, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(json != NULL, "%.*s", (int)c->response.size, (const char *)c->response.body);
    return json;
}

static const char *header_of(const call *c, const char *name)
{
    for (size_t i = 0; i < c->response.header_count; i++)
        if (strcmp(c->response.headers[i].name, name) == 0) return c->response.headers[i].value;
    return "";
}

static void end(call *c)
{
    api_response_clear(&c->response);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->done);
    free(c);
}

static void expect(call *c, int status)
{
    int got = run(c);
    ck_assert_msg(got == status, "%d: %.*s", got, (int)c->response.size, (const char *)c->response.body);
    end(c);
}

static void expect_problem(call *c, int status, const char *code, const char *pointer)
{
    int got = run(c);
    ck_assert_msg(got == status, "%d: %.*s", got, (int)c->response.size, (const char *)c->response.body);
    ck_assert_str_eq(c->response.type, "application/problem+json");
    json_t *problem = json_of(c);
    ck_assert_str_eq(json_string_value(json_object_get(problem, "code")), code);
    ck_assert_str_eq(json_string_value(json_object_get(problem, "instance")), "request-1");
    const char *at = json_string_value(json_object_get(problem, "pointer"));
    ck_assert_str_eq(at ? at : "", pointer);
    json_decref(problem);
    end(c);
}

static call *explain(const char *request)
{
    call *c = new_call("POST", "/api/v1/explanations");
    put_part(c, "image", "IMG");
    put_part(c, "request", request);
    return c;
}

/* The id of a finished or promised explanation. */
static char *id_of(call *c, int status)
{
    ck_assert_int_eq(run(c), status);
    json_t *json = json_of(c);
    char *id = strdup(json_string_value(json_object_get(json, "id")));
    json_decref(json);
    end(c);
    return id;
}

static call *about(const char *method, const char *id, const char *rest)
{
    static char paths[8][160];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "/api/v1/explanations/%s%s", id, rest);
    return new_call(method, path);
}

/* ---------------------------------------------------------------- fixture */

static void start_with_keys(const char *keys)
{
    conf_default(&config);
    config.keys_file = keys;
    config.wait_ms_max = 5000;
    config.wait_ms = 5000;
    engine = fake_engine();
    fake_models(&all);
    jobs_config own = {.workers = 2, .queue_length = 8, .short_cost = 20, .job_timeout_ms = 20000, .retention_ms = 60000,
                       .cache_bytes = 1 << 20, .recent_bytes = 1 << 20};
    ck_assert_int_eq(store_serial_open(store_sqlite_open, ":memory:", &keep, &err), XAI_OK);
    ck_assert_int_eq(jobs_start(&own, &engine, &all, NULL, keep, &j, &err), XAI_OK);
    ck_assert_msg(api_new(&config, &engine, &all, &a, &err) == XAI_OK, "%s", err.msg);
    api_set_jobs(a, j);
}

static void setup(void) { start_with_keys(""); }

static void teardown(void)
{
    jobs_stop(j);
    api_free(a);
    keep->table->close(keep);
}

/* ---------------------------------------------------------------- routing */

START_TEST(every_route_of_the_list_is_routed)
{
    static const struct {
        const char *method, *path;
    } ROUTES[] = {
#define API_ROUTE(handler, method, path, access, summary) {method, path},
#include "api/routes.def"
#undef API_ROUTE
    };
    for (size_t i = 0; i < sizeof ROUTES / sizeof ROUTES[0]; i++) {
        call *c = new_call(ROUTES[i].method, ROUTES[i].path);
        int status = run(c);
        ck_assert_msg(status != 405 && status < 500, "%s %s: %d", ROUTES[i].method, ROUTES[i].path, status);
        if (status == 404) ck_assert(strchr(ROUTES[i].path, '{'));
        end(c);
        c = new_call("PATCH", ROUTES[i].path);
        ck_assert_int_eq(run(c), 405);
        ck_assert(strstr(header_of(c, "Allow"), ROUTES[i].method));
        end(c);
    }
}
END_TEST

START_TEST(what_is_nearly_a_route_is_none)
{
    static const char *const PATHS[] = {"/", "/api/v1", "/api/v1/", "/api/v1/explanations/", "/api/v1/models/a/b",
                                        "/api/v1/explanations//events", "/healthz/", "/api/v1/methodsx"};
    for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++)
        expect_problem(new_call("GET", PATHS[i]), 404, "not-found", "");
}
END_TEST

START_TEST(health_is_quick_and_explanations_are_not)
{
    call *health = new_call("GET", "/healthz"), *post = explain("{}");
    ck_assert(api_is_quick(&health->request));
    ck_assert(!api_is_quick(&post->request));
    end(health);
    end(post);
    api_set_stopping(a);
    expect(new_call("GET", "/readyz"), 503);
    expect(new_call("GET", "/healthz"), 200);
}
END_TEST

/* ---------------------------------------------------------------- input */

START_TEST(the_three_forms_arrive)
{
    expect(explain("{\"method\":\"quick\"}"), 200);
    call *raw = new_call("POST", "/api/v1/explanations");
    put_body(raw, "image/png", "IMG");
    put_query(raw, "method", "quick");
    put_query(raw, "param.key", "7");
    expect(raw, 200);
    call *inline_ = new_call("POST", "/api/v1/explanations");
    put_body(inline_, "application/json", "{\"method\":\"quick\",\"image\":{\"b64\":\"SU1H\"}}");
    ck_assert_int_eq(run(inline_), 200);
    ck_assert_str_eq(header_of(inline_, "X-Cache"), "hit");
    end(inline_);
}
END_TEST

START_TEST(input_that_is_no_request_is_refused)
{
    call *c = new_call("POST", "/api/v1/explanations");
    expect_problem(c, 411, "length-required", "");
    c = new_call("POST", "/api/v1/explanations");
    put_body(c, "text/plain", "IMG");
    expect_problem(c, 415, "unsupported-media", "");
    c = new_call("POST", "/api/v1/explanations");
    put_body(c, NULL, "IMG");
    expect_problem(c, 415, "unsupported-media", "");
    c = new_call("POST", "/api/v1/explanations");
    put_part(c, "request", "{\"method\":\"quick\"}");
    expect_problem(c, 400, "bad-request", "/image");
    c = explain("{\"method\":\"quick\",\"image\":{\"b64\":\"SU1H\"}}");
    expect_problem(c, 400, "bad-request", "/image");
    c = explain("{\"method\":\"quick\"}");
    put_query(c, "method", "quick");
    expect_problem(c, 400, "bad-request", "");
    c = new_call("POST", "/api/v1/explanations");
    put_body(c, "image/png", "JPG");
    put_query(c, "method", "quick");
    expect_problem(c, 400, "bad-image", "");
}
END_TEST

START_TEST(errors_point_into_the_request)
{
    expect_problem(explain("{\"methods\":[\"quick\",\"slw\"]}"), 422, "unknown-method", "/methods/1/id");
    expect_problem(explain("{\"methods\":[\"quick\",{\"id\":\"slow\",\"params\":{\"ms\":-1}}]}"), 422, "bad-parameter",
                   "/methods/1/params/ms");
    expect_problem(explain("{\"method\":\"quick\",\"params\":{\"layer\":\"/none\"}}"), 422, "unknown-layer",
                   "/methods/0/params/layer");
    expect_problem(explain("{\"method\":\"quick\",\"targets\":[1,\"crane\"]}"), 422, "ambiguous-class",
                   "/targets/1/class");
    expect_problem(explain("{\"method\":\"quick\",\"model\":\"x\"}"), 422, "unknown-model", "/model");
    expect_problem(explain("{\"method\":\"broken\"}"), 500, "internal", "");
}
END_TEST

START_TEST(limits_hold_for_every_form)
{
    config.max_image_bytes = 100;
    config.max_json_bytes = 1024;
    char big[3000];
    memset(big, 'A', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    call *c = new_call("POST", "/api/v1/explanations");
    put_body(c, "image/png", big);
    expect_problem(c, 413, "too-large", "");
    c = new_call("POST", "/api/v1/explanations");
    put_part(c, "image", big);
    expect_problem(c, 413, "too-large", "");
    c = explain(big);
    expect_problem(c, 413, "too-large", "");
    c = new_call("POST", "/api/v1/explanations");
    put_body(c, "application/json", big);
    expect_problem(c, 413, "too-large", "");
    char json[600];
    snprintf(json, sizeof json, "{\"method\":\"quick\",\"image\":{\"b64\":\"%.400s\"}}", big);
    c = new_call("POST", "/api/v1/explanations");
    put_body(c, "application/json", json);
    expect_problem(c, 413, "too-large", "/image/b64");
}
END_TEST

/* ---------------------------------------------------------------- waiting */

START_TEST(preferences_decide_how_long_is_waited)
{
    static const struct {
        const char *prefer;
        int wait_ms, status;
    } CASES[] = {{NULL, -1, 200},           {"respond-async", -1, 202},       {"Respond-Async", 5000, 202},
                 {"wait=0", -1, 202},       {"respond-async, wait=5", -1, 200}, {"wait=5; x=1, foo", -1, 200},
                 {"foo=\"bar\"", 0, 202},   {"respond-asynchronously", -1, 200}, {"wait=soon", 0, 202},
                 {NULL, 0, 202},            {NULL, 1, 202}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char request[160];
        int n = snprintf(request, sizeof request, "{\"method\":\"slow\",\"params\":{\"ms\":60,\"key\":%zu}", i);
        if (CASES[i].wait_ms < 0) snprintf(request + n, sizeof request - (size_t)n, "}");
        else snprintf(request + n, sizeof request - (size_t)n, ",\"wait_ms\":%d}", CASES[i].wait_ms);
        call *c = explain(request);
        if (CASES[i].prefer) put_header(c, "Prefer", CASES[i].prefer);
        int status = run(c);
        ck_assert_msg(status == CASES[i].status, "case %zu: %d", i, status);
        ck_assert(status == 200 || strncmp(header_of(c, "Location"), "/api/v1/explanations/", 21) == 0);
        end(c);
    }
}
END_TEST

START_TEST(a_client_that_goes_away_is_still_answered)
{
    call *c = explain("{\"method\":\"slow\",\"params\":{\"ms\":9000}}");
    api_handle(a, &c->request);
    ck_assert(c->gone != NULL);
    while (atomic_load(&fake_running) == 0) usleep(2000);
    c->gone(c->gone_user);
    ck_assert_int_eq(await(c), 499);
    end(c);
}
END_TEST

START_TEST(a_job_is_followed_deleted_and_gone)
{
    call *c = explain("{\"method\":\"slow\",\"params\":{\"ms\":9000}}");
    put_header(c, "Prefer", "respond-async");
    char *id = id_of(c, 202);
    call *stream = about("GET", id, "/events");
    ck_assert_int_eq(run(stream), 200);
    ck_assert(stream->response.events.next != NULL);
    api_events *events = &stream->response.events;
    api_event event;
    ck_assert_int_eq(events->next(events->user, &event), API_NEXT_EVENT);
    ck_assert_str_eq(event.name, "queued");
    ck_assert_uint_eq(event.id, 1);
    free(event.data);
    expect_problem(about("GET", id, "/artifacts/0-map.npy"), 409, "conflict", "");
    c = about("GET", id, "");
    ck_assert_int_eq(run(c), 200);
    end(c);
    expect(about("DELETE", id, ""), 204);
    expect_problem(about("DELETE", id, ""), 410, "gone", "");
    expect_problem(about("GET", id, ""), 410, "gone", "");
    expect_problem(about("GET", id, "/artifacts/0-map.npy"), 410, "gone", "");
    const char *last = "";
    for (api_next next; (next = events->next(events->user, &event)) != API_NEXT_END;) {
        ck_assert_int_eq(next, API_NEXT_EVENT);
        last = event.name;
        free(event.data);
    }
    ck_assert_str_eq(last, "cancelled");
    ck_assert_int_gt(atomic_load(&stream->wakes), 0);
    end(stream);
    free(id);
}
END_TEST

/* ---------------------------------------------------------------- artifacts and probes */

START_TEST(artifacts_come_as_files)
{
    char *id = id_of(explain("{\"method\":\"quick\"}"), 200);
    call *c = about("GET", id, "/artifacts/0-map.npy");
    ck_assert_int_eq(run(c), 200);
    const uint8_t *npy = c->response.body;
    ck_assert_mem_eq(npy, "\x93NUMPY\x01\x00", 8);
    ck_assert_uint_eq((10u + npy[8] + 256u * npy[9]) % 64, 0);
    ck_assert(strstr((const char *)npy + 10, "'shape': (2,2,)"));
    ck_assert_uint_eq(c->response.size, 10u + npy[8] + 256u * npy[9] + 16);
    float first;
    memcpy(&first, npy + 10 + npy[8] + 256 * npy[9], 4);
    ck_assert_float_eq(first, -1.5f);
    char etag[80];
    snprintf(etag, sizeof etag, "%s", header_of(c, "ETag"));
    end(c);
    c = about("GET", id, "/artifacts/0-map.npy");
    put_header(c, "If-None-Match", etag);
    expect(c, 304);
    c = about("GET", id, "/artifacts/0-sag.json");
    ck_assert_int_eq(run(c), 200);
    ck_assert(memmem(c->response.body, c->response.size, "P1 & P2", 7));
    end(c);
    c = about("GET", id, "/artifacts/quick.json"); /* by its method: the first of that extension */
    ck_assert_int_eq(run(c), 200);
    ck_assert(memmem(c->response.body, c->response.size, "P1 & P2", 7));
    end(c);
    static const char *const NONE[] = {"/artifacts/quick.svg", "/artifacts/slow.npy", "/artifacts/0-map.png", "/artifacts/1-map.npy", "/artifacts/map.npy",
                                       "/artifacts/0-.npy", "/artifacts/99999999999999999999-map.npy"};
    for (size_t i = 0; i < sizeof NONE / sizeof NONE[0]; i++)
        expect_problem(about("GET", id, NONE[i]), 404, "not-found", "");
    free(id);
}
END_TEST

static call *probe(const char *id, const char *body)
{
    call *c = about("POST", id, "/probe");
    put_body(c, "application/json", body);
    return c;
}

START_TEST(probes_speak_of_the_patches_of_their_sag)
{
    char *id = id_of(explain("{\"method\":\"sag\",\"target\":5}"), 200);
    call *c = probe(id, "{\"patches\":[0,5,48]}");
    ck_assert_int_eq(run(c), 200);
    json_t *json = json_of(c), *value = json_array_get(json_object_get(json, "values"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(value, "id")), "1000000000021");
    ck_assert_int_eq(json_integer_value(json_object_get(value, "top1")), 5);
    json_decref(json);
    end(c);
    c = probe(id, "{\"masks\":[\"1ffffffffffff\",\"0000000000000\"]}");
    ck_assert_int_eq(run(c), 200);
    json = json_of(c);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "values")), 2);
    json_decref(json);
    end(c);
    expect_problem(probe(id, "{\"patches\":[49]}"), 422, "bad-parameter", "/patches/0");
    expect_problem(probe(id, "{\"patches\":[0,-1]}"), 422, "bad-parameter", "/patches/1");
    expect_problem(probe(id, "{\"masks\":[\"2000000000000\"]}"), 422, "bad-parameter", "/masks/0");
    expect_problem(probe(id, "{\"masks\":[\"1\"]}"), 422, "bad-parameter", "/masks/0");
    expect_problem(probe(id, "{\"masks\":[\"1FFFFFFFFFFFF\"]}"), 422, "bad-parameter", "/masks/0");
    expect_problem(probe(id, "{\"masks\":[]}"), 422, "bad-parameter", "/masks");
    expect_problem(probe(id, "{}"), 422, "bad-parameter", "");
    expect_problem(probe(id, "{\"patches\":[1],\"masks\":[]}"), 422, "bad-parameter", "");
    free(id);
    id = id_of(explain("{\"method\":\"quick\"}"), 200);
    expect_problem(probe(id, "{\"patches\":[1]}"), 422, "bad-parameter", "");
    free(id);
}
END_TEST

/* ---------------------------------------------------------------- lists */

START_TEST(the_openapi_document_names_every_handler_and_method)
{
    json_t *document = api_openapi(&engine);
    ck_assert_ptr_nonnull(document);
    char *text = json_dumps(document, JSON_COMPACT);
#define API_ROUTE(handler, method, path, access, summary) ck_assert_ptr_nonnull(strstr(text, "\"" #handler "\""));
#include "api/routes.def"
#undef API_ROUTE
    ck_assert_ptr_nonnull(strstr(text, "\"patient\""));
    ck_assert_ptr_null(strstr(text, "null}}")); /* a schema that did not parse */
    free(text);
    json_decref(document);
}
END_TEST

START_TEST(a_model_says_what_it_serves_and_why_not)
{
    call *c = new_call("GET", "/api/v1/models/fake");
    ck_assert_int_eq(run(c), 200);
    json_t *model = json_of(c);
    json_t *broken = json_array_get(json_object_get(model, "methods"), 3);
    ck_assert(json_is_false(json_object_get(broken, "served")));
    ck_assert_str_eq(json_string_value(json_object_get(broken, "reason")), "it is broken");
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(model, "operators"), "Conv")), 1);
    json_decref(model);
    end(c);
}
END_TEST

/* ---------------------------------------------------------------- quizzes */

static call *post(const char *path, const char *body)
{
    call *c = new_call("POST", path);
    put_body(c, "application/json", body);
    return c;
}

static json_t *json_after(call *c)
{
    ck_assert_int_eq(run(c), 200);
    json_t *json = json_of(c);
    end(c);
    return json;
}

static json_int_t count_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

START_TEST(quizzes_ask_without_telling_and_judge)
{
    char *id = id_of(explain("{\"method\":\"sag\",\"target\":5}"), 200), path[96];
    snprintf(path, sizeof path, "/api/v1/explanations/%s/quiz", id);
    json_t *quiz = json_after(post(path, "{\"pairs\":4}"));
    ck_assert_str_eq(json_string_value(json_object_get(quiz, "condition")), "sag"); /* no other is served here */
    ck_assert_str_eq(json_string_value(json_object_get(quiz, "explanation")), id);
    const json_t *pairs = json_object_get(quiz, "pairs"), *first = json_array_get(pairs, 0);
    ck_assert_uint_eq(json_array_size(pairs), 4);
    ck_assert_uint_eq(json_object_size(first), 3); /* pair, a, b: no score, no hint */
    ck_assert_uint_eq(json_object_size(json_object_get(first, "a")), 2);
    const json_t *patches = json_object_get(json_object_get(first, "b"), "patches");
    ck_assert_int_eq(json_integer_value(json_array_get(patches, 0)), 0);
    ck_assert_int_eq(json_integer_value(json_array_get(patches, 1)), 48);

    const char *answers = json_string_value(json_object_get(quiz, "answers"));
    json_t *judged = json_after(post(answers, "{\"answers\":[{\"pair\":1,\"choice\":\"a\"},"
                                              "{\"pair\":0,\"choice\":\"b\"},{\"pair\":1,\"choice\":\"b\"}]}"));
    static const bool CORRECT[] = {true, false, false}, COUNTED[] = {true, true, false}, MISLEADING[] = {true, false, true};
    for (size_t i = 0; i < 3; i++) {
        const json_t *one = json_array_get(json_object_get(judged, "answers"), i);
        ck_assert(json_is_true(json_object_get(one, "correct")) == CORRECT[i]);
        ck_assert(json_is_true(json_object_get(one, "counted")) == COUNTED[i]);
        ck_assert(json_is_true(json_object_get(one, "misleading")) == MISLEADING[i]);
        ck_assert_double_eq(json_number_value(json_object_get(json_object_get(one, "a"), "p")), 0.9);
    }
    json_decref(judged);

    json_t *summary = json_after(new_call("GET", "/api/v1/quizzes/summary"));
    const json_t *sag = json_array_get(json_object_get(summary, "conditions"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(sag, "condition")), "sag");
    ck_assert_int_eq(count_of(sag, "answers"), 2);
    ck_assert_int_eq(count_of(sag, "correct"), 1);
    ck_assert_double_eq(json_number_value(json_object_get(sag, "accuracy")), 0.5);
    ck_assert_double_eq_tol(json_number_value(json_array_get(json_object_get(sag, "interval"), 0)), 0.0945312057, 1e-9);
    ck_assert_int_eq(count_of(json_object_get(sag, "misleading"), "correct"), 1);
    ck_assert_int_eq(count_of(json_object_get(sag, "plain"), "correct"), 0);
    json_decref(summary);

    expect_problem(post(answers, "{\"answers\":[{\"pair\":4,\"choice\":\"a\"}]}"), 422, "bad-parameter", "/answers/0/pair");
    expect_problem(post(answers, "{\"answers\":[{\"pair\":0,\"choice\":\"c\"}]}"), 422, "bad-parameter",
                   "/answers/0/choice");
    expect_problem(post(answers, "{\"answers\":[{\"pair\":0}]}"), 422, "bad-parameter", "/answers/0/choice");
    expect_problem(post(answers, "{\"answers\":[]}"), 422, "bad-parameter", "/answers");
    expect(about("DELETE", id, ""), 204);
    expect_problem(post(answers, "{\"answers\":[{\"pair\":2,\"choice\":\"a\"}]}"), 404, "not-found", "");
    json_decref(quiz);
    free(id);
}
END_TEST

/* Who chooses the seed can ask again what was told; who chooses the condition is not drawn by lot. */
START_TEST(quizzes_to_order_are_judged_and_not_counted)
{
    static const char *const BODIES[] = {"{\"seed\":7}", "{\"condition\":\"sag\"}"};
    char *id = id_of(explain("{\"method\":\"sag\",\"target\":5}"), 200), path[96];
    snprintf(path, sizeof path, "/api/v1/explanations/%s/quiz", id);
    for (int i = 0; i < 2; i++) {
        json_t *quiz = json_after(post(path, BODIES[i]));
        if (i == 0) ck_assert_int_eq(count_of(quiz, "seed"), 7);
        json_t *judged = json_after(post(json_string_value(json_object_get(quiz, "answers")),
                                         "{\"answers\":[{\"pair\":0,\"choice\":\"b\"}]}"));
        const json_t *one = json_array_get(json_object_get(judged, "answers"), 0);
        ck_assert(json_is_boolean(json_object_get(one, "correct")) && json_is_false(json_object_get(one, "counted")));
        json_decref(judged);
        json_decref(quiz);
    }
    json_t *summary = json_after(new_call("GET", "/api/v1/quizzes/summary"));
    ck_assert_uint_eq(json_array_size(json_object_get(summary, "conditions")), 0);
    json_decref(summary);
    free(id);
}
END_TEST

START_TEST(quizzes_that_cannot_be_are_refused)
{
    char *id = id_of(explain("{\"method\":\"sag\",\"target\":5}"), 200), path[96];
    snprintf(path, sizeof path, "/api/v1/explanations/%s/quiz", id);
    json_decref(json_after(new_call("POST", path))); /* everything is optional */
    expect_problem(post(path, "{\"pairs\":3}"), 422, "bad-parameter", "/pairs");
    expect_problem(post(path, "{\"pairs\":22}"), 422, "bad-parameter", "/pairs");
    expect_problem(post(path, "{\"condition\":\"gradcam\"}"), 422, "bad-parameter", "/condition");
    expect_problem(post(path, "{\"seed\":404}"), 422, "unsupported", ""); /* no pair was found */
    free(id);
    id = id_of(explain("{\"method\":\"slow\",\"params\":{\"ms\":1}}"), 200);
    snprintf(path, sizeof path, "/api/v1/explanations/%s/quiz", id);
    expect_problem(post(path, "{}"), 422, "bad-parameter", "");
    expect_problem(post("/api/v1/quizzes/0123456789abcdef0123456789abcdef/answers", "{}"), 404, "not-found", "");
    free(id);
}
END_TEST

/* What was made while its explanation was being deleted is not kept. */
START_TEST(a_quiz_does_not_outlive_its_explanation)
{
    static char text[] = "{}";
    char *id = id_of(explain("{\"method\":\"sag\",\"target\":5}"), 200);
    for (int deleted = 0; deleted < 2; deleted++) {
        store_quiz quiz = {.text = text}, back = {.text = NULL};
        bool gone = false, found = false;
        snprintf(quiz.job, sizeof quiz.job, "%s", id);
        if (deleted) expect(about("DELETE", id, ""), 204);
        ck_assert_int_eq(jobs_keep_quiz(j, &quiz, &gone, &err), XAI_OK);
        ck_assert_int_eq(jobs_quiz(j, quiz.id, &back, &found, &err), XAI_OK);
        ck_assert(gone == (deleted == 1) && found == (deleted == 0));
        store_quiz_clear(&back);
    }
    free(id);
}
END_TEST

/* ---------------------------------------------------------------- keys */

static char key_file[64];

static const char *write_keys(const char *text)
{
    snprintf(key_file, sizeof key_file, "/tmp/test_api_%d.keys", (int)getpid());
    FILE *out = fopen(key_file, "w");
    fputs(text, out);
    fclose(out);
    return key_file;
}

/* printf %s secret | sha256sum */
#define SECRET "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"

START_TEST(key_files_are_checked)
{
    static const char *const BAD[] = {"", "# nobody\n", "ann\n", "ann 1234\n", "ann " SECRET " 0\n",
                                      "ann " SECRET " 1 2\n", "ann " SECRET "\nann " SECRET "\n"};
    api_keys *keys = NULL;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        ck_assert_int_eq(api_keys_read(write_keys(BAD[i]), 8, &keys, &err), XAI_E_BAD_CONFIG);
    ck_assert_int_eq(api_keys_read("/nonexistent", 8, &keys, &err), XAI_E_BAD_CONFIG);
    ck_assert_int_eq(api_keys_read(write_keys("# one\n\nann " SECRET " 3 # quota\n"), 8, &keys, &err), XAI_OK);
    ck_assert_int_eq(api_keys_find(keys, "Bearer secret")->quota, 3);
    ck_assert_str_eq(api_keys_find(keys, "bearer  secret")->name, "ann");
    static const char *const WRONG[] = {"Bearer", "Bearer ", "Bearer secre", "Bearer secret ", "Basic secret", "secret"};
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) ck_assert_ptr_null(api_keys_find(keys, WRONG[i]));
    ck_assert_ptr_null(api_keys_find(keys, NULL));
    api_keys_free(keys);
    unlink(key_file);
}
END_TEST

#define OTHER "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"

START_TEST(a_quiz_is_answered_by_whom_it_was_asked)
{
    teardown();
    start_with_keys(write_keys("ann " SECRET "\nbob " OTHER "\n"));
    call *c = explain("{\"method\":\"sag\",\"target\":5}");
    put_header(c, "authorization", "Bearer secret");
    char *id = id_of(c, 200), path[96];
    snprintf(path, sizeof path, "/api/v1/explanations/%s/quiz", id);
    c = post(path, "{\"pairs\":2}");
    put_header(c, "authorization", "Bearer other");
    expect_problem(c, 404, "not-found", "");
    c = post(path, "{\"pairs\":2}");
    put_header(c, "authorization", "Bearer secret");
    json_t *quiz = json_after(c);
    const char *answers = json_string_value(json_object_get(quiz, "answers"));
    static const char *const WHO[] = {"Bearer other", "Bearer secret"};
    for (int i = 0; i < 2; i++) {
        c = post(answers, "{\"answers\":[{\"pair\":0,\"choice\":\"a\"}]}");
        put_header(c, "authorization", WHO[i]);
        if (i == 0) expect_problem(c, 404, "not-found", "");
        else json_decref(json_after(c));
    }
    json_decref(quiz);
    free(id);
    unlink(key_file);
}
END_TEST

/* A key that has as many unfinished jobs as it may gets no quiz and no probe beside them. */
START_TEST(the_quota_is_of_every_sort_of_job)
{
    static const char *const RESTS[] = {"/quiz", "/probe"}, *const BODIES[] = {"{\"pairs\":2}", "{\"patches\":[0,5]}"};
    teardown();
    start_with_keys(write_keys("ann " SECRET " 1\n"));
    call *c = explain("{\"method\":\"sag\",\"target\":5}");
    put_header(c, "authorization", "Bearer secret");
    char *id = id_of(c, 200);
    c = explain("{\"method\":\"slow\",\"params\":{\"ms\":3000}}");
    put_header(c, "authorization", "Bearer secret");
    put_header(c, "prefer", "respond-async");
    char *slow = id_of(c, 202);
    for (int i = 0; i < 2; i++) {
        c = about("POST", id, RESTS[i]);
        put_body(c, "application/json", BODIES[i]);
        put_header(c, "authorization", "Bearer secret");
        expect_problem(c, 429, "quota", "");
    }
    c = about("DELETE", slow, "");
    put_header(c, "authorization", "Bearer secret");
    expect(c, 204);
    free(slow);
    free(id);
    unlink(key_file);
}
END_TEST

START_TEST(without_the_key_only_open_resources_answer)
{
    teardown();
    start_with_keys(write_keys("ann " SECRET "\n"));
    static const struct {
        const char *method, *path;
        bool open;
    } ROUTES[] = {
#define OPEN true
#define KEY false
#define API_ROUTE(handler, method, path, access, summary) {method, path, access},
#include "api/routes.def"
#undef API_ROUTE
    };
    for (size_t i = 0; i < sizeof ROUTES / sizeof ROUTES[0]; i++) {
        call *c = new_call(ROUTES[i].method, ROUTES[i].path);
        int status = run(c);
        ck_assert_msg((status == 401) == !ROUTES[i].open, "%s: %d", ROUTES[i].path, status);
        end(c);
    }
    call *c = explain("{\"method\":\"quick\"}");
    put_header(c, "authorization", "Bearer secret");
    ck_assert_int_eq(run(c), 200);
    ck_assert_str_eq(c->request.client, "ann");
    end(c);
    unlink(key_file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api");
    TCase *tc = tcase_create("api");
    tcase_set_timeout(tc, 30);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, every_route_of_the_list_is_routed);
    tcase_add_test(tc, what_is_nearly_a_route_is_none);
    tcase_add_test(tc, health_is_quick_and_explanations_are_not);
    tcase_add_test(tc, the_three_forms_arrive);
    tcase_add_test(tc, input_that_is_no_request_is_refused);
    tcase_add_test(tc, errors_point_into_the_request);
    tcase_add_test(tc, limits_hold_for_every_form);
    tcase_add_test(tc, preferences_decide_how_long_is_waited);
    tcase_add_test(tc, a_client_that_goes_away_is_still_answered);
    tcase_add_test(tc, a_job_is_followed_deleted_and_gone);
    tcase_add_test(tc, artifacts_come_as_files);
    tcase_add_test(tc, probes_speak_of_the_patches_of_their_sag);
    tcase_add_test(tc, quizzes_ask_without_telling_and_judge);
    tcase_add_test(tc, quizzes_to_order_are_judged_and_not_counted);
    tcase_add_test(tc, quizzes_that_cannot_be_are_refused);
    tcase_add_test(tc, a_quiz_is_answered_by_whom_it_was_asked);
    tcase_add_test(tc, a_quiz_does_not_outlive_its_explanation);
    tcase_add_test(tc, the_quota_is_of_every_sort_of_job);
    tcase_add_test(tc, the_openapi_document_names_every_handler_and_method);
    tcase_add_test(tc, a_model_says_what_it_serves_and_why_not);
    tcase_add_test(tc, key_files_are_checked);
    tcase_add_test(tc, without_the_key_only_open_resources_answer);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
