/* The ledger's shards and what their records are to each step.
 *
 * 1. Shards are numbered from 0 without a gap; one that is missing is damage.
 * 2. An entry's two arrays are of the same number of records.
 *
 * An each function calls fn between two rows; fn may call any function of the ledger but the one
 * that it was called from. One thread at a time. */
#include <string.h>

#include "ledger/db.h"
#include "ledger/ledger.h"

int ledger_add_shard(struct ledger *l, const struct list_shard *shard, struct error *e)
{
    struct db_query q = db_query(l, DB_ADD_SHARD);

    db_put_int(&q, shard->number);
    db_put_int(&q, (int64_t)shard->first_record);
    db_put_int(&q, shard->records);
    db_put_int(&q, (int64_t)shard->line);
    db_put_int(&q, (int64_t)shard->offset);
    db_put_int(&q, (int64_t)shard->bytes);
    db_put_blob(&q, (struct slice){(const char *)shard->hash, sizeof(shard->hash)});
    db_put_int(&q, (int64_t)shard->spool_offset);
    db_put_int(&q, (int64_t)shard->spool_bytes);
    return db_run(&q, e);
}

static int take_shard(struct db_query *q, struct list_shard *shard, struct error *e)
{
    shard->number = db_take_u32(q);
    shard->first_record = (uint64_t)db_take_int(q);
    shard->records = db_take_u32(q);
    shard->line = (uint64_t)db_take_int(q);
    shard->offset = (uint64_t)db_take_int(q);
    shard->bytes = (uint64_t)db_take_int(q);
    struct slice hash = db_take_blob(q);
    if (hash.len == sizeof(shard->hash))
        memcpy(shard->hash, hash.data, hash.len);
    else
        q->damaged = true;
    shard->spool_offset = (uint64_t)db_take_int(q);
    shard->spool_bytes = (uint64_t)db_take_int(q);
    if (shard->records == 0 || shard->records > SHARD_RECORDS)
        q->damaged = true;
    return db_row(q, e);
}

int ledger_shard_count(struct ledger *l, uint32_t *count, struct error *e)
{
    struct db_query q = db_query(l, DB_COUNT_SHARDS);
    int code = db_next(&q, e);

    *count = 0;
    if (code != 1)
        return code;
    *count = db_take_u32(&q);
    code = db_row(&q, e);
    db_end(&q);
    return code;
}

int ledger_each_shard(struct ledger *l, ledger_shard_fn *fn, void *arg, struct error *e)
{
    struct db_query q = db_query(l, DB_EACH_SHARD);
    int code;

    for (uint32_t number = 0; (code = db_next(&q, e)) == 1; number++) {
        struct list_shard shard;
        code = take_shard(&q, &shard, e);
        if (code == 0 && shard.number != number)
            code = db_damaged(l, e, "damaged: shard %u is missing", number);
        if (code == 0)
            code = fn(arg, &shard, e);
        if (code != 0)
            break;
    }
    db_end(&q);
    return code;
}

int ledger_add_entry(struct ledger *l, unsigned step, uint32_t shard, struct slice identities,
                     struct slice firsts, struct error *e)
{
    struct db_query q = db_query(l, DB_ADD_ENTRY);

    db_put_int(&q, step);
    db_put_int(&q, shard);
    db_put_blob(&q, identities);
    db_put_blob(&q, firsts);
    return db_run(&q, e);
}

int ledger_each_entry(struct ledger *l, unsigned step, uint32_t first, uint32_t last,
                      ledger_entry_fn *fn, void *arg, struct error *e)
{
    struct db_query q = db_query(l, DB_EACH_ENTRY);
    int code;

    db_put_int(&q, step);
    db_put_int(&q, first);
    db_put_int(&q, last);
    while ((code = db_next(&q, e)) == 1) {
        uint32_t shard = db_take_u32(&q);
        struct slice identities = db_take_blob(&q);
        struct slice firsts = db_take_blob(&q);
        if (identities.len != 4 * firsts.len || firsts.len % 4 != 0 ||
            firsts.len > (size_t)4 * SHARD_RECORDS)
            q.damaged = true;
        code = db_row(&q, e);
        if (code == 0)
            code = fn(arg, shard, identities, firsts, e);
        if (code != 0)
            break;
    }
    db_end(&q);
    return code;
}
