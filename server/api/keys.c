/* Keys by their hashes. Read-only after reading. */
#include "keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/sha256.h"

enum { MAX_KEYS = 10000 };

struct api_keys {
    size_t count, room;
    api_key *list;
};

void api_keys_free(api_keys *keys)
{
    if (!keys) return;
    free(keys->list);
    free(keys);
}

static bool is_digest(const char *text) { return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64; }

static xai_status add(api_keys *keys, const api_key *key, xai_error *err)
{
    for (size_t i = 0; i < keys->count; i++)
        XAI_CHECK(strcmp(keys->list[i].name, key->name) != 0, err, BAD_CONFIG, "keys_file", "two keys are called %s",
                  key->name);
    XAI_CHECK(keys->count < MAX_KEYS, err, BAD_CONFIG, "keys_file", "more than %d keys", MAX_KEYS);
    if (keys->count == keys->room) {
        size_t room = keys->room ? keys->room * 2 : 16;
        api_key *list = realloc(keys->list, room * sizeof *list);
        if (!list) XAI_NO_MEMORY(err);
        keys->list = list;
        keys->room = room;
    }
    keys->list[keys->count++] = *key;
    return XAI_OK;
}

static xai_status read_line(api_keys *keys, char *line, int number, int quota, xai_error *err)
{
    line[strcspn(line, "#\r\n")] = '\0';
    api_key key = {.quota = quota};
    char rest[2];
    int fields = sscanf(line, "%63s %64s %d %1s", key.name, key.sha256, &key.quota, rest);
    if (fields <= 0) return XAI_OK;
    XAI_CHECK((fields == 2 || fields == 3) && is_digest(key.sha256) && key.quota > 0, err, BAD_CONFIG, "keys_file",
              "line %d of the key file is not \"NAME SHA256 [QUOTA]\" (64 lower-case hex digits)", number);
    return add(keys, &key, err);
}

xai_status api_keys_read(const char *path, int quota, api_keys **out, xai_error *err)
{
    FILE *file = fopen(path, "r");
    XAI_CHECK(file, err, BAD_CONFIG, "keys_file", "cannot open the key file %s: %s", path, strerror(errno));
    api_keys *keys = calloc(1, sizeof *keys);
    xai_status status = keys ? XAI_OK : XAI_ERROR_SET(err, NO_MEMORY, "", "out of memory");
    char line[512];
    for (int number = 1; status == XAI_OK && fgets(line, sizeof line, file); number++)
        status = read_line(keys, line, number, quota, err);
    fclose(file);
    if (status == XAI_OK && keys->count == 0)
        status = XAI_ERROR_SET(err, BAD_CONFIG, "keys_file", "the key file %s has no keys: nobody could use the server", path);
    if (status == XAI_OK) *out = keys;
    else api_keys_free(keys);
    return status;
}

static bool equal_in_constant_time(const char *a, const char *b)
{
    unsigned difference = 0;
    for (int i = 0; i < 64; i++) difference |= (unsigned char)(a[i] ^ b[i]);
    return difference == 0;
}

const api_key *api_keys_find(const api_keys *keys, const char *authorization)
{
    if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0) return NULL;
    const char *key = authorization + 7 + strspn(authorization + 7, " ");
    char sha256[65];
    xai_sha256_hex(key, strlen(key), sha256);
    const api_key *found = NULL;
    for (size_t i = 0; i < keys->count; i++)
        if (equal_in_constant_time(keys->list[i].sha256, sha256)) found = &keys->list[i];
    return found;
}
