/* From a reply to answers by shard.
 *
 * Happy path: on the pool each row of a page becomes the identity it echoes and an encoded answer;
 * on the loop the dedupe table says whose identity that is, rows that are no items of the batch are
 * counted and left out, and the rest is sorted by record and cut by shard; in one transaction the
 * answers of every shard are stored and the page is marked; then the items count as answered and
 * their shards as that much nearer to their end.
 *
 * Failure modes: dies before the commit: the page is stored and not marked, and the next start
 * scatters it again. Of a row that comes twice the first one counts, and the other is left out.
 *
 * On the loop's thread but for scatter_parse. */
#include "run/engine.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* Bytes of answers of one page: a page is at most ENGINE_REPLY_MAX, and an answer is no longer than
 * its row. */
#define HITS_BYTES_MAX (2 * ENGINE_REPLY_MAX)

struct hit {
    struct identity identity;
    uint32_t record; /* 0: not found out, or nobody's */
    uint32_t place;  /* in `answers`, of the encoded answer */
    uint32_t len;
};

struct hits {
    struct hit *rows;
    uint32_t count, capacity;
    struct buf answers;
    struct page_reply page;
    /* While it is filled. */
    const struct engine *engine;
    struct buf scratch;
};

void scatter_free(struct hits *h)
{
    if (h == NULL)
        return;
    free(h->rows);
    buf_deinit(&h->answers);
    buf_deinit(&h->scratch);
    free(h);
}

const struct page_reply *scatter_said(const struct hits *h)
{
    return &h->page;
}

static int add_row(void *arg, const struct page_item *item)
{
    struct hits *h = arg;
    const struct operation *op = h->engine->setup.operation;
    struct answer answer = item->answer;
    if (h->count == h->capacity) {
        h->capacity = h->capacity == 0 ? 1024 : h->capacity * 2;
        h->rows = realloc(h->rows, h->capacity * sizeof *h->rows);
        if (h->rows == NULL)
            abort();
    }
    if (answer.credits == op->price)
        answer.credits = h->engine->setup.price;
    struct hit *row = &h->rows[h->count++];
    row->identity = record_identity(&item->echo, op->echoes, &h->scratch);
    row->record = 0;
    row->place = (uint32_t)h->answers.len;
    answer_encode(&h->answers, 0, &answer);
    row->len = (uint32_t)(h->answers.len - row->place);
    return h->answers.failed ? ERR_INTERNAL : 0;
}

struct hits *scatter_parse(const struct engine *g, struct json_value root, struct error *e)
{
    const struct operation *op = g->setup.operation;
    struct hits *h = calloc(1, sizeof *h);
    struct arena arena;
    if (h == NULL)
        abort();
    h->engine = g;
    buf_init(&h->answers, HITS_BYTES_MAX);
    buf_init(&h->scratch, ENGINE_REPLY_MAX);
    arena_init(&arena, HITS_BYTES_MAX);
    int rc = op->parse_page(root, g->raw, &arena, add_row, h, &h->page, e);
    if (rc == 0 && h->answers.failed)
        rc = error_set(e, ERR_DATA, "a result page is too long");
    arena_deinit(&arena);
    if (rc == 0)
        return h;
    if (e->code == 0)
        error_set(e, rc, "a result page cannot be used");
    scatter_free(h);
    return NULL;
}

/* Answers on their way into the ledger, cut by shard. */
struct scattering {
    struct commit_op op;
    struct engine *engine;
    struct batch *batch;
    uint32_t page;     /* 0: concluded */
    struct hits *hits; /* rows[0..mine) sorted by record; NULL when concluded */
    uint32_t mine;
    /* A conclusion: every open item of the batch gets this. */
    enum outcome outcome;
    char reason[128];
    struct ledger_batch row; /* of a batch that other pages may change meanwhile */
    struct bits *open;       /* by slice: who got it */
    uint32_t slices;
};

static uint32_t shard_of(uint32_t record)
{
    return (record - 1) / SHARD_RECORDS;
}

static unsigned index_of(uint32_t record)
{
    return (record - 1) % SHARD_RECORDS;
}

static int apply_scatter(struct commit_op *op, struct ledger *l, struct error *e)
{
    struct scattering *s = (struct scattering *)op;
    const struct hits *h = s->hits;
    struct buf group;
    int rc = 0;
    buf_init(&group, HITS_BYTES_MAX);
    for (uint32_t i = 0; rc == 0 && i < s->mine;) {
        uint32_t shard = shard_of(h->rows[i].record);
        buf_reset(&group);
        for (; i < s->mine && shard_of(h->rows[i].record) == shard; i++) {
            /* The answer was encoded before its record was known: put the index in now. */
            unsigned index = index_of(h->rows[i].record);
            size_t at = group.len;
            buf_append(&group, h->answers.data + h->rows[i].place, h->rows[i].len);
            if (group.failed)
                break;
            group.data[at] = (char)(index & 0xff);
            group.data[at + 1] = (char)(index >> 8);
        }
        rc = group.failed ? error_set(e, ERR_INTERNAL, "no memory for answers")
                          : ledger_add_answers(l, s->row.step, shard, s->row.id, s->page,
                                               buf_slice(&group), e);
    }
    buf_deinit(&group);
    if (rc == 0)
        rc = ledger_mark_scattered(l, s->row.id, LEDGER_PAGE, s->page, e);
    return rc != 0 ? rc : ledger_put_batch(l, &s->row, e);
}

static void answered(struct engine *g, struct batch *b, uint32_t shard)
{
    assert(g->shards[shard].open > 0 && b->answered < b->items);
    g->shards[shard].open--;
    b->answered++;
    g->answered++;
}

static void scatter_is_durable(struct commit_op *op, const struct error *e)
{
    struct scattering *s = (struct scattering *)op;
    struct engine *g = s->engine;
    if (engine_committed(g, e)) {
        const struct hits *h = s->hits;
        for (uint32_t i = 0; i < s->mine; i++)
            answered(g, s->batch, shard_of(h->rows[i].record));
        batch_page_done(s->batch, s->page, h->page.rows);
    }
    scatter_free(s->hits);
    free(s);
}

static int by_record(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    if (x->record != y->record)
        return x->record < y->record ? -1 : 1;
    return x->place < y->place ? -1 : 1;
}

/* Whose identities they are. False when that cannot be told: a row that is somebody's must not
 * count as nobody's, so the page stays as it is stored and the next start scatters it. */
static bool identify(struct engine *g, struct hits *h)
{
    for (uint32_t i = 0; i < h->count; i++) {
        h->rows[i].record = dedupe_find(g->dedupe, h->rows[i].identity);
        if (h->rows[i].record == 0 && dedupe_error(g->dedupe)->code != 0)
            return false;
    }
    return true;
}

/* Whose rows they are: sorted by record; nobody's and repeated ones are counted and left out. */
static uint32_t match(struct batch *b, struct hits *h)
{
    uint32_t mine = 0;
    for (uint32_t i = 0; i < h->count; i++) {
        struct hit row = h->rows[i];
        if (row.record == 0 ||
            batch_match(b, shard_of(row.record), index_of(row.record)) == MATCH_FOREIGN) {
            b->unmatched++;
            continue;
        }
        h->rows[mine++] = row;
    }
    if (mine > 0) /* a page without rows has no array */
        qsort(h->rows, mine, sizeof *h->rows, by_record);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < mine; i++) {
        uint32_t shard = shard_of(h->rows[i].record);
        unsigned index = index_of(h->rows[i].record);
        if (batch_match(b, shard, index) == MATCH_AGAIN) {
            b->repeated++;
            continue;
        }
        batch_claim(b, shard, index);
        h->rows[kept++] = h->rows[i];
    }
    return kept;
}

void scatter_hits(struct engine *g, struct batch *b, uint32_t page, struct hits *h)
{
    if (!identify(g, h)) {
        engine_stop(g, dedupe_error(g->dedupe));
        scatter_free(h);
        return;
    }
    struct scattering *s = calloc(1, sizeof *s);
    if (s == NULL)
        abort();
    s->engine = g;
    s->batch = b;
    s->page = page;
    s->hits = h;
    s->mine = match(b, h);
    if (h->page.used >= 0)
        b->credits = b->used = h->page.used;
    if (h->page.balance >= 0)
        fetcher_balance_is(g, h->page.balance, false);
    shape_row(b, &s->row);
    s->op.apply = apply_scatter;
    s->op.done = scatter_is_durable;
    engine_commit(g, &s->op);
}

struct stored_page {
    struct work work;
    struct commit_op op;
    struct batch *batch;
    uint32_t page;
    struct buf body;
    struct hits *hits;
};

static void stored_parse(struct work *work)
{
    struct stored_page *p = (struct stored_page *)work;
    struct json *j = json_create(ENGINE_JSON_DEPTH);
    struct json_value root;
    if (j == NULL)
        abort();
    if (json_parse(j, buf_slice(&p->body), &root, &work->error) == 0)
        p->hits = scatter_parse(work->engine, root, &work->error);
    if (work->error.code != 0)
        error_prefix(&work->error, "stored page %u of batch %u", p->page, p->batch->id);
    json_destroy(j);
}

static int apply_nothing(struct commit_op *op, struct ledger *l, struct error *e)
{
    (void)op, (void)l, (void)e;
    return 0;
}

static void stored_in_turn(struct commit_op *op, const struct error *e)
{
    struct stored_page *p = queue_owner(op, struct stored_page, op);
    if (engine_committed(p->work.engine, e))
        scatter_hits(p->work.engine, p->batch, p->page, p->hits);
    else
        scatter_free(p->hits);
    buf_deinit(&p->body);
    free(p);
}

static void stored_parsed(struct work *work)
{
    struct stored_page *p = (struct stored_page *)work;
    if (work->error.code == 0 && work->engine->commit != NULL) {
        /* Not before the identities are in the table: by the order of the ledger's operations. */
        p->op.apply = apply_nothing;
        p->op.done = stored_in_turn;
        engine_commit(work->engine, &p->op);
        return;
    }
    if (work->error.code != 0)
        engine_stop(work->engine, &work->error);
    scatter_free(p->hits); /* a run that never began: the next start does it */
    buf_deinit(&p->body);
    free(p);
}

void scatter_page(struct engine *g, struct batch *b, uint32_t page, struct buf *body)
{
    struct stored_page *p = calloc(1, sizeof *p);
    if (p == NULL)
        abort();
    p->batch = b;
    p->page = page;
    buf_take(&p->body, body);
    p->work.run = stored_parse;
    p->work.done = stored_parsed;
    engine_work(g, &p->work);
}

/* --- conclusions: answers without a row --- */

static int add_conclusion(struct ledger *l, const struct batch *b, uint32_t page, uint32_t shard,
                          const struct bits *who, const struct scattering *s, struct error *e)
{
    struct answer answer = {.outcome = s->outcome, .reason = slice_of(s->reason)};
    struct buf group;
    buf_init(&group, (size_t)SHARD_RECORDS * (sizeof s->reason + 64));
    for (unsigned k = bits_next(who, 0); k < SHARD_RECORDS; k = bits_next(who, k + 1))
        answer_encode(&group, k, &answer);
    int rc = group.failed ? error_set(e, ERR_INTERNAL, "no memory for answers")
                          : ledger_add_answers(l, b != NULL ? b->step : 0, shard,
                                               b != NULL ? b->id : 0, page, buf_slice(&group), e);
    buf_deinit(&group);
    return rc;
}

/* Credits of a batch whose vendor never said what it settled: by the answers. */
static int sum_credits(void *arg, unsigned step, uint32_t batch, uint32_t page,
                       struct slice answers, struct error *e)
{
    struct batch *b = arg;
    struct answer answer;
    unsigned index;
    (void)step, (void)page, (void)e;
    while (batch == b->id && answer_decode(&answers, &index, &answer) == 1)
        b->credits += answer.credits;
    return 0;
}

/* The batch is busy meanwhile: the loop leaves it alone. */
static int apply_conclusion(struct commit_op *op, struct ledger *l, struct error *e)
{
    struct scattering *s = (struct scattering *)op;
    struct batch *b = s->batch;
    struct ledger_batch row;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < s->slices; i++)
        if (bits_count(&s->open[i]) > 0)
            rc = add_conclusion(l, b, 0, b->slices[i].shard, &s->open[i], s, e);
    if (rc == 0 && b->state == BATCH_DONE && b->used < 0) {
        b->credits = 0;
        for (uint32_t i = 0; rc == 0 && i < b->slice_count; i++)
            rc = ledger_each_answers(l, b->slices[i].shard, sum_credits, b, e);
    }
    shape_row(b, &row);
    return rc != 0 ? rc : ledger_put_batch(l, &row, e);
}

static void conclusion_is_durable(struct commit_op *op, const struct error *e)
{
    struct scattering *s = (struct scattering *)op;
    struct engine *g = s->engine;
    struct batch *b = s->batch;
    if (engine_committed(g, e)) {
        for (uint32_t i = 0; i < s->slices; i++) {
            const struct bits *who = &s->open[i];
            for (unsigned k = bits_next(who, 0); k < SHARD_RECORDS; k = bits_next(who, k + 1))
                answered(g, b, b->slices[i].shard);
        }
        b->busy = false;
        if (!batch_live(b->state) && b->state != BATCH_IN_DOUBT)
            planner_forget(g, b);
    }
    free(s->open);
    free(s);
}

void scatter_conclude(struct engine *g, struct batch *b, enum outcome outcome, const char *reason,
                      enum batch_state to)
{
    struct scattering *s = calloc(1, sizeof *s);
    if (s == NULL || (s->open = calloc(b->slice_count + 1, sizeof *s->open)) == NULL)
        abort();
    s->engine = g;
    s->batch = b;
    s->outcome = outcome;
    snprintf(s->reason, sizeof s->reason, "%s", reason);
    s->slices = b->slice_count;
    for (uint32_t i = 0; i < b->slice_count; i++)
        for (unsigned w = 0; w < BITS_WORDS; w++)
            s->open[i].word[w] = b->slices[i].members.word[w] & ~b->slices[i].answered.word[w];
    b->busy = true;
    if (to != BATCH_STATES) {
        batch_move(b, to);
        b->ended_ms = clock_wall_ms();
    }
    s->op.apply = apply_conclusion;
    s->op.done = conclusion_is_durable;
    engine_commit(g, &s->op);
}

/* --- records that were never sent --- */

struct unsent {
    struct commit_op op;
    struct engine *engine;
    struct scattering text; /* outcome and reason */
    struct batch *records;  /* not a batch: their places */
};

static int apply_unsent(struct commit_op *op, struct ledger *l, struct error *e)
{
    struct unsent *u = (struct unsent *)op;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < u->records->slice_count; i++) {
        const struct batch_slice *slice = &u->records->slices[i];
        rc = add_conclusion(l, NULL, u->text.page, slice->shard, &slice->members, &u->text, e);
    }
    return rc;
}

static void unsent_is_durable(struct commit_op *op, const struct error *e)
{
    struct unsent *u = (struct unsent *)op;
    if (engine_committed(u->engine, e)) {
        for (uint32_t i = 0; i < u->records->slice_count; i++) {
            const struct batch_slice *slice = &u->records->slices[i];
            unsigned count = bits_count(&slice->members);
            u->engine->shards[slice->shard].open -= count;
            u->engine->answered += count;
        }
    }
    batch_destroy(u->records);
    free(u);
}

void scatter_unsent(struct engine *g, enum outcome outcome, const char *reason)
{
    struct unsent *u = calloc(1, sizeof *u);
    if (u == NULL || (u->records = batch_create(0, 0)) == NULL ||
        !batcher_cut(&g->batcher, UINT64_MAX, u->records))
        abort();
    u->engine = g;
    u->text.outcome = outcome;
    u->text.page = g->unsent_rounds++;
    snprintf(u->text.reason, sizeof u->text.reason, "%s", reason);
    u->op.apply = apply_unsent;
    u->op.done = unsent_is_durable;
    engine_commit(g, &u->op);
}
