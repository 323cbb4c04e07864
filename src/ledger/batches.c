/* The ledger's batches: what each is, which records are its items, how each submission of it ended,
 * what people decided about it.
 *
 * 1. A batch is inserted with its slices in one transaction (the caller's). A slice only ever
 * loses members, which the vendor did not look at, and in one transaction with what they become.
 * 2. Attempts and decisions are only ever added; an attempt's end is filled in later.
 *
 * An each function calls fn between two rows; fn may call any function of the ledger but the one
 * that it was called from. One thread at a time. */
#include "ledger/db.h"
#include "ledger/ledger.h"

int ledger_put_batch(struct ledger *l, const struct ledger_batch *b, struct error *e)
{
    struct db_query q = db_query(l, DB_PUT_BATCH);

    db_put_int(&q, b->id);
    db_put_int(&q, b->parent);
    db_put_int(&q, b->step);
    db_put_text(&q, b->state, sizeof(b->state));
    db_put_int(&q, b->items);
    db_put_int(&q, b->alone);
    db_put_int(&q, (int64_t)b->form);
    db_put_int(&q, b->attempt);
    db_put_text(&q, b->token, sizeof(b->token));
    db_put_text(&q, b->body_sha256, sizeof(b->body_sha256));
    db_put_int(&q, (int64_t)b->body_bytes);
    db_put_int(&q, b->cost_max);
    db_put_int(&q, b->credits);
    db_put_text(&q, b->vendor_id, sizeof(b->vendor_id));
    db_put_int(&q, b->vendor_items);
    db_put_int(&q, b->armed_ms);
    db_put_int(&q, b->accepted_ms);
    db_put_int(&q, b->ended_ms);
    db_put_text(&q, b->note, sizeof(b->note));
    return db_run(&q, e);
}

static int take_batch(struct db_query *q, struct ledger_batch *b, struct error *e)
{
    b->id = db_take_u32(q);
    b->parent = db_take_u32(q);
    b->step = db_take_u32(q);
    db_take_text(q, b->state, sizeof(b->state));
    b->items = db_take_u32(q);
    b->alone = db_take_int(q) != 0;
    b->form = (uint64_t)db_take_int(q);
    b->attempt = db_take_u32(q);
    db_take_text(q, b->token, sizeof(b->token));
    db_take_text(q, b->body_sha256, sizeof(b->body_sha256));
    b->body_bytes = (uint64_t)db_take_int(q);
    b->cost_max = db_take_int(q);
    b->credits = db_take_int(q);
    db_take_text(q, b->vendor_id, sizeof(b->vendor_id));
    b->vendor_items = db_take_int(q);
    b->armed_ms = db_take_int(q);
    b->accepted_ms = db_take_int(q);
    b->ended_ms = db_take_int(q);
    db_take_text(q, b->note, sizeof(b->note));
    return db_row(q, e);
}

int ledger_each_batch(struct ledger *l, ledger_batch_fn *fn, void *arg, struct error *e)
{
    struct db_query q = db_query(l, DB_EACH_BATCH);
    int code;

    while ((code = db_next(&q, e)) == 1) {
        struct ledger_batch b;
        code = take_batch(&q, &b, e);
        if (code == 0)
            code = fn(arg, &b, e);
        if (code != 0)
            break;
    }
    db_end(&q);
    return code;
}

int ledger_find_batch(struct ledger *l, uint32_t id, struct ledger_batch *b, struct error *e)
{
    struct db_query q = db_query(l, DB_FIND_BATCH);

    db_put_int(&q, id);
    int code = db_next(&q, e);
    if (code != 1)
        return code;
    code = take_batch(&q, b, e);
    db_end(&q);
    return code != 0 ? code : 1;
}

int ledger_add_slice(struct ledger *l, uint32_t batch, uint32_t shard, const struct bits *members,
                     struct error *e)
{
    uint8_t bytes[BITS_ENCODED_MAX];
    size_t len = bits_encode(members, bytes);
    struct db_query q = db_query(l, DB_ADD_SLICE);

    db_put_int(&q, batch);
    db_put_int(&q, shard);
    db_put_blob(&q, (struct slice){(const char *)bytes, len});
    return db_run(&q, e);
}

int ledger_each_slice(struct ledger *l, uint32_t batch, ledger_slice_fn *fn, void *arg,
                      struct error *e)
{
    struct db_query q = db_query(l, batch == 0 ? DB_ALL_SLICES : DB_EACH_SLICE);
    int code;

    if (batch != 0)
        db_put_int(&q, batch);
    while ((code = db_next(&q, e)) == 1) {
        struct bits members;
        uint32_t of = db_take_u32(&q);
        uint32_t shard = db_take_u32(&q);
        struct slice bytes = db_take_blob(&q);
        if (!bits_decode(&members, (const uint8_t *)bytes.data, bytes.len))
            q.damaged = true;
        code = db_row(&q, e);
        if (code == 0)
            code = fn(arg, of, shard, &members, e);
        if (code != 0)
            break;
    }
    db_end(&q);
    return code;
}

int ledger_add_attempt(struct ledger *l, const struct ledger_batch *b, struct error *e)
{
    struct db_query q = db_query(l, DB_ADD_ATTEMPT);

    db_put_int(&q, b->id);
    db_put_int(&q, b->attempt);
    db_put_text(&q, b->token, sizeof(b->token));
    db_put_text(&q, b->body_sha256, sizeof(b->body_sha256));
    db_put_int(&q, (int64_t)b->body_bytes);
    db_put_int(&q, b->cost_max);
    db_put_int(&q, b->armed_ms);
    return db_run(&q, e);
}

int ledger_end_attempt(struct ledger *l, uint32_t batch, uint32_t attempt, const char *end,
                       const char *detail, int64_t now_ms, struct error *e)
{
    struct db_query q = db_query(l, DB_END_ATTEMPT);

    db_put_text(&q, end, sizeof(((struct ledger_attempt *)0)->end));
    db_put_note(&q, detail, sizeof(((struct ledger_attempt *)0)->detail));
    db_put_int(&q, now_ms);
    db_put_int(&q, batch);
    db_put_int(&q, attempt);
    int code = db_run(&q, e);
    if (code == 0 && sqlite3_changes(l->db) != 1)
        code = error_set(e, ERR_INTERNAL, "%s: batch %u has no attempt %u that could end", l->path,
                         batch, attempt);
    return code;
}

static int take_attempt(struct db_query *q, struct ledger_attempt *a, struct error *e)
{
    a->batch = db_take_u32(q);
    a->attempt = db_take_u32(q);
    db_take_text(q, a->token, sizeof(a->token));
    db_take_text(q, a->body_sha256, sizeof(a->body_sha256));
    a->body_bytes = (uint64_t)db_take_int(q);
    a->cost_max = db_take_int(q);
    a->armed_ms = db_take_int(q);
    a->ended_ms = db_take_int(q);
    db_take_text(q, a->end, sizeof(a->end));
    db_take_text(q, a->detail, sizeof(a->detail));
    return db_row(q, e);
}

int ledger_each_attempt(struct ledger *l, ledger_attempt_fn *fn, void *arg, struct error *e)
{
    struct db_query q = db_query(l, DB_EACH_ATTEMPT);
    int code;

    while ((code = db_next(&q, e)) == 1) {
        struct ledger_attempt a;
        code = take_attempt(&q, &a, e);
        if (code == 0)
            code = fn(arg, &a, e);
        if (code != 0)
            break;
    }
    db_end(&q);
    return code;
}

int ledger_add_decision(struct ledger *l, uint32_t batch, const char *choice, const char *vendor_id,
                        const char *by, int64_t now_ms, struct error *e)
{
    struct db_query q = db_query(l, DB_ADD_DECISION);

    db_put_int(&q, batch);
    db_put_text(&q, choice, sizeof(((struct ledger_decision *)0)->choice));
    db_put_text(&q, vendor_id ? vendor_id : "", sizeof(((struct ledger_decision *)0)->vendor_id));
    db_put_text(&q, by, sizeof(((struct ledger_decision *)0)->by));
    db_put_int(&q, now_ms);
    return db_run(&q, e);
}

int ledger_each_decision(struct ledger *l, ledger_decision_fn *fn, void *arg, struct error *e)
{
    struct db_query q = db_query(l, DB_EACH_DECISION);
    int code;

    while ((code = db_next(&q, e)) == 1) {
        struct ledger_decision d;
        d.batch = db_take_u32(&q);
        db_take_text(&q, d.choice, sizeof(d.choice));
        db_take_text(&q, d.vendor_id, sizeof(d.vendor_id));
        db_take_text(&q, d.by, sizeof(d.by));
        d.at_ms = db_take_int(&q);
        code = db_row(&q, e);
        if (code == 0)
            code = fn(arg, &d, e);
        if (code != 0)
            break;
    }
    db_end(&q);
    return code;
}
