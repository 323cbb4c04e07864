/* Asks about one address at a time, through the same descriptor as a run.
 *
 * 1. An asking is durable in the file of verdicts, at the highest price, before its request leaves;
 *    the file's sum never passes the cap, since it is looked at together with the price right then.
 * 2. One asking an address: who asks for the same meanwhile waits for it.
 * 3. No address is in any message.
 * 4. A request that may have been paid is settled (what it cost, or all of the price) before anybody
 *    hears of its end, and never sent again. Only a vendor's word that the parser understood and
 *    that is about this address becomes a verdict.
 *
 * Happy path: verifier_ask finds nothing known -> WAITING, in order -> step: the gate lets it go, the
 * cap has room, `ask` is durable -> sent -> on_done: classify, parse, `got` is durable -> the waiters
 * are told. Every other end tells them why, and they may come again.
 *
 * All on the loop's thread; writing waits for the disk. */
#include "run/verifier.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "record/normalise.h"
#include "sched/gate.h"
#include "wire/digest.h"
#include "wire/json.h"
#include "wire/problem.h"

#define ASKINGS_MAX  256
#define PAUSE_MS     60000 /* after a refusal, or for want of credits */
#define THROTTLED_MS 5000  /* where the vendor does not say how long */
#define REPLY_MAX    ((size_t)1 << 20)
#define BODY_MAX     ((size_t)64 << 10)
#define ARENA_MAX    ((size_t)4 << 20)
#define JSON_DEPTH   64

struct waiter {
    verifier_fn *fn;
    void *arg;
    struct waiter *next;
};

struct asking {
    struct verifier *verifier;
    struct verdict_id id;
    char email[NORMALISE_EMAIL_MAX + 1];
    int64_t since_ms, sent_ms;
    struct waiter *waiters;
    struct client_call call;
    struct buf body;
    struct asking *next; /* of those that wait, or of all that are free */
};

struct verifier {
    struct verifier_options options;
    const struct operation *operation;
    int64_t price;
    struct window windows[2 * RATE_LIMITS_MAX];
    unsigned window_count;
    struct gate gate;
    struct asking askings[ASKINGS_MAX];
    struct asking *free, *first, **last; /* first to last: in line */
    unsigned flight;                     /* all that are not free */
    uv_timer_t timer;
    struct json *json;
    struct arena arena;
    bool capped; /* said so */
    struct error broken;
};

static void step(struct verifier *v);

/* --- ends ----------------------------------------------------------------------------------- */

static void asking_end(struct asking *a, enum verifier_end end, const char *text)
{
    struct verifier *v = a->verifier;
    struct waiter *w = a->waiters;

    a->waiters = NULL;
    buf_deinit(&a->body);
    a->next = v->free;
    v->free = a;
    v->flight--;
    while (w) {
        struct waiter *next = w->next;
        w->fn(w->arg, end, text);
        free(w);
        w = next;
    }
    v->options.changed(v->options.arg);
}

/* The file of verdicts is broken: nothing can be asked any more, by anybody. */
static void asking_break(struct asking *a, const struct error *e)
{
    struct verifier *v = a->verifier;

    if (v->broken.code == 0)
        v->broken = *e;
    asking_end(a, VERIFIER_BUSY, "");
}

/* --- what a reply says ---------------------------------------------------------------------- */

struct reading {
    const struct asking *asking;
    unsigned items;
    bool other; /* an item is about somebody else */
    int64_t credits;
    char status[VERDICTS_STATUS_MAX + 1]; /* empty: no verdict */
};

static int read_item(void *arg, const struct page_item *item)
{
    struct reading *r = arg;
    const struct answer *a = &item->answer;
    struct slice status = a->value[FIELD_EMAIL_STATUS];
    struct slice echo = item->echo.value[FIELD_EMAIL];

    r->items++;
    r->other = r->other || ((item->echoed & FIELD_BIT(EMAIL)) &&
                            !slice_eq_nocase(echo, slice_of(r->asking->email)));
    if (a->outcome != OUTCOME_FOUND || !verdicts_status_valid(status))
        return 0;
    memcpy(r->status, status.data, status.len);
    r->status[status.len] = '\0';
    r->credits = a->credits;
    return 0;
}

/* The verdict of the reply in r->status, and what it cost in r->credits; of what is not understood,
 * all that it may have cost. */
static void read_verdict(struct asking *a, struct json_value root, struct reading *r)
{
    struct verifier *v = a->verifier;
    struct page_reply page = {.used = -1};
    struct error e = {0};

    *r = (struct reading){.asking = a, .credits = v->price};
    arena_reset(&v->arena);
    int rc =
        v->operation->parse_page(v->operation, root, false, &v->arena, read_item, r, &page, &e);
    if (rc != 0 || r->items != 1 || r->other)
        r->status[0] = '\0';
    if (r->status[0] == '\0')
        r->credits = v->price;
    if (rc == 0 && page.used >= 0)
        r->credits = page.used;
    if (r->status[0] == '\0')
        log_write(LOG_WARN, "verify", "the vendor's reply holds no verdict%s%s",
                  rc != 0 ? ": " : "", e.message);
}

static void settle_verdict(struct asking *a, struct json_value root)
{
    struct verifier *v = a->verifier;
    struct reading r;
    struct error e = {0};

    read_verdict(a, root, &r);
    if (verdicts_answer(v->options.verdicts, a->id, v->price, r.credits,
                        r.status[0] ? r.status : NULL, clock_wall_ms(), &e) != 0)
        asking_break(a, &e);
    else
        asking_end(a, r.status[0] ? VERIFIER_KNOWN : VERIFIER_FAILED, r.status);
}

static void settle_nothing(struct asking *a, enum verifier_end end)
{
    struct verifier *v = a->verifier;
    struct error e = {0};

    if (verdicts_release(v->options.verdicts, a->id, v->price, clock_wall_ms(), &e) != 0)
        asking_break(a, &e);
    else
        asking_end(a, end, "");
}

static void pause_for(struct verifier *v, int64_t ms)
{
    gate_pause(&v->gate, clock_mono_ms() + ms);
}

static int64_t asked_pause(const struct http_reply *reply, const struct problem *problem)
{
    if (reply->hints.retry_after_ms >= 0)
        return reply->hints.retry_after_ms;
    return problem->retry_after_ms >= 0 ? problem->retry_after_ms : THROTTLED_MS;
}

/* problem: only where it is about the account. What a vendor says of a question may repeat it. */
static void warn(const struct http_reply *reply, const struct problem *problem, const char *what)
{
    const char *why = reply->problem[0] ? reply->problem : problem ? problem->text : "";

    log_write(LOG_WARN, "verify", "%s (status %ld)%s%s", what, reply->status, why[0] ? ": " : "",
              why);
}

static void on_done(struct client_call *call, struct http_reply *reply)
{
    struct asking *a = call->arg;
    struct verifier *v = a->verifier;
    struct json_value root;
    struct problem problem = {.text = ""};
    struct error e = {0};
    uint64_t random;

    problem_parse(&problem, v->json, buf_slice(&reply->body));
    bool whole =
        reply->end == HTTP_REPLY && json_parse(v->json, buf_slice(&reply->body), &root, &e) == 0;
    enum reply_class class = v->operation->classify(reply, true, whole ? &root : NULL, &problem);
    digest_random(&random, sizeof random);
    gate_done(&v->gate, class != REPLY_DOUBT && class != REPLY_RETRY, a->sent_ms, clock_mono_ms(),
              random);
    switch (class) {
    case REPLY_OK:
        settle_verdict(a, root);
        break;
    case REPLY_DOUBT:
        warn(reply, NULL, "no usable answer came, and the question may have been paid");
        asking_end(a, VERIFIER_FAILED, "");
        break;
    case REPLY_THROTTLED:
        pause_for(v, asked_pause(reply, &problem));
        settle_nothing(a, VERIFIER_BUSY);
        break;
    case REPLY_NO_CREDITS:
        warn(reply, &problem, "the vendor's account has no credits left");
        pause_for(v, PAUSE_MS);
        settle_nothing(a, VERIFIER_BUSY);
        break;
    case REPLY_REFUSED:
        warn(reply, &problem, "the vendor refused the key or the account");
        pause_for(v, PAUSE_MS);
        settle_nothing(a, VERIFIER_BUSY);
        break;
    case REPLY_RETRY:
        warn(reply, NULL, "the vendor cannot be reached");
        settle_nothing(a, VERIFIER_BUSY);
        break;
    case REPLY_NOT_APPLIED:
    case REPLY_BAD_ITEMS:
    case REPLY_TOO_LARGE:
    case REPLY_GONE:
        warn(reply, NULL, "the vendor did not take the question");
        settle_nothing(a, VERIFIER_FAILED);
        break;
    }
    step(v);
}

/* --- asking --------------------------------------------------------------------------------- */

static int build(struct asking *a, struct error *e)
{
    const struct operation *op = a->verifier->operation;
    struct record record = {.value = {[FIELD_EMAIL] = slice_of(a->email)}};
    struct body_writer w = {.operation = op, .out = &a->body};
    struct http_request *r = &a->call.request;

    buf_init(&a->body, BODY_MAX);
    if (op->check)
        op->check(op, &record); /* it may put the address into another form */
    op->build_submit(op, r);
    op->body_begin(&w);
    for (; w.pass == 0 || w.pass < op->passes; w.pass++) {
        if (w.pass > 0)
            op->body_pass(&w);
        w.items = 0;
        op->body_item(&w, &record, FIELD_BIT(EMAIL));
    }
    op->body_end(&w);
    if (a->body.failed)
        return error_set(e, ERR_INTERNAL, "no memory for a request");
    r->has_body = !op->query;
    if (r->has_body) {
        a->call.body = buf_slice(&a->body);
        r->body_len = a->body.len;
        return 0;
    }
    size_t len = strlen(r->path);
    if (len + a->body.len >= sizeof r->path)
        return error_set(e, ERR_INTERNAL, "a request's query is too long");
    memcpy(r->path + len, buf_text(&a->body), a->body.len + 1);
    return 0;
}

static void say_capped(struct verifier *v)
{
    if (v->capped)
        return;
    v->capped = true;
    log_write(LOG_WARN, "verify",
              "%" PRId64 " of %" PRId64 " credits (--max-credits) are spent, and %" PRId64
              " more could be too many: from now on only addresses that are known are answered",
              verdicts_spent(v->options.verdicts), v->options.max_credits, v->price);
}

static bool has_room(const struct verifier *v)
{
    return v->price <= v->options.max_credits &&
           verdicts_spent(v->options.verdicts) <= v->options.max_credits - v->price;
}

/* The gate is open. */
static void start(struct asking *a)
{
    struct verifier *v = a->verifier;
    struct error e = {0};

    if (!has_room(v)) {
        say_capped(v);
        asking_end(a, VERIFIER_CAPPED, "");
        return;
    }
    caller_prepare(v->options.caller, &a->call, v->options.setup->timeout_ms, REPLY_MAX);
    a->call.done = on_done;
    a->call.arg = a;
    a->call.paid = true;
    if (build(a, &e) != 0) {
        log_write(LOG_ERROR, "verify", "%s", e.message);
        asking_end(a, VERIFIER_FAILED, "");
        return;
    }
    if (verdicts_ask(v->options.verdicts, a->id, v->price, clock_wall_ms(), &e) != 0) {
        asking_break(a, &e);
        return;
    }
    a->sent_ms = clock_mono_ms();
    if (client_send(v->options.loop->client, &a->call, &e) != 0) {
        log_write(LOG_ERROR, "verify", "%s", e.message);
        settle_nothing(a, VERIFIER_FAILED);
        return;
    }
    gate_take(&v->gate, a->sent_ms);
}

static struct asking *take_first(struct verifier *v)
{
    struct asking *a = v->first;

    v->first = a->next;
    if (!v->first)
        v->last = &v->first;
    a->next = NULL;
    return a;
}

static void on_timer(uv_timer_t *timer)
{
    step(timer->data);
}

/* Starts what may go, ends what waited too long, and says when to look again. */
static void step(struct verifier *v)
{
    while (v->first) {
        int64_t now_ms = clock_mono_ms(), ready_ms = gate_ready(&v->gate, now_ms);
        int64_t end_ms = v->first->since_ms + v->options.wait_max_ms;
        if (v->broken.code != 0 || now_ms >= end_ms) {
            asking_end(take_first(v), VERIFIER_BUSY, "");
        } else if (ready_ms <= now_ms) {
            start(take_first(v));
        } else {
            int64_t at_ms = ready_ms < end_ms ? ready_ms : end_ms;
            uv_update_time(&v->options.loop->loop);
            uv_timer_start(&v->timer, on_timer, (uint64_t)(at_ms - now_ms), 0);
            return;
        }
    }
    uv_timer_stop(&v->timer);
}

static struct asking *find(struct verifier *v, struct verdict_id id)
{
    for (struct asking *a = v->askings; a < v->askings + ASKINGS_MAX; a++)
        if (a->waiters && memcmp(&a->id, &id, sizeof id) == 0)
            return a;
    return NULL;
}

static struct asking *begin(struct verifier *v, struct verdict_id id, struct slice email)
{
    struct asking *a = v->free;

    v->free = a->next;
    v->flight++;
    *a = (struct asking){.verifier = v, .id = id, .since_ms = clock_mono_ms()};
    memcpy(a->email, email.data, email.len);
    *v->last = a;
    v->last = &a->next;
    return a;
}

static void add_waiter(struct asking *a, verifier_fn *fn, void *arg)
{
    struct waiter *w = malloc(sizeof *w);

    if (!w)
        abort();
    *w = (struct waiter){fn, arg, a->waiters};
    a->waiters = w;
}

enum verifier_end verifier_ask(struct verifier *v, struct slice email, verifier_fn *fn, void *arg,
                               const char **text)
{
    struct record record = {.value = {[FIELD_EMAIL] = email}};
    struct verdict_id id = verdicts_id(v->options.verdicts, email);
    int64_t ready_ms = gate_ready(&v->gate, clock_mono_ms());

    *text = verdicts_find(v->options.verdicts, id, clock_wall_ms());
    if (*text)
        return VERIFIER_KNOWN;
    *text = v->operation->check ? v->operation->check(v->operation, &record) : NULL;
    if (*text || email.len > NORMALISE_EMAIL_MAX)
        return VERIFIER_UNASKABLE;
    *text = "";
    struct asking *a = find(v, id);
    if (!a && !has_room(v)) {
        say_capped(v);
        return VERIFIER_CAPPED;
    }
    bool too_late = ready_ms != INT64_MAX && ready_ms - clock_mono_ms() > v->options.wait_max_ms;
    if (!a && (!v->free || too_late || v->broken.code != 0))
        return VERIFIER_BUSY;
    bool first = !a;
    if (first)
        a = begin(v, id, email);
    add_waiter(a, fn, arg);
    /* From the loop, so that nobody hears of an end before this has returned. */
    if (first)
        uv_timer_start(&v->timer, on_timer, 0, 0);
    return VERIFIER_LATER;
}

unsigned verifier_flight(const struct verifier *v)
{
    return v->flight;
}

const struct error *verifier_broken(const struct verifier *v)
{
    return &v->broken;
}

/* --- life ----------------------------------------------------------------------------------- */

static bool gate_open(struct verifier *v, const struct setup *setup)
{
    uint32_t flight = setup->live_max;

    if (setup->slots > 0 && setup->slots < flight)
        flight = setup->slots;
    gate_init(&v->gate, flight);
    for (unsigned i = 0; i < setup->limit_count; i++) {
        const struct rate_limit *l = &setup->limits[i];
        if (!(l->classes & RATE_BIT(RATE_SUBMIT)))
            continue;
        struct window *w = &v->windows[v->window_count];
        if (!window_init(w, l->count, l->per_ms))
            return false;
        v->window_count++;
        if (!gate_add_window(&v->gate, w))
            return false;
    }
    return true;
}

static void on_closed(uv_handle_t *timer)
{
    struct verifier *v = timer->data;

    for (unsigned i = 0; i < v->window_count; i++)
        window_deinit(&v->windows[i]);
    arena_deinit(&v->arena);
    json_destroy(v->json);
    free(v);
}

void verifier_close(struct verifier *v)
{
    if (v)
        uv_close((uv_handle_t *)&v->timer, on_closed);
}

int verifier_open(struct verifier **out, const struct verifier_options *o, struct error *e)
{
    struct verifier *v = calloc(1, sizeof *v);

    *out = NULL;
    if (!v)
        return error_set(e, ERR_INTERNAL, "no memory");
    v->options = *o;
    v->operation = o->setup->operation;
    v->price = o->setup->price;
    v->last = &v->first;
    for (unsigned i = 0; i < ASKINGS_MAX; i++) {
        v->askings[i].next = v->free;
        v->free = &v->askings[i];
    }
    arena_init(&v->arena, ARENA_MAX);
    uv_timer_init(&o->loop->loop, &v->timer);
    v->timer.data = v;
    v->json = json_create(JSON_DEPTH);
    if (!v->json || !gate_open(v, o->setup)) {
        verifier_close(v);
        return error_set(e, ERR_INTERNAL, "no memory");
    }
    *out = v;
    return 0;
}
