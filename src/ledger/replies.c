/* The ledger's paid bytes: replies as they came, and the answers in them, by shard.
 *
 * 1. The first reply of a batch, kind and page counts; a second one changes nothing.
 * 2. Answers of the same step, shard, batch and page replace each other, so that a page may be
 * scattered again after a crash between its answers and its mark.
 *
 * An each function calls fn between two rows; fn may call any function of the ledger but the one
 * that it was called from. One thread at a time. */
#include "ledger/db.h"
#include "ledger/ledger.h"

int ledger_add_reply(struct ledger *l, uint32_t batch, enum ledger_reply kind, uint32_t page,
                     long status, uint64_t raw_bytes, struct slice zstd, struct error *e)
{
    struct db_query q = db_query(l, DB_ADD_REPLY);

    db_put_int(&q, batch);
    db_put_int(&q, kind);
    db_put_int(&q, page);
    db_put_int(&q, status);
    db_put_int(&q, (int64_t)raw_bytes);
    db_put_blob(&q, zstd);
    return db_run(&q, e);
}

int ledger_mark_scattered(struct ledger *l, uint32_t batch, enum ledger_reply kind, uint32_t page,
                          struct error *e)
{
    struct db_query q = db_query(l, DB_MARK_SCATTERED);

    db_put_int(&q, batch);
    db_put_int(&q, kind);
    db_put_int(&q, page);
    int code = db_run(&q, e);
    if (code == 0 && sqlite3_changes(l->db) != 1)
        code = error_set(e, ERR_INTERNAL, "%s: batch %u has no reply %d.%u that could be marked",
                         l->path, batch, (int)kind, page);
    return code;
}

int ledger_each_reply(struct ledger *l, uint32_t batch, bool bodies, ledger_reply_fn *fn, void *arg,
                      struct error *e)
{
    struct db_query q = db_query(l, bodies ? DB_EACH_REPLY : DB_EACH_REPLY_HEAD);
    int code;

    db_put_int(&q, batch);
    while ((code = db_next(&q, e)) == 1) {
        struct ledger_reply_row r = {.batch = batch, .zstd = SLICE_EMPTY};
        r.kind = (enum ledger_reply)db_take_int(&q);
        r.page = db_take_u32(&q);
        r.status = (long)db_take_int(&q);
        r.raw_bytes = (uint64_t)db_take_int(&q);
        r.scattered = db_take_int(&q) != 0;
        if (bodies)
            r.zstd = db_take_blob(&q);
        code = db_row(&q, e);
        if (code == 0)
            code = fn(arg, &r, e);
        if (code != 0)
            break;
    }
    db_end(&q);
    return code;
}

int ledger_drop_replies(struct ledger *l, uint32_t batch, struct error *e)
{
    struct db_query answers = db_query(l, DB_DROP_ANSWERS);

    db_put_int(&answers, batch);
    int code = db_run(&answers, e);
    if (code != 0)
        return code;
    struct db_query replies = db_query(l, DB_DROP_REPLIES);
    db_put_int(&replies, batch);
    return db_run(&replies, e);
}

int ledger_drop_conclusions(struct ledger *l, uint32_t batch, struct error *e)
{
    struct db_query q = db_query(l, DB_DROP_CONCLUSIONS);

    db_put_int(&q, batch);
    int code = db_run(&q, e);
    return code != 0 ? code : sqlite3_changes(l->db) > 0;
}

int ledger_add_answers(struct ledger *l, unsigned step, uint32_t shard, uint32_t batch,
                       uint32_t page, struct slice answers, struct error *e)
{
    struct db_query q = db_query(l, DB_ADD_ANSWERS);

    db_put_int(&q, step);
    db_put_int(&q, shard);
    db_put_int(&q, batch);
    db_put_int(&q, page);
    db_put_blob(&q, answers);
    return db_run(&q, e);
}

int ledger_each_answers(struct ledger *l, uint32_t shard, ledger_answers_fn *fn, void *arg,
                        struct error *e)
{
    struct db_query q = db_query(l, DB_EACH_ANSWERS);
    int code;

    db_put_int(&q, shard);
    while ((code = db_next(&q, e)) == 1) {
        unsigned step = db_take_u32(&q);
        uint32_t batch = db_take_u32(&q);
        uint32_t page = db_take_u32(&q);
        struct slice answers = db_take_blob(&q);
        code = db_row(&q, e);
        if (code == 0)
            code = fn(arg, step, batch, page, answers, e);
        if (code != 0)
            break;
    }
    db_end(&q);
    return code;
}
