/* One explaind-decode process: its descriptors, its start and its end. For decode_client.c. */
#ifndef EXPLAIND_JOBS_DECODE_PROCESS_H
#define EXPLAIND_JOBS_DECODE_PROCESS_H

#include <sys/types.h>

#include "base/error.h"

typedef struct decode_process {
    pid_t pid;     /* 0: none */
    int pidfd;     /* readable when the process has ended */
    int image_fd;  /* memfd: the image's bytes, written before the order */
    int answer_fd; /* memfd: read after the end */
    int order_fd;  /* socket */
} decode_process;

/* How a process ended. */
typedef struct decode_end {
    bool killed; /* by `signal` */
    int signal;
    int code; /* exit code, where not killed */
} decode_end;

extern const decode_process DECODE_PROCESS_NONE;

/* Starts `binary` with the protocol's arguments; it waits for an order. INTERNAL when it cannot be started. */
xai_status decode_process_start(decode_process *process, const char *binary, const xai_image_limits *limits,
                                int cpu_seconds, size_t memory, xai_error *err);

/* Whether it is there and has not ended. */
bool decode_process_alive(const decode_process *process);

/* Waits for the end, at most so long; false: it still runs. After true the process is gone, its answer is there. */
bool decode_process_wait(decode_process *process, int milliseconds, decode_end *end);

/* Kills it if it still runs, and releases everything. */
void decode_process_stop(decode_process *process);

#endif
