/* What the stored document of a SAG says, for probes and quizzes. No state. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { MAX_REGIONS = 256 };

const json_t *api_find_sag(const json_t *root, const char *wanted)
{
    json_t *results = json_object_get(root, "results"), *result;
    size_t i;
    json_array_foreach(results, i, result) {
        const char *method = json_string_value(json_object_get(result, "method"));
        if (wanted && strtoul(wanted, NULL, 10) != i) continue;
        if (method && strcmp(method, "sag") == 0) return result;
    }
    return NULL;
}

const json_t *api_sag_graph(const json_t *sag)
{
    json_t *list = json_object_get(sag, "artifacts"), *artifact;
    size_t i;
    json_array_foreach(list, i, artifact) {
        const json_t *data = json_object_get(artifact, "data");
        if (json_object_get(data, "regions")) return data;
    }
    return NULL;
}

size_t api_sag_regions(const json_t *sag)
{
    json_int_t count = json_integer_value(json_object_get(json_object_get(api_sag_graph(sag), "regions"), "count"));
    return count > 0 && count <= MAX_REGIONS ? (size_t)count : 0;
}

json_t *api_mask_patches(const char *mask)
{
    json_t *list = json_array();
    size_t digits = strlen(mask);
    for (size_t patch = 0; patch < 4 * digits; patch++) {
        char digit = mask[digits - 1 - patch / 4];
        unsigned value = (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
        if (value >> (patch % 4) & 1) json_array_append_new(list, json_integer((json_int_t)patch));
    }
    return list;
}
