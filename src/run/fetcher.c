/* Free requests: polls, result pages, the balance. They may be repeated, within bounds.
 *
 * Happy path: an accepted batch is polled until the vendor says that it is done: at growing pauses,
 * or where the vendor has slots when it is likely to be (sched/slots.h); then its pages are asked
 * for several at a time; each page is a durable reply first and is scattered then (scatter.c); when
 * all are in, the batch is DONE. Where the last poll holds the result, it is that page.
 *
 * Failure modes: a failed request is tried again after a pause with full jitter, at most
 * BACKOFF_TRIES_MAX times in a row and within the budget of retries; then the run stops, resumable,
 * and the batch stays as it is. A page that cannot be used although it came whole is asked for
 * again like one that failed. A batch that the vendor does not know (404) is likewise tried again
 * and then stops the run: it is paid for. What is not done by its deadline is in doubt.
 *
 * On the loop's thread; replies are checked, parsed and packed on the pool. */
#include "run/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define READ_TIMEOUT_MS 120000
#define READ_IDLE_MS    30000
/* An id that the vendor does not know may be too fresh, a few times. */
#define FETCH_GONE_TRIES 4
#define GONE_GRACE_MS    60000
/* What a vendor calls unlimited: far from any sum that could overflow. */
#define BALANCE_UNLIMITED (INT64_MAX / 4)
#define DAY_MS            (INT64_C(24) * 60 * 60 * 1000)
/* The vendor's clock and ours need not agree to the second. */
#define DAY_SLACK_MS 5000

enum fetch_kind { FETCH_BALANCE, FETCH_POLL, FETCH_PAGE };

struct fetch {
    struct client_call call;
    struct work work;
    struct engine *engine;
    struct fetch *next;
    const struct operation *operation;
    enum fetch_kind kind;
    bool metered;        /* it counts in the rate windows */
    int64_t sent_ms;     /* monotonic */
    struct batch *batch; /* NULL for the balance */
    uint32_t page;
    struct http_reply reply; /* its body taken from the client */
    /* Found out on the pool. */
    enum reply_class class;
    struct problem problem;
    struct poll_reply poll;
    struct balance_reply balance;
    struct hits *hits;     /* of a page, or of a poll that holds the result */
    struct buf packed;     /* the page as zstd */
    struct error unusable; /* whole, and not what was promised */
};

static void fetch_free(struct fetch *f)
{
    struct fetch **at = &f->engine->fetches;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    scatter_free(f->hits);
    buf_deinit(&f->packed);
    buf_deinit(&f->reply.body);
    free(f);
}

void fetcher_cancel(struct engine *g)
{
    for (struct fetch *f = g->fetches; f != NULL; f = f->next)
        if (f->call.transfer != NULL)
            client_cancel(g->client, &f->call);
}

static void describe(const struct fetch *f, char *out, size_t size)
{
    const struct http_reply *r = &f->reply;
    if (f->unusable.code != 0)
        snprintf(out, size, "%.200s", f->unusable.message);
    else if (r->end == HTTP_REPLY && f->class == REPLY_REFUSED)
        snprintf(out, size, "HTTP %ld%s%s", r->status, f->problem.text[0] ? ": " : "",
                 f->problem.text);
    else if (r->end == HTTP_REPLY) /* its words may name people */
        snprintf(out, size, "HTTP %ld%s%s", r->status, f->problem.type[0] ? ", " : "",
                 f->problem.type);
    else
        snprintf(out, size, "%s", r->problem[0] != '\0' ? r->problem : "given up");
}

/* On the pool: what the reply is. */
static void fetch_look(struct work *work)
{
    struct fetch *f = (struct fetch *)((char *)work - offsetof(struct fetch, work));
    const struct operation *op = f->operation;
    struct json *j = json_create(ENGINE_JSON_DEPTH);
    struct json_value root;
    struct error e = {0};
    if (j == NULL)
        abort();
    bool whole =
        f->reply.end == HTTP_REPLY && json_parse(j, buf_slice(&f->reply.body), &root, &e) == 0;
    if (f->reply.end == HTTP_REPLY && f->reply.status >= 300)
        problem_parse(&f->problem, j, buf_slice(&f->reply.body));
    f->class = op->classify(&f->reply, false, whole ? &root : NULL, &f->problem);
    if (f->class == REPLY_OK && f->kind == FETCH_POLL)
        op->parse_poll(op, root, &f->poll, &f->unusable);
    if (f->class == REPLY_OK && f->kind == FETCH_BALANCE &&
        !op->provider->parse_balance(root, &f->balance))
        error_set(&f->unusable, ERR_DATA, "the reply gives no balance");
    bool results =
        f->kind == FETCH_PAGE || (f->kind == FETCH_POLL && f->unusable.code == 0 &&
                                  op->delivery == DELIVERY_POLL && f->poll.phase != POLL_PENDING);
    if (f->class == REPLY_OK && results &&
        (f->hits = scatter_parse(work->engine, f->batch, LEDGER_PAGE, root, &f->unusable)) != NULL)
        frame_pack(buf_slice(&f->reply.body), &f->packed, &f->unusable);
    if (f->class == REPLY_RETRY && f->reply.end == HTTP_REPLY && f->reply.status < 300)
        f->unusable = e;
    json_destroy(j);
}

static const char *kind_name(enum fetch_kind kind)
{
    static const char *const names[] = {"balance", "status", "results"};
    return names[kind];
}

/* It failed: when may it be tried again? False when no more. */
static bool again(struct engine *g, struct fetch *f, unsigned *tries, int64_t *not_before_ms)
{
    char cause[300];
    int64_t now = clock_mono_ms();
    describe(f, cause, sizeof cause);
    if (f->class == REPLY_THROTTLED) {
        int64_t pause = f->reply.hints.retry_after_ms >= 0 ? f->reply.hints.retry_after_ms
                                                           : f->problem.retry_after_ms;
        g->throttled++;
        if (pause < BACKOFF_BASE_MS)
            pause = BACKOFF_BASE_MS;
        engine_pause(g, RATE_READ, now + pause);
        return true;
    }
    g->failures++;
    if (f->class == REPLY_REFUSED) {
        engine_stopf(g, ERR_REFUSED, "%s refused the key or the account: %s",
                     g->setup.operation->provider->title, cause);
        return false;
    }
    if (f->class == REPLY_GONE && f->kind == FETCH_BALANCE) {
        engine_stopf(g, ERR_UNAVAILABLE, "%s has no such address (%s): is --base-url right?",
                     g->setup.operation->provider->title, cause);
        return false;
    }
    if (f->class == REPLY_NOT_APPLIED) {
        engine_stopf(g, ERR_UNAVAILABLE, "%s refused the %s: %s",
                     g->setup.operation->provider->title, kind_name(f->kind), cause);
        return false;
    }
    if (f->reply.end == HTTP_CANCELLED)
        return false;
    /* An id may be known a little later than it is given. */
    if (f->class == REPLY_GONE && f->kind == FETCH_POLL &&
        now < f->batch->waited_ms + GONE_GRACE_MS / g->setup.clock_speed) {
        *not_before_ms = now + f->operation->poll_first_ms;
        return true;
    }
    /* Several under way at once fail together: that is one try. */
    if (*tries > 0 && f->sent_ms < *not_before_ms)
        return true;
    if (++*tries > FETCH_GONE_TRIES && f->class == REPLY_GONE) {
        engine_stopf(
            g, ERR_UNAVAILABLE,
            "%s knows no batch %s (batch %u here): %s. If the id is wrong: tranche resolve %s %u"
            " --as sent=ID",
            g->setup.operation->provider->title, f->batch->vendor_id, f->batch->id, cause, g->dir,
            f->batch->id);
        return false;
    }
    if (*tries > BACKOFF_TRIES_MAX || !backoff_allows(&g->retries)) {
        engine_stopf(g, ERR_UNAVAILABLE, "%s stayed unavailable (%s, tried %u times): %s",
                     g->setup.operation->provider->title, kind_name(f->kind), *tries, cause);
        return false;
    }
    g->retries.retries++;
    *not_before_ms = now + backoff_pause_ms(*tries, engine_random());
    if (f->reply.hints.retry_after_ms > 0)
        *not_before_ms = now + f->reply.hints.retry_after_ms;
    engine_trouble(g, kind_name(f->kind), cause);
    log_trace("run", "%s failed (%s); again in %lld ms", kind_name(f->kind), cause,
              (long long)(*not_before_ms - now));
    return true;
}

void fetcher_balance_is(struct engine *g, int64_t credits, bool fresh)
{
    /* What is being submitted at this moment may or may not be taken off already: count it as not.
     */
    for (unsigned i = 0; i < g->batch_count; i++)
        if (g->batches[i]->state == BATCH_SENDING)
            credits -= g->batches[i]->cost_max;
    g->balance = credits < 0 ? 0 : credits;
    g->balance_fresh = fresh;
    g->balance_ms = clock_wall_ms();
}

void fetcher_balance_moves(struct engine *g)
{
    g->balance_fresh = false;
    g->balance_moved = g->balance_busy;
}

/* The vendor's day is a calendar day: what it says is used up comes back at midnight, UTC. */
static void day_is(struct engine *g, const struct balance_reply *said)
{
    int64_t wall = clock_wall_ms(), speed = g->setup.clock_speed;
    if (said->used_today < 0 || said->limit_today <= 0)
        return;
    g->day_known = true;
    if (said->used_today < said->limit_today)
        return;
    int64_t midnight = (wall / DAY_MS + 1) * DAY_MS;
    log_write(LOG_INFO, "run", "%s: all %lld requests of the day are used",
              g->setup.operation->provider->title, (long long)said->limit_today);
    engine_pause(g, RATE_SUBMIT, clock_mono_ms() + (midnight - wall) / speed + DAY_SLACK_MS);
}

static void balance_known(struct engine *g, struct fetch *f)
{
    g->balance_busy = false;
    if (f->class != REPLY_OK || f->unusable.code != 0) {
        again(g, f, &g->balance_tries, &g->balance_not_before_ms);
        return;
    }
    g->balance_tries = 0;
    fetcher_balance_is(g, f->balance.credits < 0 ? BALANCE_UNLIMITED : f->balance.credits,
                       !g->balance_moved);
    day_is(g, &f->balance);
}

static void store(struct engine *g, struct fetch *f);

/* A batch's new state on its way into the ledger. */
struct moving {
    struct commit_op op;
    struct engine *engine;
    struct batch *batch;
};

static int apply_move(struct commit_op *op, struct ledger *l, struct error *e)
{
    struct moving *m = (struct moving *)op;
    struct ledger_batch row;
    shape_row(m->batch, &row);
    return ledger_put_batch(l, &row, e);
}

static void move_is_durable(struct commit_op *op, const struct error *e)
{
    struct moving *m = (struct moving *)op;
    if (engine_committed(m->engine, e))
        m->batch->busy = false;
    free(m);
}

static void move(struct engine *g, struct batch *b, enum batch_state to)
{
    struct moving *m = calloc(1, sizeof *m);
    if (m == NULL)
        abort();
    batch_move(b, to);
    b->busy = true;
    m->engine = g;
    m->batch = b;
    m->op.apply = apply_move;
    m->op.done = move_is_durable;
    engine_commit(g, &m->op);
}

/* Where it stands in the vendor's queue, by what was accepted before it. Where the vendor calls
 * back, what it did not call about is not done. */
static void stand_in_queue(struct engine *g, struct batch *b)
{
    double unfinished = 0;
    for (unsigned i = 0; i < g->batch_count; i++) {
        const struct batch *o = g->batches[i];
        bool ahead = o != b && (o->state == BATCH_ACCEPTED || o->state == BATCH_WAITING) &&
                     o->accepted_ms <= b->accepted_ms;
        if (ahead)
            unfinished +=
                g->arrivals != NULL ? 1 : slots_unfinished(&g->slots, o->turn_ms, b->waited_ms);
    }
    b->queue_ms = slots_queue_ms(&g->slots, unfinished);
    b->turn_ms = b->waited_ms + b->queue_ms;
}

/* When a record in the vendor's slots or queue is asked for next. */
static int64_t worth_asking_ms(const struct engine *g, const struct batch *b)
{
    return b->waited_ms + (g->arrivals != NULL ? slots_safety_ms(&g->slots, b->queue_ms, b->polls)
                                               : slots_poll_ms(&g->slots, b->queue_ms, b->polls));
}

/* A poll tells, if it is the first, how fast the vendor works. */
static void learn(struct engine *g, const struct batch *b, bool done)
{
    if (g->setup.slots > 0 && g->arrivals == NULL && b->polls == 0)
        slots_learn(&g->slots, done);
}

void fetcher_accepted(struct engine *g, struct batch *b)
{
    const struct operation *op = engine_operation(g, b);
    int64_t now = clock_mono_ms();
    if (op->delivery == DELIVERY_CALLBACK) {
        /* Nothing can be asked for: until the deadline, which began when it was accepted. */
        int64_t waited = clock_wall_ms() - b->accepted_ms;
        b->not_before_ms = now + op->deadline_ms - (waited > 0 ? waited : 0);
    } else if (g->setup.slots > 0) {
        stand_in_queue(g, b);
        b->not_before_ms = worth_asking_ms(g, b);
    } else {
        b->not_before_ms = now + op->poll_first_ms;
    }
}

/* Until when nothing can have come: a vendor's deadline counts from the end of its queue. */
static int64_t deadline_of(const struct operation *op, const struct batch *b)
{
    return op->deadline_ms == 0 ? INT64_MAX : b->waited_ms + b->queue_ms + op->deadline_ms;
}

void fetcher_give_up(struct engine *g, struct batch *b)
{
    const struct operation *op = engine_operation(g, b);
    char text[32];
    clock_format_duration(op->deadline_ms, text);
    snprintf(b->note, sizeof b->note, "accepted, and no result within %s", text);
    if (b->items > 1) /* one by one they would fill the log; the summary counts them */
        log_write(LOG_WARN, "run", "batch %u: %s", b->id, b->note);
    move(g, b, BATCH_IN_DOUBT);
}

/* It is not done: when to ask again, and whether to. */
static void still_pending(struct engine *g, struct batch *b, bool queued)
{
    const struct operation *op = engine_operation(g, b);
    int64_t now = clock_mono_ms(), next;
    learn(g, b, false);
    b->polls++;
    b->turn_ms = now;
    if (queued) {
        b->waited_ms = now;
        b->queue_ms = 0;
        if (g->setup.slots > 0)
            stand_in_queue(g, b);
    }
    if (now >= deadline_of(op, b)) {
        fetcher_give_up(g, b);
        return;
    }
    next = g->setup.slots > 0
               ? worth_asking_ms(g, b)
               : now + batch_poll_pause_ms(b, now, op->poll_first_ms, op->poll_max_ms);
    if (next < now + op->poll_first_ms)
        next = now + op->poll_first_ms;
    if (b->state == BATCH_ACCEPTED)
        move(g, b, BATCH_WAITING);
    b->not_before_ms = next;
}

/* The poll holds the result: it is page 1, durable together with the state. */
static void poll_is_page(struct engine *g, struct fetch *f)
{
    struct batch *b = f->batch;
    learn(g, b, true);
    batch_move(b, BATCH_FETCHING);
    if (!batch_pages_begin(b, 1, 2)) { /* never full: there is no other page */
        engine_stopf(g, ERR_INTERNAL, "no memory for the result of batch %u", b->id);
        return;
    }
    f->page = 1;
    b->busy = true; /* until its answers are durable: a callback may have come as well */
    batch_page_busy(b, 1);
    store(g, f);
}

static void poll_known(struct engine *g, struct fetch *f)
{
    const struct operation *op = f->operation;
    struct batch *b = f->batch;
    b->busy = false;
    if (b->state != BATCH_ACCEPTED && b->state != BATCH_WAITING)
        return; /* a callback was faster */
    if (f->class != REPLY_OK || f->unusable.code != 0) {
        again(g, f, &b->tries, &b->not_before_ms);
        return;
    }
    b->tries = 0;
    if (f->poll.phase == POLL_PENDING) {
        still_pending(g, b, f->poll.queued);
        return;
    }
    if (op->delivery == DELIVERY_POLL) {
        poll_is_page(g, f);
        return;
    }
    b->waited_ms = clock_mono_ms(); /* from here on for callbacks that bring what pages lack */
    b->vendor_failed = f->poll.phase == POLL_FAILED;
    if (b->vendor_failed)
        snprintf(b->note, sizeof b->note, "%s", ENGINE_VENDOR_FAILED);
    if (f->poll.total >= 0)
        b->vendor_items = f->poll.total;
    if (!batch_pages_begin(b, b->vendor_items, op->page_rows)) {
        engine_stopf(g, ERR_INTERNAL, "no memory for the pages of batch %u", b->id);
        return;
    }
    move(g, b, BATCH_FETCHING);
}

/* A page that came whole and as promised: kept as it came before its answers count. */
struct storing {
    struct commit_op op;
    struct engine *engine;
    struct batch *batch;
    uint32_t page;
    long status;
    uint64_t raw_bytes;
    struct buf packed;
    struct hits *hits;
    struct ledger_batch row; /* where its state is new too */
};

static int apply_page(struct commit_op *op, struct ledger *l, struct error *e)
{
    struct storing *s = (struct storing *)op;
    int rc = s->row.id != 0 ? ledger_put_batch(l, &s->row, e) : 0;
    return rc != 0 ? rc
                   : ledger_add_reply(l, s->batch->id, LEDGER_PAGE, s->page, s->status,
                                      s->raw_bytes, buf_slice(&s->packed), e);
}

static void page_is_durable(struct commit_op *op, const struct error *e)
{
    struct storing *s = (struct storing *)op;
    if (engine_committed(s->engine, e)) {
        batch_page_stored(s->batch, s->page);
        scatter_hits(s->engine, s->batch, LEDGER_PAGE, s->page, s->hits);
    } else {
        scatter_free(s->hits);
    }
    buf_deinit(&s->packed);
    free(s);
}

/* Rows that a page should have by the vendor's own count. */
static uint64_t rows_due(const struct batch *b, const struct fetch *f)
{
    const struct page_reply *said = &scatter_said(f->hits)->page;
    int64_t total = said->total >= 0 ? said->total : b->vendor_items;
    int64_t before = (int64_t)(f->page - 1) * b->page_rows;
    int64_t due = total - before;
    return due <= 0 ? 0 : due > b->page_rows ? b->page_rows : (uint64_t)due;
}

/* A page that lacks rows would end paid records as failed: asked for again, a few times. */
static bool short_page(struct batch *b, struct fetch *f)
{
    uint64_t due = rows_due(b, f);
    uint32_t rows = scatter_said(f->hits)->page.rows;
    bool counted = f->operation->omitted == NULL || scatter_said(f->hits)->page.total >= 0;
    if (rows >= due || b->vendor_failed || !counted)
        return false;
    log_write(LOG_WARN, "run", "page %u of batch %u has %u rows and should have %llu", f->page,
              b->id, rows, (unsigned long long)due);
    if (b->short_pages >= ENGINE_SHORT_PAGES_MAX)
        return false;
    b->short_pages++;
    error_set(&f->unusable, ERR_DATA, "a result page lacks rows");
    return true;
}

/* The page after the last one by the vendor's own count may not exist. */
static bool beyond_the_end(const struct batch *b, const struct fetch *f)
{
    return f->class == REPLY_GONE && b->vendor_items >= 0 &&
           (int64_t)(f->page - 1) * b->page_rows >= b->vendor_items;
}

static void page_known(struct engine *g, struct fetch *f)
{
    struct batch *b = f->batch;
    if (beyond_the_end(b, f)) {
        batch_page_done(b, f->page, 0);
        return;
    }
    if (f->class != REPLY_OK || f->unusable.code != 0 || short_page(b, f)) {
        batch_page_again(b, f->page);
        again(g, f, &b->tries, &b->not_before_ms);
        return;
    }
    b->tries = 0;
    store(g, f);
}

/* The page is kept as it came, then scattered. */
static void store(struct engine *g, struct fetch *f)
{
    struct batch *b = f->batch;
    struct storing *s = calloc(1, sizeof *s);
    if (s == NULL)
        abort();
    if (f->kind == FETCH_POLL)
        shape_row(b, &s->row);
    s->engine = g;
    s->batch = b;
    s->page = f->page;
    s->status = f->reply.status;
    s->raw_bytes = f->reply.body.len;
    s->hits = f->hits;
    f->hits = NULL;
    buf_take(&s->packed, &f->packed);
    s->op.apply = apply_page;
    s->op.done = page_is_durable;
    engine_commit(g, &s->op);
}

static void fetch_known(struct work *work)
{
    struct fetch *f = (struct fetch *)((char *)work - offsetof(struct fetch, work));
    struct engine *g = work->engine;
    bool ok = f->class == REPLY_OK || f->class == REPLY_THROTTLED || f->class == REPLY_REFUSED ||
              f->class == REPLY_NOT_APPLIED || f->class == REPLY_GONE;
    if (f->class == REPLY_OK)
        g->trouble[0] = '\0';
    if (f->metered)
        gate_done(&g->gates[RATE_READ], ok, f->sent_ms, clock_mono_ms(), engine_random());
    switch (f->kind) {
    case FETCH_BALANCE:
        balance_known(g, f);
        break;
    case FETCH_POLL:
        poll_known(g, f);
        break;
    case FETCH_PAGE:
        page_known(g, f);
        break;
    }
    fetch_free(f);
}

static void on_fetched(struct client_call *call, struct http_reply *reply)
{
    struct fetch *f = (struct fetch *)call;
    struct buf body = {0};
    buf_take(&body, &reply->body);
    f->reply = *reply;
    f->reply.body = body;
    f->call.transfer = NULL;
    f->work.run = fetch_look;
    f->work.done = fetch_known;
    engine_work(f->engine, &f->work);
}

/* Whether a free request may go now; else when. */
static bool may_read(struct engine *g, int64_t not_before_ms)
{
    int64_t now = clock_mono_ms(), at = gate_ready(&g->gates[RATE_READ], now);
    if (g->stopping)
        return false;
    if (at < not_before_ms)
        at = not_before_ms;
    if (at <= now)
        return true;
    engine_wait(g, at, not_before_ms == at ? "the vendor's work" : "the rate of requests");
    return false;
}

static bool start(struct engine *g, struct fetch *f)
{
    const struct provider *p = g->setup.operation->provider;
    struct error e = {0};
    f->engine = g;
    f->next = g->fetches;
    g->fetches = f;
    f->problem.retry_after_ms = -1;
    f->metered = f->kind != FETCH_BALANCE || !p->balance_unmetered;
    f->call.base_url = g->base_url;
    f->call.key_header = p->key_header;
    f->call.key_prefix = p->key_prefix;
    f->call.headers = g->headers[0] != '\0' ? g->headers : NULL;
    f->call.key = g->key;
    f->call.body_fd = -1;
    f->call.timeout_ms = READ_TIMEOUT_MS;
    f->call.idle_timeout_ms = READ_IDLE_MS;
    f->call.reply_max = ENGINE_REPLY_MAX;
    f->call.done = on_fetched;
    buf_init(&f->packed, ENGINE_REPLY_MAX + 4096);
    f->sent_ms = clock_mono_ms();
    if (f->metered)
        gate_take(&g->gates[RATE_READ], f->sent_ms);
    g->requests++;
    g->retries.requests++;
    if (client_send(g->client, &f->call, &e) == 0)
        return true;
    if (f->metered)
        gate_done(&g->gates[RATE_READ], true, f->sent_ms, clock_mono_ms(), engine_random());
    fetch_free(f);
    engine_stop(g, &e);
    return false;
}

static struct fetch *new_fetch(struct engine *g, enum fetch_kind kind, struct batch *b,
                               uint32_t page)
{
    struct fetch *f = calloc(1, sizeof *f);
    if (f == NULL)
        abort();
    f->operation = b != NULL ? engine_operation(g, b) : g->setup.operation;
    f->balance = (struct balance_reply){.used_today = -1, .limit_today = -1};
    f->kind = kind;
    f->batch = b;
    f->page = page;
    return f;
}

void fetcher_balance(struct engine *g)
{
    if (g->balance_busy || !may_read(g, g->balance_not_before_ms))
        return;
    struct fetch *f = new_fetch(g, FETCH_BALANCE, NULL, 0);
    g->setup.operation->provider->build_balance(&f->call.request);
    g->balance_moved = false;
    g->balance_busy = start(g, f);
}

void fetcher_poll(struct engine *g, struct batch *b, const struct batch_need *need)
{
    /* When it is worth asking is no quota that --max-wait would be about. */
    if (b->tries == 0 && need->not_before_ms > clock_mono_ms()) {
        if (!g->stopping)
            snprintf(g->waiting, sizeof g->waiting, "the vendor's work");
        engine_wake_at(g, need->not_before_ms);
        return;
    }
    if (!may_read(g, need->not_before_ms))
        return;
    struct fetch *f = new_fetch(g, FETCH_POLL, b, 0);
    f->operation->build_poll(f->operation, &f->call.request, b->vendor_id);
    b->busy = start(g, f);
}

bool fetcher_page(struct engine *g, struct batch *b, const struct batch_need *need)
{
    if (!may_read(g, need->not_before_ms))
        return false;
    struct fetch *f = new_fetch(g, FETCH_PAGE, b, need->page);
    f->operation->build_page(f->operation, &f->call.request, b->vendor_id, need->page);
    batch_page_busy(b, need->page);
    if (start(g, f))
        return true;
    batch_page_again(b, need->page);
    return false;
}

/* Why an item of a batch whose results are all in has none. */
static void conclude(struct engine *g, struct batch *b)
{
    const struct operation *op = engine_operation(g, b);
    enum outcome outcome = OUTCOME_FAILED;
    const char *reason = "the vendor's results have no row for it";
    if (b->vendor_failed) {
        reason = ENGINE_VENDOR_FAILED ", and gives no row";
    } else if (b->unnamed > 0) {
        reason = op->calls_back
                     ? "no callback came for it, and the vendor's results do not say whose"
                       " they are"
                     : "the vendor's results do not say whose they are";
    } else if (op->omitted != NULL) {
        outcome = OUTCOME_NOT_FOUND;
        reason = op->omitted;
    }
    scatter_conclude(g, b, outcome, reason, BATCH_DONE);
}

void fetcher_end(struct engine *g, struct batch *b)
{
    const struct operation *op = engine_operation(g, b);
    /* Rows that name nobody: callbacks do, one for each item, and may still be on their way. */
    int64_t until = b->waited_ms + g->setup.doubt_wait_ms;
    if (op->calls_back && b->unnamed > 0 && b->answered < b->items && clock_mono_ms() < until) {
        engine_wait(g, until, "callbacks with the results");
        return;
    }
    /* One record's callback that came twice is nothing to speak of. */
    if (b->unmatched > 0 || (b->repeated > 0 && b->items > 1))
        log_write(LOG_WARN, "run", "batch %u: %u rows belong to none of its records, %u came twice",
                  b->id, b->unmatched, b->repeated);
    if (b->answered == 0 && b->unmatched > 0) {
        /* Somebody's results, not ours: most likely a wrong id was given. Nothing may be concluded.
         */
        snprintf(b->note, sizeof b->note, "the results under %.64s belong to other records",
                 b->vendor_id);
        log_write(LOG_WARN, "run", "batch %u: %s", b->id, b->note);
        b->credits = b->used = -1; /* nor is what they cost ours */
        move(g, b, BATCH_IN_DOUBT);
        return;
    }
    conclude(g, b);
}
