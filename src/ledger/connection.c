/* Opens, settles and closes the ledger's one connection.
 *
 * 1. locking_mode=EXCLUSIVE comes before anything is read: the log's index then lives in our
 * memory, and no second connection can exist, with which SQLite 3.40 has the WAL-reset bug.
 * 2. What keeps a commit through a power cut (WAL, synchronous=FULL) is read back: SQLite answers a
 * refusal by the old setting, not by an error.
 * 3. After a failure nothing is written any more, so closing leaves the write-ahead log as it lies;
 * the next opening reads all committed pages out of it again.
 *
 * Memory: the page cache of CACHE_KIB, and 8 bytes for each page in the log. One thread at a time.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "ledger/db.h"

#define CACHE_KIB 16384
/* The log file is cut back to this after a transaction that was larger. */
#define LOG_FILE_MAX (64 << 20)

#define TEXT(x)  #x
#define VALUE(x) TEXT(x)

static const char open_job[] = "open the ledger";

/* Our count instead of SQLite's own checkpoint after a commit, which ignores an error of the
 * database's fsync and tries again later: by then the kernel may have dropped the pages. See
 * ledger_begin. */
static int count_log_pages(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct ledger *l = arg;

    (void)db;
    (void)name;
    l->log_pages = (unsigned)pages;
    return SQLITE_OK;
}

static int switch_on(struct ledger *l, int option, int on, struct error *e)
{
    int is = !on;
    int rc = sqlite3_db_config(l->db, option, on, &is);

    if (rc != SQLITE_OK)
        return db_fail(l, rc, open_job, e);
    if (is == on)
        return 0;
    error_set(e, ERR_INTERNAL, "%s: SQLite refuses the setting %d = %d", l->path, option, on);
    l->failure = *e;
    return e->code;
}

/* Set a pragma and hold what SQLite answers against what is wanted. */
static int demand(struct ledger *l, const char *set, const char *ask, const char *want,
                  struct error *e)
{
    char is[32];
    int code = 0;

    if (set)
        code = db_exec(l, open_job, set, e);
    if (code == 0)
        code = db_ask(l, open_job, ask, is, sizeof(is), e);
    if (code != 0 || strcmp(is, want) == 0)
        return code;
    error_set(e, ERR_IO, "%s: the ledger needs \"%s\" to answer %s, but SQLite answers \"%s\"",
              l->path, ask, want, is);
    l->failure = *e;
    return e->code;
}

int db_open(struct ledger *l, struct error *e)
{
    char *name = NULL;
    int code = 0;

    /* SQLite takes a name that begins with "file:" for a URI. */
    if (asprintf(&name, "%s%s", l->path[0] == '/' ? "" : "./", l->path) < 0)
        return error_set(e, ERR_INTERNAL, "out of memory");
    int rc = sqlite3_open_v2(name, &l->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    free(name);
    if (rc != SQLITE_OK)
        return db_fail(l, rc, open_job, e);
    sqlite3_extended_result_codes(l->db, 1);
    sqlite3_wal_hook(l->db, count_log_pages, l);
    code = demand(l, NULL, "PRAGMA locking_mode = EXCLUSIVE", "exclusive", e);
    if (code == 0)
        code = switch_on(l, SQLITE_DBCONFIG_DEFENSIVE, 1, e);
    if (code == 0)
        code = switch_on(l, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, e);
    if (code == 0)
        code = switch_on(l, SQLITE_DBCONFIG_ENABLE_FKEY, 1, e);
    return code;
}

int db_settle(struct ledger *l, struct error *e)
{
    int code = demand(l, NULL, "PRAGMA journal_mode = WAL", "wal", e);

    if (code == 0)
        code = demand(l, "PRAGMA synchronous = FULL", "PRAGMA synchronous", "2", e);
    /* People's data must not reach a temporary file outside the run directory. */
    if (code == 0)
        code = demand(l, "PRAGMA temp_store = MEMORY", "PRAGMA temp_store", "2", e);
    if (code == 0)
        code = db_exec(l, open_job,
                       "PRAGMA cache_size = -" VALUE(CACHE_KIB) ";"
                                                                "PRAGMA cell_size_check = ON;",
                       e);
    if (code == 0) {
        char sql[64];
        snprintf(sql, sizeof(sql), "PRAGMA journal_size_limit = %d", LOG_FILE_MAX);
        code = db_exec(l, open_job, sql, e);
    }
    return code;
}

/* Empty the log while errors can still be reported; sqlite3_close would swallow them. */
static void move_log(struct ledger *l)
{
    struct error e = {0};

    if (!sqlite3_get_autocommit(l->db))
        sqlite3_exec(l->db, "ROLLBACK", NULL, NULL, NULL);
    errno = 0;
    int rc = sqlite3_wal_checkpoint_v2(l->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (rc == SQLITE_OK)
        return;
    db_fail(l, rc, "move the write-ahead log into the database", &e);
    log_write(LOG_ERROR, "ledger", "%s; nothing is lost", e.message);
}

void db_close(struct ledger *l)
{
    if (!l->db)
        return;
    db_finalize(l);
    if (l->failure.code == 0)
        move_log(l);
    if (l->failure.code != 0)
        sqlite3_db_config(l->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    int rc = sqlite3_close(l->db);
    /* It refuses only while statements are open, and all are in the handle's table. */
    assert(rc == SQLITE_OK);
    (void)rc;
    l->db = NULL;
}
