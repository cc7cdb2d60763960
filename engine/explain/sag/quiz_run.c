/*
 * The quiz on a network: sets are shown to it by the scene of the SAG itself, and heat is what Grad-CAM, with its
 * defaults, gives each region: the mean of its map, as it is drawn over the picture, under the region's weight, times
 * the region's share of the picture. One thread runs this; the pool does the work.
 */
#include "eyes.h"
#include "image/upsample.h"
#include "quiz.h"

#include <string.h>

enum { MAX_EVALS = 640 };
static const double GAP = 0.3; /* of probabilities */

/* ---------------------------------------------------------------- heat */

typedef struct heat_map {
    int height, width;
    float *values;
} heat_map;

/* Grad-CAM's own map, copied. */
static xai_status find_heat(const xai_quiz_request *q, xai_pool *pool, xai_token *token, xai_arena *arena,
                            heat_map *out, xai_error *err)
{
    xai_method_call call = {.id = "gradcam"};
    xai_target target = q->target;
    target.space = XAI_SPACE_DEFAULT;
    xai_request request = {.model = q->model, .image = q->image, .calls = &call, .call_count = 1, .targets = &target,
                           .target_count = 1};
    xai_result *result = NULL;
    XAI_TRY(xai_explain(&request, pool, token, &result, err));
    const xai_explanation *gradcam = &result->explanations[0];
    if (!gradcam->artifact_count) {
        xai_result_free(result);
        XAI_FAIL(err, DEADLINE, "", "the time ended before Grad-CAM");
    }
    const xai_artifact *map = &gradcam->artifacts[0];
    *out = (heat_map){.height = (int)map->shape[0], .width = (int)map->shape[1]};
    size_t n = (size_t)out->height * (size_t)out->width;
    out->values = XAI_NEW(arena, float, n);
    if (out->values) memcpy(out->values, map->values, n * sizeof *out->values);
    xai_result_free(result);
    if (!out->values) XAI_NO_MEMORY(err);
    return XAI_OK;
}

/* heat[count]: the map over the whole input, weighted by each region, summed, over the number of pixels. */
static xai_status sum_heat(const heat_map *map, const xai_regions *r, const xai_token *token, xai_arena *arena,
                           double *heat, xai_error *err)
{
    size_t width = (size_t)r->width, pixels = (size_t)r->height * width;
    float *fine = XAI_NEW(arena, float, pixels), *line = XAI_NEW(arena, float, width);
    if (!fine || !line) XAI_NO_MEMORY(err);
    xai_upsample_bilinear(map->values, map->height, map->width, fine, r->height, r->width, false);
    for (int i = 0; i < r->count; i++) {
        xai_mask one = xai_mask_with((xai_mask){{0}}, i);
        XAI_TRY(xai_token_check(token, err));
        for (int y = 0; y < r->height; y++) {
            xai_regions_line(r, one, y, line);
            for (size_t x = 0; x < width; x++) heat[i] += (double)line[x] * (double)fine[(size_t)y * width + x];
        }
        heat[i] /= (double)pixels;
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- the questions */

static xai_status read_shown(const xai_quiz_request *q, int count, xai_arena *arena, const xai_mask **out,
                             xai_error *err)
{
    xai_mask *masks = XAI_NEW(arena, xai_mask, q->shown_count);
    if (!masks) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < q->shown_count; i++) XAI_TRY(xai_mask_from_hex(q->shown[i], count, &masks[i], err));
    *out = masks;
    return XAI_OK;
}

static void tell(const xai_quiz_question *from, int count, xai_quiz_pair *to)
{
    for (int side = 0; side < 2; side++) {
        xai_mask_to_hex(from->mask[side], count, to->id[side]);
        to->p[side] = (double)from->score[side].p;
        to->heat[side] = from->heat[side];
    }
    to->misleading = from->misleading;
}

static xai_status ask(const xai_quiz_request *q, xai_sag_eyes *e, const heat_map *map, xai_quiz_pair *pairs, size_t *found,
                      xai_error *err)
{
    xai_context *c = e->scene.context;
    const xai_regions *regions = &e->scene.regions;
    double *heat = XAI_NEW(c->arena, double, (size_t)regions->count);
    xai_quiz_question *questions = XAI_NEW(c->arena, xai_quiz_question, q->pairs);
    xai_quiz_settings s = {.count = regions->count, .heat = heat, .shown_count = q->shown_count,
                           .sufficient = q->sufficient, .pairs = q->pairs, .gap = GAP, .max_evals = MAX_EVALS,
                           .seed = q->seed};
    if (!heat || !questions) XAI_NO_MEMORY(err);
    XAI_TRY(read_shown(q, regions->count, c->arena, &s.shown, err));
    XAI_TRY(sum_heat(map, regions, c->token, c->arena, heat, err));
    XAI_TRY(xai_quiz_choose(&s, xai_sag_look, e, c->token, c->arena, questions, found, err));
    for (size_t i = 0; i < *found; i++) tell(&questions[i], regions->count, &pairs[i]);
    return XAI_OK;
}

static xai_status run(const xai_quiz_request *q, const heat_map *map, xai_context *c, xai_quiz_pair *pairs,
                      size_t *found, xai_error *err)
{
    const xai_method_info *sag = xai_method_find("sag");
    xai_sag_options options;
    xai_sag_eyes e = {.compares = false};
    size_t sessions[XAI_PLAN_MODES] = {[XAI_PLAN_FORWARD] = (size_t)xai_pool_threads(c->pool)};
    XAI_TRY(xai_params_parse(sag->params, sag->param_count, q->params, q->param_count, &options, c->arena, err));
    XAI_TRY(xai_context_reserve(c, sessions, 0, err));
    XAI_TRY(xai_context_base(c, err));
    XAI_TRY(xai_sag_scene_init(&e.scene, c, &options, c->arena, err));
    XAI_TRY(xai_sag_aim_at(&e.aim, c, &q->target, err));
    return ask(q, &e, map, pairs, found, err);
}

static xai_status run_in(const xai_quiz_request *q, xai_pool *pool, xai_token *token, xai_arena *arena,
                         xai_quiz_pair *pairs, size_t *found, xai_error *err)
{
    heat_map map = {0};
    xai_context context;
    xai_context_spec spec = {.model = q->model, .pool = pool, .token = token, .arena = arena, .image = q->image};
    XAI_TRY(find_heat(q, pool, token, arena, &map, err));
    xai_token_stage(token, "quiz", MAX_EVALS + 1);
    xai_status status = xai_context_init(&context, &spec, err);
    if (status == XAI_OK) status = run(q, &map, &context, pairs, found, err);
    xai_context_deinit(&context);
    return status;
}

xai_status xai_quiz(const xai_quiz_request *request, xai_pool *pool, xai_token *token, xai_quiz_pair *pairs,
                    size_t *found, xai_error *err)
{
    xai_quiz_request q = *request;
    XAI_CHECK(q.pairs >= 2 && q.pairs % 2 == 0 && q.pairs <= XAI_QUIZ_MAX_PAIRS, err, BAD_PARAM, "pairs",
              "a quiz has an even number of pairs, 2 to %d", XAI_QUIZ_MAX_PAIRS);
    XAI_CHECK(q.sufficient <= q.shown_count && q.shown_count <= 1 << 16, err, BAD_PARAM, "shown", "too many sets");
    XAI_TRY(xai_target_check(q.model, &q.target, err));
    XAI_TRY(xai_target_check_probability(q.model, &q.target, err));
    XAI_TRY(xai_method_served(xai_method_find("gradcam"), q.model, err));
    xai_arena *arena = xai_arena_new(0);
    if (!arena) XAI_NO_MEMORY(err);
    xai_status status = run_in(&q, pool, token, arena, pairs, found, err);
    xai_arena_free(arena);
    return status;
}
