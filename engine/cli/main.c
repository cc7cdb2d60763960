/* xai: the command line of the engine. Parses options by options.def, runs one command, maps its status to an exit
 * code: 0, 2 usage, 3 input, 4 unsupported, 5 limit, 6 cancelled, 70 internal. */
#include "cli.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

typedef struct command {
    const char *name, *usage, *help;
    xai_status (*run)(cli_call *call, xai_error *err);
} command;

static const command COMMANDS[] = {
    {"predict", "IMAGE", "the class scores of an image, or of some of its patches", cli_predict},
    {"explain", "IMAGE --method ID[,ID]", "why: heatmaps and graphs for the chosen methods", cli_explain},
    {"evaluate", "IMAGE --evaluate ID[,ID] --method ID[,ID] or --map F.npy", "how good explanations or given maps are",
     cli_evaluate},
    {"run", "--model FILE --input NAME=F.npy --out DIR", "raw tensors in, tensors and gradients out", cli_run},
    {"methods", "[ID]", "the methods and their parameters", cli_methods},
    {"metrics", "[ID]", "what maps are graded by, and its parameters", cli_metrics},
    {"model", "FILE", "what a model is: inputs, layers, methods served", cli_model},
    {"study", "KIND --images DIR", "one piece of work on every photo of a folder, with tables and plots", cli_study},
    {"bench", "[IMAGE]", "how long a forward, and one with a backward, take here", cli_bench},
};

enum { COMMAND_COUNT = sizeof COMMANDS / sizeof COMMANDS[0] };

typedef struct option_row {
    const char *name, *value, *commands, *help;
} option_row;

static const option_row OPTIONS[] = {
#define XAI_OPTION(id, name_, value_, commands_, help_) {name_, value_, commands_, help_},
#include "options.def"
#undef XAI_OPTION
};

/* Whether `word` is one of the words of `list`. */
static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = strstr(list, word); at; at = strstr(at + 1, word)) {
        bool begins = at == list || at[-1] == ' ', ends = at[n] == 0 || at[n] == ' ';
        if (begins && ends) return true;
    }
    return false;
}

static void print_usage(FILE *f)
{
    fprintf(f, "xai %s: why an image classifier decided as it did\n\n", XAI_VERSION);
    for (int i = 0; i < COMMAND_COUNT; i++) fprintf(f, "  xai %-8s %s\n", COMMANDS[i].name, COMMANDS[i].help);
    fprintf(f, "\n`xai help COMMAND` lists its options. Results are JSON on stdout.\n");
}

/* Further lines of a help stand below the first. */
static void print_wrapped(const char *left, const char *help)
{
    for (const char *end; (end = strchr(help, '\n')) != NULL; help = end + 1, left = "")
        printf("  %-28s %.*s\n", left, (int)(end - help), help);
    printf("  %-28s %s\n", left, help);
}

static void print_help(const command *c)
{
    printf("xai %s %s\n%s\n\n", c->name, c->usage, c->help);
    for (int i = 0; i < CLI_OPTION_COUNT; i++) {
        char left[64];
        if (!has_word(OPTIONS[i].commands, c->name)) continue;
        snprintf(left, sizeof left, "--%s %s", OPTIONS[i].name, OPTIONS[i].value ? OPTIONS[i].value : "");
        print_wrapped(left, OPTIONS[i].help);
    }
}

static const command *find_command(const char *name)
{
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(COMMANDS[i].name, name) == 0) return &COMMANDS[i];
    return NULL;
}

static xai_status take_option(cli_call *call, int option, const char *value, xai_error *err)
{
    cli_values *v = &call->options[option];
    XAI_CHECK(has_word(OPTIONS[option].commands, call->command), err, USAGE, OPTIONS[option].name,
              "xai %s has no option --%s; `xai help %s` lists them", call->command, OPTIONS[option].name,
              call->command);
    XAI_CHECK(v->count < CLI_MAX_REPEATS, err, USAGE, OPTIONS[option].name, "--%s is given more than %d times",
              OPTIONS[option].name, CLI_MAX_REPEATS);
    v->items[v->count++] = value ? value : "";
    return XAI_OK;
}

static xai_status parse(int argc, char **argv, cli_call *call, xai_error *err)
{
    struct option table[CLI_OPTION_COUNT + 1] = {{0}};
    for (int i = 0; i < CLI_OPTION_COUNT; i++)
        table[i] = (struct option){OPTIONS[i].name, OPTIONS[i].value ? required_argument : no_argument, NULL, i + 1};
    opterr = 0;
    for (;;) {
        int found = getopt_long(argc, argv, "", table, NULL);
        if (found == -1) break;
        const char *word = argv[optind - 1][0] == '-' ? argv[optind - 1] : argv[optind]; /* "-xyz" is not behind us yet */
        XAI_CHECK(found != '?' && found != ':', err, USAGE, word,
                  "option '%s' is unknown, or its value is missing; `xai help %s` lists the options", word,
                  call->command);
        XAI_TRY(take_option(call, found - 1, optarg, err));
    }
    for (; optind < argc; optind++) {
        XAI_CHECK(call->arguments.count < CLI_MAX_REPEATS, err, USAGE, "", "too many arguments");
        call->arguments.items[call->arguments.count++] = argv[optind];
    }
    return XAI_OK;
}

static int exit_code(xai_status status)
{
    if (status == XAI_OK) return 0;
    if (status == XAI_E_USAGE) return 2;
    switch (xai_status_class(status)) {
    case XAI_CLASS_INPUT: return 3;
    case XAI_CLASS_UNSUPPORTED: return 4;
    case XAI_CLASS_LIMIT: return 5;
    case XAI_CLASS_CANCELLED: return 6;
    default: return 70;
    }
}

/* What went wrong, what it is about unless the message says so itself, and the code that scripts look for. */
static void print_error(const command *c, xai_status status, const xai_error *err)
{
    bool told = !err->where[0] || strstr(err->msg, err->where);
    fprintf(stderr, "xai %s: %s%s%s: %s [%s]\n", c->name, xai_status_title(status), told ? "" : ": ",
            told ? "" : err->where, err->msg, xai_status_id(status));
}

static int run(const command *c, int argc, char **argv)
{
    static cli_call call; /* too large for the stack, and there is one */
    xai_error err = {0};
    call.command = c->name;
    call.arena = xai_arena_new(0);
    xai_status status = call.arena ? parse(argc, argv, &call, &err) : XAI_ERROR_SET(&err, NO_MEMORY, "", "no memory");
    if (status == XAI_OK) status = c->run(&call, &err);
    if (status != XAI_OK) print_error(c, status, &err);
    xai_arena_free(call.arena);
    return exit_code(status);
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "help";
    bool help = strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
    if (strcmp(word, "--version") == 0) return printf("xai %s\n", XAI_VERSION) < 0;
    const command *c = find_command(help && argc > 2 ? argv[2] : word);
    for (int i = 2; c && i < argc; i++) help = help || strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
    if (help && c) print_help(c);
    else if (help) print_usage(stdout);
    if (help) return 0;
    if (c) return run(c, argc - 1, argv + 1);
    fprintf(stderr, "xai: there is no command '%s'\n\n", word);
    print_usage(stderr);
    return 2;
}
