/*
 * ConvTranspose: 1-D and 2-D; any group, stride, dilation and padding.
 *
 * It is the backward pass of a convolution from its output to its input, and its own backward pass is that
 * convolution: both run over the lattices of conv_lattice.h, as products of matrices (conv_gemm.c). An output is its
 * bias, then the products in the order of that backward pass. conv_open.c serves weights that are no constants.
 */
#include "conv_plan.h"

static xai_status check_weight(const xai_node *node, xai_error *err)
{
    const xai_value *weight = node->in[1], *bias = xai_has_input(node, 2) ? node->in[2] : NULL;
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32 && weight->dtype == XAI_F32 && (!bias || bias->dtype == XAI_F32),
                   node, UNSUPPORTED_OP, err, "only float32 is served");
    XAI_NODE_CHECK(weight->shape.rank == node->in[0]->shape.rank, node, BAD_MODEL, err,
                   "weight and input differ in rank");
    return XAI_OK;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    xai_conv *conv = node->state; /* the convolution from our output to our input */
    xai_plane in = {0};
    int64_t out[2];
    XAI_TRY(xai_plane_of(node, &node->in[0]->shape, &in, err));
    XAI_TRY(check_weight(node, err));
    const xai_value *weight = node->in[1];
    const int64_t *dim = weight->shape.dim;
    const int64_t kernel[2] = {weight->shape.rank == 4 ? dim[2] : 1, dim[weight->shape.rank - 1]};
    XAI_TRY(xai_window_read_transposed(node, kernel, &conv->window, out, err));
    conv->group = xai_attr_int(node, "group", 1);
    conv->channels = in.c;
    XAI_NODE_CHECK(in.c == dim[0] && dim[1] >= 1 && conv->group >= 1 && in.c % conv->group == 0, node, BAD_MODEL, err,
                   "%lld input channels do not fit a weight of %lld x %lld in %lld groups", (long long)in.c,
                   (long long)dim[0], (long long)dim[1], (long long)conv->group);
    XAI_NODE_CHECK(dim[1] <= XAI_MAX_ELEMENTS / conv->group, node, BAD_MODEL, err, "there are too many channels");
    int64_t channels = dim[1] * conv->group;
    if (xai_has_input(node, 2))
        XAI_NODE_CHECK(xai_value_count(node->in[2]) == channels, node, BAD_MODEL, err, "the bias has %lld elements",
                       (long long)xai_value_count(node->in[2]));
    conv->open = setup->open_weights || !weight->constant;
    conv->weight = weight->constant ? weight->constant->data : NULL;
    conv->act = xai_clamp_none();
    xai_shape shape = xai_window_shape(&node->in[0]->shape, channels, out);
    XAI_TRY(xai_node_output(node, 0, XAI_F32, &shape, err));
    node->macs = (double)xai_value_count(node->in[0]) * (double)(dim[1] * kernel[0] * kernel[1]);
    return XAI_OK;
}

/* Our forward pass: the classes of the convolution's backward pass. */
static xai_status prepare(xai_node *node, xai_setup *setup, xai_error *err)
{
    xai_conv *conv = node->state;
    xai_conv_plan *plan = conv->plan = XAI_NEW(setup->arena, xai_conv_plan, 1);
    xai_lattice *classes;
    if (!plan) XAI_NO_MEMORY(err);
    XAI_TRY(xai_plane_of(node, &node->out[0]->shape, &plan->in, err));
    XAI_TRY(xai_plane_of(node, &node->in[0]->shape, &plan->out, err));
    XAI_TRY(xai_conv_check_extents(node, plan, &conv->window, err));
    XAI_TRY(xai_lattice_backward(&conv->window, &plan->in, setup->arena, &classes, &plan->backward_count, err));
    plan->backward = XAI_NEW(setup->arena, xai_conv_part, (size_t)plan->backward_count);
    if (!plan->backward) XAI_NO_MEMORY(err);
    for (int i = 0; i < plan->backward_count; i++) {
        plan->backward[i].lattice = classes[i];
        if (!conv->open) XAI_TRY(xai_conv_gemm_pack(conv, true, &plan->backward[i], setup->arena, err));
    }
    if (conv->open) return xai_conv_open_reserve(node, true, plan->backward, plan->backward_count, err);
    node->scratch = xai_conv_gemm_scratch(conv);
    return XAI_OK;
}

static xai_status prepare_backward(xai_node *node, xai_setup *setup, xai_error *err)
{
    xai_conv *conv = node->state;
    xai_conv_part *part = &conv->plan->forward;
    XAI_TRY(xai_lattice_forward(&conv->window, &conv->plan->out, setup->arena, &part->lattice, err));
    if (!conv->open) return xai_conv_gemm_pack(conv, false, part, setup->arena, err);
    XAI_TRY(xai_conv_open_reserve_gradient(node, err));
    return xai_conv_open_reserve(node, false, part, 1, err);
}

typedef struct fill {
    const float *bias; /* NULL: zeros */
    float *y;
    int64_t channels, size; /* of a plane */
} fill;

static void fill_plane(void *context, size_t index, int thread)
{
    (void)thread;
    const fill *f = context;
    float value = f->bias ? f->bias[(int64_t)index % f->channels] : 0, *y = f->y + (int64_t)index * f->size;
    for (int64_t i = 0; i < f->size; i++) y[i] = value;
}

static void run(const xai_node *node, const xai_conv_run *run)
{
    if (run->conv->open) xai_conv_open_run(run, xai_in_f32(run->exec, node, 1));
    else xai_conv_gemm_run(run);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    const xai_conv *conv = node->state;
    const xai_plane *out = &conv->plan->in;
    fill f = {.y = xai_out_f32(exec, node, 0), .channels = out->c, .size = out->h * out->w};
    if (xai_has_input(node, 2)) f.bias = xai_in_f32(exec, node, 2);
    xai_par_for(exec->par, (size_t)(out->n * out->c), fill_plane, &f);
    run(node, &(xai_conv_run){
        .conv = conv,
        .parts = conv->plan->backward,
        .part_count = conv->plan->backward_count,
        .exec = exec,
        .backward = true,
        .from = conv->plan->out,
        .to = *out,
        .source = xai_in_f32(exec, node, 0),
        .target = f.y,
    });
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    const xai_conv *conv = node->state;
    xai_conv_run r = {
        .conv = conv,
        .parts = &conv->plan->forward,
        .part_count = 1,
        .exec = exec,
        .add = true,
        .from = conv->plan->in,
        .to = conv->plan->out,
        .source = xai_grad_out(exec, node, 0),
        .target = xai_grad_in(exec, node, 0),
    };
    float *gw = xai_grad_in(exec, node, 1), *gb = xai_grad_in(exec, node, 2);
    if (r.source && r.target) run(node, &r);
    if (r.source && gw) xai_conv_open_weight_gradient(conv, exec, r.source, xai_in_f32(exec, node, 0), gw);
    if (r.source && gb) xai_conv_open_bias_gradient(&conv->plan->in, r.source, gb);
}

static const xai_op_case CASES[] = {
    {"twice_as_large", {"2x3x5x6", "~3x4x2x2", "~4", NULL}, "strides=2,2", 0},
    {"overlapping", {"1x3x4x5", "~3x2x4x4", "~2", NULL}, "strides=2,2;pads=1,1,1,1", 0},
    {"output_padding", {"1x2x4x3", "~2x3x3x3", NULL}, "strides=2,2;pads=1,1,1,1;output_padding=1,1", 0},
    {"output_shape", {"1x2x3x3", "~2x3x3x3", "~3", NULL}, "strides=3,2;output_shape=10,8", 0},
    {"output_shape_beyond_reach", {"1x2x3x3", "~2x3x2x2", "~3", NULL}, "strides=3,2;output_shape=12,9", 0},
    {"same_upper", {"1x2x3x4", "~2x3x3x3", NULL}, "strides=2,2;auto_pad=SAME_UPPER", 0},
    {"same_lower", {"1x2x3x4", "~2x3x3x3", NULL}, "strides=2,2;auto_pad=SAME_LOWER", 0},
    {"grouped_dilated", {"2x6x5x4", "~6x2x3x2", "~4", NULL}, "group=2;dilations=2,3;pads=1,0,2,1", 0},
    {"depthwise_bilinear", {"1x5x4x4", "~5x1x4x4", NULL}, "group=5;strides=2,2;pads=1,1,1,1", 0},
    {"stride_beyond_kernel", {"1x2x3x4", "~2x3x2x1", "~3", NULL}, "strides=3,4", 0},
    {"open_weight", {"2x3x5x6", "3x4x3x2", "4", NULL}, "strides=2,2;pads=1,0,1,1", 0},
    {"open_weight_grouped_dilated", {"2x6x5x4", "6x2x3x2", NULL}, "group=2;dilations=2,3;pads=1,0,2,1", 0},
    {"open_bias", {"1x2x3x4", "~2x3x2x1", "3", NULL}, "", 0},
    {"one_dimensional", {"2x3x7", "~3x4x3", "~4", NULL}, "strides=2;pads=1,0;output_padding=1", 0},
    {0},
};

const xai_op xai_op_conv_transpose = {
    .type = "ConvTranspose",
    .min_in = 2,
    .max_in = 3,
    .max_out = 1,
    .state_size = sizeof(xai_conv),
    .setup = setup,
    .prepare = prepare,
    .prepare_backward = prepare_backward,
    .forward = forward,
    .backward = backward,
    .bilinear = true,
    .flow = XAI_FLOW_WEIGH,
    .cases = CASES,
};
