/* The sandbox: what the decoder needs works inside, everything else kills the process. */
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "decode/protocol.h"
#include "decode/sandbox.h"

enum { NOT_CONFINED = 99, SURVIVED = 0 };

static const explaind_sandbox_limits LIMITS = {.cpu_seconds = 1, .memory = (uint64_t)256 << 20, .answer_bytes = 1000};

static void open_file(void) { open("/etc/passwd", O_RDONLY); }
static void open_socket(void) { socket(AF_INET, SOCK_STREAM, 0); }
static void start_process(void) { fork(); }
static void become_shell(void) { execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL); }
static void kill_parent(void) { kill(getppid(), 0); }
static void read_answer(void) { syscall(SYS_read, EXPLAIND_DECODE_ANSWER_FD, &(char){0}, 1); }
static void write_image(void) { syscall(SYS_write, EXPLAIND_DECODE_IMAGE_FD, "x", 1); }
static void map_code(void) { mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }
static void map_file(void) { mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, EXPLAIND_DECODE_IMAGE_FD, 0); }
static void trace_self(void) { syscall(SYS_ptrace, 0, 0, 0, 0); }

typedef struct forbidden {
    const char *name;
    void (*act)(void);
} forbidden;

static const forbidden FORBIDDEN[] = {
    {"open", open_file},       {"socket", open_socket},      {"fork", start_process},      {"execve", become_shell},
    {"getppid", kill_parent},  {"read answer", read_answer}, {"write image", write_image}, {"mmap exec", map_code},
    {"mmap a file", map_file}, {"ptrace", trace_self},
};

/* How a child ends that enters the sandbox and acts. */
static int status_of(void (*act)(void))
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int image = memfd_create("image", 0), answer = memfd_create("answer", 0);
        if (write(image, "abc", 3) != 3 || lseek(image, 0, SEEK_SET) != 0) _exit(NOT_CONFINED);
        int order = fcntl(image, F_DUPFD, 20), far = fcntl(answer, F_DUPFD, 20), near = fcntl(image, F_DUPFD, 20);
        dup2(near, EXPLAIND_DECODE_IMAGE_FD);
        dup2(far, EXPLAIND_DECODE_ANSWER_FD);
        dup2(order, EXPLAIND_DECODE_ORDER_FD);
        if (!explaind_sandbox_enter(&LIMITS)) _exit(NOT_CONFINED);
        act();
        _exit(SURVIVED);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(!WIFEXITED(status) || WEXITSTATUS(status) != NOT_CONFINED, "the sandbox cannot be entered here");
    return status;
}

START_TEST(forbidden_calls_kill)
{
    int status = status_of(FORBIDDEN[_i].act);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%s: status %x", FORBIDDEN[_i].name, status);
}
END_TEST

static void do_the_work(void)
{
    char bytes[3];
    char *block = malloc((size_t)32 << 20);
    if (!block || read(EXPLAIND_DECODE_IMAGE_FD, bytes, 3) != 3 || memcmp(bytes, "abc", 3) != 0) _exit(1);
    memset(block, 1, (size_t)32 << 20);
    char *grown = realloc(block, (size_t)64 << 20);
    if (!grown || write(EXPLAIND_DECODE_ANSWER_FD, grown, 1000) != 1000) _exit(2);
    free(grown);
}

START_TEST(the_work_itself_is_allowed)
{
    int status = status_of(do_the_work);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == SURVIVED, "status %x", status);
}
END_TEST

static void write_too_much(void)
{
    char bytes[600] = {0};
    for (int i = 0; i < 2; i++)
        if (write(EXPLAIND_DECODE_ANSWER_FD, bytes, sizeof bytes) < 0) _exit(1);
    if (write(EXPLAIND_DECODE_ANSWER_FD, bytes, 1) < 0) _exit(1);
}

START_TEST(longer_answers_kill)
{
    int status = status_of(write_too_much);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ, "status %x", status);
}
END_TEST

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static void allocate_too_much(void) { _exit(malloc((size_t)300 << 20) ? 1 : SURVIVED); }

START_TEST(memory_is_limited)
{
    int status = status_of(allocate_too_much);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == SURVIVED, "status %x", status);
}
END_TEST
#endif

static void never_end(void)
{
    for (volatile int i = 0;; i = i ^ 1) {
    }
}

START_TEST(processor_time_is_limited)
{
    int status = status_of(never_end);
    ck_assert_msg(WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL), "status %x",
                  status);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decode/sandbox");
    TCase *tests = tcase_create("sandbox");
    tcase_set_timeout(tests, 20);
    tcase_add_loop_test(tests, forbidden_calls_kill, 0, sizeof FORBIDDEN / sizeof FORBIDDEN[0]);
    tcase_add_test(tests, the_work_itself_is_allowed);
    tcase_add_test(tests, longer_answers_kill);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    tcase_add_test(tests, memory_is_limited);
#endif
    tcase_add_test(tests, processor_time_is_limited);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
