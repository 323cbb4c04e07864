/* What happens to a request of one vendor.
 *
 * It is routed, its key checked, counted against the rate windows, then made to go wrong where a
 * fault says so, and else applied by the vendor.
 *
 * 1. Every paid request is in the account, whatever became of it.
 * 2. The vendor's clocks run `speed` times as fast as ours: latencies, pauses and rate windows are
 *    given in its milliseconds, everything that is measured or logged is in ours.
 *
 * One thread. */
#include "sim/shop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "wire/digest.h"
#include "wire/json.h"
#include "wire/json_write.h"

#define SCRATCH_MAX ((size_t)1 << 20)
#define DEPTH_MAX   16 /* of the JSON that is asked with */

const char shop_no_hint[] = "";

/* ---- open and close ---- */

static void on_alarm(void *arg, unsigned kind, uint64_t cookie)
{
    struct shop *shop = arg;
    switch ((enum shop_alarm)kind) {
    case SHOP_ALARM_JOB:
        jobs_due(shop->jobs, cookie);
        return;
    case SHOP_ALARM_CALLBACK:
        callbacks_due(shop->callbacks, cookie);
        return;
    case SHOP_ALARM_VENDOR:
        shop->vendor->alarm(shop, cookie);
        return;
    }
}

static const struct limits_tier *find_tier(const struct vendor *v, const char *name)
{
    for (const struct limits_tier *t = v->tiers; t->name; t++)
        if (strcmp(t->name, name) == 0)
            return t;
    return NULL;
}

static int open_parts(struct shop *shop, const struct shop_options *o, struct error *e)
{
    const struct shop_settings *s = &shop->settings;
    unsigned slots = s->slots ? s->slots : shop->tier ? shop->tier->slots : 0;
    uint64_t queue = shop->tier ? (uint64_t)slots * shop->tier->queue_slots : 0;
    shop->alarms = alarms_create(o->loop, on_alarm, shop);
    shop->limits = limits_create(shop->tier);
    shop->jobs = jobs_create(shop, slots, queue);
    shop->callbacks = callbacks_create(shop, o->client);
    shop->json = json_create(DEPTH_MAX);
    shop->state = calloc(1, shop->vendor->state_size + 1);
    if (!shop->alarms || !shop->limits || !shop->jobs || !shop->callbacks || !shop->json ||
        !shop->state)
        return error_set(e, ERR_INTERNAL, "no memory for the simulator of %s", o->vendor->name);
    if (faults_create(&shop->faults, s->faults, shop->seed, e) != 0)
        return e->code;
    char *folder = file_join(o->folder, shop->vendor->name);
    int code = account_open(&shop->account, folder, shop->vendor, s->balance, e);
    free(folder);
    return code;
}

static int recall(void *arg, struct json_value note, struct error *e)
{
    struct shop *shop = arg;
    return shop->vendor->recall(shop, note)
               ? 0
               : error_set(e, ERR_DATA, "a note in its journal is not one of this vendor's");
}

int shop_open(struct shop **out, const struct shop_options *o, struct error *e)
{
    struct shop *shop = calloc(1, sizeof *shop);
    *out = shop;
    if (!shop)
        return error_set(e, ERR_INTERNAL, "no memory for the simulator of %s", o->vendor->name);
    shop->vendor = o->vendor;
    shop->settings = *o->settings;
    shop->tier = find_tier(o->vendor, o->settings->tier);
    shop->key = o->key;
    shop->seed = o->seed;
    shop->speed = o->speed;
    shop->truth = (struct truth){.seed = o->seed, .found_percent = o->settings->found_percent};
    shop->changed = o->changed;
    shop->release = o->release;
    shop->changed_arg = o->arg;
    buf_init(&shop->scratch, SCRATCH_MAX);
    buf_init(&shop->data, CALL_REPLY_MAX);
    if (open_parts(shop, o, e) != 0)
        return e->code;
    if (shop->vendor->open)
        shop->vendor->open(shop);
    if (shop->vendor->recall && account_walk_notes(shop->account, recall, shop, e) != 0)
        return error_prefix(e, "the simulator's account with %s", o->vendor->name);
    jobs_continue(shop->jobs);
    return 0;
}

void shop_stop(struct shop *shop)
{
    if (!shop)
        return;
    callbacks_stop(shop->callbacks);
    alarms_close(shop->alarms);
}

void shop_close(struct shop *shop)
{
    if (!shop)
        return;
    if (shop->state && shop->account && shop->vendor->close)
        shop->vendor->close(shop);
    account_close(shop->account);
    callbacks_destroy(shop->callbacks);
    jobs_destroy(shop->jobs);
    limits_destroy(shop->limits);
    faults_destroy(shop->faults);
    buf_deinit(&shop->scratch);
    buf_deinit(&shop->data);
    json_destroy(shop->json);
    free(shop->state);
    free(shop);
}

/* ---- for vendors ---- */

int64_t shop_real_ms(const struct shop *shop, int64_t ms)
{
    int64_t speed = (int64_t)shop->speed;
    return ms / speed + (ms % speed != 0);
}

int64_t shop_now_ms(const struct shop *shop)
{
    return clock_mono_ms() * (int64_t)shop->speed;
}

int64_t shop_wall_ms(const struct shop *shop)
{
    return clock_wall_ms() * (int64_t)shop->speed;
}

void shop_wake(struct shop *shop, int64_t ms, uint64_t cookie)
{
    alarms_set(shop->alarms, shop_real_ms(shop, ms), SHOP_ALARM_VENDOR, cookie);
}

void shop_release(struct shop *shop, struct call *c)
{
    shop->release(shop->changed_arg, c);
}

bool shop_key_same(const struct shop *shop, const char *text)
{
    size_t len = strlen(shop->key);
    return text && strlen(text) == len && digest_same(text, shop->key, len) != 0;
}

const char *shop_bearer(const struct server_request *r)
{
    const char *text = server_header(r, "Authorization");
    return text && strncasecmp(text, "Bearer ", 7) == 0 ? text + 7 : NULL;
}

void shop_normalise(struct shop *shop, struct question *q)
{
    question_normalise(q, &shop->scratch);
}

bool shop_has_room(struct shop *shop)
{
    return jobs_room(shop->jobs);
}

const struct account_job *shop_accept(struct shop *shop, struct call *c, const struct question *q,
                                      const struct account_job *draft)
{
    struct account_job own = *draft;
    if (c->fault.kind == FAULT_FAILED || c->fault.kind == FAULT_HALF_FAILED)
        own.fate = FATE_FAILS;
    const struct account_job *job = account_job_add(shop->account, q, &own, &c->post);
    c->accepted = true;
    jobs_add(shop->jobs, job->number);
    return job;
}

bool shop_read(struct shop *shop, const struct call *c, struct json_value *root)
{
    struct error e = {0};
    return json_parse(shop->json, server_body(c->request), root, &e) == 0 &&
           json_type(*root) == JSON_OBJECT;
}

struct buf *call_json(struct call *c, int status)
{
    c->status = status;
    buf_reset(&c->body);
    buf_append_text(&c->headers, "Content-Type: application/json\n");
    return &c->body;
}

void call_data(struct call *c, int status, const char *head, const char *name, struct slice members)
{
    struct buf *out = call_json(c, status);
    bool envelope = name && c->fault.kind != FAULT_FLAT;
    unsigned times = c->fault.kind == FAULT_DOUBLE_KEYS ? 2 : 1;
    buf_append_char(out, '{');
    for (unsigned i = 0; i < times; i++) {
        if (i > 0 && (envelope || members.len > 0))
            buf_append_char(out, ',');
        if (envelope)
            buf_append_format(out, "%s\"%s\":{", head, name);
        buf_append_slice(out, members);
        if (envelope)
            buf_append_char(out, '}');
    }
    buf_append_char(out, '}');
}

void call_error(struct call *c, int status, const char *detail)
{
    bool first = true;
    struct buf *out = call_json(c, status);
    buf_append_char(out, '{');
    json_write_member_string(out, &first, "error", slice_of(detail));
    buf_append_char(out, '}');
}

/* ---- faults ---- */

static void http_date(int64_t wall_ms, char text[64])
{
    /* Not strftime: names of days and months must not follow the locale. */
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm t;
    gmtime_r(&seconds, &t);
    snprintf(text, 64, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[t.tm_wday], t.tm_mday,
             months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

/* A fault that keeps the request from being applied: makes the reply. False when there is none. */
static bool fault_before(struct shop *shop, struct call *c)
{
    const struct limits_state none = {0};
    char text[64];
    int64_t number = c->fault.number;
    const char *retry_after = NULL;
    switch (c->fault.kind) {
    case FAULT_DROP_BEFORE:
        c->delivery = DELIVER_NOTHING;
        return true;
    case FAULT_STATUS:
        shop->vendor->problem(shop, c, (int)number, "A fault of the simulator");
        return true;
    case FAULT_LIMIT:
        snprintf(text, sizeof text, "%lld", (long long)number);
        retry_after = text;
        break;
    case FAULT_LIMIT_DATE:
        http_date(clock_wall_ms() + number * 1000, text);
        retry_after = text;
        break;
    case FAULT_LIMIT_GARBAGE:
        retry_after = "soon";
        break;
    case FAULT_LIMIT_BARE:
        break;
    case FAULT_NONE:
    case FAULT_DROP_AFTER:
    case FAULT_CUT:
    case FAULT_AFTER:
    case FAULT_GARBAGE:
    case FAULT_FLAT:
    case FAULT_DOUBLE_KEYS:
    case FAULT_MISSING:
    case FAULT_REPEAT:
    case FAULT_EXTRA:
    case FAULT_FAILED:
    case FAULT_HALF_FAILED:
    case FAULT_LOST:
    case FAULT_TWICE:
    case FAULT_SWAP:
    case FAULT_FORGED:
    case FAULT_DELAY:
        return false;
    }
    shop->vendor->limited(shop, c, &none, retry_after, number);
    return true;
}

/* A fault that spoils the reply to a request that was applied. */
static void fault_after(struct shop *shop, struct call *c)
{
    if (c->fault.kind == FAULT_DROP_AFTER)
        c->delivery = DELIVER_NOTHING;
    if (c->fault.kind == FAULT_CUT)
        c->delivery = DELIVER_CUT;
    if (c->fault.kind == FAULT_AFTER) {
        buf_reset(&c->headers);
        shop->vendor->problem(shop, c, (int)c->fault.number, "A fault of the simulator");
    }
    if (c->fault.kind == FAULT_GARBAGE) {
        buf_reset(&c->headers);
        buf_reset(&c->body);
        buf_append_text(&c->headers, "Content-Type: text/html\n");
        buf_append_text(&c->body, "<html><body><h1>It works!</h1></body></html>\n");
        c->status = 200;
    }
}

/* What the peer sees of a request that is accepted; 0: nothing. */
static int fault_status(const struct fault *f, const struct route *route)
{
    return f->kind == FAULT_DROP_AFTER ? 0
           : f->kind == FAULT_AFTER    ? (int)f->number
           : route->success            ? route->success
                                       : 200;
}

/* ---- requests ---- */

/* Count the request; false, with the reply made, when a window is full. */
static bool within_limits(struct shop *shop, const struct route *route, struct call *c)
{
    const struct vendor *v = shop->vendor;
    unsigned rate = v->rate ? v->rate(shop, route, c->request) : route->rate;
    struct limits_state state =
        limits_take(shop->limits, rate, shop_now_ms(shop), shop_wall_ms(shop));
    int64_t seconds = (shop_real_ms(shop, state.reset_ms) + 999) / 1000;
    if (shop->vendor->rate_headers && state.limit > 0)
        buf_append_format(&c->headers,
                          "X-RateLimit-Limit: %u\nX-RateLimit-Remaining: %u\n"
                          "X-RateLimit-Reset: %lld\n",
                          state.limit, state.remaining, (long long)seconds);
    if (state.allowed)
        return true;
    shop->limited++;
    shop->vendor->limited(shop, c, &state, SHOP_NO_HINT, seconds);
    return false;
}

static void describe_post(const struct route *route, struct call *c)
{
    c->paid = true;
    c->post = (struct account_post){.service = route->service,
                                    .single = route->class == CLASS_SINGLE,
                                    .batch = -1,
                                    .job = -1,
                                    .connection = server_connection(c->request),
                                    .at_ms = clock_wall_ms()};
    digest_sha256(server_body(c->request), c->post.body);
}

static void serve(struct shop *shop, const struct route *route, struct call *c)
{
    if (!shop->vendor->authorized(shop, c->request)) {
        shop->unauthorized++;
        shop->vendor->problem(shop, c, 401, "The API key is missing or not valid");
        return;
    }
    if (!within_limits(shop, route, c))
        return;
    c->fault = faults_take(shop->faults, c->class);
    snprintf(c->post.fault, sizeof c->post.fault, "%s", c->fault.word);
    if (fault_before(shop, c))
        return;
    c->post.status = fault_status(&c->fault, route);
    shop->vendor->apply(shop, route, c);
    fault_after(shop, c);
}

void shop_serve(struct shop *shop, struct call *c, const char *path)
{
    struct route route = shop->vendor->route(server_method(c->request), path);
    c->class = route.class;
    shop->requests[c->class]++;
    if (c->class == CLASS_SUBMIT || c->class == CLASS_SINGLE)
        describe_post(&route, c);
    serve(shop, &route, c);
    if (c->paid && !c->accepted) {
        c->post.status = c->delivery == DELIVER_NOTHING ? 0 : c->status;
        account_refuse(shop->account, &c->post);
    }
    if (account_unwritten(shop->account))
        shop->changed(shop->changed_arg);
}

void shop_synced(struct shop *shop)
{
    callbacks_release(shop->callbacks);
}
