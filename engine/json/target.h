/*
 * Target: what to explain, as JSON and as text (xai.h tells what the kinds mean).
 *
 *     {"class": 504 | "coffee mug" | null, "space": "logit" | "probability", "contrast": 968}    null: the top class
 *     {"class": 15, "box": [top, left, bottom, right]}    in pixels of the model's input, the latter two excluded
 *     {"class": 15, "mask": {"size": [rows, cols], "runs": [n, n, ...]}}   row by row: n outside, then n inside, ...
 *     {"class": 15, "mask": {"b64": "..."}}               a picture over the model's input; inside is what is not black
 *     {"neuron": {"layer": "conv5", "channel": 12, "position": [row, col]}}   without a position: the sum over all
 *     {"output": {"name": "steering", "index": 0}}        flat over one sample; without a name: of the model's own
 *
 * A result tells its target in the same form, with "name" and "value" besides, so that it can be asked again.
 */
#ifndef XAI_JSON_TARGET_H
#define XAI_JSON_TARGET_H

#include <jansson.h>

#include "base/arena.h"
#include "read.h"

typedef struct xai_json_class {
    bool given;
    int64_t index;    /* when `name` is NULL */
    const char *name; /* digits or a label */
} xai_json_class;

typedef struct xai_json_target {
    xai_json_class class, contrast;
    xai_target target;      /* class and contrast are still open */
    const char *mask_image; /* base64 of a picture, to be decoded where that is safe; NULL: none */
    size_t mask_length;
} xai_json_target;

/* Reads a target's form: an object, or a class by number or name. Errors as for requests. */
xai_status xai_json_target_read(const xai_json_at *at, xai_arena *arena, xai_json_target *out, xai_error *err);

/* The object above; `name` (NULL: none) as its second member. Class and space are left out where they are open. NULL:
 * memory is out. */
json_t *xai_json_target_form(const xai_target *target, const char *name);

/*
 * A list of targets as text, for command lines and queries, as an array of the above. By commas:
 *
 *     504 | espresso | box:CLASS:TOP,LEFT,BOTTOM,RIGHT | mask:CLASS:FILE | neuron:LAYER:CHANNEL[:ROW,COL] |
 *     output:NAME:INDEX | {"class": ...}
 *
 * CLASS may be empty: the top class. A mask's file becomes {"mask": {"file": FILE}}, which the command line replaces
 * by what is in it, and nobody else accepts. Errors: BAD_REQUEST.
 */
xai_status xai_json_targets_of_text(const char *text, json_t **out, xai_error *err);

#endif
