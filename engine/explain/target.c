/*
 * Targets: checked against a model, resolved to an aim, and evaluated. Sums run in the order of the cells, in double
 * precision. Pure.
 */
#include "target.h"

#include "cells.h"
#include "coverage.h"

#include <inttypes.h>
#include <stdio.h>

static bool has_class(const xai_target *t) { return t->kind <= XAI_TARGET_MASK; }

/* ---------------------------------------------------------------- check */

static xai_status check_class(const xai_model *m, int64_t class_index, const char *where, xai_error *err)
{
    XAI_CHECK(class_index < m->info.classes, err, UNKNOWN_CLASS, where,
              "there is no class %" PRId64 ": the model has classes 0 to %" PRId64, class_index, m->info.classes - 1);
    return XAI_OK;
}

static xai_status check_classes(const xai_model *m, const xai_target *t, xai_error *err)
{
    XAI_TRY(check_class(m, t->class_index, "target.class", err));
    XAI_TRY(check_class(m, t->contrast, "target.contrast", err));
    XAI_CHECK(t->contrast < 0 || t->contrast != t->class_index, err, BAD_PARAM, "target.contrast",
              "a class cannot be contrasted with itself");
    return t->kind == XAI_TARGET_CLASS ? XAI_OK : xai_coverage_check(m, t, err);
}

static xai_status check_index(int64_t index, int64_t count, const char *tensor, const char *what, const char *where,
                              xai_error *err)
{
    XAI_CHECK(index >= 0 && index < count, err, BAD_PARAM, where, "'%s' has %s 0 to %" PRId64 "; there is no %" PRId64,
              tensor, what, count - 1, index);
    return XAI_OK;
}

static xai_status check_neuron(const xai_model *m, xai_target *t, xai_error *err)
{
    XAI_CHECK(t->tensor, err, BAD_PARAM, "target.neuron.layer", "a neuron needs its layer");
    XAI_TRY(xai_model_find_layer(m, t->tensor, &t->tensor, err));
    const xai_value *v = xai_program_find(m->outline, t->tensor);
    XAI_CHECK(v->dtype == XAI_F32 && v->shape.rank >= 2 && v->shape.dim[0] == 1, err, BAD_PARAM, "target.neuron.layer",
              "'%s' has no channels: name a layer with float values, one sample and at least 2 dimensions", t->tensor);
    XAI_TRY(check_index(t->index, v->shape.dim[1], t->tensor, "channels", "target.neuron.channel", err));
    if (t->row < 0 && t->col < 0) return XAI_OK;
    XAI_CHECK(v->shape.rank == 4, err, BAD_PARAM, "target.neuron.position", "'%s' has no map: leave the position out",
              t->tensor);
    XAI_TRY(check_index(t->row, v->shape.dim[2], t->tensor, "rows", "target.neuron.position", err));
    return check_index(t->col, v->shape.dim[3], t->tensor, "columns", "target.neuron.position", err);
}

static xai_status check_output(const xai_model *m, xai_target *t, xai_error *err)
{
    XAI_TRY(xai_model_find_output(m, t->tensor ? t->tensor : m->info.output_name, &t->tensor, err));
    const xai_value *v = xai_program_find(m->outline, t->tensor);
    return check_index(t->index, xai_value_count(v), t->tensor, "elements", "target.output.index", err);
}

xai_status xai_target_check(const xai_model *m, xai_target *t, xai_error *err)
{
    if (!has_class(t)) XAI_TRY(t->kind == XAI_TARGET_NEURON ? check_neuron(m, t, err) : check_output(m, t, err));
    else XAI_TRY(check_classes(m, t, err));
    XAI_CHECK(has_class(t) || t->contrast < 0, err, BAD_PARAM, "target.contrast",
              "a contrast is for classes; this target is none");
    return t->space == XAI_SPACE_PROBABILITY ? xai_target_check_probability(m, t, err) : XAI_OK;
}

xai_status xai_target_check_probability(const xai_model *m, const xai_target *t, xai_error *err)
{
    XAI_CHECK(has_class(t), err, BAD_PARAM, "target.space",
              "a neuron or an output has no probability, only its raw value: space is 'logit'");
    XAI_CHECK(m->link != XAI_LINK_NONE, err, BAD_PARAM, "target.space",
              "the model's head is 'regression': its numbers are no probabilities; space is 'logit'");
    return XAI_OK;
}

const char *xai_target_tensor(const xai_model *m, const xai_target *t) { return has_class(t) ? m->logits : t->tensor; }

xai_space xai_target_space(const xai_model *m, const xai_target *t, xai_space usual)
{
    if (!has_class(t) || m->link == XAI_LINK_NONE) return XAI_SPACE_LOGIT;
    return t->space == XAI_SPACE_DEFAULT ? usual : t->space;
}

xai_status xai_target_name(const xai_model *m, const xai_target *t, xai_arena *arena, const char **out, xai_error *err)
{
    if (has_class(t)) *out = m->info.labels[t->class_index];
    else if (t->kind == XAI_TARGET_NEURON && t->row >= 0)
        *out = xai_arena_printf(arena, "%s[%" PRId64 "] at %" PRId64 ",%" PRId64, t->tensor, t->index, t->row, t->col);
    else *out = xai_arena_printf(arena, "%s[%" PRId64 "]", t->tensor, t->index);
    if (!*out) XAI_NO_MEMORY(err);
    return XAI_OK;
}

/* ---------------------------------------------------------------- aim */

/* The elements of a neuron's or an output's target: they lie side by side. */
static void find_elements(xai_aim *a)
{
    const xai_target *t = &a->target;
    const xai_shape *s = &a->value->shape;
    a->first = (size_t)t->index;
    a->count = 1;
    if (t->kind != XAI_TARGET_NEURON) return;
    a->count = (size_t)xai_shape_span(s, 2, s->rank);
    a->first *= a->count;
    if (t->row < 0) return;
    a->first += (size_t)(t->row * s->dim[3] + t->col);
    a->count = 1;
}

xai_status xai_aim_init(xai_aim *a, const xai_context *c, const xai_target *target, xai_error *err)
{
    const char *tensor = xai_target_tensor(c->model, target);
    *a = (xai_aim){.model = c->model, .target = *target, .value = xai_program_find(c->program, tensor), .scale = 1};
    XAI_CHECK(a->value, err, INTERNAL, tensor, "the program does not compute '%s'", tensor);
    if (!has_class(target)) {
        find_elements(a);
        return XAI_OK;
    }
    int64_t count = xai_cell_count(c->model);
    float *shares = XAI_NEW(c->arena, float, (size_t)count);
    if (!shares) XAI_NO_MEMORY(err);
    XAI_TRY(xai_coverage_fill(c->model, target, shares, err));
    for (int64_t i = 0; i < count; i++) a->total += (double)shares[i];
    a->shares = shares;
    return XAI_OK;
}

static double class_value(const xai_aim *a, const xai_cell *cell, int64_t class_index)
{
    return a->target.space == XAI_SPACE_PROBABILITY ? xai_cell_probability(cell, class_index)
                                                    : xai_cell_score(cell, class_index);
}

double xai_aim_value(const xai_aim *a, const float *data)
{
    const xai_target *t = &a->target;
    double sum = 0, against = 0;
    for (size_t i = 0; i < a->count; i++) sum += (double)data[a->first + i];
    for (int64_t i = 0; has_class(t) && i < xai_cell_count(a->model); i++) {
        if (a->shares[i] == 0) continue;
        xai_cell cell = xai_cell_at(a->model, data, i);
        sum += (double)a->shares[i] * class_value(a, &cell, t->class_index);
        if (t->contrast >= 0) against += (double)a->shares[i] * class_value(a, &cell, t->contrast);
    }
    return a->scale * (t->contrast < 0 ? sum : sum - against);
}

/* ---------------------------------------------------------------- gradient */

/* seed += weight * d value(class) / d scores of one cell. Softmax: p_k (delta - p); sigmoid: p (1 - p). */
static void add_class_seed(const xai_aim *a, const xai_cell *cell, int64_t class_index, float weight, float *seed)
{
    const xai_model *m = a->model;
    size_t stride = m->cells.class_stride;
    float own = (float)class_value(a, cell, class_index);
    if (a->target.space != XAI_SPACE_PROBABILITY) seed[(size_t)class_index * stride] += weight;
    else if (m->link == XAI_LINK_SIGMOID) seed[(size_t)class_index * stride] += weight * own * (1 - own);
    else
        for (int64_t k = 0; k < m->cells.classes; k++)
            seed[(size_t)k * stride] +=
                weight * own * ((k == class_index ? 1.0F : 0.0F) - (float)xai_cell_probability(cell, k));
}

void xai_aim_add_seed(const xai_aim *a, const float *data, float *seed)
{
    const xai_target *t = &a->target;
    for (size_t i = 0; i < a->count; i++) seed[a->first + i] += (float)a->scale;
    for (int64_t i = 0; has_class(t) && i < xai_cell_count(a->model); i++) {
        if (a->shares[i] == 0) continue;
        xai_cell cell = xai_cell_at(a->model, data, i);
        float weight = a->shares[i] * (float)a->scale, *at = seed + (cell.scores - data);
        add_class_seed(a, &cell, t->class_index, weight, at);
        if (t->contrast >= 0) add_class_seed(a, &cell, t->contrast, -weight, at);
    }
}

void xai_aim_add_parts(const xai_aim *a, const float *data, float *parts)
{
    const xai_target *t = &a->target;
    size_t stride = a->model->cells.class_stride;
    for (size_t i = a->first; i < a->first + a->count; i++) parts[i] += (float)a->scale * data[i];
    for (int64_t i = 0; has_class(t) && i < xai_cell_count(a->model); i++) {
        if (a->shares[i] == 0) continue;
        xai_cell cell = xai_cell_at(a->model, data, i);
        double weight = (double)a->shares[i] * a->scale;
        float *at = parts + (cell.scores - data);
        at[(size_t)t->class_index * stride] += (float)(weight * class_value(a, &cell, t->class_index));
        if (t->contrast >= 0) at[(size_t)t->contrast * stride] -= (float)(weight * class_value(a, &cell, t->contrast));
    }
}

/* ---------------------------------------------------------------- classes */

static double mean_score(const xai_aim *a, const float *logits, int64_t class_index)
{
    const xai_cells *c = &a->model->cells;
    const float *scores = logits + (size_t)class_index * c->class_stride;
    double sum = 0;
    for (int64_t i = 0; i < c->rows * c->cols; i++) {
        size_t at = (size_t)(i / c->cols) * c->row_stride + (size_t)(i % c->cols) * c->col_stride;
        sum += (double)a->shares[i] * (double)scores[at];
    }
    return sum / a->total;
}

int64_t xai_aim_top_class(const xai_aim *a, const float *logits)
{
    int64_t best = 0;
    double top = mean_score(a, logits, 0);
    for (int64_t k = 1; k < a->model->info.classes; k++) {
        double score = mean_score(a, logits, k);
        if (score <= top) continue;
        top = score;
        best = k;
    }
    return best;
}

void xai_aim_rank(const xai_aim *a, const float *logits, xai_prediction *top, size_t room)
{
    size_t count = 0;
    for (int64_t k = 0; k < a->model->info.classes; k++) {
        float score = (float)mean_score(a, logits, k);
        size_t at = count < room ? count++ : room;
        for (; at > 0 && top[at - 1].logit < score; at--)
            if (at < room) top[at] = top[at - 1];
        if (at < room) top[at] = (xai_prediction){.class_index = k, .logit = score};
    }
    xai_aim one = *a;
    one.target.contrast = -1;
    one.target.space = XAI_SPACE_PROBABILITY;
    one.scale = 1 / a->total;
    for (size_t i = 0; i < count; i++) {
        one.target.class_index = top[i].class_index;
        top[i].name = a->model->info.labels[top[i].class_index];
        top[i].probability = (float)xai_aim_value(&one, logits);
    }
}
