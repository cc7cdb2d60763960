/*
 * Insertion: how fast the target rises when the map's strongest pixels are put into a blurred picture first. High is
 * good.
 *
 * RISE's protocol (curve.h). The blur is the authors' (CausalMetric, gkern): what scipy.ndimage.gaussian_filter makes of
 * one bright pixel amid `kernel` x `kernel` dark ones, at sigma 5 nearly a square as its borders reflect; convolved over
 * the normalised input with zeros outside.
 */
#include "curve.h"

#include "image/blur.h"

typedef struct insertion_params {
    XAI_METRIC_COMMON;
    int64_t step, kernel;
    double sigma;
} insertion_params;

static const xai_param PARAMS[] = {
    XAI_METRIC_PARAM(insertion_params),
    XAI_P_INT(insertion_params, step, 224, 1, 1 << 20, "Pixels that are put in at a time."),
    XAI_P_INT(insertion_params, kernel, 11, 1, 101, "Side of the blur's kernel in pixels, odd."),
    XAI_P_REAL(insertion_params, sigma, 5, 0.1, 100, "Width of the blur's Gaussian in pixels."),
};

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    (void)model;
    const insertion_params *p = params;
    XAI_CHECK(p->kernel % 2, err, BAD_PARAM, "params.kernel", "the kernel's side must be odd");
    return XAI_OK;
}

static xai_metric_cost cost(const xai_model *model, const void *params)
{
    return xai_change_cost(model, ((const insertion_params *)params)->step);
}

/* One row of the separable kernel: [kernel]. */
static xai_status make_kernel(const insertion_params *p, xai_arena *arena, double **out, xai_error *err)
{
    xai_blur_spec spec = {.height = 1, .width = (int)p->kernel, .across = p->sigma, .border = XAI_BORDER_REFLECT};
    double *row = XAI_NEW(arena, double, (size_t)p->kernel), *scratch = XAI_NEW(arena, double, xai_blur_scratch(&spec));
    if (!row || !scratch) XAI_NO_MEMORY(err);
    row[p->kernel / 2] = 1;
    xai_blur(&spec, row, scratch);
    *out = row;
    return XAI_OK;
}

/* out = in convolved with the row along one axis of `length` elements `stride` apart, zeros outside. */
static void convolve(const double *row, int side, const double *in, double *out, int length, size_t stride)
{
    int half = side / 2;
    for (int i = 0; i < length; i++) {
        double sum = 0;
        for (int k = -half; k <= half; k++)
            if (i + k >= 0 && i + k < length) sum += row[half + k] * in[(size_t)(i + k) * stride];
        out[(size_t)i * stride] = sum;
    }
}

/* One channel of the input, blurred. `a` and `b` have room for one. */
static void blur_channel(const xai_context *c, size_t channel, const double *row, int side, double *a, double *b,
                         float *out)
{
    size_t height = (size_t)c->height, width = (size_t)c->width;
    const float *in = c->input + channel * c->channel_stride;
    out += channel * c->channel_stride;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) a[y * width + x] = (double)in[y * c->row_stride + x * c->x_stride];
    for (size_t y = 0; y < height; y++) convolve(row, side, a + y * width, b + y * width, c->width, 1);
    for (size_t x = 0; x < width; x++) convolve(row, side, b + x, a + x, c->height, width);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) out[y * c->row_stride + x * c->x_stride] = (float)a[y * width + x];
}

static xai_status prepare(const xai_grading *g, const void *params, void **state, xai_error *err)
{
    const insertion_params *p = params;
    const xai_context *c = g->context;
    size_t pixels = (size_t)c->height * (size_t)c->width;
    double *row = NULL, *a = XAI_NEW(g->arena, double, pixels), *b = XAI_NEW(g->arena, double, pixels);
    float *blurred = XAI_NEW(g->arena, float, c->input_count);
    if (!a || !b || !blurred) XAI_NO_MEMORY(err);
    XAI_TRY(make_kernel(p, g->arena, &row, err));
    for (size_t ch = 0; ch < (size_t)c->channels; ch++) blur_channel(c, ch, row, (int)p->kernel, a, b, blurred);
    *state = blurred;
    return XAI_OK;
}

static xai_status run(const xai_grading *g, const void *params, const void *state, const xai_graded *map,
                      xai_finding *out, xai_error *err)
{
    const insertion_params *p = params;
    out->x_label = "share of the pixels put in";
    return xai_change_follow(g, &(xai_change){.from = state, .to = g->context->input, .step = p->step}, map, out, err);
}

const xai_metric xai_metric_insertion = {
    .info = {.id = "insertion", .title = "Insertion", .family = "faithfulness",
             .summary = "How fast the score rises when the strongest pixels are put into a blurred picture first: area "
                        "under the curve.",
             .paper = "arXiv:1806.07421", .version = 1, .needs = "forward", .cost = "225 forwards",
             .better = XAI_BETTER_HIGHER, .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(insertion_params),
    .lanes = 1U << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_PROBABILITY,
    .check = check,
    .cost = cost,
    .prepare = prepare,
    .run = run,
};
