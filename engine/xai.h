/*
 * xai.h: the public interface of libxai, the engine of explaind.
 *
 * Everything that the server and the command line use is declared here; nothing else is exported. Types whose inside
 * is nobody's business are opaque; requests and results are plain data, to be read and written directly.
 *
 * Ownership: *_new and *_load give an object that the caller ends with *_free (or *_unref where shared).
 * Threads: models, pools and method tables are shared freely; everything else belongs to one thread at a time, but
 * xai_token_cancel may be called from any thread.
 */
#ifndef XAI_H
#define XAI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XAI_VERSION "0.1.0"

/* ---------------------------------------------------------------- errors (base/errors.def) */

typedef enum xai_class {
    XAI_CLASS_NONE,
    XAI_CLASS_INPUT,       /* the caller can mend it */
    XAI_CLASS_UNSUPPORTED, /* well formed, but beyond this build */
    XAI_CLASS_LIMIT,       /* too much of something */
    XAI_CLASS_CANCELLED,   /* ended before it was complete */
    XAI_CLASS_INTERNAL     /* our defect */
} xai_class;

typedef enum xai_status {
    XAI_OK = 0,
#define XAI_ERROR(name, class_, id, title) XAI_E_##name,
#include "base/errors.def"
#undef XAI_ERROR
} xai_status;

typedef struct xai_error {
    xai_status status;
    const char *file; /* where in our sources it arose */
    int line;
    char where[192]; /* parameter path, layer, file: what it is about; "" if nothing in particular */
    char msg[512];   /* what was wrong and what to do, for a person */
} xai_error;

xai_class xai_status_class(xai_status status);
const char *xai_status_id(xai_status status);    /* "bad-image" */
const char *xai_status_title(xai_status status); /* "The image cannot be decoded" */

/* ---------------------------------------------------------------- token: cancel, deadline, progress */

typedef struct xai_progress {
    const char *stage;
    double done, total; /* forward-equivalents */
    double eta_ms;      /* 0: unknown */
} xai_progress;

typedef void (*xai_progress_fn)(void *user, const xai_progress *progress);

typedef struct xai_token xai_token;

/* timeout_ms <= 0: no deadline. `listener` may be NULL. */
xai_token *xai_token_new(int64_t timeout_ms, xai_progress_fn listener, void *user);
void xai_token_free(xai_token *token);
void xai_token_cancel(xai_token *token); /* from any thread */

/* ---------------------------------------------------------------- pool: the compute threads of the process */

typedef struct xai_pool xai_pool;

/* threads <= 0: as many as this process may use. */
xai_status xai_pool_new(int threads, xai_pool **out, xai_error *err);
void xai_pool_free(xai_pool *pool);
int xai_pool_threads(const xai_pool *pool);

/* ---------------------------------------------------------------- memory: the buffers in which models run */

/* All sessions of the process, planned to the byte before they are made, are held against one budget: jobs wait until
 * theirs fit, and what can never fit is refused (XAI_E_TOO_LARGE). 0: half of the memory. */
void xai_memory_set_budget(size_t bytes);

typedef struct xai_memory {
    size_t budget;
    size_t leased; /* by jobs that run */
    size_t idle;   /* kept for the next job, given up where others need it */
} xai_memory;

xai_memory xai_memory_now(void);

/* The instruction set in use: "scalar", "avx2" or "avx512"; the environment variable XAI_ISA forces one down. */
const char *xai_isa_name(void);

/* In what numbers a model computes. */
typedef enum xai_precision {
    XAI_PRECISION_F32,
    XAI_PRECISION_BF16 /* the large products of numbers of 8 significant bits, summed in float32; forward passes alone */
} xai_precision;

const char *xai_precision_name(xai_precision precision); /* "f32", "bf16" */
/* The instruction set on which it runs: "avx512bf16", or xai_isa_name. */
const char *xai_precision_isa(xai_precision precision);
/* UNSUPPORTED, where = "precision", unless this processor has it. */
xai_status xai_precision_check(xai_precision precision, xai_error *err);

/* ---------------------------------------------------------------- typed parameters */

/* A value as it comes from outside. Text is also accepted where another type is expected, and parsed. */
typedef enum xai_value_type {
    XAI_VALUE_NULL,
    XAI_VALUE_BOOL,
    XAI_VALUE_NUMBER,
    XAI_VALUE_TEXT,
    XAI_VALUE_LIST /* of texts */
} xai_value_type;
typedef struct xai_named_value {
    const char *name;
    xai_value_type type;
    bool boolean;
    double number;
    const char *text;
    const char *const *items; /* LIST */
    size_t item_count;
} xai_named_value;

/* Layers of a model by name; none: left to the method. */
typedef struct xai_layer_list {
    const char *const *names;
    size_t count;
} xai_layer_list;

typedef enum xai_param_type {
    XAI_PARAM_INT,   /* int64_t */
    XAI_PARAM_REAL,  /* double, finite */
    XAI_PARAM_BOOL,  /* bool */
    XAI_PARAM_ENUM,  /* int: index into the choices */
    XAI_PARAM_TEXT,  /* const char *, or NULL */
    XAI_PARAM_LAYER, /* const char *, the name of a tensor or node of the model, or NULL for the default layer */
    XAI_PARAM_LAYERS, /* xai_layer_list; in text their names are separated by commas */
} xai_param_type;

/* One row of a parameter table: validation, defaults, JSON Schema, flags and forms are all made from it. */
typedef struct xai_param {
    const char *name;
    xai_param_type type;
    double def, min, max;   /* INT, REAL, BOOL (0 or 1), ENUM (index) */
    const char *choices;    /* ENUM: "tent|hard" */
    size_t offset;          /* of the field in the struct that the table describes */
    const char *help;       /* one sentence, with the unit */
} xai_param;

/* ---------------------------------------------------------------- doc: a tree of plain values (graphs, tables, curves) */

typedef struct xai_doc xai_doc; /* see base/doc.h; json/ prints it */

/* ---------------------------------------------------------------- images */

typedef struct xai_image {
    int width, height; /* oriented */
    int orientation;   /* EXIF 1..8, as it was in the file; already applied */
    uint8_t *rgb;      /* height * width * 3 */
    char sha256[65];   /* of the file's bytes; "" if unknown */
} xai_image;

typedef struct xai_image_limits {
    size_t max_bytes;   /* of the file */
    int64_t max_pixels; /* width * height */
    int max_side;
    int max_scans; /* of a progressive JPEG */
} xai_image_limits;

extern const xai_image_limits XAI_IMAGE_LIMITS; /* 20 MB, 40 MP, 8192, 64 */

/* Decodes JPEG, PNG or BMP. `limits` NULL: XAI_IMAGE_LIMITS. */
xai_status xai_image_decode(const void *bytes, size_t size, const xai_image_limits *limits, xai_image **out,
                            xai_error *err);
/* Takes a copy of pixels decoded elsewhere. */
xai_status xai_image_from_rgb(const uint8_t *rgb, int width, int height, int orientation, xai_image **out,
                              xai_error *err);
void xai_image_free(xai_image *image);

/* ---------------------------------------------------------------- models */

typedef enum xai_head {
    XAI_HEAD_SOFTMAX,       /* the output is logits */
    XAI_HEAD_PROBABILITIES, /* Softmax is in the graph: the logit is its input */
    XAI_HEAD_SIGMOID,       /* logits of classes that do not exclude each other */
    XAI_HEAD_REGRESSION,    /* plain numbers: a score is its own value */
    XAI_HEAD_DENSE          /* a score for every class and cell: 1 x C x H x W, channels last in an NHWC model */
} xai_head;
typedef enum xai_filter { XAI_FILTER_NEAREST, XAI_FILTER_BILINEAR, XAI_FILTER_BICUBIC } xai_filter;
typedef enum xai_channels { XAI_CHANNELS_RGB, XAI_CHANNELS_BGR, XAI_CHANNELS_GRAY } xai_channels;
typedef enum xai_layout { XAI_LAYOUT_NCHW, XAI_LAYOUT_NHWC } xai_layout;

typedef struct xai_preprocess_step {
    enum { XAI_STEP_RESIZE, XAI_STEP_CENTER_CROP, XAI_STEP_NORMALIZE } op;
    int short_side;      /* RESIZE: > 0: aspect kept; else width, height */
    int width, height;   /* RESIZE, CENTER_CROP */
    xai_filter filter;   /* RESIZE */
    bool antialias;      /* RESIZE */
    float mean[3], scale[3]; /* NORMALIZE: (v - mean) / scale on 0..255, in the order of the model's channels */
} xai_preprocess_step;

enum { XAI_MAX_STEPS = 8 };

/* What a sidecar says (json/sidecar.h reads one); strings and arrays are copied by xai_model_load. */
typedef struct xai_model_config {
    const char *id;         /* NULL: the file's name */
    const char *sha256;     /* NULL: not checked */
    const char *input_name; /* NULL: the graph's first input */
    const char *output_name;/* NULL: the graph's first output that looks like class scores, or the first */
    xai_layout layout;
    bool layout_known; /* false: read from the input's shape */
    xai_channels channels;
    xai_preprocess_step steps[XAI_MAX_STEPS];
    int step_count; /* 0: what the graph tells, and ImageNet's usual preprocessing, with a warning */
    xai_head head;
    bool head_known; /* false: read from the graph */
    const char *const *labels;
    size_t label_count; /* 0: classes are named by their numbers */
    const char *licence, *provenance;
} xai_model_config;

typedef struct xai_model xai_model; /* frozen, shared, reference-counted */

/* `config` NULL: read what the graph tells, and warn. */
xai_status xai_model_load(const char *path, const xai_model_config *config, xai_model **out, xai_error *err);
xai_model *xai_model_ref(xai_model *model);
void xai_model_unref(xai_model *model);

typedef struct xai_layer_info {
    const char *name;     /* of the tensor */
    const char *node;     /* of the node that makes it; "" if unnamed */
    const char *op;       /* operator type */
    const int64_t *shape; /* at batch 1 */
    int rank;
    bool spatial;         /* 4-D: can be named as a CAM layer */
} xai_layer_info;

/* One output of the graph, at batch 1. */
typedef struct xai_output_info {
    const char *name;
    const char *dtype;    /* "float32" */
    const int64_t *shape; /* NULL: not known */
    int rank;
    const char *refusal;  /* why no target can be made of it; NULL: it can */
} xai_output_info;

typedef struct xai_model_info {
    const char *id, *path, *sha256, *licence, *provenance;
    const char *input_name, *output_name;
    int64_t input_shape[4]; /* NCHW, or as `layout` says */
    xai_layout layout;
    xai_channels channels;
    xai_head head;
    int64_t classes; /* of a dense output: its channels; of a regression: its numbers */
    const char *const *labels; /* `classes` names */
    const xai_output_info *outputs; /* all of the graph, in its order */
    size_t output_count;
    const xai_preprocess_step *steps;
    int step_count;
    const xai_layer_info *layers; /* every tensor that a node makes, in execution order */
    size_t layer_count;
    const char *default_layer; /* for the model's own output; NULL: there is no spatial layer */
    const char *const *warnings;
    size_t warning_count;
    int64_t parameters; /* number of weights */
    double macs;        /* multiply-accumulates of one forward */
} xai_model_info;

const xai_model_info *xai_model_describe(const xai_model *model);

/* Bytes that the buffers of one thread take, planned and not allocated: forward, and with everything kept for gradients. */
xai_status xai_model_session_bytes(xai_model *model, size_t *forward, size_t *gradient, xai_error *err);

/* A class by index ("504") or by name, as it is written or, if that is unknown, without case; it must be unique. */
xai_status xai_model_find_class(const xai_model *model, const char *text, int64_t *index, xai_error *err);

/* ---------------------------------------------------------------- raw runs (xai run) */

typedef enum xai_dtype { XAI_F32, XAI_I64, XAI_I32, XAI_U8, XAI_BOOL, XAI_F64, XAI_DTYPE_COUNT } xai_dtype;

enum { XAI_MAX_RANK = 8 };

typedef struct xai_array { /* a tensor that owns its data, C order */
    char *name;
    xai_dtype dtype;
    int rank;
    int64_t shape[XAI_MAX_RANK];
    void *data;
} xai_array;

void xai_array_clear(xai_array *array);

typedef struct xai_run_request {
    const xai_array *inputs; /* named after the graph's inputs */
    size_t input_count;
    const char *const *fetch; /* further tensors, weights too; the graph's outputs always come first */
    size_t fetch_count;
    const char *gradient_output; /* NULL: no gradient; else d output[index] / d inputs and fetched tensors */
    int64_t gradient_index;      /* flat over one sample; summed over the samples of the batch */
} xai_run_request;

/* Runs the graph of the file `path` on raw tensors; it need not be a classifier of images. *out: outputs, fetched
 * tensors, then gradients by the inputs and by the fetched tensors, named "grad_<tensor>"; the caller clears each and
 * frees the array. */
xai_status xai_run(const char *path, xai_pool *pool, const xai_run_request *request, xai_token *token,
                   xai_array **out, size_t *out_count, xai_error *err);

/* Reads and writes numpy's .npy, versions 1 to 3, little-endian, C order. */
xai_status xai_npy_read(const char *path, xai_array *out, xai_error *err);
xai_status xai_npy_write(const char *path, const xai_array *array, xai_error *err);

/* ---------------------------------------------------------------- methods (explain/methods.def) */

typedef struct xai_method_info {
    const char *id, *title, *family, *summary, *paper;
    int version;       /* changes when the numbers change; part of the receipt */
    const char *needs; /* "forward", "gradient", ...: what the model must offer */
    const char *cost;  /* at the defaults, in words: "1 forward, 1 backward" */
    const xai_param *params;
    size_t param_count;
} xai_method_info;

size_t xai_method_count(void);
const xai_method_info *xai_method_at(size_t index);
const xai_method_info *xai_method_find(const char *id); /* NULL: no such method */

/* Whether this model can serve the method; if not, the error says why. */
xai_status xai_method_served(const xai_method_info *method, const xai_model *model, xai_error *err);

/* ---------------------------------------------------------------- metrics (metrics/metrics.def) */

typedef enum xai_better { XAI_BETTER_NONE, XAI_BETTER_HIGHER, XAI_BETTER_LOWER } xai_better;

const char *xai_better_name(xai_better better); /* "none", "higher", "lower" */

typedef struct xai_metric_info {
    const char *id, *title, *family, *summary, *paper;
    int version;
    const char *needs; /* "forward", "method", "expected": what it takes beside the map */
    const char *cost;  /* of one map at the defaults, in words */
    xai_better better;
    const xai_param *params;
    size_t param_count;
} xai_metric_info;

size_t xai_metric_count(void);
const xai_metric_info *xai_metric_at(size_t index);
const xai_metric_info *xai_metric_find(const char *id); /* NULL: no such metric */

/* ---------------------------------------------------------------- explanations */

typedef enum xai_space { XAI_SPACE_DEFAULT, XAI_SPACE_LOGIT, XAI_SPACE_PROBABILITY } xai_space;

/*
 * What is explained: one number that the model makes of a picture.
 *
 *   CLASS   a class's score; of a dense output its sum over all cells
 *   BOX     a class's score of a dense output, summed over the cells inside a rectangle
 *   MASK    the same inside a mask
 *   NEURON  a channel of a layer: at one position, or its sum over all, as Captum sums over a slice
 *   OUTPUT  one element of any output of the graph, as the graph gives it
 *
 * A cell of a dense output counts with the share of it that lies inside the box or mask: with 1 or 0 where both have
 * the same resolution, as in pytorch-grad-cam's SemanticSegmentationTarget. In probability space each cell's
 * probability is summed. NEURON, OUTPUT and regression heads have none: their space is LOGIT, the raw value.
 */
typedef enum xai_target_kind {
    XAI_TARGET_CLASS,
    XAI_TARGET_BOX,
    XAI_TARGET_MASK,
    XAI_TARGET_NEURON,
    XAI_TARGET_OUTPUT
} xai_target_kind;

typedef struct xai_target {
    int64_t class_index; /* CLASS, BOX, MASK; < 0: the top-1 class */
    int64_t contrast;    /* the same; < 0: none; else explains y[class] - y[contrast] */
    xai_space space;     /* DEFAULT: the method's own */
    xai_target_kind kind;
    const char *tensor;  /* NEURON: a layer; OUTPUT: an output of the graph, NULL: the model's own */
    int64_t index;       /* NEURON: the channel; OUTPUT: flat over one sample */
    int64_t row, col;    /* NEURON: the position; both < 0: all of them */
    int64_t box[4];      /* BOX: top, left, bottom, right in pixels of the model's input, the latter two excluded */
    int64_t mask_rows, mask_cols; /* MASK: covers the model's input, at any resolution */
    const int64_t *mask_runs;     /* its cells row by row: alternately so many outside, so many inside, ... */
    size_t mask_run_count;
} xai_target;

enum { XAI_MAX_MASK_SIDE = 2048, XAI_MAX_MASK_RUNS = 1 << 16 };

/* A mask from a picture: inside is what is not black. runs[XAI_MAX_MASK_RUNS] is the caller's. TOO_LARGE. */
xai_status xai_mask_of_image(const xai_image *image, int64_t *runs, size_t *count, xai_error *err);

typedef struct xai_method_call {
    const char *id;
    const xai_named_value *params;
    size_t param_count;
} xai_method_call;

/* The same of a metric: its id and parameters. */
typedef xai_method_call xai_metric_call;

/* What a result holds, as bits. Graphs, tables and texts are always there. */
typedef enum xai_output {
    XAI_OUTPUT_MAP = 1,     /* maps as raw values */
    XAI_OUTPUT_OVERLAY = 2, /* pictures: an overlay for a map, a drawing for a graph */
    XAI_OUTPUT_USUAL = XAI_OUTPUT_MAP | XAI_OUTPUT_OVERLAY,
    XAI_OUTPUT_TREE = 4,    /* of a graph: the drawing of it as a tree */
    XAI_OUTPUT_SVG = 8,     /* of a graph: the drawing as SVG */
    XAI_OUTPUT_GIF = 16     /* of a graph: the drawing as an animation */
} xai_output;

/* What to explain. Exactly one of `image` and `tensor`. Everything is read only and belongs to the caller. */
typedef struct xai_request {
    xai_model *model;
    const xai_image *image;
    const xai_array *tensor; /* a preprocessed NCHW float32 sample */
    const xai_method_call *calls;
    size_t call_count;
    const xai_target *targets; /* none: the top-1 class */
    size_t target_count;
    uint64_t seed;
    unsigned outputs;        /* xai_output bits for xai_result_render; 0: the usual */
    int top;                 /* predictions to return; 0: 5 */
    bool urgent;             /* a short job: goes before long ones at the next batch */
    xai_precision precision; /* BF16: only methods that need no gradient, only where the processor has it */
    const char *emit_draws;  /* directory for masks and noise that were used; NULL: none */
    const char *use_draws;   /* directory to replay them from; NULL: draw */
    const xai_metric_call *metrics; /* for xai_grade */
    size_t metric_count;
    const xai_target *expected; /* BOX or MASK, its class aside: where a person expects the evidence; NULL: not said */
    const xai_array *maps;      /* float32 of rank 2 over the model's input, to grade beside those of `calls` */
    size_t map_count;
} xai_request;

typedef enum xai_artifact_kind {
    XAI_ARTIFACT_MAP,   /* values, shape[rank] */
    XAI_ARTIFACT_MAPS,  /* values, shape[rank], first axis counts the maps */
    XAI_ARTIFACT_IMAGE, /* bytes of media_type, width, height */
    XAI_ARTIFACT_GRAPH, /* doc */
    XAI_ARTIFACT_CURVE, /* doc */
    XAI_ARTIFACT_TABLE, /* doc */
    XAI_ARTIFACT_TEXT   /* bytes of media_type, UTF-8 */
} xai_artifact_kind;

const char *xai_artifact_kind_name(xai_artifact_kind kind); /* "map", "graph", ... */

typedef struct xai_artifact {
    const char *name; /* unique within its result */
    xai_artifact_kind kind;
    const char *media_type;
    int rank;
    int64_t shape[4];
    const float *values;
    float min, max;
    const uint8_t *bytes;
    size_t size;
    int width, height;
    const xai_doc *doc;
} xai_artifact;

typedef struct xai_prediction {
    int64_t class_index;
    const char *name;
    float probability, logit; /* of a dense output: their means over all cells; of a regression: both its value */
    float share;              /* of a dense output: of the cells, where the class is the best (one class: likely) */
} xai_prediction;

/* A number about a result: what a method measured itself (a completeness error), or a grade by its metric's id. */
typedef struct xai_measure {
    const char *name;
    double value; /* finite */
} xai_measure;

/* What a metric says of an explanation's map, and what it says of maps that know nothing of the model, so that the
 * number means something: random ones, of the map's own rows and columns, and the picture's edges. */
typedef struct xai_grade {
    const xai_metric_info *metric;
    const char *name;    /* the metric's id; "insertion-2" where it is asked for again with other parameters */
    const xai_doc *params;
    const char *refusal; /* why there is no value; NULL: there is one */
    double value;
    size_t random_count;
    double random_mean;
    double percentile;   /* of the random maps how many are worse, 0 to 100, equal ones half; NaN: there are none */
    double edges;        /* NaN: not measured */
    const char *curve;   /* the artifact that shows it; NULL: none */
} xai_grade;

typedef struct xai_explanation { /* one method on one target */
    const xai_method_info *method;
    bool partial; /* ended early; what is here is true but incomplete */
    bool missed;  /* the deadline came before there was anything: no artifacts, a warning that says so */
    xai_target target; /* with class, tensor and space filled in */
    const char *target_name; /* the class's, or what a person would call it: "conv5[12]" */
    double target_value; /* on the unperturbed input */
    const xai_doc *params; /* the parameters as used, defaults filled in */
    double forwards, backwards; /* passes that this rests on, with the base forward that all results share */
    const char *const *warnings;
    size_t warning_count;
    const xai_measure *metrics;
    size_t metric_count;
    const xai_grade *grades; /* after xai_grade, in the order of the request */
    size_t grade_count;
    const xai_artifact *artifacts;
    size_t artifact_count;
} xai_explanation;

typedef struct xai_result {
    struct xai_arena *arena; /* owns everything here */
    bool partial;
    double engine_ms, render_ms;
    double forwards, backwards; /* passes that were run; what the explanations say of theirs, they share */
    const uint8_t *view; /* what the model saw: view_height * view_width * 3 RGB bytes; NULL without an image */
    int view_width, view_height;
    double crop[4]; /* x, y, width, height of the model's view, in oriented source pixels; 0 without an image */
    int64_t input_shape[4];
    const char *isa, *precision;
    const xai_prediction *predictions;
    size_t prediction_count;
    const xai_explanation *explanations; /* every method x every target, methods outermost */
    size_t explanation_count;
    size_t memory; /* bytes that the job held at its peak, beside the model's buffers */
} xai_result;

/* The class scores alone: `calls` empty. A deadline gives a partial result where the method allows it. The artifacts
 * are raw values; xai_result_render adds the pictures. */
xai_status xai_explain(const xai_request *request, xai_pool *pool, xai_token *token, xai_result **out,
                       xai_error *err);
void xai_result_free(xai_result *result);

/* Adds the maps that the request gives, and to every explanation what the request's metrics say of its map. After
 * xai_explain of the same request, before xai_result_render. A deadline leaves grades without a value and the result
 * partial. Does nothing where the request names no metric. */
xai_status xai_grade_result(const xai_request *request, xai_pool *pool, xai_token *token, xai_result *result,
                            xai_error *err);

/* The whole of a request: calls of `auto` are decided first, every method explains, every metric grades. What `auto` may
 * stand for is measured on the picture and the first target; the result says what was chosen (its parameter `choose`)
 * and why (the artifacts "reason" and "candidates"). Elsewhere `auto` is its first candidate, with a warning. */
xai_status xai_answer(const xai_request *request, xai_pool *pool, xai_token *token, xai_result **out, xai_error *err);

/* Whether xai_answer would serve the request: xai_request_check, xai_grade_check, and the metrics that `auto` is to
 * measure by. Its cost with those of both, and what every `auto` measures whatever its budget: its first candidate. */
xai_status xai_answer_check(const xai_request *request, xai_error *err);
double xai_answer_cost(const xai_request *request);

/* Adds the pictures that the artifacts call for (an overlay for a map, a picture for a graph), and drops what
 * `outputs` (xai_output bits; 0: the usual) leaves out. Once, after xai_explain. A cancel ends it; two seconds past the
 * deadline, no more is drawn, and the result is partial. `token` may be NULL. */
xai_status xai_result_render(xai_result *result, unsigned outputs, const xai_token *token, xai_error *err);

/* Checks a request without running it: methods, parameters, layers, classes. */
xai_status xai_request_check(const xai_request *request, xai_error *err);

/* Forward-equivalents that the request will take; for admission and for putting short jobs first. */
double xai_request_cost(const xai_request *request);

/* The same two of its metrics. */
xai_status xai_grade_check(const xai_request *request, xai_error *err);
double xai_grade_cost(const xai_request *request);

/* Scores of region sets on one image: what `sag` evaluates, for live probing. */
typedef struct xai_probe_request {
    xai_model *model;
    const xai_image *image;
    xai_target target;
    const xai_named_value *params; /* of `sag`: regions, grid, baseline */
    size_t param_count;
    const char *const *masks; /* lower-case hex, bit i = patch i */
    size_t mask_count;
    const int64_t *patches; /* where masks is NULL: one set, as the numbers of its patches */
    size_t patch_count;
} xai_probe_request;

typedef struct xai_probe_value {
    char id[65];
    double p;          /* probability of the target's class; of a box or mask: its mean over the cells */
    double rel;        /* p / p(all) */
    int64_t top1;
    xai_prediction top[5];
} xai_probe_value;

/* Which of two sets scores higher? Questions about a picture of which a SAG was made, explain/sag/quiz.h. */
typedef struct xai_quiz_request {
    xai_model *model;
    const xai_image *image;
    xai_target target;
    const xai_named_value *params; /* of `sag` */
    size_t param_count;
    const char *const *shown; /* the sets that the SAG shows, lower-case hex: nothing is asked about them */
    size_t shown_count;
    size_t sufficient; /* the first so many of them are enough for the class */
    size_t pairs;      /* wanted: even, 2 to XAI_QUIZ_MAX_PAIRS */
    uint64_t seed;
} xai_quiz_request;

enum { XAI_QUIZ_MAX_PAIRS = 20 };

typedef struct xai_quiz_pair { /* two sets of equally many regions */
    char id[2][65];
    double p[2];     /* at least 0.3 apart */
    double heat[2];  /* what Grad-CAM gives the regions of the set, summed */
    bool misleading; /* the set with more heat has the lower score */
} xai_quiz_pair;

/* pairs[request->pairs] is the caller's; *found of them are filled, half of them misleading: fewer than wanted, or none,
 * where the picture has no more such pairs. UNSUPPORTED_METHOD unless the model serves Grad-CAM. */
xai_status xai_quiz(const xai_quiz_request *request, xai_pool *pool, xai_token *token, xai_quiz_pair *pairs,
                    size_t *found, xai_error *err);

/* values[mask_count] is the caller's. */
xai_status xai_probe(const xai_probe_request *request, xai_pool *pool, xai_token *token, xai_probe_value *values,
                     xai_error *err);

#endif
