/*
 * Resampling. Maps are made at load, in the arithmetic of ONNX Runtime (coordinates in float32), whose roundings
 * decide which neighbour is the nearest. A piece of work is one block, axis after axis through the thread's scratch;
 * so no two threads meet, and sums run tap by tap, in one order.
 */
#include "resample.h"

#include <string.h>

#define MOST_TAPS ((int64_t)1 << 28) /* of one axis: a gibibyte */

/* ---------------------------------------------------------------- maps */

static float coordinate(const xai_resample_rule *rule, const xai_resample_axis *a, int64_t position)
{
    float x = (float)position, in = (float)a->in, out = (float)a->out, scaled = a->scale * in;
    switch (rule->coordinates) {
    case XAI_RESAMPLE_ASYMMETRIC: return x / a->scale;
    case XAI_RESAMPLE_TF_HALF_PIXEL_FOR_NN: return (x + 0.5F) / a->scale;
    case XAI_RESAMPLE_PYTORCH_HALF_PIXEL: return a->out > 1 ? (x + 0.5F) / a->scale - 0.5F : 0;
    case XAI_RESAMPLE_ALIGN_CORNERS: return a->out > 1 ? x * (in - 1) / (scaled - 1) : 0;
    case XAI_RESAMPLE_HALF_PIXEL_SYMMETRIC: return in / 2 * (1 - out / scaled) + (x + 0.5F) / a->scale - 0.5F;
    case XAI_RESAMPLE_TF_CROP_AND_RESIZE:
        if (a->out == 1) return 0.5F * (a->start + a->end) * (in - 1);
        return a->start * (in - 1) + x * (a->end - a->start) * (in - 1) / (out - 1);
    default: return (x + 0.5F) / a->scale - 0.5F;
    }
}

/* To the nearest integer; what is half-way but for the rounding of its making goes up or down as is said. */
static float round_to(float x, bool up)
{
    float low = floorf(x), beyond = x - low - 0.5F;
    if (fabsf(beyond) <= 0x1p-22F * (1 + fabsf(x))) return up ? low + 1 : low;
    return beyond > 0 ? low + 1 : low;
}

static float nearest(const xai_resample_rule *rule, const xai_resample_axis *a, float x)
{
    switch (rule->rounding) {
    case XAI_RESAMPLE_FLOOR: return floorf(x);
    case XAI_RESAMPLE_CEIL: return ceilf(x);
    case XAI_RESAMPLE_ROUND_PREFER_CEIL: return round_to(x, true);
    case XAI_RESAMPLE_SIMPLE: return a->scale < 1 ? ceilf(x) : floorf(x);
    default: return round_to(x, false);
    }
}

/* Weight of an input at the distance d; Keys, "Cubic Convolution Interpolation", 1981, for the cubic one. */
static double bump(const xai_resample_rule *rule, double d)
{
    double a = (double)rule->cubic_a;
    d = fabs(d);
    if (rule->mode == XAI_RESAMPLE_LINEAR) return d < 1 ? 1 - d : 0;
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((d - 5) * d + 8) * d * a - 4 * a : 0;
}

static int64_t inside(double at, int64_t count)
{
    return at <= 0 ? 0 : at >= (double)(count - 1) ? count - 1 : (int64_t)at;
}

/* The taps of one position; where an axis shrinks and is smoothed the bump is that much wider. */
static void make_taps(const xai_resample_rule *rule, const xai_resample_axis *a, double x, int64_t *index,
                      float *weight)
{
    double narrow = rule->antialias && a->scale < 1 ? (double)a->scale : 1, sum = 0;
    double first = floor(x) - (double)(a->taps / 2 - 1);
    for (int64_t t = 0; t < a->taps; t++) {
        double at = first + (double)t, w = bump(rule, (at - x) * narrow);
        if (rule->exclude_outside && (at < 0 || at > (double)(a->in - 1))) w = 0;
        index[t] = inside(at, a->in);
        weight[t] = (float)w;
        sum += w;
    }
    bool even = !rule->exclude_outside && narrow == 1; /* they add up to 1 as they are */
    for (int64_t t = 0; t < a->taps && !even && sum != 0; t++) weight[t] = (float)((double)weight[t] / sum);
}

/* Half the width of the bump, in positions of the input. */
static int64_t tap_count(const xai_resample_rule *rule, const xai_resample_axis *a)
{
    if (rule->mode == XAI_RESAMPLE_NEAREST) return 1;
    double reach = rule->mode == XAI_RESAMPLE_LINEAR ? 1 : 2;
    if (rule->antialias && a->scale < 1) reach = ceil(reach / (double)a->scale);
    return reach < (double)MOST_TAPS ? 2 * (int64_t)reach : MOST_TAPS;
}

static xai_status make_map(const xai_node *node, xai_setup *setup, const xai_resample_rule *rule,
                           xai_resample_axis *a, xai_error *err)
{
    a->taps = tap_count(rule, a);
    XAI_NODE_CHECK(a->in > 0 && a->taps <= MOST_TAPS / (a->out + 1), node, TOO_LARGE, err,
                   "axis %d takes %lld weights for each of %lld positions", a->axis, (long long)a->taps,
                   (long long)a->out);
    size_t count = (size_t)(a->out * a->taps);
    int64_t *index = XAI_NEW(setup->arena, int64_t, count);
    float *weight = XAI_NEW(setup->arena, float, count);
    bool *outside = XAI_NEW(setup->arena, bool, (size_t)a->out);
    if (!index || !weight || !outside) XAI_NO_MEMORY(err);
    bool crops = rule->coordinates == XAI_RESAMPLE_TF_CROP_AND_RESIZE;
    for (int64_t o = 0; o < a->out; o++) {
        float x = coordinate(rule, a, o);
        XAI_NODE_CHECK(isfinite(x), node, BAD_MODEL, err, "axis %d is not resized by a number", a->axis);
        outside[o] = crops && (x < 0 || x > (float)(a->in - 1));
        int64_t first = o * a->taps;
        weight[first] = 1;
        if (rule->mode == XAI_RESAMPLE_NEAREST) index[o] = inside((double)nearest(rule, a, x), a->in);
        else make_taps(rule, a, (double)x, index + first, weight + first);
    }
    a->index = index;
    a->weight = weight;
    a->outside = crops ? outside : NULL;
    return XAI_OK;
}

/* The transposed map, in the order of the output. Weights of 0 have no users. */
static xai_status transpose_map(xai_setup *setup, xai_resample_axis *a, xai_error *err)
{
    int64_t count = a->out * a->taps, *users = XAI_NEW(setup->arena, int64_t, (size_t)a->in + 2);
    int64_t *user = XAI_NEW(setup->arena, int64_t, (size_t)count);
    float *share = XAI_NEW(setup->arena, float, (size_t)count);
    if (!users || !user || !share) XAI_NO_MEMORY(err);
    bool crops = a->outside != NULL;
    for (int64_t i = 0; i < count; i++)
        if (a->weight[i] != 0 && !(crops && a->outside[i / a->taps])) users[a->index[i] + 2]++;
    for (int64_t i = 0; i < a->in; i++) users[i + 2] += users[i + 1];
    for (int64_t i = 0; i < count; i++) {
        if (a->weight[i] == 0 || (crops && a->outside[i / a->taps])) continue;
        int64_t at = users[a->index[i] + 1]++;
        user[at] = i / a->taps;
        share[at] = a->weight[i];
    }
    a->users = users;
    a->user = user;
    a->share = share;
    return XAI_OK;
}

/* Whether every position is its own only source. */
static bool changes(const xai_resample_axis *a)
{
    if (a->in != a->out) return true;
    for (int64_t o = 0; o < a->out; o++) {
        if (a->outside && a->outside[o]) return true;
        for (int64_t t = 0; t < a->taps; t++) {
            float w = a->weight[o * a->taps + t];
            if (w != 0 && (w != 1 || a->index[o * a->taps + t] != o)) return true;
        }
    }
    return false;
}

/* Sizes of the blocks, and the work. */
static void measure(xai_node *node, xai_resample *r, const xai_shape *in, const xai_shape *out)
{
    int first = r->count ? r->axes[0].axis : in->rank;
    xai_shape now = *in;
    r->blocks = xai_shape_span(in, 0, first);
    r->in_block = xai_shape_span(in, first, in->rank);
    r->out_block = xai_shape_span(out, first, out->rank);
    for (int i = 0; i < r->count; i++) {
        now.dim[r->axes[i].axis] = r->axes[i].out;
        int64_t size = xai_shape_count(&now) < 0 ? -1 : xai_shape_span(&now, first, now.rank);
        if (i + 1 < r->count && size > r->between) r->between = size;
        node->macs += (double)size * (double)r->blocks * (double)r->axes[i].taps;
    }
    node->scratch = 2 * (size_t)r->between * sizeof(float);
}

xai_status xai_resample_setup(xai_node *node, xai_setup *setup, const xai_resample_rule *rule,
                              const xai_resample_axis *axes, xai_error *err)
{
    xai_resample *r = node->state;
    const xai_shape *in = &node->in[0]->shape;
    xai_shape out = *in, most = *in;
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32, node, UNSUPPORTED_OP, err, "%s is not served, only float32",
                   xai_dtype_name(node->in[0]->dtype));
    for (int i = 0; i < in->rank; i++) {
        out.dim[i] = axes[i].out;
        most.dim[i] = axes[i].out > axes[i].in ? axes[i].out : axes[i].in;
    }
    XAI_TRY(xai_node_output(node, 0, XAI_F32, &out, err));
    XAI_NODE_CHECK(xai_shape_count(&most) >= 0, node, TOO_LARGE, err, "what lies between its axes is too large");
    r->extrapolation = rule->extrapolation;
    if (xai_shape_count(&out) == 0) return XAI_OK;
    for (int i = 0; i < in->rank; i++) {
        xai_resample_axis *a = &r->axes[r->count];
        *a = axes[i];
        a->axis = i;
        XAI_TRY(make_map(node, setup, rule, a, err));
        if (!changes(a)) continue;
        XAI_TRY(transpose_map(setup, a, err));
        r->count++;
    }
    measure(node, r, in, &out);
    return XAI_OK;
}

/* ---------------------------------------------------------------- running */

/* One axis within a block: `before` x in x inner becomes `before` x out x inner. */
typedef struct pass {
    const xai_resample_axis *axis;
    int64_t before, inner;
    float extrapolation;
} pass;

static void forward_position(const pass *p, int64_t o, const float *from, float *to)
{
    const xai_resample_axis *a = p->axis;
    const int64_t *index = a->index + o * a->taps;
    const float *weight = a->weight + o * a->taps;
    if (a->outside && a->outside[o]) {
        for (int64_t i = 0; i < p->inner; i++) to[i] = p->extrapolation;
        return;
    }
    const float *source = from + index[0] * p->inner;
    for (int64_t i = 0; i < p->inner; i++) to[i] = weight[0] * source[i];
    for (int64_t t = 1; t < a->taps; t++) {
        if (weight[t] == 0) continue; /* so that an infinity beside the point does no harm */
        source = from + index[t] * p->inner;
        for (int64_t i = 0; i < p->inner; i++) to[i] += weight[t] * source[i];
    }
}

/* The same for an inner extent of 1: rows of single numbers. */
static void forward_row(const pass *p, const float *from, float *to)
{
    const xai_resample_axis *a = p->axis;
    for (int64_t o = 0; o < a->out; o++) {
        const int64_t *index = a->index + o * a->taps;
        const float *weight = a->weight + o * a->taps;
        float sum = weight[0] * from[index[0]];
        for (int64_t t = 1; t < a->taps; t++)
            if (weight[t] != 0) sum += weight[t] * from[index[t]];
        to[o] = a->outside && a->outside[o] ? p->extrapolation : sum;
    }
}

static void forward_pass(const pass *p, const float *from, float *to)
{
    const xai_resample_axis *a = p->axis;
    for (int64_t b = 0; b < p->before; b++, from += a->in * p->inner, to += a->out * p->inner) {
        if (p->inner == 1) forward_row(p, from, to);
        else
            for (int64_t o = 0; o < a->out; o++) forward_position(p, o, from, to + o * p->inner);
    }
}

/* The same for an inner extent of 1: sums, which are faster than additions here and there. */
static void backward_row(const xai_resample_axis *a, const float *to, float *from)
{
    for (int64_t i = 0; i < a->in; i++) {
        float sum = 0;
        for (int64_t u = a->users[i]; u < a->users[i + 1]; u++) sum += a->share[u] * to[a->user[u]];
        from[i] += sum;
    }
}

static void backward_position(const pass *p, int64_t o, const float *g, float *from)
{
    const xai_resample_axis *a = p->axis;
    if (a->outside && a->outside[o]) return;
    for (int64_t t = 0; t < a->taps; t++) {
        float *target = from + a->index[o * a->taps + t] * p->inner, w = a->weight[o * a->taps + t];
        for (int64_t i = 0; i < p->inner && w != 0; i++) target[i] += w * g[i];
    }
}

/* from += the transposed map of `to`. */
static void backward_pass(const pass *p, const float *to, float *from)
{
    const xai_resample_axis *a = p->axis;
    for (int64_t b = 0; b < p->before; b++, from += a->in * p->inner, to += a->out * p->inner) {
        if (p->inner == 1) backward_row(a, to, from);
        else
            for (int64_t o = 0; o < a->out; o++) backward_position(p, o, to + o * p->inner, from);
    }
}

typedef struct run {
    const xai_resample *r;
    const xai_exec *exec;
    pass passes[XAI_MAX_RANK];
    int64_t sizes[XAI_MAX_RANK]; /* elements that go into each pass */
    const float *x, *gy;
    float *y, *gx;
} run;

/* Before an axis lie those that have their new extent, behind it those that have the old one. */
static run begin(const xai_node *node, const xai_exec *exec)
{
    run r = {.r = node->state, .exec = exec};
    const xai_shape *in = &node->in[0]->shape, *out = &node->out[0]->shape;
    for (int i = 0; i < r.r->count; i++) {
        int axis = r.r->axes[i].axis;
        int64_t before = xai_shape_span(out, r.r->axes[0].axis, axis), inner = xai_shape_span(in, axis + 1, in->rank);
        r.passes[i] = (pass){&r.r->axes[i], before, inner, exec->homogeneous ? 0 : r.r->extrapolation};
        r.sizes[i] = before * r.r->axes[i].in * inner;
    }
    return r;
}

static void forward_block(void *context, size_t index, int thread)
{
    const run *r = context;
    const float *from = r->x + (int64_t)index * r->r->in_block;
    float *last = r->y + (int64_t)index * r->r->out_block, *scratch = xai_scratch(r->exec, thread);
    int count = r->r->count;
    if (count == 0) memcpy(last, from, (size_t)r->r->in_block * sizeof(float));
    for (int i = 0; i < count; i++) {
        float *to = i + 1 == count ? last : scratch + i % 2 * r->r->between;
        forward_pass(&r->passes[i], from, to);
        from = to;
    }
}

static void backward_block(void *context, size_t index, int thread)
{
    const run *r = context;
    const float *from = r->gy + (int64_t)index * r->r->out_block;
    float *last = r->gx + (int64_t)index * r->r->in_block, *scratch = xai_scratch(r->exec, thread);
    int count = r->r->count;
    for (int64_t i = 0; count == 0 && i < r->r->in_block; i++) last[i] += from[i];
    for (int i = count; i-- > 0;) {
        float *to = i == 0 ? last : scratch + i % 2 * r->r->between;
        if (i > 0) memset(to, 0, (size_t)r->sizes[i] * sizeof(float));
        backward_pass(&r->passes[i], from, to);
        from = to;
    }
}

void xai_resample_forward(const xai_node *node, const xai_exec *exec)
{
    run r = begin(node, exec);
    r.x = xai_in_f32(exec, node, 0);
    r.y = xai_out_f32(exec, node, 0);
    xai_par_for(exec->par, (size_t)r.r->blocks, forward_block, &r);
}

void xai_resample_backward(const xai_node *node, const xai_exec *exec)
{
    run r = begin(node, exec);
    r.gy = xai_grad_out(exec, node, 0);
    r.gx = xai_grad_in(exec, node, 0);
    if (r.gx && r.gy) xai_par_for(exec->par, (size_t)r.r->blocks, backward_block, &r);
}
