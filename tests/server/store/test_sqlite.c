/* The embedded store, on its own thread as the server uses it: conformance, and what is special to a file. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conformance.h"

static char path[96];
static xai_error err;

static void remove_files(void)
{
    static const char *const ENDS[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof ENDS / sizeof ENDS[0]; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s", path, ENDS[i]);
        unlink(name);
    }
}

static store *open_file(bool fresh)
{
    store *s = NULL;
    if (fresh) remove_files();
    ck_assert_msg(store_serial_open(store_sqlite_open, path, &s, &err) == XAI_OK, "%s", err.msg);
    return s;
}

static store_job job_of(const char *id)
{
    static char request[] = "{}";
    store_job job = {.created_ms = 1, .expires_ms = 1, .request = request};
    snprintf(job.id, sizeof job.id, "%s", id);
    snprintf(job.image, sizeof job.image, "%.32s%s", id, "image");
    return job;
}

static void numbered(char id[STORE_ID_SIZE], unsigned number) { snprintf(id, STORE_ID_SIZE, "%032x", number); }

START_TEST(a_full_disk_is_said_so_and_loses_nothing)
{
    store *s = open_file(true);
    struct rlimit limit = {.rlim_cur = 2 << 20, .rlim_max = RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    static char image[200000];
    unsigned accepted = 0;
    xai_status status = XAI_OK;
    while (status == XAI_OK && accepted < 100) {
        char id[STORE_ID_SIZE];
        numbered(id, accepted);
        store_job job = job_of(id);
        status = s->table->add(s, &job, image, sizeof image, &err);
        if (status == XAI_OK) accepted++;
    }
    ck_assert_msg(status == XAI_E_NO_SPACE, "%s", err.msg);
    ck_assert_uint_gt(accepted, 2);
    s->table->close(s);
    limit.rlim_cur = RLIM_INFINITY;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    s = open_file(false);
    for (unsigned i = 0; i < accepted; i++) {
        char id[STORE_ID_SIZE];
        void *bytes;
        size_t size;
        numbered(id, i);
        ck_assert_int_eq(s->table->image(s, id, &bytes, &size, &err), XAI_OK);
        ck_assert_uint_eq(size, sizeof image);
        free(bytes);
    }
    s->table->close(s);
    remove_files();
}
END_TEST

static bool file_holds(const char *name, const char *needle)
{
    static char bytes[1 << 22];
    FILE *in = fopen(name, "rb");
    if (!in) return false;
    size_t n = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    return memmem(bytes, n, needle, strlen(needle)) != NULL;
}

START_TEST(removed_bytes_are_gone_from_the_disk)
{
    static const char SECRET[] = "a picture that must not stay on the disk";
    char wal[128];
    snprintf(wal, sizeof wal, "%s-wal", path);
    store *s = open_file(true);
    store_job job = job_of("000000000000000000000000000000aa");
    ck_assert_int_eq(s->table->add(s, &job, SECRET, sizeof SECRET, &err), XAI_OK);
    ck_assert(file_holds(path, SECRET) || file_holds(wal, SECRET));
    ck_assert_int_eq(s->table->remove(s, job.id, &err), XAI_OK);
    ck_assert(!file_holds(path, SECRET));
    ck_assert(!file_holds(wal, SECRET));
    s->table->close(s);
    remove_files();
}
END_TEST

/* Of a job that the store never had: nothing else is deleted with them. */
START_TEST(removed_quizzes_are_gone_from_the_disk)
{
    static char SECRET[] = "a quiz that must not stay on the disk";
    char wal[128];
    snprintf(wal, sizeof wal, "%s-wal", path);
    for (int swept = 0; swept < 2; swept++) {
        store *s = open_file(true);
        int count;
        store_quiz quiz = {.expires_ms = 1, .text = SECRET};
        numbered(quiz.id, 1);
        numbered(quiz.job, 2);
        ck_assert_int_eq(s->table->add_quiz(s, &quiz, &err), XAI_OK);
        ck_assert(file_holds(path, SECRET) || file_holds(wal, SECRET));
        if (swept) ck_assert_int_eq(s->table->sweep(s, 2, 0, &count, &err), XAI_OK);
        else ck_assert_int_eq(s->table->remove(s, quiz.job, &err), XAI_OK);
        ck_assert(!file_holds(path, SECRET));
        ck_assert(!file_holds(wal, SECRET));
        s->table->close(s);
    }
    remove_files();
}
END_TEST

START_TEST(quizzes_about_one_job_are_not_without_number)
{
    static char text[] = "{}";
    store *s = open_file(true);
    store_quiz quiz = {.expires_ms = 1, .text = text};
    for (unsigned i = 0; i <= STORE_MOST_QUIZZES; i++) {
        numbered(quiz.id, i);
        ck_assert_int_eq(s->table->add_quiz(s, &quiz, &err), i < STORE_MOST_QUIZZES ? XAI_OK : XAI_E_QUOTA);
    }
    numbered(quiz.job, 1); /* another has its own */
    ck_assert_int_eq(s->table->add_quiz(s, &quiz, &err), XAI_OK);
    s->table->close(s);
    remove_files();
}
END_TEST

START_TEST(the_file_is_private_and_used_by_one_process_only)
{
    store *s = open_file(true), *second = NULL;
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq(info.st_mode & 077, 0);
    ck_assert_int_eq(store_serial_open(store_sqlite_open, path, &second, &err), XAI_E_BAD_CONFIG);
    ck_assert_msg(strstr(err.msg, "another process"), "%s", err.msg);
    s->table->close(s);
    remove_files();
}
END_TEST

/* A file of version 1: what was in it is still there, and quizzes can be kept. */
START_TEST(an_older_file_is_brought_up)
{
    store *s = open_file(true);
    char id[STORE_ID_SIZE];
    numbered(id, 1);
    store_job job = job_of(id);
    ck_assert_int_eq(s->table->add(s, &job, "x", 1, &err), XAI_OK);
    s->table->close(s);
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "DROP TABLE quizzes; DROP TABLE answers; PRAGMA user_version = 1", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    for (int round = 0; round < 2; round++) {
        bool found;
        store_job back;
        store_quiz quiz = {.expires_ms = 1, .text = id};
        s = open_file(false);
        ck_assert_int_eq(s->table->get(s, id, &back, &found, &err), XAI_OK);
        ck_assert(found);
        store_job_clear(&back);
        snprintf(quiz.id, sizeof quiz.id, "%032d", round);
        ck_assert_int_eq(s->table->add_quiz(s, &quiz, &err), XAI_OK);
        s->table->close(s);
    }
}
END_TEST

START_TEST(what_is_not_a_store_is_refused)
{
    store *s = NULL;
    FILE *out = fopen(path, "w");
    for (int i = 0; i < 1000; i++) fputs("not a database\n", out);
    fclose(out);
    ck_assert_int_eq(store_sqlite_open(path, &s, &err), XAI_E_BAD_CONFIG);
    ck_assert_int_eq(store_sqlite_open("/nonexistent/x.db", &s, &err), XAI_E_BAD_CONFIG);
    remove_files();
}
END_TEST

static void *add_many(void *argument)
{
    store *s = argument;
    static _Atomic unsigned next;
    for (int i = 0; i < 25; i++) {
        char id[STORE_ID_SIZE];
        xai_error own;
        numbered(id, next++);
        store_job job = job_of(id);
        int attempts = 0;
        if (s->table->add(s, &job, "x", 1, &own) != XAI_OK || s->table->claim(s, id, &attempts, &own) != XAI_OK ||
            attempts != 1)
            return argument;
    }
    return NULL;
}

START_TEST(many_threads_may_call)
{
    store *s = open_file(true);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, add_many, s), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        ck_assert_ptr_null(failed);
    }
    s->table->close(s);
    remove_files();
}
END_TEST

int main(void)
{
    snprintf(path, sizeof path, "/tmp/test_store_%d.db", (int)getpid());
    Suite *suite = suite_create("sqlite");
    suite_add_tcase(suite, store_conformance("conformance", open_file));
    TCase *tc = tcase_create("file");
    tcase_add_test(tc, a_full_disk_is_said_so_and_loses_nothing);
    tcase_add_test(tc, removed_bytes_are_gone_from_the_disk);
    tcase_add_test(tc, removed_quizzes_are_gone_from_the_disk);
    tcase_add_test(tc, quizzes_about_one_job_are_not_without_number);
    tcase_add_test(tc, the_file_is_private_and_used_by_one_process_only);
    tcase_add_test(tc, an_older_file_is_brought_up);
    tcase_add_test(tc, what_is_not_a_store_is_refused);
    tcase_add_test(tc, many_threads_may_call);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    remove_files();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
