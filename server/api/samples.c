/* The shipped pictures. The folder is looked at each time: it is small, and may be filled while the server runs. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "internal.h"

static const char *type_of(const char *name)
{
    static const char *const TYPES[][2] = {{".png", "image/png"}, {".jpg", "image/jpeg"}, {".jpeg", "image/jpeg"},
                                           {".bmp", "image/bmp"}};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof TYPES / sizeof TYPES[0]; i++)
        if (strcasecmp(dot, TYPES[i][0]) == 0) return TYPES[i][1];
    return NULL;
}

/* Names that need no escaping, and lead nowhere else. */
static bool is_plain(const char *name)
{
    static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return name[0] != '.' && name[strspn(name, PLAIN)] == '\0' && strlen(name) < 100;
}

static int is_sample(const struct dirent *entry) { return is_plain(entry->d_name) && type_of(entry->d_name); }

void api_get_samples(api *a, api_request *request, const api_path *path)
{
    (void)path;
    struct dirent **names = NULL;
    json_t *list = json_array();
    int n = a->config->samples_dir[0] ? scandir(a->config->samples_dir, &names, is_sample, alphasort) : 0;
    for (int i = 0; i < n; i++) {
        char href[300];
        snprintf(href, sizeof href, "/api/v1/samples/%s", names[i]->d_name);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "name", names[i]->d_name, "media_type",
                                              type_of(names[i]->d_name), "href", href));
        free(names[i]);
    }
    free(names);
    api_reply_json(request, 200, list);
}

static jobs_bytes *read_file(const char *path, size_t limit)
{
    struct stat info;
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    bool ok = fstat(fileno(file), &info) == 0 && S_ISREG(info.st_mode) && (size_t)info.st_size <= limit;
    jobs_bytes *bytes = ok ? jobs_bytes_new(NULL, (size_t)info.st_size) : NULL;
    if (bytes && fread(jobs_bytes_data(bytes), 1, (size_t)info.st_size, file) != (size_t)info.st_size) {
        jobs_bytes_unref(bytes);
        bytes = NULL;
    }
    fclose(file);
    return bytes;
}

void api_get_sample(api *a, api_request *request, const api_path *path)
{
    const char *name = path->segment[0];
    jobs_bytes *bytes = NULL;
    char file[4096];
    if (a->config->samples_dir[0] && is_plain(name) && type_of(name)) {
        int n = snprintf(file, sizeof file, "%s/%s", a->config->samples_dir, name);
        if (n > 0 && (size_t)n < sizeof file) bytes = read_file(file, (size_t)a->config->max_image_bytes);
    }
    if (!bytes) {
        api_reply_problem(request, WIRE_NOT_FOUND, "there is no such sample; GET /api/v1/samples lists them");
        return;
    }
    api_response response;
    api_response_init(&response, 200);
    api_put_bytes(&response, type_of(name), bytes);
    api_response_header(&response, "Cache-Control", "public, max-age=3600");
    api_complete(request, &response);
}
