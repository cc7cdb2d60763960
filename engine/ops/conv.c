/*
 * Conv: 1-D and 2-D convolution with a constant weight; any group, stride, dilation and padding.
 *
 * An output sums over (input channel, kernel row, kernel column) in this order, beginning with the bias.
 */
#include "conv.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    xai_conv *conv = node->state;
    xai_plane in;
    XAI_TRY(xai_plane_of(node, &node->in[0]->shape, &in, err));
    const xai_tensor *weight = node->in[1]->constant;
    const xai_tensor *bias = xai_has_input(node, 2) ? node->in[2]->constant : NULL;
    XAI_NODE_CHECK(weight && (bias || !xai_has_input(node, 2)), node, UNSUPPORTED_OP, err,
                   "the weight must be a constant of the model");
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32 && weight->dtype == XAI_F32 && (!bias || bias->dtype == XAI_F32),
                   node, UNSUPPORTED_OP, err, "only float32 is served");
    int rank = node->in[0]->shape.rank;
    XAI_NODE_CHECK(weight->shape.rank == rank, node, BAD_MODEL, err, "weight and input differ in rank");
    const int64_t *dim = weight->shape.dim;
    const int64_t kernel[2] = {rank == 4 ? dim[2] : 1, dim[rank - 1]};
    int64_t out[2];
    XAI_TRY(xai_window_read(node, kernel, false, &conv->window, out, err));
    conv->group = xai_attr_int(node, "group", 1);
    conv->channels = dim[0];
    XAI_NODE_CHECK(conv->group >= 1 && in.c == dim[1] * conv->group && dim[0] >= 1 && dim[0] % conv->group == 0, node,
                   BAD_MODEL, err, "%lld input channels do not fit a weight of %lld x %lld in %lld groups",
                   (long long)in.c, (long long)dim[0], (long long)dim[1], (long long)conv->group);
    XAI_NODE_CHECK(!bias || xai_tensor_count(bias) == dim[0], node, BAD_MODEL, err, "the bias has %lld elements",
                   bias ? (long long)xai_tensor_count(bias) : 0LL);
    conv->weight = weight->data;
    conv->bias = bias ? bias->data : NULL;
    conv->act = xai_clamp_none();
    xai_shape shape = xai_window_shape(&node->in[0]->shape, dim[0], out);
    XAI_TRY(xai_node_output(node, 0, XAI_F32, &shape, err));
    node->macs = (double)xai_shape_count(&shape) * (double)(dim[1] * kernel[0] * kernel[1]);
    return XAI_OK;
}

static float one_output(const xai_conv *c, const xai_plane *in, const float *x, const float *w, int64_t oy, int64_t ox)
{
    float sum = 0;
    const xai_window *win = &c->window;
    for (int64_t ch = 0; ch < in->c / c->group; ch++)
        for (int64_t ky = 0; ky < win->kernel[0]; ky++)
            for (int64_t kx = 0; kx < win->kernel[1]; kx++, w++) {
                int64_t iy = oy * win->stride[0] + ky * win->dilation[0] - win->pads[0];
                int64_t ix = ox * win->stride[1] + kx * win->dilation[1] - win->pads[1];
                if (iy < 0 || iy >= in->h || ix < 0 || ix >= in->w) continue;
                sum += *w * x[(ch * in->h + iy) * in->w + ix];
            }
    return sum;
}

typedef struct forward_run {
    const xai_conv *conv;
    const float *x;
    float *y;
    xai_plane in, out;
} forward_run;

static void forward_channel(void *context, size_t index, int thread)
{
    (void)thread;
    const forward_run *run = context;
    const xai_conv *c = run->conv;
    int64_t image = (int64_t)index / run->out.c, m = (int64_t)index % run->out.c;
    int64_t per_group = run->in.c / c->group, first = m / (c->channels / c->group) * per_group;
    const float *x = run->x + (image * run->in.c + first) * run->in.h * run->in.w;
    const float *w = c->weight + m * per_group * c->window.kernel[0] * c->window.kernel[1];
    float *y = run->y + (int64_t)index * run->out.h * run->out.w;
    for (int64_t oy = 0; oy < run->out.h; oy++)
        for (int64_t ox = 0; ox < run->out.w; ox++) {
            float sum = (c->bias ? c->bias[m] : 0) + one_output(c, &run->in, x, w, oy, ox);
            y[oy * run->out.w + ox] = xai_clamp_apply(c->act, sum);
        }
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    forward_run run = {.conv = node->state, .x = xai_in_f32(exec, node, 0), .y = xai_out_f32(exec, node, 0)};
    xai_plane_of(node, &node->in[0]->shape, &run.in, NULL);
    xai_plane_of(node, &node->out[0]->shape, &run.out, NULL);
    xai_par_for(exec->par, (size_t)(run.out.n * run.out.c), forward_channel, &run);
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
    {"grouped_dilated", {"2x6x8x9", "~4x3x3x2", "~4", NULL}, "group=2;dilations=2,3;pads=2,1,0,2", 0},
    {"stride_beyond_kernel", {"1x2x9x9", "~3x2x2x2", NULL}, "strides=3,4", 0},
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
    .forward = forward,
    .cases = CASES,
};
