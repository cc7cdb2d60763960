/*
 * KPCA-CAM: the first component of the activations under a kernel, whatever the class. With x_i the channels of cell i,
 * each channel less its mean: K_ij = tanh(x_i . x_j / channels + 1), centred; the map is sqrt(lambda) u of its largest
 * eigenvalue, the entry of u that is largest in magnitude positive.
 *
 * Karmani et al., "KPCA-CAM: Visual Explainability of Deep Computer Vision Models Using Kernel PCA", arXiv 2410.00267.
 * As pytorch-grad-cam computes it with scikit-learn's KernelPCA, sign included. The kernel takes cells x cells floats,
 * so that layers of more than 56 x 56 cells are refused.
 */
#include "cam.h"

#include "component.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_CELLS = 56 * 56 };

static const xai_param PARAMS[] = {XAI_CAM_PARAMS(false), XAI_CAM_FUSE};

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    xai_layer_list list = xai_cam_layers(params);
    XAI_TRY(xai_cam_check(model, params, err));
    for (size_t i = 0; i < list.count; i++) {
        const xai_value *layer = xai_program_find(model->outline, list.names[i]);
        XAI_CHECK(layer->shape.dim[2] * layer->shape.dim[3] <= MOST_CELLS, err, BAD_PARAM, "params.layer",
                  "'%s' has more than 56 x 56 cells, and the kernel takes their number squared: name a deeper layer",
                  list.names[i]);
    }
    return XAI_OK;
}

/* Row i of the kernel, less tanh(1): centring takes constants out, and so small differences keep their digits. */
static void kernel_row(const xai_cam_layer *layer, const float *x, int64_t i, double *dots, float *row)
{
    for (int64_t j = 0; j < layer->area; j++) dots[j] = 0;
    for (int64_t k = 0; k < layer->channels; k++) {
        const float *cells = x + k * layer->area;
        double own = (double)cells[i];
        for (int64_t j = 0; j < layer->area; j++) dots[j] += own * (double)cells[j];
    }
    for (int64_t j = 0; j < layer->area; j++) row[j] = (float)(tanh(dots[j] / (double)layer->channels + 1) - tanh(1));
}

typedef struct kernel {
    int64_t n;
    const float *rows; /* n x n */
    double *shifted;
} kernel;

static double mean_of(const double *v, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += v[i];
    return sum / (double)n;
}

/* Centred on both sides: out = C K C v, with C v = v - mean(v). */
static void product(const void *user, const double *v, double *out)
{
    const kernel *k = user;
    double mean = mean_of(v, k->n);
    for (int64_t i = 0; i < k->n; i++) k->shifted[i] = v[i] - mean;
    for (int64_t i = 0; i < k->n; i++) {
        const float *row = k->rows + i * k->n;
        double sum = 0;
        for (int64_t j = 0; j < k->n; j++) sum += (double)row[j] * k->shifted[j];
        out[i] = sum;
    }
    mean = mean_of(out, k->n);
    for (int64_t i = 0; i < k->n; i++) out[i] -= mean;
}

/* u to sqrt(lambda) u, with the sign that makes the largest entry positive. */
static void scale_map(double *map, int64_t n, double lambda)
{
    int64_t top = 0;
    for (int64_t i = 1; i < n; i++)
        if (fabs(map[i]) > fabs(map[top])) top = i;
    double scale = sqrt(fmax(lambda, 0)) * (map[top] < 0 ? -1 : 1);
    for (int64_t i = 0; i < n; i++) map[i] *= scale;
}

static xai_status collapse(const xai_cam_layer *layer, float *terms, double *map, xai_error *err)
{
    int64_t n = layer->area;
    double lambda;
    float *rows = calloc((size_t)(n * n), sizeof *rows);
    kernel k = {n, rows, calloc((size_t)n, sizeof *k.shifted)};
    xai_status status = rows && k.shifted ? XAI_OK : XAI_ERROR_SET(err, NO_MEMORY, "", "out of memory");
    if (status == XAI_OK) {
        xai_cam_centre(layer, terms);
        for (int64_t i = 0; i < n; i++) kernel_row(layer, terms, i, k.shifted, rows + i * n);
        status = xai_leading_vector((size_t)n, product, &k, map, &lambda, err);
    }
    if (status == XAI_OK) scale_map(map, n, lambda);
    free(rows);
    free(k.shifted);
    return status;
}

static const xai_cam_rule RULE = {.collapse = collapse};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    return xai_cam_run(task, params, &RULE, err);
}

const xai_method xai_method_kpcacam = {
    .info = {.id = "kpcacam", .title = "KPCA-CAM", .family = "cam",
             .summary = "Eigen-CAM with a kernel: what the feature maps have in common beyond straight lines.",
             .paper = "arXiv:2410.00267", .version = 1, .needs = "layer", .cost = "1 forward", .params = PARAMS,
             .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_cam_options),
    XAI_CAM_ON_ACTIVATIONS(check),
    .run = run,
};
