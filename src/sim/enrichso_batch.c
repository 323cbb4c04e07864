/* Takes lists, works on them, and hands out their results.
 *
 * A batch is queued for queue_ms, then processed at items_per_s, by the wall clock from its
 * submission on, so that it goes on while the simulator is not running. Credits are reserved at the
 * submission and settled by the first results request after its end; later ones say the same.
 *
 * 1. What a batch costs and answers depends on its items and on the truth that was recorded with
 * it, on nothing later.
 * 2. A request that is refused changes nothing.
 * 3. A page is so many of the processed items: where misses have no row, it has fewer rows than its
 * limit long before the last one.
 *
 * The vendor's pages leave open what results of an unfinished batch are (here 400), and whether a
 * failed batch has any (here those that were processed). One thread. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "sim/enrichso.h"
#include "sim/shuffle.h"
#include "wire/json_write.h"

#define PAGE_LIMIT     100
#define PAGE_LIMIT_MAX 1000

static const struct body_rules rules[ENRICHSO_SERVICES] = {
    [ENRICHSO_FINDER] = {.list = {{"leads", BODY_OBJECTS, false}}, .finds = enrichso_finds},
    [ENRICHSO_VALIDATION] = {.list = {{"emails", 0, false}}, .finds = enrichso_finds},
    [ENRICHSO_LOOKUP] = {.list = {{"emails", 0, false}},
                         .addresses = true,
                         .finds = enrichso_finds},
    [ENRICHSO_PHONES] = {.list = {{"emails", ENRICHSO_EMAIL, false},
                                  {"linkedins", ENRICHSO_LINKEDIN, true}},
                         .addresses = true,
                         .finds = enrichso_finds},
};

/* ---- submission ---- */

/* What the fault says about the end of the batch that is being submitted. */
static enum account_fate batch_fate(const struct fault *f)
{
    return f->kind == FAULT_FAILED        ? FATE_FAILS
           : f->kind == FAULT_HALF_FAILED ? FATE_HALF_FAILS
                                          : FATE_COMPLETES;
}

static void reply_submit(struct shop *shop, struct call *c, const struct account_batch *b)
{
    static const char *const messages[ENRICHSO_SERVICES] = {
        [ENRICHSO_LOOKUP] = "Bulk lookup job created",
        [ENRICHSO_PHONES] = "Bulk phone lookup job created"};
    bool first, openapi = enrichso_openapi(shop);
    const char *message = messages[enrichso_which(b->service)];
    struct buf *data = enrichso_begin_data(shop, &first);
    json_write_member_string(data, &first, "batchId", slice_of(b->id));
    json_write_member_string(data, &first, "status", SLICE_LIT("queued"));
    json_write_member_i64(data, &first, "itemCount", b->range.count);
    if (openapi && message)
        json_write_member_string(data, &first, "message", slice_of(message));
    if (openapi) {
        json_write_member_i64(data, &first, "originalCount", b->original);
        json_write_member_i64(data, &first, "duplicatesRemoved", b->original - b->range.count);
    }
    struct buf *meta = enrichso_begin_meta(shop, &first);
    json_write_member_i64(meta, &first, "creditsReserved", b->reserved);
    json_write_member_i64(meta, &first, "creditsPerItem", b->price);
    if (openapi)
        json_write_member_i64(meta, &first, "estimatedCredits", b->reserved);
    enrichso_succeed(shop, c, true);
}

/* The document has ids of 24 hexadecimal digits for phones alone, the OpenAPI description for all;
 * left empty, the account makes one like the document's others. */
static void make_id(const struct shop *shop, const struct service *service, char id[ACCOUNT_ID_MAX])
{
    if (enrichso_openapi(shop) || enrichso_which(service) == ENRICHSO_PHONES)
        snprintf(id, ACCOUNT_ID_MAX, "%08x%016llx", account_nonce(shop->account),
                 (unsigned long long)account_batches(shop->account));
}

static void submit(struct shop *shop, struct call *c, struct items_writer *w,
                   const struct service *service, const struct body_batch *read)
{
    struct error e = {0};
    struct account_batch draft = {.service = service,
                                  .fate = batch_fate(&c->fault),
                                  .truth = shop->truth,
                                  .price = service->price,
                                  .original = read->original,
                                  .charge_items = read->found};
    if (items_commit(w, &draft.range, &e) != 0) {
        enrichso_problem(shop, c, 500, e.message);
        return;
    }
    /* In the document's form a lookup is paid whatever it finds. */
    if (enrichso_which(service) == ENRICHSO_LOOKUP && !enrichso_openapi(shop))
        draft.charge_items = draft.range.count;
    make_id(shop, service, draft.id);
    memcpy(draft.callback, read->callback, sizeof draft.callback);
    c->accepted = true;
    const struct account_batch *b = account_submit(shop->account, &draft, &c->post);
    if (b->callback[0])
        enrichso_hooks_add(shop, b);
    reply_submit(shop, c, b);
}

void enrichso_batch_submit(struct shop *shop, const struct route *route, struct call *c)
{
    const struct service *service = route->service;
    struct items_writer w;
    struct body_batch read;
    struct error e = {0};
    char detail[256];
    items_begin(&w, account_items(shop->account), service->fields);
    enum body_verdict verdict =
        body_read_batch(service, &rules[enrichso_which(service)], &shop->truth,
                        server_body(c->request), &w, &read, detail, &e);
    int64_t required = service->price * w.range.count;
    if (verdict == BODY_GOOD && required <= account_available(shop->account)) {
        submit(shop, c, &w, service, &read);
        return;
    }
    items_abandon(&w);
    if (verdict == BODY_BAD)
        enrichso_problem(shop, c, 400, detail);
    else if (verdict == BODY_FAILED)
        enrichso_problem(shop, c, 500, e.message);
    else
        enrichso_no_credits(shop, c, required);
}

/* ---- as time goes by ---- */

uint32_t enrichso_batch_last(const struct account_batch *b)
{
    uint32_t total = b->range.count;
    return b->fate == FATE_COMPLETES ? total : b->fate == FATE_FAILS ? 0 : total / 2;
}

struct enrichso_progress enrichso_progress(const struct shop *shop, const struct account_batch *b)
{
    uint32_t last = enrichso_batch_last(b);
    const struct shop_settings *set = &shop->settings;
    int64_t elapsed = (clock_wall_ms() - b->at_ms) * (int64_t)shop->speed - set->queue_ms;
    if (elapsed < 0)
        return (struct enrichso_progress){"queued", false, 0};
    double done = set->items_per_s ? (double)elapsed * (double)set->items_per_s / 1000.0
                                   : (double)b->range.count;
    if (done < last)
        return (struct enrichso_progress){"processing", false, (uint32_t)done};
    return (struct enrichso_progress){b->fate == FATE_COMPLETES ? "completed" : "failed", true,
                                      last};
}

uint32_t enrichso_batch_item(const struct shop *shop, const struct account_batch *b, uint32_t total,
                             uint32_t at)
{
    return shop->settings.shuffle ? shuffle_at(b->truth.seed ^ b->range.offset, total, at) : at;
}

struct question enrichso_batch_question(struct shop *shop, const struct account_batch *b,
                                        const struct items_view *view, uint32_t item)
{
    struct question q = {.service = b->service};
    items_get(view, item, q.field);
    shop_normalise(shop, &q);
    return q;
}

static const struct account_batch *find_batch(struct shop *shop, const struct route *route,
                                              struct call *c)
{
    const struct account_batch *b = account_find(shop->account, route->id);
    if (b && b->service == route->service)
        return b;
    enrichso_problem(shop, c, 404, "No batch found with that ID");
    return NULL;
}

void enrichso_batch_status(struct shop *shop, const struct route *route, struct call *c)
{
    bool first;
    const struct account_batch *b = find_batch(shop, route, c);
    if (!b)
        return;
    struct enrichso_progress p = enrichso_progress(shop, b);
    struct buf *data = enrichso_begin_data(shop, &first);
    json_write_member_string(data, &first, "batchId", slice_of(b->id));
    json_write_member_string(data, &first, "status", slice_of(p.status));
    json_write_member_i64(data, &first, "totalItems", b->range.count);
    json_write_member_i64(data, &first, "processedItems", p.processed);
    json_write_key(data, &first, "progress");
    /* In tenths of a percent, as in the vendor's 33.3. */
    json_write_double(data, (double)((uint64_t)p.processed * 1000 / b->range.count) / 10.0);
    enrichso_begin_meta(shop, &first);
    enrichso_succeed(shop, c, enrichso_openapi(shop));
}

/* ---- results ---- */

/* A page of a batch that has ended. */
struct page {
    const struct account_batch *batch;
    const struct items_view *view;
    uint32_t processed, from, to; /* from..to-1 of those that were processed */
    uint32_t number, limit;
};

/* Items that find something, and credits, of those that were processed. */
struct tally {
    uint32_t found;
    int64_t credits;
};

static struct tally tally_batch(struct shop *shop, const struct page *p)
{
    const struct account_batch *b = p->batch;
    struct tally t = {b->charge_items, b->charge_items * b->price};
    if (p->processed == b->range.count)
        return t;
    t = (struct tally){0};
    for (uint32_t i = 0; i < p->processed; i++) {
        struct question q = enrichso_batch_question(shop, b, p->view, i);
        struct enrichso_answer a = enrichso_answer(&b->truth, &q);
        t.found += a.found;
        t.credits += enrichso_price_item(shop, &a);
    }
    return t;
}

static void print_row(struct shop *shop, const struct enrichso_answer *a, bool *first)
{
    struct buf *data = &shop->data;
    buf_append_text(data, *first ? "{" : ",{");
    *first = false;
    enrichso_row_print(shop, a, false, data);
    buf_append_char(data, '}');
}

static struct question row_question(struct shop *shop, const struct page *p, uint32_t at)
{
    uint32_t item = enrichso_batch_item(shop, p->batch, p->processed, at);
    return enrichso_batch_question(shop, p->batch, p->view, item);
}

/* How many rows the page has. */
static uint32_t count_rows(struct shop *shop, const struct page *p)
{
    uint32_t rows = 0;
    for (uint32_t at = p->from; at < p->to; at++) {
        struct question q = row_question(shop, p, at);
        struct enrichso_answer a = enrichso_answer(&p->batch->truth, &q);
        rows += enrichso_row_shown(shop, &a);
    }
    return rows;
}

static void print_rows(struct shop *shop, const struct fault *f, const struct page *p)
{
    bool first = true, rowed = f->kind == FAULT_MISSING || f->kind == FAULT_REPEAT;
    uint32_t rows = rowed ? count_rows(shop, p) : 0, row = 0;
    /* The rows that a fault is about begin here. */
    uint32_t odd = rows ? (uint32_t)(f->dice % rows) : 0;
    for (uint32_t at = p->from; at < p->to; at++) {
        struct question q = row_question(shop, p, at);
        struct enrichso_answer a = enrichso_answer(&p->batch->truth, &q);
        if (!enrichso_row_shown(shop, &a))
            continue;
        bool touched = rowed && row >= odd && row - odd < f->number;
        row++;
        if (touched && f->kind == FAULT_MISSING)
            continue;
        print_row(shop, &a, &first);
        if (touched)
            print_row(shop, &a, &first);
    }
    for (int64_t n = 0; f->kind == FAULT_EXTRA && n < f->number && n < PAGE_LIMIT_MAX; n++) {
        struct question q;
        char text[64];
        enrichso_stranger(shop, p->batch->service, f->dice + (uint64_t)n, text, &q);
        struct enrichso_answer a = enrichso_answer(&p->batch->truth, &q);
        print_row(shop, &a, &first);
    }
}

/* The two services that came later have other counts. */
static void print_counts(struct shop *shop, const struct page *p, struct buf *data, bool *first)
{
    enum enrichso_service which = enrichso_which(p->batch->service);
    bool later = which == ENRICHSO_LOOKUP || which == ENRICHSO_PHONES;
    json_write_member_i64(data, first, "totalItems", p->batch->range.count);
    json_write_member_i64(data, first,
                          enrichso_openapi(shop) && !later ? "processedCount" : "processedItems",
                          p->processed);
    if (!enrichso_openapi(shop) || !later)
        return;
    uint32_t found = tally_batch(shop, p).found;
    json_write_member_i64(data, first, "successful", found);
    json_write_member_i64(data, first, "failed", p->processed - found);
    json_write_member_i64(data, first, "page", p->number);
    json_write_member_i64(data, first, "limit", p->limit);
}

static void reply_page(struct shop *shop, struct call *c, const struct page *p, const char *status)
{
    bool first;
    const struct account_batch *b = p->batch;
    struct buf *data = enrichso_begin_data(shop, &first);
    json_write_member_string(data, &first, "batchId", slice_of(b->id));
    json_write_member_string(data, &first, "status", slice_of(status));
    print_counts(shop, p, data, &first);
    json_write_key(data, &first, "results");
    buf_append_char(data, '[');
    print_rows(shop, &c->fault, p);
    buf_append_char(data, ']');
    struct buf *meta = enrichso_begin_meta(shop, &first);
    json_write_member_i64(meta, &first, "creditsUsed", b->charged);
    json_write_member_i64(meta, &first, "creditsRefunded", b->reserved - b->charged);
    json_write_member_i64(meta, &first, "creditsRemaining", account_available(shop->account));
    if (enrichso_openapi(shop)) {
        json_write_member_i64(meta, &first, "totalItems", b->range.count);
        json_write_member_i64(meta, &first, "processedItems", p->processed);
    }
    enrichso_succeed(shop, c, true);
}

static uint32_t at_most(uint64_t number, uint32_t max)
{
    return number < max ? (uint32_t)number : max;
}

void enrichso_batch_results(struct shop *shop, const struct route *route, struct call *c)
{
    struct page p = {.number = 1, .limit = PAGE_LIMIT};
    struct error e = {0};
    p.batch = find_batch(shop, route, c);
    if (!p.batch || !enrichso_query_number(shop, c, "page", UINT32_MAX, &p.number) ||
        !enrichso_query_number(shop, c, "limit", PAGE_LIMIT_MAX, &p.limit))
        return;
    struct enrichso_progress progress = enrichso_progress(shop, p.batch);
    if (!progress.ended) {
        enrichso_problem(shop, c, 400, "The batch is not completed: its results are not ready");
        return;
    }
    if (items_open_view(account_items(shop->account), &p.batch->range, &p.view, &e) != 0) {
        enrichso_problem(shop, c, 500, e.message);
        return;
    }
    uint64_t from = (uint64_t)(p.number - 1) * p.limit;
    p.processed = progress.processed;
    p.from = at_most(from, p.processed);
    p.to = at_most(from + p.limit, p.processed);
    if (!p.batch->settled)
        account_settle(shop->account, p.batch, tally_batch(shop, &p).credits);
    reply_page(shop, c, &p, progress.status);
}
