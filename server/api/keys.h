/*
 * API keys: a file with one "NAME SHA256 [QUOTA]" a line, '#' begins a comment. SHA256 is of the key itself, so the
 * file does not give keys away: printf %s "$KEY" | sha256sum. Read once.
 */
#ifndef EXPLAIND_API_KEYS_H
#define EXPLAIND_API_KEYS_H

#include "base/error.h"

typedef struct api_keys api_keys;

typedef struct api_key {
    char name[64];
    char sha256[65];
    int quota; /* unfinished jobs */
} api_key;

xai_status api_keys_read(const char *path, int quota, api_keys **out, xai_error *err);
void api_keys_free(api_keys *keys);

/* The key of an Authorization header ("Bearer KEY"), or NULL. Takes the same time for every wrong key. */
const api_key *api_keys_find(const api_keys *keys, const char *authorization);

#endif
