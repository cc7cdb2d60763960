/*
 * Partition SHAP: Owen values over a tree that halves the picture again and again, the most telling parts first.
 *
 *     A part with the context S around it shown is worth f(S with part) - f(S). Its halves a and b are each worth the
 *     mean of what they add first and what they add last: to S, and to S with the other half.
 *
 * Owen, "Values of games with a priori unions", 1977; Lundberg and Lee, 2017, arXiv 1705.07874. As shap's
 * PartitionExplainer with its Image masker: a part is cut across its longer side, rows before columns where they are
 * equal, at the floor of the middle; one pixel is cut by channels at last. Parts wait in the order of |worth| x weight;
 * `batch` of them are taken at a time before any is judged anew, which decides the order and so the result. What is
 * left when `max_evals` is spent shares its worth out evenly. The map is the sum over the channels. shap draws lots
 * between equal parts; here the older goes first. Its "blur(k,k)" is the baseline `box`.
 */
#include "explain/evaluate.h"

#include <math.h>
#include <string.h>

enum { BASELINE_BOX = XAI_BASELINE_KINDS };

typedef struct partition_params {
    int64_t max_evals, batch;
    int baseline;
    double sigma;
    int64_t kernel;
} partition_params;

static const xai_param PARAMS[] = {
    XAI_P_INT(partition_params, max_evals, 500, 4, 100000, "Forwards to spend: more is finer and slower."),
    XAI_P_INT(partition_params, batch, 10, 1, 10000,
              "Forwards between looks at which part to cut next: fewer follow the picture more closely."),
    XAI_P_ENUM(partition_params, baseline, XAI_BASELINE_MEAN, XAI_BASELINE_CHOICES "|box",
               "What a hidden pixel shows; 'box': the mean of the square around it."),
    XAI_P_REAL(partition_params, sigma, 10, 0.5, 100, "Blur of the baseline 'blur', in pixels."),
    XAI_P_INT(partition_params, kernel, 16, 1, 1024, "Side of the square of the baseline 'box', in pixels."),
};

/* The whole and the empty picture, then two forwards a cut. */
static double cost(const xai_model *model, const void *params)
{
    (void)model;
    return 2 * ceil((double)((const partition_params *)params)->max_evals / 2);
}

enum { AXES = 3 }; /* rows, columns, channels */

typedef struct block {
    int low[AXES], end[AXES];
} block;

/* What is shown around a part: a block, and what the context before it shows. Context 0 shows nothing. */
typedef struct context {
    size_t before;
    block shown;
} context;

typedef struct part {
    double urgency;
    size_t born; /* decides between equals */
    size_t around;
    block block;
    double without, with; /* the target's value */
    double weight;
} part;

typedef struct partition {
    xai_task *task;
    const float *baseline;
    part *heap; /* the most urgent first */
    size_t waiting, born;
    context *contexts;
    size_t context_count;
    part *taken; /* that are being cut: of taken[i], variants 2 i and 2 i + 1 show a half each */
    size_t taken_count;
    float *values;
    double *map;
} partition;

/* ---------------------------------------------------------------- heap */

static bool before(const part *a, const part *b)
{
    return a->urgency > b->urgency || (a->urgency == b->urgency && a->born < b->born);
}

static void push(partition *p, part item)
{
    size_t at = p->waiting++;
    item.urgency = fabs(item.with - item.without) * item.weight;
    item.born = p->born++;
    for (; at > 0 && before(&item, &p->heap[(at - 1) / 2]); at = (at - 1) / 2) p->heap[at] = p->heap[(at - 1) / 2];
    p->heap[at] = item;
}

static part pop(partition *p)
{
    part top = p->heap[0], last = p->heap[--p->waiting];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= p->waiting) break;
        if (child + 1 < p->waiting && before(&p->heap[child + 1], &p->heap[child])) child++;
        if (!before(&p->heap[child], &last)) break;
        p->heap[at] = p->heap[child];
        at = child;
    }
    p->heap[at] = last;
    return top;
}

/* ---------------------------------------------------------------- blocks */

static int side(const block *b, int axis) { return b->end[axis] - b->low[axis]; }
static bool is_leaf(const block *b) { return side(b, 0) == 1 && side(b, 1) == 1 && side(b, 2) == 1; }

static void halve(const block *b, block *first, block *second)
{
    int axis = side(b, 0) >= side(b, 1) && side(b, 0) > 1 ? 0 : side(b, 1) > 1 ? 1 : 2;
    *first = *second = *b;
    first->end[axis] = second->low[axis] = b->low[axis] + side(b, axis) / 2;
}

/* Adds a worth to the map, in equal shares. */
static void paint(partition *p, const part *item)
{
    const block *b = &item->block;
    double share = (item->with - item->without) * item->weight / ((double)side(b, 0) * (double)side(b, 1));
    for (int y = b->low[0]; y < b->end[0]; y++)
        for (int x = b->low[1]; x < b->end[1]; x++) p->map[y * p->task->context->width + x] += share;
}

static void show(const xai_context *c, const block *b, float *input)
{
    for (int ch = b->low[2]; ch < b->end[2]; ch++)
        for (int y = b->low[0]; y < b->end[0]; y++) {
            size_t at = (size_t)ch * c->channel_stride + (size_t)y * c->row_stride + (size_t)b->low[1] * c->x_stride;
            for (int x = b->low[1]; x < b->end[1]; x++, at += c->x_stride) input[at] = c->input[at];
        }
}

static void compose(const void *user, size_t index, float *input)
{
    const partition *p = user;
    const xai_context *c = p->task->context;
    const part *item = &p->taken[index / 2];
    block halves[2];
    memcpy(input, p->baseline, c->input_count * sizeof *input);
    for (size_t at = item->around; at; at = p->contexts[at].before) show(c, &p->contexts[at].shown, input);
    halve(&item->block, &halves[0], &halves[1]);
    show(c, &halves[index % 2], input);
}

/* ---------------------------------------------------------------- search */

/* The next parts to cut; single pixels' channels are done. */
static void take(partition *p, size_t batch, size_t left)
{
    p->taken_count = 0;
    while (p->waiting && 2 * p->taken_count < batch && 2 * p->taken_count < left) {
        part item = pop(p);
        if (is_leaf(&item.block)) paint(p, &item);
        else p->taken[p->taken_count++] = item;
    }
}

static size_t add_context(partition *p, size_t around, const block *shown)
{
    p->contexts[p->context_count] = (context){around, *shown};
    return p->context_count++;
}

/* Two halves, each before and after the other. `first`, `second`: the values with that half alone. */
static void cut(partition *p, const part *item, double first, double second)
{
    block a, b;
    double weight = item->weight / 2;
    halve(&item->block, &a, &b);
    size_t with_a = add_context(p, item->around, &a), with_b = add_context(p, item->around, &b);
    push(p, (part){.around = item->around, .block = a, .without = item->without, .with = first, .weight = weight});
    push(p, (part){.around = item->around, .block = b, .without = item->without, .with = second, .weight = weight});
    push(p, (part){.around = with_b, .block = a, .without = second, .with = item->with, .weight = weight});
    push(p, (part){.around = with_a, .block = b, .without = first, .with = item->with, .weight = weight});
}

static xai_status evaluate(partition *p, bool *partial, xai_error *err)
{
    xai_scores scores = {.values = p->values};
    xai_variants variants = {.count = 2 * p->taken_count, .make = compose, .user = p};
    *partial = false;
    if (variants.count == 0) return XAI_OK;
    return xai_evaluate_until(p->task->context, &p->task->aim, &variants, 0, &scores, partial, err);
}

static xai_status search(partition *p, const partition_params *q, xai_error *err)
{
    size_t spent = 0, most = (size_t)q->max_evals - 2;
    bool partial = false;
    while (p->waiting && spent < most && !partial) {
        take(p, (size_t)q->batch, most - spent);
        XAI_TRY(evaluate(p, &partial, err));
        for (size_t i = 0; i < p->taken_count; i++) {
            if (partial) paint(p, &p->taken[i]);
            else cut(p, &p->taken[i], (double)p->values[2 * i], (double)p->values[2 * i + 1]);
        }
        spent += 2 * p->taken_count;
    }
    while (p->waiting) {
        part item = pop(p);
        paint(p, &item);
    }
    p->task->result->partial = partial;
    if (!partial) return XAI_OK;
    return xai_task_warn(p->task, err, "The deadline came after about %zu of %zu forwards: the map is coarser.", spent,
                         most);
}

/* ---------------------------------------------------------------- baseline */

static double mean_along(const float *line, size_t stride, int n, int at, int kernel)
{
    double sum = 0;
    for (int k = 0; k < kernel; k++) sum += (double)line[(size_t)xai_mirror(at - kernel / 2 + k, n) * stride];
    return sum / kernel;
}

/* The mean of a square, the border mirrored: OpenCV's blur. */
static xai_status box_blur(const xai_context *c, int kernel, float *out, xai_arena *arena, xai_error *err)
{
    float *rows = XAI_NEW(arena, float, c->input_count);
    if (!rows) XAI_NO_MEMORY(err);
    for (int i = 0; i < c->channels * c->height * c->width; i++) {
        int x = i % c->width, y = i / c->width % c->height;
        size_t line = (size_t)(i / c->width / c->height) * c->channel_stride + (size_t)y * c->row_stride;
        rows[line + (size_t)x * c->x_stride] = (float)mean_along(c->input + line, c->x_stride, c->width, x, kernel);
    }
    for (int i = 0; i < c->channels * c->height * c->width; i++) {
        int x = i % c->width, y = i / c->width % c->height;
        size_t line = (size_t)(i / c->width / c->height) * c->channel_stride + (size_t)x * c->x_stride;
        out[line + (size_t)y * c->row_stride] = (float)mean_along(rows + line, c->row_stride, c->height, y, kernel);
    }
    return XAI_OK;
}

static xai_status make_baseline(partition *p, const partition_params *q, xai_error *err)
{
    const xai_context *c = p->task->context;
    float *baseline = XAI_NEW(p->task->arena, float, c->input_count);
    if (!baseline) XAI_NO_MEMORY(err);
    p->baseline = baseline;
    if (q->baseline == BASELINE_BOX) return box_blur(c, (int)q->kernel, baseline, p->task->arena, err);
    return xai_context_baseline(c, (xai_baseline)q->baseline, q->sigma, baseline, err);
}

/* ---------------------------------------------------------------- run */

static void compose_empty(const void *user, size_t index, float *input)
{
    (void)index;
    const partition *p = user;
    memcpy(input, p->baseline, p->task->context->input_count * sizeof *input);
}

static xai_status value_empty(partition *p, double *out, xai_error *err)
{
    xai_scores scores = {.values = p->values};
    xai_variants variants = {.count = 1, .make = compose_empty, .user = p};
    XAI_TRY(xai_evaluate(p->task->context, &p->task->aim, &variants, &scores, err));
    *out = (double)p->values[0];
    return XAI_OK;
}

/* Each cut spends two forwards, adds two contexts, and leaves three parts more. */
static xai_status make_room(partition *p, const partition_params *q, size_t pixels, xai_error *err)
{
    size_t most = (size_t)q->max_evals, batch = (size_t)(q->batch < q->max_evals ? q->batch : q->max_evals) + 2;
    p->heap = XAI_NEW(p->task->arena, part, 2 * most + 4);
    p->contexts = XAI_NEW(p->task->arena, context, most + 4);
    p->taken = XAI_NEW(p->task->arena, part, batch);
    p->values = XAI_NEW(p->task->arena, float, batch);
    p->map = XAI_NEW(p->task->arena, double, pixels);
    p->context_count = 1;
    if (!p->heap || !p->contexts || !p->taken || !p->values || !p->map) XAI_NO_MEMORY(err);
    return XAI_OK;
}

static xai_status finish(partition *p, double worth, size_t pixels, xai_error *err)
{
    const xai_context *c = p->task->context;
    float *map = XAI_NEW(p->task->arena, float, pixels);
    double sum = 0;
    if (!map) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < pixels; i++) {
        sum += p->map[i];
        map[i] = (float)p->map[i];
    }
    XAI_TRY(xai_task_add_metric(p->task, "completeness_error", sum - worth, err));
    return xai_task_add_map(p->task, "map", map, c->height, c->width, err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const partition_params *q = params;
    const xai_context *c = task->context;
    size_t pixels = (size_t)c->height * (size_t)c->width;
    partition p = {.task = task};
    double empty;
    XAI_TRY(make_room(&p, q, pixels, err));
    XAI_TRY(make_baseline(&p, q, err));
    XAI_TRY(value_empty(&p, &empty, err));
    push(&p, (part){.block = {{0, 0, 0}, {c->height, c->width, c->channels}}, .without = empty, .with = task->base,
                    .weight = 1});
    XAI_TRY(search(&p, q, err));
    return finish(&p, task->base - empty, pixels, err);
}

const xai_method xai_method_partitionshap = {
    .info = {.id = "partitionshap", .title = "Partition SHAP", .family = "perturbation",
             .summary = "Fair shares of the score over ever smaller halves of the picture, the most telling ones first.",
             .paper = "arXiv:1705.07874", .version = 1, .needs = "forward", .cost = "500 forwards",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(partition_params),
    .lanes = 1 << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_PROBABILITY,
    .cost = cost,
    .run = run,
};
