/* A stack of idle decoders behind a lock. A worker that finds it empty waits for another to bring one back. */
#include "decoders.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"

struct jobs_decoders {
    pthread_mutex_t lock;
    pthread_cond_t returned;
    int count, idle;
    explaind_decoder **stack; /* [0, idle) */
};

void jobs_decoders_free(jobs_decoders *d)
{
    if (!d) return;
    for (int i = 0; i < d->idle; i++) explaind_decoder_free(d->stack[i]);
    pthread_mutex_destroy(&d->lock);
    pthread_cond_destroy(&d->returned);
    free(d->stack);
    free(d);
}

xai_status jobs_decoders_new(const explaind_decoder_config *config, int count, jobs_decoders **out, xai_error *err)
{
    jobs_decoders *d = calloc(1, sizeof *d);
    if (!d) XAI_NO_MEMORY(err);
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->returned, NULL);
    d->stack = calloc((size_t)count, sizeof(explaind_decoder *));
    xai_status status = d->stack ? XAI_OK : XAI_ERROR_SET(err, NO_MEMORY, "", "out of memory");
    while (status == XAI_OK && d->count < count) {
        status = explaind_decoder_new(config, &d->stack[d->idle], err);
        if (status == XAI_OK) d->count = ++d->idle;
    }
    if (status == XAI_OK) *out = d;
    else jobs_decoders_free(d);
    return status;
}

static explaind_decoder *borrow(jobs_decoders *d)
{
    pthread_mutex_lock(&d->lock);
    while (d->idle == 0) pthread_cond_wait(&d->returned, &d->lock);
    explaind_decoder *decoder = d->stack[--d->idle];
    pthread_mutex_unlock(&d->lock);
    return decoder;
}

static void give_back(jobs_decoders *d, explaind_decoder *decoder)
{
    pthread_mutex_lock(&d->lock);
    assert(d->idle < d->count);
    d->stack[d->idle++] = decoder;
    pthread_cond_signal(&d->returned);
    pthread_mutex_unlock(&d->lock);
}

static xai_status decode(void *decoders, const void *bytes, size_t size, const xai_token *token, xai_image **out,
                         xai_error *err)
{
    explaind_decoder *decoder = borrow(decoders);
    xai_status status = explaind_decoder_run(decoder, bytes, size, token, out, err);
    give_back(decoders, decoder);
    return status;
}

/* The one lent last is on top: it is the one without a waiting process. */
static void rest(void *decoders)
{
    explaind_decoder *decoder = borrow(decoders);
    explaind_decoder_prepare(decoder);
    give_back(decoders, decoder);
}

void jobs_decoders_serve(jobs_decoders *decoders, jobs_engine *engine)
{
    engine->decode = decode;
    engine->rest = rest;
    engine->decoder = decoders;
}
