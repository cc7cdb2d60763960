/*
 * Decoding of images that come from outside, each in a sandboxed process of its own (server/decode).
 *
 * A decoder keeps one process started and waiting, so that a request pays for the work alone and not for the start.
 * What the process answers is checked as if it were hostile.
 */
#ifndef EXPLAIND_JOBS_DECODE_CLIENT_H
#define EXPLAIND_JOBS_DECODE_CLIENT_H

#include "xai.h"

typedef struct explaind_decoder_config {
    const char *binary; /* path of explaind-decode; outlives the decoder */
    xai_image_limits limits;
    int timeout_ms; /* for one image, > 0 */
    size_t memory;  /* address space of the process in bytes; 0: 1 GiB */
} explaind_decoder_config;

typedef struct explaind_decoder explaind_decoder; /* belongs to one thread at a time */

/* Starts the first process, so that a missing binary shows at once (INTERNAL). NO_MEMORY. */
xai_status explaind_decoder_new(const explaind_decoder_config *config, explaind_decoder **out, xai_error *err);
void explaind_decoder_free(explaind_decoder *decoder);

/*
 * Decodes one image. `token` (NULL: none) ends the wait within 10 ms of being cancelled.
 *
 * The statuses of xai_image_decode; BAD_IMAGE also for a process that crashed, TOO_LARGE for one that exceeded its
 * time, CANCELLED and DEADLINE by the token, INTERNAL when no process can be started or handed the bytes.
 */
xai_status explaind_decoder_run(explaind_decoder *decoder, const void *bytes, size_t size, const xai_token *token,
                                xai_image **out, xai_error *err);

/* Starts the next process where none is waiting; for a moment when nobody waits, such as after a job's end. A failure
 * shows in the next run. */
void explaind_decoder_prepare(explaind_decoder *decoder);

/* One image with a process of its own, without keeping one. `limits` NULL: XAI_IMAGE_LIMITS. */
xai_status explaind_decode(const char *binary, const void *bytes, size_t size, const xai_image_limits *limits,
                           int timeout_ms, const xai_token *token, xai_image **out, xai_error *err);

#endif
