/*
 * Workers: a few threads that run handlers, so that parsing a large body or writing the store never holds up the
 * event threads.
 *
 * The queue is linked through the exchanges and cannot outgrow the number of connections. First come, first served.
 */
#include "inner.h"

#include <stdlib.h>

struct http_workers {
    http_server *server;
    pthread_mutex_t lock;
    pthread_cond_t more;
    http_exchange *first, *last;
    bool ending;
    int count;
    pthread_t threads[];
};

/* NULL: the end. */
static http_exchange *take(http_workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    while (!workers->first && !workers->ending) pthread_cond_wait(&workers->more, &workers->lock);
    http_exchange *exchange = workers->first;
    if (exchange) {
        workers->first = exchange->next;
        if (!workers->first) workers->last = NULL;
    }
    pthread_mutex_unlock(&workers->lock);
    return exchange;
}

static void *run(void *user)
{
    http_workers *workers = user;
    const http_handlers *handlers = &workers->server->handlers;
    for (http_exchange *exchange; (exchange = take(workers)) != NULL;)
        handlers->handle(handlers->user, &exchange->request);
    return NULL;
}

http_workers *http_workers_new(http_server *server, int threads)
{
    http_workers *workers = calloc(1, sizeof *workers + (size_t)threads * sizeof workers->threads[0]);
    if (!workers) return NULL;
    workers->server = server;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->more, NULL);
    for (; workers->count < threads; workers->count++)
        if (pthread_create(&workers->threads[workers->count], NULL, run, workers) != 0) {
            http_workers_free(workers);
            return NULL;
        }
    return workers;
}

void http_workers_push(http_workers *workers, http_exchange *exchange)
{
    exchange->next = NULL;
    pthread_mutex_lock(&workers->lock);
    if (workers->last) workers->last->next = exchange;
    else workers->first = exchange;
    workers->last = exchange;
    pthread_cond_signal(&workers->more);
    pthread_mutex_unlock(&workers->lock);
}

void http_workers_free(http_workers *workers)
{
    if (!workers) return;
    pthread_mutex_lock(&workers->lock);
    workers->ending = true;
    pthread_cond_broadcast(&workers->more);
    pthread_mutex_unlock(&workers->lock);
    for (int i = 0; i < workers->count; i++) pthread_join(workers->threads[i], NULL);
    pthread_cond_destroy(&workers->more);
    pthread_mutex_destroy(&workers->lock);
    free(workers);
}
