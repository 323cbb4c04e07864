/* Posts results to the client's listener.
 *
 * A callback is posted (fresh), waits until what it tells of is durable, is struck by a fault or
 * not, perhaps waits for its moment, and flies; at most FLIGHT_MAX at a time, the others wait in
 * their order. Its body is made when it flies, so one that waits is a few bytes.
 *
 * 1. Nothing flies that is not durable in the account.
 * 2. Every callback ends once: delivered, given up, lost by a fault, or elsewhere (an address that
 *    is not plain HTTP on loopback: the simulator talks to nobody else). Copies that a fault made
 *    end without a word to the account.
 *
 * Restarted, the account says which jobs were not called back yet: they are posted again, so
 * delivery is at least once. One thread. */
#include "sim/callbacks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sim/shop.h"
#include "wire/http.h"
#include "wire/json_write.h"

#define FLIGHT_MAX   32
#define TIMEOUT_MS   10000
#define REPLY_MAX    ((size_t)64 << 10)
#define BODY_MAX     ((size_t)1 << 20)
#define SWAP_WAIT_MS 2000 /* how long a swapped one waits for another, by the vendor's clock */

struct callback {
    struct callback *next;
    uint64_t cookie;
    uint64_t number; /* its own: what an alarm finds it by */
    enum callback_forgery forgery;
    bool copy; /* made by a fault: not the one whose end counts */
    unsigned attempts;
    long refusal;              /* 403 or 404 of the attempt before, else 0 */
    struct flight *flight;     /* while it flies */
    struct callbacks *outpost; /* whose it is */
};

/* What a callback needs while it flies. */
struct flight {
    struct client_call call;
    struct callback_draft draft;
    char base[ACCOUNT_URL_MAX];
};

struct callback_list {
    struct callback *first, **last;
};

struct callbacks {
    struct shop *shop;
    struct client *client;
    bool stopped;
    uint64_t numbers;
    unsigned flying;
    struct callback_list fresh, ready, waiting, in_flight;
    struct callback *swapped; /* waits for another to go before it */
    struct {
        uint64_t posted, sent, delivered, refused, unreachable, retried, given_up, lost, duplicated,
            late, swapped, forged, elsewhere;
    } counts;
};

static void list_init(struct callback_list *l)
{
    l->first = NULL;
    l->last = &l->first;
}

static void list_add(struct callback_list *l, struct callback *c)
{
    c->next = NULL;
    *l->last = c;
    l->last = &c->next;
}

static struct callback *list_pop(struct callback_list *l)
{
    struct callback *c = l->first;
    if (c && !(l->first = c->next))
        l->last = &l->first;
    return c;
}

static void list_remove(struct callback_list *l, struct callback *c)
{
    struct callback **link = &l->first;
    while (*link != c)
        link = &(*link)->next;
    if (!(*link = c->next))
        l->last = link;
}

static void list_free(struct callback_list *l)
{
    for (struct callback *c; (c = list_pop(l));)
        free(c);
}

struct callbacks *callbacks_create(struct shop *shop, struct client *client)
{
    struct callbacks *cb = calloc(1, sizeof *cb);
    if (!cb)
        return NULL;
    cb->shop = shop;
    cb->client = client;
    list_init(&cb->fresh);
    list_init(&cb->ready);
    list_init(&cb->waiting);
    list_init(&cb->in_flight);
    return cb;
}

void callbacks_destroy(struct callbacks *cb)
{
    if (!cb)
        return;
    list_free(&cb->fresh);
    list_free(&cb->ready);
    list_free(&cb->waiting);
    free(cb->swapped);
    free(cb);
}

static struct callback *create(struct callbacks *cb, uint64_t cookie)
{
    struct callback *c = calloc(1, sizeof *c);
    /* The simulator has nothing sensible to do without memory for its account. */
    if (!c)
        abort();
    c->cookie = cookie;
    c->number = cb->numbers++;
    c->outpost = cb;
    return c;
}

void callbacks_post(struct callbacks *cb, uint64_t cookie)
{
    if (cb->stopped)
        return;
    cb->counts.posted++;
    list_add(&cb->fresh, create(cb, cookie));
}

/* ---- flying ---- */

static void pump(struct callbacks *cb);

/* It is through. */
static void end(struct callbacks *cb, struct callback *c, bool delivered)
{
    struct shop *shop = cb->shop;
    if (!c->copy && !cb->stopped) {
        if (shop->vendor->job_id && account_job(shop->account, c->cookie)) {
            account_job_called(shop->account, c->cookie);
            shop->changed(shop->changed_arg);
        }
        if (shop->vendor->called)
            shop->vendor->called(shop, c->cookie, delivered);
    }
    free(c);
}

static void land(struct callback *c)
{
    list_remove(&c->outpost->in_flight, c);
    c->outpost->flying--;
    buf_deinit(&c->flight->draft.body);
    free(c->flight);
    c->flight = NULL;
}

/* Another attempt later, or the end. */
static void fail(struct callbacks *cb, struct callback *c, long status)
{
    const struct callback_rules *rules = &cb->shop->vendor->callbacks;
    bool refusal = status == 403 || status == 404;
    bool stops = rules->stops_at_403 && refusal && c->refusal != 0;
    c->refusal = refusal ? status : 0;
    if (c->copy || stops || c->attempts > rules->retries) {
        cb->counts.given_up += !c->copy;
        end(cb, c, false);
        return;
    }
    cb->counts.retried++;
    list_add(&cb->waiting, c);
    alarms_set(cb->shop->alarms,
               shop_real_ms(cb->shop, rules->pause_ms << (c->attempts > 10 ? 10 : c->attempts - 1)),
               SHOP_ALARM_CALLBACK, c->number);
}

static void on_done(struct client_call *call, struct http_reply *reply)
{
    struct callback *c = call->arg;
    struct callbacks *cb = c->outpost;
    long status = reply->end == HTTP_REPLY ? reply->status : 0;
    bool delivered = status >= 200 && status <= 299;
    if (cb->shop->vendor->heard && !c->copy && !cb->stopped)
        cb->shop->vendor->heard(cb->shop, c->cookie, (int)status, buf_slice(&reply->body));
    land(c);
    if (cb->stopped) {
        end(cb, c, false);
        return;
    }
    cb->counts.delivered += delivered;
    cb->counts.refused += !delivered && status != 0;
    cb->counts.unreachable += status == 0;
    if (delivered)
        end(cb, c, true);
    else
        fail(cb, c, status);
    if (cb->swapped) {
        list_add(&cb->ready, cb->swapped);
        cb->swapped = NULL;
    }
    pump(cb);
}

/* "http://127.0.0.1:80/a?b" as base and path; false for an address that is not for us. */
static bool split_url(struct flight *f)
{
    const char *url = f->draft.url;
    if (strncmp(url, "http://", 7) != 0)
        return false;
    size_t base = 7 + strcspn(url + 7, "/?#"), len = strcspn(url, "#");
    snprintf(f->base, sizeof f->base, "%.*s", (int)base, url);
    char *path = f->call.request.path;
    int n = snprintf(path, sizeof f->call.request.path, "%s%.*s", url[base] == '/' ? "" : "/",
                     (int)(len > base ? len - base : 0), url + base);
    return (size_t)n < sizeof f->call.request.path && !http_base_problem(slice_of(f->base));
}

/* Another token in the same place: the last letter or digit of the address is another one. */
static void forge_token(char *url)
{
    for (size_t i = strlen(url); i > 0; i--) {
        char *c = &url[i - 1];
        bool digit = *c >= '0' && *c <= '9', letter = (*c | 0x20) >= 'a' && (*c | 0x20) <= 'z';
        if (!digit && !letter)
            continue;
        *c = digit ? (char)('0' + (*c - '0' + 1) % 10) : *c == 'a' ? 'b' : 'a';
        return;
    }
}

static bool draft(struct callbacks *cb, struct callback *c)
{
    struct flight *f = c->flight;
    enum callback_forgery forgery = c->forgery == FORGERY_TOKEN ? FORGERY_NONE : c->forgery;
    buf_init(&f->draft.body, BODY_MAX);
    if (!cb->shop->vendor->callback(cb->shop, c->cookie, forgery, &f->draft))
        return false;
    if (c->forgery == FORGERY_TOKEN)
        forge_token(f->draft.url);
    return !f->draft.body.failed && split_url(f);
}

static void fly(struct callbacks *cb, struct callback *c)
{
    struct error e = {0};
    struct flight *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    c->flight = f;
    list_add(&cb->in_flight, c);
    cb->flying++;
    if (!draft(cb, c)) {
        cb->counts.elsewhere++;
        land(c);
        end(cb, c, false);
        return;
    }
    f->call.request.method = HTTP_POST;
    f->call.request.has_body = true;
    f->call.request.body_len = f->draft.body.len;
    f->call.base_url = f->base;
    f->call.key_header = f->draft.key_header;
    f->call.key = f->draft.key;
    f->call.headers = f->draft.headers[0] ? f->draft.headers : NULL;
    f->call.body = buf_slice(&f->draft.body);
    f->call.body_fd = -1;
    f->call.timeout_ms = TIMEOUT_MS;
    f->call.reply_max = REPLY_MAX;
    f->call.done = on_done;
    f->call.arg = c;
    c->attempts++;
    cb->counts.sent++;
    if (client_send(cb->client, &f->call, &e) != 0) {
        log_write(LOG_ERROR, "sim", "a callback cannot be sent: %s", e.message);
        land(c);
        fail(cb, c, 0);
    }
}

static void pump(struct callbacks *cb)
{
    while (!cb->stopped && cb->ready.first && cb->flying < FLIGHT_MAX)
        fly(cb, list_pop(&cb->ready));
}

/* ---- faults ---- */

static struct callback *add_copy(struct callbacks *cb, const struct callback *c)
{
    struct callback *copy = create(cb, c->cookie);
    copy->copy = true;
    list_add(&cb->ready, copy);
    return copy;
}

static enum callback_forgery forgery_of(const struct fault *f)
{
    static const enum callback_forgery kinds[] = {FORGERY_TOKEN, FORGERY_SIGNATURE, FORGERY_PERSON};
    return kinds[f->numbered ? (uint64_t)f->number - 1 : f->dice % 3];
}

static void swap(struct callbacks *cb, struct callback *c)
{
    if (cb->swapped)
        list_add(&cb->ready, cb->swapped);
    cb->counts.swapped++;
    cb->swapped = c;
    alarms_set(cb->shop->alarms, shop_real_ms(cb->shop, SWAP_WAIT_MS), SHOP_ALARM_CALLBACK,
               c->number);
}

static void depart(struct callbacks *cb, struct callback *c)
{
    struct fault f = faults_take(cb->shop->faults, CLASS_CALLBACK);
    if (f.kind == FAULT_LOST) {
        cb->counts.lost++;
        end(cb, c, false);
        return;
    }
    if (f.kind == FAULT_FORGED) {
        cb->counts.forged++;
        add_copy(cb, c)->forgery = forgery_of(&f);
    }
    if (f.kind == FAULT_TWICE) {
        cb->counts.duplicated++;
        add_copy(cb, c);
    }
    if (f.delay_ms > 0) {
        cb->counts.late++;
        list_add(&cb->waiting, c);
        alarms_set(cb->shop->alarms, shop_real_ms(cb->shop, f.delay_ms), SHOP_ALARM_CALLBACK,
                   c->number);
    } else if (f.kind == FAULT_SWAP) {
        swap(cb, c);
    } else {
        list_add(&cb->ready, c);
    }
}

void callbacks_release(struct callbacks *cb)
{
    struct callback_list fresh = cb->fresh;
    list_init(&cb->fresh);
    if (!fresh.first)
        return;
    for (struct callback *c = fresh.first, *after; c; c = after) {
        after = c->next;
        depart(cb, c);
    }
    pump(cb);
}

void callbacks_due(struct callbacks *cb, uint64_t number)
{
    struct callback *c = cb->waiting.first;
    if (cb->stopped)
        return;
    if (cb->swapped && cb->swapped->number == number) {
        c = cb->swapped;
        cb->swapped = NULL;
    } else {
        while (c && c->number != number)
            c = c->next;
        /* A swapped one that has gone already. */
        if (!c)
            return;
        list_remove(&cb->waiting, c);
    }
    list_add(&cb->ready, c);
    pump(cb);
}

void callbacks_stop(struct callbacks *cb)
{
    if (!cb)
        return;
    cb->stopped = true;
    for (struct callback *c = cb->in_flight.first; c; c = c->next)
        client_cancel(cb->client, &c->flight->call);
}

unsigned callbacks_under_way(const struct callbacks *cb)
{
    return cb ? cb->flying : 0;
}

void callbacks_print(const struct callbacks *cb, struct buf *out, bool *first)
{
    const struct {
        const char *name;
        uint64_t count;
    } table[] = {
        {"posted", cb->counts.posted},           {"sent", cb->counts.sent},
        {"delivered", cb->counts.delivered},     {"refused", cb->counts.refused},
        {"unreachable", cb->counts.unreachable}, {"retried", cb->counts.retried},
        {"given_up", cb->counts.given_up},       {"lost", cb->counts.lost},
        {"duplicated", cb->counts.duplicated},   {"late", cb->counts.late},
        {"swapped", cb->counts.swapped},         {"forged", cb->counts.forged},
        {"elsewhere", cb->counts.elsewhere},     {"flying", cb->flying},
    };
    bool inner = true;
    json_write_key(out, first, "callbacks");
    buf_append_char(out, '{');
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        json_write_member_i64(out, &inner, table[i].name, (int64_t)table[i].count);
    buf_append_char(out, '}');
}
