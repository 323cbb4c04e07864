/* Opens and closes a ledger, runs its transactions, keeps the settings of the run and how far its
 * output is.
 *
 * 1. A ledger is opened in this order: the file is ours to open, it is a ledger of our format, the
 * connection is settled, every statement fits. Before the second nothing is written to it.
 * 2. The write-ahead log moves into the database at the beginning of a transaction, never after its
 * commit: a failure of that is then the error of a transaction that has done nothing, and a commit
 * that returned 0 is durable whatever comes.
 *
 * Failure modes: a process that dies leaves ledger.db and ledger.db-wal; the next ledger_open sees
 * every commit that returned 0, and perhaps the one that was under way. One thread at a time. */
#include "ledger/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "ledger/db.h"

/* Pages in the log (of 8 KiB) that wait before they move: hot index pages are then written to the
 * database once for many commits, and the log stays small against the disk reserve. */
#define LOG_PAGES_MAX 2048

/* Of a SQLite database. */
#define HEADER_BYTES 100

/* A log whose database is gone holds replies that were paid for. A new database beside it would be
 * mixed with it, or erase it. */
static int refuse_lone_log(const char *path, struct error *e)
{
    char *log = NULL;
    struct stat st;

    if (asprintf(&log, "%s-wal", path) < 0)
        return error_set(e, ERR_INTERNAL, "out of memory");
    int code = lstat(log, &st) == 0 ? error_set(e, ERR_DATA,
                                                "%s is missing, but its log %s is there: put the "
                                                "database back, or move the log away",
                                                path, log)
                                    : 0;
    free(log);
    return code;
}

static int make_missing(const char *path, bool create, struct error *e)
{
    int code = refuse_lone_log(path, e);

    if (code != 0)
        return code;
    if (!create)
        return error_errno(e, ERR_NOINPUT, ENOENT, "cannot open %s", path);
    return db_create(path, e);
}

/* A regular file of ours at path, made when it is missing and wanted. It is closed again before
 * SQLite opens it: closing it later would drop SQLite's locks. */
static int check_file(const char *path, bool create, struct error *e)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0 && errno == ENOENT)
        return make_missing(path, create, e);
    if (fd < 0 && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
        return error_set(e, ERR_DATA, "%s is no regular file", path);
    if (fd < 0)
        return error_errno(e, ERR_IO, errno, "cannot open %s", path);
    int rc = fstat(fd, &st);
    int errnum = errno;
    close(fd);
    if (rc != 0)
        return error_errno(e, ERR_IO, errnum, "cannot examine %s", path);
    if (!S_ISREG(st.st_mode))
        return error_set(e, ERR_DATA, "%s is no regular file", path);
    /* SQLite takes a file without a whole header for a new database. */
    if (st.st_size < HEADER_BYTES)
        return error_set(e, ERR_DATA, "%s is damaged: all that is left of it is %lld bytes", path,
                         (long long)st.st_size);
    return 0;
}

int ledger_open(struct ledger **out, const char *dir, bool create, struct error *e)
{
    struct ledger *l = calloc(1, sizeof(*l));

    *out = NULL;
    if (!l)
        return error_set(e, ERR_INTERNAL, "out of memory");
    l->path = file_join(dir, "ledger.db");
    int code = check_file(l->path, create, e);
    if (code == 0)
        code = db_open(l, e);
    if (code == 0)
        code = db_check_format(l, e);
    if (code == 0)
        code = db_settle(l, e);
    if (code == 0)
        code = db_prepare(l, e);
    /* The log is there by now, for as long as we are open. SQLite syncs its folder too, but does
     * not look at the result. */
    if (code == 0)
        code = file_sync_folder(l->path, e);
    if (code != 0) {
        ledger_close(l);
        return code;
    }
    *out = l;
    return 0;
}

void ledger_close(struct ledger *l)
{
    if (!l)
        return;
    db_close(l);
    free(l->path);
    free(l);
}

/* Durable when it returns 0: SQLite syncs the log before it copies and the database after. A
 * passive checkpoint has only our own reads to respect; under a walk that is going on it is left
 * for the next transaction. */
static int shorten_log(struct ledger *l, struct error *e)
{
    if (l->failure.code != 0 || l->log_pages < LOG_PAGES_MAX)
        return 0;
    errno = 0;
    int rc = sqlite3_wal_checkpoint_v2(l->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if ((rc & 0xff) == SQLITE_LOCKED)
        return 0;
    if (rc != SQLITE_OK)
        return db_fail(l, rc, "move the write-ahead log into the database", e);
    l->log_pages = 0;
    return 0;
}

int ledger_begin(struct ledger *l, struct error *e)
{
    struct db_query q = db_query(l, DB_BEGIN);
    int code = shorten_log(l, e);

    return code != 0 ? code : db_run(&q, e);
}

int ledger_commit(struct ledger *l, struct error *e)
{
    struct db_query q = db_query(l, DB_COMMIT);
    int code = db_run(&q, e);

    if (code != 0)
        ledger_rollback(l);
    return code;
}

void ledger_rollback(struct ledger *l)
{
    struct error ignored = {0};

    /* Many errors have rolled back already. */
    if (sqlite3_get_autocommit(l->db))
        return;
    int rc = sqlite3_exec(l->db, "ROLLBACK", NULL, NULL, NULL);
    if (rc != SQLITE_OK && l->failure.code == 0)
        db_fail(l, rc, "roll back", &ignored);
}

int ledger_check(struct ledger *l, struct error *e)
{
    char text[256];
    int code = db_ask(l, "check it", "PRAGMA integrity_check(1)", text, sizeof(text), e);

    if (code == 0 && strcmp(text, "ok") != 0)
        return db_damaged(l, e, "damaged: %s", text);
    if (code == 0)
        code = db_ask(l, "check it", "SELECT \"table\" FROM pragma_foreign_key_check", text,
                      sizeof(text), e);
    if (code == 0 && text[0] != '\0')
        return db_damaged(l, e, "damaged: a row of %s points to nothing", text);
    return code;
}

int ledger_set(struct ledger *l, const char *key, struct slice value, struct error *e)
{
    struct db_query q = db_query(l, DB_SET);

    db_put_words(&q, slice_of(key));
    db_put_words(&q, value);
    return db_run(&q, e);
}

int ledger_set_i64(struct ledger *l, const char *key, int64_t value, struct error *e)
{
    struct db_query q = db_query(l, DB_SET);

    db_put_words(&q, slice_of(key));
    db_put_int(&q, value);
    return db_run(&q, e);
}

int ledger_get(struct ledger *l, const char *key, struct buf *out, struct error *e)
{
    struct db_query q = db_query(l, DB_GET);

    buf_reset(out);
    db_put_words(&q, slice_of(key));
    int code = db_next(&q, e);
    if (code != 1)
        return code;
    buf_append_slice(out, db_take_blob(&q));
    code = db_row(&q, e);
    if (code == 0 && out->failed)
        code = error_set(e, ERR_INTERNAL, "%s: the setting %s is too long to read", l->path, key);
    db_end(&q);
    return code != 0 ? code : 1;
}

int ledger_get_i64(struct ledger *l, const char *key, int64_t *value, struct error *e)
{
    struct db_query q = db_query(l, DB_GET);

    db_put_words(&q, slice_of(key));
    int code = db_next(&q, e);
    if (code != 1)
        return code;
    int64_t is = db_take_int(&q);
    code = db_row(&q, e);
    db_end(&q);
    if (code != 0)
        return code;
    *value = is;
    return 1;
}

int ledger_set_output(struct ledger *l, uint64_t bytes, uint32_t shards, struct error *e)
{
    struct db_query q = db_query(l, DB_SET_OUTPUT);

    db_put_int(&q, (int64_t)bytes);
    db_put_int(&q, shards);
    return db_run(&q, e);
}

int ledger_get_output(struct ledger *l, uint64_t *bytes, uint32_t *shards, struct error *e)
{
    struct db_query q = db_query(l, DB_GET_OUTPUT);
    int code = db_next(&q, e);

    if (code == 0)
        return db_damaged(l, e, "damaged: the length of the output is missing");
    if (code < 0)
        return code;
    *bytes = (uint64_t)db_take_int(&q);
    *shards = db_take_u32(&q);
    code = db_row(&q, e);
    db_end(&q);
    return code;
}
