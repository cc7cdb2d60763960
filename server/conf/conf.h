/*
 * Configuration: one list (config.def), four sources: default < file < environment < flags.
 *
 * The struct, validation, --help, --print-config and the names in all sources are made from the list.
 */
#ifndef EXPLAIND_CONF_H
#define EXPLAIND_CONF_H

#include "base/arena.h"

typedef struct conf {
#define CONF_TEXT(key, def, help) const char *key; /* never NULL */
#define CONF_INT(key, def, min, max, help) int64_t key;
#define CONF_BOOL(key, def, help) bool key;
#include "config.def"
#undef CONF_TEXT
#undef CONF_INT
#undef CONF_BOOL
} conf;

typedef enum conf_action {
    CONF_SERVE,
    CONF_PRINT_CONFIG,
    CONF_PRINT_OPENAPI,
    CONF_HEALTHCHECK,
    CONF_HELP,
    CONF_VERSION
} conf_action;

void conf_default(conf *out);

/*
 * Reads all sources. `environment` is NULL-terminated "NAME=value" as in environ; argv[0] is the program's name. Texts
 * live in `strings`. Errors: BAD_CONFIG (file, environment) or USAGE (flags); the message names source and key.
 */
xai_status conf_load(int argc, char **argv, char **environment, xai_arena *strings, conf *out, conf_action *action,
                     xai_error *err);

/* The defaults as a JSON object; heap memory, NULL when memory is out. */
char *conf_print(const conf *values);

/* What --help prints; heap memory. */
char *conf_help(void);

#endif
