/*
 * Decoding in a process of its own: the pixels are those of the library, refusals keep their reasons, and whatever
 * the process does, the server has its answer in time and nothing left over.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/token.h"
#include "decode/protocol.h"
#include "jobs/decode_client.h"

#define FIXTURES "tests/engine/image/fixtures/"

static char decoder_path[512], script_path[64];
static xai_error err;
static xai_image *image;

/* build/tests/server/jobs/test_decode_client -> build/explaind-decode */
static void find_decoder(void)
{
    char self[400];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    ck_assert_int_gt(n, 0);
    self[n] = '\0';
    for (int up = 0; up < 4; up++) *strrchr(self, '/') = '\0';
    snprintf(decoder_path, sizeof decoder_path, "%s/explaind-decode", self);
}

static void setup(void)
{
    memset(&err, 0, sizeof err);
    image = NULL;
    find_decoder();
    strcpy(script_path, "/tmp/explaind-test-XXXXXX");
    int fd = mkstemp(script_path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void teardown(void)
{
    xai_image_free(image);
    unlink(script_path);
    /* Every process is reaped, whatever happened. */
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

static uint8_t *read_fixture(const char *name, size_t *size)
{
    char path[256];
    snprintf(path, sizeof path, FIXTURES "%s", name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    uint8_t *bytes = malloc(1 << 20);
    *size = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static xai_status decode(const char *binary, const char *fixture, int timeout_ms)
{
    size_t size;
    uint8_t *bytes = read_fixture(fixture, &size);
    xai_status status = explaind_decode(binary, bytes, size, NULL, timeout_ms, NULL, &image, &err);
    free(bytes);
    ck_assert((status == XAI_OK) == (image != NULL));
    return status;
}

/* An executable in the decoder's place. */
static void write_script(const char *text)
{
    FILE *file = fopen(script_path, "w");
    fprintf(file, "#!/bin/sh\n%s\n", text);
    fclose(file);
    ck_assert_int_eq(chmod(script_path, 0700), 0);
}

static const char *const GOOD[] = {"rgb.png",    "palette_alpha.png", "orient6.jpg", "orient8.png",
                                   "gray16.png", "rgb24.bmp",         "gray.jpg",    "progressive.jpg"};

START_TEST(pixels_are_those_of_the_library)
{
    size_t size;
    uint8_t *bytes = read_fixture(GOOD[_i], &size);
    xai_image *expected;
    ck_assert_int_eq(xai_image_decode(bytes, size, NULL, &expected, NULL), XAI_OK);
    xai_status status = explaind_decode(decoder_path, bytes, size, NULL, 5000, NULL, &image, &err);
    ck_assert_msg(status == XAI_OK, "%s", err.msg);
    ck_assert_int_eq(image->width, expected->width);
    ck_assert_int_eq(image->height, expected->height);
    ck_assert_int_eq(image->orientation, expected->orientation);
    ck_assert_str_eq(image->sha256, expected->sha256);
    ck_assert_mem_eq(image->rgb, expected->rgb, (size_t)image->width * (size_t)image->height * 3);
    xai_image_free(expected);
    free(bytes);
}
END_TEST

START_TEST(refusals_keep_status_and_reason)
{
    ck_assert_int_eq(decode(decoder_path, "other.gif", 5000), XAI_E_UNSUPPORTED_IMAGE);
    ck_assert_ptr_nonnull(strstr(err.msg, "this is GIF"));
    ck_assert_str_eq(err.where, "image");
    ck_assert_int_eq(decode(decoder_path, "inflates.png", 5000), XAI_E_BAD_IMAGE);
    ck_assert_ptr_nonnull(strstr(err.msg, "unpacks"));
}
END_TEST

START_TEST(limits_reach_the_process)
{
    size_t size;
    uint8_t *bytes = read_fixture("rgb.png", &size);
    xai_image_limits limits = XAI_IMAGE_LIMITS;
    limits.max_side = 6;
    ck_assert_int_eq(explaind_decode(decoder_path, bytes, size, &limits, 5000, NULL, &image, &err), XAI_E_TOO_LARGE);
    limits.max_side = 7;
    limits.max_bytes = size - 1;
    ck_assert_int_eq(explaind_decode(decoder_path, bytes, size, &limits, 5000, NULL, &image, &err), XAI_E_TOO_LARGE);
    ck_assert_int_eq(explaind_decode(decoder_path, "", 0, NULL, 5000, NULL, &image, &err), XAI_E_BAD_IMAGE);
    free(bytes);
}
END_TEST

START_TEST(crash_is_the_files_fault)
{
    write_script("head -c 8 <&5 >/dev/null; kill -SEGV $$");
    ck_assert_int_eq(decode(script_path, "rgb.png", 5000), XAI_E_BAD_IMAGE);
    ck_assert_ptr_nonnull(strstr(err.msg, "crashed"));
}
END_TEST

START_TEST(broken_decoder_is_our_fault)
{
    ck_assert_int_eq(decode("/bin/false", "rgb.png", 5000), XAI_E_INTERNAL);
    ck_assert_int_eq(decode("/nonexistent/decode", "rgb.png", 5000), XAI_E_INTERNAL);
    ck_assert_ptr_nonnull(strstr(err.msg, "/nonexistent/decode"));
    explaind_decoder *decoder;
    const explaind_decoder_config config = {.binary = "/nonexistent/decode", .timeout_ms = 100};
    ck_assert_int_eq(explaind_decoder_new(&config, &decoder, &err), XAI_E_INTERNAL);
    ck_assert_ptr_null(decoder);
}
END_TEST

START_TEST(hanging_decoder_is_killed)
{
    int64_t before = xai_clock_ns();
    ck_assert_int_eq(decode("/bin/sleep", "rgb.png", 150), XAI_E_TOO_LARGE);
    ck_assert_int_lt((xai_clock_ns() - before) / 1000000, 2000);
    ck_assert_ptr_nonnull(strstr(err.msg, "150 ms"));
}
END_TEST

static void *cancel_soon(void *token)
{
    usleep(50000);
    xai_token_cancel(token);
    return NULL;
}

START_TEST(cancel_reaches_a_running_decoder)
{
    pthread_t thread;
    xai_token *token = xai_token_new(0, NULL, NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, token), 0);
    int64_t before = xai_clock_ns();
    ck_assert_int_eq(explaind_decode("/bin/sleep", "x", 1, NULL, 10000, token, &image, &err), XAI_E_CANCELLED);
    ck_assert_int_lt((xai_clock_ns() - before) / 1000000, 2000);
    pthread_join(thread, NULL);
    xai_token_free(token);
}
END_TEST

typedef struct lie {
    const char *name;
    explaind_decode_answer answer;
    size_t pixels; /* bytes that really follow */
} lie;

#define ANSWER(w, h, o, n)                                                                                           \
    {                                                                                                                \
        .magic = EXPLAIND_DECODE_MAGIC, .width = (w), .height = (h), .orientation = (o), .bytes = (n)                \
    }

static const lie LIES[] = {
    {"fewer pixels than claimed", ANSWER(10, 10, 1, 300), 200},
    {"more pixels than claimed", ANSWER(10, 10, 1, 300), 400},
    {"bytes that do not fit the size", ANSWER(10, 10, 1, 200), 200},
    {"negative size", ANSWER(-10, -10, 1, 300), 300},
    {"product that overflows", ANSWER(0x40000000, 0x40000000, 1, 0), 0},
    {"larger than the limit", ANSWER(9000, 1, 1, 27000), 27000},
    {"no orientation", ANSWER(10, 10, 9, 300), 300},
    {"wrong magic", {.magic = 1, .width = 1, .height = 1, .orientation = 1, .bytes = 3}, 3},
};

static void answer_with(const void *bytes, size_t size, size_t more)
{
    char text[256], path[80];
    snprintf(path, sizeof path, "%s.answer", script_path);
    FILE *file = fopen(path, "wb");
    fwrite(bytes, 1, size, file);
    for (size_t i = 0; i < more; i++) fputc(0, file);
    fclose(file);
    snprintf(text, sizeof text, "head -c 8 <&5 >/dev/null; cat %s >&4; rm %s", path, path);
    write_script(text);
}

START_TEST(lies_are_found_out)
{
    answer_with(&LIES[_i].answer, sizeof LIES[_i].answer, LIES[_i].pixels);
    xai_status status = decode(script_path, "rgb.png", 5000);
    ck_assert_msg(status == XAI_E_BAD_IMAGE, "%s: %s, %s", LIES[_i].name, xai_status_id(status), err.msg);
}
END_TEST

START_TEST(truth_passes_the_same_way)
{
    const explaind_decode_answer answer = ANSWER(10, 10, 1, 300);
    answer_with(&answer, sizeof answer, 300);
    ck_assert_int_eq(decode(script_path, "rgb.png", 5000), XAI_OK);
}
END_TEST

START_TEST(half_an_answer_is_none)
{
    const explaind_decode_answer answer = ANSWER(10, 10, 1, 300);
    answer_with(&answer, sizeof answer / 2, 0);
    ck_assert_int_eq(decode(script_path, "rgb.png", 5000), XAI_E_BAD_IMAGE);
    ck_assert_ptr_nonnull(strstr(err.msg, "no answer"));
}
END_TEST

START_TEST(text_of_the_process_is_made_printable)
{
    explaind_decode_answer answer = {.magic = EXPLAIND_DECODE_MAGIC, .status = 12345};
    memset(answer.msg, 'a', sizeof answer.msg); /* no end */
    memcpy(answer.msg, "b\x1b[2J\n\xff%s", 9);
    memset(answer.where, '\t', sizeof answer.where);
    answer_with(&answer, sizeof answer, 0);
    ck_assert_int_eq(decode(script_path, "rgb.png", 5000), XAI_E_BAD_IMAGE);
    ck_assert_int_eq(strncmp(err.msg, "b?[2J??%saaa", 12), 0);
    ck_assert_uint_eq(strlen(err.msg), sizeof answer.msg - 1);
}
END_TEST

static int open_descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder)) count++;
    closedir(folder);
    return count;
}

static explaind_decoder *new_decoder(void)
{
    explaind_decoder *decoder;
    const explaind_decoder_config config = {.binary = decoder_path, .limits = XAI_IMAGE_LIMITS, .timeout_ms = 5000};
    xai_status status = explaind_decoder_new(&config, &decoder, &err);
    ck_assert_msg(status == XAI_OK, "%s", err.msg);
    return decoder;
}

START_TEST(many_images_leave_nothing_open)
{
    size_t size;
    uint8_t *bytes = read_fixture("rgb.png", &size);
    int before = open_descriptors();
    explaind_decoder *decoder = new_decoder();
    for (int i = 0; i < 20; i++) {
        xai_status status = explaind_decoder_run(decoder, bytes, i % 3 ? size : size / 2, NULL, &image, &err);
        ck_assert_int_eq(status, i % 3 ? XAI_OK : XAI_E_BAD_IMAGE);
        xai_image_free(image);
        image = NULL;
        if (i % 2) explaind_decoder_prepare(decoder);
        explaind_decoder_prepare(decoder);
    }
    explaind_decoder_free(decoder);
    ck_assert_int_eq(open_descriptors(), before);
    free(bytes);
}
END_TEST

/* Kills the only child of this thread. */
static void kill_child(void)
{
    char path[64];
    int pid = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%d", &pid), 1);
    fclose(file);
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    usleep(20000);
}

START_TEST(waiting_process_that_died_is_replaced)
{
    size_t size;
    uint8_t *bytes = read_fixture("rgb.png", &size);
    explaind_decoder *decoder = new_decoder();
    kill_child();
    ck_assert_int_eq(explaind_decoder_run(decoder, bytes, size, NULL, &image, &err), XAI_OK);
    explaind_decoder_prepare(decoder);
    kill_child();
    explaind_decoder_prepare(decoder);
    explaind_decoder_free(decoder);
    free(bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jobs/decode_client");
    TCase *tests = tcase_create("decode_client");
    tcase_set_timeout(tests, 20);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, pixels_are_those_of_the_library, 0, sizeof GOOD / sizeof GOOD[0]);
    tcase_add_test(tests, refusals_keep_status_and_reason);
    tcase_add_test(tests, limits_reach_the_process);
    tcase_add_test(tests, crash_is_the_files_fault);
    tcase_add_test(tests, broken_decoder_is_our_fault);
    tcase_add_test(tests, hanging_decoder_is_killed);
    tcase_add_test(tests, cancel_reaches_a_running_decoder);
    tcase_add_loop_test(tests, lies_are_found_out, 0, sizeof LIES / sizeof LIES[0]);
    tcase_add_test(tests, truth_passes_the_same_way);
    tcase_add_test(tests, half_an_answer_is_none);
    tcase_add_test(tests, text_of_the_process_is_made_printable);
    tcase_add_test(tests, many_images_leave_nothing_open);
    tcase_add_test(tests, waiting_process_that_died_is_replaced);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
