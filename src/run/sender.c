/* Submissions: the arming, the send, and what its end means.
 *
 * Happy path: the body is built and hashed (body.c); gates, credits and disk allow it; the ledger
 * gets SENDING with attempt, hash and the most it can cost, durably; only then the request is
 * started; the reply and ACCEPTED with the vendor's id are one transaction; the body goes. Where the
 * reply holds the results, which cannot be fetched again, it is durable as page 1 before anything
 * reads it.
 *
 * Failure modes, by the provider's classification of how the request ended:
 *   surely not applied     PREPARED again, or SPLIT into smaller ones, or the provider is stopped
 *   may have been applied  IN_DOUBT: never sent again but by evidence or the user's decision
 *   dies before its end    found SENDING at the next start, which makes it IN_DOUBT
 *
 * On the loop's thread. */
#include "run/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "wire/digest.h"

#define UNREACHABLE_MAX  8
#define SUBMIT_IDLE_MS   60000
#define SUBMIT_REPLY_MAX ((size_t)1 << 20)
#define RESULT_REPLY_MAX ((size_t)16 << 20)

struct submission {
    struct client_call call;
    struct commit_op op;
    struct engine *engine;
    struct batch *batch;
    struct submission *next;
    int64_t sent_ms; /* monotonic: when it was armed */
    const char *end; /* for the attempt's row: accepted, not-sent, refused, in-doubt */
    long status;
    uint64_t raw_bytes;
    struct buf packed;      /* the reply, to be kept when accepted */
    enum ledger_reply kept; /* as what */
    struct buf results;     /* the same as it came, where it holds the results */
    int64_t single;         /* NEXT_HALVE: the place of the item that is taken out; -1: halves */
    /* What becomes of the batch once its end is durable. */
    enum { NEXT_NONE, NEXT_HALVE, NEXT_BALANCE, NEXT_FAIL } next_step;
};

static void submission_free(struct submission *s)
{
    struct engine *g = s->engine;
    struct submission **at = &g->submissions;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    if (s->call.body_fd >= 0)
        close(s->call.body_fd);
    buf_deinit(&s->packed);
    buf_deinit(&s->results);
    free(s);
}

void sender_cancel(struct engine *g)
{
    for (struct submission *s = g->submissions; s != NULL; s = s->next)
        if (s->call.transfer != NULL)
            client_cancel(g->client, &s->call);
}

static int apply_end(struct commit_op *op, struct ledger *l, struct error *e)
{
    struct submission *s = queue_owner(op, struct submission, op);
    struct ledger_batch row;
    shape_row(s->batch, &row);
    int rc = ledger_put_batch(l, &row, e);
    if (rc == 0)
        rc = ledger_end_attempt(l, row.id, row.attempt, s->end, row.note, clock_wall_ms(), e);
    if (rc == 0 && s->packed.len > 0)
        rc = ledger_add_reply(l, row.id, s->kept, s->kept == LEDGER_PAGE, s->status, s->raw_bytes,
                              buf_slice(&s->packed), e);
    return rc;
}

static void end_is_durable(struct commit_op *op, const struct error *e)
{
    struct submission *s = queue_owner(op, struct submission, op);
    struct engine *g = s->engine;
    struct batch *b = s->batch;
    if (engine_committed(g, e)) {
        char why[sizeof b->note];
        memcpy(why, b->note, sizeof why);
        b->busy = false;
        if (b->state != BATCH_PREPARED)
            body_drop(g, b);
        if (s->next_step == NEXT_HALVE) {
            body_drop(g, b);
            planner_halve(g, b, s->single, why);
        } else if (s->next_step == NEXT_BALANCE) {
            body_drop(g, b);
            planner_release(g, b, why);
        } else if (s->next_step == NEXT_FAIL) {
            body_drop(g, b);
            b->credits = 0;
            scatter_conclude(g, b, OUTCOME_FAILED, why, BATCH_FAILED);
        } else if (s->kept == LEDGER_PAGE) {
            batch_page_stored(b, 1);
            scatter_stored(g, b, LEDGER_PAGE, 1, &s->results);
        }
    }
    submission_free(s);
}

static void keep_reply(struct submission *s, const struct http_reply *reply)
{
    struct error e = {0};
    s->status = reply->status;
    s->raw_bytes = reply->body.len;
    if (reply->body.len > 0 && frame_pack(buf_slice(&reply->body), &s->packed, &e) != 0)
        buf_reset(&s->packed); /* only without memory; the id in the batch's row is what counts */
}

/* How a request ended, in one sentence: with the vendor's words, and without them. */
struct cause {
    char full[256], shown[256];
};

static void describe(const struct http_reply *reply, const struct problem *problem,
                     struct cause *out)
{
    if (reply->end == HTTP_REPLY)
        snprintf(out->shown, sizeof out->shown, "HTTP %ld", reply->status);
    else
        snprintf(out->shown, sizeof out->shown, "%s",
                 reply->problem[0] != '\0' ? reply->problem : "the request was given up");
    if (reply->end == HTTP_REPLY && problem->text[0] != '\0')
        snprintf(out->full, sizeof out->full, "HTTP %ld: %.200s", reply->status, problem->text);
    else
        memcpy(out->full, out->shown, sizeof out->full);
}

/* cause: with the vendor's words, for the ledger; shown: without, for the log. */
static void doubt(struct submission *s, const char *cause, const char *shown)
{
    s->end = "in-doubt";
    batch_move(s->batch, BATCH_IN_DOUBT);
    snprintf(s->batch->note, sizeof s->batch->note, "%s", cause);
    log_write(LOG_WARN, "run", "batch %u (%u items, at most %lld credits) is in doubt: %s",
              s->batch->id, s->batch->items, (long long)s->batch->cost_max, shown);
}

static void accepted(struct engine *g, struct submission *s)
{
    struct batch *b = s->batch;
    s->end = "accepted";
    batch_move(b, BATCH_ACCEPTED);
    b->accepted_ms = clock_wall_ms();
    b->waited_ms = clock_mono_ms();
    b->polls = 0;
    b->note[0] = '\0';
    g->unreachable = 0;
    g->trouble[0] = '\0';
    g->short_of_credits = g->throttled_row = g->doubts_row = g->refused_row = 0;
}

static void is_accepted(struct engine *g, struct submission *s, const struct submit_reply *said,
                        const struct http_reply *reply)
{
    struct batch *b = s->batch;
    keep_reply(s, reply);
    accepted(g, s);
    memcpy(b->vendor_id, said->id, sizeof b->vendor_id);
    b->vendor_items = said->items;
    fetcher_accepted(g, b);
    if (said->finished)
        b->not_before_ms = b->waited_ms;
    if (said->reserved > b->cost_max)
        b->cost_max = said->reserved;
    /* Only upwards: a price that is lower than known would let more go than the cap allows if it
     * were wrong. */
    if (said->price > g->price && said->price <= ENGINE_PRICE_MAX) {
        log_write(LOG_WARN, "run", "%s charges %lld credits an item, not %lld; counting with that",
                  g->setup.operation->provider->title, (long long)said->price, (long long)g->price);
        g->price = said->price;
    }
    if (said->balance >= 0)
        fetcher_balance_is(g, said->balance, false);
    if (b->items > 1) /* one by one they would fill the log */
        log_write(LOG_INFO, "run", "batch %u: %u items accepted as %s", b->id, b->items,
                  b->vendor_id);
}

/* The reply holds the results, and nobody will give them again: kept as it came, then read. */
static void has_results(struct engine *g, struct submission *s, struct http_reply *reply)
{
    struct batch *b = s->batch;
    keep_reply(s, reply);
    if (s->packed.len == 0) {
        doubt(s, "there is no memory to keep its reply", "there is no memory to keep its reply");
        return;
    }
    s->kept = LEDGER_PAGE;
    buf_take(&s->results, &reply->body);
    accepted(g, s);
    batch_move(b, BATCH_FETCHING);
    if (!batch_pages_begin(b, b->items, b->items + 1)) /* never full: there is no other page */
        engine_stopf(g, ERR_INTERNAL, "no memory for the results of batch %u", b->id);
}

/* A refusal of the account is said in the vendor's words. One of the items may name people, who
 * belong neither into logs nor onto the page: its words are in a file of the run directory. */
static void stop_for(struct engine *g, int code, const struct batch *b, const struct cause *c)
{
    const char *title = g->setup.operation->provider->title;
    if (code == ERR_REFUSED || strcmp(c->full, c->shown) == 0) {
        engine_stopf(g, code, "%s refused batch %u: %s", title, b->id, c->full);
        return;
    }
    struct error e = {0};
    char *path = file_join(g->dir, "refusal.txt");
    if (file_replace(path, slice_of(c->full), true, &e) != 0)
        log_write(LOG_WARN, "run", "%s", e.message);
    engine_stopf(g, code, "%s refused batch %u: %s; what it said is in %s", title, b->id, c->shown,
                 path);
    free(path);
}

/* Splits of the batch that this one comes from; counted so that a vendor that refuses everything is
 * not asked item by item. */
static struct family *family_of(struct engine *g, const struct batch *b)
{
    uint32_t root = b->root != 0 ? b->root : b->id;
    for (unsigned i = 0; i < g->family_count; i++)
        if (g->families[i].root == root)
            return &g->families[i];
    struct family *more = realloc(g->families, (g->family_count + 1) * sizeof *more);
    if (more == NULL)
        abort();
    g->families = more;
    g->families[g->family_count] = (struct family){.root = root};
    return &g->families[g->family_count++];
}

/* A refusal that is an item's fault: where the vendor names the item, it is taken out; else halves
 * tell, unless both halves are refused alike. */
static void bad_items(struct engine *g, struct submission *s, const struct problem *problem,
                      const struct cause *cause)
{
    const struct operation *op = g->setup.operation;
    struct batch *b = s->batch;
    struct family *f = family_of(g, b);
    unsigned most = 4;
    for (uint32_t n = g->setup.batch_items; n > 1; n /= 2)
        most += 4;
    batch_move(b, BATCH_PREPARED);
    if (b->items == 1) {
        /* One by one, a vendor that refuses everything would end the whole list as failed. */
        if (++g->refused_row > ENGINE_REFUSED_MAX) {
            stop_for(g, ERR_UNAVAILABLE, b, cause);
            return;
        }
        s->next_step = NEXT_FAIL;
        return;
    }
    s->single = op->bad_item != NULL ? op->bad_item(problem) : -1;
    if (s->single >= 0 && s->single < b->items && f->named < ENGINE_NAMED_MAX) {
        f->named++;
        s->next_step = NEXT_HALVE;
        return;
    }
    s->single = -1;
    bool alike = b->parent != 0 && b->parent == g->refused_parent &&
                 strncmp(cause->full, g->refused_cause, 100) == 0;
    if (alike || f->splits >= most) {
        stop_for(g, ERR_UNAVAILABLE, b, cause);
        return;
    }
    f->splits++;
    g->refused_parent = b->parent;
    snprintf(g->refused_cause, sizeof g->refused_cause, "%.100s", cause->full);
    s->next_step = NEXT_HALVE;
}

static void not_applied(struct engine *g, struct submission *s, enum reply_class class,
                        const struct http_reply *reply, const struct problem *problem,
                        const struct cause *cause)
{
    struct batch *b = s->batch;
    int64_t now = clock_mono_ms();
    s->end = "refused";
    g->doubts_row = 0;
    if (class != REPLY_BAD_ITEMS)
        g->refused_row = 0;
    snprintf(b->note, sizeof b->note, "%s", cause->full);
    if (class == REPLY_BAD_ITEMS) {
        bad_items(g, s, problem, cause);
        return;
    }
    batch_move(b, BATCH_PREPARED);
    if (class == REPLY_RETRY) {
        s->end = "not-sent";
        /* Several under way at once fail together: that is one try. */
        if (s->sent_ms >= g->unreachable_until_ms)
            g->unreachable_until_ms = now + backoff_pause_ms(++g->unreachable, engine_random());
        b->not_before_ms = g->unreachable_until_ms;
        engine_trouble(g, "submission", cause->shown);
        if (g->unreachable > UNREACHABLE_MAX)
            engine_stopf(g, ERR_UNAVAILABLE, "%s cannot be reached: %s",
                         g->setup.operation->provider->title, cause->shown);
    } else if (class == REPLY_THROTTLED) {
        int64_t pause = reply->hints.retry_after_ms >= 0 ? reply->hints.retry_after_ms
                                                         : problem->retry_after_ms;
        g->throttled++;
        /* It may be the day's end and not the minute's: the balance tells. */
        if (pause < 0 && g->day_known)
            g->balance = -1;
        /* However little it asks for: each try is a whole body, and a row in the ledger. */
        int64_t least = BACKOFF_BASE_MS << (g->throttled_row < 6 ? g->throttled_row : 6);
        least = least / g->setup.clock_speed + 1;
        /* Several under way at once are told together: that is once. */
        if (s->sent_ms >= g->throttled_ms) {
            g->throttled_row++;
            g->throttled_ms = now;
        }
        if (pause < least)
            pause = least;
        engine_pause(g, RATE_SUBMIT, now + pause);
    } else if (class == REPLY_TOO_LARGE) {
        if (g->items_cap == 0 || g->items_cap > (b->items + 1) / 2)
            g->items_cap = (b->items + 1) / 2;
        s->next_step = b->items > 1 ? NEXT_HALVE : NEXT_FAIL;
    } else if (class == REPLY_NO_CREDITS) {
        s->next_step = NEXT_BALANCE;
        if (g->setup.operation->provider->build_balance == NULL)
            engine_stopf(g, ERR_STOPPED,
                         "out of credits: %s. Buy credits and resume, or end what was not sent:"
                         " tranche resolve %s --finish",
                         cause->full, g->dir);
        /* Of several under way at once all may be refused for one lack. */
        if (g->balance >= 0)
            g->short_of_credits++;
        g->balance = -1;
        if (g->short_of_credits > 2)
            engine_stopf(g, ERR_STOPPED, "out of credits: %s", cause->full);
    } else if (class == REPLY_REFUSED) {
        stop_for(g, ERR_REFUSED, b, cause);
    } else {
        stop_for(g, ERR_UNAVAILABLE, b, cause);
    }
}

static void learn_limits(struct engine *g, struct json_value root)
{
    const struct provider *p = g->setup.operation->provider;
    struct rate_limit limits[RATE_LIMITS_MAX];
    unsigned count = p->parse_limits != NULL ? p->parse_limits(root, limits) : 0;
    if (count == 0 || g->settings->rate != NULL)
        return; /* what the user says rules */
    for (unsigned i = 0; i < count; i++)
        limits[i].per_ms = limits[i].per_ms / g->setup.clock_speed + 1;
    const struct rate_limit *own = g->setup.operation->limits;
    for (unsigned i = 0; i < RATE_LIMITS_MAX && own[i].count > 0 && count < RATE_LIMITS_MAX; i++)
        limits[count++] = own[i];
    engine_limits(g, limits, count);
}

static void on_submitted(struct client_call *call, struct http_reply *reply)
{
    struct submission *s = (struct submission *)call;
    struct engine *g = s->engine;
    const struct operation *op = engine_operation(g, s->batch);
    struct json *j = json_create(ENGINE_JSON_DEPTH);
    struct json_value root;
    struct error e = {0};
    struct problem problem = {.retry_after_ms = -1};
    struct submit_reply said = {.items = -1, .reserved = -1, .price = -1, .balance = -1};
    struct cause cause;
    if (j == NULL)
        abort();
    bool results = op->delivery == DELIVERY_REPLY && reply->end == HTTP_REPLY &&
                   reply->status >= 200 && reply->status < 300 && reply->body.len > 0;
    bool whole = !results && reply->end == HTTP_REPLY &&
                 json_parse(j, buf_slice(&reply->body), &root, &e) == 0;
    if (reply->end == HTTP_REPLY && reply->status >= 300)
        problem_parse(&problem, j, buf_slice(&reply->body));
    enum reply_class class =
        results ? REPLY_OK : op->classify(reply, true, whole ? &root : NULL, &problem);
    if (class == REPLY_THROTTLED && whole)
        learn_limits(g, root);
    describe(reply, &problem, &cause);
    gate_done(&g->gates[RATE_SUBMIT], class != REPLY_DOUBT && class != REPLY_RETRY, s->sent_ms,
              clock_mono_ms(), engine_random());
    if (results) {
        has_results(g, s, reply);
    } else if (class == REPLY_OK && op->parse_submit(op, root, &said, &e) == 0) {
        is_accepted(g, s, &said, reply);
    } else if (class == REPLY_OK || class == REPLY_DOUBT) {
        g->failures++;
        if (reply->end == HTTP_REPLY && reply->status < 300)
            snprintf(cause.full, sizeof cause.full,
                     "HTTP %ld with a reply that cannot be used: %.150s", reply->status,
                     e.code != 0 ? e.message : "it is empty");
        doubt(s, cause.full, cause.shown);
        keep_reply(s, reply); /* the only evidence there may be */
        if (++g->doubts_row >= ENGINE_DOUBTS_MAX)
            engine_stopf(g, ERR_UNAVAILABLE, "%u submissions in a row ended in doubt, the last: %s",
                         g->doubts_row, cause.shown);
    } else {
        g->failures += class != REPLY_THROTTLED;
        not_applied(g, s, class, reply, &problem, &cause);
    }
    json_destroy(j);
    s->call.transfer = NULL;
    s->op.apply = apply_end;
    s->op.done = end_is_durable;
    engine_commit(g, &s->op);
}

/* The arming is durable: now the first byte may leave. */
static void armed(struct commit_op *op, const struct error *e)
{
    struct submission *s = queue_owner(op, struct submission, op);
    struct engine *g = s->engine;
    struct error cannot = {0};
    if (!engine_committed(g, e)) {
        submission_free(s);
        return;
    }
    if (g->stopping)
        error_set(&cannot, ERR_STOPPED, "the run was stopped before it was sent");
    else if (client_send(g->client, &s->call, &cannot) == 0) {
        g->requests++;
        g->retries.requests++;
        return;
    }
    /* It could not even be started: surely not applied. */
    batch_move(s->batch, BATCH_PREPARED);
    gate_done(&g->gates[RATE_SUBMIT], true, s->sent_ms, clock_mono_ms(), engine_random());
    snprintf(s->batch->note, sizeof s->batch->note, "%.200s", cannot.message);
    s->end = "not-sent";
    s->op.apply = apply_end;
    s->op.done = end_is_durable;
    engine_commit(g, &s->op);
    engine_stop(g, &cannot);
}

static int apply_arm(struct commit_op *op, struct ledger *l, struct error *e)
{
    struct submission *s = queue_owner(op, struct submission, op);
    struct ledger_batch row;
    shape_row(s->batch, &row);
    int rc = ledger_put_batch(l, &row, e);
    return rc != 0 ? rc : ledger_add_attempt(l, &row, e);
}

static void arm(struct engine *g, struct batch *b, int fd)
{
    const struct operation *op = engine_operation(g, b);
    struct submission *s = calloc(1, sizeof *s);
    if (s == NULL)
        abort();
    s->engine = g;
    s->batch = b;
    s->next = g->submissions;
    g->submissions = s;
    size_t reply_max = op->delivery == DELIVERY_REPLY ? RESULT_REPLY_MAX : SUBMIT_REPLY_MAX;
    buf_init(&s->packed, reply_max + 4096);
    s->kept = LEDGER_SUBMIT;
    op->build_submit(op, &s->call.request);
    if (op->query) {
        size_t len = strlen(s->call.request.path);
        snprintf(s->call.request.path + len, sizeof s->call.request.path - len, "%s", b->body);
    } else {
        s->call.request.has_body = true;
        s->call.request.body_len = b->body_bytes;
        s->call.body = (struct slice){b->body, b->body_bytes};
    }
    s->call.base_url = g->base_url;
    s->call.key_header = op->provider->key_header;
    s->call.key_prefix = op->provider->key_prefix;
    s->call.key = g->key;
    s->call.headers = g->headers[0] != '\0' ? g->headers : NULL;
    s->call.body_fd = fd;
    s->call.paid = true;
    s->call.timeout_ms = g->setup.timeout_ms;
    /* A vendor that does the work before it answers is silent meanwhile. */
    s->call.idle_timeout_ms = op->delivery == DELIVERY_REPLY ? 0 : SUBMIT_IDLE_MS;
    s->call.reply_max = reply_max;
    s->call.done = on_submitted;
    s->single = -1;
    s->sent_ms = clock_mono_ms();
    gate_take(&g->gates[RATE_SUBMIT], s->sent_ms);
    b->attempt++;
    b->cost_max = (int64_t)b->items * g->price;
    b->armed_ms = clock_wall_ms();
    b->busy = true;
    b->note[0] = '\0';
    batch_move(b, BATCH_SENDING);
    if (g->balance >= 0)
        g->balance -= b->cost_max < g->balance ? b->cost_max : g->balance;
    g->balance_fresh = false;
    s->op.apply = apply_arm;
    s->op.done = armed;
    engine_commit(g, &s->op);
}

/* Submissions on their way, and what the vendor works on. */
static unsigned sender_flight(const struct engine *g)
{
    unsigned flight = 0;
    for (unsigned i = 0; i < g->batch_count; i++) {
        enum batch_state s = g->batches[i]->state;
        flight += s == BATCH_SENDING || s == BATCH_ACCEPTED || s == BATCH_WAITING;
    }
    return flight;
}

/* No paid request without room for the worst that its replies can take. */
static bool disk_allows(struct engine *g, const struct batch *b)
{
    uint64_t items = b->items;
    for (unsigned i = 0; i < g->batch_count; i++)
        if (g->batches[i] != b && batch_owes(g->batches[i]->state))
            items += g->batches[i]->items - g->batches[i]->answered;
    uint64_t worst = items * engine_operation(g, b)->answer_bytes_max;
    uint64_t space = file_space(g->dir);
    if (space >= worst + ENGINE_DISK_RESERVE)
        return true;
    engine_stopf(g, ERR_IO,
                 "the disk of %s has %llu MB left and the replies to batch %u may take %llu MB;"
                 " nothing was sent: make room, or use --batch-size",
                 g->dir, (unsigned long long)(space >> 20), b->id,
                 (unsigned long long)((worst + ENGINE_DISK_RESERVE) >> 20));
    return false;
}

void sender_pump(struct engine *g, struct batch *b, const struct batch_need *need)
{
    int64_t now = clock_mono_ms();
    const char *why;
    if (g->stopping || !arrivals_ready(g))
        return;
    if (need->want == BATCH_WANTS_SUBMIT) {
        int64_t at = gate_ready(&g->gates[RATE_SUBMIT], now);
        if (at < need->not_before_ms)
            at = need->not_before_ms;
        if (at > now) {
            engine_wait(g, at, "the rate of submissions");
            return;
        }
    }
    /* A batch that an earlier process cut: what it may cost is held against the balance of today.
     */
    if (g->balance < 0 && g->setup.operation->provider->build_balance != NULL) {
        fetcher_balance(g);
        if (need->want == BATCH_WANTS_SUBMIT)
            return;
    }
    if (b->items > planner_most(g, b, &why)) {
        /* Limits were lowered since it was cut, or the balance was spent elsewhere. */
        body_drop(g, b);
        planner_release(g, b, "the limits are lower than when it was cut");
        return;
    }
    if (need->want == BATCH_WANTS_BODY) {
        if (g->bodies < ENGINE_BODIES_MAX && disk_allows(g, b))
            body_make(g, b);
        return;
    }
    if (sender_flight(g) >= g->setup.live_max)
        return; /* the vendor has as much as it takes; an end will poke */
    struct error e = {0};
    int fd = b->body == NULL ? body_open(g, b, &e) : -1;
    if (fd < 0 && b->body == NULL) {
        engine_stop(g, &e);
        return;
    }
    if (disk_allows(g, b))
        arm(g, b, fd);
    else if (fd >= 0)
        close(fd);
}
