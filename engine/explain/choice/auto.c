/*
 * Auto: the method that explains this picture best, as measured. Here it is a name that stands for another method: for
 * `choose` where that is given, so that a result is repeated from its receipt without measuring; else for the first
 * candidate that the model serves, with a warning. study/auto.c measures the candidates and fills in `choose`.
 */
#include "auto.h"

#include "explain/method.h"

#include <stdio.h>
#include <string.h>

static const xai_param PARAMS[] = {
    XAI_P_INT(xai_auto_options, budget_ms, 3000, 1, 3600000,
              "Milliseconds for measuring candidates; the choice then takes its own time."),
    XAI_P_TEXT(xai_auto_options, candidates,
               "Methods to choose among, in the order to try: ID?NAME=VALUE&NAME=VALUE with semicolons between them; "
               "layer=finer is the last layer with a larger map than usual."),
    XAI_P_TEXT(xai_auto_options, metrics,
               "Metrics to measure them by, in the same form; insertion and deletion in 10 steps if omitted."),
    XAI_P_TEXT(xai_auto_options, choose,
               "The choice, as a receipt has it: this call is run, and nothing is measured."),
};

static int64_t cells_of(const xai_layer_info *l, bool nchw) { return l->shape[nchw ? 2 : 1] * l->shape[nchw ? 3 : 2]; }

/* NULL: there is none, or its name cannot be written in a call. */
static const char *finer_layer(const xai_model_info *info)
{
    bool nchw = info->layout == XAI_LAYOUT_NCHW;
    const xai_layer_info *usual = NULL, *finer = NULL;
    for (size_t i = 0; info->default_layer && i < info->layer_count; i++)
        if (strcmp(info->layers[i].name, info->default_layer) == 0) usual = &info->layers[i];
    for (size_t i = 0; usual && &info->layers[i] < usual; i++) {
        const xai_layer_info *l = &info->layers[i];
        bool padded = strcmp(l->op, "Pad") == 0; /* no map of its own */
        if (l->spatial && l->rank == 4 && !padded && cells_of(l, nchw) > cells_of(usual, nchw)) finer = l;
    }
    return finer && !strpbrk(finer->name, "&;?=") ? finer->name : NULL;
}

/* Puts the layer where a call says "layer=finer"; *kept false: there is none. */
static xai_status name_layer(const xai_model_info *info, xai_arena *arena, xai_call_text *call, bool *kept, xai_error *err)
{
    static const char ASKED[] = "layer=finer";
    const char *at = strstr(call->text, ASKED), *layer = finer_layer(info);
    *kept = !at || layer;
    if (!at || !layer) return XAI_OK;
    const char *text = xai_arena_printf(arena, "%.*slayer=%s%s", (int)(at - call->text), call->text, layer,
                                        at + strlen(ASKED));
    if (!text) XAI_NO_MEMORY(err);
    return xai_call_read(text, arena, call, err);
}

xai_status xai_auto_candidates(const xai_auto_options *o, const xai_model *model, xai_arena *arena, xai_call_text *out,
                               size_t *count, xai_error *err)
{
    size_t read = 0;
    *count = 0;
    xai_status status = xai_calls_read(o->candidates ? o->candidates : XAI_AUTO_CANDIDATES, ';', XAI_AUTO_MOST, arena, out,
                                       &read, err);
    if (status != XAI_OK && err) snprintf(err->where, sizeof err->where, "params.candidates");
    for (size_t i = 0; i < read && status == XAI_OK; i++) {
        bool kept;
        xai_call_text call = out[i];
        status = name_layer(xai_model_describe(model), arena, &call, &kept, err);
        if (kept) out[(*count)++] = call;
    }
    return status;
}

static xai_status read_choice(const char *text, xai_arena *arena, xai_call_text *out, xai_error *err)
{
    xai_status status = xai_call_read(text, arena, out, err);
    if (status != XAI_OK && err) snprintf(err->where, sizeof err->where, "params.choose");
    XAI_TRY(status);
    const xai_method_info *method = xai_method_find(out->call.id);
    XAI_CHECK(method && !xai_method_of(method)->stands_for, err, UNKNOWN_METHOD, "params.choose",
              "there is no method '%.60s' to choose", out->call.id);
    return XAI_OK;
}

static xai_status stands_for(const xai_model *model, const void *params, xai_arena *arena, xai_method_call *out,
                             xai_error *err)
{
    const xai_auto_options *o = params;
    xai_call_text list[XAI_AUTO_MOST];
    size_t count;
    if (o->choose) {
        XAI_TRY(read_choice(o->choose, arena, list, err));
        *out = list[0].call;
        return XAI_OK;
    }
    XAI_TRY(xai_auto_candidates(o, model, arena, list, &count, err));
    for (size_t i = 0; i < count; i++) {
        const xai_method_info *method = xai_method_find(list[i].call.id);
        XAI_CHECK(method && !xai_method_of(method)->stands_for, err, UNKNOWN_METHOD, "params.candidates",
                  "there is no method '%.60s' to choose", list[i].call.id);
    }
    for (size_t i = 0; i < count; i++) {
        if (xai_method_served(xai_method_find(list[i].call.id), model, NULL) != XAI_OK) continue;
        *out = list[i].call;
        return XAI_OK;
    }
    XAI_FAIL(err, UNSUPPORTED_METHOD, "params.candidates", "this model serves none of the candidates");
}

/* What measuring takes beside the choice itself, at a nominal 10 ms a forward. */
static double cost(const xai_model *model, const void *params)
{
    const xai_auto_options *o = params;
    (void)model;
    return o->choose ? 0 : (double)o->budget_ms / 10;
}

/* After the method that it stands for. */
static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const xai_auto_options *o = params;
    if (o->choose) return XAI_OK;
    return xai_task_warn(task, err, "Nothing was measured: this is the first candidate that the model serves.");
}

const xai_method xai_method_auto = {
    .info = {.id = "auto", .title = "Chosen by measurement", .family = "choice",
             .summary = "The method, layer and parameters that measure as most faithful to the model on this picture.",
             .paper = "", .version = 1, .needs = "forward", .cost = "budget_ms, and then the choice's own",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_auto_options),
    .stands_for = stands_for,
    .cost = cost,
    .run = run,
};
