/*
 * From a rule to a map: the terms of a layer, and what they are collapsed to. Sums run in the order of cells and
 * channels, in double precision. Pure.
 */
#include "cam.h"

#include "component.h"

#include <math.h>
#include <stdlib.h>

/* A rule at work on one layer. */
typedef struct work {
    const xai_cam_rule *rule;
    const xai_cam_layer *layer;
    double *weights; /* of the channels; NULL: the rule has none */
    double *row;     /* the terms of one channel */
} work;

static void fill_row(const work *w, int64_t k)
{
    const xai_cam_layer *layer = w->layer;
    const float *a = layer->a + k * layer->area;
    double weight = w->weights ? w->weights[k] : 1;
    if (w->rule->terms) w->rule->terms(layer, k, w->row);
    else
        for (int64_t i = 0; i < layer->area; i++) w->row[i] = weight * (double)a[i];
}

static void sum_terms(const work *w, double *map)
{
    for (int64_t i = 0; i < w->layer->area; i++) map[i] = 0;
    for (int64_t k = 0; k < w->layer->channels; k++) {
        fill_row(w, k);
        for (int64_t i = 0; i < w->layer->area; i++) map[i] += w->row[i];
    }
}

static xai_status collapse_terms(const work *w, xai_cam_collapse *collapse, double *map, xai_error *err)
{
    int64_t area = w->layer->area;
    float *terms = calloc((size_t)(w->layer->channels * area), sizeof *terms);
    if (!terms) XAI_NO_MEMORY(err);
    for (int64_t k = 0; k < w->layer->channels; k++) {
        fill_row(w, k);
        for (int64_t i = 0; i < area; i++) terms[k * area + i] = (float)w->row[i];
    }
    xai_status status = collapse(w->layer, terms, map, err);
    free(terms);
    return status;
}

static xai_status map_with(xai_task *task, const void *params, work *w, double *map, xai_error *err)
{
    const xai_cam_rule *rule = w->rule;
    bool smooth = ((const xai_cam_options *)params)->eigen_smooth;
    if (rule->weights) XAI_TRY(rule->weights(task, w->layer, params, w->weights, err));
    if (rule->collapse || smooth)
        return collapse_terms(w, rule->collapse ? rule->collapse : xai_cam_component, map, err);
    sum_terms(w, map);
    return XAI_OK;
}

xai_status xai_cam_map(xai_task *task, const void *params, const xai_cam_rule *rule, const xai_cam_layer *layer,
                       double *map, xai_error *err)
{
    work w = {.rule = rule, .layer = layer};
    xai_status status = XAI_OK;
    if (rule->map) return rule->map(task, layer, params, map, err);
    w.row = calloc((size_t)layer->area, sizeof *w.row);
    if (rule->weights) w.weights = calloc((size_t)layer->channels, sizeof *w.weights);
    if (!w.row || (rule->weights && !w.weights)) status = XAI_ERROR_SET(err, NO_MEMORY, "", "out of memory");
    else status = map_with(task, params, &w, map, err);
    free(w.row);
    free(w.weights);
    return status;
}

/* ---------------------------------------------------------------- the first principal component */

void xai_cam_centre(const xai_cam_layer *layer, float *terms)
{
    for (int64_t k = 0; k < layer->channels; k++) {
        float *row = terms + k * layer->area;
        double sum = 0;
        for (int64_t i = 0; i < layer->area; i++) sum += (double)row[i];
        sum /= (double)layer->area;
        for (int64_t i = 0; i < layer->area; i++) row[i] = (float)((double)row[i] - sum);
    }
}

typedef struct rows {
    const float *values;
    int64_t count, length;
} rows;

/* out = sum over rows of row (row . v): the cells' scatter matrix, which is never formed. */
static void scatter(const void *user, const double *v, double *out)
{
    const rows *r = user;
    for (int64_t i = 0; i < r->length; i++) out[i] = 0;
    for (int64_t k = 0; k < r->count; k++) {
        const float *row = r->values + k * r->length;
        double dot = 0;
        for (int64_t i = 0; i < r->length; i++) dot += (double)row[i] * v[i];
        for (int64_t i = 0; i < r->length; i++) out[i] += dot * (double)row[i];
    }
}

/* sum over cells of map * mean activation, up to a positive factor; the map's own mean is 0. */
static double agreement(const xai_cam_layer *layer, const double *map)
{
    double sum = 0;
    for (int64_t k = 0; k < layer->channels; k++)
        for (int64_t i = 0; i < layer->area; i++) sum += map[i] * (double)layer->a[k * layer->area + i];
    return sum;
}

/* With terms = U S V', a cell's projection on the first column of V is that of U S. */
xai_status xai_cam_component(const xai_cam_layer *layer, float *terms, double *map, xai_error *err)
{
    rows r = {terms, layer->channels, layer->area};
    double value;
    xai_cam_centre(layer, terms);
    XAI_TRY(xai_leading_vector((size_t)layer->area, scatter, &r, map, &value, err));
    double scale = sqrt(fmax(value, 0));
    if (agreement(layer, map) < 0) scale = -scale;
    for (int64_t i = 0; i < layer->area; i++) map[i] *= scale;
    return XAI_OK;
}
