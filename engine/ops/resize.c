/*
 * Resize: nearest, linear and cubic, with every coordinate mode, antialias and keep_aspect_ratio_policy. Scales,
 * sizes and the region are constants. The map itself is in resample.c.
 */
#include "resample.h"

#include <string.h>

static xai_status read_word(const xai_node *node, const char *name, const char *const *words, int fallback, int *out,
                            xai_error *err)
{
    const char *word = xai_attr_text(node, name, words[fallback]);
    for (*out = 0; words[*out]; ++*out)
        if (strcmp(word, words[*out]) == 0) return XAI_OK;
    return xai_node_fail(node, XAI_E_UNSUPPORTED_OP, err, "%s is \"%s\"", name, word);
}

/* Before opset 11 the one rule was: no shift, and the nearest as Upsample has it. */
static xai_status read_rule(const xai_node *node, xai_resample_rule *rule, xai_error *err)
{
    static const char *const MODES[] = {"nearest", "linear", "cubic", NULL};
    static const char *const COORDINATES[] = {"half_pixel",
                                              "half_pixel_symmetric",
                                              "pytorch_half_pixel",
                                              "align_corners",
                                              "asymmetric",
                                              "tf_half_pixel_for_nn",
                                              "tf_crop_and_resize",
                                              NULL};
    static const char *const ROUNDINGS[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL};
    bool old = node->opset < 11;
    int mode, coordinates, rounding;
    XAI_TRY(read_word(node, "mode", MODES, XAI_RESAMPLE_NEAREST, &mode, err));
    XAI_TRY(read_word(node, "coordinate_transformation_mode", COORDINATES,
                      old ? XAI_RESAMPLE_ASYMMETRIC : XAI_RESAMPLE_HALF_PIXEL, &coordinates, err));
    XAI_TRY(read_word(node, "nearest_mode", ROUNDINGS, XAI_RESAMPLE_ROUND_PREFER_FLOOR, &rounding, err));
    *rule = (xai_resample_rule){
        .mode = (xai_resample_mode)mode,
        .coordinates = (xai_resample_coordinates)coordinates,
        .rounding = old ? XAI_RESAMPLE_SIMPLE : (xai_resample_rounding)rounding,
        .cubic_a = xai_attr_real(node, "cubic_coeff_a", -0.75F),
        .exclude_outside = xai_attr_int(node, "exclude_outside", 0) != 0,
        .antialias = xai_attr_int(node, "antialias", 0) != 0,
        .extrapolation = xai_attr_real(node, "extrapolation_value", 0),
    };
    return XAI_OK;
}

/* The axes that scales, sizes and region speak of: `axes`, or all. */
typedef struct chosen {
    int axis[XAI_MAX_RANK];
    size_t count;
} chosen;

static xai_status read_axes(const xai_node *node, chosen *c, xai_error *err)
{
    const xai_shape *in = &node->in[0]->shape;
    size_t count;
    const int64_t *axes = xai_attr_ints(node, "axes", &count);
    bool seen[XAI_MAX_RANK] = {false};
    c->count = axes ? count : (size_t)in->rank;
    XAI_NODE_CHECK(c->count <= (size_t)in->rank, node, BAD_MODEL, err, "axes has %zu entries", c->count);
    for (size_t i = 0; i < c->count; i++) {
        c->axis[i] = xai_shape_axis(in, axes ? axes[i] : (int64_t)i);
        XAI_NODE_CHECK(c->axis[i] >= 0 && !seen[c->axis[i]], node, BAD_MODEL, err, "axes is out of range");
        seen[c->axis[i]] = true;
    }
    return XAI_OK;
}

/* Input i as a constant list of `count`; NULL where it is absent or empty. */
static xai_status read_list(const xai_node *node, int i, const char *name, size_t count, const xai_tensor **out,
                            xai_error *err)
{
    *out = NULL;
    if (!xai_has_input(node, i) || xai_value_count(node->in[i]) == 0) return XAI_OK;
    *out = node->in[i]->constant;
    XAI_NODE_CHECK(*out, node, UNSUPPORTED_OP, err, "%s must not depend on the image", name);
    XAI_NODE_CHECK(xai_tensor_count(*out) == (int64_t)count, node, BAD_MODEL, err, "%s has %lld entries for %zu axes",
                   name, (long long)xai_tensor_count(*out), count);
    return XAI_OK;
}

static xai_status check_extent(const xai_node *node, double extent, xai_error *err)
{
    XAI_NODE_CHECK(extent >= 0 && extent <= (double)XAI_MAX_ELEMENTS, node, BAD_MODEL, err,
                   "an axis would have %g positions", extent);
    return XAI_OK;
}

static xai_status use_scales(const xai_node *node, const chosen *c, const xai_tensor *scales, bool crops,
                             xai_resample_axis *axes, xai_error *err)
{
    for (size_t i = 0; i < c->count; i++) {
        xai_resample_axis *a = &axes[c->axis[i]];
        a->scale = (float)xai_tensor_real(scales, (int64_t)i);
        XAI_NODE_CHECK(a->scale > 0 && isfinite(a->scale), node, BAD_MODEL, err, "a scale is %g", (double)a->scale);
        double extent = (double)((float)a->in * (crops ? a->end - a->start : 1) * a->scale);
        XAI_TRY(check_extent(node, extent, err));
        a->out = (int64_t)extent;
    }
    return XAI_OK;
}

static xai_status use_sizes(const xai_node *node, const chosen *c, const xai_tensor *sizes, xai_resample_axis *axes,
                            xai_error *err)
{
    static const char *const POLICIES[] = {"stretch", "not_larger", "not_smaller", NULL};
    int policy;
    double common = 0;
    XAI_TRY(read_word(node, "keep_aspect_ratio_policy", POLICIES, 0, &policy, err));
    for (size_t i = 0; i < c->count; i++) {
        xai_resample_axis *a = &axes[c->axis[i]];
        a->out = xai_tensor_int(sizes, (int64_t)i);
        XAI_TRY(check_extent(node, (double)a->out, err));
        a->scale = (float)a->out / (float)a->in;
        double scale = (double)a->out / (double)a->in;
        if (i == 0 || (policy == 1 ? scale < common : scale > common)) common = scale;
    }
    for (size_t i = 0; i < c->count && policy > 0; i++) {
        xai_resample_axis *a = &axes[c->axis[i]];
        a->out = (int64_t)floor(common * (double)a->in + 0.5);
        a->scale = (float)common;
        XAI_TRY(check_extent(node, common * (double)a->in, err));
    }
    return XAI_OK;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    const xai_shape *in = &node->in[0]->shape;
    const xai_tensor *scales, *sizes, *region = NULL;
    xai_resample_rule rule;
    xai_resample_axis axes[XAI_MAX_RANK] = {{0}};
    chosen c;
    bool old = node->opset < 11;
    XAI_TRY(read_rule(node, &rule, err));
    XAI_TRY(read_axes(node, &c, err));
    XAI_TRY(read_list(node, old ? 1 : 2, "scales", c.count, &scales, err));
    XAI_TRY(read_list(node, 3, "sizes", c.count, &sizes, err));
    bool crops = rule.coordinates == XAI_RESAMPLE_TF_CROP_AND_RESIZE;
    if (crops) XAI_TRY(read_list(node, 1, "roi", 2 * c.count, &region, err));
    XAI_NODE_CHECK(!scales != !sizes, node, BAD_MODEL, err, "exactly one of scales and sizes must be given");
    XAI_NODE_CHECK(region || !crops, node, BAD_MODEL, err, "roi is missing");
    for (int i = 0; i < in->rank; i++)
        axes[i] = (xai_resample_axis){.in = in->dim[i], .out = in->dim[i], .scale = 1, .end = 1};
    for (size_t i = 0; i < c.count && region; i++) {
        axes[c.axis[i]].start = (float)xai_tensor_real(region, (int64_t)i);
        axes[c.axis[i]].end = (float)xai_tensor_real(region, (int64_t)(c.count + i));
    }
    XAI_NODE_CHECK(xai_shape_count(in) > 0, node, BAD_MODEL, err, "the input is empty");
    XAI_TRY(scales ? use_scales(node, &c, scales, crops, axes, err) : use_sizes(node, &c, sizes, axes, err));
    return xai_resample_setup(node, setup, &rule, axes, err);
}

#define MODES(words) "coordinate_transformation_mode=" words

static const xai_op_case CASES[] = {
    {"nearest_twice", {"1x2x3x4", "", "", "=1,2,6,8", NULL}, "", 0},
    {"nearest_smaller", {"1x2x7x9", "", "", "=1,2,3,4", NULL}, MODES("asymmetric") ";nearest_mode=floor", 0},
    {"linear_larger", {"2x2x4x3", "", "", "=2,2,7,9", NULL}, "mode=linear", 0},
    {"linear_smaller", {"2x2x8x9", "", "", "=2,2,3,4", NULL}, "mode=linear", 0},
    {"linear_align_corners", {"1x3x4x5", "", "", "=1,3,9,7", NULL}, "mode=linear;" MODES("align_corners"), 0},
    {"linear_of_torch", {"1x2x4x5", "", "", "=1,2,8,1", NULL}, "mode=linear;" MODES("pytorch_half_pixel"), 0},
    {"cubic_larger", {"1x2x5x4", "", "", "=1,2,8,9", NULL}, "mode=cubic", 0},
    {"cubic_excluding", {"1x2x5x4", "", "", "=1,2,8,3", NULL}, "mode=cubic;exclude_outside=1;cubic_coeff_a=-0.5", 0},
    {"smoothed", {"1x2x9x10", "", "", "=1,2,4,3", NULL}, "mode=linear;antialias=1", 18},
    {"smoothed_cubic", {"1x2x9x10", "", "", "=1,2,4,3", NULL}, "mode=cubic;antialias=1", 18},
    {"symmetric", {"1x2x4x5", "", "", "=7,8", NULL}, "mode=linear;axes=2,3;" MODES("half_pixel_symmetric"), 19},
    {"keeps_ratio", {"1x2x4x6", "", "", "=7,7", NULL}, "axes=2,3;keep_aspect_ratio_policy=not_larger", 18},
    {"channels_last", {"2x3x4x5", "", "", "=2,6,8,5", NULL}, "mode=linear", 0},
    {"three_axes", {"1x3x4x5", "", "", "=1,5,6,7", NULL}, "mode=linear", 0},
    {"nothing_changes", {"1x2x3x4", "", "", "=1,2,3,4", NULL}, "mode=linear", 0},
    {0},
};

const xai_op xai_op_resize = {
    .type = "Resize",
    .min_in = 1,
    .max_in = 4,
    .max_out = 1,
    .state_size = sizeof(xai_resample),
    .setup = setup,
    .forward = xai_resample_forward,
    .backward = xai_resample_backward,
    .linear = 1,
    .flow = XAI_FLOW_SHARE,
    .cases = CASES,
};
