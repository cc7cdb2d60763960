/*
 * The anatomy of a method: one file, one `const xai_method xai_method_<id>`, one line in methods.def.
 *
 * A method gets a task (the shared context, the target, the seed, where its result goes) and its parameters as the
 * struct that its table describes; a layer among them is already the name of a tensor that the program computes. It
 * calls the context, evaluate.h and the session, and attaches artifacts: raw values only, at its own resolution and
 * sign; pictures are made later, in render/. Loops over samples, progress, cancel and deadline are in evaluate.h and
 * lanes.h; a method has none of its own.
 */
#ifndef XAI_EXPLAIN_METHOD_H
#define XAI_EXPLAIN_METHOD_H

#include "base/param.h"
#include "base/rng.h"
#include "base/token.h"
#include "target.h"

typedef struct xai_task {
    xai_context *context;
    xai_arena *arena; /* of the result */
    xai_aim aim;      /* the target, in the space that this method sees it in */
    double base;      /* its value on the unperturbed input */
    uint64_t seed;
    const char *emit_draws, *use_draws; /* directories, or NULL */
    xai_explanation *result;
} xai_task;

typedef enum xai_need {
    XAI_NEEDS_GRADIENT = 1,
    XAI_NEEDS_LAYER = 2,
    XAI_NEEDS_PROBABILITY = 4, /* of one class, whole or inside a box or mask */
    XAI_NEEDS_INPUT = 8,       /* with GRADIENT and LAYER: gradients by the input too, not by the layer alone */
    XAI_NEEDS_RELEVANCE = 16,  /* every operator hands relevance down (graph/relevance.h) */
    XAI_NEEDS_MULTIPLIERS = 32 /* the same of multipliers, by Captum's rules (graph/multipliers.h) */
} xai_need;

typedef struct xai_method {
    xai_method_info info;
    size_t params_size;
    unsigned needs;  /* xai_need bits: what the model must offer */
    unsigned lanes;  /* 1 << xai_plan_mode: in which modes it runs variants of the input on all threads */
    unsigned (*lanes_of)(const void *params); /* the same where it depends on the parameters; NULL: it does not */
    unsigned plain;  /* 1 << xai_plain_kind: which plain sessions it uses */
    bool (*varies)(const void *params); /* whether it does with these parameters; NULL: always */
    xai_space space; /* of the target by default */
    bool steady;     /* it runs the same variants, in the same order, whatever the target: they can be run once */
    xai_space (*space_of)(const void *params); /* the same where it depends on the parameters; NULL: it does not */
    /* What a model must have beside `needs`: an error says what it lacks. May be NULL. */
    xai_status (*serves)(const xai_model *model, xai_error *err);
    /* Tensors of the base forward that it reads beside the layers among its parameters, by the graph's names. May be
     * NULL. */
    xai_status (*reads)(const xai_model *model, const void *params, xai_arena *arena, const char *const **names,
                        size_t *count, xai_error *err);
    /* The call of another method that this comes down to. The result keeps this one's name and parameters; `run` comes
     * after the other's, `cost` beside it. NULL: it stands for itself. */
    xai_status (*stands_for)(const xai_model *model, const void *params, xai_arena *arena, xai_method_call *out,
                             xai_error *err);
    /* What the table cannot say: relations between parameters, or with the model. May be NULL. */
    xai_status (*check)(const xai_model *model, const void *params, xai_error *err);
    /* The same of what is asked of the target, which is checked. May be NULL. */
    xai_status (*check_target)(const xai_model *model, const void *params, const xai_target *target, xai_error *err);
    /* Forward-equivalents that a run takes, the base forward included; a backward counts 2. */
    double (*cost)(const xai_model *model, const void *params);
    /* The same where draws are replayed from a directory and their number decides. May be NULL. */
    double (*cost_drawn)(const xai_model *model, const void *params, const char *draws);
    xai_status (*run)(xai_task *task, const void *params, xai_error *err);
} xai_method;

/* The method of this info, which is its first member. */
static inline const xai_method *xai_method_of(const xai_method_info *info) { return (const xai_method *)info; }

/* ---- artifacts: values are not copied; they belong to the task's arena */

/* One signed map of height x width. */
xai_status xai_task_add_map(xai_task *task, const char *name, const float *values, int64_t height, int64_t width,
                            xai_error *err);
/* Several of one size: shape = count, height, width. */
xai_status xai_task_add_maps(xai_task *task, const char *name, const float *values, const int64_t shape[3],
                             xai_error *err);
/* A graph, curve or table. */
xai_status xai_task_add_doc(xai_task *task, const char *name, xai_artifact_kind kind, const xai_doc *doc,
                            xai_error *err);
xai_status xai_task_add_text(xai_task *task, const char *name, const char *media_type, const char *text,
                             xai_error *err);
/* A number about this result, named in snake_case: "completeness_error". */
xai_status xai_task_add_metric(xai_task *task, const char *name, double value, xai_error *err);
/* Something that a person should know about this result. */
xai_status xai_task_warn(xai_task *task, xai_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Gradients of the target at the base input by each wanted value; runs the base forward if that is still to do. */
xai_status xai_task_gradient(xai_task *task, const xai_wanted *wanted, size_t count, xai_policy policy,
                             xai_error *err);

/* The same from a seed of the caller's, in the session that has run on the base input. */
xai_status xai_task_backward(xai_task *task, const xai_seed *seed, const xai_wanted *wanted, xai_policy policy,
                             xai_error *err);

/* Where a pass in a plain session starts: d target / d its tensor, in the arena. */
xai_status xai_task_plain_seed(const xai_task *task, const xai_plain *plain, xai_seed *out, xai_error *err);

/* The same of another target: `seed` is its gradient by the aim's tensor at the base input; NULL: the aim's own. */
xai_status xai_task_gradient_of(xai_task *task, const float *seed, const xai_wanted *wanted, size_t count,
                                xai_policy policy, xai_error *err);

/* ---- draws: masks and noise written to a directory, or read from one */

/* emit_draws: writes `array` to <dir>/<name>.npy. Does nothing when no directory is given. */
xai_status xai_task_emit_draws(const xai_task *task, const char *name, const xai_array *array, xai_error *err);
/* Whether there is a <dir>/<name>.npy to replay. */
bool xai_task_has_draws(const xai_task *task, const char *name);
/* How many there are in <draws>/<name>.npy, by its first axis; 0: it cannot be read. */
int64_t xai_draws_count(const char *draws, const char *name);
/* use_draws: reads <dir>/<name>.npy of this rank into the arena; whatever its numbers' type, as float32. *found false:
 * no directory. */
xai_status xai_task_use_draws(const xai_task *task, const char *name, int rank, xai_tensor *out, bool *found,
                              xai_error *err);

#endif
