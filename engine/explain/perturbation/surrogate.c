/* The normal equations of centred data, in double precision, sums in the order of the samples. One thread. */
#include "surrogate.h"

#include "math/solve.h"

typedef struct fit {
    const xai_coalitions *c;
    size_t count, n;
    const double *weights;
    double *means, mean; /* of the members, of the value */
} fit;

static void take_means(fit *f)
{
    double total = 0;
    for (size_t i = 0; i < f->count; i++) {
        const uint64_t *row = xai_coalition_row(f->c, i);
        double w = f->weights[i];
        total += w;
        f->mean += w * xai_coalition_value(f->c, i);
        for (size_t j = 0; j < f->n; j++)
            if (xai_coalition_has(row, j)) f->means[j] += w;
    }
    f->mean /= total;
    for (size_t j = 0; j < f->n; j++) f->means[j] /= total;
}

static void add_sample(const fit *f, size_t i, double *centred, double *gram, double *right)
{
    const uint64_t *row = xai_coalition_row(f->c, i);
    double w = f->weights[i], value = xai_coalition_value(f->c, i) - f->mean;
    for (size_t j = 0; j < f->n; j++) centred[j] = (xai_coalition_has(row, j) ? 1 : 0) - f->means[j];
    for (size_t j = 0; j < f->n; j++) {
        double wx = w * centred[j];
        right[j] += wx * value;
        for (size_t k = 0; k <= j; k++) gram[j * f->n + k] += wx * centred[k];
    }
}

static double predict(const fit *f, const xai_surrogate *s, size_t i)
{
    const uint64_t *row = xai_coalition_row(f->c, i);
    double sum = s->intercept;
    for (size_t j = 0; j < f->n; j++)
        if (xai_coalition_has(row, j)) sum += s->coefficients[j];
    return sum;
}

static void judge(const fit *f, xai_surrogate *s)
{
    double left = 0, all = 0;
    for (size_t i = 0; i < f->count; i++) {
        double value = xai_coalition_value(f->c, i), off = value - predict(f, s, i);
        left += f->weights[i] * off * off;
        all += f->weights[i] * (value - f->mean) * (value - f->mean);
    }
    s->r2 = all > 0 ? 1 - left / all : left > 0 ? 0 : 1;
}

xai_status xai_surrogate_fit(const xai_coalitions *c, size_t count, const double *weights, double ridge,
                             xai_task *task, xai_surrogate *out, xai_error *err)
{
    size_t n = c->features->count;
    fit f = {.c = c, .count = count, .n = n, .weights = weights, .means = XAI_NEW(task->arena, double, n)};
    double *gram = XAI_NEW(task->arena, double, n * n), *centred = XAI_NEW(task->arena, double, n);
    *out = (xai_surrogate){.coefficients = XAI_NEW(task->arena, double, n)};
    if (!f.means || !gram || !centred || !out->coefficients) XAI_NO_MEMORY(err);
    take_means(&f);
    for (size_t i = 0; i < count; i++) {
        if (i % 64 == 0) XAI_TRY(xai_token_check(task->context->token, err));
        add_sample(&f, i, centred, gram, out->coefficients);
    }
    for (size_t j = 0; j < n; j++) gram[j * n + j] += ridge;
    XAI_TRY(xai_solve_semidefinite(gram, out->coefficients, n, &out->rank, task->arena, err));
    out->intercept = f.mean;
    for (size_t j = 0; j < n; j++) out->intercept -= out->coefficients[j] * f.means[j];
    judge(&f, out);
    return XAI_OK;
}
