/*
 * Context: one image on one model, and everything that several methods on several targets share: the input, the
 * base forward, the gradient session, the lanes, plain sessions. Each is made when it is first needed, and once.
 */
#ifndef XAI_EXPLAIN_CONTEXT_H
#define XAI_EXPLAIN_CONTEXT_H

#include "graph/model.h"
#include "image/blur.h"

/* Passes that know operators one by one run in sessions of a plain program (program.h), each with room for its kind. */
typedef enum xai_plain_kind {
    XAI_PLAIN_TANGENTS,    /* xai_session_hvp */
    XAI_PLAIN_RELEVANCE,   /* xai_session_relevance */
    XAI_PLAIN_MULTIPLIERS, /* xai_session_multipliers */
    XAI_PLAIN_REFERENCE,   /* what these are taken against */
    XAI_PLAIN_KINDS
} xai_plain_kind;

typedef struct xai_plain {
    xai_program *program; /* keeps what the context's does, by the same names */
    xai_lanes *lanes;
    xai_session *session; /* has run, with everything kept; NULL: not yet */
    xai_value *in;
} xai_plain;

typedef struct xai_context {
    xai_model *model;
    xai_pool *pool;
    xai_token *token;
    xai_arena *arena; /* of the job: what is allocated here lives as long as the result */
    bool urgent;

    /* the input: one sample, in the model's layout */
    int channels, height, width;
    size_t input_count;                          /* channels * height * width */
    size_t channel_stride, row_stride, x_stride; /* element (c, y, x) = c * channel_stride + ... */
    float *input;
    uint8_t *view; /* height * width * 3: what the model sees, as RGB bytes; NULL if only a tensor was given */
    double crop[4];

    /* the program and its base forward */
    xai_program *program;
    bool program_owned;
    const char **keep; /* what can be read after a forward: the logits, then what targets are made of */
    xai_value **wanted; /* the same as values */
    size_t keep_count;
    xai_value *in;
    const xai_value *logits;
    float *base_logits; /* of the unperturbed input; after xai_context_base */
    float *turned_from, *turned_logits; /* the picture's own, while another input is in its place; or NULL */

    xai_lanes *lanes[XAI_PLAN_MODES]; /* of the whole program, by mode; NULL: not needed yet */
    xai_lanes *varied;                /* the same of mode GRADIENT, for variants: the base run stays as it is */
    bool ready[XAI_PLAN_MODES];       /* its first session holds the base forward, and what keeps all keeps it */
    struct xai_context_part *parts;   /* lanes after a layer */
    xai_wants wants;                  /* what its programs compute */
    xai_program *plain_programs[2];   /* weights packed, and open; NULL: not needed yet */
    xai_plain plain[XAI_PLAIN_KINDS];
    xai_lease lease;                  /* of all lanes */
    bool layers_only;                 /* no method of the request differentiates further than to its layer */
    double forwards, backwards;       /* passes that were run, in parts of the whole */
    double reused_forwards, reused_backwards; /* what `shared` saved: passes that results rest on without their own */
    struct xai_shared *shared;
} xai_context;

/* What to set up; exactly one of image and tensor. */
typedef struct xai_context_spec {
    xai_model *model;
    xai_pool *pool;
    xai_token *token;
    xai_arena *arena;
    bool urgent;
    const xai_image *image;
    const xai_array *tensor;
    xai_wants wants;
    bool layers_only; /* gradients by layers are all that is asked for: a suffix does for them */
} xai_context_spec;

/* Whatever the status, xai_context_deinit releases what was set up. */
xai_status xai_context_init(xai_context *context, const xai_context_spec *spec, xai_error *err);
void xai_context_deinit(xai_context *context);

/* Reserves the memory of that many sessions of each mode, and of the plain ones (1 << xai_plain_kind), so that the job
 * waits before it begins and not in the middle. */
xai_status xai_context_reserve(xai_context *context, const size_t sessions[XAI_PLAN_MODES], unsigned plain,
                               xai_error *err);

/* Whether the memory budget could ever hold that many sessions more. */
xai_status xai_context_could_hold(const xai_context *context, const size_t sessions[XAI_PLAN_MODES], bool *out,
                                  xai_error *err);

/* Runs the unperturbed input, unless that has been done: fills base_logits. */
xai_status xai_context_base(xai_context *context, xai_error *err);

/* What the base forward gave for a kept value; until variants are evaluated. */
const float *xai_context_base_data(const xai_context *context, const xai_value *value);

/* The same in a session that keeps every activation, so that backward passes can follow. */
xai_status xai_context_gradient_base(xai_context *context, xai_session **session, xai_error *err);

/* The same in a session that keeps every activation: from it suffixes begin, and layers are read. It must not be run. */
xai_status xai_context_kept_base(xai_context *context, xai_session **session, xai_error *err);

/* A plain session that has run on the unperturbed input. Backward passes are the caller's to count. */
xai_status xai_context_plain_base(xai_context *context, xai_plain_kind kind, const xai_plain **out, xai_error *err);
/* The same on another input, anew. */
xai_status xai_context_plain_run(xai_context *context, xai_plain_kind kind, const float *input, const xai_plain **out,
                                 xai_error *err);

/* Adds the bytes that plain sessions of these kinds will take; builds their programs. SIZE_MAX: too many to count. */
xai_status xai_context_plain_bytes(xai_context *context, unsigned kinds, size_t *sum, xai_error *err);
void xai_context_plain_deinit(xai_context *context);

/* Another input in the picture's place, until it is turned back: all that rests on the base forward is done anew when it is
 * asked for next. NULL turns back: predictions are then what they were. */
void xai_context_turn(xai_context *context, float *input);

/* Lanes for many variants of the input: forward alone, or with gradients. */
xai_status xai_context_lanes(xai_context *context, xai_lanes **out, xai_error *err);
xai_status xai_context_gradient_lanes(xai_context *context, xai_lanes **out, xai_error *err);

/* Lanes for many variants of one tensor: their sessions hold what follows it, and begin as the base run has it; what
 * targets are made of can be read after each. With KEEP they serve xai_session_forward_changed too. */
typedef struct xai_context_part {
    xai_value *of;
    xai_plan_mode mode;
    xai_part part;
    double share; /* of the program's work */
    int slots;    /* samples that a session takes at once */
    xai_lanes *lanes;
    bool ready; /* GRADIENT: the first session has run on the base activation */
    struct xai_context_part *next;
} xai_context_part;
xai_status xai_context_part_of(xai_context *context, xai_value *of, xai_plan_mode mode, xai_context_part **out,
                               xai_error *err);

/* Index i mirrored into [0, n) about the centres of the first and the last: dcb|abcd|cba. */
static inline int xai_mirror(int i, int n)
{
    if (n == 1) return 0;
    int period = 2 * (n - 1), r = (i % period + period) % period;
    return r < n ? r : period - r;
}

/* The baseline as model input: what a hidden pixel shows. */
typedef enum xai_baseline {
    XAI_BASELINE_BLACK,
    XAI_BASELINE_WHITE,
    XAI_BASELINE_MEAN,
    XAI_BASELINE_BLUR,
    XAI_BASELINE_KINDS /* how many there are */
} xai_baseline;
#define XAI_BASELINE_CHOICES "black|white|mean|blur"

/* out[input_count]. `mean` is 0 in normalised space; `blur` is a Gaussian of `sigma` pixels over the input itself. */
xai_status xai_context_baseline(const xai_context *context, xai_baseline baseline, double sigma, float *out,
                                xai_error *err);

/* The input under a blur, channel by channel: out[input_count]. Height and width of the spec are the input's. */
xai_status xai_context_blur(const xai_context *context, const xai_blur_spec *spec, float *out, xai_error *err);

/* Another picture in the view's place, height * width * 3 RGB bytes, as model input. */
void xai_context_from_view(const xai_context *context, const uint8_t *view, float *out);

#endif
