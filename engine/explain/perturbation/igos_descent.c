/*
 * I-GOS, the descent. With x the picture, b the baseline, M a mask enlarged to the picture (corners on corners):
 *
 *     deletion   D(M) = 1/K sum_k f(b + k/K M (x - b) + noise)
 *     insertion  I(M) = 1/K sum_k f(x + k/K M (b - x) + noise)
 *     igos     minimise D(m) + penalty(m)
 *     igosp    minimise D(m) - I(m) + penalty(m)
 *     igospp   minimise D(m n) - I(m n) + D(m) - I(n) + penalty(m n), all but the penalty halved in the gradient alone
 *
 * from m = n = 1, kept within [0, 1]; the mask that comes out is m, or m n. The penalty is that of penalty.h, with
 * plain total variation in `igos`. Each step tries `rate`, then ever a fifth of it, until the loss has fallen by
 * 1e-4 rate |gradient|^2 or the step is shorter than 1e-5, in which case it is taken all the same. So the code of
 * iGOS++ (IGOS_pp). Its command line exchanges the numbers of steps and of points; its functions don't.
 *
 * `original` is I-GOS as its own first code, and that of structured attention graphs, has it: a gradient of
 * 1/20 sum_k, whatever K; the line search looks at the picture under the whole mask, without noise; and where the score
 * has hardly fallen, l1 is divided by 10 half way and by 5 after four fifths. Its noise was meant to be drawn with .2,
 * as here; by a slip it is .4 in the red channel and 0 in the others.
 *
 * Draws: a new one for each picture looked at; those of noise.npy are taken in turn, from the start when they run out.
 * Numbers of the mask are double. Belongs to one thread, which spreads the work.
 */
#include "igos.h"

#include "explain/evaluate.h"
#include "explain/gradient/noise.h"
#include "blend.h"
#include "image/upsample.h"
#include "penalty.h"

#include <math.h>
#include <string.h>

static const double ARMIJO = 1e-4, SHORTER = 0.2, SHORTEST = 1e-5, ORIGINAL_POINTS = 20;

enum { FIRST, SECOND, BOTH, KINDS }; /* which mask a term is of */
enum { MASKS = 2, MOST_TERMS = 4 };

/* A term of the loss: D of a mask, or -I of it. */
typedef struct term {
    int of;
    bool insertion;
} term;

typedef struct plan {
    int masks, terms;
    term term[MOST_TERMS];
    double rate, share; /* the step tried first; of the terms in the gradient */
} plan;

static const plan PLANS[] = {
    [XAI_IGOS_ORIGINAL] = {1, 1, {{FIRST, false}}, 200, 1},
    [XAI_IGOS_PLAIN] = {1, 1, {{FIRST, false}}, 8, 1},
    [XAI_IGOS_P] = {1, 2, {{FIRST, false}, {FIRST, true}}, 1000, 1},
    [XAI_IGOS_PP] = {2, 4, {{BOTH, false}, {BOTH, true}, {FIRST, false}, {SECOND, true}}, 1000, 0.5},
};

typedef struct descent {
    xai_task *task;
    xai_context *context;
    const xai_igos_params *params;
    const plan *plan;
    size_t cells, pixels;
    float *baseline;
    xai_noise noise;
    size_t drawn; /* pictures looked at so far */
    xai_penalty penalty;
    double *mask[MASKS], *gradient[MASKS], *trial[MASKS], *ahead[MASKS]; /* grid * grid */
    double *product, *by_product;
    float *cells32, *large[KINDS]; /* a mask in float32; enlarged, that the variants are of */
    double *by_large[KINDS];
    float *values;
    double first_score, last_score; /* of `original`: at the first step; at the one before */
    const xai_sample *samples;      /* being taken */
    size_t sample_count;
} descent;

/* ---------------------------------------------------------------- sizes */

xai_status xai_igos_check(const xai_model *model, const void *params, xai_error *err)
{
    const xai_igos_params *p = params;
    int64_t height, width;
    xai_model_input_sides(model, &height, &width);
    XAI_CHECK(p->grid <= height && p->grid <= width, err, BAD_PARAM, "params.grid",
              "%lld cells a side do not fit into the model's input of %lld x %lld", (long long)p->grid,
              (long long)width, (long long)height);
    return XAI_OK;
}

static double rate_of(const xai_igos_params *p) { return p->rate > 0 ? p->rate : PLANS[p->dialect].rate; }

/* Steps that a line search tries at most. */
static int64_t most_tries(const xai_igos_params *p)
{
    int64_t n = 1;
    for (double rate = rate_of(p); rate >= SHORTEST; rate *= SHORTER) n++;
    return n;
}

/* Forwards of one look at the loss; of one line search at most. */
static double look_cost(const xai_igos_params *p)
{
    return p->dialect == XAI_IGOS_ORIGINAL ? 1 : (double)(PLANS[p->dialect].terms * p->steps);
}
static double search_cost(const xai_igos_params *p)
{
    bool look = p->search == XAI_IGOS_ARMIJO || p->dialect == XAI_IGOS_ORIGINAL;
    return (look ? look_cost(p) : 0) + (p->search == XAI_IGOS_ARMIJO ? (double)most_tries(p) * look_cost(p) : 0);
}

double xai_igos_cost(const xai_igos_params *p)
{
    return (double)p->iterations * (3 * (double)(PLANS[p->dialect].terms * p->steps) + search_cost(p));
}

/* ---------------------------------------------------------------- pictures */

static void enlarge_one(const descent *d, const double *mask, float *out)
{
    int side = (int)d->params->grid;
    for (size_t i = 0; i < d->cells; i++) d->cells32[i] = (float)mask[i];
    xai_upsample_bilinear(d->cells32, side, side, out, d->context->height, d->context->width, true);
}

static void enlarge(const descent *d, double *const *masks)
{
    for (int m = 0; m < d->plan->masks; m++) enlarge_one(d, masks[m], d->large[m]);
    for (size_t i = 0; d->plan->masks > 1 && i < d->pixels; i++)
        d->large[BOTH][i] = d->large[FIRST][i] * d->large[SECOND][i];
}

static double point_of(const descent *d, size_t index)
{
    return (double)(index % (size_t)d->params->steps + 1) / (double)d->params->steps;
}
static const term *term_of(const descent *d, size_t index) { return &d->plan->term[index / (size_t)d->params->steps]; }

/* The picture of term index / K at the point index % K + 1 of K. */
static void show(const void *user, size_t index, float *input)
{
    const descent *d = user;
    const xai_context *c = d->context;
    const term *t = term_of(d, index);
    float row[XAI_MAX_SIDE], at = (float)point_of(d, index);
    for (int y = 0; y < c->height; y++) {
        const float *mask = d->large[t->of] + (size_t)y * (size_t)c->width;
        for (int x = 0; x < c->width; x++) row[x] = t->insertion ? 1 - at * mask[x] : at * mask[x];
        xai_blend_row(c, d->baseline, y, row, input);
    }
    size_t draw = d->drawn + index;
    xai_noise_add(&d->noise, d->noise.given ? draw % d->noise.samples : draw, 0, c->input_count, input);
}

/* Under the whole mask, without noise. */
static void show_whole(const void *user, size_t index, float *input)
{
    (void)index;
    const descent *d = user;
    const xai_context *c = d->context;
    for (int y = 0; y < c->height; y++)
        xai_blend_row(c, d->baseline, y, d->large[FIRST] + (size_t)y * (size_t)c->width, input);
}

/* ---------------------------------------------------------------- gradient */

/* by_large += d loss / d mask. Of D and of -I it is the same: k/K g (x - b). */
static void take_row(void *context, size_t y, int thread)
{
    (void)thread;
    const descent *d = context;
    const xai_context *c = d->context;
    size_t width = (size_t)c->width;
    double points = d->params->dialect == XAI_IGOS_ORIGINAL ? ORIGINAL_POINTS : (double)d->params->steps;
    for (size_t k = 0; k < d->sample_count; k++) {
        const xai_sample *s = &d->samples[k];
        double weight = d->plan->share * point_of(d, s->index) / points;
        double *out = d->by_large[term_of(d, s->index)->of] + y * width;
        for (size_t x = 0; x < width; x++) {
            double sum = 0;
            size_t at = y * c->row_stride + x * c->x_stride;
            for (int ch = 0; ch < c->channels; ch++, at += c->channel_stride)
                sum += (double)s->gradients[0][at] * ((double)c->input[at] - (double)d->baseline[at]);
            out[x] += weight * sum;
        }
    }
}

static void take(void *user, const xai_sample *samples, size_t count, const xai_par *par)
{
    descent *d = user;
    d->samples = samples;
    d->sample_count = count;
    xai_par_for(par, (size_t)d->context->height, take_row, d);
}

/* The charge of the masks' product; its gradient is added to theirs. */
static double charge(const descent *d, double *const *masks, double *const *gradient)
{
    if (d->plan->masks == 1) return xai_penalty_of(&d->penalty, masks[FIRST], gradient ? gradient[FIRST] : NULL);
    const double *m = masks[FIRST], *n = masks[SECOND];
    for (size_t i = 0; i < d->cells; i++) d->product[i] = m[i] * n[i];
    if (!gradient) return xai_penalty_of(&d->penalty, d->product, NULL);
    memset(d->by_product, 0, d->cells * sizeof *d->by_product);
    double sum = xai_penalty_of(&d->penalty, d->product, d->by_product);
    for (size_t i = 0; i < d->cells; i++) {
        gradient[FIRST][i] += d->by_product[i] * n[i];
        gradient[SECOND][i] += d->by_product[i] * m[i];
    }
    return sum;
}

static xai_status find_gradient(descent *d, xai_error *err)
{
    xai_context *c = d->context;
    int side = (int)d->params->grid;
    xai_value *by[] = {c->in};
    xai_variants variants = {.count = (size_t)(d->plan->terms * d->params->steps), .make = show, .user = d};
    xai_gradients gradients = {.by = by, .by_count = 1, .take = take, .user = d};
    for (int k = 0; k < KINDS; k++)
        if (d->by_large[k]) memset(d->by_large[k], 0, d->pixels * sizeof *d->by_large[k]);
    enlarge(d, d->mask);
    XAI_TRY(xai_differentiate(c, &d->task->aim, &variants, &gradients, err));
    d->drawn += variants.count;
    for (size_t i = 0; d->plan->masks > 1 && i < d->pixels; i++) {
        d->by_large[FIRST][i] += d->by_large[BOTH][i] * (double)d->large[SECOND][i];
        d->by_large[SECOND][i] += d->by_large[BOTH][i] * (double)d->large[FIRST][i];
    }
    for (int m = 0; m < d->plan->masks; m++) {
        memset(d->gradient[m], 0, d->cells * sizeof *d->gradient[m]);
        xai_upsample_bilinear_back(d->by_large[m], c->height, c->width, d->gradient[m], side, side, true);
    }
    charge(d, d->mask, d->gradient);
    return XAI_OK;
}

/* ---------------------------------------------------------------- line search */

/* The terms of the loss under these masks: *score; the rest of it is `charge`. */
static xai_status look(descent *d, double *const *masks, double *score, xai_error *err)
{
    bool whole = d->params->dialect == XAI_IGOS_ORIGINAL;
    size_t steps = (size_t)d->params->steps;
    xai_scores scores = {.values = d->values};
    xai_variants variants = {.count = whole ? 1 : (size_t)d->plan->terms * steps, .make = whole ? show_whole : show,
                             .user = d};
    enlarge(d, masks);
    XAI_TRY(xai_evaluate(d->context, &d->task->aim, &variants, &scores, err));
    *score = whole ? (double)d->values[0] : 0;
    for (size_t i = 0; !whole && i < variants.count; i++)
        *score += (term_of(d, i)->insertion ? -(double)d->values[i] : (double)d->values[i]) / (double)steps;
    if (!whole) d->drawn += variants.count;
    return XAI_OK;
}

static double clamped(double v) { return fmin(fmax(v, 0), 1); }

static void step_from(const descent *d, double rate, double *const *out)
{
    for (int m = 0; m < d->plan->masks; m++)
        for (size_t i = 0; i < d->cells; i++) out[m][i] = clamped(d->mask[m][i] - rate * d->gradient[m][i]);
}

/* Leaves the masks of the step in `trial`. `base`: the loss now. */
static xai_status search_line(descent *d, double base, double *rate, xai_error *err)
{
    double square = 0, unused = (double)most_tries(d->params), score;
    for (int m = 0; m < d->plan->masks; m++)
        for (size_t i = 0; i < d->cells; i++) square += d->gradient[m][i] * d->gradient[m][i];
    for (*rate = rate_of(d->params);; *rate *= SHORTER) {
        step_from(d, *rate, d->trial);
        XAI_TRY(look(d, d->trial, &score, err));
        unused--;
        bool worse = score + charge(d, d->trial, NULL) > base - ARMIJO * *rate * square;
        if (!worse || *rate < SHORTEST) break;
    }
    xai_token_advance(d->context->token, unused * look_cost(d->params));
    return XAI_OK;
}

/* Nesterov's: a fixed step, then on in the direction that the stepped points have moved. */
static void step_on(const descent *d, int64_t iteration)
{
    double on = (double)iteration / (double)(iteration + 3), rate = rate_of(d->params);
    for (int m = 0; m < d->plan->masks; m++)
        for (size_t i = 0; i < d->cells; i++) {
            double to = d->mask[m][i] - rate * d->gradient[m][i];
            d->trial[m][i] = clamped(to + on * (to - d->ahead[m][i]));
            d->ahead[m][i] = to;
        }
}

/* ---------------------------------------------------------------- the loop */

/* `original` hides more willingly where hiding has hardly lowered the score. */
static void relax(descent *d, int64_t iteration, double score)
{
    int64_t n = d->params->iterations, half = n / 2, late = (int64_t)((double)n / 1.25);
    if (iteration == 0) d->first_score = score;
    double fallen = fabs(d->first_score - (iteration == 0 ? score : d->last_score));
    d->last_score = score;
    if (n <= 3) return;
    if (iteration == half && fallen <= 0.001) d->penalty.l1 /= 10;
    else if (iteration == late && iteration != half && fallen <= 0.01) d->penalty.l1 /= 5;
}

static xai_status iterate(descent *d, int64_t iteration, double *step, xai_error *err)
{
    bool original = d->params->dialect == XAI_IGOS_ORIGINAL, armijo = d->params->search == XAI_IGOS_ARMIJO;
    double score = 0;
    XAI_TRY(find_gradient(d, err));
    if (original || armijo) XAI_TRY(look(d, d->mask, &score, err));
    if (armijo) XAI_TRY(search_line(d, score + charge(d, d->mask, NULL), step, err));
    else step_on(d, iteration);
    for (int m = 0; m < d->plan->masks; m++) memcpy(d->mask[m], d->trial[m], d->cells * sizeof *d->mask[m]);
    if (original) relax(d, iteration, score);
    return XAI_OK;
}

static xai_status make_room(descent *d, xai_error *err)
{
    xai_arena *arena = d->task->arena;
    bool fits = (d->cells32 = XAI_NEW(arena, float, d->cells)) && (d->product = XAI_NEW(arena, double, d->cells)) &&
                (d->by_product = XAI_NEW(arena, double, d->cells)) &&
                (d->values = XAI_NEW(arena, float, (size_t)(d->plan->terms * d->params->steps))) &&
                (d->baseline = XAI_NEW(arena, float, d->context->input_count));
    for (int m = 0; fits && m < d->plan->masks; m++)
        fits = (d->mask[m] = XAI_NEW(arena, double, d->cells)) && (d->gradient[m] = XAI_NEW(arena, double, d->cells)) &&
               (d->trial[m] = XAI_NEW(arena, double, d->cells)) && (d->ahead[m] = XAI_NEW(arena, double, d->cells));
    for (int k = 0; fits && k < KINDS; k++)
        if (k < d->plan->masks || (k == BOTH && d->plan->masks > 1))
            fits = (d->large[k] = XAI_NEW(arena, float, d->pixels)) && (d->by_large[k] = XAI_NEW(arena, double, d->pixels));
    if (!fits) XAI_NO_MEMORY(err);
    for (int m = 0; m < d->plan->masks; m++)
        for (size_t i = 0; i < d->cells; i++) d->mask[m][i] = 1;
    return XAI_OK;
}

static xai_status begin(descent *d, xai_error *err)
{
    const xai_igos_params *p = d->params;
    xai_context *c = d->context;
    double pictures = xai_igos_cost(p); /* more than are looked at */
    XAI_TRY(make_room(d, err));
    XAI_TRY(xai_penalty_init(&d->penalty, c, (int)p->grid, p->dialect >= XAI_IGOS_P, d->task->arena, err));
    d->penalty.l1 = p->l1;
    d->penalty.tv = p->tv;
    XAI_TRY(xai_noise_init(&d->noise, d->task, (size_t)pictures, p->noise_sigma, err));
    xai_blur_spec blur = {c->height, c->width, p->sigma, p->sigma, XAI_BORDER_MIRROR, (int)p->kernel / 2}; /* OpenCV's */
    if (p->baseline == XAI_BASELINE_BLUR) return xai_context_blur(c, &blur, d->baseline, err);
    return xai_context_baseline(c, (xai_baseline)p->baseline, p->sigma, d->baseline, err);
}

xai_status xai_igos_descend(xai_task *task, const xai_igos_params *params, xai_igos_result *out, xai_error *err)
{
    xai_context *c = task->context;
    descent d = {.task = task, .context = c, .params = params, .plan = &PLANS[params->dialect],
                 .cells = (size_t)(params->grid * params->grid), .pixels = (size_t)c->height * (size_t)c->width};
    double step = rate_of(params);
    XAI_TRY(begin(&d, err));
    *out = (xai_igos_result){.mask = d.mask[FIRST], .baseline = d.baseline};
    while (out->iterations < params->iterations && !task->result->partial) {
        xai_status status = iterate(&d, out->iterations, &step, err);
        if (status == XAI_E_DEADLINE && out->iterations > 0) task->result->partial = true;
        else XAI_TRY(status);
        if (!task->result->partial) {
            out->iterations++;
            out->step = step;
        }
    }
    for (size_t i = 0; d.plan->masks > 1 && i < d.cells; i++) d.mask[FIRST][i] *= d.mask[SECOND][i];
    return XAI_OK;
}
