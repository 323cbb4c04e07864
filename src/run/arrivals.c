/* Callbacks: from the listener or the spool to answers.
 *
 * Happy path: an authentic callback names a batch; its body is durable as a reply before it is
 * acknowledged; when the batch is ready for it (its own submission has ended, nothing else of it is
 * under way) the body is read on the pool, and then it is a result, a hint to poll, or an event.
 * Callbacks may come early, late, twice and in any order: the first result counts.
 *
 * Failure modes:
 *  - it cannot be kept: 503, and the vendor sends it again;
 *  - of an attempt that was decided otherwise, or another one than that which ended the batch where
 *    nothing but callbacks brings results: kept as a stray one, said, counted, and never used;
 *  - for a batch in doubt it is evidence: a decision row, and the batch goes on. When its records
 *    are published as in doubt already, it is kept, and the next resume takes it up;
 *  - dies before it is durable: it was not acknowledged. After: read at the next start.
 *
 * On the loop's thread. */
#include "run/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "report/metrics.h"
#include "run/callbacks.h"
#include "run/inbox.h"
#include "run/key.h"

/* Callbacks kept of a batch beside one or two for each item: more say nothing new. */
#define KEPT_MORE 16
/* How often the spool is looked at. */
#define SPOOL_MS 500
/* The address is tried so long before submissions may go. */
#define PING_TIMEOUT_MS 20000

/* A callback that is durable and waits to be read. */
struct arrival {
    struct arrival *next;
    uint32_t batch, number;
    struct buf body;
};

struct arrivals {
    struct callbacks *listener; /* NULL: the spool alone */
    struct inbox *inbox;        /* of the spool; NULL: none */
    uv_timer_t spool_timer;
    unsigned spooled;         /* callbacks taken from the spool that are not durable here yet */
    struct inbox_place known; /* what is before it, the spool need not keep */
    bool more;                /* the spool has some that could not be taken when it was looked at */
    bool looked;              /* it was read to its end once */
    struct arrival *first, **last;
    unsigned count;                /* of them, and of those on their way into the ledger */
    uint64_t accepted, duplicates; /* durable; known already, so that nothing was kept */
    bool reachable;                /* the address leads here */
    bool closed;
    struct {
        struct client_call call;
        bool busy;
        char text[TOKEN_TEXT_LEN + 1], answer[DIGEST_HEX_LEN + 1];
    } ping;
};

/* --- taking one ------------------------------------------------------------------------------ */

struct keeping {
    struct commit_op op;
    struct engine *engine;
    struct callback *callback; /* to be acknowledged; NULL: of the spool */
    uint32_t batch, number;
    enum ledger_reply kind; /* 0: already known, nothing is kept */
    bool answered;          /* a stray one: its batch has its results */
    struct buf body, packed;
};

static void keeping_free(struct keeping *k)
{
    buf_deinit(&k->body);
    buf_deinit(&k->packed);
    free(k);
}

/* Of a batch that has ended only one that was decided about has something to learn, or one whose
 * results cannot be had another way. */
static int ended_otherwise(struct keeping *k, struct ledger *l, struct error *e)
{
    struct ledger_batch row;
    int rc = ledger_find_batch(l, k->batch, &row, e);
    if (rc != 1)
        return rc < 0 ? rc : 0;
    int state = machine_find(&batch_machine, row.state);
    k->answered = state == BATCH_FETCHING || state == BATCH_DONE;
    if (state == BATCH_DONE && k->engine->setup.operation->delivery != DELIVERY_CALLBACK)
        k->kind = 0;
    return 0;
}

/* What is kept of its batch already. */
struct kept {
    const struct keeping *one;
    uint32_t strays;
    bool same; /* these very bytes */
};

static int compare_kept(void *arg, const struct ledger_reply_row *r, struct error *e)
{
    struct kept *kept = arg;
    (void)e;
    kept->strays += r->kind == LEDGER_STRAY;
    if (r->kind == LEDGER_STRAY || r->kind == LEDGER_CALLBACK)
        kept->same |= slice_eq(r->zstd, buf_slice(&kept->one->packed));
    return 0;
}

/* A stray one: kept unless it is known, and counted for tranche status. */
static int place_stray(struct keeping *k, struct ledger *l, struct error *e)
{
    struct kept kept = {.one = k};
    int64_t strays = 0;
    int rc = ended_otherwise(k, l, e);
    if (rc == 0 && k->kind != 0)
        rc = ledger_each_reply(l, k->batch, true, compare_kept, &kept, e);
    if (kept.same || kept.strays >= KEPT_MORE)
        k->kind = 0;
    if (rc != 0 || k->kind == 0)
        return rc;
    k->number = kept.strays + 1;
    rc = ledger_get_i64(l, LEDGER_KEY_STRAYS, &strays, e);
    return rc < 0 ? rc : ledger_set_i64(l, LEDGER_KEY_STRAYS, strays + 1, e);
}

static int apply_keep(struct commit_op *op, struct ledger *l, struct error *e)
{
    struct keeping *k = (struct keeping *)op;
    int rc = k->kind == LEDGER_STRAY ? place_stray(k, l, e) : 0;
    return rc != 0 || k->kind == 0 ? rc
                                   : ledger_add_reply(l, k->batch, k->kind, k->number, 200,
                                                      k->body.len, buf_slice(&k->packed), e);
}

static void add_arrival(struct engine *g, uint32_t batch, uint32_t number, struct buf *body)
{
    struct arrivals *a = g->arrivals;
    struct arrival *new = calloc(1, sizeof *new);
    if (new == NULL)
        abort();
    new->batch = batch;
    new->number = number;
    buf_take(&new->body, body);
    *a->last = new;
    a->last = &new->next;
}

static void is_kept(struct commit_op *op, const struct error *e)
{
    struct keeping *k = (struct keeping *)op;
    struct engine *g = k->engine;
    struct arrivals *a = g->arrivals;
    a->count--;
    if (engine_committed(g, e)) {
        if (k->callback != NULL)
            callbacks_ack(k->callback);
        else
            a->spooled--;
        a->accepted++;
        a->duplicates += k->kind == 0;
        if (k->kind == LEDGER_CALLBACK) {
            a->count++;
            add_arrival(g, k->batch, k->number, &k->body);
        } else if (k->kind == LEDGER_STRAY) {
            g->strays++;
            log_write(LOG_WARN, "run",
                      "a callback for batch %u came after it %s: kept, not used (tranche status"
                      " counts them)",
                      k->batch,
                      k->answered ? "had its result, and differs" : "was decided otherwise");
        }
    }
    keeping_free(k);
}

/* What is to be done with it: kept for its batch, as a stray one, or nothing (it is known). */
static enum ledger_reply destiny(struct engine *g, const struct token *t, struct batch *b)
{
    char text[TOKEN_TEXT_LEN + 1];
    const struct operation *op = g->setup.operation;
    if (b == NULL || b->state == BATCH_PREPARED)
        return LEDGER_STRAY;
    token_make(g->secret.key, op->provider->name, t, text);
    if (strcmp(text, b->token) != 0)
        return LEDGER_STRAY;
    bool answered = b->answered == b->items && b->state != BATCH_IN_DOUBT;
    if (answered)
        return op->delivery == DELIVERY_CALLBACK ? LEDGER_STRAY : 0;
    return b->callbacks >= 2 * b->items + KEPT_MORE ? 0 : LEDGER_CALLBACK;
}

/* False when it cannot be taken now. */
static bool take(struct engine *g, const struct token *t, struct slice body, struct callback *c)
{
    struct arrivals *a = g->arrivals;
    struct error e = {0};
    struct batch *b = engine_batch(g, t->batch);
    if (a->count >= ENGINE_ARRIVALS_MAX || t->batch > g->batch_last_id || t->batch == 0)
        return false;
    struct keeping *k = calloc(1, sizeof *k);
    if (k == NULL)
        abort();
    k->engine = g;
    k->callback = c;
    k->batch = t->batch;
    k->kind = destiny(g, t, b);
    buf_init(&k->body, CALLBACKS_BODY_MAX);
    buf_init(&k->packed, CALLBACKS_BODY_MAX + 4096);
    buf_append(&k->body, body.data, body.len);
    if (k->body.failed || (body.len > 0 && frame_pack(body, &k->packed, &e) != 0)) {
        keeping_free(k);
        return false;
    }
    if (k->kind == LEDGER_CALLBACK)
        k->number = ++b->callbacks;
    a->spooled += c == NULL;
    a->count++;
    k->op.apply = apply_keep;
    k->op.done = is_kept;
    engine_commit(g, &k->op);
    return true;
}

static void on_callback(void *arg, struct callback *c)
{
    struct engine *g = arg;
    if (c->test)
        callbacks_ack(c);
    else if (g->abandoned || g->commit == NULL || !take(g, &c->token, c->body, c))
        callbacks_fail(c);
}

static int on_spooled(void *arg, const struct segment_entry *entry)
{
    struct engine *g = arg;
    const struct token *t = &entry->token;
    bool ours = slice_eq(entry->provider, slice_of(g->setup.operation->provider->name));
    if (ours && (t->batch == 0 || t->batch > g->batch_last_id)) {
        log_write(LOG_WARN, "run", "the spool has a callback for batch %u, which there is not",
                  t->batch);
        return 0; /* it must not stand in the way of the others */
    }
    g->arrivals->more = ours && !take(g, t, entry->body, NULL);
    return g->arrivals->more; /* 1: enough for now */
}

/* What was taken is durable here: the spool is told. */
static int tell_spool(struct arrivals *a, struct error *e)
{
    struct inbox_place place = inbox_place(a->inbox);
    int rc = 0;
    if (place.segment != a->known.segment || place.offset != a->known.offset)
        rc = inbox_done(a->inbox, place, e);
    a->known = place;
    return rc;
}

static void on_spool(uv_timer_t *timer)
{
    struct engine *g = timer->data;
    struct arrivals *a = g->arrivals;
    struct error e = {0};
    if (g->commit == NULL || a->spooled > 0)
        return;
    int rc = tell_spool(a, &e);
    a->more = false;
    if (rc == 0)
        rc = inbox_take(a->inbox, on_spooled, g, &e);
    if (rc != 0 && e.code != 0)
        engine_stop(g, &e);
    if (rc == 0 && !a->more && !a->looked) {
        a->looked = true;
        engine_poke(g);
    }
}

bool arrivals_behind(struct engine *g)
{
    const struct arrivals *a = g->arrivals;
    if (a == NULL)
        return false;
    unsigned coming = a->count;
    /* For a batch that is not sent again yet nothing is read before that. */
    for (const struct arrival *i = a->first; i != NULL; i = i->next) {
        const struct batch *b = engine_batch(g, i->batch);
        coming -= b != NULL && b->state == BATCH_PREPARED;
    }
    if ((a->inbox == NULL || a->looked) && a->spooled == 0 && coming == 0)
        return false;
    snprintf(g->waiting, sizeof g->waiting, "callbacks that are here to be read");
    engine_wake_at(g, clock_mono_ms() + SPOOL_MS);
    return true;
}

/* --- reading one ----------------------------------------------------------------------------- */

/* What a callback without answers means, on its way into the ledger. */
struct noting {
    struct commit_op op;
    struct engine *engine;
    struct batch *batch;
    uint32_t number; /* to be marked; 0: its answers will be */
    bool evidence;   /* the batch leaves doubt */
    struct ledger_batch row;
};

static int apply_note(struct commit_op *op, struct ledger *l, struct error *e)
{
    struct noting *n = (struct noting *)op;
    int rc = 0;
    if (n->evidence)
        rc = ledger_add_decision(l, n->row.id, "sent", n->row.vendor_id, "evidence",
                                 clock_wall_ms(), e);
    if (rc == 0 && n->number != 0)
        rc = ledger_mark_scattered(l, n->row.id, LEDGER_CALLBACK, n->number, e);
    return rc == 0 ? ledger_put_batch(l, &n->row, e) : rc;
}

static void is_noted(struct commit_op *op, const struct error *e)
{
    struct noting *n = (struct noting *)op;
    if (engine_committed(n->engine, e) && n->number != 0)
        n->batch->busy = false;
    free(n);
}

static void note(struct engine *g, struct batch *b, uint32_t number, bool evidence)
{
    struct noting *n = calloc(1, sizeof *n);
    if (n == NULL)
        abort();
    n->engine = g;
    n->batch = b;
    n->number = number;
    n->evidence = evidence;
    shape_row(b, &n->row);
    n->op.apply = apply_note;
    n->op.done = is_noted;
    engine_commit(g, &n->op);
}

/* A batch in doubt was applied: the callback proves it. */
static bool proves(struct engine *g, struct batch *b, const struct callback_reply *said)
{
    if (said->id[0] != '\0' && b->vendor_id[0] == '\0')
        memcpy(b->vendor_id, said->id, sizeof b->vendor_id);
    if (b->state != BATCH_IN_DOUBT)
        return false;
    log_write(LOG_INFO, "run", "batch %u is not in doubt any more: its callback came", b->id);
    batch_move(b, BATCH_ACCEPTED);
    b->note[0] = '\0';
    b->accepted_ms = clock_wall_ms();
    b->waited_ms = clock_mono_ms();
    fetcher_accepted(g, b);
    return true;
}

void arrivals_read(struct engine *g, struct batch *b, uint32_t number, struct hits *h,
                   const struct error *e)
{
    const struct operation *op = engine_operation(g, b);
    if (h == NULL) {
        log_write(LOG_WARN, "run", "callback %u of batch %u cannot be read: %s", number, b->id,
                  e->message);
        note(g, b, number, false);
        return;
    }
    const struct callback_reply *said = scatter_said(h);
    bool news = said->kind == CALLBACK_RESULT || said->kind == CALLBACK_PROGRESS;
    bool evidence = news && proves(g, b, said);
    if (said->kind != CALLBACK_RESULT) {
        if (news)
            b->not_before_ms = clock_mono_ms();
        scatter_free(h);
        note(g, b, number, evidence);
        return;
    }
    if (evidence)
        note(g, b, 0, true);
    b->waited_ms = clock_mono_ms();
    if (op->items_max == 1 && (b->state == BATCH_ACCEPTED || b->state == BATCH_WAITING)) {
        batch_move(b, BATCH_FETCHING);
        b->page_count = b->pages_done = 0; /* there is none to fetch */
    }
    scatter_hits(g, b, LEDGER_CALLBACK, number, h);
}

void arrivals_again(struct engine *g, const struct batch *b, uint32_t number, struct buf *body)
{
    g->arrivals->count++;
    add_arrival(g, b->id, number, body);
}

void arrivals_pump(struct engine *g)
{
    struct arrivals *a = g->arrivals;
    if (a == NULL)
        return;
    a->last = &a->first;
    for (struct arrival *i; (i = *a->last) != NULL;) {
        struct batch *b = engine_batch(g, i->batch);
        bool gone = b == NULL || (b->state == BATCH_IN_DOUBT && b->settled);
        if (!gone && (b->busy || b->state == BATCH_PREPARED || b->state == BATCH_SENDING)) {
            a->last = &i->next;
            continue;
        }
        *a->last = i->next;
        a->count--;
        if (!gone) {
            b->busy = true;
            scatter_stored(g, b, LEDGER_CALLBACK, i->number, &i->body);
        }
        buf_deinit(&i->body);
        free(i);
    }
}

/* --- the address ----------------------------------------------------------------------------- */

void arrivals_address(const struct engine *g, const char *token, char *text, size_t size)
{
    if (!g->setup.called || g->arrivals == NULL)
        text[0] = '\0';
    else
        snprintf(text, size, "%s/callbacks/%s/%s", g->callback_url,
                 g->setup.operation->provider->name, token);
}

void arrivals_measure(const struct engine *g, struct metrics *m)
{
    const struct arrivals *a = g->arrivals;
    struct callbacks_counts counts = {0};

    if (a == NULL)
        return;
    if (a->listener != NULL)
        callbacks_counts(a->listener, &counts);
    m->has_callbacks = true;
    m->callbacks_accepted = a->accepted;
    m->callbacks_duplicate = a->duplicates;
    m->callbacks_pending = a->count;
    m->callbacks_failed = counts.failed;
    m->callbacks_oversized = counts.oversized;
    for (unsigned i = 0; i < CALLBACKS_REFUSALS_COUNT && i < METRICS_REASONS; i++) {
        m->reasons[i] = callbacks_refusal_word((enum callbacks_refusal)i);
        m->refused[i] = counts.refused[i];
    }
}

bool arrivals_ready(const struct engine *g)
{
    return g->arrivals == NULL || g->arrivals->reachable;
}

static void on_ping(struct client_call *call, struct http_reply *reply)
{
    struct engine *g = call->arg;
    struct arrivals *a = g->arrivals;
    bool ours = reply->end == HTTP_REPLY && reply->status == 200 &&
                slice_eq(buf_slice(&reply->body), slice_of(a->ping.answer));
    a->ping.busy = false;
    a->ping.call.transfer = NULL;
    if (ours) {
        a->reachable = true;
        log_write(LOG_INFO, "run", "callbacks to %s arrive here", g->callback_url);
        return;
    }
    char seen[300];
    if (reply->end == HTTP_REPLY)
        snprintf(seen, sizeof seen, "somebody else answered there, with HTTP %ld", reply->status);
    else
        snprintf(seen, sizeof seen, "%.250s",
                 reply->problem[0] != '\0' ? reply->problem : "no answer came");
    engine_stopf(g, ERR_CONFIG,
                 "--callback-url %s does not lead to %s: %s. Nothing was sent; let it reach that"
                 " address and resume",
                 g->callback_url,
                 g->setup.callback_listen != NULL ? g->setup.callback_listen
                                                  : "the tranche listen of --spool",
                 seen);
}

/* A request to the address from outside must come back to us before anything is paid for. */
static int ping(struct engine *g, struct error *e)
{
    struct arrivals *a = g->arrivals;
    struct client_call *call = &a->ping.call;
    callbacks_ping_make(&g->secret, g->run_id, a->ping.text);
    callbacks_ping_answer(&g->secret, a->ping.text, a->ping.answer);
    call->request.method = HTTP_GET;
    snprintf(call->request.path, sizeof call->request.path, "/callbacks/ping/%s", a->ping.text);
    call->base_url = g->callback_url;
    call->body_fd = -1;
    call->timeout_ms = PING_TIMEOUT_MS;
    call->reply_max = 4096;
    call->done = on_ping;
    call->arg = g;
    a->ping.busy = true;
    return client_send(g->client, call, e);
}

/* The sandbox calls back on loopback, at a port that outlives this process: what it still owes
 * goes there. */
#define KEY_SANDBOX_PORT "callback_port"

static int listen_here(struct engine *g, struct error *e)
{
    struct arrivals *a = g->arrivals;
    bool sandbox = g->settings->sandbox == 1;
    const struct provider *p = g->setup.operation->provider;
    char *proof = NULL;
    struct address address;
    int64_t port = 0;
    int rc = 0;
    if (sandbox)
        rc = ledger_get_i64(g->ledger, KEY_SANDBOX_PORT, &port, e);
    if (rc >= 0)
        rc = address_parse(&address, sandbox ? "127.0.0.1:0" : g->setup.callback_listen, e);
    if (rc == 0 && sandbox)
        address.port = (uint16_t)port;
    /* Without the secret of a signature genuine callbacks get 503 and a line in the log. */
    if (rc == 0 && p->proof == PROOF_HMAC_SHA256)
        rc = key_load_proof(p, NULL, &proof, e);
    if (rc == 0) {
        struct callbacks_provider taken = {p, p->proof == PROOF_KEY_SHA256 ? g->key
                                              : p->proof == PROOF_TOKEN    ? NULL
                                                                           : proof};
        struct callbacks_options options = {
            .address = &address,
            .secret = &g->secret,
            .providers = &taken,
            .provider_count = 1,
            .run = g->run_id,
            .body_folder = g->dir,
            .received = on_callback,
            .arg = g,
        };
        rc = callbacks_open(&a->listener, &g->loop, &options, e);
    }
    key_free(proof);
    if (rc != 0 || !sandbox)
        return rc;
    port = callbacks_port(a->listener);
    snprintf(g->callback_url, sizeof g->callback_url, "http://127.0.0.1:%d", (int)port);
    a->reachable = true;
    rc = ledger_begin(g->ledger, e);
    if (rc == 0)
        rc = ledger_set_i64(g->ledger, KEY_SANDBOX_PORT, port, e);
    return rc == 0 ? ledger_commit(g->ledger, e) : rc;
}

int arrivals_open(struct engine *g, struct error *e)
{
    struct arrivals *a = g->arrivals;
    if (a == NULL)
        return 0;
    if (g->setup.callback_url != NULL)
        snprintf(g->callback_url, sizeof g->callback_url, "%s", g->setup.callback_url);
    uv_timer_init(&g->loop, &a->spool_timer);
    a->spool_timer.data = g;
    int rc = 0;
    if (g->settings->sandbox == 1 || g->setup.callback_listen != NULL)
        rc = listen_here(g, e);
    if (rc == 0 && g->setup.spool != NULL) {
        rc = inbox_open(&a->inbox, g->setup.spool, g->run_id, e);
        a->known = rc == 0 ? inbox_place(a->inbox) : a->known;
        if (rc == 0)
            uv_timer_start(&a->spool_timer, on_spool, 1, SPOOL_MS);
    }
    return rc == 0 && !a->reachable ? ping(g, e) : rc;
}

static void on_listener_closed(void *arg)
{
    (void)arg;
}

void arrivals_close(struct engine *g)
{
    struct arrivals *a = g->arrivals;
    if (a == NULL || a->closed)
        return;
    a->closed = true;
    if (a->listener != NULL)
        callbacks_close(a->listener, on_listener_closed, NULL);
    a->listener = NULL;
    if (a->spool_timer.data != NULL)
        uv_close((uv_handle_t *)&a->spool_timer, NULL);
    /* Else it would keep for good what nobody takes again. */
    struct error e = {0};
    if (a->inbox != NULL && a->spooled == 0 && tell_spool(a, &e) != 0)
        log_write(LOG_WARN, "run", "the spool is not told what was taken: %s", e.message);
}

struct arrivals *arrivals_create(void)
{
    struct arrivals *a = calloc(1, sizeof *a);
    if (a == NULL)
        abort();
    a->last = &a->first;
    return a;
}

void arrivals_free(struct engine *g)
{
    struct arrivals *a = g->arrivals;
    if (a == NULL)
        return;
    for (struct arrival *i = a->first, *next; i != NULL; i = next) {
        next = i->next;
        buf_deinit(&i->body);
        free(i);
    }
    if (a->inbox != NULL)
        inbox_close(a->inbox);
    free(a);
    g->arrivals = NULL;
}

bool arrivals_owed(const struct engine *g)
{
    if (g->arrivals == NULL || !g->arrivals->reachable || g->arrivals->listener == NULL ||
        g->arrivals->inbox != NULL || g->setup.operation->delivery != DELIVERY_CALLBACK)
        return false;
    for (unsigned i = 0; i < g->batch_count; i++)
        if (g->batches[i]->state == BATCH_ACCEPTED || g->batches[i]->state == BATCH_WAITING)
            return true;
    return false;
}
