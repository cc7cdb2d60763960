/* The table made from metrics.def. Pure. */
#include "metric.h"

#include <string.h>

#define XAI_METRIC(id) extern const xai_metric xai_metric_##id;
#include "metrics.def"
#undef XAI_METRIC

static const xai_metric *const METRICS[] = {
#define XAI_METRIC(id) &xai_metric_##id,
#include "metrics.def"
#undef XAI_METRIC
};

const xai_param XAI_METRIC_PLAIN[1] = {XAI_METRIC_PARAM(xai_metric_plain)};

size_t xai_metric_count(void) { return sizeof METRICS / sizeof METRICS[0]; }
const xai_metric_info *xai_metric_at(size_t index) { return &METRICS[index]->info; }

const xai_metric_info *xai_metric_find(const char *id)
{
    for (size_t i = 0; i < xai_metric_count(); i++)
        if (strcmp(METRICS[i]->info.id, id) == 0) return &METRICS[i]->info;
    return NULL;
}

const char *xai_better_name(xai_better better)
{
    static const char *const NAMES[] = {"none", "higher", "lower"};
    return NAMES[better];
}
