/* Decoders: as many sandboxed decoders as there are workers, lent for one image each. */
#ifndef EXPLAIND_JOBS_DECODERS_H
#define EXPLAIND_JOBS_DECODERS_H

#include "decode_client.h"
#include "engine.h"

typedef struct jobs_decoders jobs_decoders;

/* `config` is copied but for its strings. Errors: INTERNAL when the decoder's program cannot be started. */
xai_status jobs_decoders_new(const explaind_decoder_config *config, int count, jobs_decoders **out, xai_error *err);
void jobs_decoders_free(jobs_decoders *decoders);

/* Fills in `decode`, `rest` and `decoder`. */
void jobs_decoders_serve(jobs_decoders *decoders, jobs_engine *engine);

#endif
