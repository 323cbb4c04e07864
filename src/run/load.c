/* What the ledger knows about the run, at the start of a process: shards, identities, batches with
 * their items and answers, pages that are stored. What is not there (which records wait, what a
 * shard waits for) is derived.
 *
 * The table of identities is filled on the ledger's thread while the first requests are on their
 * way already: a million identities take most of a second. What needs the table comes after it,
 * because the ledger's operations are done in order (load_identities).
 *
 * A batch found SENDING becomes IN_DOUBT, durably, before anything else happens.
 *
 * On the loop's thread, before the commit thread has the ledger. */
#include "run/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "run/totals.h"

struct loading {
    struct engine *engine;
    struct bits *waiting; /* by shard: asked, less the items of batches that hold theirs */
    struct batch **open;  /* by id: batches that have not ended; else NULL */
    bool *holds;          /* by id */
    uint32_t ids;
    struct batch *batch; /* whose replies are read */
    uint32_t shard;      /* whose answers are read */
};

static int load_facts(struct engine *g, struct error *e)
{
    int64_t echo = ECHO_UNKNOWN, strays = 0;
    int rc = ledger_get_i64(g->ledger, ENGINE_KEY_ECHO, &echo, e);
    if (rc >= 0)
        rc = ledger_get_i64(g->ledger, LEDGER_KEY_STRAYS, &strays, e);
    engine_echo(g, (enum echo)echo);
    g->strays = (unsigned)strays;
    return rc < 0 ? rc : 0;
}

static int load_shard(void *arg, const struct list_shard *place, struct error *e)
{
    struct loading *load = arg;
    struct engine *g = load->engine;
    if (place->number != g->shard_count)
        return error_set(e, ERR_DATA, "the ledger lacks shard %u", g->shard_count);
    if (!planner_add_shard(g, place, 0))
        return error_set(e, ERR_INTERNAL, "no memory for the shards of the list");
    g->shards[place->number].planned = true;
    g->records += place->records;
    return 0;
}

static int load_entry(void *arg, uint32_t shard, struct slice identities, struct slice firsts,
                      struct error *e)
{
    struct loading *load = arg;
    struct engine *g = load->engine;
    uint32_t records = g->shards[shard].place.records;
    if (identities.len != records * sizeof(struct identity) || firsts.len != records * 4)
        return error_set(e, ERR_DATA, "the ledger's entry of shard %u is damaged", shard);
    for (uint32_t i = 0; i < records; i++) {
        uint32_t first, record = (uint32_t)g->shards[shard].place.first_record + i;
        memcpy(&first, firsts.data + i * 4, 4);
        if (first == 0)
            continue;
        g->valid++;
        if (first != record) {
            g->duplicates++;
            continue;
        }
        bits_set(&load->waiting[shard], i);
    }
    return 0;
}

static int load_batch(void *arg, const struct ledger_batch *row, struct error *e)
{
    struct loading *load = arg;
    struct engine *g = load->engine;
    struct batch *b = batch_create(row->id, row->step);
    if (b == NULL)
        return error_set(e, ERR_INTERNAL, "no memory for the batches");
    int rc = shape_batch(b, row, e);
    if (rc != 0) {
        batch_destroy(b);
        return rc;
    }
    if (row->id >= load->ids) {
        uint32_t ids = row->id * 2 + 16;
        load->open = realloc(load->open, ids * sizeof *load->open);
        load->holds = realloc(load->holds, ids * sizeof *load->holds);
        if (load->open == NULL || load->holds == NULL)
            abort();
        memset(load->open + load->ids, 0, (ids - load->ids) * sizeof *load->open);
        memset(load->holds + load->ids, 0, (ids - load->ids) * sizeof *load->holds);
        load->ids = ids;
    }
    load->holds[row->id] = batch_holds(b->state);
    if (row->id > g->batch_last_id)
        g->batch_last_id = row->id;
    if (batch_live(b->state) || b->state == BATCH_IN_DOUBT) {
        load->open[row->id] = b;
        if (!planner_keep(g, b))
            return error_set(e, ERR_INTERNAL, "no memory for the batches");
        return 0;
    }
    g->batches_done++;
    if (b->credits > 0)
        g->spent += b->credits;
    batch_destroy(b);
    return 0;
}

static int load_slice(void *arg, uint32_t batch, uint32_t shard, const struct bits *members,
                      struct error *e)
{
    struct loading *load = arg;
    if (batch >= load->ids || shard >= load->engine->shard_count)
        return error_set(e, ERR_DATA,
                         "the ledger has items of batch %u in shard %u, which it does"
                         " not know",
                         batch, shard);
    if (!load->holds[batch])
        return 0;
    for (unsigned i = 0; i < BITS_WORDS; i++)
        load->waiting[shard].word[i] &= ~members->word[i];
    if (load->open[batch] != NULL && !batch_add(load->open[batch], shard, members))
        return error_set(e, ERR_INTERNAL, "no memory for the items of batch %u", batch);
    return 0;
}

/* Which items of open batches have their answer. */
static int load_answers(void *arg, unsigned step, uint32_t batch, uint32_t page,
                        struct slice answers, struct error *e)
{
    struct loading *load = arg;
    struct batch *b = batch < load->ids ? load->open[batch] : NULL;
    struct answer answer;
    unsigned index;
    int more;
    (void)step, (void)page;
    if (b == NULL)
        return 0;
    while ((more = answer_decode(&answers, &index, &answer)) == 1) {
        if (batch_match(b, load->shard, index) == MATCH_FOREIGN)
            return error_set(e, ERR_DATA,
                             "the ledger has an answer of batch %u for a record that"
                             " is none of its items",
                             batch);
        if (batch_match(b, load->shard, index) == MATCH_AGAIN)
            continue;
        batch_claim(b, load->shard, index);
        b->answered++;
    }
    if (more < 0)
        return error_set(e, ERR_DATA, "the ledger's answers of batch %u are damaged", batch);
    return 0;
}

/* Each shard that an open batch with answers has items in, once. */
static int load_answered(struct loading *load, struct error *e)
{
    struct engine *g = load->engine;
    bool *wanted = calloc(g->shard_count + 1, sizeof *wanted);
    int rc = 0;
    if (wanted == NULL)
        abort();
    for (unsigned i = 0; i < g->batch_count; i++) {
        const struct batch *b = g->batches[i];
        for (uint32_t k = 0; b->state >= BATCH_ACCEPTED && k < b->slice_count; k++)
            wanted[b->slices[k].shard] = true;
    }
    for (uint32_t s = 0; rc == 0 && s < g->shard_count; s++) {
        load->shard = s;
        if (wanted[s])
            rc = ledger_each_answers(g->ledger, s, load_answers, load, e);
    }
    free(wanted);
    return rc;
}

static int unpack(struct batch *b, const struct ledger_reply_row *r, struct buf *body,
                  struct error *e)
{
    buf_init(body, ENGINE_REPLY_MAX);
    int rc = frame_unpack(r->zstd, ENGINE_REPLY_MAX, body, e);
    if (rc != 0)
        buf_deinit(body);
    return rc == 0 ? 0 : error_prefix(e, "reply %d.%u of batch %u", (int)r->kind, r->page, b->id);
}

/* Pages that are stored; those whose answers are not in place yet are parsed again. */
static int load_page(struct loading *load, struct batch *b, const struct ledger_reply_row *r,
                     struct error *e)
{
    struct buf body;
    if (b->state != BATCH_FETCHING)
        return 0;
    if (r->page == 0 || r->page > b->items / b->page_rows + 2)
        return error_set(e, ERR_DATA, "the ledger has page %u of batch %u, which has %u items",
                         r->page, b->id, b->items);
    while (b->page_count < r->page)
        if (!batch_pages_more(b))
            return error_set(e, ERR_INTERNAL, "no memory for the pages of batch %u", b->id);
    /* The last page is scattered again when items are left: only its number of rows tells whether
     * there is one more. What is answered already stays as it is. */
    if (r->scattered && (r->page < b->page_count || b->answered == b->items)) {
        b->pages[r->page - 1] = PAGE_DONE;
        b->pages_done++;
        return 0;
    }
    if (unpack(b, r, &body, e) != 0)
        return e->code;
    batch_page_stored(b, r->page);
    scatter_stored(load->engine, b, LEDGER_PAGE, r->page, &body);
    return 0;
}

static int load_reply(void *arg, const struct ledger_reply_row *r, struct error *e)
{
    struct loading *load = arg;
    struct batch *b = load->batch;
    struct buf body;
    if (r->kind == LEDGER_PAGE)
        return load_page(load, b, r, e);
    if (r->kind != LEDGER_CALLBACK)
        return 0;
    b->callbacks = r->page;
    if (r->scattered || load->engine->arrivals == NULL)
        return 0; /* read already, or when callbacks are taken again */
    if (unpack(b, r, &body, e) != 0)
        return e->code;
    arrivals_again(load->engine, b, r->page, &body);
    return 0;
}

static int load_open_batch(struct loading *load, struct batch *b, struct error *e)
{
    struct engine *g = load->engine;
    const struct operation *op = engine_operation(g, b);
    int rc = 0;
    load->batch = b;
    b->waited_ms = clock_mono_ms();
    if (b->state == BATCH_ACCEPTED || b->state == BATCH_WAITING)
        fetcher_accepted(g, b);
    if (b->state == BATCH_FETCHING) {
        b->vendor_failed = strcmp(b->note, ENGINE_VENDOR_FAILED) == 0;
        if (!batch_pages_begin(b, op->delivery == DELIVERY_PAGES ? b->vendor_items : b->items,
                               op->delivery == DELIVERY_PAGES ? op->page_rows : b->items + 1))
            return error_set(e, ERR_INTERNAL, "no memory for the pages of batch %u", b->id);
        if (op->delivery != DELIVERY_PAGES)
            b->page_count = 0; /* the one there is, is stored; or a callback brought the result */
    }
    if (b->attempt > 0)
        rc = ledger_each_reply(g->ledger, b->id, true, load_reply, load, e);
    if (rc == 0 && b->state == BATCH_FETCHING && op->delivery == DELIVERY_REPLY &&
        b->page_count == 0)
        return error_set(e, ERR_DATA, "the ledger lacks the reply that batch %u is made of", b->id);
    b->settled = b->state == BATCH_IN_DOUBT && b->answered == b->items;
    return rc;
}

/* What was being sent when the last process died may be anywhere. */
static int doubt_interrupted(struct engine *g, struct error *e)
{
    int rc = ledger_begin(g->ledger, e);
    for (unsigned i = 0; rc == 0 && i < g->batch_count; i++) {
        struct batch *b = g->batches[i];
        struct ledger_batch row;
        if (b->state != BATCH_SENDING)
            continue;
        batch_move(b, BATCH_IN_DOUBT);
        snprintf(b->note, sizeof b->note, "the process ended while it was being submitted");
        shape_row(b, &row);
        rc = ledger_put_batch(g->ledger, &row, e);
        if (rc == 0)
            rc = ledger_end_attempt(g->ledger, b->id, b->attempt, "in-doubt", b->note,
                                    clock_wall_ms(), e);
    }
    return rc != 0 ? rc : ledger_commit(g->ledger, e);
}

static int load_decision(void *arg, const struct ledger_decision *d, struct error *e)
{
    struct loading *load = arg;
    (void)e;
    if (totals_resubmission(d) && d->batch < load->ids && load->open[d->batch] != NULL)
        load->open[d->batch]->resubmitted = true;
    return 0;
}

/* Records that wait go to the batcher; what a shard waits for is what waits and what open batches
 * owe it. */
static int place_records(struct loading *load, struct error *e)
{
    struct engine *g = load->engine;
    int64_t now = clock_mono_ms();
    for (uint32_t s = 0; s < g->shard_count; s++) {
        g->shards[s].open += bits_count(&load->waiting[s]);
        if (!batcher_add(&g->batcher, s, &load->waiting[s], now))
            return error_set(e, ERR_INTERNAL, "no memory for the records that wait");
    }
    for (unsigned i = 0; i < g->batch_count; i++) {
        const struct batch *b = g->batches[i];
        for (uint32_t k = 0; k < b->slice_count; k++)
            g->shards[b->slices[k].shard].open +=
                bits_count(&b->slices[k].members) - bits_count(&b->slices[k].answered);
    }
    g->answered = g->records;
    for (uint32_t s = 0; s < g->shard_count; s++)
        g->answered -= g->shards[s].open;
    g->answered_before = g->answered;
    if (g->list_whole)
        batcher_close(&g->batcher);
    return 0;
}

int load_run(struct engine *g, struct error *e)
{
    struct loading load = {.engine = g};
    int64_t whole = 0, resubmitted = 0;
    int rc = load_facts(g, e);
    if (rc == 0)
        rc = ledger_each_shard(g->ledger, load_shard, &load, e);
    if (rc == 0) {
        load.waiting = calloc(g->shard_count + 1, sizeof *load.waiting);
        if (load.waiting == NULL)
            abort();
        rc = ledger_each_entry(g->ledger, 0, 0, UINT32_MAX, load_entry, &load, e);
    }
    if (rc == 0)
        rc = ledger_each_batch(g->ledger, load_batch, &load, e);
    if (rc == 0)
        rc = ledger_each_slice(g->ledger, 0, load_slice, &load, e);
    if (rc == 0)
        rc = ledger_each_decision(g->ledger, load_decision, &load, e);
    if (rc == 0 && (rc = totals_resubmitted(g->ledger, &resubmitted, e)) == 0)
        g->spent += resubmitted;
    if (rc == 0)
        rc = doubt_interrupted(g, e);
    if (rc == 0)
        rc = load_answered(&load, e);
    for (unsigned i = 0; rc == 0 && i < g->batch_count; i++)
        rc = load_open_batch(&load, g->batches[i], e);
    if (rc == 0 && (rc = ledger_get_i64(g->ledger, LEDGER_KEY_WHOLE, &whole, e)) >= 0) {
        g->list_whole = whole == 1;
        rc = place_records(&load, e);
    }
    free(load.waiting);
    free(load.open);
    free(load.holds);
    return rc;
}

/* --- the table of identities --- */

struct filling {
    struct commit_op op;
    struct engine *engine;
};

static int add_identities(void *arg, uint32_t shard, struct slice identities, struct slice firsts,
                          struct error *e)
{
    struct dedupe *table = arg;
    for (uint32_t i = 0; i < firsts.len / 4; i++) {
        uint32_t first, record = shard * SHARD_RECORDS + i + 1;
        struct identity id;
        memcpy(&first, firsts.data + i * 4, 4);
        memcpy(&id, identities.data + i * sizeof id, sizeof id);
        if (first != record)
            continue;
        uint32_t known = dedupe_add(table, id, record);
        if (known == 0) {
            *e = *dedupe_error(table);
            return e->code;
        }
        if (known != record)
            return error_set(e, ERR_DATA, "the ledger has the identity of record %u twice", record);
    }
    return 0;
}

static int apply_fill(struct commit_op *op, struct ledger *l, struct error *e)
{
    struct filling *f = (struct filling *)op;
    return ledger_each_entry(l, 0, 0, UINT32_MAX, add_identities, f->engine->dedupe, e);
}

static void filled(struct commit_op *op, const struct error *e)
{
    struct filling *f = (struct filling *)op;
    f->engine->identities_ready = engine_committed(f->engine, e);
    free(f);
}

void load_identities(struct engine *g)
{
    struct filling *f = calloc(1, sizeof *f);
    if (f == NULL)
        abort();
    f->engine = g;
    f->op.apply = apply_fill;
    f->op.done = filled;
    engine_commit(g, &f->op);
}
