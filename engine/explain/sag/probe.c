/*
 * The probe: scores of given sets of regions on one image, one forward each, for toggling patches of a finished
 * graph.
 *
 * Sets are shown to the model by the same scene as in the search. One thread runs this; the pool does the work.
 */
#include "scene.h"

typedef struct probe {
    const xai_sag_scene *scene;
    int64_t class_index; /* < 0: the top-1 class of the whole image, until the base forward */
    double f_all;
    xai_probe_value *values;
} probe;

/* The best classes by logit; equal ones by index. */
static void rank(const xai_context *c, const float *logits, xai_prediction *top, size_t room)
{
    size_t count = 0;
    for (int64_t i = 0; i < c->classes; i++) {
        size_t at = count < room ? count++ : room;
        for (; at > 0 && top[at - 1].logit < logits[i]; at--)
            if (at < room) top[at] = top[at - 1];
        if (at < room) top[at] = (xai_prediction){.class_index = i, .logit = logits[i]};
    }
    for (size_t k = 0; k < count; k++) {
        top[k].name = c->model->info.labels[top[k].class_index];
        top[k].probability = (float)xai_context_probability(c, logits, top[k].class_index);
    }
}

static xai_status run_mask(void *user, size_t index, xai_session *session, const xai_par *par, xai_error *err)
{
    (void)err;
    const probe *job = user;
    const xai_context *c = job->scene->context;
    xai_sag_scene_show(job->scene, index, xai_session_value_data(session, c->in));
    xai_session_forward(session, par);
    const float *logits = xai_session_value_data(session, c->logits);
    xai_probe_value *value = &job->values[index];
    rank(c, logits, value->top, sizeof value->top / sizeof value->top[0]);
    value->p = (double)(float)xai_context_probability(c, logits, job->class_index); /* as the search keeps it */
    value->rel = value->p / job->f_all;
    value->top1 = value->top[0].class_index;
    return XAI_OK;
}

static xai_status read_masks(const xai_probe_request *request, const xai_regions *regions, xai_arena *arena,
                             const xai_mask **out, xai_probe_value *values, xai_error *err)
{
    xai_mask *masks = XAI_NEW(arena, xai_mask, request->mask_count);
    if (!masks) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < request->mask_count; i++) {
        XAI_TRY(xai_mask_from_hex(request->masks[i], regions->count, &masks[i], err));
        values[i] = (xai_probe_value){0};
        xai_mask_to_hex(masks[i], regions->count, values[i].id);
    }
    *out = masks;
    return XAI_OK;
}

static xai_status run_probe(const xai_probe_request *request, xai_context *c, xai_probe_value *values, xai_error *err)
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
    XAI_TRY(xai_context_reserve(c, sessions, err));
    XAI_TRY(xai_context_base(c, err));
    probe job = {.scene = &scene, .class_index = request->target.class_index, .values = values};
    if (job.class_index < 0) job.class_index = xai_context_top_class(c, c->base_logits);
    job.f_all = (double)(float)xai_context_probability(c, c->base_logits, job.class_index);
    XAI_TRY(xai_context_lanes(c, &lanes, err));
    return xai_lanes_run(lanes, request->mask_count, run_mask, &job, 1, c->token, NULL, err);
}

xai_status xai_probe(const xai_probe_request *request, xai_pool *pool, xai_token *token, xai_probe_value *values,
                     xai_error *err)
{
    const xai_model_info *info = xai_model_describe(request->model);
    XAI_CHECK(request->target.class_index < info->classes, err, UNKNOWN_CLASS, "target.class",
              "there is no class %lld: the model has classes 0 to %lld", (long long)request->target.class_index,
              (long long)info->classes - 1);
    XAI_CHECK(request->mask_count <= 1 << 16, err, TOO_LARGE, "masks", "at most 65536 masks are scored in one call");
    xai_arena *arena = xai_arena_new(0);
    if (!arena) XAI_NO_MEMORY(err);
    xai_context_spec spec = {.model = request->model, .pool = pool, .token = token, .arena = arena, .urgent = true,
                             .image = request->image};
    xai_context context;
    xai_token_stage(token, "probe", (double)request->mask_count + 1);
    xai_status status = xai_context_init(&context, &spec, err);
    if (status == XAI_OK) status = run_probe(request, &context, values, err);
    xai_context_deinit(&context);
    xai_arena_free(arena);
    return status;
}
