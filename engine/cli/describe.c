/* xai methods, xai metrics, xai model: the engine's lists as JSON. */
#include "cli.h"

#include "json/schema.h"

#include <stdio.h>
#include <string.h>

/* "arXiv:1610.02391" as a link; anything else as it is. */
static void print_paper(const char *paper)
{
    const char *number = strncmp(paper, "arXiv:", 6) == 0 ? paper + 6 : NULL;
    if (number) printf(" [%s](https://arxiv.org/abs/%s) |\n", number, number);
    else printf(" %s |\n", paper);
}

static void print_table(void)
{
    puts("| family | method | what it shows | needs | cost | paper |\n|---|---|---|---|---|---|");
    for (size_t i = 0; i < xai_method_count(); i++) {
        const xai_method_info *m = xai_method_at(i);
        printf("| %s | `%s` %s | %s | %s | %s |", m->family, m->id, m->title, m->summary, m->needs, m->cost);
        print_paper(m->paper);
    }
}

xai_status cli_methods(cli_call *call, xai_error *err)
{
    const char *id;
    XAI_TRY(cli_argument(call, "METHOD", true, &id, err));
    if (call->options[CLI_MARKDOWN].count) {
        print_table();
        return XAI_OK;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < xai_method_count(); i++) {
        const xai_method_info *m = xai_method_at(i);
        if (!id || strcmp(m->id, id) == 0) json_array_append_new(list, xai_json_method(m));
    }
    if (json_array_size(list)) return cli_print(list, err);
    json_decref(list);
    XAI_FAIL(err, UNKNOWN_METHOD, id ? id : "", "there is no method '%s'; `xai methods` lists them", id ? id : "");
}

static void print_metric_table(void)
{
    puts("| family | metric | what it says | good is | needs | cost of a map | paper |\n|---|---|---|---|---|---|---|");
    for (size_t i = 0; i < xai_metric_count(); i++) {
        const xai_metric_info *m = xai_metric_at(i);
        const char *good = m->better == XAI_BETTER_HIGHER ? "high" : m->better == XAI_BETTER_LOWER ? "low" : "";
        printf("| %s | `%s` %s | %s | %s | %s | %s |", m->family, m->id, m->title, m->summary, good, m->needs, m->cost);
        print_paper(m->paper);
    }
}

xai_status cli_metrics(cli_call *call, xai_error *err)
{
    const char *id;
    XAI_TRY(cli_argument(call, "METRIC", true, &id, err));
    if (call->options[CLI_MARKDOWN].count) {
        print_metric_table();
        return XAI_OK;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < xai_metric_count(); i++) {
        const xai_metric_info *m = xai_metric_at(i);
        if (!id || strcmp(m->id, id) == 0) json_array_append_new(list, xai_json_metric(m));
    }
    if (json_array_size(list)) return cli_print(list, err);
    json_decref(list);
    XAI_FAIL(err, UNKNOWN_METRIC, id ? id : "", "there is no metric '%s'; `xai metrics` lists them", id ? id : "");
}

static json_t *methods_served(const xai_model *model)
{
    json_t *list = json_array();
    for (size_t i = 0; i < xai_method_count(); i++) {
        xai_error why = {0};
        xai_status status = xai_method_served(xai_method_at(i), model, &why);
        json_array_append_new(list, xai_json_served(xai_method_at(i), status, &why));
    }
    return list;
}

/* {"forward":..,"gradient":..}: planned bytes of one thread's buffers. */
static xai_status memory_of(xai_model *model, json_t **out, xai_error *err)
{
    size_t forward, gradient;
    XAI_TRY(xai_model_session_bytes(model, &forward, &gradient, err));
    *out = json_pack("{s:I, s:I}", "forward", (json_int_t)forward, "gradient", (json_int_t)gradient);
    if (!*out) XAI_NO_MEMORY(err);
    return XAI_OK;
}

xai_status cli_model(cli_call *call, xai_error *err)
{
    const char *path;
    xai_model *model;
    XAI_TRY(cli_argument(call, "FILE", true, &path, err));
    cli_values *option = &call->options[CLI_MODEL];
    if (path && !option->count) option->items[option->count++] = path;
    XAI_TRY(cli_load_model(call, &model, err));
    json_t *memory = NULL, *json = NULL;
    xai_status status = memory_of(model, &memory, err);
    if (status == XAI_OK) json = xai_json_model(xai_model_describe(model), methods_served(model));
    json_object_set_new(json, "memory", memory);
    xai_model_unref(model);
    return status == XAI_OK ? cli_print(json, err) : status;
}
