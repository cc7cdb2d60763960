/*
 * Quizzes: which of two sets of patches does the network score higher? A person answers after having seen one of several
 * explanations of the picture, the condition, drawn at random from those that the model serves. Scores are kept here and
 * told with the answer; answers are counted, by condition, as in the user study of the paper (arXiv 2011.06733).
 *
 *     POST /explanations/{id}/quiz {"pairs":6,"seed":1,"condition":"sag"}   of a finished SAG; everything optional
 *     POST /quizzes/{id}/answers   {"answers":[{"pair":0,"choice":"a"}]}    the first answer of a pair counts
 *     GET  /quizzes/summary                                                 accuracy with Wilson's interval
 *
 * A quiz whose seed or condition was chosen is judged and not counted: it can be asked again with its answers known.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "internal.h"
#include "json/doc.h"
#include "json/read.h"
#include "math/proportion.h"

enum { USUAL_PAIRS = 6, TOSS = 1 << 21 }; /* TOSS: the stream of random numbers that draws the condition */

/* What a person may be shown before the questions. */
static const char *const CONDITIONS[] = {"sag", "gradcam", "igos"};
enum { CONDITION_COUNT = sizeof CONDITIONS / sizeof CONDITIONS[0] };

/* ---------------------------------------------------------------- asking */

typedef struct wish {
    int64_t pairs, seed; /* seed < 0: at random */
    const char *condition;
    bool by_lot; /* neither seed nor condition was given: answers count */
} wish;

static xai_status read_wish(const json_t *body, wish *out, xai_error *err)
{
    *out = (wish){.pairs = USUAL_PAIRS, .seed = -1, .by_lot = true};
    if (!body) return XAI_OK;
    xai_json_at root = xai_json_root(body, XAI_E_BAD_PARAM);
    XAI_TRY(xai_json_check_object(&root, "pairs|seed|condition", err));
    xai_json_at pairs = xai_json_member(&root, "pairs"), seed = xai_json_member(&root, "seed");
    xai_json_at condition = xai_json_member(&root, "condition");
    XAI_TRY(xai_json_get_int(&pairs, 2, XAI_QUIZ_MAX_PAIRS, &out->pairs, err));
    if (out->pairs % 2) XAI_JSON_FAIL(err, &pairs, "must be even: half of the pairs are misleading");
    XAI_TRY(xai_json_get_int(&seed, 0, INT64_MAX, &out->seed, err));
    XAI_TRY(xai_json_get_text(&condition, &out->condition, err));
    out->by_lot = out->seed < 0 && !out->condition;
    return XAI_OK;
}

/* A random number for whom no seed was given; of the ids' source. */
static int64_t random_seed(void)
{
    char id[STORE_ID_SIZE];
    jobs_new_id(id);
    id[12] = '\0';
    return strtoll(id, NULL, 16); /* 48 bits: exact in any JSON reader */
}

static json_t *served_conditions(const api *a, const xai_model *model)
{
    json_t *list = json_array();
    for (int i = 0; i < CONDITION_COUNT; i++) {
        const xai_method_info *method = a->engine.method_find(CONDITIONS[i]);
        if (method && a->engine.served(method, model, NULL) == XAI_OK)
            json_array_append_new(list, json_string(CONDITIONS[i]));
    }
    return list;
}

/* The condition that was wished for, or one by lot. */
static xai_status choose_condition(const json_t *served, const wish *w, const char **out, xai_error *err)
{
    size_t n = json_array_size(served);
    XAI_CHECK(n > 0, err, UNSUPPORTED_METHOD, "", "the model serves none of the explanations that a quiz is about");
    xai_rng rng = xai_rng_init((uint64_t)w->seed, TOSS);
    *out = json_string_value(json_array_get(served, xai_rng_below(&rng, (uint32_t)n)));
    if (!w->condition) return XAI_OK;
    for (size_t i = 0; i < n; i++) {
        *out = json_string_value(json_array_get(served, i));
        if (strcmp(*out, w->condition) == 0) return XAI_OK;
    }
    XAI_FAIL(err, BAD_PARAM, "/condition", "\"%.60s\" is no explanation that this model serves for a quiz", w->condition);
}

static void add_ids(json_t *list, const json_t *sets)
{
    json_t *set;
    size_t i;
    json_array_foreach(sets, i, set) {
        json_t *id = json_object_get(set, "id");
        if (json_is_string(id)) json_array_append(list, id);
    }
}

/* What the quiz is about, drawn and served; a new object. */
static xai_status tell_about(const api *a, const jobs_view *view, const json_t *graph, const xai_model *model,
                             const wish *w, json_t **out, xai_error *err)
{
    const char *condition = "";
    json_t *served = served_conditions(a, model);
    xai_status status = choose_condition(served, w, &condition, err);
    if (status == XAI_OK)
        *out = json_pack("{s:s, s:s, s:O, s:I, s:b, s:O}", "explanation", view->id, "condition", condition, "conditions",
                         served, "seed", (json_int_t)w->seed, "by_lot", (int)w->by_lot, "regions",
                         json_object_get(graph, "regions"));
    json_decref(served);
    if (status == XAI_OK && !*out) XAI_NO_MEMORY(err);
    return status;
}

static xai_status make_task(api *a, api_request *request, const jobs_view *view, const json_t *root, wish *w,
                            jobs_task **task, xai_error *err)
{
    const json_t *sag = api_find_sag(root, api_request_query(request, "result")), *graph = api_sag_graph(sag);
    const char *name = json_string_value(json_object_get(json_object_get(root, "model"), "id"));
    xai_model *model;
    jobs_bytes *image = NULL;
    json_t *about = NULL;
    XAI_CHECK(sag && graph, err, BAD_PARAM, "", "this explanation has no SAG to ask about");
    XAI_TRY(models_find(a->models, name, &model, err));
    if (w->seed < 0) w->seed = random_seed();
    XAI_TRY(tell_about(a, view, graph, model, w, &about, err));
    json_t *shown = json_array();
    add_ids(shown, json_object_get(graph, "mses"));
    jobs_quiz_spec spec = {.shown = shown, .sufficient = json_array_size(shown), .pairs = (size_t)w->pairs,
                           .seed = (uint64_t)w->seed, .about = about};
    add_ids(shown, json_object_get(graph, "nodes"));
    xai_status status = jobs_image(a->jobs, view->id, &image, err);
    if (status == XAI_OK && !image) status = XAI_ERROR_SET(err, INTERNAL, "", "the image is not stored any more");
    if (status == XAI_OK)
        status = jobs_task_quiz(&a->engine, a->models, name, sag, &spec, image, request->client, task, err);
    jobs_bytes_unref(image);
    json_decref(shown);
    json_decref(about);
    return status;
}

/* ---------------------------------------------------------------- the questions */

/* A side without its score. */
static json_t *side_of(const json_t *pair, const char *side)
{
    const char *id = json_string_value(json_object_get(json_object_get(pair, side), "id"));
    return json_pack("{s:s, s:o}", "id", id, "patches", api_mask_patches(id));
}

static json_t *questions_of(const json_t *quiz, const char *id)
{
    char answers[96];
    json_t *list = json_array(), *pair;
    size_t i;
    json_array_foreach(json_object_get(quiz, "pairs"), i, pair)
        json_array_append_new(list, json_pack("{s:I, s:o, s:o}", "pair", (json_int_t)i, "a", side_of(pair, "a"), "b",
                                              side_of(pair, "b")));
    snprintf(answers, sizeof answers, "/api/v1/quizzes/%s/answers", id);
    json_t *object = json_pack("{s:s, s:s, s:o}", "id", id, "answers", answers, "pairs", list);
    static const char *const SAME[] = {"explanation", "condition", "conditions", "seed", "regions"};
    for (size_t k = 0; k < sizeof SAME / sizeof SAME[0]; k++)
        json_object_set(object, SAME[k], json_object_get(quiz, SAME[k]));
    return object;
}

static xai_status keep(api *a, const api_request *request, json_t *quiz, store_quiz *out, bool *gone, xai_error *err)
{
    const char *explanation = json_string_value(json_object_get(quiz, "explanation"));
    *out = (store_quiz){.text = json_dumps(quiz, JSON_COMPACT)};
    if (!out->text || !explanation) XAI_NO_MEMORY(err);
    snprintf(out->job, sizeof out->job, "%s", explanation);
    snprintf(out->owner, sizeof out->owner, "%s", request->client);
    return jobs_keep_quiz(a->jobs, out, gone, err);
}

static void then_quiz(api *a, api_request *request, jobs_outcome outcome, const jobs_view *view)
{
    (void)outcome;
    if (!view->text) {
        api_reply_view_error(request, view);
        return;
    }
    xai_error err;
    store_quiz kept = {.text = NULL};
    bool gone = false;
    json_t *quiz = json_loadb((const char *)jobs_bytes_data(view->text), jobs_bytes_size(view->text), 0, NULL);
    xai_status status = quiz ? XAI_OK : XAI_ERROR_SET(&err, NO_MEMORY, "", "out of memory");
    if (status == XAI_OK && json_array_size(json_object_get(quiz, "pairs")) == 0)
        status = XAI_ERROR_SET(&err, UNSUPPORTED, "", "no two sets of equally many patches were found whose scores are "
                               "0.3 apart, and about which Grad-CAM is wrong; try another picture or seed");
    if (status == XAI_OK) status = keep(a, request, quiz, &kept, &gone, &err);
    if (gone) api_reply_problem(request, WIRE_GONE, NULL);
    else if (status == XAI_OK) api_reply_json(request, 200, questions_of(quiz, kept.id));
    else api_reply_error(request, &err);
    store_quiz_clear(&kept);
    json_decref(quiz);
}

static void ask(api *a, api_request *request, const jobs_view *view, const json_t *body)
{
    xai_error err;
    wish w;
    jobs_task *task = NULL;
    json_t *root = json_loadb((const char *)jobs_bytes_data(view->text), jobs_bytes_size(view->text), 0, NULL);
    xai_status status = root ? read_wish(body, &w, &err) : XAI_ERROR_SET(&err, NO_MEMORY, "", "out of memory");
    if (status == XAI_OK) status = make_task(a, request, view, root, &w, &task, &err);
    json_decref(root);
    api_wait wait = {.ms = a->config->wait_ms_max > 0 ? a->config->wait_ms_max : 1000};
    if (status == XAI_OK) api_submit(a, request, task, wait, then_quiz);
    else api_reply_error(request, &err);
}

void api_post_quiz(api *a, api_request *request, const api_path *path)
{
    jobs_view view;
    json_t *body = NULL;
    if (!api_find_job(a, request, path, &view)) return;
    bool ready = view.text && (view.state == STORE_DONE || view.state == STORE_PARTIAL);
    if (!ready) {
        api_reply_problem(request, WIRE_CONFLICT, "the explanation has no result (yet)");
    } else if (request->size == 0 || api_read_json(a, request, &body)) {
        ask(a, request, &view, body);
        json_decref(body);
    }
    jobs_view_clear(&view);
}

/* ---------------------------------------------------------------- answers */

typedef struct answer {
    size_t pair;
    bool b; /* the choice */
} answer;

static xai_status read_answer(const xai_json_at *at, size_t pairs, answer *out, xai_error *err)
{
    int64_t pair = -1;
    int choice = -1;
    XAI_TRY(xai_json_check_object(at, "pair|choice", err));
    xai_json_at number = xai_json_member(at, "pair"), chosen = xai_json_member(at, "choice");
    XAI_TRY(xai_json_get_int(&number, 0, (int64_t)pairs - 1, &pair, err));
    XAI_TRY(xai_json_get_choice(&chosen, "a|b", &choice, err));
    if (pair < 0) XAI_JSON_FAIL(err, &number, "is missing: the number of a pair");
    if (choice < 0) XAI_JSON_FAIL(err, &chosen, "is missing: \"a\" or \"b\", the one that scores higher");
    *out = (answer){(size_t)pair, choice == 1};
    return XAI_OK;
}

static double score_of(const json_t *pair, const char *side)
{
    return json_number_value(json_object_get(json_object_get(pair, side), "p"));
}

/* Counts an answer, if answers of this quiz count, and says what was right. */
static xai_status judge(api *a, const char *id, const json_t *quiz, answer given, json_t *list, xai_error *err)
{
    const json_t *pair = json_array_get(json_object_get(quiz, "pairs"), given.pair);
    bool correct = given.b == (score_of(pair, "b") > score_of(pair, "a")), fresh = false;
    store_answer record = {.pair = (int)given.pair, .correct = correct,
                           .misleading = json_is_true(json_object_get(pair, "misleading"))};
    snprintf(record.quiz, sizeof record.quiz, "%s", id);
    snprintf(record.condition, sizeof record.condition, "%s", json_string_value(json_object_get(quiz, "condition")));
    if (json_is_true(json_object_get(quiz, "by_lot"))) XAI_TRY(jobs_answer_quiz(a->jobs, &record, &fresh, err));
    json_array_append_new(list, json_pack("{s:I, s:s, s:b, s:b, s:O, s:O, s:O}", "pair", (json_int_t)given.pair, "choice",
                                          given.b ? "b" : "a", "correct", (int)correct, "counted", (int)fresh,
                                          "misleading", json_object_get(pair, "misleading"), "a",
                                          json_object_get(pair, "a"), "b", json_object_get(pair, "b")));
    return XAI_OK;
}

static xai_status judge_all(api *a, const char *id, const json_t *quiz, const json_t *body, json_t *list, xai_error *err)
{
    answer given[XAI_QUIZ_MAX_PAIRS];
    size_t pairs = json_array_size(json_object_get(quiz, "pairs"));
    xai_json_at root = xai_json_root(body, XAI_E_BAD_PARAM);
    XAI_TRY(xai_json_check_object(&root, "answers", err));
    xai_json_at answers = xai_json_member(&root, "answers");
    XAI_TRY(xai_json_check_array(&answers, 1, XAI_QUIZ_MAX_PAIRS, err));
    size_t n = json_array_size(answers.value);
    for (size_t i = 0; i < n; i++) {
        xai_json_at item = xai_json_item(&answers, i);
        XAI_TRY(read_answer(&item, pairs, &given[i], err));
    }
    for (size_t i = 0; i < n; i++) XAI_TRY(judge(a, id, quiz, given[i], list, err)); /* all were well formed */
    return XAI_OK;
}

static void reply_judged(api *a, api_request *request, const store_quiz *stored, const json_t *body)
{
    xai_error err;
    json_t *quiz = json_loads(stored->text, 0, NULL), *list = json_array();
    xai_status status = quiz && list ? judge_all(a, stored->id, quiz, body, list, &err)
                                     : XAI_ERROR_SET(&err, NO_MEMORY, "", "out of memory");
    if (status == XAI_OK)
        api_reply_json(request, 200, json_pack("{s:s, s:O, s:O}", "quiz", stored->id, "condition",
                                               json_object_get(quiz, "condition"), "answers", list));
    else api_reply_error(request, &err);
    json_decref(list);
    json_decref(quiz);
}

void api_post_answers(api *a, api_request *request, const api_path *path)
{
    xai_error err;
    store_quiz stored = {.text = NULL};
    bool found = false;
    json_t *body;
    if (jobs_quiz(a->jobs, path->segment[0], &stored, &found, &err) != XAI_OK) {
        api_reply_error(request, &err);
        return;
    }
    bool own = found && (!a->keys || strcmp(stored.owner, request->client) == 0);
    if (!own) {
        api_reply_problem(request, WIRE_NOT_FOUND, "there is no such quiz (any more): it is kept as long as a result");
    } else if (api_read_json(a, request, &body)) {
        reply_judged(a, request, &stored, body);
        json_decref(body);
    }
    store_quiz_clear(&stored);
}

/* ---------------------------------------------------------------- the summary */

typedef struct counts {
    int64_t answers, correct;
} counts;

typedef struct summary {
    char condition[64];
    counts by_sort[2]; /* plain, misleading */
} summary;

typedef struct summaries {
    summary list[CONDITION_COUNT + 8];
    size_t count;
} summaries;

static void add_tally(void *user, const store_tally *t)
{
    summaries *s = user;
    bool same = s->count && strcmp(s->list[s->count - 1].condition, t->condition) == 0;
    if (!same && s->count == sizeof s->list / sizeof s->list[0]) return;
    if (!same) {
        s->list[s->count] = (summary){.condition = ""};
        memcpy(s->list[s->count++].condition, t->condition, sizeof t->condition);
    }
    s->list[s->count - 1].by_sort[t->misleading] = (counts){t->answers, t->correct};
}

static json_t *share_of(counts c)
{
    double low = 0, high = 1;
    if (c.answers > 0) xai_wilson(c.correct, c.answers, &low, &high);
    json_t *accuracy = c.answers > 0 ? xai_json_real((double)c.correct / (double)c.answers) : json_null();
    return json_pack("{s:I, s:I, s:o, s:[o, o]}", "answers", (json_int_t)c.answers, "correct", (json_int_t)c.correct,
                     "accuracy", accuracy, "interval", xai_json_real(low), xai_json_real(high));
}

static json_t *summary_json(const summary *s)
{
    counts plain = s->by_sort[0], misleading = s->by_sort[1];
    json_t *object = share_of((counts){plain.answers + misleading.answers, plain.correct + misleading.correct});
    json_object_set_new(object, "condition", json_string(s->condition));
    json_object_set_new(object, "plain", share_of(plain));
    json_object_set_new(object, "misleading", share_of(misleading));
    return object;
}

void api_get_summary(api *a, api_request *request, const api_path *path)
{
    (void)path;
    xai_error err;
    summaries all = {.count = 0};
    if (jobs_tally(a->jobs, add_tally, &all, &err) != XAI_OK) {
        api_reply_error(request, &err);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < all.count; i++) json_array_append_new(list, summary_json(&all.list[i]));
    api_reply_json(request, 200, json_pack("{s:f, s:s, s:o}", "confidence", 0.95, "method", "wilson", "conditions", list));
}
