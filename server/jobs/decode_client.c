/*
 * The server's side of explaind-decode.
 *
 * Invariant: `next` is a process that waits for its first order, or none. Every run uses a process up. The answer is
 * read after the process has ended and with its memory sealed, so nothing changes between check and use; sizes are
 * compared with the file's, with each other and with the limits before anything is allocated.
 */
#include "jobs/decode_client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sha256.h"
#include "base/token.h"
#include "decode/protocol.h"
#include "jobs/decode_process.h"

enum { SLICE_MS = 10 };
static const size_t DEFAULT_MEMORY = (size_t)1 << 30;

struct explaind_decoder {
    explaind_decoder_config config;
    decode_process next;
};

static xai_status start_next(explaind_decoder *d, xai_error *err)
{
    size_t memory = d->config.memory ? d->config.memory : DEFAULT_MEMORY;
    return decode_process_start(&d->next, d->config.binary, &d->config.limits, d->config.timeout_ms / 1000 + 1,
                                memory, err);
}

xai_status explaind_decoder_new(const explaind_decoder_config *config, explaind_decoder **out, xai_error *err)
{
    *out = NULL;
    explaind_decoder *d = calloc(1, sizeof *d);
    if (!d) XAI_NO_MEMORY(err);
    d->config = *config;
    xai_status status = start_next(d, err);
    if (status != XAI_OK) {
        free(d);
        return status;
    }
    *out = d;
    return XAI_OK;
}

void explaind_decoder_free(explaind_decoder *decoder)
{
    if (!decoder) return;
    decode_process_stop(&decoder->next);
    free(decoder);
}

void explaind_decoder_prepare(explaind_decoder *decoder)
{
    if (decode_process_alive(&decoder->next)) return;
    decode_process_stop(&decoder->next);
    start_next(decoder, NULL);
}

/* Takes the waiting process, or a new one where it has died. */
static xai_status take_process(explaind_decoder *d, decode_process *process, xai_error *err)
{
    if (!decode_process_alive(&d->next)) {
        decode_process_stop(&d->next);
        XAI_TRY(start_next(d, err));
    }
    *process = d->next;
    d->next = DECODE_PROCESS_NONE;
    return XAI_OK;
}

static bool write_all(int fd, const uint8_t *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(fd, bytes + done, size - done, (off_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        done += (size_t)n;
    }
    return true;
}

static bool read_all(int fd, void *to, size_t size, off_t from)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pread(fd, (uint8_t *)to + done, size - done, from + (off_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        done += (size_t)n;
    }
    return true;
}

static xai_status give_order(decode_process *p, const void *bytes, size_t size, xai_error *err)
{
    const explaind_decode_order order = {.size = size};
    XAI_CHECK(write_all(p->image_fd, bytes, size), err, NO_MEMORY, "image", "no memory to hand %zu bytes over: %s",
              size, strerror(errno));
    bool sealed = fcntl(p->image_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0;
    bool sent = sealed && send(p->order_fd, &order, sizeof order, MSG_NOSIGNAL) == (ssize_t)sizeof order;
    XAI_CHECK(sent, err, INTERNAL, "image", "the image decoder does not take its order: %s", strerror(errno));
    return XAI_OK;
}

static xai_status await_end(decode_process *p, int timeout_ms, const xai_token *token, decode_end *end,
                            xai_error *err)
{
    int64_t deadline = xai_clock_ns() + (int64_t)timeout_ms * 1000000;
    while (!decode_process_wait(p, SLICE_MS, end)) {
        XAI_TRY(xai_token_check(token, err));
        XAI_CHECK(xai_clock_ns() < deadline, err, TOO_LARGE, "image",
                  "the image takes longer than %d ms to decode; scale it down or save it again", timeout_ms);
    }
    return XAI_OK;
}

static xai_status check_end(const decode_end *end, xai_error *err)
{
    if (!end->killed && end->code == 0) return XAI_OK;
    XAI_CHECK(!end->killed || end->signal != SIGXCPU, err, TOO_LARGE, "image",
              "the image takes too long to decode; scale it down or save it again");
    XAI_CHECK(!end->killed, err, BAD_IMAGE, "image",
              "the image decoder crashed on it (%s): the file is damaged; save it again", strsignal(end->signal));
    XAI_FAIL(err, INTERNAL, "image", "the image decoder ended with code %d and without an answer", end->code);
}

/* The decoder's text, as far as it is printable. */
static void copy_text(char *to, size_t room, const char *from, size_t length)
{
    size_t n = 0;
    for (; n + 1 < room && n < length && from[n]; n++) to[n] = from[n] >= ' ' && from[n] <= '~' ? from[n] : '?';
    to[n] = '\0';
}

static xai_status pass_refusal(const explaind_decode_answer *a, xai_error *err)
{
    char where[sizeof a->where], msg[sizeof a->msg];
    copy_text(where, sizeof where, a->where, sizeof a->where);
    copy_text(msg, sizeof msg, a->msg, sizeof a->msg);
    switch (a->status) {
    case XAI_E_UNSUPPORTED_IMAGE: XAI_FAIL(err, UNSUPPORTED_IMAGE, where, "%s", msg);
    case XAI_E_TOO_LARGE: XAI_FAIL(err, TOO_LARGE, where, "%s", msg);
    case XAI_E_NO_MEMORY: XAI_FAIL(err, NO_MEMORY, where, "%s", msg);
    default: XAI_FAIL(err, BAD_IMAGE, where, "%s", msg);
    }
}

static bool plausible(const explaind_decode_answer *a, const xai_image_limits *limits, off_t file_size)
{
    if (a->width <= 0 || a->height <= 0 || a->width > limits->max_side || a->height > limits->max_side) return false;
    if ((int64_t)a->width * a->height > limits->max_pixels || a->orientation < 1 || a->orientation > 8) return false;
    uint64_t bytes = (uint64_t)a->width * (uint64_t)a->height * 3;
    return a->bytes == bytes && (uint64_t)file_size == sizeof *a + bytes;
}

static xai_status read_answer(int fd, const xai_image_limits *limits, xai_image **out, xai_error *err)
{
    explaind_decode_answer a;
    struct stat file;
    bool sealed = fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0;
    bool read = sealed && fstat(fd, &file) == 0 && read_all(fd, &a, sizeof a, 0) && a.magic == EXPLAIND_DECODE_MAGIC;
    XAI_CHECK(read, err, BAD_IMAGE, "image", "the image decoder gave no answer: the file is damaged; save it again");
    if (a.status != XAI_OK) return pass_refusal(&a, err);
    XAI_CHECK(plausible(&a, limits, file.st_size), err, BAD_IMAGE, "image",
              "the image decoder contradicts itself: the file is damaged; save it again");
    xai_image *image = calloc(1, sizeof *image);
    uint8_t *rgb = malloc((size_t)a.bytes);
    if (!image || !rgb || !read_all(fd, rgb, (size_t)a.bytes, sizeof a)) {
        free(image);
        free(rgb);
        XAI_NO_MEMORY(err);
    }
    *image = (xai_image){.width = a.width, .height = a.height, .orientation = a.orientation, .rgb = rgb};
    *out = image;
    return XAI_OK;
}

xai_status explaind_decoder_run(explaind_decoder *decoder, const void *bytes, size_t size, const xai_token *token,
                                xai_image **out, xai_error *err)
{
    const explaind_decoder_config *c = &decoder->config;
    decode_process process;
    decode_end end;
    xai_status status;
    *out = NULL;
    XAI_CHECK(size <= c->limits.max_bytes, err, TOO_LARGE, "image",
              "the file has %zu bytes; at most %zu are accepted", size, c->limits.max_bytes);
    XAI_TRY(take_process(decoder, &process, err));
    XAI_TRY_OUT(give_order(&process, bytes, size, err));
    XAI_TRY_OUT(await_end(&process, c->timeout_ms, token, &end, err));
    XAI_TRY_OUT(check_end(&end, err));
    XAI_TRY_OUT(read_answer(process.answer_fd, &c->limits, out, err));
    xai_sha256_hex(bytes, size, (*out)->sha256);
out:
    decode_process_stop(&process);
    return status;
}

xai_status explaind_decode(const char *binary, const void *bytes, size_t size, const xai_image_limits *limits,
                           int timeout_ms, const xai_token *token, xai_image **out, xai_error *err)
{
    explaind_decoder once = {
        .config = {.binary = binary, .limits = limits ? *limits : XAI_IMAGE_LIMITS, .timeout_ms = timeout_ms},
        .next = DECODE_PROCESS_NONE,
    };
    return explaind_decoder_run(&once, bytes, size, token, out, err);
}
