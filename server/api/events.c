/* Progress of an explanation as server-sent events; Last-Event-ID goes on where a broken stream ended. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

typedef struct stream {
    api_request *request; /* kept by the transport until close */
    jobs_subscription *subscription;
} stream;

static void wake(void *user) { api_wake(((stream *)user)->request); }

static api_next next(void *user, api_event *event)
{
    stream *s = user;
    jobs_event got;
    switch (jobs_next_event(s->subscription, &got)) {
    case JOBS_WAIT: return API_NEXT_WAIT;
    case JOBS_END: return API_NEXT_END;
    case JOBS_EVENT: break;
    }
    *event = (api_event){.id = got.id, .name = got.name, .data = strdup(got.data)};
    return event->data ? API_NEXT_EVENT : API_NEXT_END;
}

static void close_stream(void *user)
{
    stream *s = user;
    jobs_unsubscribe(s->subscription);
    free(s);
}

static uint64_t last_event_id(const api_request *request)
{
    const char *text = api_request_header(request, "Last-Event-ID");
    if (!text) text = api_request_query(request, "last_event_id"); /* for clients that cannot set headers */
    return text && strspn(text, "0123456789") == strlen(text) ? strtoull(text, NULL, 10) : 0;
}

void api_get_events(api *a, api_request *request, const api_path *path)
{
    jobs_view view;
    xai_error err = {0};
    if (!api_find_job(a, request, path, &view)) return;
    jobs_view_clear(&view);
    stream *s = calloc(1, sizeof *s);
    xai_status status = s ? XAI_OK : XAI_ERROR_SET(&err, NO_MEMORY, "", "out of memory");
    if (s) s->request = request;
    if (s) status = jobs_subscribe(a->jobs, view.id, last_event_id(request), wake, s, &s->subscription, &err);
    if (status != XAI_OK || !s->subscription) {
        free(s);
        if (status != XAI_OK) api_reply_error(request, &err);
        else api_reply_problem(request, WIRE_GONE, NULL);
        return;
    }
    api_response response;
    api_response_init(&response, 200);
    api_response_header(&response, "Cache-Control", "no-store");
    api_response_header(&response, "X-Accel-Buffering", "no");
    response.events = (api_events){.next = next, .close = close_stream, .user = s};
    api_complete(request, &response);
}
