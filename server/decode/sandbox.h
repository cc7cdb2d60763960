/*
 * Sandbox: what a process that reads hostile bytes may still do. Afterwards it can read its image and its order,
 * write its answer, use memory and end; anything else kills it (SIGSYS).
 */
#ifndef EXPLAIND_DECODE_SANDBOX_H
#define EXPLAIND_DECODE_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

typedef struct explaind_sandbox_limits {
    uint64_t cpu_seconds;  /* then SIGXCPU */
    uint64_t memory;       /* bytes of address space */
    uint64_t answer_bytes; /* that may be written; more is SIGXFSZ */
} explaind_sandbox_limits;

/* Closes every descriptor but the protocol's three, sets the limits and installs the filter. False: the process is
 * not confined and must end. Not undone; for a process with one thread. */
bool explaind_sandbox_enter(const explaind_sandbox_limits *limits);

#endif
