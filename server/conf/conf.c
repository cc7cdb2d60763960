/*
 * Configuration: the list as a parameter table, and the sources on top of each other.
 *
 * Each value is checked alone when it is met, so that an error can name its source; then all are parsed together.
 * Used once, before any thread exists.
 */
#include "conf.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/param.h"
#include "json/read.h"

static const xai_param TABLE[] = {
#define CONF_TEXT(key, def, help) XAI_P_TEXT(conf, key, help),
#define CONF_INT(key, def, min, max, help) XAI_P_INT(conf, key, def, min, max, help),
#define CONF_BOOL(key, def, help) XAI_P_BOOL(conf, key, def, help),
#include "config.def"
#undef CONF_TEXT
#undef CONF_INT
#undef CONF_BOOL
};

enum { KEYS = sizeof TABLE / sizeof TABLE[0], MAX_FILE = 1 << 20 };

/* What the sources said so far; `set[i]` belongs to TABLE[i]. */
typedef struct given {
    xai_named_value values[KEYS];
    bool set[KEYS];
    xai_arena *strings;
} given;

static const struct {
    const char *flag;
    conf_action action;
} ACTIONS[] = {{"--print-config", CONF_PRINT_CONFIG}, {"--print-openapi", CONF_PRINT_OPENAPI},
               {"--healthcheck", CONF_HEALTHCHECK},   {"--help", CONF_HELP},
               {"--version", CONF_VERSION}};

enum { ACTION_COUNT = sizeof ACTIONS / sizeof ACTIONS[0] };

/* ---------------------------------------------------------------- values */

static void fill_texts(conf *out)
{
#define CONF_TEXT(key, def, help) \
    if (!out->key) out->key = def;
#define CONF_INT(key, def, min, max, help)
#define CONF_BOOL(key, def, help)
#include "config.def"
#undef CONF_TEXT
#undef CONF_INT
#undef CONF_BOOL
}

void conf_default(conf *out)
{
    xai_params_parse(TABLE, KEYS, NULL, 0, out, NULL, NULL);
    fill_texts(out);
}

static int find_key(const char *name)
{
    for (int i = 0; i < KEYS; i++)
        if (strcmp(TABLE[i].name, name) == 0) return i;
    return -1;
}

static const char *nearest_key(const char *name)
{
    xai_nearest search = xai_nearest_to(name);
    for (int i = 0; i < KEYS; i++) xai_nearest_try(&search, TABLE[i].name);
    return search.best;
}

/* Takes one value from `source` ("--port", "EXPLAIND_PORT", "explaind.json: port"). `blame` is USAGE or BAD_CONFIG. */
static xai_status take(given *all, int key, xai_named_value value, xai_status blame, const char *source, xai_error *err)
{
    conf scratch;
    xai_error cause;
    value.name = TABLE[key].name;
    if (xai_params_parse(TABLE, KEYS, &value, 1, &scratch, all->strings, &cause) != XAI_OK)
        return xai_error_set(err, blame, __FILE__, __LINE__, source, "%s: %.400s", source, cause.msg);
    if (value.type == XAI_VALUE_TEXT) value.text = xai_arena_strdup(all->strings, value.text);
    if (value.type == XAI_VALUE_TEXT && !value.text) XAI_NO_MEMORY(err);
    all->values[key] = value;
    all->set[key] = true;
    return XAI_OK;
}

static xai_status finish(const given *all, conf *out, xai_error *err)
{
    xai_named_value values[KEYS];
    size_t count = 0;
    for (int i = 0; i < KEYS; i++)
        if (all->set[i]) values[count++] = all->values[i];
    XAI_TRY(xai_params_parse(TABLE, KEYS, values, count, out, all->strings, err));
    fill_texts(out);
    XAI_CHECK(!out->tls_cert[0] == !out->tls_key[0], err, BAD_CONFIG, "tls_cert",
              "TLS needs both tls_cert and tls_key");
    XAI_CHECK(out->wait_ms <= out->wait_ms_max, err, BAD_CONFIG, "wait_ms", "wait_ms must not exceed wait_ms_max");
    XAI_CHECK(out->model[0] || out->model_dir[0], err, BAD_CONFIG, "model", "there is no model: give model or model_dir");
    return XAI_OK;
}

/* ---------------------------------------------------------------- file */

static xai_status take_member(given *all, const char *path, const char *name, const json_t *json, xai_error *err)
{
    char source[256];
    snprintf(source, sizeof source, "%.180s: %.60s", path, name);
    int key = find_key(name);
    if (key < 0) {
        const char *near = nearest_key(name);
        XAI_FAIL(err, BAD_CONFIG, source, "%s: there is no such key%s%s%s", source, near ? "; did you mean \"" : "",
                 near ? near : "", near ? "\"?" : "");
    }
    xai_named_value value = {.type = XAI_VALUE_NULL};
    if (json_is_boolean(json)) {
        value.type = XAI_VALUE_BOOL;
        value.boolean = json_is_true(json);
    } else if (json_is_number(json)) {
        value.type = XAI_VALUE_NUMBER;
        value.number = json_number_value(json);
    } else if (json_is_string(json)) {
        value.type = XAI_VALUE_TEXT;
        value.text = json_string_value(json);
    }
    XAI_CHECK(value.type != XAI_VALUE_NULL, err, BAD_CONFIG, source, "%s: must be a number, a text, true or false",
              source);
    return take(all, key, value, XAI_E_BAD_CONFIG, source, err);
}

static xai_status read_text(const char *path, char *buffer, size_t size, size_t *used, xai_error *err)
{
    FILE *file = fopen(path, "rb");
    XAI_CHECK(file, err, BAD_CONFIG, path, "cannot open the configuration %s: %s", path, strerror(errno));
    *used = fread(buffer, 1, size, file);
    bool ok = !ferror(file) && *used < size;
    fclose(file);
    XAI_CHECK(ok, err, BAD_CONFIG, path, "cannot read the configuration %s, or it is larger than 1 MiB", path);
    return XAI_OK;
}

static xai_status take_root(given *all, const char *path, json_t *root, xai_error *err)
{
    const char *name;
    json_t *value;
    XAI_CHECK(json_is_object(root), err, BAD_CONFIG, path, "%s: must be a JSON object", path);
    json_object_foreach(root, name, value) XAI_TRY(take_member(all, path, name, value, err));
    return XAI_OK;
}

static xai_status take_file(given *all, const char *path, xai_error *err)
{
    char *text = malloc(MAX_FILE);
    size_t size = 0;
    json_t *root = NULL;
    if (!text) XAI_NO_MEMORY(err);
    xai_status status = read_text(path, text, MAX_FILE, &size, err);
    if (status == XAI_OK) status = xai_json_parse(text, size, XAI_E_BAD_CONFIG, &root, err);
    if (status == XAI_OK) status = take_root(all, path, root, err);
    json_decref(root);
    free(text);
    return status;
}

/* ---------------------------------------------------------------- environment */

/* Kubernetes sets EXPLAIND_SERVICE_* and EXPLAIND_PORT=tcp://... for a service that is called explaind. */
static bool is_from_kubernetes(const char *name, const char *value)
{
    return strncmp(name, "SERVICE_", 8) == 0 || strncmp(name, "PORT_", 5) == 0 ||
           (strncmp(name, "PORT=", 5) == 0 && strncmp(value, "tcp://", 6) == 0);
}

static xai_status take_variable(given *all, const char *entry, xai_error *err)
{
    static const char PREFIX[] = "EXPLAIND_";
    const char *equals = strchr(entry, '=');
    if (!equals || strncmp(entry, PREFIX, sizeof PREFIX - 1) != 0) return XAI_OK;
    const char *rest = entry + sizeof PREFIX - 1;
    if (is_from_kubernetes(rest, equals + 1)) return XAI_OK;
    char name[64] = "", source[80];
    for (size_t i = 0; rest + i < equals && i < sizeof name - 1; i++) name[i] = (char)tolower((unsigned char)rest[i]);
    snprintf(source, sizeof source, "%.*s", (int)(equals - entry < 79 ? equals - entry : 79), entry);
    int key = find_key(name);
    const char *near = key < 0 ? nearest_key(name) : NULL;
    XAI_CHECK(key >= 0, err, BAD_CONFIG, source, "%s: there is no such key%s%s%s", source,
              near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    xai_named_value value = {.type = XAI_VALUE_TEXT, .text = equals + 1};
    return take(all, key, value, XAI_E_BAD_CONFIG, source, err);
}

static xai_status take_environment(given *all, char **environment, xai_error *err)
{
    for (; environment && *environment; environment++) XAI_TRY(take_variable(all, *environment, err));
    return XAI_OK;
}

/* ---------------------------------------------------------------- flags */

/* "--queue-length=5" -> key "queue_length", value "5"; the value may be the next argument. */
static void split_flag(const char *flag, char name[64], const char **value)
{
    const char *equals = strchr(flag, '=');
    size_t n = equals ? (size_t)(equals - flag) : strlen(flag);
    name[0] = '\0';
    for (size_t i = 2; i < n && i < 65; i++) {
        name[i - 2] = flag[i] == '-' ? '_' : flag[i];
        name[i - 1] = '\0';
    }
    *value = equals ? equals + 1 : NULL;
}

static xai_status unknown_flag(const char *flag, const char *name, xai_error *err)
{
    const char *near = nearest_key(name);
    char dashed[64];
    snprintf(dashed, sizeof dashed, "%s", near ? near : "help");
    for (char *c = dashed; *c; c++)
        if (*c == '_') *c = '-';
    XAI_FAIL(err, USAGE, flag, near ? "unknown flag %s; did you mean --%s?" : "unknown flag %s; see --%s", flag, dashed);
}

static xai_status take_flag(given *all, int argc, char **argv, int *index, xai_error *err)
{
    const char *flag = argv[*index], *text;
    char name[64];
    XAI_CHECK(strncmp(flag, "--", 2) == 0, err, USAGE, flag, "unexpected argument %s; see --help", flag);
    split_flag(flag, name, &text);
    int key = find_key(name);
    if (key < 0) return unknown_flag(flag, name, err);
    if (!text && TABLE[key].type == XAI_PARAM_BOOL) text = "true";
    if (!text && *index + 1 < argc) text = argv[++*index];
    XAI_CHECK(text, err, USAGE, flag, "%s needs a value", flag);
    xai_named_value value = {.type = XAI_VALUE_TEXT, .text = text};
    return take(all, key, value, XAI_E_USAGE, flag, err);
}

static bool is_action(const char *flag, conf_action *action)
{
    for (int i = 0; i < ACTION_COUNT; i++) {
        if (strcmp(ACTIONS[i].flag, flag) != 0) continue;
        if (action) *action = ACTIONS[i].action;
        return true;
    }
    return false;
}

/* The file comes before the environment in strength, but is named by a flag: look for it first. */
static xai_status find_file(int argc, char **argv, const char **path, xai_error *err)
{
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--config=", 9) == 0) *path = argv[i] + 9;
        if (strcmp(argv[i], "--config") != 0) continue;
        XAI_CHECK(i + 1 < argc, err, USAGE, "--config", "--config needs a file");
        *path = argv[++i];
    }
    return XAI_OK;
}

static xai_status take_flags(given *all, int argc, char **argv, conf_action *action, xai_error *err)
{
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--config=", 9) == 0 || is_action(argv[i], action)) continue;
        if (strcmp(argv[i], "--config") == 0) i++;
        else XAI_TRY(take_flag(all, argc, argv, &i, err));
    }
    return XAI_OK;
}

xai_status conf_load(int argc, char **argv, char **environment, xai_arena *strings, conf *out, conf_action *action,
                     xai_error *err)
{
    given all = {.strings = strings};
    const char *path = NULL;
    *action = CONF_SERVE;
    XAI_TRY(find_file(argc, argv, &path, err));
    if (path) XAI_TRY(take_file(&all, path, err));
    XAI_TRY(take_environment(&all, environment, err));
    XAI_TRY(take_flags(&all, argc, argv, action, err));
    return finish(&all, out, err);
}

/* ---------------------------------------------------------------- printing */

static json_t *value_of(const xai_param *p, const conf *values)
{
    const void *field = (const char *)values + p->offset;
    if (p->type == XAI_PARAM_INT) return json_integer(*(const int64_t *)field);
    if (p->type == XAI_PARAM_BOOL) return json_boolean(*(const bool *)field);
    return json_string(*(const char *const *)field);
}

char *conf_print(const conf *values)
{
    json_t *object = json_object();
    for (int i = 0; i < KEYS; i++) json_object_set_new(object, TABLE[i].name, value_of(&TABLE[i], values));
    char *text = json_dumps(object, JSON_INDENT(2));
    json_decref(object);
    return text;
}

static void print_key(FILE *out, const xai_param *p, const conf *defaults)
{
    char flag[64];
    snprintf(flag, sizeof flag, "--%s", p->name);
    for (char *c = flag; *c; c++)
        if (*c == '_') *c = '-';
    const void *field = (const char *)defaults + p->offset;
    fprintf(out, "  %-22s %s", flag, p->help);
    if (p->type == XAI_PARAM_INT) fprintf(out, " [%lld]", (long long)*(const int64_t *)field);
    if (p->type == XAI_PARAM_BOOL) fprintf(out, " [%s]", *(const bool *)field ? "true" : "false");
    if (p->type == XAI_PARAM_TEXT && **(const char *const *)field) fprintf(out, " [%s]", *(const char *const *)field);
    fputc('\n', out);
}

char *conf_help(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) return NULL;
    conf defaults;
    conf_default(&defaults);
    fputs("explaind: says over HTTP why an image classifier decided as it did\n\n"
          "usage: explaind [--config FILE] [--KEY VALUE]...\n"
          "Every key may also stand in the file (JSON) or in the environment (EXPLAIND_KEY); flags win.\n\n", out);
    for (int i = 0; i < KEYS; i++) print_key(out, &TABLE[i], &defaults);
    fputs("\n  --print-config         print this configuration as a file, and end\n"
          "  --print-openapi        print the OpenAPI document, and end\n"
          "  --healthcheck          ask the server of this configuration whether it is well; exit 0 or 1\n"
          "  --version, --help\n", out);
    fclose(out);
    return text;
}
