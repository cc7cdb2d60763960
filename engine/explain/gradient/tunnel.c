/* Tunnel: the loop over noisy pictures. One thread; what is inside spreads its own passes. */
#include "tunnel.h"

#include <stdlib.h>
#include <string.h>

typedef struct tunnel {
    xai_attribute_fn *attribute;
    void *user;
    bool absolute;
    xai_noise noise;
    size_t count, done;     /* elements; pictures that are complete */
    float *input;           /* with noise */
    double *sum, *squares;  /* of complete ones */
    double *one;            /* of the one that runs */
} tunnel;

static xai_status attribute(const tunnel *t, const float *input, double *out, xai_error *err)
{
    XAI_TRY(t->attribute(t->user, input, out, err));
    for (size_t i = 0; t->absolute && i < t->count; i++) out[i] = fabs(out[i]);
    return XAI_OK;
}

static xai_status take_picture(tunnel *t, const xai_context *c, xai_error *err)
{
    memcpy(t->input, c->input, c->input_count * sizeof *t->input);
    xai_noise_add(&t->noise, t->done, 0, c->input_count, t->input);
    XAI_TRY(attribute(t, t->input, t->one, err));
    for (size_t i = 0; i < t->count; i++) {
        t->sum[i] += t->one[i];
        t->squares[i] += t->one[i] * t->one[i];
    }
    t->done++;
    return XAI_OK;
}

static xai_status take_all(tunnel *t, xai_task *task, xai_error *err)
{
    while (t->done < t->noise.samples) {
        xai_status status = take_picture(t, task->context, err);
        if (status == XAI_E_DEADLINE && t->done > 0) break;
        XAI_TRY(status);
    }
    task->result->partial = t->done < t->noise.samples;
    if (!task->result->partial) return XAI_OK;
    return xai_task_warn(task, err, "The deadline came after %zu of %zu samples: the map is noisier than asked for.",
                         t->done, t->noise.samples);
}

static xai_status run_noisy(tunnel *t, xai_task *task, const xai_gradient_params *p, double *out, xai_error *err)
{
    double unit = p->noise_unit ? 1 : xai_input_range(task->context);
    XAI_TRY(xai_noise_init(&t->noise, task, (size_t)p->noise_samples, p->noise_sigma * unit, err));
    XAI_TRY(take_all(t, task, err));
    for (size_t i = 0; i < t->count; i++)
        out[i] = xai_noise_folded((xai_noise_fold)p->noise, t->sum[i], t->squares[i], t->done);
    return XAI_OK;
}

xai_status xai_tunnel_run(xai_task *task, const xai_gradient_params *p, xai_attribute_fn *fn, void *user, double *out,
                          size_t count, xai_error *err)
{
    tunnel t = {.attribute = fn, .user = user, .absolute = p->absolute, .count = count};
    if (p->noise == XAI_NOISE_NONE) return attribute(&t, task->context->input, out, err);
    double *room = t.sum = calloc(3 * count, sizeof *room);
    float *input = t.input = malloc(task->context->input_count * sizeof *input);
    xai_status status = room && input ? XAI_OK : XAI_ERROR_SET(err, NO_MEMORY, "", "out of memory");
    if (status == XAI_OK) {
        t.squares = room + count;
        t.one = room + 2 * count;
        status = run_noisy(&t, task, p, out, err);
    }
    free(room);
    free(input);
    return status;
}

double xai_tunnel_cost(const xai_gradient_params *p, double one)
{
    return 1 + (p->noise == XAI_NOISE_NONE ? 1 : (double)p->noise_samples) * one;
}
