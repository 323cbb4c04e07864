/* Makes a new ledger and recognises an old one.
 *
 * 1. A ledger.db is complete from its first moment: it is built as ledger.db.new, made durable and
 * renamed. So one that is empty or lacks a table was damaged, and is never taken for new: a new
 * ledger would pay again for everything.
 * 2. A file is recognised (application id, then format) before anything is written to it.
 * 3. The tables are STRICT and hold what the program relies on as checks, so that `PRAGMA
 * integrity_check` proves it too.
 *
 * Answers are a plain table, filled at its end, with an index in the order in which a shard is
 * rendered: the rows of a page go to as many shards, and clustering them by shard would rewrite a
 * page of the database for each. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "ledger/db.h"
#include "ledger/ledger.h"

#define APPLICATION_ID 0x74726e63 /* "trnc" */

/* Either size would do. 4 KiB wrote a quarter less for a million answers of 300 bytes in random
 * order of shards; 8 KiB was a quarter faster for answers of 1.2 KB with their replies, four pages
 * to a commit. */
#define PAGE_BYTES 8192

#define TEXT(x)  #x
#define VALUE(x) TEXT(x)

/* clang-format off */
static const char schema[] =
    "PRAGMA application_id = " VALUE(APPLICATION_ID) ";"
    "PRAGMA user_version = " VALUE(LEDGER_FORMAT) ";"
    "CREATE TABLE setting ("
    " key TEXT PRIMARY KEY,"
    " value ANY NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE output ("
    " id INTEGER PRIMARY KEY CHECK (id = 0),"
    " bytes INTEGER NOT NULL,"
    " shards INTEGER NOT NULL"
    ") STRICT;"
    "INSERT INTO output (id, bytes, shards) VALUES (0, 0, 0);"
    "CREATE TABLE shard ("
    " number INTEGER PRIMARY KEY,"
    " first_record INTEGER NOT NULL,"
    " records INTEGER NOT NULL CHECK (records BETWEEN 1 AND " VALUE(SHARD_RECORDS) "),"
    " line INTEGER NOT NULL,"
    " offset INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL,"
    " hash BLOB NOT NULL CHECK (length(hash) = 16),"
    " spool_offset INTEGER NOT NULL,"
    " spool_bytes INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE entry ("
    " step INTEGER NOT NULL,"
    " shard INTEGER NOT NULL REFERENCES shard,"
    " identities BLOB NOT NULL,"
    " firsts BLOB NOT NULL,"
    " PRIMARY KEY (step, shard),"
    " CHECK (length(identities) = 4 * length(firsts)),"
    " CHECK (length(firsts) % 4 = 0 AND length(firsts) <= 4 * " VALUE(SHARD_RECORDS) ")"
    ") STRICT;"
    "CREATE TABLE batch ("
    " id INTEGER PRIMARY KEY CHECK (id > 0),"
    " parent INTEGER REFERENCES batch,"
    " step INTEGER NOT NULL,"
    " state TEXT NOT NULL,"
    " items INTEGER NOT NULL,"
    " alone INTEGER NOT NULL,"
    " form INTEGER NOT NULL,"
    " attempt INTEGER NOT NULL,"
    " token TEXT NOT NULL,"
    " body_sha256 TEXT NOT NULL,"
    " body_bytes INTEGER NOT NULL,"
    " cost_max INTEGER NOT NULL,"
    " credits INTEGER NOT NULL,"
    " vendor_id TEXT NOT NULL,"
    " vendor_items INTEGER NOT NULL,"
    " armed_ms INTEGER NOT NULL,"
    " accepted_ms INTEGER NOT NULL,"
    " ended_ms INTEGER NOT NULL,"
    " note TEXT NOT NULL"
    ") STRICT;"
    "CREATE TABLE slice ("
    " batch INTEGER NOT NULL REFERENCES batch,"
    " shard INTEGER NOT NULL REFERENCES shard,"
    " members BLOB NOT NULL,"
    " PRIMARY KEY (batch, shard)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE attempt ("
    " batch INTEGER NOT NULL REFERENCES batch,"
    " attempt INTEGER NOT NULL,"
    " token TEXT NOT NULL,"
    " body_sha256 TEXT NOT NULL,"
    " body_bytes INTEGER NOT NULL,"
    " cost_max INTEGER NOT NULL,"
    " armed_ms INTEGER NOT NULL,"
    " ended_ms INTEGER NOT NULL DEFAULT 0,"
    " end TEXT NOT NULL DEFAULT '',"
    " detail TEXT NOT NULL DEFAULT '',"
    " PRIMARY KEY (batch, attempt)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE decision ("
    " id INTEGER PRIMARY KEY,"
    " batch INTEGER NOT NULL REFERENCES batch,"
    " choice TEXT NOT NULL,"
    " vendor_id TEXT NOT NULL,"
    " decided_by TEXT NOT NULL,"
    " at_ms INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE reply ("
    " batch INTEGER NOT NULL REFERENCES batch,"
    " kind INTEGER NOT NULL CHECK (kind IN (1, 2, 3, 4)),"
    " page INTEGER NOT NULL,"
    " status INTEGER NOT NULL,"
    " raw_bytes INTEGER NOT NULL,"
    " scattered INTEGER NOT NULL DEFAULT 0,"
    " zstd BLOB NOT NULL," /* last, so that reading the others does not read it */
    " PRIMARY KEY (batch, kind, page)"
    ") STRICT;"
    "CREATE TABLE answers ("
    " step INTEGER NOT NULL,"
    " shard INTEGER NOT NULL REFERENCES shard,"
    " batch INTEGER NOT NULL," /* 0: what was concluded without one */
    " page INTEGER NOT NULL,"
    " answers BLOB NOT NULL"
    ") STRICT;"
    "CREATE UNIQUE INDEX answers_of_shard ON answers (shard, step, batch DESC, page);";
/* clang-format on */

static int build(struct ledger *l, struct error *e)
{
    int code = db_open(l, e);

    /* The page size of a new file can be set until the first write, and not in WAL mode. */
    if (code == 0)
        code = db_exec(l, "set the page size", "PRAGMA page_size = " VALUE(PAGE_BYTES), e);
    if (code == 0)
        code = db_settle(l, e);
    if (code == 0)
        code = db_exec(l, "create the tables", "BEGIN IMMEDIATE", e);
    if (code == 0)
        code = db_exec(l, "create the tables", schema, e);
    if (code == 0)
        code = db_exec(l, "create the tables", "COMMIT", e);
    if (code != 0)
        return code;
    /* The rename takes the database alone, so all of it must be in there. */
    errno = 0;
    int rc = sqlite3_wal_checkpoint_v2(l->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return rc == SQLITE_OK ? 0 : db_fail(l, rc, "make the new ledger durable", e);
}

/* What a crash in here left behind; nothing points to it. */
static void remove_new(const char *path)
{
    static const char *const tails[] = {"", "-wal", "-journal"};

    for (unsigned i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        char *name = NULL;
        if (asprintf(&name, "%s%s", path, tails[i]) < 0)
            abort();
        unlink(name);
        free(name);
    }
}

int db_create(const char *path, struct error *e)
{
    struct ledger l = {0};

    if (asprintf(&l.path, "%s.new", path) < 0)
        return error_set(e, ERR_INTERNAL, "out of memory");
    remove_new(l.path);
    int fd = file_create(l.path, true, e);
    int code = fd < 0 ? fd : 0;
    if (code == 0) {
        close(fd);
        code = build(&l, e);
        db_close(&l);
    }
    if (code == 0 && rename(l.path, path) != 0)
        code = error_errno(e, ERR_CANTCREATE, errno, "cannot rename %s", l.path);
    if (code == 0)
        code = file_sync_folder(path, e);
    else
        remove_new(l.path);
    free(l.path);
    return code;
}

int db_check_format(struct ledger *l, struct error *e)
{
    char id[16], format[16];
    int code = db_ask(l, "read the ledger", "PRAGMA application_id", id, sizeof(id), e);

    if (code == 0)
        code = db_ask(l, "read the ledger", "PRAGMA user_version", format, sizeof(format), e);
    if (code != 0)
        return code;
    if (strtol(id, NULL, 10) != APPLICATION_ID)
        return db_damaged(l, e, "a database, but no ledger of a run (application id %s)", id);
    long is = strtol(format, NULL, 10);
    if (is > LEDGER_FORMAT)
        return db_damaged(l, e,
                          "written by a newer version: its format is %ld, this program knows up "
                          "to %d",
                          is, LEDGER_FORMAT);
    if (is < LEDGER_FORMAT)
        return db_damaged(l, e, "its format is %ld, which this program does not know", is);
    return 0;
}
