/*
 * The command line: what its commands share. Results are JSON on stdout, messages and progress on stderr.
 */
#ifndef XAI_CLI_CLI_H
#define XAI_CLI_CLI_H

#include <jansson.h>

#include "base/arena.h"

enum { CLI_MAX_REPEATS = 64 };

typedef enum cli_option {
#define XAI_OPTION(id, name, value, commands, help) CLI_##id,
#include "options.def"
#undef XAI_OPTION
    CLI_OPTION_COUNT
} cli_option;

typedef struct cli_values {
    const char *items[CLI_MAX_REPEATS];
    size_t count;
} cli_values;

/* A parsed command line, and the arena that everything of one command lives in. */
typedef struct cli_call {
    const char *command;
    cli_values options[CLI_OPTION_COUNT];
    cli_values arguments; /* what is no option */
    xai_arena *arena;
} cli_call;

#define CLI_DEFAULT_MODEL "models/efficientnet-lite0.onnx"

/* The commands; each returns a status, which decides the exit code. */
xai_status cli_predict(cli_call *call, xai_error *err);
xai_status cli_explain(cli_call *call, xai_error *err);
xai_status cli_run(cli_call *call, xai_error *err);
xai_status cli_methods(cli_call *call, xai_error *err);
xai_status cli_metrics(cli_call *call, xai_error *err);
xai_status cli_evaluate(cli_call *call, xai_error *err);
xai_status cli_model(cli_call *call, xai_error *err);
xai_status cli_bench(cli_call *call, xai_error *err);
xai_status cli_study(cli_call *call, xai_error *err);

/* ---- options */

/* The last value given, or `fallback`. */
const char *cli_text(const cli_call *call, cli_option option, const char *fallback);
/* --precision; UNSUPPORTED where the processor has none. */
xai_status cli_precision(const cli_call *call, xai_precision *out, xai_error *err);
xai_status cli_int(const cli_call *call, cli_option option, int64_t fallback, int64_t min, int64_t max, int64_t *out,
                   xai_error *err);
/* "a,b,c" as a list, copied into the arena. */
xai_status cli_split(cli_call *call, const char *text, cli_values *out, xai_error *err);
/* "name=value" in two, copied into the arena. USAGE when there is no "=". */
xai_status cli_pair(cli_call *call, const char *text, const char **name, const char **value, xai_error *err);

/* ---- what commands work on */

enum { CLI_PATH_SIZE = 4096 };
/* --model, or the model that comes with the program, found from any folder; `place` may hold it. */
const char *cli_model_path(const cli_call *call, char place[CLI_PATH_SIZE]);
xai_status cli_load_model(cli_call *call, xai_model **out, xai_error *err);
/* The compute threads that --threads asks for; sets the budget of --memory too. */
xai_status cli_make_pool(cli_call *call, xai_pool **out, xai_error *err);
xai_status cli_load_image(const char *path, xai_image **out, xai_error *err);

/* A model, and an image or a tensor: what predict and explain work on. */
typedef struct cli_subject {
    xai_request request; /* model and image or tensor filled in */
    xai_model *model;
    xai_image *image;
    xai_array tensor;
    xai_pool *pool;
    double decode_ms;
} cli_subject;

/* Whatever the status, cli_close_subject releases what was opened. */
xai_status cli_open_subject(cli_call *call, cli_subject *subject, xai_error *err);
void cli_close_subject(cli_subject *subject);

/* The one argument that the command expects; NULL in *out if it is left out and optional. */
xai_status cli_argument(const cli_call *call, const char *what, bool optional, const char **out, xai_error *err);

/* DIR is made if it is not there. */
xai_status cli_make_directory(const char *path, xai_error *err);
xai_status cli_write_file(const char *path, const void *bytes, size_t size, xai_error *err);
/* The name with characters outside [A-Za-z0-9._-] as '_', in the arena. */
const char *cli_file_name(cli_call *call, const char *name);

/* Ctrl-C cancels the token from now on, and ends the program when pressed again; NULL: no more. */
void cli_on_interrupt(xai_token *token);

/* Prints JSON and a line end to stdout; takes the reference. */
xai_status cli_print(json_t *value, xai_error *err);

#endif
