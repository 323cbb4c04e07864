/* Answers as Unstuck does: one record, a name to be discovered, a company, or up to 100 records,
 * each while the request waits.
 *
 * A channel costs what it costs where something was found: work_email and personal_email 2, phone
 * 4, linkedin_url 1; discovering a person 2 more, a company that is known 3. (The document names
 * no prices; these are of the size of its example.) A request whose channels could cost more than
 * is left is not carried out. The single-record endpoint is idempotent on identity and channels: a
 * repeated question is answered again from what was true then, at once and for nothing, unless
 * force says otherwise, also after a restart. What bulks and discoveries found is not remembered:
 * the document promises it for that endpoint alone.
 *
 * One in a hundred records of a bulk is an error. The document leaves shapes open; the forms are
 *   document  a bulk is an array; a channel without a value is null; errors are {"error":"..."}
 *   results   {"results":[...],"credits_used":N}, elements with the email and linkedin_url as they
 *             were sent; {"value":null,"tried_providers":[...]}; {"error":{"code","message"}}
 *   records   {"records":[...]}; channels without a value are left out; errors have no channels; a
 *             bulk that cannot be paid for is answered as far as it can, the rest are errors
 *   data      {"data":[...],"credits_used":N}; {"value":""}; errors are null; a workspace that buys
 *             credits by itself: there is no 402
 * and without credits 402, of a whole bulk, in the first two. The scenario's "shuffle" gives the
 * elements of bulks in another order.
 *
 * The verification webhook is the other way round: see unstuck_verify.c. One thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/elements.h"
#include "sim/person.h"
#include "sim/shop.h"
#include "sim/unstuck.h"
#include "sim/unstuck_verify.h"
#include "sim/vendors.h"
#include "wire/json.h"
#include "wire/json_write.h"
#include "wire/utf8.h"

#define FIELD_MAX 500  /* characters */
#define BOUGHT    1000 /* credits that a workspace buys at a time */

enum rate { RATE_SINGLE, RATE_BULK };
static const struct limits_tier tiers[] = {
    {.name = "workspace",
     .rule = {{LIMITS_BIT(RATE_SINGLE), 100, LIMITS_MINUTE, false},
              {LIMITS_BIT(RATE_BULK), 20, LIMITS_MINUTE, false},
              {LIMITS_BIT(RATE_SINGLE) | LIMITS_BIT(RATE_BULK), 10000, LIMITS_DAY, false}}},
    {.name = NULL},
};

/* A question that was answered, and from what. */
struct answer {
    XXH128_hash_t key;
    struct truth truth;
    bool used;
};

struct unstuck {
    struct elements elements;
    bool remembered; /* the answers of earlier processes are there too */
    struct answer *answer;
    size_t answers, places; /* places: 0 or a power of two */
    struct unstuck_verify *verify;
};

static struct unstuck *own(struct shop *shop)
{
    return shop->state;
}

static void open_state(struct shop *shop)
{
    struct unstuck *v = own(shop);
    v->verify = unstuck_verify_create(shop);
    elements_init(&v->elements);
}

static void close_state(struct shop *shop)
{
    struct unstuck *v = own(shop);
    unstuck_verify_destroy(v->verify);
    elements_deinit(&v->elements);
    free(v->answer);
}

static bool authorized(const struct shop *shop, const struct server_request *r)
{
    return shop_key_same(shop, shop_bearer(r));
}

static struct route route(const char *method, const char *path)
{
    static const char *const paths[] = {[ENDPOINT_SINGLE] = "/enrichment",
                                        [ENDPOINT_DISCOVER] = "/enrichment/discover",
                                        [ENDPOINT_ACCOUNT] = "/enrichment/account",
                                        [ENDPOINT_BULK] = "/enrichment/bulk"};
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++)
        if (strcmp(method, "POST") == 0 && strcmp(path, paths[i]) == 0)
            return (struct route){.endpoint = i,
                                  .service = &unstuck_services[i],
                                  .class = i == ENDPOINT_BULK ? CLASS_SUBMIT : CLASS_SINGLE,
                                  .rate = i == ENDPOINT_BULK ? RATE_BULK : RATE_SINGLE};
    return (struct route){.endpoint = ENDPOINT_UNKNOWN, .class = CLASS_OTHER, .rate = LIMITS_NONE};
}

/* The document shows no error; this is the usual one. */
static void problem(struct shop *shop, struct call *c, int status, const char *detail)
{
    (void)shop;
    call_error(c, status, detail);
}

static void limited(struct shop *shop, struct call *c, const struct limits_state *state,
                    const char *retry_after, int64_t seconds)
{
    bool daily = state->rule && state->rule->per_ms == LIMITS_DAY;
    (void)seconds;
    if (retry_after && retry_after != SHOP_NO_HINT)
        buf_append_format(&c->headers, "Retry-After: %s\n", retry_after);
    problem(shop, c, 429,
            daily ? "10,000 requests per day per workspace" : "Too many requests per minute");
}

/* ---- what is asked ---- */

static bool read_root(struct shop *shop, struct call *c, struct json_value *root)
{
    if (shop_read(shop, c, root))
        return true;
    problem(shop, c, 400, "The body is not a JSON object");
    return false;
}

/* A string, or nothing where it is absent or null. */
static bool read_field(struct json_value from, const char *name, struct slice *text)
{
    struct json_value value;
    *text = SLICE_EMPTY;
    if (!json_get(from, name, &value) || json_type(value) == JSON_NULL)
        return true;
    return json_string(value, text) && utf8_count(*text) <= FIELD_MAX;
}

/* The channels as bits; 0: not a list of them. */
static unsigned read_channels(struct json_value root)
{
    struct json_value list;
    struct json_walk w;
    unsigned bits = 0;
    if (!json_get(root, "channels", &list) || json_type(list) == JSON_NULL)
        return CHANNELS_ALL;
    if (json_type(list) != JSON_ARRAY)
        return 0;
    for (bool more = json_walk_begin(&w, list); more; more = json_walk_next(&w)) {
        struct slice name;
        if (!json_string(w.value, &name) || unstuck_channel(name) == CHANNELS)
            return 0;
        bits |= 1u << unstuck_channel(name);
    }
    return bits;
}

/* What the endpoint wants is there; NULL, or what is wrong. */
static const char *check_fields(const struct question *q)
{
    const struct slice *f = q->normal;
    if (unstuck_asks_company(q))
        return f[ACCOUNT_DOMAIN].len > 0 ? NULL : "domain is required";
    if (unstuck_discovers(q))
        return f[FIELD_FIRST].len > 0 && f[FIELD_LAST].len > 0 && f[FIELD_DOMAIN].len > 0
                   ? NULL
                   : "first_name, last_name and company_domain are required";
    if (f[FIELD_EMAIL].len == 0 && f[FIELD_URL].len == 0 && f[FIELD_DOMAIN].len == 0)
        return "at least one of email, linkedin_url, company_domain is required";
    if (f[FIELD_EMAIL].len > 0 && !memchr(f[FIELD_EMAIL].data, '@', f[FIELD_EMAIL].len))
        return "email is not an address";
    return NULL;
}

/* A normal question out of an object; NULL, or what is wrong. Its channels lie in text. */
static const char *read_question(struct shop *shop, const struct service *service,
                                 struct json_value from, unsigned bits, char text[64],
                                 struct question *q)
{
    *q = (struct question){.service = service};
    for (unsigned i = 0; i < service->fields; i++) {
        bool person = !unstuck_asks_company(q);
        bool names = person && (i == FIELD_FIRST || i == FIELD_LAST);
        bool identity = person && (i == FIELD_EMAIL || i == FIELD_URL);
        q->field[i] = SLICE_EMPTY;
        if ((person && i == FIELD_CHANNELS) || (unstuck_discovers(q) ? identity : names))
            continue;
        if (!read_field(from, service->field[i], &q->field[i]))
            return "the fields must be strings of at most 500 characters";
    }
    if (!unstuck_asks_company(q))
        q->field[FIELD_CHANNELS] = unstuck_name_channels(bits, text);
    shop_normalise(shop, q);
    const char *wrong = check_fields(q);
    struct person_hints h = unstuck_hints(q);
    if (wrong)
        return wrong;
    switch (person_refuses(&h)) {
    case TRUTH_TAKEN:
        return NULL;
    case TRUTH_REFUSED:
        return "the domain is refused";
    case TRUTH_POISON:
        return "the request is not valid";
    }
    return NULL;
}

static int64_t draw_latency(const struct shop *shop, const struct question *q)
{
    uint64_t bits = XXH3_64bits_withSeed(q->key.data, q->key.len, shop->truth.seed + 1);
    return latency_draw(&shop->settings.latency[q->service - unstuck_services], bits);
}

/* ---- credits ---- */

static bool buys(const struct shop *shop)
{
    return shop->settings.form == FORM_DATA;
}

/* Whether so much can be spent. */
static bool afford(struct shop *shop, int64_t credits)
{
    while (buys(shop) && account_available(shop->account) < credits)
        account_topup(shop->account, BOUGHT);
    return account_available(shop->account) >= credits;
}

static void no_credits(struct shop *shop, struct call *c)
{
    problem(shop, c, 402, "Out of credits");
}

/* ---- what was answered before ---- */

static struct answer *find_answer(const struct unstuck *v, XXH128_hash_t key)
{
    size_t i = key.low64 & (v->places - 1);
    while (v->answer[i].used && !XXH128_isEqual(v->answer[i].key, key))
        i = (i + 1) & (v->places - 1);
    return &v->answer[i];
}

static void grow_answers(struct unstuck *v)
{
    struct unstuck old = *v;
    v->places = old.places ? old.places * 2 : 256;
    v->answer = calloc(v->places, sizeof *v->answer);
    if (!v->answer)
        abort();
    for (size_t i = 0; i < old.places; i++)
        if (old.answer[i].used)
            *find_answer(v, old.answer[i].key) = old.answer[i];
    free(old.answer);
}

static XXH128_hash_t key_of(const struct question *q)
{
    return XXH3_128bits(q->key.data, q->key.len);
}

static void remember(struct unstuck *v, const struct question *q, const struct truth *t)
{
    if ((v->answers + 1) * 2 > v->places)
        grow_answers(v);
    struct answer *a = find_answer(v, key_of(q));
    v->answers += !a->used;
    *a = (struct answer){.key = key_of(q), .truth = *t, .used = true};
}

static int remember_old(void *arg, const struct question *q, const struct truth *truth,
                        int64_t credits, struct error *e)
{
    (void)credits;
    (void)e;
    if (q->service == &unstuck_services[ENDPOINT_SINGLE])
        remember(arg, q, truth);
    return 0;
}

/* Before the first question of this process is read. False, with the reply made, when the account
 * cannot be. */
static bool recollect(struct shop *shop, struct call *c)
{
    struct unstuck *v = own(shop);
    struct error e = {0};
    if (!v->remembered &&
        account_walk_answers(shop->account, &shop->scratch, remember_old, v, &e) != 0) {
        problem(shop, c, 500, e.message);
        return false;
    }
    v->remembered = true;
    return true;
}

/* ---- requests ---- */

static void reply_company(struct shop *shop, struct call *c, const struct unstuck_finding *f)
{
    struct buf *out = &shop->data;
    buf_reset(out);
    unstuck_print_company(shop, f, out);
    call_data(c, 200, "", NULL, buf_slice(out));
}

/* One question: of the three endpoints that take one. */
static void apply_one(struct shop *shop, const struct service *service, struct call *c)
{
    struct json_value root;
    struct question q;
    struct unstuck_finding f;
    char text[64];
    bool force = false, single = service == &unstuck_services[ENDPOINT_SINGLE];
    if (!recollect(shop, c) || !read_root(shop, c, &root))
        return;
    unsigned bits = single ? read_channels(root) : CHANNELS_ALL;
    const char *wrong = bits ? read_question(shop, service, root, bits, text, &q)
                             : "channels must be a list of work_email, personal_email, phone, "
                               "linkedin_url";
    if (wrong) {
        problem(shop, c, 400, wrong);
        return;
    }
    json_get_bool(root, "force", &force);
    const struct answer *before =
        single && !force && own(shop)->places > 0 ? find_answer(own(shop), key_of(&q)) : NULL;
    bool cached = before && before->used;
    if (!cached && !afford(shop, unstuck_price_max(&q))) {
        no_credits(shop, c);
        return;
    }
    struct truth truth = cached ? before->truth : shop->truth;
    unstuck_find(&truth, &q, &f);
    int64_t credits = cached ? 0 : f.credits;
    account_answer(shop->account, &c->post, &truth, &q, credits);
    c->accepted = true;
    c->hold_ms = cached ? 0 : shop_real_ms(shop, draw_latency(shop, &q));
    if (single)
        remember(own(shop), &q, &truth);
    if (unstuck_asks_company(&q)) {
        reply_company(shop, c, &f);
        return;
    }
    buf_reset(&shop->data);
    unstuck_print_record(shop, &q, &f, false, credits, &shop->data);
    call_data(c, 200, "", NULL, buf_slice(&shop->data));
}

struct bulk {
    struct json_value records;
    unsigned bits;
    int64_t price; /* the most that each can cost */
    int64_t left, used;
    int64_t latency_ms;
};

/* All of it is fine before any of it is worked on. False with the reply made. */
static bool read_bulk(struct shop *shop, struct call *c, struct bulk *b)
{
    struct json_value root;
    struct json_walk w;
    char detail[192], text[64];
    uint64_t i = 0, count;
    *b = (struct bulk){0};
    if (!read_root(shop, c, &root))
        return false;
    b->bits = read_channels(root);
    bool list = json_get(root, "records", &b->records) && json_type(b->records) == JSON_ARRAY;
    count = list ? json_count(b->records) : 0;
    if (!b->bits || count < 1 || count > ELEMENTS_MAX) {
        problem(shop, c, 400,
                b->bits ? "records must be a list of 1 to 100"
                        : "channels must be a list of work_email, personal_email, phone, "
                          "linkedin_url");
        return false;
    }
    for (bool more = json_walk_begin(&w, b->records); more; more = json_walk_next(&w), i++) {
        struct question q;
        const char *wrong =
            read_question(shop, &unstuck_services[ENDPOINT_BULK], w.value, b->bits, text, &q);
        b->price = unstuck_price_max(&q);
        if (!wrong)
            continue;
        snprintf(detail, sizeof detail, "records[%llu]: %s", (unsigned long long)i, wrong);
        problem(shop, c, 400, detail);
        return false;
    }
    return true;
}

static void print_element(struct shop *shop, const struct question *q,
                          const struct unstuck_finding *f)
{
    struct buf *out = &own(shop)->elements.text;
    if (!f || f->error) {
        unstuck_print_error(shop, q, f, out);
        return;
    }
    buf_append_char(out, '{');
    unstuck_print_record(shop, q, f, shop->settings.form == FORM_RESULTS, f->credits, out);
    buf_append_char(out, '}');
}

static void work_on(struct shop *shop, struct bulk *b, struct json_value record)
{
    struct question q;
    struct unstuck_finding f;
    char text[64];
    read_question(shop, &unstuck_services[ENDPOINT_BULK], record, b->bits, text, &q);
    if (b->left < b->price) {
        print_element(shop, &q, NULL);
        return;
    }
    unstuck_find(&shop->truth, &q, &f);
    account_answer_add(shop->account, &q, f.credits);
    b->left -= f.credits;
    b->used += f.credits;
    b->latency_ms += draw_latency(shop, &q);
    print_element(shop, &q, &f);
}

/* An element that nobody asked for. */
static void print_stranger(struct shop *shop, const struct bulk *b, uint64_t number)
{
    char email[64], text[64];
    struct unstuck_finding f;
    struct question q = {.service = &unstuck_services[ENDPOINT_BULK]};
    snprintf(email, sizeof email, "stranger%llx@everybody.example", (unsigned long long)number);
    q.field[FIELD_EMAIL] = slice_of(email);
    q.field[FIELD_CHANNELS] = unstuck_name_channels(b->bits, text);
    shop_normalise(shop, &q);
    unstuck_find(&shop->truth, &q, &f);
    print_element(shop, &q, &f);
}

static void reply_bulk(struct shop *shop, struct call *c, const struct bulk *b)
{
    static const char *const roots[] = {
        [FORM_RESULTS] = "results", [FORM_RECORDS] = "records", [FORM_DATA] = "data"};
    const char *root = roots[shop->settings.form];
    struct buf *out = &shop->data;
    bool bare = !root || c->fault.kind == FAULT_FLAT;
    bool totals = shop->settings.form != FORM_RECORDS;
    buf_reset(out);
    if (!bare)
        buf_append_format(out, "\"%s\":", root);
    buf_append_char(out, '[');
    elements_print(&own(shop)->elements, c, shop->settings.shuffle, out);
    buf_append_char(out, ']');
    if (bare) {
        buf_append_slice(call_json(c, 200), buf_slice(out));
        return;
    }
    if (totals)
        buf_append_format(out, ",\"credits_used\":%lld", (long long)b->used);
    call_data(c, 200, "", NULL, buf_slice(out));
}

static void apply_bulk(struct shop *shop, struct call *c)
{
    struct elements *elements = &own(shop)->elements;
    struct json_walk w;
    struct bulk b;
    if (!read_bulk(shop, c, &b))
        return;
    bool whole = afford(shop, b.price * (int64_t)json_count(b.records));
    b.left = account_available(shop->account);
    if ((!whole && shop->settings.form != FORM_RECORDS) || b.left < b.price) {
        no_credits(shop, c);
        return;
    }
    elements_reset(elements);
    account_answer_begin(shop->account, &c->post, &shop->truth);
    for (bool more = json_walk_begin(&w, b.records); more; more = json_walk_next(&w)) {
        work_on(shop, &b, w.value);
        elements_add(elements);
    }
    account_answer_end(shop->account);
    c->accepted = true;
    c->hold_ms = shop_real_ms(shop, b.latency_ms);
    for (uint32_t i = 0; i < elements_extra(c); i++) {
        print_stranger(shop, &b, c->fault.dice + i);
        elements_add_extra(elements);
    }
    reply_bulk(shop, c, &b);
}

static void apply(struct shop *shop, const struct route *route, struct call *c)
{
    switch ((enum unstuck_endpoint)route->endpoint) {
    case ENDPOINT_SINGLE:
    case ENDPOINT_DISCOVER:
    case ENDPOINT_ACCOUNT:
        apply_one(shop, route->service, c);
        return;
    case ENDPOINT_BULK:
        apply_bulk(shop, c);
        return;
    case ENDPOINT_UNKNOWN:
        problem(shop, c, 404, "There is no such endpoint, or it is not simulated");
        return;
    }
}

/* ---- the descriptor ---- */

static bool callback(struct shop *shop, uint64_t cookie, enum callback_forgery forgery,
                     struct callback_draft *draft)
{
    return unstuck_verify_draft(own(shop)->verify, cookie, forgery, draft);
}

static void heard(struct shop *shop, uint64_t cookie, int status, struct slice body)
{
    unstuck_verify_heard(own(shop)->verify, cookie, status, body);
}

static void called(struct shop *shop, uint64_t cookie, bool delivered)
{
    (void)delivered;
    unstuck_verify_called(own(shop)->verify, cookie);
}

static bool page(struct shop *shop, const char *method, const char *path, struct call *c)
{
    bool verify = strcmp(method, "POST") == 0 && strcmp(path, "/verify") == 0;
    if (verify)
        unstuck_verify_begin(own(shop)->verify, c);
    return verify;
}

const struct vendor unstuck_vendor = {
    .name = "unstuck",
    .document = "unstuckengine.com, Using the enrichment API",
    .services = unstuck_services,
    .service_count = UNSTUCK_SERVICES,
    .tiers = tiers,
    .forms = {"document", "results", "records", "data"},
    .latency = {[ENDPOINT_SINGLE] = {"single", {200, 900, 6000}},
                [ENDPOINT_DISCOVER] = {"discover", {500, 2500, 15000}},
                [ENDPOINT_ACCOUNT] = {"account", {200, 600, 3000}},
                [ENDPOINT_BULK] = {"record", {20, 120, 1000}}},
    .state_size = sizeof(struct unstuck),
    .open = open_state,
    .close = close_state,
    .authorized = authorized,
    .route = route,
    .apply = apply,
    .problem = problem,
    .limited = limited,
    .judge = unstuck_judge,
    .callback = callback,
    .heard = heard,
    .called = called,
    .page = page,
};
