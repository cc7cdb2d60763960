/*
 * Answer: how a handler's answer finds its way back to a sleeping connection.
 *
 * An exchange has two owners: the connection (until libmicrohttpd reports it completed) and the handler (until it
 * answers, or until its event stream is closed). Either may come to its end first: a client can go away while the
 * handler works, and a stopping server answers in the handler's place.
 *
 * Invariants, under exchange->lock: `suspended` is true exactly while libmicrohttpd has the connection suspended by
 * us, so each suspend meets one resume; `connection` is not NULL while it is true. After the resume the exchange may
 * be freed by the event thread, so nothing touches it then but through a reference.
 */
#include "inner.h"

static http_exchange *exchange_of(api_request *request) { return (http_exchange *)(void *)request; }

/* Under the lock. */
static void resume(http_exchange *exchange)
{
    if (!exchange->suspended) return;
    exchange->suspended = false;
    MHD_resume_connection(exchange->connection);
    atomic_fetch_sub(&exchange->server->sleeping, 1);
}

/* Under the lock, on the event thread. The count goes up before `stopping` is read, and the stopping server reads
 * them the other way round: either we see that it stops, or it sees that we sleep. */
static bool suspend(http_exchange *exchange)
{
    http_server *server = exchange->server;
    atomic_fetch_add(&server->sleeping, 1);
    if (atomic_load(&server->stopping)) {
        atomic_fetch_sub(&server->sleeping, 1);
        return false;
    }
    MHD_suspend_connection(exchange->connection);
    exchange->suspended = true;
    return true;
}

/* Under the lock: the server answers in the handler's place. */
static void answer_for_handler(http_exchange *exchange)
{
    static const http_verdict stopping = {503, "stopping", "The service is being stopped; try again in a moment."};
    if (exchange->answered) return;
    http_reply_problem(exchange, stopping);
    exchange->answered = true;
    atomic_fetch_sub(&exchange->server->handling, 1);
}

bool http_answer_wait(http_exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    bool waits = !exchange->answered;
    if (waits && !exchange->suspended && !suspend(exchange)) {
        answer_for_handler(exchange);
        waits = false;
    }
    pthread_mutex_unlock(&exchange->lock);
    return waits;
}

bool http_answer_pause(http_exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    bool pauses = !exchange->wake_pending && !exchange->stream_ended && suspend(exchange);
    pthread_mutex_unlock(&exchange->lock);
    return pauses;
}

static void complete(api_request *request, api_response *response)
{
    http_exchange *exchange = exchange_of(request);
    api_response late = {0};
    pthread_mutex_lock(&exchange->lock);
    while (exchange->in_gone) pthread_cond_wait(&exchange->changed, &exchange->lock);
    exchange->on_gone = NULL;
    bool streams = response->events.next != NULL && !exchange->answered;
    if (exchange->answered) { /* by the stopping server */
        late = *response;
    } else {
        exchange->response = *response;
        exchange->answered = true;
        atomic_fetch_sub(&exchange->server->handling, 1);
        resume(exchange);
    }
    pthread_mutex_unlock(&exchange->lock);
    api_response_clear(&late);
    if (!streams) http_exchange_unref(exchange); /* a stream keeps the handler's reference until it is closed */
}

static bool on_gone(api_request *request, void (*gone)(void *user), void *user)
{
    http_exchange *exchange = exchange_of(request);
    pthread_mutex_lock(&exchange->lock);
    bool here = !exchange->gone;
    if (here) {
        exchange->on_gone = gone;
        exchange->gone_user = user;
    }
    pthread_mutex_unlock(&exchange->lock);
    return here;
}

static void wake(api_request *request)
{
    http_exchange *exchange = exchange_of(request);
    pthread_mutex_lock(&exchange->lock);
    exchange->wake_pending = true;
    if (exchange->answered) resume(exchange);
    pthread_mutex_unlock(&exchange->lock);
}

const api_transport http_transport = {complete, on_gone, wake};

void http_answer_gone(http_exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    exchange->gone = true;
    void (*gone)(void *) = exchange->on_gone;
    exchange->on_gone = NULL;
    if (gone) exchange->in_gone = true;
    if (exchange->answered) { /* a stream: its reader notices */
        exchange->stream_ended = true;
        resume(exchange);
    }
    pthread_mutex_unlock(&exchange->lock);
    if (!gone) return;
    gone(exchange->gone_user);
    pthread_mutex_lock(&exchange->lock);
    exchange->in_gone = false;
    pthread_cond_broadcast(&exchange->changed);
    pthread_mutex_unlock(&exchange->lock);
}

void http_answer_force(http_exchange *exchange)
{
    http_answer_gone(exchange); /* nobody will read what the handler makes */
    pthread_mutex_lock(&exchange->lock);
    answer_for_handler(exchange);
    resume(exchange);
    pthread_mutex_unlock(&exchange->lock);
}
