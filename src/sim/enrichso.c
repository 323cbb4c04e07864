/* Answers as Enrich.so does.
 *
 * A batch is queued for queue_ms, then processed at items_per_s, by the wall clock from its
 * submission on, so that it goes on while the simulator is not running. Credits are reserved at the
 * submission and settled by the first results request after its end; later ones say the same.
 *
 * 1. What a batch costs and answers depends on its items and on the truth that was recorded with
 * it, on nothing later.
 * 2. A request that is refused changes nothing.
 *
 * The vendor's pages leave open what results of an unfinished batch are (here 400), and whether a
 * failed batch has any (here those that were processed). One thread. */
#include "sim/enrichso.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "sim/rows.h"
#include "sim/shuffle.h"
#include "wire/json_write.h"

#define PAGE_LIMIT       100
#define PAGE_LIMIT_MAX   1000
#define WALLET_LIMIT     20
#define WALLET_LIMIT_MAX 100
#define ORGANIZATION     "665e0b2f4a6d8c001abc1234"
#define ERROR_TYPE       "https://dev.enrich.so/errors/"

void enrichso_vendor_init(struct enrichso_vendor *v)
{
    buf_init(&v->data, CALL_REPLY_MAX);
    buf_init(&v->meta, CALL_REPLY_MAX);
    buf_init(&v->scratch, (size_t)1 << 20);
    body_text_init(&v->text);
}

void enrichso_vendor_deinit(struct enrichso_vendor *v)
{
    buf_deinit(&v->data);
    buf_deinit(&v->meta);
    buf_deinit(&v->scratch);
    body_text_deinit(&v->text);
}

/* ---- routes ---- */

static struct enrichso_route route_batch(enum service service, const char *method, const char *rest)
{
    struct enrichso_route r = {ENRICHSO_UNKNOWN, service, ""};
    const char *slash = strchr(rest, '/');
    size_t len = slash ? (size_t)(slash - rest) : strlen(rest);
    if (strcmp(method, "GET") != 0 || len == 0 || (slash && strcmp(slash, "/results") != 0))
        return r;
    r.endpoint = slash ? ENRICHSO_RESULTS : ENRICHSO_STATUS;
    if (len < sizeof r.id)
        memcpy(r.id, rest, len);
    return r;
}

struct enrichso_route enrichso_vendor_route(const char *method, const char *path)
{
    static const char prefix[] = "/api/v3/";
    struct enrichso_route unknown = {ENRICHSO_UNKNOWN, SERVICE_FINDER, ""};
    bool get = strcmp(method, "GET") == 0, post = strcmp(method, "POST") == 0;
    if (strncmp(path, prefix, sizeof prefix - 1) != 0)
        return unknown;
    path += sizeof prefix - 1;
    if (get && strcmp(path, "wallets/balance") == 0)
        return (struct enrichso_route){ENRICHSO_BALANCE, SERVICE_FINDER, ""};
    if (get && strcmp(path, "wallets/transactions") == 0)
        return (struct enrichso_route){ENRICHSO_TRANSACTIONS, SERVICE_FINDER, ""};
    for (unsigned s = 0; s < SERVICES; s++) {
        size_t len = strlen(question_services[s].name);
        if (strncmp(path, question_services[s].name, len) != 0)
            continue;
        const char *rest = path + len;
        if (post && *rest == '\0')
            return (struct enrichso_route){ENRICHSO_SINGLE, (enum service)s, ""};
        if (post && strcmp(rest, "/batch") == 0)
            return (struct enrichso_route){ENRICHSO_SUBMIT, (enum service)s, ""};
        if (strncmp(rest, "/batch/", 7) == 0)
            return route_batch((enum service)s, method, rest + 7);
    }
    return unknown;
}

enum fault_class enrichso_vendor_class(const struct enrichso_route *r)
{
    switch (r->endpoint) {
    case ENRICHSO_SINGLE:
        return CLASS_SINGLE;
    case ENRICHSO_SUBMIT:
        return CLASS_SUBMIT;
    case ENRICHSO_STATUS:
        return CLASS_POLL;
    case ENRICHSO_RESULTS:
        return CLASS_PAGE;
    case ENRICHSO_BALANCE:
    case ENRICHSO_TRANSACTIONS:
        return CLASS_BALANCE;
    case ENRICHSO_UNKNOWN:
        return CLASS_OTHER;
    }
    return CLASS_OTHER;
}

enum limits_class enrichso_vendor_limits(const struct enrichso_route *r)
{
    return r->endpoint == ENRICHSO_SUBMIT   ? LIMITS_BULK
           : r->endpoint == ENRICHSO_SINGLE ? LIMITS_SINGLE
                                            : LIMITS_READ;
}

/* ---- errors ---- */

static const struct {
    int status;
    const char *type, *title;
} problems[] = {
    {400, "validation-error", "Validation Error"},
    {401, "unauthorized", "Unauthorized"},
    {402, "insufficient-credits", "Insufficient Credits"},
    {403, "forbidden", "Forbidden"},
    {404, "not-found", "Not Found"},
    {429, "rate-limit-exceeded", "Too Many Requests"},
    {500, "internal-error", "Internal Server Error"},
    {502, "upstream-failure", "Bad Gateway"},
    {503, "service-unavailable", "Service Unavailable"},
    {504, "timeout", "Gateway Timeout"},
};

/* A problem without its closing brace. */
static void problem_begin(struct enrichso_vendor *v, struct call *c, int status, const char *detail)
{
    bool first = true;
    const char *type = "error", *title = "Error";
    char text[160];
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
        if (problems[i].status == status) {
            type = problems[i].type;
            title = problems[i].title;
        }
    c->status = status;
    buf_reset(&c->body);
    buf_append_text(&c->headers, "Content-Type: application/problem+json\n");
    buf_append_char(&c->body, '{');
    snprintf(text, sizeof text, ERROR_TYPE "%s", type);
    json_write_member_string(&c->body, &first, "type", slice_of(text));
    json_write_member_string(&c->body, &first, "title", slice_of(title));
    json_write_member_i64(&c->body, &first, "status", status);
    json_write_member_string(&c->body, &first, "detail", slice_of(detail));
    snprintf(text, sizeof text, "/requests/req_%016llx", (unsigned long long)++v->requests);
    json_write_member_string(&c->body, &first, "instance", slice_of(text));
}

void enrichso_vendor_problem(struct enrichso_vendor *v, struct call *c, int status,
                             const char *detail)
{
    problem_begin(v, c, status, detail);
    buf_append_char(&c->body, '}');
}

void enrichso_vendor_limited(struct enrichso_vendor *v, struct call *c, const char *retry_after,
                             int64_t seconds)
{
    char text[96];
    snprintf(text, sizeof text, "Rate limit exceeded. Please retry after %lld seconds.",
             (long long)seconds);
    if (retry_after)
        buf_append_format(&c->headers, "Retry-After: %s\n", retry_after);
    if (!v->openapi) {
        enrichso_vendor_problem(v, c, 429, text);
        return;
    }
    /* The form of the vendor's page about rate limits, which is not RFC 9457. */
    bool first = true;
    c->status = 429;
    buf_reset(&c->body);
    buf_append_text(&c->headers, "Content-Type: application/json\n");
    buf_append_char(&c->body, '{');
    json_write_member_i64(&c->body, &first, "statusCode", 429);
    json_write_member_string(&c->body, &first, "error", SLICE_LIT("Too Many Requests"));
    json_write_member_string(&c->body, &first, "message", slice_of(text));
    if (retry_after)
        json_write_member_i64(&c->body, &first, "retryAfter", seconds);
    buf_append_char(&c->body, '}');
}

static void no_credits(struct enrichso_vendor *v, struct call *c, int64_t required)
{
    int64_t available = account_available(v->account);
    bool first = false;
    char text[128];
    snprintf(text, sizeof text, "Not enough credits. Required: %lld, available: %lld",
             (long long)required, (long long)available);
    problem_begin(v, c, 402, text);
    json_write_member_i64(&c->body, &first, "currentBalance", available);
    json_write_member_i64(&c->body, &first, "required", required);
    json_write_member_i64(&c->body, &first, "shortfall", required - available);
    buf_append_char(&c->body, '}');
}

/* ---- the envelope ---- */

static struct buf *begin(struct buf *b, bool *first)
{
    buf_reset(b);
    *first = true;
    return b;
}

static void begin_meta(struct enrichso_vendor *v, bool *first)
{
    char text[32];
    snprintf(text, sizeof text, "req_%016llx", (unsigned long long)++v->requests);
    json_write_member_string(begin(&v->meta, first), first, "requestId", slice_of(text));
}

static void append_envelope(struct enrichso_vendor *v, struct call *c, bool meta)
{
    buf_append_text(&c->body, "\"success\":true,\"data\":{");
    buf_append_slice(&c->body, buf_slice(&v->data));
    buf_append_char(&c->body, '}');
    if (!meta)
        return;
    buf_append_text(&c->body, ",\"meta\":{");
    buf_append_slice(&c->body, buf_slice(&v->meta));
    buf_append_char(&c->body, '}');
}

/* The reply: data and, where wanted, meta hold members without braces. */
static void succeed(struct enrichso_vendor *v, struct call *c, bool meta)
{
    c->status = 200;
    buf_append_text(&c->headers, "Content-Type: application/json\n");
    buf_append_char(&c->body, '{');
    if (c->fault.kind == FAULT_FLAT) {
        buf_append_slice(&c->body, buf_slice(&v->data));
    } else {
        append_envelope(v, c, meta);
        if (c->fault.kind == FAULT_DOUBLE_KEYS) {
            buf_append_char(&c->body, ',');
            append_envelope(v, c, meta);
        }
    }
    buf_append_char(&c->body, '}');
    if (v->data.failed || v->meta.failed || c->body.failed)
        enrichso_vendor_problem(v, c, 500, "The reply is too large");
}

/* ---- one question ---- */

static void apply_single(struct enrichso_vendor *v, const struct enrichso_route *route,
                         struct call *c)
{
    const struct service_facts *facts = &question_services[route->service];
    struct question q;
    char detail[256];
    bool first;
    if (body_read_single(route->service, server_body(c->request), &v->text, &q, detail) !=
        BODY_GOOD) {
        enrichso_vendor_problem(v, c, 400, detail);
        return;
    }
    if (account_available(v->account) < facts->price) {
        no_credits(v, c, facts->price);
        return;
    }
    XXH128_hash_t digest = truth_digest(&v->truth, &q);
    struct verdict verdict = truth_judge(&v->truth, &q, digest);
    /* The OpenAPI description promises that a single risky address is free; the document does not.
     */
    bool risky = route->service == SERVICE_VALIDATION &&
                 (verdict.status == VERDICT_RISKY || verdict.status == VERDICT_CATCH_ALL);
    bool charged = truth_charges(route->service, &verdict) && !(v->openapi && risky);
    account_single(v->account, &q, charged ? facts->price : 0, &c->post);
    c->accepted = true;
    begin(&v->data, &first);
    rows_print(&v->data, &q, digest, &verdict, v->openapi, true);
    begin_meta(v, &first);
    json_write_member_i64(&v->meta, &first, "creditsUsed", charged ? facts->price : 0);
    json_write_member_i64(&v->meta, &first, "creditsRemaining", account_available(v->account));
    succeed(v, c, true);
}

/* ---- batches ---- */

/* What the fault says about the end of the batch that is being submitted. */
static enum account_fate batch_fate(const struct fault *f)
{
    return f->kind == FAULT_FAILED        ? FATE_FAILS
           : f->kind == FAULT_HALF_FAILED ? FATE_HALF_FAILS
                                          : FATE_COMPLETES;
}

static void reply_submit(struct enrichso_vendor *v, struct call *c, const struct account_batch *b)
{
    bool first;
    struct buf *data = begin(&v->data, &first);
    json_write_member_string(data, &first, "batchId", slice_of(b->id));
    json_write_member_string(data, &first, "status", SLICE_LIT("queued"));
    json_write_member_i64(data, &first, "itemCount", b->range.count);
    if (v->openapi) {
        json_write_member_i64(data, &first, "originalCount", b->original);
        json_write_member_i64(data, &first, "duplicatesRemoved", b->original - b->range.count);
    }
    begin_meta(v, &first);
    json_write_member_i64(&v->meta, &first, "creditsReserved", b->reserved);
    json_write_member_i64(&v->meta, &first, "creditsPerItem", b->price);
    if (v->openapi)
        json_write_member_i64(&v->meta, &first, "estimatedCredits", b->reserved);
    succeed(v, c, true);
}

static void apply_submit(struct enrichso_vendor *v, const struct enrichso_route *route,
                         struct call *c)
{
    const struct service_facts *facts = &question_services[route->service];
    struct items_writer w;
    struct body_batch read;
    struct error e = {0};
    char detail[256];
    struct account_batch draft = {.service = route->service,
                                  .fate = batch_fate(&c->fault),
                                  .truth = v->truth,
                                  .price = facts->price};
    items_begin(&w, account_items(v->account), facts->fields);
    enum body_verdict verdict =
        body_read_batch(route->service, &v->truth, server_body(c->request), &w, &read, detail, &e);
    int64_t required = facts->price * w.range.count;
    if (verdict != BODY_GOOD || required > account_available(v->account)) {
        items_abandon(&w);
        if (verdict == BODY_BAD)
            enrichso_vendor_problem(v, c, 400, detail);
        else if (verdict == BODY_FAILED)
            enrichso_vendor_problem(v, c, 500, e.message);
        else
            no_credits(v, c, required);
        return;
    }
    if (items_commit(&w, &draft.range, &e) != 0) {
        enrichso_vendor_problem(v, c, 500, e.message);
        return;
    }
    draft.original = read.original;
    draft.charge_items = read.charge_items;
    c->accepted = true;
    reply_submit(v, c, account_submit(v->account, &draft, &c->post));
}

struct batch_progress {
    const char *status;
    bool ended;
    uint32_t processed;
};

static struct batch_progress batch_progress(const struct enrichso_vendor *v,
                                            const struct account_batch *b)
{
    uint32_t total = b->range.count;
    uint32_t last = b->fate == FATE_COMPLETES ? total : b->fate == FATE_FAILS ? 0 : total / 2;
    int64_t elapsed = clock_wall_ms() - b->at_ms - v->queue_ms;
    if (elapsed < 0)
        return (struct batch_progress){"queued", false, 0};
    double done = v->items_per_s ? (double)elapsed * (double)v->items_per_s / 1000.0 : total;
    if (done < last)
        return (struct batch_progress){"processing", false, (uint32_t)done};
    return (struct batch_progress){b->fate == FATE_COMPLETES ? "completed" : "failed", true, last};
}

static const struct account_batch *find_batch(struct enrichso_vendor *v,
                                              const struct enrichso_route *route, struct call *c)
{
    const struct account_batch *b = account_find(v->account, route->id);
    if (b && b->service == route->service)
        return b;
    enrichso_vendor_problem(v, c, 404, "No batch found with that ID");
    return NULL;
}

static void apply_status(struct enrichso_vendor *v, const struct enrichso_route *route,
                         struct call *c)
{
    bool first;
    const struct account_batch *b = find_batch(v, route, c);
    if (!b)
        return;
    struct batch_progress p = batch_progress(v, b);
    struct buf *data = begin(&v->data, &first);
    json_write_member_string(data, &first, "batchId", slice_of(b->id));
    json_write_member_string(data, &first, "status", slice_of(p.status));
    json_write_member_i64(data, &first, "totalItems", b->range.count);
    json_write_member_i64(data, &first, "processedItems", p.processed);
    json_write_key(data, &first, "progress");
    /* In tenths of a percent, as in the vendor's 33.3. */
    json_write_double(data, (double)((uint64_t)p.processed * 1000 / b->range.count) / 10.0);
    begin_meta(v, &first);
    succeed(v, c, v->openapi);
}

/* A number of the query; false, with the reply made, when it is none from 1 to max. */
static bool query_number(struct enrichso_vendor *v, struct call *c, const char *name, uint32_t max,
                         uint32_t *value)
{
    const char *text = server_query(c->request, name);
    unsigned long long number = *value;
    char detail[96];
    if (!text || (slice_u64(slice_of(text), &number) && number >= 1 && number <= max)) {
        *value = (uint32_t)number;
        return true;
    }
    snprintf(detail, sizeof detail, "querystring/%s must be integer from 1 to %u", name, max);
    enrichso_vendor_problem(v, c, 400, detail);
    return false;
}

static struct question view_question(struct enrichso_vendor *v, const struct account_batch *b,
                                     const struct items_view *view, uint32_t i)
{
    struct question q = {.service = b->service};
    items_get(view, i, q.field);
    question_normalise(&q, &v->scratch);
    return q;
}

/* Credits for what was processed. */
static int64_t batch_charge(struct enrichso_vendor *v, const struct account_batch *b,
                            const struct items_view *view, uint32_t processed)
{
    int64_t items = b->charge_items;
    if (processed < b->range.count)
        items = 0;
    for (uint32_t i = 0; i < processed && processed < b->range.count; i++) {
        struct question q = view_question(v, b, view, i);
        struct verdict verdict = truth_judge(&b->truth, &q, truth_digest(&b->truth, &q));
        items += truth_charges(b->service, &verdict);
    }
    return items * b->price;
}

static void print_answer(struct enrichso_vendor *v, const struct account_batch *b,
                         const struct question *q, bool *first)
{
    XXH128_hash_t digest = truth_digest(&b->truth, q);
    struct verdict verdict = truth_judge(&b->truth, q, digest);
    buf_append_text(&v->data, *first ? "{" : ",{");
    *first = false;
    rows_print(&v->data, q, digest, &verdict, v->openapi, false);
    buf_append_char(&v->data, '}');
}

static void print_row(struct enrichso_vendor *v, const struct account_batch *b,
                      const struct items_view *view, uint32_t i, bool *first)
{
    struct question q = view_question(v, b, view, i);
    print_answer(v, b, &q, first);
}

/* A row that nobody asked for. */
static void print_stranger(struct enrichso_vendor *v, const struct account_batch *b,
                           uint64_t number, bool *first)
{
    struct question q = {.service = b->service};
    char text[64];
    snprintf(text, sizeof text, "stranger%016llx%s", (unsigned long long)number,
             b->service == SERVICE_FINDER ? "" : "@everybody.example");
    q.field[0] = slice_of(text);
    if (b->service == SERVICE_FINDER) {
        q.field[1] = SLICE_LIT("Stranger");
        q.field[2] = SLICE_LIT("everybody.example");
    }
    question_normalise(&q, &v->scratch);
    print_answer(v, b, &q, first);
}

/* Rows from..to-1 of the batch's results. */
static void print_rows(struct enrichso_vendor *v, const struct fault *f,
                       const struct account_batch *b, const struct items_view *view, uint32_t total,
                       uint32_t from, uint32_t to)
{
    bool first = true;
    /* The rows that a fault is about begin here. */
    uint32_t odd = to > from ? from + (uint32_t)(f->dice % (to - from)) : from;
    for (uint32_t at = from; at < to; at++) {
        uint32_t i = v->shuffle ? shuffle_at(b->truth.seed ^ b->range.offset, total, at) : at;
        bool touched = at >= odd && at - odd < f->number;
        if (touched && f->kind == FAULT_MISSING)
            continue;
        print_row(v, b, view, i, &first);
        if (touched && f->kind == FAULT_REPEAT)
            print_row(v, b, view, i, &first);
    }
    for (int64_t n = 0; f->kind == FAULT_EXTRA && n < f->number && n < PAGE_LIMIT_MAX; n++)
        print_stranger(v, b, f->dice + (uint64_t)n, &first);
}

static void reply_page(struct enrichso_vendor *v, struct call *c, const struct account_batch *b,
                       const struct batch_progress *p)
{
    bool first;
    int64_t available = account_available(v->account);
    begin_meta(v, &first);
    json_write_member_i64(&v->meta, &first, "creditsUsed", b->charged);
    json_write_member_i64(&v->meta, &first, "creditsRefunded", b->reserved - b->charged);
    json_write_member_i64(&v->meta, &first, "creditsRemaining", available);
    if (v->openapi) {
        json_write_member_i64(&v->meta, &first, "totalItems", b->range.count);
        json_write_member_i64(&v->meta, &first, "processedItems", p->processed);
    }
    succeed(v, c, true);
}

static void apply_results(struct enrichso_vendor *v, const struct enrichso_route *route,
                          struct call *c)
{
    uint32_t page = 1, limit = PAGE_LIMIT;
    const struct items_view *view;
    struct error e = {0};
    bool first;
    const struct account_batch *b = find_batch(v, route, c);
    if (!b || !query_number(v, c, "page", UINT32_MAX, &page) ||
        !query_number(v, c, "limit", PAGE_LIMIT_MAX, &limit))
        return;
    struct batch_progress p = batch_progress(v, b);
    if (!p.ended) {
        enrichso_vendor_problem(v, c, 400, "The batch is not completed: its results are not ready");
        return;
    }
    if (items_open_view(account_items(v->account), &b->range, &view, &e) != 0) {
        enrichso_vendor_problem(v, c, 500, e.message);
        return;
    }
    if (!b->settled)
        account_settle(v->account, b, batch_charge(v, b, view, p.processed));
    uint64_t from = (uint64_t)(page - 1) * limit, to = from + limit;
    from = from < p.processed ? from : p.processed;
    to = to < p.processed ? to : p.processed;
    struct buf *data = begin(&v->data, &first);
    json_write_member_string(data, &first, "batchId", slice_of(b->id));
    json_write_member_string(data, &first, "status", slice_of(p.status));
    json_write_member_i64(data, &first, "totalItems", b->range.count);
    json_write_member_i64(data, &first, v->openapi ? "processedCount" : "processedItems",
                          p.processed);
    json_write_key(data, &first, "results");
    buf_append_char(data, '[');
    print_rows(v, &c->fault, b, view, p.processed, (uint32_t)from, (uint32_t)to);
    buf_append_char(data, ']');
    reply_page(v, c, b, &p);
}

/* ---- the wallet ---- */

static void format_time(int64_t wall_ms, char text[32])
{
    clock_format_utc(wall_ms, text);
}

static void apply_balance(struct enrichso_vendor *v, struct call *c)
{
    bool first;
    char now[32];
    struct buf *data = begin(&v->data, &first);
    format_time(clock_wall_ms(), now);
    if (v->openapi)
        json_write_member_string(data, &first, "organizationId", SLICE_LIT(ORGANIZATION));
    json_write_member_i64(data, &first, "balance", account_available(v->account));
    if (v->openapi) {
        json_write_member_string(data, &first, "currency", SLICE_LIT("credits"));
        json_write_member_string(data, &first, "asOf", slice_of(now));
    }
    succeed(v, c, false);
}

static const char *const move_names[] = {"topup", "deduction", "refund"};

static void print_transaction(struct enrichso_vendor *v, uint64_t number,
                              const struct account_transaction *t)
{
    bool first = true;
    struct buf *data = &v->data;
    char text[64];
    snprintf(text, sizeof text, "tx_%012llx", (unsigned long long)number);
    buf_append_char(data, '{');
    json_write_member_string(data, &first, "id", slice_of(text));
    json_write_member_string(data, &first, "organizationId", SLICE_LIT(ORGANIZATION));
    json_write_member_string(data, &first, "type", slice_of(move_names[t->move]));
    json_write_member_i64(data, &first, "amount", t->amount);
    json_write_member_i64(data, &first, "balanceAfter", t->balance_after);
    snprintf(text, sizeof text, "%s%s", t->batch >= 0 ? "Batch " : "Credits",
             t->batch >= 0 ? account_batch(v->account, (uint32_t)t->batch)->id : "");
    json_write_member_string(data, &first, "description", slice_of(text));
    format_time(t->at_ms, text);
    json_write_member_string(data, &first, "createdAt", slice_of(text));
    buf_append_char(data, '}');
}

/* Transactions of the type, newest first; those of the page are printed. Returns how many there are
 * in all. */
static uint64_t print_transactions(struct enrichso_vendor *v, const char *type, uint64_t from,
                                   uint64_t to)
{
    uint64_t forgotten, count = account_transactions(v->account, &forgotten), total = 0;
    for (uint64_t i = count; i > 0; i--) {
        const struct account_transaction *t = account_transaction(v->account, i - 1);
        if (type && strcmp(type, move_names[t->move]) != 0)
            continue;
        if (total >= from && total < to) {
            if (total > from)
                buf_append_char(&v->data, ',');
            print_transaction(v, forgotten + i, t);
        }
        total++;
    }
    return total;
}

static void apply_transactions(struct enrichso_vendor *v, struct call *c)
{
    uint32_t page = 1, limit = WALLET_LIMIT;
    bool first;
    if (!query_number(v, c, "page", UINT32_MAX, &page) ||
        !query_number(v, c, "limit", WALLET_LIMIT_MAX, &limit))
        return;
    uint64_t from = (uint64_t)(page - 1) * limit;
    struct buf *data = begin(&v->data, &first);
    json_write_key(data, &first, "transactions");
    buf_append_char(data, '[');
    uint64_t total = print_transactions(v, server_query(c->request, "type"), from, from + limit);
    buf_append_char(data, ']');
    json_write_key(data, &first, "pagination");
    buf_append_format(data, "{\"page\":%u,\"limit\":%u,\"total\":%llu,\"totalPages\":%llu}", page,
                      limit, (unsigned long long)total,
                      (unsigned long long)((total + limit - 1) / limit));
    succeed(v, c, false);
}

void enrichso_vendor_apply(struct enrichso_vendor *v, const struct enrichso_route *route,
                           struct call *c)
{
    switch (route->endpoint) {
    case ENRICHSO_SINGLE:
        apply_single(v, route, c);
        return;
    case ENRICHSO_SUBMIT:
        apply_submit(v, route, c);
        return;
    case ENRICHSO_STATUS:
        apply_status(v, route, c);
        return;
    case ENRICHSO_RESULTS:
        apply_results(v, route, c);
        return;
    case ENRICHSO_BALANCE:
        apply_balance(v, c);
        return;
    case ENRICHSO_TRANSACTIONS:
        apply_transactions(v, c);
        return;
    case ENRICHSO_UNKNOWN:
        enrichso_vendor_problem(v, c, 404, "There is no such endpoint, or it is not simulated");
        return;
    }
}
