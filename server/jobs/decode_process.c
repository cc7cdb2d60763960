/*
 * Starting and ending a decoder process.
 *
 * posix_spawn, which does not copy this process's memory, however large its models are. Descriptors are close-on-exec
 * here and handed over as 3, 4 and 5. A process is reaped exactly once, through its pidfd, so that no reused process
 * id can be hit. Each decode_process belongs to one thread.
 */
#include "jobs/decode_process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "decode/protocol.h"

/* Own descriptors lie above those of the protocol, so that none overwrites another. */
enum { ABOVE = 10, ARGUMENTS = 6 };

const decode_process DECODE_PROCESS_NONE = {.pidfd = -1, .image_fd = -1, .answer_fd = -1, .order_fd = -1};

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

/* Moves a descriptor above the protocol's; -1 stays -1. */
static int raised(int fd)
{
    if (fd < 0 || fd >= ABOVE) return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, ABOVE);
    close(fd);
    return moved;
}

static bool open_channels(decode_process *p, int *far_end)
{
    int pair[2] = {-1, -1};
    p->image_fd = raised(memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    p->answer_fd = raised(memfd_create("answer", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return false;
    p->order_fd = raised(pair[0]);
    *far_end = raised(pair[1]);
    return p->image_fd >= 0 && p->answer_fd >= 0 && p->order_fd >= 0 && *far_end >= 0;
}

/* The child gets the three descriptors, default signals and nothing else: no environment, no other file. */
static int spawn(decode_process *p, int far_end, char *const *arguments)
{
    static char *const no_environment[] = {NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int error = posix_spawn_file_actions_init(&files);
    if (error) return error;
    error = posix_spawnattr_init(&attributes);
    if (!error) {
        error = posix_spawn_file_actions_adddup2(&files, p->image_fd, EXPLAIND_DECODE_IMAGE_FD);
        if (!error) error = posix_spawn_file_actions_adddup2(&files, p->answer_fd, EXPLAIND_DECODE_ANSWER_FD);
        if (!error) error = posix_spawn_file_actions_adddup2(&files, far_end, EXPLAIND_DECODE_ORDER_FD);
        if (!error) error = posix_spawnattr_setsigmask(&attributes, &none);
        if (!error) error = posix_spawnattr_setsigdefault(&attributes, &all);
        if (!error) error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        if (!error) error = posix_spawn(&p->pid, arguments[0], &files, &attributes, arguments, no_environment);
        if (error) p->pid = 0;
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return error;
}

static int start(decode_process *p, const char *binary, const uint64_t values[ARGUMENTS])
{
    char text[ARGUMENTS][24], *arguments[ARGUMENTS + 2] = {(char *)(uintptr_t)binary};
    int far_end = -1;
    for (int i = 0; i < ARGUMENTS; i++) {
        snprintf(text[i], sizeof text[i], "%" PRIu64, values[i]);
        arguments[i + 1] = text[i];
    }
    int error = open_channels(p, &far_end) ? spawn(p, far_end, arguments) : errno;
    close_fd(&far_end);
    if (error) return error;
    p->pidfd = pidfd_open(p->pid, 0);
    return p->pidfd < 0 ? errno : 0;
}

xai_status decode_process_start(decode_process *process, const char *binary, const xai_image_limits *limits,
                                int cpu_seconds, size_t memory, xai_error *err)
{
    const uint64_t values[ARGUMENTS] = {limits->max_bytes,          (uint64_t)limits->max_pixels,
                                        (uint64_t)limits->max_side, (uint64_t)limits->max_scans,
                                        (uint64_t)cpu_seconds,      memory};
    *process = DECODE_PROCESS_NONE;
    int error = start(process, binary, values);
    if (error == 0) return XAI_OK;
    decode_process_stop(process);
    XAI_FAIL(err, INTERNAL, "", "the image decoder %s cannot be started: %s", binary, strerror(error));
}

bool decode_process_alive(const decode_process *process)
{
    struct pollfd ended = {.fd = process->pidfd, .events = POLLIN};
    return process->pid > 0 && poll(&ended, 1, 0) == 0;
}

static void reap(decode_process *p, decode_end *end)
{
    siginfo_t info = {0};
    int got;
    do got = waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED);
    while (got != 0 && errno == EINTR);
    p->pid = 0;
    /* Where this process ignores SIGCHLD there is no status to fetch; the answer itself must then convince. */
    *end = (decode_end){.killed = got == 0 && info.si_code != CLD_EXITED};
    if (got == 0) *(end->killed ? &end->signal : &end->code) = info.si_status;
}

bool decode_process_wait(decode_process *process, int milliseconds, decode_end *end)
{
    struct pollfd ended = {.fd = process->pidfd, .events = POLLIN};
    if (poll(&ended, 1, milliseconds) <= 0) return false;
    reap(process, end);
    return true;
}

void decode_process_stop(decode_process *process)
{
    decode_end end;
    if (process->pid > 0 && process->pidfd >= 0) {
        pidfd_send_signal(process->pidfd, SIGKILL, NULL, 0);
        reap(process, &end);
    } else if (process->pid > 0) {
        kill(process->pid, SIGKILL); /* our child, not reaped yet: the id is still its own */
        waitpid(process->pid, NULL, 0);
    }
    close_fd(&process->pidfd);
    close_fd(&process->image_fd);
    close_fd(&process->answer_fd);
    close_fd(&process->order_fd);
    *process = DECODE_PROCESS_NONE;
}
