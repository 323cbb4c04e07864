/* Keeps subscriptions and events, and posts the one to the other.
 *
 * An event is written down, happens when its moment has come (an alarm), and is posted to each
 * subscriber that there was when it was written. It stays until it is neither among the last
 * STORED_MAX of its kind that have happened nor on its way to anyone.
 *
 * 1. Which subscribers an event goes to follows from the order of the notes: it is the same when
 *    they are read again.
 * 2. A subscriber that came into a place later gets nothing that was meant for an earlier one.
 *
 * The secret of a subscription signs what goes to it. What goes to the address that a request names
 * is signed too, but the document does not say with what: here nobody is told. One thread. */
#include "sim/hooks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sim/shop.h"
#include "wire/digest.h"
#include "wire/json_write.h"

#define PLACES      60
#define PLACE_URL   60 /* of the address that came with a request */
#define TESTS_MAX   8
#define STORED_MAX  25
#define DAY_MS      86400000
#define URL_MAX     (ACCOUNT_URL_MAX - 1)
#define SECRET_MAX  40
#define SECRET_BITS 16 /* bytes */

/* A cookie: the number of an event or test, which it is, and the place of the subscriber. */
#define COOKIE_SHIFT 7
#define COOKIE_TEST  64
#define COOKIE_PLACE 63

static const struct {
    const char *name;
    const char *sample; /* what a test sends, and a forger */
} kinds[] = {
    [HOOK_VERIFIED] =
        {"contact.verified",
         "{\"first_name\":\"Mallory\",\"last_name\":\"Sample\",\"company\":\"Sample\","
         "\"email\":\"mallory.sample@sample.example\",\"phone\":null,"
         "\"job_title\":\"Head of Samples\",\"confidence\":97,"
         "\"search_id\":\"srch_sample\"}"},
    [HOOK_LOW] = {"credits.low", "{\"credits\":750,\"plan\":\"growth\",\"threshold\":1500}"},
    [HOOK_EXHAUSTED] = {"credits.exhausted", "{\"credits\":0,\"plan\":\"growth\"}"},
    [HOOK_BULK] = {"bulk.completed", "{\"total\":50,\"verified\":38,\"not_found\":12,"
                                     "\"credits_used\":38,\"credits_remaining\":1462}"},
    [HOOK_LISTED] = {"contact.added_to_list",
                     "{\"list_id\":\"list_sample\",\"list_name\":\"Sample\","
                     "\"contact_email\":\"mallory.sample@sample.example\","
                     "\"contact_name\":\"Mallory Sample\",\"company\":\"Sample\","
                     "\"job_title\":\"Head of Samples\",\"search_id\":\"srch_sample\"}"},
};

struct event {
    struct event *next; /* of those that are to come, or of those that are stored */
    uint64_t number;
    enum hook_event kind;
    int64_t at_ms;
    uint64_t pending; /* bits: the places it is still on its way to */
    bool stored, happened;
    char *data, *url;
};

struct subscription {
    uint64_t number; /* 0: the place is empty */
    enum hook_event kind;
    uint64_t first; /* the events before it were not for it */
    char *url;
    char secret[SECRET_MAX];
    int64_t created_ms, triggered_ms, failed_ms; /* 0: never; the last two since the start */
    unsigned failures;                           /* in a row, since the start */
};

struct hooks {
    struct shop *shop;
    struct subscription subscription[PLACES];
    uint64_t subscriptions; /* that there ever were */
    struct event **event;   /* by number; NULL: gone */
    uint64_t events, event_places;
    struct event *coming;    /* in the order of their moments, and of their numbers at one moment */
    struct event *last_come; /* the one of these that was put there last, or NULL */
    bool armed;              /* an alarm is set for armed_ms, wall clock */
    int64_t armed_ms;
    uint64_t counts[HOOK_EVENTS];
    struct {
        struct event *first, **last;
        unsigned count;
    } stored[HOOK_EVENTS]; /* in the order in which they happened */
    struct {
        uint64_t number; /* 0: free */
        unsigned place;
        struct call *call;
    } test[TESTS_MAX];
    uint64_t tests;
    struct buf note;
};

static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

struct hooks *hooks_create(struct shop *shop)
{
    struct hooks *h = must(calloc(1, sizeof *h));
    h->shop = shop;
    buf_init(&h->note, (size_t)1 << 20);
    for (unsigned k = 0; k < HOOK_EVENTS; k++)
        h->stored[k].last = &h->stored[k].first;
    return h;
}

static void event_free(struct hooks *h, struct event *e)
{
    h->event[e->number] = NULL;
    free(e->data);
    free(e->url);
    free(e);
}

void hooks_destroy(struct hooks *h)
{
    if (!h)
        return;
    for (uint64_t i = 0; i < h->events; i++)
        if (h->event[i])
            event_free(h, h->event[i]);
    free(h->event);
    for (unsigned i = 0; i < PLACES; i++)
        free(h->subscription[i].url);
    buf_deinit(&h->note);
    free(h);
}

const char *hooks_name(enum hook_event event)
{
    return kinds[event].name;
}

bool hooks_find(struct slice name, enum hook_event *event)
{
    for (unsigned k = 0; k < HOOK_EVENTS; k++)
        if (slice_eq(name, slice_of(kinds[k].name))) {
            *event = (enum hook_event)k;
            return true;
        }
    return false;
}

bool hooks_url_valid(struct slice url)
{
    static const char *const heads[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};
    static const char secure[] = "https://";
    if (url.len > URL_MAX)
        return false;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        size_t len = strlen(heads[i]);
        if (slice_starts(url, slice_of(heads[i])) &&
            (url.len == len || strchr(":/?", url.data[len])))
            return true;
    }
    return slice_starts(url, slice_of(secure)) && url.len > sizeof secure - 1;
}

void hooks_print_time(int64_t wall_ms, char text[32])
{
    clock_format_utc(wall_ms, text);
    snprintf(text + strlen(text) - 1, 8, ".%03uZ", (unsigned)(wall_ms % 1000));
}

static void member_time(struct buf *out, bool *first, const char *name, int64_t wall_ms)
{
    char text[32];
    hooks_print_time(wall_ms, text);
    json_write_key(out, first, name);
    if (wall_ms == 0)
        buf_append_text(out, "null");
    else
        json_write_string(out, slice_of(text));
}

/* ---- notes ---- */

static struct buf *note_begin(struct hooks *h, bool *first, const char *kind)
{
    buf_reset(&h->note);
    *first = true;
    json_write_member_string(&h->note, first, "hook", slice_of(kind));
    return &h->note;
}

/* Replies wait for it where they tell of it. */
static void note_end(struct hooks *h, bool durable)
{
    account_note(h->shop->account, buf_slice(&h->note), durable);
}

/* ---- subscriptions ---- */

static void subscription_id(const struct subscription *s, char id[ACCOUNT_ID_MAX])
{
    snprintf(id, ACCOUNT_ID_MAX, "sub_%06llx", (unsigned long long)s->number);
}

static struct subscription *find_subscription(struct hooks *h, struct slice id)
{
    for (unsigned i = 0; i < PLACES; i++) {
        char own[ACCOUNT_ID_MAX];
        subscription_id(&h->subscription[i], own);
        if (h->subscription[i].number > 0 && slice_eq(id, slice_of(own)))
            return &h->subscription[i];
    }
    return NULL;
}

static void print_subscription(const struct subscription *s, struct buf *out, bool *first)
{
    char id[ACCOUNT_ID_MAX];
    subscription_id(s, id);
    json_write_member_string(out, first, "id", slice_of(id));
    json_write_member_string(out, first, "event", slice_of(kinds[s->kind].name));
    json_write_member_string(out, first, "target_url", slice_of(s->url));
}

static struct subscription *apply_subscribed(struct hooks *h, unsigned place, enum hook_event kind,
                                             struct slice url, struct slice secret, int64_t at_ms)
{
    struct subscription *s = &h->subscription[place];
    *s = (struct subscription){.number = ++h->subscriptions,
                               .kind = kind,
                               .first = h->events,
                               .url = must(strndup(url.data, url.len)),
                               .created_ms = at_ms};
    snprintf(s->secret, sizeof s->secret, "%.*s", SLICE_ARG(secret));
    return s;
}

static void apply_unsubscribed(struct subscription *s)
{
    free(s->url);
    *s = (struct subscription){0};
}

int hooks_subscribe(struct hooks *h, enum hook_event event, struct slice url, struct buf *out)
{
    uint8_t bits[SECRET_BITS];
    char secret[SECRET_MAX] = "whsec_";
    unsigned place = PLACES;
    bool first;
    for (unsigned i = PLACES; i-- > 0;) {
        const struct subscription *s = &h->subscription[i];
        if (s->number == 0)
            place = i;
        else if (s->kind == event && slice_eq(url, slice_of(s->url)))
            return 409;
    }
    if (place == PLACES)
        return 422;
    digest_random(bits, sizeof bits);
    digest_hex(bits, sizeof bits, secret + strlen(secret));
    int64_t now = clock_wall_ms();
    struct buf *note = note_begin(h, &first, "subscribed");
    json_write_member_i64(note, &first, "place", place);
    json_write_member_string(note, &first, "event", slice_of(kinds[event].name));
    json_write_member_string(note, &first, "url", url);
    json_write_member_string(note, &first, "secret", slice_of(secret));
    json_write_member_i64(note, &first, "at_ms", now);
    note_end(h, true);
    const struct subscription *s = apply_subscribed(h, place, event, url, slice_of(secret), now);
    first = true;
    print_subscription(s, out, &first);
    json_write_member_string(out, &first, "secret", slice_of(secret));
    json_write_member_bool(out, &first, "active", true);
    member_time(out, &first, "created_at", now);
    return 200;
}

bool hooks_unsubscribe(struct hooks *h, const char *id)
{
    bool first;
    struct subscription *s = find_subscription(h, slice_of(id));
    if (!s)
        return false;
    struct buf *note = note_begin(h, &first, "unsubscribed");
    json_write_member_i64(note, &first, "place", s - h->subscription);
    note_end(h, true);
    apply_unsubscribed(s);
    return true;
}

void hooks_print(const struct hooks *h, struct buf *out)
{
    bool any = false;
    for (unsigned i = 0; i < PLACES; i++) {
        const struct subscription *s = &h->subscription[i];
        bool first = true;
        if (s->number == 0)
            continue;
        buf_append_text(out, any ? ",{" : "{");
        any = true;
        print_subscription(s, out, &first);
        json_write_member_bool(out, &first, "active", true);
        json_write_member_i64(out, &first, "consecutive_failures", s->failures);
        member_time(out, &first, "last_triggered_at", s->triggered_ms);
        member_time(out, &first, "last_failure_at", s->failed_ms);
        member_time(out, &first, "created_at", s->created_ms);
        buf_append_char(out, '}');
    }
}

/* ---- events ---- */

/* An alarm for the next one to come, unless there is one. */
static void arm(struct hooks *h)
{
    int64_t wait = h->coming ? h->coming->at_ms - clock_wall_ms() : 0;
    if (!h->coming || (h->armed && h->armed_ms <= h->coming->at_ms))
        return;
    h->armed = true;
    h->armed_ms = h->coming->at_ms;
    alarms_set(h->shop->alarms, wait > 0 ? wait : 0, SHOP_ALARM_VENDOR, 0);
}

/* Among those that are to come: most are of the moment of the one before. */
static void await(struct hooks *h, struct event *e)
{
    bool behind = h->last_come && h->last_come->at_ms <= e->at_ms;
    struct event **link = behind ? &h->last_come->next : &h->coming;
    while (*link && (*link)->at_ms <= e->at_ms)
        link = &(*link)->next;
    e->next = *link;
    *link = e;
    h->last_come = e;
    arm(h);
}

/* data and url are copied. */
static void apply_event(struct hooks *h, enum hook_event kind, int64_t at_ms, struct slice data,
                        struct slice url)
{
    if (h->events == h->event_places) {
        h->event_places = h->event_places ? h->event_places * 2 : 64;
        h->event = must(realloc(h->event, h->event_places * sizeof(struct event *)));
    }
    struct event *e = must(malloc(sizeof *e));
    *e = (struct event){.number = h->events,
                        .kind = kind,
                        .at_ms = at_ms,
                        .data = must(strndup(data.data, data.len)),
                        .url = url.len > 0 ? must(strndup(url.data, url.len)) : NULL};
    for (unsigned i = 0; i < PLACES; i++)
        if (h->subscription[i].number > 0 && h->subscription[i].kind == kind)
            e->pending |= (uint64_t)1 << i;
    if (e->url)
        e->pending |= (uint64_t)1 << PLACE_URL;
    h->event[h->events++] = e;
    h->counts[kind]++;
    await(h, e);
}

void hooks_add(struct hooks *h, enum hook_event event, int64_t at_ms, struct slice data,
               struct slice url)
{
    bool first;
    struct buf *note = note_begin(h, &first, "event");
    json_write_member_string(note, &first, "event", slice_of(kinds[event].name));
    json_write_member_i64(note, &first, "at_ms", at_ms);
    if (url.len > 0)
        json_write_member_string(note, &first, "url", url);
    json_write_key(note, &first, "data");
    buf_append_slice(note, data);
    note_end(h, true);
    apply_event(h, event, at_ms, data, url);
}

uint64_t hooks_count(const struct hooks *h, enum hook_event event)
{
    return h->counts[event];
}

static void release(struct hooks *h, struct event *e)
{
    if (e->happened && !e->stored && e->pending == 0)
        event_free(h, e);
}

/* It has happened: it is stored, and the oldest that is too many is not any more. */
static void store(struct hooks *h, struct event *e)
{
    e->happened = e->stored = true;
    *h->stored[e->kind].last = e;
    h->stored[e->kind].last = &e->next;
    if (h->stored[e->kind].count++ < STORED_MAX)
        return;
    struct event *oldest = h->stored[e->kind].first;
    h->stored[e->kind].first = oldest->next;
    h->stored[e->kind].count--;
    oldest->stored = false;
    release(h, oldest);
}

static uint64_t cookie_of(uint64_t number, unsigned place)
{
    return number << COOKIE_SHIFT | place;
}

static void happen(struct hooks *h, struct event *e)
{
    for (unsigned place = 0; place <= PLACE_URL; place++)
        if (e->pending >> place & 1)
            callbacks_post(h->shop->callbacks, cookie_of(e->number, place));
    store(h, e);
}

/* An alarm may be early by what the clocks differ: then there is another one. */
void hooks_alarm(struct hooks *h)
{
    int64_t now = clock_wall_ms();
    struct event *e;
    h->armed = false;
    while ((e = h->coming) && e->at_ms <= now) {
        h->coming = e->next;
        h->last_come = h->last_come == e ? NULL : h->last_come;
        e->next = NULL;
        happen(h, e);
    }
    arm(h);
    h->shop->changed(h->shop->changed_arg);
}

static void print_payload(enum hook_event kind, int64_t at_ms, const char *data, bool test,
                          struct buf *out)
{
    bool first = true;
    buf_append_char(out, '{');
    json_write_member_string(out, &first, "event", slice_of(kinds[kind].name));
    json_write_key(out, &first, "data");
    buf_append_text(out, data);
    member_time(out, &first, "timestamp", at_ms);
    if (test)
        json_write_member_bool(out, &first, "_test", true);
    buf_append_char(out, '}');
}

void hooks_print_events(const struct hooks *h, enum hook_event event, int64_t since_ms,
                        struct buf *out)
{
    int64_t day = clock_wall_ms() - shop_real_ms(h->shop, DAY_MS);
    bool any = false;
    for (const struct event *e = h->stored[event].first; e; e = e->next) {
        char id[32];
        bool first = true;
        if (e->at_ms <= since_ms || e->at_ms < day)
            continue;
        snprintf(id, sizeof id, "evt_%06llx", (unsigned long long)e->number);
        buf_append_text(out, any ? ",{" : "{");
        any = true;
        json_write_member_string(out, &first, "id", slice_of(id));
        json_write_member_string(out, &first, "event", slice_of(kinds[event].name));
        json_write_key(out, &first, "payload");
        print_payload(event, e->at_ms, e->data, false, out);
        member_time(out, &first, "created_at", e->at_ms);
        buf_append_char(out, '}');
    }
}

/* ---- deliveries ---- */

/* Signed is the body as it stands: a forger who puts another one in its place has no secret. */
static void sign(const struct hooks *h, const struct subscription *s, enum hook_event kind,
                 bool wrong, bool test, struct callback_draft *d)
{
    uint8_t digest[DIGEST_LEN];
    char hex[DIGEST_HEX_LEN + 1], untold[32];
    snprintf(untold, sizeof untold, "untold-%08x", account_nonce(h->shop->account));
    digest_hmac(slice_of(s ? s->secret : untold), buf_slice(&d->body), digest);
    digest[0] ^= wrong;
    digest_hex(digest, sizeof digest, hex);
    snprintf(d->headers, sizeof d->headers, "X-ProspIQ-Signature: %s\nX-ProspIQ-Event: %s%s", hex,
             kinds[kind].name, test ? "\nX-ProspIQ-Test: true" : "");
}

static int find_test(const struct hooks *h, uint64_t number)
{
    for (int i = 0; i < TESTS_MAX; i++)
        if (h->test[i].number == number)
            return i;
    return -1;
}

static bool draft_test(struct hooks *h, uint64_t number, bool wrong, struct callback_draft *d)
{
    int i = find_test(h, number);
    if (i < 0 || h->subscription[h->test[i].place].number == 0)
        return false;
    const struct subscription *s = &h->subscription[h->test[i].place];
    snprintf(d->url, sizeof d->url, "%s", s->url);
    print_payload(s->kind, clock_wall_ms(), kinds[s->kind].sample, true, &d->body);
    sign(h, s, s->kind, wrong, true, d);
    return true;
}

bool hooks_callback(struct hooks *h, uint64_t cookie, enum callback_forgery forgery,
                    struct callback_draft *d)
{
    unsigned place = cookie & COOKIE_PLACE;
    bool wrong = forgery == FORGERY_SIGNATURE;
    if (cookie & COOKIE_TEST)
        return draft_test(h, cookie >> COOKIE_SHIFT, wrong, d);
    const struct event *e = h->event[cookie >> COOKIE_SHIFT];
    const struct subscription *s = place == PLACE_URL ? NULL : &h->subscription[place];
    if (!e || (s && (s->number == 0 || s->first > e->number)))
        return false;
    snprintf(d->url, sizeof d->url, "%s", s ? s->url : e->url);
    print_payload(e->kind, e->at_ms, e->data, false, &d->body);
    sign(h, s, e->kind, wrong, false, d);
    if (forgery == FORGERY_PERSON) {
        buf_reset(&d->body);
        print_payload(e->kind, e->at_ms, kinds[e->kind].sample, false, &d->body);
    }
    return true;
}

/* The test is over: its reply goes. status 0: there was none. */
static void end_test(struct hooks *h, uint64_t number, int status)
{
    int i = find_test(h, number);
    bool first = true, fine = status >= 200 && status <= 299;
    char message[ACCOUNT_URL_MAX + 64];
    if (i < 0)
        return;
    struct call *c = h->test[i].call;
    const char *url = h->subscription[h->test[i].place].url;
    h->test[i].number = 0;
    snprintf(message, sizeof message, "Test webhook %s to %s", fine ? "delivered" : "not delivered",
             url ? url : "a subscription that is gone");
    struct buf *out = call_json(c, 200);
    buf_append_char(out, '{');
    json_write_member_bool(out, &first, "success", fine);
    json_write_member_string(out, &first, "message", slice_of(message));
    json_write_member_i64(out, &first, "status_code", status);
    buf_append_char(out, '}');
    shop_release(h->shop, c);
}

int hooks_test(struct hooks *h, struct slice id, struct call *c)
{
    const struct subscription *s = find_subscription(h, id);
    int i = find_test(h, 0);
    if (!s)
        return 404;
    if (i < 0)
        return 429;
    h->test[i].number = ++h->tests;
    h->test[i].place = (unsigned)(s - h->subscription);
    h->test[i].call = c;
    c->held = true;
    callbacks_post(h->shop->callbacks, cookie_of(h->tests, COOKIE_TEST | h->test[i].place));
    h->shop->changed(h->shop->changed_arg);
    return 200;
}

void hooks_heard(struct hooks *h, uint64_t cookie, int status)
{
    unsigned place = cookie & COOKIE_PLACE;
    if (place < PLACES && h->subscription[place].number > 0) {
        struct subscription *s = &h->subscription[place];
        bool fine = status >= 200 && status <= 299;
        s->triggered_ms = clock_wall_ms();
        s->failures = fine ? 0 : s->failures + 1;
        s->failed_ms = fine ? s->failed_ms : s->triggered_ms;
    }
    if (cookie & COOKIE_TEST)
        end_test(h, cookie >> COOKIE_SHIFT, status);
}

void hooks_called(struct hooks *h, uint64_t cookie)
{
    bool first;
    if (cookie & COOKIE_TEST) {
        end_test(h, cookie >> COOKIE_SHIFT, 0);
        return;
    }
    struct event *e = h->event[cookie >> COOKIE_SHIFT];
    struct buf *note = note_begin(h, &first, "delivered");
    json_write_member_i64(note, &first, "number", (int64_t)e->number);
    json_write_member_i64(note, &first, "place", (int64_t)(cookie & COOKIE_PLACE));
    note_end(h, false);
    h->shop->changed(h->shop->changed_arg);
    e->pending &= ~((uint64_t)1 << (cookie & COOKIE_PLACE));
    release(h, e);
}

/* ---- reading notes ---- */

static bool recall_subscribed(struct hooks *h, struct json_value note, unsigned place)
{
    struct slice name, url, secret;
    enum hook_event kind;
    int64_t at_ms;
    if (place >= PLACES || h->subscription[place].number > 0 ||
        !json_get_string(note, "event", &name) || !hooks_find(name, &kind) ||
        !json_get_string(note, "url", &url) || !hooks_url_valid(url) ||
        !json_get_string(note, "secret", &secret) || secret.len >= SECRET_MAX ||
        !json_get_int(note, "at_ms", &at_ms))
        return false;
    apply_subscribed(h, place, kind, url, secret, at_ms);
    return true;
}

static bool recall_event(struct hooks *h, struct json_value note)
{
    struct slice name, url = SLICE_EMPTY;
    struct json_value data;
    enum hook_event kind;
    int64_t at_ms;
    if (!json_get_string(note, "event", &name) || !hooks_find(name, &kind) ||
        !json_get_int(note, "at_ms", &at_ms) || !json_get(note, "data", &data))
        return false;
    json_get_string(note, "url", &url);
    buf_reset(&h->note);
    json_print(data, &h->note);
    if (h->note.failed || url.len > URL_MAX)
        return false;
    apply_event(h, kind, at_ms, buf_slice(&h->note), url);
    return true;
}

static bool recall_delivered(struct hooks *h, struct json_value note, unsigned place)
{
    int64_t number;
    if (!json_get_int(note, "number", &number) || number < 0 || (uint64_t)number >= h->events ||
        place > PLACE_URL)
        return false;
    h->event[number]->pending &= ~((uint64_t)1 << place);
    return true;
}

bool hooks_recall(struct hooks *h, struct json_value note)
{
    struct slice what;
    int64_t number = PLACES;
    json_get_int(note, "place", &number);
    unsigned place = number >= 0 && number <= PLACE_URL ? (unsigned)number : PLACE_URL + 1;
    if (!json_get_string(note, "hook", &what))
        return false;
    if (slice_eq(what, SLICE_LIT("subscribed")))
        return recall_subscribed(h, note, place);
    if (slice_eq(what, SLICE_LIT("event")))
        return recall_event(h, note);
    if (slice_eq(what, SLICE_LIT("delivered")))
        return recall_delivered(h, note, place);
    bool known = slice_eq(what, SLICE_LIT("unsubscribed")) && place < PLACES;
    if (known)
        apply_unsubscribed(&h->subscription[place]);
    return known;
}
