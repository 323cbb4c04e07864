/* What the files of the ledger share: the handle, its cached statements, and errors of SQLite put
 * into words. Not for other folders. */
#ifndef TRANCHE_LEDGER_DB_H
#define TRANCHE_LEDGER_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "ledger/sql.h"

enum db_sql {
#define X(name, job, text) name,
    DB_SQL_LIST(X)
#undef X
        DB_SQL_COUNT
};

struct ledger {
    sqlite3 *db;
    char *path;
    sqlite3_stmt *stmt[DB_SQL_COUNT];
    unsigned log_pages;   /* of the write-ahead log that wait to be moved into the database */
    struct error failure; /* the first error of SQLite; code 0 while there is none */
};

/* One use of a cached statement. */
struct db_query {
    struct ledger *l;
    enum db_sql sql;
    sqlite3_stmt *stmt;
    int at;       /* parameters bound, or columns taken from the row, so far */
    int rc;       /* the first bind that failed */
    bool damaged; /* a column did not hold what it should */
};

/* Prepare every statement. 0, or the error of a schema that does not fit. */
int db_prepare(struct ledger *l, struct error *e);
void db_finalize(struct ledger *l);

/* Start using a statement, which must not be in use: a callback may not start the walk that it was
 * called from. */
struct db_query db_query(struct ledger *l, enum db_sql sql);
/* Bind the next parameter. Bytes must live until the query has ended. A text must fit an array of
 * `size` bytes, because it is read into one; a note is cut to fit, between characters. */
void db_put_int(struct db_query *q, int64_t value);
void db_put_text(struct db_query *q, const char *text, size_t size);
void db_put_note(struct db_query *q, const char *text, size_t size);
void db_put_words(struct db_query *q, struct slice text);
void db_put_blob(struct db_query *q, struct slice bytes);
/* 1: there is a row; 0: no more of them, the query has ended; negative: likewise, with *e. */
int db_next(struct db_query *q, struct error *e);
/* Take the row's next column. What does not fit is zero or empty, and db_row says so. */
int64_t db_take_int(struct db_query *q);
uint32_t db_take_u32(struct db_query *q);
void db_take_text(struct db_query *q, char *text, size_t size);
struct slice db_take_blob(struct db_query *q);
/* 0, or ERR_DATA when a column of the row did not hold what it should. */
int db_row(struct db_query *q, struct error *e);
void db_end(struct db_query *q);
/* Run a statement that has no rows. */
int db_run(struct db_query *q, struct error *e);

/* Report the result `rc` of SQLite: "PATH: cannot JOB: words". It becomes the failure of the
 * handle. */
int db_fail(struct ledger *l, int rc, const char *job, struct error *e);
/* Report that the ledger holds what it never should. Likewise final. */
int db_damaged(struct ledger *l, struct error *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* 0, or the failure that the handle has. */
int db_usable(const struct ledger *l, struct error *e);
/* Run statements that are not cached. */
int db_exec(struct ledger *l, const char *job, const char *sql, struct error *e);
/* The one value that a pragma or query gives, as a text of less than `size` bytes. */
int db_ask(struct ledger *l, const char *job, const char *sql, char *text, size_t size,
           struct error *e);

/* Open the file that is there: exclusive, checked foreign keys, nothing written yet. */
int db_open(struct ledger *l, struct error *e);
/* Finalizes, moves the log into the database unless there is a failure, closes. */
void db_close(struct ledger *l);

/* Make a new ledger at path, which must not exist. When it returns 0, file and name are durable;
 * when the process dies before, path is such a ledger or does not exist. */
int db_create(const char *path, struct error *e);
/* 0 when the open database is a ledger of our format. Writes nothing. */
int db_check_format(struct ledger *l, struct error *e);
/* Settle how the connection writes: write-ahead log, FULL, read back because SQLite keeps quiet
 * about a refusal. */
int db_settle(struct ledger *l, struct error *e);

#endif
