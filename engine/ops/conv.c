/*
 * Conv: 1-D and 2-D convolution; any group, stride, dilation and padding.
 *
 * The work is done in one of the four ways of conv_plan.h; a clamp may be fused, and, channels last, the tensor that is
 * added before it. conv_open.c serves weights that are no constants.
 */
#include "conv_plan.h"
#include "rectifier.h"

#include <stdio.h>

static xai_status check_weight(const xai_node *node, xai_error *err)
{
    const xai_value *weight = node->in[1], *bias = xai_has_input(node, 2) ? node->in[2] : NULL;
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32 && weight->dtype == XAI_F32 && (!bias || bias->dtype == XAI_F32),
                   node, UNSUPPORTED_OP, err, "only float32 is served");
    XAI_NODE_CHECK(weight->shape.rank == node->in[0]->shape.rank, node, BAD_MODEL, err,
                   "weight and input differ in rank");
    XAI_NODE_CHECK(!bias || xai_value_count(bias) == weight->shape.dim[0], node, BAD_MODEL, err,
                   "the bias has %lld elements", bias ? (long long)xai_value_count(bias) : 0LL);
    return XAI_OK;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    xai_conv *conv = node->state;
    xai_plane in;
    XAI_TRY(xai_plane_of(node, &node->in[0]->shape, &in, err));
    XAI_TRY(check_weight(node, err));
    const xai_value *weight = node->in[1], *bias = xai_has_input(node, 2) ? node->in[2] : NULL;
    const int64_t *dim = weight->shape.dim;
    const int64_t kernel[2] = {weight->shape.rank == 4 ? dim[2] : 1, dim[weight->shape.rank - 1]};
    int64_t out[2];
    XAI_TRY(xai_window_read(node, kernel, false, &conv->window, out, err));
    conv->group = xai_attr_int(node, "group", 1);
    conv->channels = dim[0];
    XAI_NODE_CHECK(conv->group >= 1 && dim[0] >= 1 && dim[0] % conv->group == 0 && in.c % conv->group == 0 &&
                       in.c / conv->group == dim[1] && dim[1] >= 1,
                   node, BAD_MODEL, err, "%lld input channels do not fit a weight of %lld x %lld in %lld groups",
                   (long long)in.c, (long long)dim[0], (long long)dim[1], (long long)conv->group);
    conv->open = setup->open_weights || !weight->constant || (bias && !bias->constant);
    conv->weight = weight->constant ? weight->constant->data : NULL;
    conv->bias = bias && bias->constant ? bias->constant->data : NULL;
    conv->act = xai_clamp_none();
    xai_shape shape = xai_window_shape(&node->in[0]->shape, dim[0], out);
    XAI_TRY(xai_node_output(node, 0, XAI_F32, &shape, err));
    node->macs = (double)xai_shape_count(&shape) * (double)(dim[1] * kernel[0] * kernel[1]);
    return XAI_OK;
}

/* Plane sizes and shifts are ints in the inner loops; 2^28 leaves room for every sum and product of them. */
xai_status xai_conv_check_extents(const xai_node *node, const xai_conv_plan *plan, const xai_window *w,
                                  xai_error *err)
{
    const int64_t limit = 1 << 28;
    int64_t reach = 0;
    for (int axis = 0; axis < 2; axis++) {
        reach += w->kernel[axis] * w->dilation[axis] + w->pads[axis] + w->pads[2 + axis];
        XAI_NODE_CHECK(w->stride[axis] < limit, node, TOO_LARGE, err, "the stride is too large");
    }
    XAI_NODE_CHECK(plan->in.h * plan->in.w < limit && plan->out.h * plan->out.w < limit && reach < limit &&
                       w->kernel[0] * w->kernel[1] < 1 << 20,
                   node, TOO_LARGE, err, "planes or kernel are too large");
    return XAI_OK;
}

static size_t scratch_of(const xai_conv *conv, const xai_conv_part *parts, int count)
{
    if (conv->plan->pixels) return conv->plan->depthwise ? 0 : xai_conv_pixels_scratch(conv, parts, count);
    return conv->plan->depthwise ? xai_conv_depthwise_scratch(parts, count) : xai_conv_gemm_scratch(conv);
}

static xai_status pack(const xai_conv *conv, bool backward, xai_conv_part *part, xai_setup *setup, xai_error *err)
{
    bool depthwise = conv->plan->depthwise;
    if (conv->plan->pixels && depthwise) return xai_conv_pixels_depthwise_pack(conv, part, setup->arena, err);
    if (conv->plan->pixels) return xai_conv_pixels_pack(conv, backward, part, setup->arena, err);
    if (depthwise) return xai_conv_depthwise_pack(conv, part, setup->arena, err);
    return xai_conv_gemm_pack(conv, backward, part, setup->arena, err);
}

static xai_status prepare(xai_node *node, xai_setup *setup, xai_error *err)
{
    xai_conv *conv = node->state;
    xai_conv_plan *plan = conv->plan = XAI_NEW(setup->arena, xai_conv_plan, 1);
    if (!plan) XAI_NO_MEMORY(err);
    XAI_TRY(xai_plane_of(node, &node->in[0]->shape, &plan->in, err));
    XAI_TRY(xai_plane_of(node, &node->out[0]->shape, &plan->out, err));
    XAI_TRY(xai_conv_check_extents(node, plan, &conv->window, err));
    plan->depthwise = conv->group == plan->in.c && conv->group > 1;
    plan->pixels = node->channels_last;
    XAI_TRY(xai_lattice_forward(&conv->window, &plan->out, setup->arena, &plan->forward.lattice, err));
    if (conv->open) return xai_conv_open_reserve(node, false, &plan->forward, 1, err);
    if (plan->pixels && !plan->depthwise && !xai_conv_takes_winograd(conv)) plan->forward.bf16 = setup->bf16;
    XAI_TRY(pack(conv, false, &plan->forward, setup, err));
    node->scratch = scratch_of(conv, &plan->forward, 1);
    if (!xai_conv_takes_winograd(conv)) return XAI_OK;
    size_t scratch = xai_conv_winograd_scratch(conv);
    if (scratch > node->scratch) node->scratch = scratch;
    return XAI_OK;
}

static xai_status prepare_fast(xai_node *node, xai_setup *setup, xai_error *err)
{
    const xai_conv *conv = node->state;
    if (conv->open || !xai_conv_takes_winograd(conv)) return XAI_OK;
    return xai_conv_winograd_pack(conv, &conv->plan->winograd, setup->arena, err);
}

static xai_status prepare_backward(xai_node *node, xai_setup *setup, xai_error *err)
{
    const xai_conv *conv = node->state;
    xai_conv_plan *plan = conv->plan;
    xai_lattice *lattices;
    XAI_TRY(xai_lattice_backward(&conv->window, &plan->in, setup->arena, &lattices, &plan->backward_count, err));
    plan->backward = XAI_NEW(setup->arena, xai_conv_part, (size_t)plan->backward_count);
    if (!plan->backward) XAI_NO_MEMORY(err);
    for (int i = 0; i < plan->backward_count; i++) {
        plan->backward[i].lattice = lattices[i];
        if (!conv->open) XAI_TRY(pack(conv, true, &plan->backward[i], setup, err));
    }
    if (conv->open) {
        XAI_TRY(xai_conv_open_reserve_gradient(node, err));
        return xai_conv_open_reserve(node, true, plan->backward, plan->backward_count, err);
    }
    size_t scratch = scratch_of(conv, plan->backward, plan->backward_count);
    if (scratch > node->scratch) node->scratch = scratch;
    return XAI_OK;
}

static void run(const xai_node *node, const xai_conv_run *run)
{
    const xai_conv_plan *plan = run->conv->plan;
    if (run->conv->open) xai_conv_open_run(run, xai_in_f32(run->exec, node, 1));
    else if (plan->pixels && plan->depthwise) xai_conv_pixels_depthwise_run(run);
    else if (run->exec->fast && plan->winograd && run->parts == &plan->forward) xai_conv_winograd_run(run);
    else if (plan->pixels) xai_conv_pixels_run(run);
    else if (plan->depthwise) xai_conv_depthwise_run(run);
    else xai_conv_gemm_run(run);
}

static void forward_part(const xai_node *node, const xai_exec *exec, const xai_conv_part *part)
{
    const xai_conv *conv = node->state;
    const float *bias = exec->homogeneous ? NULL : conv->bias;
    if (conv->open) bias = xai_has_input(node, 2) ? xai_in_f32(exec, node, 2) : NULL;
    run(node, &(xai_conv_run){
        .conv = conv,
        .parts = part,
        .part_count = 1,
        .exec = exec,
        .from = conv->plan->in,
        .to = conv->plan->out,
        .source = xai_in_f32(exec, node, 0),
        .bias = bias,
        .residual = xai_has_input(node, XAI_CONV_RESIDUAL) ? xai_in_f32(exec, node, XAI_CONV_RESIDUAL) : NULL,
        .target = xai_out_f32(exec, node, 0),
    });
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    forward_part(node, exec, &((const xai_conv *)node->state)->plan->forward);
}

/* ---- changed region: some rows and columns of every channel and image */

static void reach(const xai_node *node, int i, const xai_box *in, xai_box *out)
{
    *out = *in;
    if (i == XAI_CONV_RESIDUAL) return;
    *out = xai_box_whole(&node->out[0]->shape);
    if (i == 0) xai_window_reach(&((const xai_conv *)node->state)->window, &node->out[0]->shape, in, out);
}

static void forward_box(const xai_node *node, const xai_exec *exec, const xai_box *box)
{
    xai_conv_part part = ((const xai_conv *)node->state)->plan->forward;
    int last = node->out[0]->shape.rank - 1;
    bool flat = last == 2;
    const int low[2] = {flat ? 0 : (int)box->low[2], (int)box->low[last]};
    const int end[2] = {flat ? 1 : (int)box->end[2], (int)box->end[last]};
    part.lattice = xai_lattice_cut(&part.lattice, low, end);
    forward_part(node, exec, &part);
}

typedef struct gating {
    xai_policy policy;
    xai_clamp clamp;
    const float *y;
    float *gy, *residual; /* residual: gradient of what was added, or NULL */
    size_t count;
} gating;

enum { GATING_PIECE = 8192 };

static void gate_piece(void *context, size_t index, int thread)
{
    (void)thread;
    const gating *g = context;
    size_t at = index * GATING_PIECE, n = g->count - at < GATING_PIECE ? g->count - at : GATING_PIECE;
    float *gy = g->gy + at;
    if (!xai_clamp_is_none(g->clamp)) xai_rectify_backward(g->policy, g->clamp, g->y + at, gy, gy, n);
    const float *added[] = {gy};
    if (g->residual) xai_kernels_get()->weave_add(added, 1, g->residual + at, n);
}

/* Channels last: the gradient passes the clamp where it lies (nobody else needs it any more), then goes to what was
 * added. */
static void gate_in_place(const xai_node *node, const xai_exec *exec, float *gy)
{
    const xai_conv *conv = node->state;
    gating g = {exec->policy, conv->act, xai_out_f32(exec, node, 0), gy, xai_grad_in(exec, node, XAI_CONV_RESIDUAL),
                (size_t)xai_value_count(node->out[0])};
    if (xai_clamp_is_none(conv->act) && !g.residual) return;
    xai_par_for(exec->par, (g.count + GATING_PIECE - 1) / GATING_PIECE, gate_piece, &g);
}

static void weight_gradients(const xai_node *node, const xai_exec *exec)
{
    const xai_conv *conv = node->state;
    const float *gy = xai_grad_out(exec, node, 0);
    float *gw = xai_grad_in(exec, node, 1), *gb = xai_grad_in(exec, node, 2);
    if (gy && gw) xai_conv_open_weight_gradient(conv, exec, xai_in_f32(exec, node, 0), gy, gw);
    if (gy && gb) xai_conv_open_bias_gradient(&conv->plan->out, gy, gb);
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    const xai_conv *conv = node->state;
    if (conv->plan->pixels && exec->grads[node->out[0]->id]) gate_in_place(node, exec, exec->grads[node->out[0]->id]);
    xai_conv_run r = {
        .conv = conv,
        .parts = conv->plan->backward,
        .part_count = conv->plan->backward_count,
        .exec = exec,
        .backward = true,
        .from = conv->plan->out,
        .to = conv->plan->in,
        .source = xai_grad_out(exec, node, 0),
        .policy = exec->policy,
        .target = xai_grad_in(exec, node, 0),
    };
    if (conv->open) weight_gradients(node, exec);
    if (!r.source || !r.target || r.part_count == 0) return;
    if (!xai_clamp_is_none(conv->act) && !conv->plan->pixels)
        r.gate_y = exec->policy == XAI_POLICY_DECONV ? r.source : xai_out_f32(exec, node, 0);
    run(node, &r);
}

static xai_order order(const xai_node *node)
{
    const xai_shape *in = &node->in[0]->shape;
    const xai_conv *conv = node->state;
    bool pixels = in->rank == 4 && !conv->open && xai_conv_takes_pixels(conv, in->dim[1]);
    return pixels ? XAI_ORDER_LAST : XAI_ORDER_PLAIN;
}

static void describe(const xai_node *node, char *text, size_t size)
{
    const xai_conv *conv = node->state;
    const xai_conv_plan *plan = conv->plan;
    const char *pixels = xai_conv_takes_winograd(conv) ? "winograd or dense" : conv->group > 1 ? "groups" : "dense";
    const char *way = plan->depthwise ? "depthwise" : plan->pixels ? pixels : "gemm";
    snprintf(text, size, "%s%s%s%s", plan->pixels ? "channels last, " : "", way, plan->forward.bf16 ? " bf16" : "",
             xai_has_input(node, XAI_CONV_RESIDUAL) ? ", sum" : "");
}

static const xai_op_case CASES[] = {
    {"same_upper_odd_kernel", {"2x3x5x6", "~4x3x3x3", "~4", NULL}, "auto_pad=SAME_UPPER;strides=2,2", 0},
    {"same_lower_even_kernel", {"1x2x6x5", "~3x2x2x4", NULL}, "auto_pad=SAME_LOWER;strides=2,1", 0},
    {"pointwise", {"2x9x5x7", "~7x9x1x1", "~7", NULL}, "", 0},
    {"pointwise_stride_two", {"2x5x7x6", "~8x5x1x1", NULL}, "strides=2,2", 0},
    {"depthwise_3x3", {"2x5x9x11", "~5x1x3x3", "~5", NULL}, "group=5;pads=1,1,1,1", 0},
    {"depthwise_3x3_stride_two", {"1x4x9x8", "~4x1x3x3", "~4", NULL}, "group=4;pads=0,0,1,1;strides=2,2", 0},
    {"depthwise_5x5", {"1x3x7x7", "~3x1x5x5", "~3", NULL}, "group=3;pads=2,2,2,2", 0},
    {"depthwise_5x5_stride_two", {"1x3x14x13", "~3x1x5x5", NULL}, "group=3;pads=1,2,2,1;strides=2,2", 0},
    {"depthwise_multiplier_two", {"1x3x6x6", "~6x1x3x3", "~6", NULL}, "group=3;pads=1,1,1,1", 0},
    {"depthwise_dilated_stride_three",
     {"1x3x19x17", "~3x1x3x2", NULL},
     "group=3;dilations=2,4;strides=3,3;pads=2,3,0,1",
     0},
    {"depthwise_vectors_3x3", {"2x35x4x16", "~35x1x3x3", "~35", NULL}, "group=35;pads=1,1,1,1", 0},
    {"depthwise_vectors_3x3_stride_two", {"1x19x9x15", "~19x1x3x3", "~19", NULL}, "group=19;pads=1,0,1,1;strides=2,2", 0},
    {"depthwise_vectors_5x5", {"1x17x7x7", "~17x1x5x5", "~17", NULL}, "group=17;pads=2,2,2,2", 0},
    {"depthwise_vectors_5x5_stride_two", {"1x17x14x14", "~17x1x5x5", NULL}, "group=17;pads=1,1,2,2;strides=2,2", 0},
    {"depthwise_vectors_7x7", {"1x18x5x9", "~18x1x7x7", "~18", NULL}, "group=18;pads=3,3,3,3", 0},
    {"depthwise_vectors_dilated", {"1x17x8x9", "~17x1x3x3", NULL}, "group=17;dilations=2,3;pads=2,3,2,3", 0},
    {"grouped_dilated", {"2x6x8x9", "~4x3x3x2", "~4", NULL}, "group=2;dilations=2,3;pads=2,1,0,2", 0},
    {"groups_of_four", {"2x24x6x5", "~24x4x3x3", "~24", NULL}, "group=6;pads=1,1,1,1", 0},
    {"groups_of_eight_stride_two", {"1x40x7x8", "~40x8x3x3", NULL}, "group=5;pads=1,1,1,1;strides=2,2", 0},
    {"groups_widen", {"1x12x5x6", "~36x4x3x3", "~36", NULL}, "group=3;pads=1,1,1,1", 0},
    {"groups_narrow", {"1x60x4x5", "~9x20x1x1", "~9", NULL}, "group=3", 0},
    {"groups_of_several_panels", {"1x144x3x3", "~144x72x1x3", NULL}, "group=2;pads=0,1,0,1", 0},
    {"stride_beyond_kernel", {"1x2x9x9", "~3x2x2x2", NULL}, "strides=3,4", 0},
    {"open_weight", {"2x3x5x6", "4x3x3x3", "4", NULL}, "auto_pad=SAME_UPPER;strides=2,2", 0},
    {"open_weight_grouped_dilated", {"2x6x8x9", "4x3x3x2", NULL}, "group=2;dilations=2,3;pads=2,1,0,2", 0},
    {"open_weight_depthwise", {"2x3x7x7", "6x1x3x3", "6", NULL}, "group=3;pads=1,1,1,1;strides=2,1", 0},
    {"open_weight_in_several_bands", {"1x64x24x40", "3x64x5x5", NULL}, "pads=2,2,2,2", 0},
    {"open_bias", {"2x3x5x4", "~4x3x1x1", "4", NULL}, "", 0},
    {"picture_stem", {"1x3x11x10", "~20x3x7x7", "~20", NULL}, "strides=2,2;pads=3,3,3,3", 0},
    {"several_panels_and_blocks", {"1x70x3x4", "~70x70x1x1", "~70", NULL}, "", 0},
    {"several_even_pieces", {"1x17x14x14", "~20x17x1x1", NULL}, "", 0},
    {"long_taps", {"1x33x4x4", "~52x33x3x3", NULL}, "pads=1,1,1,1", 0},
    {"one_dimensional", {"2x3x11", "~5x3x4", "~5", NULL}, "strides=2;pads=1,2;dilations=2", 0},
    {0},
};

const xai_op xai_op_conv = {
    .type = "Conv",
    .min_in = 2,
    .max_in = 3,
    .max_out = 1,
    .state_size = sizeof(xai_conv),
    .setup = setup,
    .prepare = prepare,
    .prepare_fast = prepare_fast,
    .prepare_backward = prepare_backward,
    .forward = forward,
    .backward = backward,
    .reach = reach,
    .forward_box = forward_box,
    .bilinear = true,
    .flow = XAI_FLOW_WEIGH,
    .order = order,
    .describe = describe,
    .cases = CASES,
};
