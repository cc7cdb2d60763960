/* What the commands share: option values, models, pools, images, files, printing. */
#include "cli.h"

#include "base/param.h"
#include "base/place.h"
#include "json/result.h"
#include "json/sidecar.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *cli_text(const cli_call *call, cli_option option, const char *fallback)
{
    const cli_values *v = &call->options[option];
    return v->count ? v->items[v->count - 1] : fallback;
}

xai_status cli_int(const cli_call *call, cli_option option, int64_t fallback, int64_t min, int64_t max, int64_t *out,
                   xai_error *err)
{
    const char *text = cli_text(call, option, NULL);
    double value;
    *out = fallback;
    if (!text) return XAI_OK;
    XAI_CHECK(xai_parse_number(text, &value) && value == floor(value) && value >= (double)min && value <= (double)max,
              err, USAGE, text, "'%s' is not a whole number from %lld to %lld", text, (long long)min, (long long)max);
    *out = (int64_t)value;
    return XAI_OK;
}

xai_status cli_precision(const cli_call *call, xai_precision *out, xai_error *err)
{
    const char *text = cli_text(call, CLI_PRECISION, "f32");
    *out = strcmp(text, "bf16") == 0 ? XAI_PRECISION_BF16 : XAI_PRECISION_F32;
    XAI_CHECK(strcmp(text, xai_precision_name(*out)) == 0, err, USAGE, "--precision", "there is f32 and bf16, not '%s'",
              text);
    return xai_precision_check(*out, err);
}

xai_status cli_split(cli_call *call, const char *text, cli_values *out, xai_error *err)
{
    char *copy = xai_arena_strdup(call->arena, text), *rest = copy;
    if (!copy) XAI_NO_MEMORY(err);
    out->count = 0;
    for (char *item = strsep(&rest, ","); item; item = strsep(&rest, ",")) {
        XAI_CHECK(out->count < CLI_MAX_REPEATS && *item, err, USAGE, text, "'%s' is not a list of at most %d items",
                  text, CLI_MAX_REPEATS);
        out->items[out->count++] = item;
    }
    return XAI_OK;
}

xai_status cli_pair(cli_call *call, const char *text, const char **name, const char **value, xai_error *err)
{
    char *copy = xai_arena_strdup(call->arena, text);
    if (!copy) XAI_NO_MEMORY(err);
    char *equals = strchr(copy, '=');
    XAI_CHECK(equals && equals != copy, err, USAGE, text, "'%s' is not of the form NAME=VALUE", text);
    *equals = 0;
    *name = copy;
    *value = equals + 1;
    return XAI_OK;
}

const char *cli_model_path(const cli_call *call, char place[CLI_PATH_SIZE])
{
    const char *path = cli_text(call, CLI_MODEL, NULL);
    return path ? path : xai_place_find(CLI_DEFAULT_MODEL, place, CLI_PATH_SIZE);
}

xai_status cli_load_model(cli_call *call, xai_model **out, xai_error *err)
{
    char place[CLI_PATH_SIZE];
    const char *path = cli_model_path(call, place);
    XAI_TRY(xai_json_model_load(path, cli_text(call, CLI_CONFIG, NULL), out, err));
    const xai_model_info *info = xai_model_describe(*out);
    for (size_t i = 0; i < info->warning_count; i++) fprintf(stderr, "xai: %s: %s\n", path, info->warnings[i]);
    return XAI_OK;
}

xai_status cli_make_pool(cli_call *call, xai_pool **out, xai_error *err)
{
    int64_t threads, memory;
    XAI_TRY(cli_int(call, CLI_MEMORY, 0, 1, 1 << 24, &memory, err));
    xai_memory_set_budget((size_t)memory * 1000000);
    XAI_TRY(cli_int(call, CLI_THREADS, 0, 1, 256, &threads, err));
    return xai_pool_new((int)threads, out, err);
}

static xai_status read_stream(FILE *f, const char *path, uint8_t **bytes, size_t *size, xai_error *err)
{
    size_t limit = XAI_IMAGE_LIMITS.max_bytes;
    *bytes = malloc(limit + 1);
    if (!*bytes) XAI_NO_MEMORY(err);
    *size = fread(*bytes, 1, limit + 1, f);
    XAI_CHECK(!ferror(f), err, IO, path, "cannot read '%s'", path);
    XAI_CHECK(*size <= limit, err, TOO_LARGE, path, "'%s' is larger than %zu MB", path, limit >> 20);
    return XAI_OK;
}

xai_status cli_load_image(const char *path, xai_image **out, xai_error *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    FILE *f = fopen(path, "rb");
    XAI_CHECK(f, err, IO, path, "cannot open '%s': %s", path, strerror(errno));
    xai_status status = read_stream(f, path, &bytes, &size, err);
    if (status == XAI_OK) status = xai_image_decode(bytes, size, NULL, out, err);
    free(bytes);
    fclose(f);
    return status;
}

xai_status cli_argument(const cli_call *call, const char *what, bool optional, const char **out, xai_error *err)
{
    size_t n = call->arguments.count;
    XAI_CHECK(n <= 1 && (n == 1 || optional), err, USAGE, what, "%s %s; `xai help %s` shows the form",
              n ? "too many arguments besides" : "give one", what, call->command);
    *out = n ? call->arguments.items[0] : NULL;
    return XAI_OK;
}

xai_status cli_make_directory(const char *path, xai_error *err)
{
    XAI_CHECK(mkdir(path, 0777) == 0 || errno == EEXIST, err, IO, path, "cannot make the directory '%s': %s", path,
              strerror(errno));
    return XAI_OK;
}

xai_status cli_write_file(const char *path, const void *bytes, size_t size, xai_error *err)
{
    FILE *f = fopen(path, "wb");
    XAI_CHECK(f, err, IO, path, "cannot write '%s': %s", path, strerror(errno));
    bool ok = fwrite(bytes, 1, size, f) == size;
    ok = fclose(f) == 0 && ok;
    XAI_CHECK(ok, err, IO, path, "cannot write '%s': %s", path, strerror(errno));
    return XAI_OK;
}

const char *cli_file_name(cli_call *call, const char *name)
{
    static const char SAFE[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    char *copy = xai_arena_strdup(call->arena, name);
    for (char *c = copy; c && *c; c++)
        if (!strchr(SAFE, *c)) *c = '_';
    return copy;
}

xai_status cli_print(json_t *value, xai_error *err)
{
    char *text = value ? xai_json_text_of(value, JSON_INDENT(1)) : NULL;
    json_decref(value);
    if (!text) XAI_NO_MEMORY(err);
    bool ok = puts(text) >= 0 && fflush(stdout) == 0;
    free(text);
    XAI_CHECK(ok, err, IO, "stdout", "cannot write the result: %s", strerror(errno));
    return XAI_OK;
}
