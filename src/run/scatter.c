/* From a reply to answers by shard.
 *
 * Happy path: on the pool each row of a page becomes the identity it echoes and an encoded answer;
 * on the loop the dedupe table says whose identity that is (a row without echo goes by its place),
 * rows that are no items of the batch are counted and left out, and the rest is sorted by record and
 * cut by shard; in one transaction the
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
#include "run/question.h"

/* Bytes of answers of one page: a page is at most ENGINE_REPLY_MAX, and an answer is no longer than
 * its row. */
#define HITS_BYTES_MAX (2 * ENGINE_REPLY_MAX)

struct hit {
    struct identity identity; /* of the question that the row repeats, if `echoed` says so */
    field_set echoed;
    uint32_t record; /* 0: not found out, or nobody's */
    uint32_t place;  /* in `answers`, of the encoded answer */
    uint32_t len;
    bool unlooked; /* the vendor did not look, for want of credits */
    /* Of a row that goes by its place: whose address or profile it found, if that is somebody whom
     * the list asks about. */
    struct identity hint[2];
    uint32_t hinted[2];
};

struct hits {
    struct hit *rows;
    uint32_t count, capacity;
    struct buf answers;
    struct callback_reply said;
    /* While it is filled. */
    const struct engine *engine;
    const struct operation *operation;
    field_set form; /* of the batch */
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

const struct callback_reply *scatter_said(const struct hits *h)
{
    return &h->said;
}

static bool has(const struct record *echo, field_set fields)
{
    for (unsigned f = 0; f < FIELD_COUNT; f++)
        if ((fields >> f & 1) != 0 && echo->value[f].len == 0)
            return false;
    return true;
}

static const enum field hint_fields[2] = {FIELD_EMAIL, FIELD_LINKEDIN_URL};

static void take_hints(struct hits *h, struct hit *row, const struct answer *a)
{
    for (int i = 0; i < 2; i++) {
        enum field f = hint_fields[i];
        struct record r = {0};
        r.value[f] = a->value[f];
        if (r.value[f].len > 0)
            row->hint[i] = question_identity(h->operation, &r, (field_set)1 << f, &h->scratch);
    }
}

static int add_row(void *arg, const struct page_item *item)
{
    struct hits *h = arg;
    struct answer answer = item->answer;
    if (h->count == h->capacity) {
        h->capacity = h->capacity == 0 ? 1024 : h->capacity * 2;
        h->rows = realloc(h->rows, h->capacity * sizeof *h->rows);
        if (h->rows == NULL)
            abort();
    }
    /* Another price for the dearest answer: --price, or the vendor's own word. */
    if (answer.credits == h->operation->price)
        answer.credits = h->engine->setup.price;
    struct hit *row = &h->rows[h->count++];
    memset(row, 0, sizeof *row);
    row->echoed = item->echoed;
    if (h->form != 0 && h->operation->items_max == 1)
        row->echoed = has(&item->echo, h->form) ? h->form : 0;
    row->unlooked = answer.outcome == OUTCOME_NO_CREDITS;
    if (row->echoed != 0)
        row->identity = question_identity(h->operation, &item->echo, row->echoed, &h->scratch);
    else if (h->operation->delivery == DELIVERY_REPLY && h->operation->items_max > 1)
        take_hints(h, row, &answer);
    row->place = (uint32_t)h->answers.len;
    answer_encode(&h->answers, 0, &answer);
    row->len = (uint32_t)(h->answers.len - row->place);
    return h->answers.failed ? ERR_INTERNAL : 0;
}

struct hits *scatter_parse(const struct engine *g, const struct batch *b, enum ledger_reply kind,
                           struct json_value root, struct error *e)
{
    const struct operation *op = engine_operation(g, b);
    struct hits *h = calloc(1, sizeof *h);
    struct arena arena;
    if (h == NULL)
        abort();
    h->engine = g;
    h->operation = op;
    h->form = b->form;
    buf_init(&h->answers, HITS_BYTES_MAX);
    buf_init(&h->scratch, ENGINE_REPLY_MAX);
    arena_init(&arena, HITS_BYTES_MAX);
    int rc = kind == LEDGER_CALLBACK
                 ? op->parse_callback(op, root, g->raw, &arena, add_row, h, &h->said, e)
                 : op->parse_page(op, root, g->raw, &arena, add_row, h, &h->said.page, e);
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
    enum ledger_reply kind;
    uint32_t page;     /* of the reply; 0: concluded */
    struct hits *hits; /* rows[0..mine) sorted by record; NULL when concluded */
    uint32_t mine;
    struct batch *unlooked; /* not a batch: the records that were let go; NULL: none */
    enum echo echo;         /* found out with this reply; ECHO_UNKNOWN: not with this one */
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
    uint32_t page = s->kind == LEDGER_CALLBACK ? ENGINE_CALLBACK_PAGE + s->page : s->page;
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
        rc = group.failed
                 ? error_set(e, ERR_INTERNAL, "no memory for answers")
                 : ledger_add_answers(l, s->row.step, shard, s->row.id, page, buf_slice(&group), e);
    }
    buf_deinit(&group);
    for (uint32_t i = 0; rc == 0 && s->unlooked != NULL && i < s->batch->slice_count; i++)
        rc = ledger_add_slice(l, s->row.id, s->batch->slices[i].shard, &s->batch->slices[i].members,
                              e);
    if (rc == 0 && s->echo != ECHO_UNKNOWN)
        rc = ledger_set_i64(l, ENGINE_KEY_ECHO, s->echo, e);
    if (rc == 0)
        rc = ledger_mark_scattered(l, s->row.id, s->kind, s->page, e);
    return rc != 0 ? rc : ledger_put_batch(l, &s->row, e);
}

static void answered(struct engine *g, struct batch *b, uint32_t shard)
{
    assert(g->shards[shard].open > 0 && b->answered < b->items);
    g->shards[shard].open--;
    b->answered++;
    g->answered++;
}

/* Whether a reply has its batch for itself from when it is stored until its answers are durable.
 * Several pages may be under way at once; whatever else brings results is read alone. */
static bool alone_at_it(const struct operation *op, enum ledger_reply kind)
{
    return kind == LEDGER_CALLBACK || op->delivery != DELIVERY_PAGES;
}

/* The vendor did not look at them: they wait again, and nothing goes before there are credits. */
static void wait_again(struct engine *g, const struct batch *unlooked)
{
    for (uint32_t i = 0; i < unlooked->slice_count; i++)
        if (!batcher_add(&g->batcher, unlooked->slices[i].shard, &unlooked->slices[i].members,
                         clock_mono_ms()))
            engine_stopf(g, ERR_INTERNAL, "no memory for the records that wait");
    engine_stopf(g, ERR_STOPPED,
                 "out of credits: %s did not look at %u records for want of them; %llu records"
                 " wait. Buy credits and resume, or end them: tranche resolve %s --finish",
                 g->setup.operation->provider->title, unlooked->items,
                 (unsigned long long)g->batcher.waiting, g->dir);
}

static void scatter_is_durable(struct commit_op *op, const struct error *e)
{
    struct scattering *s = (struct scattering *)op;
    struct engine *g = s->engine;
    struct batch *b = s->batch;
    if (engine_committed(g, e)) {
        const struct hits *h = s->hits;
        for (uint32_t i = 0; i < s->mine; i++)
            answered(g, b, shard_of(h->rows[i].record));
        if (s->kind == LEDGER_PAGE)
            batch_page_done(b, s->page, h->said.page.rows);
        if (alone_at_it(s->hits->operation, s->kind))
            b->busy = false;
        if (s->echo != ECHO_UNKNOWN)
            engine_echo(g, s->echo);
        if (s->unlooked != NULL)
            wait_again(g, s->unlooked);
        if (b->state == BATCH_SPLIT)
            planner_forget(g, b);
    }
    batch_destroy(s->unlooked);
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
    static const struct identity none;
    for (uint32_t i = 0; i < h->count; i++) {
        struct hit *row = &h->rows[i];
        for (int k = 0; k < 2; k++)
            if (memcmp(&row->hint[k], &none, sizeof none) != 0)
                row->hinted[k] = dedupe_find(g->dedupe, row->hint[k]);
        if (row->echoed == 0)
            continue;
        h->rows[i].record = dedupe_find(g->dedupe, h->rows[i].identity);
        if (h->rows[i].record == 0 && dedupe_error(g->dedupe)->code != 0)
            return false;
    }
    return true;
}

/* The answer of a row that is about somebody else than the record: failed, with what came kept. */
static void contradict(struct hits *h, struct hit *row)
{
    struct slice bytes = {h->answers.data + row->place, row->len};
    struct buf copy;
    struct answer was, answer = {.outcome = OUTCOME_FAILED};
    unsigned index;
    buf_init(&copy, HITS_BYTES_MAX);
    buf_append(&copy, bytes.data, bytes.len); /* the answers may move when one is added */
    struct slice kept = buf_slice(&copy);
    if (copy.failed || answer_decode(&kept, &index, &was) != 1)
        abort(); /* just encoded */
    answer.reason = SLICE_LIT("the reply is about somebody else than the record");
    answer.credits = was.credits;
    answer.value[FIELD_RAW] = was.value[FIELD_RAW];
    row->place = (uint32_t)h->answers.len;
    answer_encode(&h->answers, 0, &answer);
    row->len = (uint32_t)(h->answers.len - row->place);
    buf_deinit(&copy);
}

/* Of a batch of one the row is about its record. Where records are only asked one by one, it may
 * name somebody else in the very field that the record was asked by: then it is not. */
static void match_only(struct batch *b, struct hits *h)
{
    uint32_t shard;
    unsigned index;
    if (!batch_place(b, 0, &shard, &index))
        return;
    uint32_t record = shard * SHARD_RECORDS + index + 1;
    for (uint32_t i = 0; i < h->count; i++) {
        struct hit *row = &h->rows[i];
        if (h->operation->items_max > 1) {
            if (row->echoed == 0 && h->count == 1)
                row->record = record;
            continue;
        }
        if (b->form != 0 && row->echoed == b->form && row->record != record)
            contradict(h, row);
        row->record = record;
    }
}

static bool points_at(const struct hit *row, uint32_t record)
{
    return row->hinted[0] == record || row->hinted[1] == record;
}

/* Whether a row found just what the record in another place was asked by, and that one's own row did
 * not: then they stand in another order than they were asked in. */
static bool misplaced(const struct hits *h, const uint32_t *places)
{
    for (uint32_t i = 0; i < h->count; i++)
        for (uint32_t k = 0; k < h->count; k++)
            if (k != i && points_at(&h->rows[i], places[k]) && !points_at(&h->rows[k], places[k]))
                return true;
    return false;
}

/* Rows without a name that is known: by their place, where all items are answered in order and no
 * row names another item than the one in its place. */
static void match_places(struct batch *b, struct hits *h)
{
    uint32_t shard, named = 0;
    unsigned index;
    uint32_t *places = calloc(h->count + 1, sizeof *places);
    bool sure = h->count == b->items;
    if (places == NULL)
        abort();
    for (uint32_t i = 0; sure && i < h->count; i++) {
        uint32_t record = h->rows[i].record;
        bool mine =
            record != 0 && batch_match(b, shard_of(record), index_of(record)) != MATCH_FOREIGN;
        sure = batch_place(b, i, &shard, &index);
        places[i] = shard * SHARD_RECORDS + index + 1;
        sure = sure && (!mine || record == places[i]); /* else they are in another order */
        named += mine;
    }
    sure = sure && named < h->count && !misplaced(h, places);
    for (uint32_t i = 0; sure && i < h->count; i++)
        h->rows[i].record = places[i];
    free(places);
}

/* Whose rows they are: sorted by record; nobody's and repeated ones are counted and left out. */
static uint32_t match(struct batch *b, struct hits *h)
{
    uint32_t mine = 0;
    for (uint32_t i = 0; i < h->count; i++) {
        struct hit row = h->rows[i];
        if (row.record == 0 && row.echoed == 0) {
            b->unnamed++;
            continue;
        }
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

/* Take the records that the vendor did not look at out of the batch. They stand sorted among the
 * rows, and leave them. */
static void let_go(struct scattering *s)
{
    struct batch *b = s->batch;
    struct hits *h = s->hits;
    struct bits gone = {{0}};
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->mine; i++) {
        uint32_t shard = shard_of(h->rows[i].record);
        unsigned index = index_of(h->rows[i].record);
        if (!h->rows[i].unlooked) {
            h->rows[kept++] = h->rows[i];
        } else {
            batch_let_go(b, shard, index);
            bits_set(&gone, index);
        }
        bool last = i + 1 == s->mine || shard_of(h->rows[i + 1].record) != shard;
        if (!last || bits_count(&gone) == 0)
            continue;
        if (s->unlooked == NULL && (s->unlooked = batch_create(0, 0)) == NULL)
            abort();
        if (!batch_add(s->unlooked, shard, &gone))
            abort();
        memset(&gone, 0, sizeof gone);
    }
    s->mine = kept;
    if (b->items > 0 || s->unlooked == NULL)
        return;
    batch_move(b, BATCH_SPLIT);
    b->ended_ms = clock_wall_ms();
    snprintf(b->note, sizeof b->note, "the vendor did not look at it for want of credits");
}

/* It costs more than was known: from now on that is what a record may cost, or the cap would not
 * hold. */
static void dearer(struct engine *g, int64_t price)
{
    if (price <= g->price || price > ENGINE_PRICE_MAX)
        return;
    log_write(LOG_WARN, "run",
              "%s charged up to %lld credits for a record, not %lld: is --tier right? Counting with"
              " that",
              g->setup.operation->provider->title, (long long)price, (long long)g->price);
    g->price = price;
}

void scatter_hits(struct engine *g, struct batch *b, enum ledger_reply kind, uint32_t page,
                  struct hits *h)
{
    const struct operation *op = h->operation;
    const struct page_reply *said = &h->said.page;
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
    s->kind = kind;
    s->page = page;
    s->hits = h;
    if (op->echo_unsure && g->echo == ECHO_UNKNOWN && kind == LEDGER_PAGE && h->count > 0)
        s->echo = h->rows[0].echoed != 0 ? ECHO_THERE : ECHO_MISSING;
    if (b->items == 1)
        match_only(b, h);
    if (op->delivery == DELIVERY_REPLY)
        match_places(b, h);
    s->mine = match(b, h);
    let_go(s);
    if (said->used > b->cost_max && b->items > 0)
        dearer(g, (said->used + b->items - 1) / b->items);
    if (said->used >= 0 && (kind == LEDGER_PAGE || op->items_max == 1))
        b->credits = b->used = said->used;
    if (said->balance >= 0)
        fetcher_balance_is(g, said->balance, false);
    else if (said->used >= 0 && said->used < b->cost_max)
        fetcher_balance_moves(g);
    shape_row(b, &s->row);
    s->op.apply = apply_scatter;
    s->op.done = scatter_is_durable;
    engine_commit(g, &s->op);
}

/* --- replies that are stored and not read yet --- */

struct stored {
    struct work work;
    struct commit_op op;
    struct batch *batch;
    const struct operation *operation;
    enum ledger_reply kind;
    uint32_t page;
    struct buf body;
    struct hits *hits;
    struct error unusable;
    struct ledger_batch row; /* of a batch that is in doubt now */
};

static void stored_parse(struct work *work)
{
    struct stored *p = (struct stored *)work;
    struct json *j = json_create(ENGINE_JSON_DEPTH);
    struct json_value root;
    if (j == NULL)
        abort();
    if (json_parse(j, buf_slice(&p->body), &root, &p->unusable) == 0)
        p->hits = scatter_parse(work->engine, p->batch, p->kind, root, &p->unusable);
    json_destroy(j);
    /* Whole is a reply with as many rows as it was asked for, or one that says what it cost. */
    if (p->hits != NULL && p->kind == LEDGER_PAGE && p->operation->delivery == DELIVERY_REPLY &&
        p->hits->said.page.rows < p->batch->items && p->hits->said.page.used < 0) {
        error_set(&p->unusable, ERR_DATA, "it has %u rows for %u items, and no total of credits",
                  p->hits->said.page.rows, p->batch->items);
        scatter_free(p->hits);
        p->hits = NULL;
    }
}

/* What was paid for and cannot be read, and nobody will give it again. */
static void results_unusable(struct stored *p)
{
    struct engine *g = p->work.engine;
    struct batch *b = p->batch;
    snprintf(b->note, sizeof b->note, "its reply cannot be used: %.180s", p->unusable.message);
    log_write(LOG_WARN, "run", "batch %u (%u items, at most %lld credits) is in doubt: %s", b->id,
              b->items, (long long)b->cost_max, b->note);
    batch_move(b, BATCH_IN_DOUBT);
    b->busy = true;
    g->failures++;
    shape_row(b, &p->row);
    if (++g->doubts_row >= ENGINE_DOUBTS_MAX)
        engine_stopf(g, ERR_UNAVAILABLE, "%u submissions in a row ended in doubt, the last: %s",
                     g->doubts_row, b->note);
}

static int apply_stored(struct commit_op *op, struct ledger *l, struct error *e)
{
    struct stored *p = queue_owner(op, struct stored, op);
    return p->row.id != 0 ? ledger_put_batch(l, &p->row, e) : 0;
}

static void stored_in_turn(struct commit_op *op, const struct error *e)
{
    struct stored *p = queue_owner(op, struct stored, op);
    struct engine *g = p->work.engine;
    if (!engine_committed(g, e))
        scatter_free(p->hits);
    else if (p->kind == LEDGER_CALLBACK)
        arrivals_read(g, p->batch, p->page, p->hits, &p->unusable);
    else if (p->hits != NULL)
        scatter_hits(g, p->batch, p->kind, p->page, p->hits);
    else
        p->batch->busy = false; /* in doubt */
    buf_deinit(&p->body);
    free(p);
}

static void stored_parsed(struct work *work)
{
    struct stored *p = (struct stored *)work;
    struct engine *g = work->engine;
    bool alive = g->commit != NULL;
    if (alive && p->hits == NULL && p->kind == LEDGER_PAGE) {
        if (p->operation->delivery == DELIVERY_REPLY) {
            results_unusable(p);
        } else {
            error_prefix(&p->unusable, "stored page %u of batch %u", p->page, p->batch->id);
            engine_stop(g, &p->unusable);
            alive = false;
        }
    }
    if (alive) {
        /* Not before the identities are in the table: by the order of the ledger's operations. */
        p->op.apply = apply_stored;
        p->op.done = stored_in_turn;
        engine_commit(g, &p->op);
        return;
    }
    scatter_free(p->hits); /* a run that never began: the next start does it */
    buf_deinit(&p->body);
    free(p);
}

void scatter_stored(struct engine *g, struct batch *b, enum ledger_reply kind, uint32_t page,
                    struct buf *body)
{
    struct stored *p = calloc(1, sizeof *p);
    if (p == NULL)
        abort();
    p->batch = b;
    p->operation = engine_operation(g, b);
    p->kind = kind;
    p->page = page;
    if (alone_at_it(p->operation, kind))
        b->busy = true;
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
