/* Runs the ledger's statements and puts SQLite's errors into words.
 *
 * 1. The first error of SQLite is the handle's for ever: every later call returns it and runs
 * nothing, because after a failed write or fsync nobody knows what the disk holds.
 * 2. Values are bound and taken strictly in the order of the statement's text (sql.h).
 * 3. A statement is reset as soon as its last row was taken, so that no forgotten read holds the
 * log back.
 *
 * One thread at a time. */
#include "ledger/db.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *job;
    const char *text;
} db_sql_table[DB_SQL_COUNT] = {
#define X(name, job, text) [name] = {job, text},
    DB_SQL_LIST(X)
#undef X
};

static int code_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return ERR_IO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
        return ERR_DATA;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return ERR_STOPPED;
    }
    return ERR_INTERNAL;
}

static bool is_full(int rc, int errnum)
{
    return (rc & 0xff) == SQLITE_FULL ||
           ((rc & 0xff) == SQLITE_IOERR && (errnum == ENOSPC || errnum == EDQUOT));
}

/* SQLite's words are those of its last call, which need not be the one that gave rc. */
static const char *words_of(const struct ledger *l, int rc)
{
    if (l->db && (sqlite3_errcode(l->db) & 0xff) == (rc & 0xff))
        return sqlite3_errmsg(l->db);
    return sqlite3_errstr(rc);
}

int db_fail(struct ledger *l, int rc, const char *job, struct error *e)
{
    int code = code_of(rc);
    int errnum = l->db && code == ERR_IO ? sqlite3_system_errno(l->db) : 0;

    /* SQLite does not keep the errno of a commit that failed; ours was cleared before. */
    if (errnum == 0 && (rc & 0xff) == SQLITE_IOERR)
        errnum = errno;

    if (is_full(rc, errnum))
        error_set(e, code, "%s: cannot %s: the disk is full", l->path, job);
    else if (code == ERR_STOPPED)
        error_set(e, code, "%s: cannot %s: another program uses it", l->path, job);
    else if (errnum != 0)
        error_errno(e, code, errnum, "%s: cannot %s: %s", l->path, job, words_of(l, rc));
    else
        error_set(e, code, "%s: cannot %s: %s", l->path, job, words_of(l, rc));
    l->failure = *e;
    return code;
}

int db_damaged(struct ledger *l, struct error *e, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    error_set(e, ERR_DATA, "%s: %s", l->path, text);
    l->failure = *e;
    return ERR_DATA;
}

int db_usable(const struct ledger *l, struct error *e)
{
    if (l->failure.code != 0)
        *e = l->failure;
    return l->failure.code;
}

int db_prepare(struct ledger *l, struct error *e)
{
    for (int i = 0; i < DB_SQL_COUNT; i++) {
        int rc = sqlite3_prepare_v3(l->db, db_sql_table[i].text, -1, SQLITE_PREPARE_PERSISTENT,
                                    &l->stmt[i], NULL);
        /* The texts are right, so a statement that does not fit meets another schema. */
        if ((rc & 0xff) == SQLITE_ERROR)
            return db_damaged(l, e, "damaged: cannot %s: %s", db_sql_table[i].job,
                              sqlite3_errmsg(l->db));
        if (rc != SQLITE_OK)
            return db_fail(l, rc, db_sql_table[i].job, e);
    }
    return 0;
}

void db_finalize(struct ledger *l)
{
    for (int i = 0; i < DB_SQL_COUNT; i++) {
        sqlite3_finalize(l->stmt[i]);
        l->stmt[i] = NULL;
    }
}

struct db_query db_query(struct ledger *l, enum db_sql sql)
{
    assert(!sqlite3_stmt_busy(l->stmt[sql]));
    return (struct db_query){.l = l, .sql = sql, .stmt = l->stmt[sql]};
}

static void note_bind(struct db_query *q, int rc)
{
    if (q->rc == SQLITE_OK)
        q->rc = rc;
}

void db_put_int(struct db_query *q, int64_t value)
{
    note_bind(q, sqlite3_bind_int64(q->stmt, ++q->at, value));
}

void db_put_words(struct db_query *q, struct slice text)
{
    note_bind(q, sqlite3_bind_text64(q->stmt, ++q->at, text.data ? text.data : "", text.len,
                                     SQLITE_STATIC, SQLITE_UTF8));
}

void db_put_text(struct db_query *q, const char *text, size_t size)
{
    size_t len = strnlen(text, size);

    if (len == size)
        note_bind(q, SQLITE_TOOBIG);
    db_put_words(q, (struct slice){text, len});
}

void db_put_note(struct db_query *q, const char *text, size_t size)
{
    size_t len = strnlen(text, size);

    if (len == size)
        for (len--; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
            len--;
    db_put_words(q, (struct slice){text, len});
}

void db_put_blob(struct db_query *q, struct slice bytes)
{
    note_bind(q, sqlite3_bind_blob64(q->stmt, ++q->at, bytes.data ? bytes.data : "", bytes.len,
                                     SQLITE_STATIC));
}

int db_next(struct db_query *q, struct error *e)
{
    struct ledger *l = q->l;
    int code = db_usable(l, e);

    q->at = 0;
    if (code == 0) {
        errno = 0;
        int rc = q->rc != SQLITE_OK ? q->rc : sqlite3_step(q->stmt);
        if (rc == SQLITE_ROW)
            return 1;
        if (rc != SQLITE_DONE)
            code = db_fail(l, rc, db_sql_table[q->sql].job, e);
    }
    db_end(q);
    return code;
}

int64_t db_take_int(struct db_query *q)
{
    int column = q->at++;

    if (sqlite3_column_type(q->stmt, column) != SQLITE_INTEGER)
        q->damaged = true;
    return sqlite3_column_int64(q->stmt, column);
}

uint32_t db_take_u32(struct db_query *q)
{
    int64_t value = db_take_int(q);

    if (value >= 0 && value <= UINT32_MAX)
        return (uint32_t)value;
    q->damaged = true;
    return 0;
}

struct slice db_take_blob(struct db_query *q)
{
    int column = q->at++;
    const void *data = sqlite3_column_blob(q->stmt, column);
    int len = sqlite3_column_bytes(q->stmt, column);

    if (len <= 0)
        return SLICE_EMPTY;
    if (data)
        return (struct slice){data, (size_t)len};
    q->damaged = true;
    return SLICE_EMPTY;
}

void db_take_text(struct db_query *q, char *text, size_t size)
{
    struct slice s = db_take_blob(q);

    text[0] = '\0';
    if (s.len >= size || memchr(s.data, '\0', s.len)) {
        q->damaged = true;
        return;
    }
    memcpy(text, s.data, s.len);
    text[s.len] = '\0';
}

int db_row(struct db_query *q, struct error *e)
{
    const char *job = db_sql_table[q->sql].job;

    if (!q->damaged)
        return 0;
    if (sqlite3_errcode(q->l->db) == SQLITE_NOMEM)
        return db_fail(q->l, SQLITE_NOMEM, job, e);
    return db_damaged(q->l, e, "damaged: cannot %s: a value is not what was written", job);
}

void db_end(struct db_query *q)
{
    /* It repeats the error of the last step, which is reported already. */
    sqlite3_reset(q->stmt);
}

int db_run(struct db_query *q, struct error *e)
{
    int code = db_next(q, e);

    if (code == 1)
        db_end(q);
    return code == 1 ? 0 : code;
}

int db_exec(struct ledger *l, const char *job, const char *sql, struct error *e)
{
    int code = db_usable(l, e);

    if (code != 0)
        return code;
    errno = 0;
    int rc = sqlite3_exec(l->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : db_fail(l, rc, job, e);
}

int db_ask(struct ledger *l, const char *job, const char *sql, char *text, size_t size,
           struct error *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = db_usable(l, e);

    text[0] = '\0';
    if (code != 0)
        return code;
    errno = 0;
    int rc = sqlite3_prepare_v2(l->db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        const char *value = (const char *)sqlite3_column_text(stmt, 0);
        snprintf(text, size, "%s", value ? value : "");
    } else if (rc != SQLITE_DONE) {
        code = db_fail(l, rc, job, e);
    }
    sqlite3_finalize(stmt);
    return code;
}
