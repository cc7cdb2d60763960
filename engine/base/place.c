/* Place: looks beside the running program. Reads the file system, changes nothing; any thread. */
#include "place.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The folder of this program, without the slash; "" if that cannot be told. */
static void program_folder(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    out[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(out, '/');
    out[slash ? slash - out : 0] = '\0';
}

const char *xai_place_find(const char *path, char *buffer, size_t size)
{
    static const char *const ABOVE[] = {"..", "../share/explaind"};
    char folder[4096];
    if (path[0] == '/' || access(path, F_OK) == 0) return path;
    program_folder(folder, sizeof folder);
    for (size_t i = 0; folder[0] && i < sizeof ABOVE / sizeof ABOVE[0]; i++) {
        int n = snprintf(buffer, size, "%s/%s/%s", folder, ABOVE[i], path);
        if (n > 0 && (size_t)n < size && access(buffer, F_OK) == 0) return buffer;
    }
    return path;
}
