/* The loop over photos. One thread; the work spreads itself over the pool. */
#include "study.h"

#include "base/token.h"

#include <math.h>

static xai_status work_on(const xai_study *s, xai_study_photo *p, xai_error *err)
{
    xai_image *image = NULL;
    XAI_TRY(xai_photo_load(s->set->folder, p->photo->file, &image, err));
    p->image = image;
    xai_status status = s->work(s->user, p, err);
    xai_image_free(image);
    return status;
}

static xai_doc *begin_record(const xai_photo *photo, xai_arena *arena)
{
    xai_doc *record = xai_doc_object(arena);
    if (record) xai_doc_put_text(record, "file", photo->file);
    if (record && photo->class_index >= 0) xai_doc_put_int(record, "label", photo->class_index);
    return record;
}

/* A new record in place of what was begun: a failure leaves no half of one. */
static xai_doc *failure(const xai_photo *photo, xai_arena *arena, xai_status status, const xai_error *why)
{
    xai_doc *record = begin_record(photo, arena);
    if (!record) return NULL;
    xai_doc_put_text(record, "error", xai_status_id(status));
    xai_doc_put_text(record, "reason", why->msg);
    return record;
}

static xai_status run_one(const xai_study *s, size_t index, xai_arena *arena, xai_error *err)
{
    const xai_photo *photo = &s->set->photos[index];
    xai_study_photo p = {.set = s->set, .photo = photo, .arena = arena, .record = begin_record(photo, arena)};
    if (!p.record) XAI_NO_MEMORY(err);
    xai_error why = {0};
    xai_status status = work_on(s, &p, &why);
    if (xai_status_class(status) == XAI_CLASS_CANCELLED) {
        if (err) *err = why;
        return status;
    }
    if (status != XAI_OK) p.record = failure(photo, arena, status, &why);
    if (!xai_doc_ok(p.record)) XAI_NO_MEMORY(err);
    return s->keep(s->keeper, p.record, err);
}

/* The step-th photo to work on: steps halve the gaps (0, 1/2, 1/4, 3/4, 1/8, ... of the set). Beyond the set: none. */
static size_t spread(size_t step, size_t count)
{
    size_t index = 0, bits = 0;
    while ((size_t)1 << bits < count) bits++;
    for (size_t b = 0; b < bits; b++) index = index << 1 | (step >> b & 1);
    return index;
}

xai_status xai_study_run(const xai_study *s, xai_error *err)
{
    size_t steps = 1;
    while (steps < s->set->count) steps *= 2;
    for (size_t step = 0; step < steps; step++) {
        size_t i = spread(step, s->set->count);
        if (i >= s->set->count || s->known(s->keeper, s->set->photos[i].file)) continue;
        XAI_TRY(xai_token_check(s->token, err));
        xai_arena *arena = xai_arena_new(0);
        if (!arena) XAI_NO_MEMORY(err);
        xai_status status = run_one(s, i, arena, err);
        xai_arena_free(arena);
        XAI_TRY(status);
    }
    return XAI_OK;
}

bool xai_study_ends(xai_status status)
{
    return xai_status_class(status) == XAI_CLASS_CANCELLED || status == XAI_E_NO_MEMORY;
}

xai_status xai_study_target(const xai_study_look *look, const xai_study_photo *p, xai_target *target, xai_result **seen,
                            xai_error *err)
{
    int64_t label = p->photo->class_index;
    XAI_CHECK(!look->label || label >= 0, err, BAD_REQUEST, p->photo->file, "the photo has no label");
    *target = (xai_target){.class_index = look->label ? label : -1, .contrast = -1};
    xai_request request = {.model = look->model, .image = p->image, .targets = target, .target_count = 1, .top = 1};
    XAI_TRY(xai_explain(&request, look->pool, look->token, seen, err));
    const xai_prediction *first = &(*seen)->predictions[0];
    if (target->class_index < 0) target->class_index = first->class_index;
    xai_doc_put_int(p->record, "class", target->class_index);
    xai_doc_put_int(p->record, "top1", first->class_index);
    xai_doc_put_real(p->record, "top1_probability", (double)first->probability);
    if (label >= 0) xai_doc_put_bool(p->record, "right", label == first->class_index);
    return XAI_OK;
}

xai_doc *xai_study_protocol(const char *study, const xai_model *model, xai_arena *arena)
{
    const xai_model_info *info = xai_model_describe(model);
    xai_doc *doc = xai_doc_object(arena);
    if (!doc) return NULL;
    xai_doc_put_text(doc, "study", study);
    xai_doc_put_text(doc, "model", info->id);
    xai_doc_put_text(doc, "model_sha256", info->sha256);
    xai_doc_put_text(doc, "engine", XAI_VERSION);
    xai_doc_put_text(doc, "isa", xai_isa_name());
    return doc;
}

xai_doc *xai_study_failures(const xai_doc *const *records, size_t count, xai_arena *arena)
{
    xai_doc *list = xai_doc_array(arena);
    for (size_t i = 0; list && i < count; i++) {
        xai_doc *row = records[i] && xai_record_failed(records[i]) ? xai_doc_object(arena) : NULL;
        if (!row) continue;
        static const char *const KEYS[] = {"file", "error", "reason"};
        for (size_t k = 0; k < 3; k++) xai_doc_put_text(row, KEYS[k], xai_record_text(records[i], KEYS[k]));
        xai_doc_push(list, row);
    }
    return list;
}

double xai_record_number(const xai_doc *record, const char *key)
{
    const xai_doc *v = xai_doc_get(record, key);
    if (v && v->type == XAI_DOC_INT) return (double)v->integer;
    if (v && v->type == XAI_DOC_BOOL) return v->boolean ? 1 : 0;
    return v && v->type == XAI_DOC_REAL ? v->real : (double)NAN;
}

const char *xai_record_text(const xai_doc *record, const char *key)
{
    const xai_doc *v = xai_doc_get(record, key);
    return v && v->type == XAI_DOC_TEXT ? v->text : NULL;
}

bool xai_record_failed(const xai_doc *record) { return xai_doc_get(record, "error") != NULL; }
