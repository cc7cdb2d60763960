/*
 * The probe: scores of given sets of regions on one image, one forward each, for toggling patches of a finished
 * graph.
 *
 * Sets are shown to the model by the same scene as in the search. One thread runs this; the pool does the work.
 */
#include "eyes.h"
#include "explain/predict.h"

typedef struct probe {
    const xai_sag_scene *scene;
    xai_aim aim;
    double f_all;
    xai_probe_value *values;
} probe;

static xai_status run_mask(void *user, size_t index, xai_session *session, const xai_par *par, xai_error *err)
{
    (void)err;
    const probe *job = user;
    const xai_context *c = job->scene->context;
    xai_sag_scene_show(job->scene, index, xai_session_value_data(session, c->in));
    xai_session_forward(session, par);
    const float *logits = xai_session_value_data(session, c->logits);
    xai_probe_value *value = &job->values[index];
    xai_aim_rank(&job->aim, logits, value->top, sizeof value->top / sizeof value->top[0]);
    value->p = (double)(float)xai_aim_value(&job->aim, logits); /* as the search keeps it */
    value->rel = value->p / job->f_all;
    value->top1 = value->top[0].class_index;
    return XAI_OK;
}

static size_t set_count(const xai_probe_request *request) { return request->masks ? request->mask_count : 1; }

static xai_status mask_of_patches(const xai_probe_request *request, int count, xai_mask *out, xai_error *err)
{
    *out = (xai_mask){{0}};
    for (size_t i = 0; i < request->patch_count; i++) {
        int64_t patch = request->patches[i];
        XAI_CHECK(patch >= 0 && patch < count, err, BAD_PARAM, "patches",
                  "there is no patch %lld: patches are numbered 0 to %d", (long long)patch, count - 1);
        *out = xai_mask_with(*out, (int)patch);
    }
    return XAI_OK;
}

static xai_status read_masks(const xai_probe_request *request, const xai_regions *regions, xai_arena *arena,
                             const xai_mask **out, xai_probe_value *values, xai_error *err)
{
    size_t count = set_count(request);
    xai_mask *masks = XAI_NEW(arena, xai_mask, count);
    if (!masks) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < count; i++) {
        XAI_TRY(request->masks ? xai_mask_from_hex(request->masks[i], regions->count, &masks[i], err)
                               : mask_of_patches(request, regions->count, &masks[i], err));
        values[i] = (xai_probe_value){0};
        xai_mask_to_hex(masks[i], regions->count, values[i].id);
    }
    *out = masks;
    return XAI_OK;
}

static xai_status run_probe(const xai_probe_request *request, const xai_target *target, xai_context *c,
                            xai_probe_value *values, xai_error *err)
{
    const xai_method_info *sag = xai_method_find("sag");
    xai_sag_options options;
    xai_sag_scene scene;
    xai_lanes *lanes;
    XAI_TRY(xai_params_parse(sag->params, sag->param_count, request->params, request->param_count, &options, c->arena,
                             err));
    XAI_TRY(xai_sag_scene_init(&scene, c, &options, c->arena, err));
    XAI_TRY(read_masks(request, &scene.regions, c->arena, &scene.masks, values, err));
    size_t sessions[XAI_PLAN_MODES] = {[XAI_PLAN_FORWARD] = (size_t)xai_pool_threads(c->pool)};
    XAI_TRY(xai_context_reserve(c, sessions, 0, err));
    XAI_TRY(xai_context_base(c, err));
    probe job = {.scene = &scene, .values = values};
    XAI_TRY(xai_sag_aim_at(&job.aim, c, target, err));
    job.f_all = (double)(float)xai_aim_value(&job.aim, c->base_logits);
    XAI_TRY(xai_context_lanes(c, &lanes, err));
    return xai_lanes_run(lanes, set_count(request), run_mask, &job, 1, c->token, NULL, err);
}

xai_status xai_probe(const xai_probe_request *request, xai_pool *pool, xai_token *token, xai_probe_value *values,
                     xai_error *err)
{
    xai_target target = request->target;
    XAI_TRY(xai_target_check(request->model, &target, err));
    XAI_TRY(xai_target_check_probability(request->model, &target, err));
    XAI_CHECK(request->mask_count <= 1 << 16, err, TOO_LARGE, "masks", "at most 65536 masks are scored in one call");
    xai_arena *arena = xai_arena_new(0);
    if (!arena) XAI_NO_MEMORY(err);
    xai_context_spec spec = {.model = request->model, .pool = pool, .token = token, .arena = arena, .urgent = true,
                             .image = request->image};
    xai_context context;
    xai_token_stage(token, "probe", (double)set_count(request) + 1);
    xai_status status = xai_context_init(&context, &spec, err);
    if (status == XAI_OK) status = run_probe(request, &target, &context, values, err);
    xai_context_deinit(&context);
    xai_arena_free(arena);
    return status;
}
