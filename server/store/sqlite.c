/*
 * The embedded store: SQLite with a write-ahead log and full syncs.
 *
 * Invariants: one connection, one thread, one process (exclusive locking): SQLite before 3.51 may lose a log reset
 * when several connections share a database. Every function is one transaction. Deleted pages are overwritten with
 * zeros, and the log is emptied after deletions, so that removed images are gone from the disk.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store.h"

typedef struct sqlite_store {
    store base;
    sqlite3 *db;
} sqlite_store;

static const char SCHEMA[] =
    "CREATE TABLE jobs (id TEXT PRIMARY KEY, state INTEGER NOT NULL, attempts INTEGER NOT NULL,"
    " created INTEGER NOT NULL, expires INTEGER NOT NULL, owner TEXT NOT NULL, image TEXT NOT NULL,"
    " request TEXT) WITHOUT ROWID;"
    "CREATE INDEX jobs_by_image ON jobs (image);"
    "CREATE INDEX jobs_by_state ON jobs (state, expires);"
    "CREATE TABLE images (sha256 TEXT PRIMARY KEY, bytes BLOB NOT NULL);"
    "CREATE TABLE results (id TEXT PRIMARY KEY, bytes BLOB NOT NULL);";

/* What version 2 has besides. */
static const char QUIZZES[] =
    "CREATE TABLE quizzes (id TEXT PRIMARY KEY, job TEXT NOT NULL, created INTEGER NOT NULL,"
    " expires INTEGER NOT NULL, owner TEXT NOT NULL, text TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX quizzes_by_job ON quizzes (job);"
    "CREATE INDEX quizzes_by_time ON quizzes (expires);"
    "CREATE TABLE answers (quiz TEXT NOT NULL, pair INTEGER NOT NULL, condition TEXT NOT NULL,"
    " misleading INTEGER NOT NULL, correct INTEGER NOT NULL, created INTEGER NOT NULL,"
    " PRIMARY KEY (quiz, pair)) WITHOUT ROWID;"
    "PRAGMA user_version = 2;";

/* ---------------------------------------------------------------- statements */

static sqlite_store *self_of(store *base) { return (sqlite_store *)(void *)base; }

static xai_status fail(sqlite_store *s, const char *what, xai_error *err)
{
    int code = sqlite3_extended_errcode(s->db);
    const char *cause = sqlite3_errmsg(s->db);
    if (code == SQLITE_FULL || code == SQLITE_IOERR_WRITE) /* a quota or a size limit shows as the latter */
        XAI_FAIL(err, NO_SPACE, "", "the job store's disk is full or takes no more bytes: %s", cause);
    if ((code & 0xff) == SQLITE_NOMEM) XAI_NO_MEMORY(err);
    XAI_FAIL(err, INTERNAL, "", "the job store failed to %s: %s", what, cause);
}

static xai_status exec(sqlite_store *s, const char *sql, xai_error *err)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? XAI_OK : fail(s, sql, err);
}

/* Binds by type letters: t text, i int64_t, b bytes and size. What is bound lives until the statement ends. */
static bool bind_all(sqlite3_stmt *stmt, const char *types, va_list args)
{
    int code = SQLITE_OK;
    for (int i = 1; *types && code == SQLITE_OK; types++, i++) {
        if (*types == 't') {
            code = sqlite3_bind_text(stmt, i, va_arg(args, const char *), -1, SQLITE_STATIC);
        } else if (*types == 'i') {
            code = sqlite3_bind_int64(stmt, i, va_arg(args, int64_t));
        } else {
            const void *bytes = va_arg(args, const void *);
            size_t size = va_arg(args, size_t);
            code = sqlite3_bind_blob64(stmt, i, bytes ? bytes : "", size, SQLITE_STATIC);
        }
    }
    return code == SQLITE_OK;
}

/* A bound statement, to be stepped and finalized. */
static xai_status prepare(sqlite_store *s, sqlite3_stmt **out, xai_error *err, const char *sql, const char *types, ...)
{
    *out = NULL;
    if (sqlite3_prepare_v2(s->db, sql, -1, out, NULL) != SQLITE_OK) return fail(s, sql, err);
    va_list args;
    va_start(args, types);
    bool ok = bind_all(*out, types, args);
    va_end(args);
    if (ok) return XAI_OK;
    xai_status status = fail(s, sql, err);
    sqlite3_finalize(*out);
    return status;
}

/* Runs a statement that returns nothing. */
static xai_status finish_stmt(sqlite_store *s, sqlite3_stmt *stmt, xai_error *err)
{
    int code = sqlite3_step(stmt);
    xai_status status = code == SQLITE_DONE ? XAI_OK : fail(s, sqlite3_sql(stmt), err);
    sqlite3_finalize(stmt);
    return status;
}

/* A transaction around `body`: all of it or nothing. */
#define TRANSACTION(s, err, body)                                              \
    do {                                                                       \
        XAI_TRY(exec((s), "BEGIN IMMEDIATE", (err)));                          \
        xai_status in_ = (body);                                               \
        if (in_ == XAI_OK) in_ = exec((s), "COMMIT", (err));                   \
        if (in_ != XAI_OK) sqlite3_exec((s)->db, "ROLLBACK", NULL, NULL, NULL); \
        return in_;                                                            \
    } while (0)

/* ---------------------------------------------------------------- adding and reading */

static xai_status insert(sqlite_store *s, const store_job *job, const void *image, size_t size, xai_error *err)
{
    sqlite3_stmt *stmt;
    XAI_TRY(prepare(s, &stmt, err, "INSERT OR IGNORE INTO images VALUES (?, ?)", "tb", job->image, image, size));
    XAI_TRY(finish_stmt(s, stmt, err));
    XAI_TRY(prepare(s, &stmt, err, "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", "tiiiittt", job->id,
                    (int64_t)job->state, (int64_t)job->attempts, job->created_ms, job->expires_ms, job->owner,
                    job->image, job->request));
    return finish_stmt(s, stmt, err);
}

static xai_status sqlite_add(store *base, const store_job *job, const void *image, size_t size, xai_error *err)
{
    sqlite_store *s = self_of(base);
    assert(job->request && strlen(job->id) == STORE_ID_SIZE - 1);
    TRANSACTION(s, err, insert(s, job, image, size, err));
}

static void copy_column(char *out, size_t size, sqlite3_stmt *stmt, int column)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);
    snprintf(out, size, "%s", text ? (const char *)text : "");
}

#define JOB_COLUMNS "id, state, attempts, created, expires, owner, image, request"

static xai_status read_job(sqlite3_stmt *stmt, store_job *job, xai_error *err)
{
    *job = (store_job){0};
    copy_column(job->id, sizeof job->id, stmt, 0);
    job->state = (store_state)sqlite3_column_int(stmt, 1);
    job->attempts = sqlite3_column_int(stmt, 2);
    job->created_ms = sqlite3_column_int64(stmt, 3);
    job->expires_ms = sqlite3_column_int64(stmt, 4);
    copy_column(job->owner, sizeof job->owner, stmt, 5);
    copy_column(job->image, sizeof job->image, stmt, 6);
    const unsigned char *request = sqlite3_column_text(stmt, 7);
    job->request = request ? strdup((const char *)request) : NULL;
    if (request && !job->request) XAI_NO_MEMORY(err);
    return XAI_OK;
}

static xai_status sqlite_get(store *base, const char *id, store_job *job, bool *found, xai_error *err)
{
    sqlite_store *s = self_of(base);
    sqlite3_stmt *stmt;
    *found = false;
    XAI_TRY(prepare(s, &stmt, err, "SELECT " JOB_COLUMNS " FROM jobs WHERE id = ?", "t", id));
    int code = sqlite3_step(stmt);
    xai_status status = code == SQLITE_ROW || code == SQLITE_DONE ? XAI_OK : fail(s, "read a job", err);
    if (code == SQLITE_ROW) status = read_job(stmt, job, err);
    *found = code == SQLITE_ROW && status == XAI_OK;
    sqlite3_finalize(stmt);
    return status;
}

static xai_status read_bytes(sqlite_store *s, const char *sql, const char *id, void **bytes, size_t *size,
                             xai_error *err)
{
    sqlite3_stmt *stmt;
    *bytes = NULL;
    *size = 0;
    XAI_TRY(prepare(s, &stmt, err, sql, "t", id));
    int code = sqlite3_step(stmt);
    xai_status status = code == SQLITE_ROW || code == SQLITE_DONE ? XAI_OK : fail(s, "read bytes", err);
    if (code == SQLITE_ROW) {
        size_t n = (size_t)sqlite3_column_bytes(stmt, 0);
        const void *blob = sqlite3_column_blob(stmt, 0);
        *bytes = malloc(n + 1); /* a NUL follows, for texts */
        if (*bytes) {
            if (n) memcpy(*bytes, blob, n);
            ((char *)*bytes)[n] = '\0';
            *size = n;
        } else {
            status = XAI_ERROR_SET(err, NO_MEMORY, "", "out of memory");
        }
    }
    sqlite3_finalize(stmt);
    return status;
}

static xai_status sqlite_image(store *base, const char *id, void **bytes, size_t *size, xai_error *err)
{
    return read_bytes(self_of(base), "SELECT bytes FROM images JOIN jobs ON jobs.image = sha256 WHERE id = ?", id, bytes,
                      size, err);
}

static xai_status sqlite_result(store *base, const char *id, void **bytes, size_t *size, xai_error *err)
{
    return read_bytes(self_of(base), "SELECT bytes FROM results WHERE id = ?", id, bytes, size, err);
}

/* ---------------------------------------------------------------- states */

static xai_status sqlite_claim(store *base, const char *id, int *attempts, xai_error *err)
{
    sqlite_store *s = self_of(base);
    sqlite3_stmt *stmt;
    *attempts = 0;
    XAI_TRY(prepare(s, &stmt, err,
                    "UPDATE jobs SET state = 1, attempts = attempts + 1 WHERE id = ? AND state <= 1 RETURNING attempts",
                    "t", id));
    int code = sqlite3_step(stmt);
    if (code == SQLITE_ROW) {
        *attempts = sqlite3_column_int(stmt, 0);
        code = sqlite3_step(stmt); /* commits */
    }
    xai_status status = code == SQLITE_DONE ? XAI_OK : fail(s, "claim a job", err);
    sqlite3_finalize(stmt);
    return status;
}

static xai_status sqlite_release(store *base, const char *id, xai_error *err)
{
    sqlite_store *s = self_of(base);
    sqlite3_stmt *stmt;
    XAI_TRY(prepare(s, &stmt, err, "UPDATE jobs SET state = 0, attempts = attempts - 1 WHERE id = ? AND state = 1", "t",
                    id));
    return finish_stmt(s, stmt, err);
}

static xai_status end_job(sqlite_store *s, const char *id, store_state state, int64_t expires_ms, const void *result,
                          size_t size, xai_error *err)
{
    sqlite3_stmt *stmt;
    XAI_TRY(prepare(s, &stmt, err, "UPDATE jobs SET state = ?, expires = ? WHERE id = ? AND state <= 1", "iit",
                    (int64_t)state, expires_ms, id));
    XAI_TRY(finish_stmt(s, stmt, err));
    if (sqlite3_changes(s->db) == 0 || !result) return XAI_OK;
    XAI_TRY(prepare(s, &stmt, err, "INSERT OR REPLACE INTO results VALUES (?, ?)", "tb", id, result, size));
    return finish_stmt(s, stmt, err);
}

static xai_status sqlite_finish(store *base, const char *id, store_state state, int64_t expires_ms, const void *result,
                                size_t size, xai_error *err)
{
    sqlite_store *s = self_of(base);
    assert(store_state_is_final(state));
    TRANSACTION(s, err, end_job(s, id, state, expires_ms, result, size, err));
}

static xai_status sqlite_unfinished(store *base, void (*each)(void *user, const store_job *job), void *user,
                                    xai_error *err)
{
    sqlite_store *s = self_of(base);
    sqlite3_stmt *stmt;
    XAI_TRY(prepare(s, &stmt, err, "SELECT " JOB_COLUMNS " FROM jobs WHERE state <= 1 ORDER BY created, id", ""));
    xai_status status = XAI_OK;
    int code;
    while (status == XAI_OK && (code = sqlite3_step(stmt)) != SQLITE_DONE) {
        store_job job;
        if (code != SQLITE_ROW) status = fail(s, "list the jobs", err);
        else status = read_job(stmt, &job, err);
        if (status != XAI_OK) break;
        each(user, &job);
        store_job_clear(&job);
    }
    sqlite3_finalize(stmt);
    return status;
}

/* ---------------------------------------------------------------- deleting */

/* Bytes that no living job needs. */
static const char DROP_BYTES[] =
    "DELETE FROM results WHERE id IN (SELECT id FROM jobs WHERE state = 6);"
    "UPDATE jobs SET image = '', request = NULL WHERE state = 6 AND image <> '';"
    "DELETE FROM images WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE image = sha256);";

/* Runs a statement that returns nothing; *changed more rows are gone or others. */
static xai_status change(sqlite_store *s, sqlite3_stmt *stmt, int *changed, xai_error *err)
{
    XAI_TRY(finish_stmt(s, stmt, err));
    *changed += sqlite3_changes(s->db);
    return XAI_OK;
}

static xai_status drop(sqlite_store *s, sqlite3_stmt *mark, int *count, xai_error *err)
{
    XAI_TRY(change(s, mark, count, err));
    return *count ? exec(s, DROP_BYTES, err) : XAI_OK;
}

/* Empties the log, where deleted bytes would still stand. Not worth an error: the next one does it. */
static void scrub(sqlite_store *s)
{
    sqlite3_exec(s->db, "PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
}

/* *count: jobs that are gone now; *changed: rows of other sorts. */
static xai_status remove_job(sqlite_store *s, const char *id, int *count, int *changed, xai_error *err)
{
    sqlite3_stmt *stmt;
    XAI_TRY(prepare(s, &stmt, err, "DELETE FROM quizzes WHERE job = ?", "t", id));
    XAI_TRY(change(s, stmt, changed, err));
    XAI_TRY(prepare(s, &stmt, err, "UPDATE jobs SET state = 6 WHERE id = ? AND state <> 6", "t", id));
    return drop(s, stmt, count, err);
}

static xai_status remove_in_transaction(sqlite_store *s, const char *id, int *count, int *changed, xai_error *err)
{
    TRANSACTION(s, err, remove_job(s, id, count, changed, err));
}

static xai_status sqlite_remove(store *base, const char *id, xai_error *err)
{
    sqlite_store *s = self_of(base);
    int count = 0, changed = 0;
    XAI_TRY(remove_in_transaction(s, id, &count, &changed, err));
    if (count + changed > 0) scrub(s);
    return XAI_OK;
}

static xai_status sweep(sqlite_store *s, int64_t now_ms, int64_t forget_ms, int *count, int *changed, xai_error *err)
{
    sqlite3_stmt *stmt;
    XAI_TRY(prepare(s, &stmt, err, "DELETE FROM jobs WHERE state = 6 AND expires < ?", "i", forget_ms));
    XAI_TRY(finish_stmt(s, stmt, err));
    XAI_TRY(prepare(s, &stmt, err, "DELETE FROM quizzes WHERE expires <= ?", "i", now_ms));
    XAI_TRY(change(s, stmt, changed, err));
    XAI_TRY(prepare(s, &stmt, err, "UPDATE jobs SET state = 6 WHERE state BETWEEN 2 AND 5 AND expires <= ?", "i", now_ms));
    return drop(s, stmt, count, err);
}

static xai_status sweep_in_transaction(sqlite_store *s, int64_t now_ms, int64_t forget_ms, int *count, int *changed,
                                       xai_error *err)
{
    TRANSACTION(s, err, sweep(s, now_ms, forget_ms, count, changed, err));
}

static xai_status sqlite_sweep(store *base, int64_t now_ms, int64_t forget_ms, int *count, xai_error *err)
{
    sqlite_store *s = self_of(base);
    int changed = 0;
    *count = 0;
    XAI_TRY(sweep_in_transaction(s, now_ms, forget_ms, count, &changed, err));
    if (*count + changed > 0) scrub(s);
    return XAI_OK;
}

/* ---------------------------------------------------------------- quizzes */

static xai_status sqlite_add_quiz(store *base, const store_quiz *quiz, xai_error *err)
{
    sqlite_store *s = self_of(base);
    sqlite3_stmt *stmt;
    XAI_TRY(prepare(s, &stmt, err, "INSERT INTO quizzes SELECT ?, ?, ?, ?, ?, ?"
                    " WHERE (SELECT count(*) FROM quizzes WHERE job = ?) < ?", "ttiittti", quiz->id, quiz->job,
                    quiz->created_ms, quiz->expires_ms, quiz->owner, quiz->text, quiz->job, (int64_t)STORE_MOST_QUIZZES));
    int added = 0;
    XAI_TRY(change(s, stmt, &added, err));
    XAI_CHECK(added, err, QUOTA, "", "there are %d quizzes about this explanation already; make a new one of the picture",
              STORE_MOST_QUIZZES);
    return XAI_OK;
}

static xai_status read_quiz(sqlite3_stmt *stmt, store_quiz *quiz, xai_error *err)
{
    *quiz = (store_quiz){.created_ms = sqlite3_column_int64(stmt, 2), .expires_ms = sqlite3_column_int64(stmt, 3)};
    copy_column(quiz->id, sizeof quiz->id, stmt, 0);
    copy_column(quiz->job, sizeof quiz->job, stmt, 1);
    copy_column(quiz->owner, sizeof quiz->owner, stmt, 4);
    const unsigned char *text = sqlite3_column_text(stmt, 5);
    quiz->text = text ? strdup((const char *)text) : NULL;
    if (!quiz->text) XAI_NO_MEMORY(err);
    return XAI_OK;
}

static xai_status sqlite_quiz(store *base, const char *id, store_quiz *quiz, bool *found, xai_error *err)
{
    sqlite_store *s = self_of(base);
    sqlite3_stmt *stmt;
    XAI_TRY(prepare(s, &stmt, err, "SELECT id, job, created, expires, owner, text FROM quizzes WHERE id = ?", "t", id));
    int code = sqlite3_step(stmt);
    xai_status status = code == SQLITE_ROW || code == SQLITE_DONE ? XAI_OK : fail(s, "read a quiz", err);
    if (code == SQLITE_ROW) status = read_quiz(stmt, quiz, err);
    *found = code == SQLITE_ROW && status == XAI_OK;
    sqlite3_finalize(stmt);
    return status;
}

static xai_status sqlite_add_answer(store *base, const store_answer *answer, bool *fresh, xai_error *err)
{
    sqlite_store *s = self_of(base);
    sqlite3_stmt *stmt;
    XAI_TRY(prepare(s, &stmt, err, "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?)", "titiii", answer->quiz,
                    (int64_t)answer->pair, answer->condition, (int64_t)answer->misleading, (int64_t)answer->correct,
                    answer->created_ms));
    XAI_TRY(finish_stmt(s, stmt, err));
    *fresh = sqlite3_changes(s->db) > 0;
    return XAI_OK;
}

static xai_status sqlite_tally(store *base, void (*each)(void *user, const store_tally *tally), void *user,
                               xai_error *err)
{
    sqlite_store *s = self_of(base);
    sqlite3_stmt *stmt;
    XAI_TRY(prepare(s, &stmt, err, "SELECT condition, misleading, count(*), sum(correct) FROM answers"
                    " GROUP BY condition, misleading ORDER BY condition, misleading", ""));
    int code;
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        store_tally tally = {.misleading = sqlite3_column_int(stmt, 1) != 0,
                             .answers = sqlite3_column_int64(stmt, 2), .correct = sqlite3_column_int64(stmt, 3)};
        copy_column(tally.condition, sizeof tally.condition, stmt, 0);
        each(user, &tally);
    }
    xai_status status = code == SQLITE_DONE ? XAI_OK : fail(s, "count the answers", err);
    sqlite3_finalize(stmt);
    return status;
}

/* ---------------------------------------------------------------- opening */

_Static_assert(STORE_RUNNING == 1 && STORE_DONE == 2 && STORE_CANCELLED == 5 && STORE_GONE == 6,
               "the statements above spell these numbers, and so do databases on disk");

static void sqlite_close_store(store *base)
{
    sqlite_store *s = self_of(base);
    sqlite3_close(s->db);
    free(s);
}

static const store_table SQLITE = {
    .add = sqlite_add,       .get = sqlite_get,         .image = sqlite_image,           .result = sqlite_result,
    .claim = sqlite_claim,   .release = sqlite_release, .finish = sqlite_finish,         .remove = sqlite_remove,
    .sweep = sqlite_sweep,   .unfinished = sqlite_unfinished, .add_quiz = sqlite_add_quiz,
    .quiz = sqlite_quiz,     .add_answer = sqlite_add_answer, .tally = sqlite_tally,     .close = sqlite_close_store,
};

static xai_status bring_up(sqlite_store *s, int version, xai_error *err)
{
    if (version == 0) XAI_TRY(exec(s, SCHEMA, err));
    return exec(s, QUIZZES, err);
}

static xai_status check_version(sqlite_store *s, const char *path, xai_error *err)
{
    sqlite3_stmt *stmt;
    XAI_TRY(prepare(s, &stmt, err, "PRAGMA user_version", ""));
    int version = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int(stmt, 0) : -1;
    sqlite3_finalize(stmt);
    if (version == 0 || version == 1) TRANSACTION(s, err, bring_up(s, version, err));
    XAI_CHECK(version == 2, err, BAD_CONFIG, path, "%s was written by another version of explaind (%d)", path, version);
    return XAI_OK;
}

static xai_status set_up(sqlite_store *s, const char *path, xai_error *err)
{
    static const char PRAGMAS[] =
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;"
        "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY; BEGIN EXCLUSIVE; COMMIT;";
    xai_error cause;
    if (exec(s, PRAGMAS, &cause) != XAI_OK) {
        bool locked = (sqlite3_errcode(s->db) & 0xff) == SQLITE_BUSY;
        XAI_FAIL(err, BAD_CONFIG, path, "cannot use %s as job store: %.300s", path,
                 locked ? "another process uses it" : sqlite3_errmsg(s->db));
    }
    return check_version(s, path, err);
}

/* The file holds people's images: nobody else reads it. The log takes over its mode. */
static xai_status make_private(const char *path, xai_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    XAI_CHECK(fd >= 0, err, BAD_CONFIG, path, "cannot create the job store %s: %s", path, strerror(errno));
    close(fd);
    return XAI_OK;
}

xai_status store_sqlite_open(const char *path, store **out, xai_error *err)
{
    if (strcmp(path, ":memory:") != 0) XAI_TRY(make_private(path, err));
    sqlite_store *s = calloc(1, sizeof *s);
    if (!s) XAI_NO_MEMORY(err);
    s->base.table = &SQLITE;
    xai_status status = XAI_OK;
    if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        status = XAI_ERROR_SET(err, BAD_CONFIG, path, "cannot open the job store %s: %s", path, sqlite3_errmsg(s->db));
    if (status == XAI_OK) status = set_up(s, path, err);
    if (status == XAI_OK) *out = &s->base;
    else sqlite_close_store(&s->base);
    return status;
}
