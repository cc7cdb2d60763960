/* Records of what one request has computed. Belongs to the thread that runs the request. */
#include "shared.h"

#include <stdlib.h>
#include <string.h>

static void free_samples(xai_shared *s)
{
    for (xai_sample_record *r = s->samples, *next; r; r = next) {
        next = r->next;
        s->bytes -= r->room;
        free(r->values);
        free(r->floats);
        free(r);
    }
    s->samples = NULL;
}

void xai_shared_forget_gradients(xai_shared *s)
{
    for (xai_gradient_record *r = s->gradients, *next; r; r = next) {
        next = r->next;
        s->bytes -= (size_t)xai_value_count(r->by) * sizeof *r->values;
        free(r);
    }
    s->gradients = NULL;
}

void xai_shared_deinit(xai_shared *s)
{
    xai_shared_forget_gradients(s);
    free(s->variants.data);
    free_samples(s);
    *s = (xai_shared){0};
}

/* ---------------------------------------------------------------- gradients */

/* Aims of one target share its `shares`, so the pointer tells boxes and masks apart. */
static bool same_aim(const xai_aim *a, const xai_aim *b)
{
    return a->value == b->value && a->target.kind == b->target.kind &&
           a->target.class_index == b->target.class_index && a->target.contrast == b->target.contrast &&
           a->target.space == b->target.space && a->shares == b->shares && a->first == b->first &&
           a->count == b->count && a->scale == b->scale;
}

const float *xai_shared_gradient(const xai_shared *s, const xai_aim *aim, xai_policy policy, const xai_value *by)
{
    for (const xai_gradient_record *r = s->gradients; r; r = r->next)
        if (r->by == by && r->policy == policy && same_aim(&r->aim, aim)) return r->values;
    return NULL;
}

xai_status xai_shared_add_gradient(xai_shared *s, const xai_aim *aim, xai_policy policy, const xai_value *by,
                                   const float *values, xai_error *err)
{
    size_t bytes = (size_t)xai_value_count(by) * sizeof *values;
    if (s->bytes + bytes > XAI_SHARED_MOST || xai_shared_gradient(s, aim, policy, by)) return XAI_OK;
    xai_gradient_record *r = malloc(sizeof *r + bytes);
    if (!r) XAI_NO_MEMORY(err);
    *r = (xai_gradient_record){*aim, policy, by, s->gradients};
    memcpy(r->values, values, bytes);
    s->gradients = r;
    s->bytes += bytes;
    return XAI_OK;
}

/* ---------------------------------------------------------------- variants */

void xai_shared_next_target(xai_shared *s, bool again, const xai_aim *others, size_t other_count)
{
    xai_variant_record *v = &s->variants;
    v->at = s->calls = 0;
    s->others = others;
    s->other_count = other_count;
    if (again) return;
    free_samples(s);
    s->bytes -= v->room;
    free(v->data);
    *v = (xai_variant_record){0};
}

static size_t size_of(const xai_value *value) { return (size_t)xai_value_count(value) * sizeof(float); }

const float *xai_shared_variants(const xai_shared *s, const xai_value *value, size_t count)
{
    const xai_variant_record *v = &s->variants;
    if (v->value != value || v->at + count > v->count) return NULL;
    return v->data + v->at * (size_t)xai_value_count(value);
}

xai_status xai_shared_record(xai_shared *s, const xai_value *value, size_t count, float **out, xai_error *err)
{
    xai_variant_record *v = &s->variants;
    *out = NULL;
    if (!s->other_count || (v->value && v->value != value) || v->at > v->count) return XAI_OK;
    size_t one = size_of(value), room = (v->at + count) * one;
    if (count > XAI_SHARED_MOST / one || room > XAI_SHARED_MOST) return XAI_OK;
    if (room > v->room) {
        if (s->bytes - v->room + room > XAI_SHARED_MOST) return XAI_OK;
        float *more = realloc(v->data, room);
        if (!more) XAI_NO_MEMORY(err);
        s->bytes += room - v->room;
        v->data = more;
        v->room = room;
    }
    v->value = value;
    *out = v->data + v->at * (size_t)xai_value_count(value);
    return XAI_OK;
}

void xai_shared_advance(xai_shared *s, size_t count)
{
    xai_variant_record *v = &s->variants;
    v->at += count;
    if (s->other_count && v->value && v->at > v->count && v->at * size_of(v->value) <= v->room) v->count = v->at;
}

/* ---------------------------------------------------------------- samples */

const xai_sample_record *xai_shared_samples(const xai_shared *s, const xai_aim *aim, size_t count, size_t elements)
{
    for (const xai_sample_record *r = s->samples; r; r = r->next)
        if (r->call == s->calls && r->count == count && r->elements == elements && same_aim(&r->aim, aim)) return r;
    return NULL;
}

xai_status xai_shared_add_samples(xai_shared *s, const xai_aim *aim, size_t count, size_t elements,
                                  xai_sample_record **out, xai_error *err)
{
    *out = NULL;
    size_t one = elements * sizeof(float) + sizeof(double);
    if (count == 0 || count > XAI_SHARED_MOST / one || s->bytes + count * one > XAI_SHARED_MOST) return XAI_OK;
    xai_sample_record *r = calloc(1, sizeof *r);
    if (!r) XAI_NO_MEMORY(err);
    *r = (xai_sample_record){.aim = *aim, .call = s->calls, .elements = elements, .room = count * one,
                             .next = s->samples};
    s->samples = r;
    s->bytes += r->room;
    r->values = malloc(count * sizeof *r->values);
    r->floats = malloc(count * elements * sizeof *r->floats);
    if (!r->values || !r->floats) XAI_NO_MEMORY(err);
    *out = r;
    return XAI_OK;
}
