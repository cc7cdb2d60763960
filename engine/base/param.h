/*
 * Parameter tables: one static array a method, from which validation, defaults, receipts, JSON Schema, flags and the
 * viewer's forms are made.
 *
 *     typedef struct options { int64_t window; double alpha; int baseline; const char *layer; } options;
 *     static const xai_param PARAMS[] = {
 *         XAI_P_INT(options, window, 32, 1, 1024, "Side of the window in pixels."),
 *         XAI_P_REAL(options, alpha, 0.5, 0, 1, "Share of the image."),
 *         XAI_P_ENUM(options, baseline, 0, "mean|black|white", "What a hidden pixel shows."),
 *         XAI_P_LAYER(options, layer, "Layer to look at; the model's default layer if omitted."),
 *     };
 *
 * Each macro refuses at compile time a field whose type does not fit the row. Functions here keep no state.
 */
#ifndef XAI_BASE_PARAM_H
#define XAI_BASE_PARAM_H

#include "arena.h"
#include "doc.h"

/* offsetof, provided that the field has the type `t`. */
#define XAI_P_OFFSET(s, f, t) (offsetof(s, f) + 0 * sizeof(_Generic(((s *)0)->f, t: (char)0)))

#define XAI_P_INT(s, f, def_, min_, max_, help_)                                                          \
    {.name = #f, .type = XAI_PARAM_INT, .def = (double)(def_), .min = (double)(min_), .max = (double)(max_), \
     .offset = XAI_P_OFFSET(s, f, int64_t), .help = (help_)}
#define XAI_P_REAL(s, f, def_, min_, max_, help_)                                     \
    {.name = #f, .type = XAI_PARAM_REAL, .def = (def_), .min = (min_), .max = (max_), \
     .offset = XAI_P_OFFSET(s, f, double), .help = (help_)}
#define XAI_P_BOOL(s, f, def_, help_)                                             \
    {.name = #f, .type = XAI_PARAM_BOOL, .def = (def_) ? 1 : 0, .min = 0, .max = 1, \
     .offset = XAI_P_OFFSET(s, f, bool), .help = (help_)}
#define XAI_P_ENUM(s, f, def_, choices_, help_)                                      \
    {.name = #f, .type = XAI_PARAM_ENUM, .def = (double)(def_), .choices = (choices_), \
     .offset = XAI_P_OFFSET(s, f, int), .help = (help_)}
#define XAI_P_TEXT(s, f, help_) \
    {.name = #f, .type = XAI_PARAM_TEXT, .offset = XAI_P_OFFSET(s, f, const char *), .help = (help_)}
#define XAI_P_LAYER(s, f, help_) \
    {.name = #f, .type = XAI_PARAM_LAYER, .offset = XAI_P_OFFSET(s, f, const char *), .help = (help_)}

enum { XAI_PARAM_TEXT_MAX = 1024 }; /* longest text value in bytes */

/*
 * Fills the struct that the table describes: defaults first, then the `count` given values, each at most once.
 * A JSON null stands for the default. Text given where another type is expected is parsed ("0.5", "true"), so that
 * command line, query and environment need no types; text values are copied into `strings`.
 *
 * Errors: BAD_PARAM with where = "params.<name>"; the message states the valid names, choices or range.
 */
xai_status xai_params_parse(const xai_param *table, size_t n, const xai_named_value *values, size_t count, void *out,
                            xai_arena *strings, xai_error *err);

/* Whether two structs of one table hold the same values. */
bool xai_params_equal(const xai_param *table, size_t n, const void *a, const void *b);

/* The values in use as an object for the receipt, in table order. */
xai_doc *xai_params_doc(const xai_param *table, size_t n, const void *values, xai_arena *arena);

/* The `index`-th of "tent|hard|feather": its start, and its length in *len; NULL beyond the last. */
const char *xai_choice_at(const char *choices, size_t index, size_t *len);

/* The number in a whole text, decimal or with an exponent; false for anything else, NaN and infinity included. */
bool xai_parse_number(const char *text, double *out);
bool xai_parse_bool(const char *text, bool *out); /* true false yes no on off 1 0, case aside */

#endif
