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
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "sim/body.h"
#include "sim/rows.h"
#include "sim/shop.h"
#include "sim/shuffle.h"
#include "sim/vendors.h"
#include "wire/json_write.h"

#define PAGE_LIMIT       100
#define PAGE_LIMIT_MAX   1000
#define WALLET_LIMIT     20
#define WALLET_LIMIT_MAX 100
#define ORGANIZATION     "665e0b2f4a6d8c001abc1234"
#define ERROR_TYPE       "https://dev.enrich.so/errors/"

enum endpoint {
    ENDPOINT_SINGLE,
    ENDPOINT_SUBMIT,
    ENDPOINT_STATUS,
    ENDPOINT_RESULTS,
    ENDPOINT_BALANCE,
    ENDPOINT_TRANSACTIONS,
    ENDPOINT_UNKNOWN
};

enum rate { RATE_READ, RATE_SINGLE, RATE_BULK };

enum form { FORM_DOCUMENT, FORM_OPENAPI };

struct enrichso {
    struct buf data, meta; /* of the reply being made */
    struct body_text text; /* of a single question */
};

static const struct service services[] = {
    {.name = "email-finder",
     .kind = SERVICE_FINDER,
     .salt = 0,
     .fields = 3,
     .field = {"firstName", "lastName", "domain"},
     .field_max = {100, 100, 253},
     .list = "leads",
     .items_max = 500000,
     .price = 10},
    {.name = "email-validation",
     .kind = SERVICE_VALIDATION,
     .salt = 1,
     .fields = 1,
     .field = {"email"},
     .field_max = {254},
     .list = "emails",
     .items_max = 500000,
     .price = 1},
};
#define SERVICES (sizeof services / sizeof *services)

/* A limit a second and a limit a minute for everything, a tighter one a minute for enrichment
 * requests, and both for bulk submissions; an enterprise account has no tighter ones. Which of its
 * paths the tighter ones mean is not said; here they apply, each counted apart. */
#define WINDOWS(read_s, read_m, single_m, bulk_s, bulk_m)                                          \
    {                                                                                              \
        {LIMITS_BIT(RATE_READ), read_s, LIMITS_SECOND, false},                                     \
            {LIMITS_BIT(RATE_SINGLE), read_s, LIMITS_SECOND, false},                               \
            {LIMITS_BIT(RATE_BULK), bulk_s, LIMITS_SECOND, false},                                 \
            {LIMITS_BIT(RATE_READ), read_m, LIMITS_MINUTE, false},                                 \
            {LIMITS_BIT(RATE_SINGLE), single_m, LIMITS_MINUTE, false},                             \
            {LIMITS_BIT(RATE_BULK), bulk_m, LIMITS_MINUTE, false},                                 \
    }
static const struct limits_tier tiers[] = {
    {.name = "free", .rule = WINDOWS(5, 60, 10, 1, 2)},
    {.name = "growth", .rule = WINDOWS(25, 300, 100, 3, 10)},
    {.name = "scale", .rule = WINDOWS(50, 1000, 500, 5, 20)},
    {.name = "pro", .rule = WINDOWS(100, 5000, 2000, 10, 50)},
    {.name = "enterprise", .rule = WINDOWS(200, 10000, 10000, 200, 10000)},
    {.name = NULL},
};

static struct enrichso *own(struct shop *shop)
{
    return shop->state;
}

static bool openapi(const struct shop *shop)
{
    return shop->settings.form == FORM_OPENAPI;
}

static void open_state(struct shop *shop)
{
    struct enrichso *v = own(shop);
    buf_init(&v->data, CALL_REPLY_MAX);
    buf_init(&v->meta, CALL_REPLY_MAX);
    body_text_init(&v->text);
}

static void close_state(struct shop *shop)
{
    struct enrichso *v = own(shop);
    buf_deinit(&v->data);
    buf_deinit(&v->meta);
    body_text_deinit(&v->text);
}

static bool authorized(const struct shop *shop, const struct server_request *r)
{
    return shop_key_same(shop, server_header(r, "x-api-key")) ||
           shop_key_same(shop, shop_bearer(r));
}

/* ---- routes ---- */

static struct route route_to(enum endpoint endpoint, const struct service *service)
{
    static const struct {
        enum fault_class class;
        unsigned rate;
    } table[] = {
        [ENDPOINT_SINGLE] = {CLASS_SINGLE, RATE_SINGLE},
        [ENDPOINT_SUBMIT] = {CLASS_SUBMIT, RATE_BULK},
        [ENDPOINT_STATUS] = {CLASS_POLL, RATE_READ},
        [ENDPOINT_RESULTS] = {CLASS_PAGE, RATE_READ},
        [ENDPOINT_BALANCE] = {CLASS_BALANCE, RATE_READ},
        [ENDPOINT_TRANSACTIONS] = {CLASS_BALANCE, RATE_READ},
        [ENDPOINT_UNKNOWN] = {CLASS_OTHER, RATE_READ},
    };
    return (struct route){.endpoint = endpoint,
                          .service = service,
                          .class = table[endpoint].class,
                          .rate = table[endpoint].rate};
}

static struct route route_batch(const struct service *service, const char *method, const char *rest)
{
    const char *slash = strchr(rest, '/');
    size_t len = slash ? (size_t)(slash - rest) : strlen(rest);
    if (strcmp(method, "GET") != 0 || len == 0 || (slash && strcmp(slash, "/results") != 0))
        return route_to(ENDPOINT_UNKNOWN, NULL);
    struct route r = route_to(slash ? ENDPOINT_RESULTS : ENDPOINT_STATUS, service);
    if (len < sizeof r.id)
        memcpy(r.id, rest, len);
    return r;
}

static struct route route(const char *method, const char *path)
{
    static const char prefix[] = "/api/v3/";
    bool get = strcmp(method, "GET") == 0, post = strcmp(method, "POST") == 0;
    if (strncmp(path, prefix, sizeof prefix - 1) != 0)
        return route_to(ENDPOINT_UNKNOWN, NULL);
    path += sizeof prefix - 1;
    if (get && strcmp(path, "wallets/balance") == 0)
        return route_to(ENDPOINT_BALANCE, NULL);
    if (get && strcmp(path, "wallets/transactions") == 0)
        return route_to(ENDPOINT_TRANSACTIONS, NULL);
    for (unsigned s = 0; s < SERVICES; s++) {
        size_t len = strlen(services[s].name);
        if (strncmp(path, services[s].name, len) != 0)
            continue;
        const char *rest = path + len;
        if (post && *rest == '\0')
            return route_to(ENDPOINT_SINGLE, &services[s]);
        if (post && strcmp(rest, "/batch") == 0)
            return route_to(ENDPOINT_SUBMIT, &services[s]);
        if (strncmp(rest, "/batch/", 7) == 0)
            return route_batch(&services[s], method, rest + 7);
    }
    return route_to(ENDPOINT_UNKNOWN, NULL);
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
static void problem_begin(struct shop *shop, struct call *c, int status, const char *detail)
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
    snprintf(text, sizeof text, "/requests/req_%016llx", (unsigned long long)++shop->replies);
    json_write_member_string(&c->body, &first, "instance", slice_of(text));
}

static void problem(struct shop *shop, struct call *c, int status, const char *detail)
{
    problem_begin(shop, c, status, detail);
    buf_append_char(&c->body, '}');
}

static void limited(struct shop *shop, struct call *c, const struct limits_state *state,
                    const char *retry_after, int64_t seconds)
{
    char text[96], number[32];
    (void)state;
    if (retry_after == SHOP_NO_HINT) {
        snprintf(number, sizeof number, "%lld", (long long)seconds);
        retry_after = number;
    }
    snprintf(text, sizeof text, "Rate limit exceeded. Please retry after %lld seconds.",
             (long long)seconds);
    if (retry_after)
        buf_append_format(&c->headers, "Retry-After: %s\n", retry_after);
    if (!openapi(shop)) {
        problem(shop, c, 429, text);
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

static void no_credits(struct shop *shop, struct call *c, int64_t required)
{
    int64_t available = account_available(shop->account);
    bool first = false;
    char text[128];
    snprintf(text, sizeof text, "Not enough credits. Required: %lld, available: %lld",
             (long long)required, (long long)available);
    problem_begin(shop, c, 402, text);
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

static void begin_meta(struct shop *shop, bool *first)
{
    char text[32];
    snprintf(text, sizeof text, "req_%016llx", (unsigned long long)++shop->replies);
    json_write_member_string(begin(&own(shop)->meta, first), first, "requestId", slice_of(text));
}

static void append_envelope(struct shop *shop, struct call *c, bool meta)
{
    buf_append_text(&c->body, "\"success\":true,\"data\":{");
    buf_append_slice(&c->body, buf_slice(&own(shop)->data));
    buf_append_char(&c->body, '}');
    if (!meta)
        return;
    buf_append_text(&c->body, ",\"meta\":{");
    buf_append_slice(&c->body, buf_slice(&own(shop)->meta));
    buf_append_char(&c->body, '}');
}

/* The reply: data and, where wanted, meta hold members without braces. */
static void succeed(struct shop *shop, struct call *c, bool meta)
{
    c->status = 200;
    buf_append_text(&c->headers, "Content-Type: application/json\n");
    buf_append_char(&c->body, '{');
    if (c->fault.kind == FAULT_FLAT) {
        buf_append_slice(&c->body, buf_slice(&own(shop)->data));
    } else {
        append_envelope(shop, c, meta);
        if (c->fault.kind == FAULT_DOUBLE_KEYS) {
            buf_append_char(&c->body, ',');
            append_envelope(shop, c, meta);
        }
    }
    buf_append_char(&c->body, '}');
    if (own(shop)->data.failed || own(shop)->meta.failed || c->body.failed)
        problem(shop, c, 500, "The reply is too large");
}

/* ---- one question ---- */

static void apply_single(struct shop *shop, const struct route *route, struct call *c)
{
    const struct service *facts = route->service;
    struct question q;
    char detail[256];
    bool first;
    if (body_read_single(route->service, server_body(c->request), &own(shop)->text, &q, detail) !=
        BODY_GOOD) {
        problem(shop, c, 400, detail);
        return;
    }
    if (account_available(shop->account) < facts->price) {
        no_credits(shop, c, facts->price);
        return;
    }
    XXH128_hash_t digest = truth_digest(&shop->truth, &q);
    struct verdict verdict = truth_judge(&shop->truth, &q, digest);
    /* The OpenAPI description promises that a single risky address is free; the document does not.
     */
    bool risky = route->service->kind == SERVICE_VALIDATION &&
                 (verdict.status == VERDICT_RISKY || verdict.status == VERDICT_CATCH_ALL);
    bool charged = truth_charges(route->service->kind, &verdict) && !(openapi(shop) && risky);
    account_answer(shop->account, &c->post, &shop->truth, &q, charged ? facts->price : 0);
    c->accepted = true;
    begin(&own(shop)->data, &first);
    rows_print(&own(shop)->data, &q, digest, &verdict, openapi(shop), true);
    begin_meta(shop, &first);
    json_write_member_i64(&own(shop)->meta, &first, "creditsUsed", charged ? facts->price : 0);
    json_write_member_i64(&own(shop)->meta, &first, "creditsRemaining",
                          account_available(shop->account));
    succeed(shop, c, true);
}

/* ---- batches ---- */

/* What the fault says about the end of the batch that is being submitted. */
static enum account_fate batch_fate(const struct fault *f)
{
    return f->kind == FAULT_FAILED        ? FATE_FAILS
           : f->kind == FAULT_HALF_FAILED ? FATE_HALF_FAILS
                                          : FATE_COMPLETES;
}

static void reply_submit(struct shop *shop, struct call *c, const struct account_batch *b)
{
    bool first;
    struct buf *data = begin(&own(shop)->data, &first);
    json_write_member_string(data, &first, "batchId", slice_of(b->id));
    json_write_member_string(data, &first, "status", SLICE_LIT("queued"));
    json_write_member_i64(data, &first, "itemCount", b->range.count);
    if (openapi(shop)) {
        json_write_member_i64(data, &first, "originalCount", b->original);
        json_write_member_i64(data, &first, "duplicatesRemoved", b->original - b->range.count);
    }
    begin_meta(shop, &first);
    json_write_member_i64(&own(shop)->meta, &first, "creditsReserved", b->reserved);
    json_write_member_i64(&own(shop)->meta, &first, "creditsPerItem", b->price);
    if (openapi(shop))
        json_write_member_i64(&own(shop)->meta, &first, "estimatedCredits", b->reserved);
    succeed(shop, c, true);
}

static void apply_submit(struct shop *shop, const struct route *route, struct call *c)
{
    const struct service *facts = route->service;
    struct items_writer w;
    struct body_batch read;
    struct error e = {0};
    char detail[256];
    struct account_batch draft = {.service = route->service,
                                  .fate = batch_fate(&c->fault),
                                  .truth = shop->truth,
                                  .price = facts->price};
    items_begin(&w, account_items(shop->account), facts->fields);
    enum body_verdict verdict = body_read_batch(route->service, &shop->truth,
                                                server_body(c->request), &w, &read, detail, &e);
    int64_t required = facts->price * w.range.count;
    if (verdict != BODY_GOOD || required > account_available(shop->account)) {
        items_abandon(&w);
        if (verdict == BODY_BAD)
            problem(shop, c, 400, detail);
        else if (verdict == BODY_FAILED)
            problem(shop, c, 500, e.message);
        else
            no_credits(shop, c, required);
        return;
    }
    if (items_commit(&w, &draft.range, &e) != 0) {
        problem(shop, c, 500, e.message);
        return;
    }
    draft.original = read.original;
    draft.charge_items = read.charge_items;
    c->accepted = true;
    reply_submit(shop, c, account_submit(shop->account, &draft, &c->post));
}

struct batch_progress {
    const char *status;
    bool ended;
    uint32_t processed;
};

static struct batch_progress batch_progress(const struct shop *shop, const struct account_batch *b)
{
    uint32_t total = b->range.count;
    uint32_t last = b->fate == FATE_COMPLETES ? total : b->fate == FATE_FAILS ? 0 : total / 2;
    const struct shop_settings *set = &shop->settings;
    int64_t elapsed = (clock_wall_ms() - b->at_ms) * (int64_t)shop->speed - set->queue_ms;
    if (elapsed < 0)
        return (struct batch_progress){"queued", false, 0};
    double done =
        set->items_per_s ? (double)elapsed * (double)set->items_per_s / 1000.0 : (double)total;
    if (done < last)
        return (struct batch_progress){"processing", false, (uint32_t)done};
    return (struct batch_progress){b->fate == FATE_COMPLETES ? "completed" : "failed", true, last};
}

static const struct account_batch *find_batch(struct shop *shop, const struct route *route,
                                              struct call *c)
{
    const struct account_batch *b = account_find(shop->account, route->id);
    if (b && b->service == route->service)
        return b;
    problem(shop, c, 404, "No batch found with that ID");
    return NULL;
}

static void apply_status(struct shop *shop, const struct route *route, struct call *c)
{
    bool first;
    const struct account_batch *b = find_batch(shop, route, c);
    if (!b)
        return;
    struct batch_progress p = batch_progress(shop, b);
    struct buf *data = begin(&own(shop)->data, &first);
    json_write_member_string(data, &first, "batchId", slice_of(b->id));
    json_write_member_string(data, &first, "status", slice_of(p.status));
    json_write_member_i64(data, &first, "totalItems", b->range.count);
    json_write_member_i64(data, &first, "processedItems", p.processed);
    json_write_key(data, &first, "progress");
    /* In tenths of a percent, as in the vendor's 33.3. */
    json_write_double(data, (double)((uint64_t)p.processed * 1000 / b->range.count) / 10.0);
    begin_meta(shop, &first);
    succeed(shop, c, openapi(shop));
}

/* A number of the query; false, with the reply made, when it is none from 1 to max. */
static bool query_number(struct shop *shop, struct call *c, const char *name, uint32_t max,
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
    problem(shop, c, 400, detail);
    return false;
}

static struct question view_question(struct shop *shop, const struct account_batch *b,
                                     const struct items_view *view, uint32_t i)
{
    struct question q = {.service = b->service};
    items_get(view, i, q.field);
    question_normalise(&q, &shop->scratch);
    return q;
}

/* Credits for what was processed. */
static int64_t batch_charge(struct shop *shop, const struct account_batch *b,
                            const struct items_view *view, uint32_t processed)
{
    int64_t items = b->charge_items;
    if (processed < b->range.count)
        items = 0;
    for (uint32_t i = 0; i < processed && processed < b->range.count; i++) {
        struct question q = view_question(shop, b, view, i);
        struct verdict verdict = truth_judge(&b->truth, &q, truth_digest(&b->truth, &q));
        items += truth_charges(b->service->kind, &verdict);
    }
    return items * b->price;
}

static void print_answer(struct shop *shop, const struct account_batch *b, const struct question *q,
                         bool *first)
{
    XXH128_hash_t digest = truth_digest(&b->truth, q);
    struct verdict verdict = truth_judge(&b->truth, q, digest);
    buf_append_text(&own(shop)->data, *first ? "{" : ",{");
    *first = false;
    rows_print(&own(shop)->data, q, digest, &verdict, openapi(shop), false);
    buf_append_char(&own(shop)->data, '}');
}

static void print_row(struct shop *shop, const struct account_batch *b,
                      const struct items_view *view, uint32_t i, bool *first)
{
    struct question q = view_question(shop, b, view, i);
    print_answer(shop, b, &q, first);
}

/* A row that nobody asked for. */
static void print_stranger(struct shop *shop, const struct account_batch *b, uint64_t number,
                           bool *first)
{
    struct question q = {.service = b->service};
    char text[64];
    snprintf(text, sizeof text, "stranger%016llx%s", (unsigned long long)number,
             b->service->kind == SERVICE_FINDER ? "" : "@everybody.example");
    q.field[0] = slice_of(text);
    if (b->service->kind == SERVICE_FINDER) {
        q.field[1] = SLICE_LIT("Stranger");
        q.field[2] = SLICE_LIT("everybody.example");
    }
    question_normalise(&q, &shop->scratch);
    print_answer(shop, b, &q, first);
}

/* Rows from..to-1 of the batch's results. */
static void print_rows(struct shop *shop, const struct fault *f, const struct account_batch *b,
                       const struct items_view *view, uint32_t total, uint32_t from, uint32_t to)
{
    bool first = true;
    /* The rows that a fault is about begin here. */
    uint32_t odd = to > from ? from + (uint32_t)(f->dice % (to - from)) : from;
    for (uint32_t at = from; at < to; at++) {
        uint32_t i =
            shop->settings.shuffle ? shuffle_at(b->truth.seed ^ b->range.offset, total, at) : at;
        bool touched = at >= odd && at - odd < f->number;
        if (touched && f->kind == FAULT_MISSING)
            continue;
        print_row(shop, b, view, i, &first);
        if (touched && f->kind == FAULT_REPEAT)
            print_row(shop, b, view, i, &first);
    }
    for (int64_t n = 0; f->kind == FAULT_EXTRA && n < f->number && n < PAGE_LIMIT_MAX; n++)
        print_stranger(shop, b, f->dice + (uint64_t)n, &first);
}

static void reply_page(struct shop *shop, struct call *c, const struct account_batch *b,
                       const struct batch_progress *p)
{
    bool first;
    int64_t available = account_available(shop->account);
    begin_meta(shop, &first);
    json_write_member_i64(&own(shop)->meta, &first, "creditsUsed", b->charged);
    json_write_member_i64(&own(shop)->meta, &first, "creditsRefunded", b->reserved - b->charged);
    json_write_member_i64(&own(shop)->meta, &first, "creditsRemaining", available);
    if (openapi(shop)) {
        json_write_member_i64(&own(shop)->meta, &first, "totalItems", b->range.count);
        json_write_member_i64(&own(shop)->meta, &first, "processedItems", p->processed);
    }
    succeed(shop, c, true);
}

static void apply_results(struct shop *shop, const struct route *route, struct call *c)
{
    uint32_t page = 1, limit = PAGE_LIMIT;
    const struct items_view *view;
    struct error e = {0};
    bool first;
    const struct account_batch *b = find_batch(shop, route, c);
    if (!b || !query_number(shop, c, "page", UINT32_MAX, &page) ||
        !query_number(shop, c, "limit", PAGE_LIMIT_MAX, &limit))
        return;
    struct batch_progress p = batch_progress(shop, b);
    if (!p.ended) {
        problem(shop, c, 400, "The batch is not completed: its results are not ready");
        return;
    }
    if (items_open_view(account_items(shop->account), &b->range, &view, &e) != 0) {
        problem(shop, c, 500, e.message);
        return;
    }
    if (!b->settled)
        account_settle(shop->account, b, batch_charge(shop, b, view, p.processed));
    uint64_t from = (uint64_t)(page - 1) * limit, to = from + limit;
    from = from < p.processed ? from : p.processed;
    to = to < p.processed ? to : p.processed;
    struct buf *data = begin(&own(shop)->data, &first);
    json_write_member_string(data, &first, "batchId", slice_of(b->id));
    json_write_member_string(data, &first, "status", slice_of(p.status));
    json_write_member_i64(data, &first, "totalItems", b->range.count);
    json_write_member_i64(data, &first, openapi(shop) ? "processedCount" : "processedItems",
                          p.processed);
    json_write_key(data, &first, "results");
    buf_append_char(data, '[');
    print_rows(shop, &c->fault, b, view, p.processed, (uint32_t)from, (uint32_t)to);
    buf_append_char(data, ']');
    reply_page(shop, c, b, &p);
}

/* ---- the wallet ---- */

static void format_time(int64_t wall_ms, char text[32])
{
    clock_format_utc(wall_ms, text);
}

static void apply_balance(struct shop *shop, struct call *c)
{
    bool first;
    char now[32];
    struct buf *data = begin(&own(shop)->data, &first);
    format_time(clock_wall_ms(), now);
    if (openapi(shop))
        json_write_member_string(data, &first, "organizationId", SLICE_LIT(ORGANIZATION));
    json_write_member_i64(data, &first, "balance", account_available(shop->account));
    if (openapi(shop)) {
        json_write_member_string(data, &first, "currency", SLICE_LIT("credits"));
        json_write_member_string(data, &first, "asOf", slice_of(now));
    }
    succeed(shop, c, false);
}

static const char *const move_names[] = {"topup", "deduction", "refund"};

static void print_transaction(struct shop *shop, uint64_t number,
                              const struct account_transaction *t)
{
    bool first = true;
    struct buf *data = &own(shop)->data;
    char text[96];
    snprintf(text, sizeof text, "tx_%012llx", (unsigned long long)number);
    buf_append_char(data, '{');
    json_write_member_string(data, &first, "id", slice_of(text));
    json_write_member_string(data, &first, "organizationId", SLICE_LIT(ORGANIZATION));
    json_write_member_string(data, &first, "type", slice_of(move_names[t->move]));
    json_write_member_i64(data, &first, "amount", t->amount);
    json_write_member_i64(data, &first, "balanceAfter", t->balance_after);
    snprintf(text, sizeof text, "%s%s", t->batch >= 0 ? "Batch " : "Credits",
             t->batch >= 0 ? account_batch(shop->account, (uint32_t)t->batch)->id : "");
    json_write_member_string(data, &first, "description", slice_of(text));
    format_time(t->at_ms, text);
    json_write_member_string(data, &first, "createdAt", slice_of(text));
    buf_append_char(data, '}');
}

/* Transactions of the type, newest first; those of the page are printed. Returns how many there are
 * in all. */
static uint64_t print_transactions(struct shop *shop, const char *type, uint64_t from, uint64_t to)
{
    uint64_t forgotten, count = account_transactions(shop->account, &forgotten), total = 0;
    for (uint64_t i = count; i > 0; i--) {
        const struct account_transaction *t = account_transaction(shop->account, i - 1);
        if (type && strcmp(type, move_names[t->move]) != 0)
            continue;
        if (total >= from && total < to) {
            if (total > from)
                buf_append_char(&own(shop)->data, ',');
            print_transaction(shop, forgotten + i, t);
        }
        total++;
    }
    return total;
}

static void apply_transactions(struct shop *shop, struct call *c)
{
    uint32_t page = 1, limit = WALLET_LIMIT;
    bool first;
    if (!query_number(shop, c, "page", UINT32_MAX, &page) ||
        !query_number(shop, c, "limit", WALLET_LIMIT_MAX, &limit))
        return;
    uint64_t from = (uint64_t)(page - 1) * limit;
    struct buf *data = begin(&own(shop)->data, &first);
    json_write_key(data, &first, "transactions");
    buf_append_char(data, '[');
    uint64_t total = print_transactions(shop, server_query(c->request, "type"), from, from + limit);
    buf_append_char(data, ']');
    json_write_key(data, &first, "pagination");
    buf_append_format(data, "{\"page\":%u,\"limit\":%u,\"total\":%llu,\"totalPages\":%llu}", page,
                      limit, (unsigned long long)total,
                      (unsigned long long)((total + limit - 1) / limit));
    succeed(shop, c, false);
}

static void apply(struct shop *shop, const struct route *route, struct call *c)
{
    switch ((enum endpoint)route->endpoint) {
    case ENDPOINT_SINGLE:
        apply_single(shop, route, c);
        return;
    case ENDPOINT_SUBMIT:
        apply_submit(shop, route, c);
        return;
    case ENDPOINT_STATUS:
        apply_status(shop, route, c);
        return;
    case ENDPOINT_RESULTS:
        apply_results(shop, route, c);
        return;
    case ENDPOINT_BALANCE:
        apply_balance(shop, c);
        return;
    case ENDPOINT_TRANSACTIONS:
        apply_transactions(shop, c);
        return;
    case ENDPOINT_UNKNOWN:
        problem(shop, c, 404, "There is no such endpoint, or it is not simulated");
        return;
    }
}

/* ---- the descriptor ---- */

static int64_t judge(struct shop *shop, const struct truth *truth, const struct question *q,
                     struct buf *out)
{
    XXH128_hash_t digest = truth_digest(truth, q);
    struct verdict v = truth_judge(truth, q, digest);
    const char *status = truth_status_name(v.status);
    bool first = false, inner = true, finder = q->service->kind == SERVICE_FINDER;
    (void)shop;
    if (finder)
        status = v.found ? "found" : "not_found";
    json_write_member_string(out, &first, "outcome", slice_of(status));
    json_write_key(out, &first, "values");
    buf_append_char(out, '{');
    if (finder && v.found) {
        json_write_key(out, &inner, "email");
        buf_append_char(out, '"');
        truth_email(q, digest, out);
        buf_append_char(out, '"');
    }
    if (!finder || v.found)
        json_write_member_string(out, &inner, "confidence",
                                 slice_of(truth_confidence_name(v.confidence)));
    buf_append_char(out, '}');
    return truth_charges(q->service->kind, &v) ? q->service->price : 0;
}

const struct vendor enrichso_vendor = {
    .name = "enrichso",
    .document = "doc.enrich.so",
    .services = services,
    .service_count = SERVICES,
    .tiers = tiers,
    .forms = {"document", "openapi"},
    .rate_headers = true,
    .state_size = sizeof(struct enrichso),
    .open = open_state,
    .close = close_state,
    .authorized = authorized,
    .route = route,
    .apply = apply,
    .problem = problem,
    .limited = limited,
    .judge = judge,
};
