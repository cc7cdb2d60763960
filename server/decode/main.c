/*
 * explaind-decode: decodes one image in a process that can do nothing else. See protocol.h.
 *
 * The sandbox is entered before a byte of the image is read. Any failure to confine or to answer is an exit code; the
 * server takes everything but 0 for a crash.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decode/protocol.h"
#include "decode/sandbox.h"
#include "xai.h"

enum { ARGUMENTS = 6, EXIT_ARGUMENTS = 64, EXIT_NOT_CONFINED = 77, EXIT_NO_ANSWER = 74 };

static bool parse(const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && text[0] != '-';
}

static bool parse_arguments(int count, char **arguments, xai_image_limits *limits, explaind_sandbox_limits *sandbox)
{
    uint64_t v[ARGUMENTS];
    if (count != ARGUMENTS + 1) return false;
    for (int i = 0; i < ARGUMENTS; i++)
        if (!parse(arguments[i + 1], &v[i]) || v[i] > INT64_MAX / 4) return false;
    if (v[2] > INT32_MAX || v[3] > INT32_MAX) return false;
    *limits = (xai_image_limits){
        .max_bytes = (size_t)v[0], .max_pixels = (int64_t)v[1], .max_side = (int)v[2], .max_scans = (int)v[3]};
    *sandbox = (explaind_sandbox_limits){
        .cpu_seconds = v[4], .memory = v[5], .answer_bytes = sizeof(explaind_decode_answer) + 3 * v[1]};
    return true;
}

static bool read_all(int fd, void *to, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = read(fd, (char *)to + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        done += (size_t)n;
    }
    return true;
}

static bool write_all(int fd, const void *from, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, (const char *)from + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        done += (size_t)n;
    }
    return true;
}

static xai_status decode(size_t size, const xai_image_limits *limits, xai_image **image, xai_error *err)
{
    if (size > limits->max_bytes) {
        snprintf(err->msg, sizeof err->msg, "the file has %zu bytes; at most %zu are accepted", size,
                 limits->max_bytes);
        return XAI_E_TOO_LARGE;
    }
    uint8_t *bytes = malloc(size ? size : 1);
    if (!bytes) {
        snprintf(err->msg, sizeof err->msg, "out of memory");
        return XAI_E_NO_MEMORY;
    }
    if (!read_all(EXPLAIND_DECODE_IMAGE_FD, bytes, size)) _exit(EXIT_NO_ANSWER);
    xai_status status = xai_image_decode(bytes, size, limits, image, err);
    free(bytes);
    return status;
}

static bool answer(xai_status status, const xai_image *image, const xai_error *err)
{
    explaind_decode_answer a = {.magic = EXPLAIND_DECODE_MAGIC, .status = (int32_t)status};
    snprintf(a.where, sizeof a.where, "%.*s", (int)sizeof a.where - 1, err->where);
    snprintf(a.msg, sizeof a.msg, "%s", err->msg);
    if (status == XAI_OK) {
        a.width = image->width;
        a.height = image->height;
        a.orientation = image->orientation;
        a.bytes = (uint64_t)image->width * (uint64_t)image->height * 3;
    }
    return write_all(EXPLAIND_DECODE_ANSWER_FD, &a, sizeof a) &&
           (status != XAI_OK || write_all(EXPLAIND_DECODE_ANSWER_FD, image->rgb, (size_t)a.bytes));
}

int main(int argc, char **argv)
{
    xai_image_limits limits;
    explaind_sandbox_limits sandbox;
    explaind_decode_order order;
    xai_error err = {0};
    xai_image *image = NULL;
    if (!parse_arguments(argc, argv, &limits, &sandbox)) return EXIT_ARGUMENTS;
    if (!explaind_sandbox_enter(&sandbox)) return EXIT_NOT_CONFINED;
    /* No order: the server has ended, or needs no decoder any more. */
    if (!read_all(EXPLAIND_DECODE_ORDER_FD, &order, sizeof order)) _exit(0);
    xai_status status = decode((size_t)order.size, &limits, &image, &err);
    _exit(answer(status, image, &err) ? 0 : EXIT_NO_ANSWER);
}
