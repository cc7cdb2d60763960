/* Grad-CAM's weighted sum of feature maps. Sums run in the order of cells and channels. One thread. */
#include "cam.h"

/* Mean over n values, summed in order. */
static double mean_of(const float *values, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)values[i];
    return sum / (double)n;
}

/* sum_k mean(g_k) A_k over `area` cells, in the order of the channels. */
static void weigh_channels(const float *a, const float *g, int64_t channels, int64_t area, double *sums)
{
    for (int64_t i = 0; i < area; i++) sums[i] = 0;
    for (int64_t k = 0; k < channels; k++) {
        double weight = mean_of(g + k * area, area);
        for (int64_t i = 0; i < area; i++) sums[i] += weight * (double)a[k * area + i];
    }
}

xai_status xai_task_gradcam(xai_task *task, const xai_value *layer, double *sums, xai_error *err)
{
    const int64_t *dim = layer->shape.dim;
    int64_t channels = dim[1], area = dim[2] * dim[3];
    float *g = XAI_NEW(task->arena, float, (size_t)(channels * area));
    if (!g) XAI_NO_MEMORY(err);
    XAI_TRY(xai_task_gradient(task, &(xai_wanted){layer, g}, 1, XAI_POLICY_PLAIN, err));
    xai_session *session;
    XAI_TRY(xai_context_kept_base(task->context, &session, err));
    weigh_channels(xai_session_value_data(session, layer), g, channels, area, sums);
    return XAI_OK;
}
