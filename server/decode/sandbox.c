/*
 * The sandbox: resource limits, no new privileges, and a system call filter (seccomp) with killing as its default.
 *
 * Order matters: what needs system calls of its own happens before the filter. One thread, once a process.
 */
#include "decode/sandbox.h"

#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "decode/protocol.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZER = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
enum { SANITIZER = 1 };
#else
enum { SANITIZER = 0 };
#endif
#else
enum { SANITIZER = 0 };
#endif

static bool limit(int resource, uint64_t value)
{
    const struct rlimit both = {.rlim_cur = value, .rlim_max = value};
    return setrlimit((__rlimit_resource_t)resource, &both) == 0;
}

static bool set_limits(const explaind_sandbox_limits *l)
{
    /* A sanitizer's shadow memory takes terabytes of address space. */
    bool memory = SANITIZER || limit(RLIMIT_AS, l->memory);
    return memory && limit(RLIMIT_CPU, l->cpu_seconds) && limit(RLIMIT_FSIZE, l->answer_bytes) &&
           limit(RLIMIT_NOFILE, 0) && limit(RLIMIT_CORE, 0);
}

static void close_others(void)
{
    for (int fd = 0; fd < EXPLAIND_DECODE_IMAGE_FD; fd++) close(fd);
    closefrom(EXPLAIND_DECODE_ORDER_FD + 1);
}

static bool allow_files(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(read), 1,
                            SCMP_A0(SCMP_CMP_EQ, EXPLAIND_DECODE_IMAGE_FD, 0)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(read), 1,
                            SCMP_A0(SCMP_CMP_EQ, EXPLAIND_DECODE_ORDER_FD, 0)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                            SCMP_A0(SCMP_CMP_EQ, EXPLAIND_DECODE_ANSWER_FD, 0)) == 0;
}

/* Anonymous memory that is never executable. */
static bool allow_memory(scmp_filter_ctx filter)
{
    static const int calls[] = {SCMP_SYS(munmap), SCMP_SYS(brk), SCMP_SYS(mremap), SCMP_SYS(madvise)};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) != 0) return false;
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                            SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0;
}

/* A sanitizer names its mappings and locks; it never runs where strangers' images do. */
static bool allow_sanitizer(scmp_filter_ctx filter)
{
    static const int calls[] = {SCMP_SYS(prctl), SCMP_SYS(futex), SCMP_SYS(gettid), SCMP_SYS(sigaltstack)};
    for (size_t i = 0; SANITIZER && i < sizeof calls / sizeof calls[0]; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) != 0) return false;
    return true;
}

static bool install_filter(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter) return false;
    bool done = allow_files(filter) && allow_memory(filter) && allow_sanitizer(filter) &&
                seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(exit_group), 0) == 0 && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return done;
}

bool explaind_sandbox_enter(const explaind_sandbox_limits *limits)
{
    close_others();
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
           set_limits(limits) && install_filter();
}
