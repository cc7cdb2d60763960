/* One mosaic for each photo. The four pictures are decoded anew for it; they lie in memory one mosaic long. */
#include "focus.h"

#include <math.h>

#include "metrics/map.h"
#include "metrics/mosaic.h"

typedef struct mosaic {
    size_t picks[XAI_MOSAIC];
    unsigned quadrants;
    int64_t class_index;
    xai_image *pictures[XAI_MOSAIC];
    xai_array sample;
} mosaic;

static xai_status draw(const xai_methods_study *s, const xai_study_photo *p, mosaic *m, xai_error *err)
{
    const xai_photo_set *set = p->set;
    int64_t *classes = XAI_NEW(p->arena, int64_t, set->count);
    if (!classes) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < set->count; i++) {
        classes[i] = set->photos[i].class_index;
        XAI_CHECK(classes[i] >= 0, err, BAD_REQUEST, "--evaluate", "focus needs a class for every photo: '%.80s' has none",
                  set->photos[i].file);
    }
    XAI_TRY(xai_mosaic_draw(s->seed, (size_t)(p->photo - set->photos), classes, set->count, m->picks, &m->quadrants, err));
    for (int i = 0; i < XAI_MOSAIC; i++)
        if (m->quadrants >> i & 1) m->class_index = classes[m->picks[i]];
    return XAI_OK;
}

static xai_status compose(const xai_methods_study *s, const xai_study_photo *p, mosaic *m, xai_error *err)
{
    const xai_image *pictures[XAI_MOSAIC];
    uint8_t *view;
    for (int i = 0; i < XAI_MOSAIC; i++) {
        XAI_TRY(xai_photo_load(p->set->folder, p->set->photos[m->picks[i]].file, &m->pictures[i], err));
        pictures[i] = m->pictures[i];
    }
    return xai_mosaic_make(s->model, pictures, p->arena, &m->sample, &view, err);
}

static xai_status measure(const xai_methods_study *s, const mosaic *m, const xai_method_call *call, double *value,
                          xai_error *err)
{
    xai_target target = {.class_index = m->class_index, .contrast = -1};
    xai_request request = {.model = s->model, .tensor = &m->sample, .calls = call, .call_count = 1, .targets = &target,
                           .target_count = 1, .seed = s->seed, .top = 1};
    xai_result *result;
    XAI_TRY(xai_explain(&request, s->pool, s->token, &result, err));
    const xai_artifact *map = xai_map_of(&result->explanations[0]);
    *value = map ? xai_mosaic_focus(map->values, (int)map->shape[0], (int)map->shape[1], m->quadrants, NULL) : (double)NAN;
    xai_result_free(result);
    return XAI_OK;
}

static xai_status measure_all(const xai_methods_study *s, const mosaic *m, xai_doc *const *rows, double *values,
                              xai_error *err)
{
    for (size_t i = 0; i < s->method_count; i++) {
        values[i] = (double)NAN;
        if (xai_record_failed(rows[i])) continue;
        xai_error why = {0};
        xai_status status = measure(s, m, &s->methods[i].call, &values[i], &why);
        if (xai_study_ends(status)) {
            if (err) *err = why;
            return status;
        }
        if (status != XAI_OK) xai_doc_put_text(rows[i], "focus_reason", why.msg);
    }
    return XAI_OK;
}

xai_status xai_study_focus(const xai_methods_study *s, const xai_study_photo *p, xai_doc *const *rows, double *values,
                           xai_error *err)
{
    mosaic *m = XAI_NEW(p->arena, mosaic, 1);
    if (!m) XAI_NO_MEMORY(err);
    xai_status status = draw(s, p, m, err);
    if (status == XAI_OK) status = compose(s, p, m, err);
    if (status == XAI_OK) status = measure_all(s, m, rows, values, err);
    for (int i = 0; i < XAI_MOSAIC; i++) xai_image_free(m->pictures[i]);
    return status;
}
