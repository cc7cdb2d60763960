/*
 * Probes: what the network says to other patch sets of a finished SAG, under the very conditions of that SAG.
 *
 * {"patches":[3,4]} is one set, {"masks":["0000000000018", ...]} are many. ?result=N picks one of several SAGs.
 */
#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "json/read.h"

enum { MAX_PROBES = 64, MAX_REGIONS = 256 };

/* ---------------------------------------------------------------- masks */

static xai_status mask_of_patches(const xai_json_at *patches, size_t regions, char mask[MAX_REGIONS / 4 + 1],
                                  xai_error *err)
{
    size_t digits = (regions + 3) / 4;
    XAI_TRY(xai_json_check_array(patches, 0, regions, err));
    memset(mask, '0', digits);
    mask[digits] = '\0';
    for (size_t i = 0; i < json_array_size(patches->value); i++) {
        xai_json_at item = xai_json_item(patches, i);
        int64_t patch = -1;
        XAI_TRY(xai_json_get_int(&item, 0, (int64_t)regions - 1, &patch, err));
        if (patch < 0) XAI_JSON_FAIL(err, &item, "must be the number of a patch");
        char *digit = &mask[digits - 1 - (size_t)patch / 4];
        unsigned value = (unsigned)(*digit <= '9' ? *digit - '0' : *digit - 'a' + 10) | 1u << (patch % 4);
        *digit = "0123456789abcdef"[value];
    }
    return XAI_OK;
}

static xai_status check_mask(const xai_json_at *at, size_t regions, xai_error *err)
{
    size_t digits = (regions + 3) / 4;
    const char *text = NULL;
    XAI_TRY(xai_json_get_text(at, &text, err));
    bool ok = text && strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
    unsigned unused = (unsigned)(digits * 4 - regions), first = 0;
    if (ok) first = (unsigned)(text[0] <= '9' ? text[0] - '0' : text[0] - 'a' + 10);
    if (!ok || first >> (4 - unused) != 0)
        XAI_JSON_FAIL(err, at, "must be %zu lower-case hex digits, bit i for patch i of %zu", digits, regions);
    return XAI_OK;
}

static xai_status read_masks(const json_t *body, size_t regions, json_t *masks, xai_error *err)
{
    xai_json_at root = xai_json_root(body, XAI_E_BAD_PARAM);
    XAI_TRY(xai_json_check_object(&root, "patches|masks", err));
    xai_json_at patches = xai_json_member(&root, "patches"), many = xai_json_member(&root, "masks");
    if (!patches.value == !many.value) XAI_JSON_FAIL(err, &root, "give either \"patches\" or \"masks\"");
    char mask[MAX_REGIONS / 4 + 1];
    if (patches.value) XAI_TRY(mask_of_patches(&patches, regions, mask, err));
    if (patches.value) json_array_append_new(masks, json_string(mask));
    if (!many.value) return XAI_OK;
    XAI_TRY(xai_json_check_array(&many, 1, MAX_PROBES, err));
    for (size_t i = 0; i < json_array_size(many.value); i++) {
        xai_json_at item = xai_json_item(&many, i);
        XAI_TRY(check_mask(&item, regions, err));
        json_array_append(masks, (json_t *)item.value);
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- the handler */

static xai_status make_task(api *a, api_request *request, const jobs_view *view, const json_t *root,
                            const json_t *body, jobs_task **task, xai_error *err)
{
    const json_t *sag = api_find_sag(root, api_request_query(request, "result"));
    XAI_CHECK(sag, err, BAD_PARAM, "", "this explanation has no SAG to probe");
    size_t regions = api_sag_regions(sag);
    XAI_CHECK(regions > 0, err, INTERNAL, "", "the stored SAG does not say how many regions it has");
    const char *model = json_string_value(json_object_get(json_object_get(root, "model"), "id"));
    json_t *masks = json_array();
    jobs_bytes *image = NULL;
    xai_status status = read_masks(body, regions, masks, err);
    if (status == XAI_OK) status = jobs_image(a->jobs, view->id, &image, err);
    if (status == XAI_OK && !image) status = XAI_ERROR_SET(err, INTERNAL, "", "the image is not stored any more");
    if (status == XAI_OK)
        status = jobs_task_probe(&a->engine, a->models, model, sag, masks, image, request->client, task, err);
    jobs_bytes_unref(image);
    json_decref(masks);
    return status;
}

static void then_probe(api *a, api_request *request, jobs_outcome outcome, const jobs_view *view)
{
    (void)a;
    (void)outcome;
    if (view->text) api_reply_bytes(request, 200, "application/json", jobs_bytes_ref(view->text));
    else api_reply_view_error(request, view);
}

static void probe(api *a, api_request *request, const jobs_view *view, const json_t *body)
{
    xai_error err;
    jobs_task *task = NULL;
    json_t *root = json_loadb((const char *)jobs_bytes_data(view->text), jobs_bytes_size(view->text), 0, NULL);
    xai_status status = root ? make_task(a, request, view, root, body, &task, &err)
                             : XAI_ERROR_SET(&err, NO_MEMORY, "", "out of memory");
    json_decref(root);
    api_wait wait = {.ms = a->config->wait_ms_max > 0 ? a->config->wait_ms_max : 1000};
    if (status == XAI_OK) api_submit(a, request, task, wait, then_probe);
    else api_reply_error(request, &err);
}

void api_post_probe(api *a, api_request *request, const api_path *path)
{
    jobs_view view;
    json_t *body;
    if (!api_find_job(a, request, path, &view)) return;
    bool ready = view.text && (view.state == STORE_DONE || view.state == STORE_PARTIAL);
    if (!ready) {
        api_reply_problem(request, WIRE_CONFLICT, "the explanation has no result (yet)");
    } else if (api_read_json(a, request, &body)) {
        probe(a, request, &view, body);
        json_decref(body);
    }
    jobs_view_clear(&view);
}
