/* Answers as prospiq does: a contact, or a list of them worked through one after the other while
 * the request waits; and its lists, subscriptions and events (hooks.c).
 *
 * An email costs 1, a phone 10, each only where found; only addresses that are verified count, so
 * risky and catch-all ones are never returned. A contact is worked on when what is left could pay
 * for the most it can cost; in a bulk the others are NO_CREDITS, and when that is all of them the
 * whole request is refused with 402.
 *
 * The forms:
 *   document  as the API reference has it, results in the order of the contacts
 *   shuffled  results in another order (the scenario's "shuffle" does the same in every form)
 *   skipping  no 402 for credits: status NO_CREDITS, as the reference says of /enrich, and for all
 *             contacts of a bulk
 *   explicit  what is not known is null instead of absent, and replies carry the search_id that
 *             adding to a list wants
 *
 * The key of the account is a live one, unless it begins with piq_test_; the same key with
 * piq_test_ before it (or in the place of piq_live_) is its sandbox key. A bulk counts as one
 * request. The reference rejects plain HTTP for webhooks; here it may be on this machine. There are
 * two lists, and nothing makes more. One thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "sim/hooks.h"
#include "sim/prospiq.h"
#include "sim/shop.h"
#include "sim/vendors.h"
#include "wire/digest.h"
#include "wire/json.h"
#include "wire/json_write.h"

#define DATA_MAX        ((size_t)4 << 20)
#define MEMBERS_MAX     10000   /* contacts in lists */
#define DAILY_UNLIMITED 1000000 /* what /credits says where there is no limit */
#define LIVE_PREFIX     "piq_live_"
#define TEST_PREFIX     "piq_test_"
#define RULE_DAY        1 /* of a tier */

enum endpoint {
    ENDPOINT_ENRICH,
    ENDPOINT_BULK,
    ENDPOINT_CREDITS,
    ENDPOINT_LISTS,
    ENDPOINT_LIST_ADD,
    ENDPOINT_SUBSCRIBE,
    ENDPOINT_UNSUBSCRIBE,
    ENDPOINT_WEBHOOKS,
    ENDPOINT_TEST,
    ENDPOINT_POLL,
    ENDPOINT_UNKNOWN
};
enum rate { RATE_LIVE, RATE_SANDBOX };

/* extra: contacts in a bulk; 0: the plan has no API. Growth comes first because the first one
 * stands in for plans that only other vendors have. */
static const struct limits_tier tiers[] = {
    {.name = "growth",
     .rule = {{LIMITS_BIT(RATE_LIVE) | LIMITS_BIT(RATE_SANDBOX), 100, LIMITS_MINUTE, false},
              [RULE_DAY] = {LIMITS_BIT(RATE_LIVE), 500, LIMITS_DAY, true}},
     .extra = 50},
    {.name = "pro",
     .rule = {{LIMITS_BIT(RATE_LIVE) | LIMITS_BIT(RATE_SANDBOX), 200, LIMITS_MINUTE, false},
              [RULE_DAY] = {LIMITS_BIT(RATE_LIVE), 1000, LIMITS_DAY, true}},
     .extra = PROSPIQ_BULK_MAX},
    {.name = "free"},
    {.name = "starter"},
    {.name = NULL},
};

static const struct {
    const char *id, *name, *description, *colour;
    bool pinned;
} lists[] = {
    {"list_000001", "Pinned sample", NULL, "indigo", true},
    {"list_000002", "Other sample", "A list of the simulator", "amber", false},
};
_Static_assert(sizeof lists / sizeof *lists == PROSPIQ_LISTS, "lists");
#define LISTS_CREATED_MS 1778577240000 /* 2026-05-12T09:14:00Z */

/* A contact in a list. */
struct prospiq_member {
    unsigned list;
    char search[ACCOUNT_ID_MAX];
};

struct prospiq *prospiq_own(struct shop *shop)
{
    return shop->state;
}

static void open_state(struct shop *shop)
{
    struct prospiq *v = prospiq_own(shop);
    v->member = calloc(MEMBERS_MAX, sizeof *v->member);
    v->hooks = hooks_create(shop);
    if (!v->member)
        abort();
    elements_init(&v->rows);
    buf_init(&v->event, DATA_MAX);
}

static void close_state(struct shop *shop)
{
    struct prospiq *v = prospiq_own(shop);
    hooks_destroy(v->hooks);
    free(v->member);
    elements_deinit(&v->rows);
    buf_deinit(&v->event);
}

const char *prospiq_plan(const struct shop *shop)
{
    return shop->tier ? shop->tier->name : "pro";
}

size_t prospiq_bulk_max(const struct shop *shop)
{
    return shop->tier ? (size_t)shop->tier->extra : PROSPIQ_BULK_MAX;
}

/* ---- keys and routes ---- */

static bool is_test_key(const char *key)
{
    return strncmp(key, TEST_PREFIX, sizeof TEST_PREFIX - 1) == 0;
}

/* The sandbox key of an account whose own key is a live one. */
static bool is_sandbox(const struct shop *shop, const char *key)
{
    const char *name = shop->key;
    if (shop_key_same(shop, key))
        return is_test_key(key);
    if (!key || !is_test_key(key))
        return false;
    if (strncmp(name, LIVE_PREFIX, sizeof LIVE_PREFIX - 1) == 0)
        name += sizeof LIVE_PREFIX - 1;
    key += sizeof TEST_PREFIX - 1;
    return strlen(key) == strlen(name) && digest_same(key, name, strlen(name)) != 0;
}

bool prospiq_sandbox(const struct shop *shop, const struct server_request *r)
{
    return is_sandbox(shop, shop_bearer(r));
}

static bool authorized(const struct shop *shop, const struct server_request *r)
{
    const char *key = shop_bearer(r);
    return shop_key_same(shop, key) || is_sandbox(shop, key);
}

static unsigned rate(const struct shop *shop, const struct route *route,
                     const struct server_request *r)
{
    bool live = route->rate == RATE_LIVE;
    return live && is_sandbox(shop, shop_bearer(r)) ? RATE_SANDBOX : route->rate;
}

/* What is between head and tail, if the path begins and ends like that. */
static bool path_part(const char *path, const char *head, const char *tail, char id[ACCOUNT_ID_MAX])
{
    size_t len = strlen(path), before = strlen(head), behind = strlen(tail);
    if (len <= before + behind || strncmp(path, head, before) != 0 ||
        strcmp(path + len - behind, tail) != 0)
        return false;
    len -= before + behind;
    snprintf(id, ACCOUNT_ID_MAX, "%.*s", len < ACCOUNT_ID_MAX ? (int)len : 0, path + before);
    return true;
}

static struct route route(const char *method, const char *path)
{
    static const char prefix[] = "/api/v1";
    static const struct {
        const char *method, *path;
        enum endpoint endpoint;
        enum fault_class class;
    } table[] = {
        {"POST", "/enrich", ENDPOINT_ENRICH, CLASS_SINGLE},
        {"POST", "/enrich/bulk", ENDPOINT_BULK, CLASS_SUBMIT},
        {"GET", "/credits", ENDPOINT_CREDITS, CLASS_BALANCE},
        {"GET", "/lists", ENDPOINT_LISTS, CLASS_OTHER},
        {"POST", "/subscribe", ENDPOINT_SUBSCRIBE, CLASS_OTHER},
        {"DELETE", "/subscribe", ENDPOINT_UNSUBSCRIBE, CLASS_OTHER},
        {"GET", "/webhooks", ENDPOINT_WEBHOOKS, CLASS_OTHER},
        {"POST", "/webhooks/test", ENDPOINT_TEST, CLASS_OTHER},
    };
    struct route r = {.endpoint = ENDPOINT_UNKNOWN, .class = CLASS_OTHER, .rate = LIMITS_NONE};
    if (strncmp(path, prefix, sizeof prefix - 1) != 0)
        return r;
    path += sizeof prefix - 1;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(method, table[i].method) == 0 && strcmp(path, table[i].path) == 0) {
            r.endpoint = table[i].endpoint;
            r.class = table[i].class;
        }
    if (r.class == CLASS_SINGLE || r.class == CLASS_SUBMIT)
        r.service = &prospiq_service;
    if (strcmp(method, "POST") == 0 && path_part(path, "/lists/", "/contacts", r.id))
        r.endpoint = ENDPOINT_LIST_ADD;
    if (strcmp(method, "GET") == 0 && path_part(path, "/webhooks/poll/", "", r.id)) {
        r.endpoint = ENDPOINT_POLL;
        r.class = CLASS_POLL;
    }
    if (r.endpoint != ENDPOINT_UNKNOWN)
        r.rate = RATE_LIVE;
    return r;
}

void prospiq_problem(struct shop *shop, struct call *c, int status, const char *detail)
{
    (void)shop;
    call_error(c, status, detail);
}

/* The reference names no header that says when to come again. */
static void limited(struct shop *shop, struct call *c, const struct limits_state *state,
                    const char *retry_after, int64_t seconds)
{
    bool daily = state->rule && state->rule->calendar;
    (void)seconds;
    if (retry_after && retry_after != SHOP_NO_HINT)
        buf_append_format(&c->headers, "Retry-After: %s\n", retry_after);
    prospiq_problem(shop, c, 429, daily ? "Daily request limit exceeded" : "Rate limit exceeded");
}

bool prospiq_read(struct shop *shop, struct call *c, struct json_value *root)
{
    if (shop_read(shop, c, root))
        return true;
    prospiq_problem(shop, c, 400, "The request body is not a JSON object");
    return false;
}

/* The body and one string of it; false, with the reply made, when it is not there. */
static bool read_text(struct shop *shop, struct call *c, struct json_value *root, const char *name,
                      struct slice *text)
{
    char detail[64];
    if (!prospiq_read(shop, c, root))
        return false;
    if (json_get_string(*root, name, text) && text->len > 0)
        return true;
    snprintf(detail, sizeof detail, "%s is required", name);
    prospiq_problem(shop, c, 422, detail);
    return false;
}

/* ---- credits ---- */

/* Count the request for daily_requests_used. */
static void count_request(struct shop *shop, const struct call *c)
{
    struct prospiq *v = prospiq_own(shop);
    int64_t day = shop_wall_ms(shop) / LIMITS_DAY;
    if (day != v->day)
        v->live = v->sandbox = 0;
    v->day = day;
    *(prospiq_sandbox(shop, c->request) ? &v->sandbox : &v->live) += 1;
}

static void apply_credits(struct shop *shop, struct call *c)
{
    struct prospiq *v = prospiq_own(shop);
    int64_t live = shop->tier
                       ? limits_used(shop->limits, RULE_DAY, shop_now_ms(shop), shop_wall_ms(shop))
                       : v->live;
    bool first = true;
    buf_reset(&shop->data);
    json_write_member_i64(&shop->data, &first, "credits", account_available(shop->account));
    json_write_member_string(&shop->data, &first, "plan", slice_of(prospiq_plan(shop)));
    json_write_member_i64(&shop->data, &first, "daily_requests_used", live + v->sandbox);
    json_write_member_i64(&shop->data, &first, "daily_limit",
                          shop->tier ? shop->tier->rule[RULE_DAY].count : DAILY_UNLIMITED);
    call_data(c, 200, "", NULL, buf_slice(&shop->data));
}

/* ---- lists ---- */

static void member_time(struct buf *out, bool *first, const char *name, int64_t wall_ms)
{
    char text[32];
    hooks_print_time(wall_ms, text);
    json_write_member_string(out, first, name, slice_of(text));
}

static void print_list(const struct prospiq *v, unsigned i, struct buf *out)
{
    bool first = true;
    int64_t count = 0;
    for (unsigned m = 0; m < v->members; m++)
        count += v->member[m].list == i;
    buf_append_text(out, i ? ",{" : "{");
    json_write_member_string(out, &first, "id", slice_of(lists[i].id));
    json_write_member_string(out, &first, "name", slice_of(lists[i].name));
    json_write_key(out, &first, "description");
    if (lists[i].description)
        json_write_string(out, slice_of(lists[i].description));
    else
        buf_append_text(out, "null");
    json_write_member_string(out, &first, "color", slice_of(lists[i].colour));
    json_write_member_bool(out, &first, "is_pinned", lists[i].pinned);
    json_write_member_i64(out, &first, "contact_count", count);
    member_time(out, &first, "created_at", LISTS_CREATED_MS);
    member_time(out, &first, "updated_at", v->updated_ms[i] ? v->updated_ms[i] : LISTS_CREATED_MS);
    buf_append_char(out, '}');
}

static void apply_lists(struct shop *shop, struct call *c)
{
    struct buf *out = call_json(c, 200);
    buf_append_text(out, "{\"lists\":[");
    for (unsigned i = 0; i < PROSPIQ_LISTS; i++)
        print_list(prospiq_own(shop), i, out);
    buf_append_text(out, "]}");
}

/* A search that is looked for among the events. */
struct search {
    struct slice id;
    unsigned list;
    bool found;
    struct buf *data; /* of the event that tells of its being listed */
};

static int look_at_note(void *arg, struct json_value note, struct error *e)
{
    static const char *const copied[][2] = {{"contact_email", "email"},
                                            {"company", "company"},
                                            {"job_title", "job_title"},
                                            {"search_id", "search_id"}};
    struct search *s = arg;
    struct json_value data, value;
    struct slice id, name, last;
    bool first = true;
    (void)e;
    if (s->found || !json_get_string(note, "event", &name) ||
        !slice_eq(name, slice_of(hooks_name(HOOK_VERIFIED))) || !json_get(note, "data", &data) ||
        !json_get_string(data, "search_id", &id) || !slice_eq(id, s->id))
        return 0;
    s->found =
        json_get_string(data, "first_name", &name) && json_get_string(data, "last_name", &last);
    buf_reset(s->data);
    buf_append_char(s->data, '{');
    json_write_member_string(s->data, &first, "list_id", slice_of(lists[s->list].id));
    json_write_member_string(s->data, &first, "list_name", slice_of(lists[s->list].name));
    char full[2048];
    snprintf(full, sizeof full, "%.*s %.*s", SLICE_ARG(name), SLICE_ARG(last));
    json_write_member_string(s->data, &first, "contact_name", slice_of(full));
    for (size_t i = 0; i < sizeof copied / sizeof *copied; i++)
        if (json_get(data, copied[i][1], &value)) {
            json_write_key(s->data, &first, copied[i][0]);
            json_print(value, s->data);
        }
    buf_append_char(s->data, '}');
    return 0;
}

/* The status: 200, 404, 409, 422. */
static int add_to_list(struct shop *shop, unsigned list, struct slice id, struct error *e)
{
    struct prospiq *v = prospiq_own(shop);
    struct search s = {.id = id, .list = list, .data = &v->event};
    struct prospiq_member *m = &v->member[v->members];
    bool first = true;
    if (id.len >= sizeof m->search)
        return 404;
    for (unsigned i = 0; i < v->members; i++)
        if (v->member[i].list == list && slice_eq(id, slice_of(v->member[i].search)))
            return 409;
    if (v->members == MEMBERS_MAX)
        return 422;
    if (account_walk_notes(shop->account, look_at_note, &s, e) != 0)
        return 500;
    if (!s.found)
        return 404;
    *m = (struct prospiq_member){.list = list};
    memcpy(m->search, id.data, id.len);
    v->members++;
    v->updated_ms[list] = clock_wall_ms();
    buf_reset(&shop->data);
    json_write_member_string(&shop->data, &first, "listed", id);
    json_write_member_i64(&shop->data, &first, "list", list);
    json_write_member_i64(&shop->data, &first, "at_ms", v->updated_ms[list]);
    account_note(shop->account, buf_slice(&shop->data), true);
    hooks_add(v->hooks, HOOK_LISTED, v->updated_ms[list], buf_slice(&v->event), SLICE_EMPTY);
    return 200;
}

static void apply_list_add(struct shop *shop, const struct route *route, struct call *c)
{
    struct json_value root;
    struct slice id;
    struct error e = {0};
    unsigned list = 0;
    bool first = true;
    if (!read_text(shop, c, &root, "search_id", &id))
        return;
    while (list < PROSPIQ_LISTS && strcmp(lists[list].id, route->id) != 0)
        list++;
    int status = list < PROSPIQ_LISTS ? add_to_list(shop, list, id, &e) : 404;
    if (status != 200) {
        prospiq_problem(shop, c, status,
                        status == 404   ? "There is no such list or search"
                        : status == 409 ? "The contact is already in the list"
                        : status == 422 ? "The lists are full"
                                        : e.message);
        return;
    }
    struct buf *out = call_json(c, 200);
    buf_append_char(out, '{');
    json_write_member_bool(out, &first, "success", true);
    json_write_member_string(out, &first, "list_id", slice_of(lists[list].id));
    json_write_member_string(out, &first, "search_id", id);
    buf_append_char(out, '}');
}

static bool recall(struct shop *shop, struct json_value note)
{
    struct prospiq *v = prospiq_own(shop);
    struct prospiq_member *m = &v->member[v->members];
    struct slice id;
    int64_t list;
    if (!json_get_string(note, "listed", &id))
        return hooks_recall(v->hooks, note);
    if (v->members == MEMBERS_MAX || id.len >= sizeof m->search ||
        !json_get_int(note, "list", &list) || list < 0 || list >= PROSPIQ_LISTS ||
        !json_get_int(note, "at_ms", &v->updated_ms[list]))
        return false;
    *m = (struct prospiq_member){.list = (unsigned)list};
    memcpy(m->search, id.data, id.len);
    v->members++;
    return true;
}

/* ---- webhooks ---- */

static void apply_subscribe(struct shop *shop, struct call *c)
{
    struct prospiq *v = prospiq_own(shop);
    struct json_value root;
    struct slice name, url;
    enum hook_event event;
    if (!read_text(shop, c, &root, "event", &name))
        return;
    if (!hooks_find(name, &event) || !json_get_string(root, "target_url", &url) ||
        !hooks_url_valid(url)) {
        prospiq_problem(
            shop, c, 422,
            "event must be one of those that GET /v1/webhooks lists, target_url an HTTPS "
            "URL");
        return;
    }
    buf_reset(&shop->data);
    int status = hooks_subscribe(v->hooks, event, url, &shop->data);
    if (status == 200)
        call_data(c, 200, "", NULL, buf_slice(&shop->data));
    else
        prospiq_problem(shop, c, status,
                        status == 409 ? "There is such a subscription already"
                                      : "There are too many subscriptions");
}

static void apply_unsubscribe(struct shop *shop, struct call *c)
{
    const char *id = server_query(c->request, "id");
    if (!id)
        prospiq_problem(shop, c, 422, "id is required");
    else if (!hooks_unsubscribe(prospiq_own(shop)->hooks, id))
        prospiq_problem(shop, c, 404, "There is no such subscription");
    else
        buf_append_text(call_json(c, 200), "{\"success\":true}");
}

static void apply_webhooks(struct shop *shop, struct call *c)
{
    static const char *const labels[HOOK_EVENTS] = {[HOOK_VERIFIED] = "New verified contact",
                                                    [HOOK_LOW] = "Credits running low (50%)",
                                                    [HOOK_EXHAUSTED] = "Credits exhausted (0)",
                                                    [HOOK_BULK] = "Bulk enrichment job completed",
                                                    [HOOK_LISTED] = "Contact added to a list"};
    struct buf *out = call_json(c, 200);
    buf_append_text(out, "{\"subscriptions\":[");
    hooks_print(prospiq_own(shop)->hooks, out);
    buf_append_text(out, "],\"available_events\":[");
    for (unsigned i = 0; i < HOOK_EVENTS; i++)
        buf_append_format(out, "%s{\"event\":\"%s\",\"label\":\"%s\"}", i ? "," : "",
                          hooks_name((enum hook_event)i), labels[i]);
    buf_append_text(out, "]}");
}

static void apply_test(struct shop *shop, struct call *c)
{
    struct json_value root;
    struct slice id;
    if (!read_text(shop, c, &root, "subscription_id", &id))
        return;
    int status = hooks_test(prospiq_own(shop)->hooks, id, c);
    if (status != 200)
        prospiq_problem(shop, c, status,
                        status == 404 ? "There is no such subscription"
                                      : "Too many tests are under way");
}

static bool digits(const char **text, unsigned count, char behind, int *value)
{
    *value = 0;
    for (; count > 0; count--, ++*text) {
        if (**text < '0' || **text > '9')
            return false;
        *value = *value * 10 + (**text - '0');
    }
    return !behind || *(*text)++ == behind;
}

/* "2026-05-13T12:00:00Z", with or without thousandths; -1 for anything else. */
static int64_t parse_time(const char *text)
{
    struct tm t = {0};
    int ms = 0;
    if (!digits(&text, 4, '-', &t.tm_year) || !digits(&text, 2, '-', &t.tm_mon) ||
        !digits(&text, 2, 'T', &t.tm_mday) || !digits(&text, 2, ':', &t.tm_hour) ||
        !digits(&text, 2, ':', &t.tm_min) || !digits(&text, 2, '\0', &t.tm_sec))
        return -1;
    if (*text == '.' && (text++, !digits(&text, 3, '\0', &ms)))
        return -1;
    t.tm_year -= 1900;
    t.tm_mon--;
    return strcmp(text, "Z") == 0 ? (int64_t)timegm(&t) * 1000 + ms : -1;
}

static void apply_poll(struct shop *shop, const struct route *route, struct call *c)
{
    const char *since = server_query(c->request, "since");
    int64_t since_ms = since ? parse_time(since) : 0;
    enum hook_event event;
    if (!hooks_find(slice_of(route->id), &event) || since_ms < 0) {
        prospiq_problem(shop, c, since_ms < 0 ? 422 : 404,
                        since_ms < 0 ? "since must be like 2026-05-13T12:00:00Z"
                                     : "There is no such event");
        return;
    }
    struct buf *out = &shop->data;
    buf_reset(out);
    buf_append_text(out, "\"events\":[");
    hooks_print_events(prospiq_own(shop)->hooks, event, since_ms, out);
    buf_append_char(out, ']');
    call_data(c, 200, "", NULL, buf_slice(out));
}

/* ---- the descriptor ---- */

static void apply(struct shop *shop, const struct route *route, struct call *c)
{
    if (route->rate != LIMITS_NONE)
        count_request(shop, c);
    if (prospiq_bulk_max(shop) == 0) {
        prospiq_problem(shop, c, 403, "Your plan does not include API access");
        return;
    }
    switch ((enum endpoint)route->endpoint) {
    case ENDPOINT_ENRICH:
        prospiq_enrich(shop, c);
        return;
    case ENDPOINT_BULK:
        prospiq_enrich_bulk(shop, c);
        return;
    case ENDPOINT_CREDITS:
        apply_credits(shop, c);
        return;
    case ENDPOINT_LISTS:
        apply_lists(shop, c);
        return;
    case ENDPOINT_LIST_ADD:
        apply_list_add(shop, route, c);
        return;
    case ENDPOINT_SUBSCRIBE:
        apply_subscribe(shop, c);
        return;
    case ENDPOINT_UNSUBSCRIBE:
        apply_unsubscribe(shop, c);
        return;
    case ENDPOINT_WEBHOOKS:
        apply_webhooks(shop, c);
        return;
    case ENDPOINT_TEST:
        apply_test(shop, c);
        return;
    case ENDPOINT_POLL:
        apply_poll(shop, route, c);
        return;
    case ENDPOINT_UNKNOWN:
        prospiq_problem(shop, c, 404, "There is no such endpoint, or it is not simulated");
        return;
    }
}

static void alarm_rings(struct shop *shop, uint64_t cookie)
{
    (void)cookie;
    hooks_alarm(prospiq_own(shop)->hooks);
}

static bool callback(struct shop *shop, uint64_t cookie, enum callback_forgery forgery,
                     struct callback_draft *draft)
{
    return hooks_callback(prospiq_own(shop)->hooks, cookie, forgery, draft);
}

static void heard(struct shop *shop, uint64_t cookie, int status, struct slice body)
{
    (void)body;
    hooks_heard(prospiq_own(shop)->hooks, cookie, status);
}

static void called(struct shop *shop, uint64_t cookie, bool delivered)
{
    (void)delivered;
    hooks_called(prospiq_own(shop)->hooks, cookie);
}

const struct vendor prospiq_vendor = {
    .name = "prospiq",
    .document = "prospiq API reference",
    .services = &prospiq_service,
    .service_count = 1,
    .tiers = tiers,
    .forms = {"document", "shuffled", "skipping", "explicit"},
    .latency = {{"contact", {300, 700, 1500}}},
    .callbacks = {.retries = 3, .pause_ms = 2000},
    .state_size = sizeof(struct prospiq),
    .open = open_state,
    .close = close_state,
    .recall = recall,
    .authorized = authorized,
    .rate = rate,
    .route = route,
    .apply = apply,
    .problem = prospiq_problem,
    .limited = limited,
    .judge = prospiq_judge,
    .alarm = alarm_rings,
    .callback = callback,
    .heard = heard,
    .called = called,
};
