/* The paid requests of the simulated prospiq: what is asked, what is found, what it costs, and what
 * events it makes.
 *
 * 1. A request that is refused changes nothing: all of a bulk is read and found fine before any of
 *    it is worked on.
 * 2. Credits are taken when a request comes, its reply and events go when the work would be done.
 *
 * One thread. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "sim/person.h"
#include "sim/prospiq.h"
#include "wire/json_write.h"
#include "wire/utf8.h"

#define FIELD_MAX       200 /* characters */
#define NAME_MIN        2
#define PRICE_EMAIL     1
#define PRICE_PHONE     10
#define SANDBOX_CREDITS 999
#define SANDBOX_PHONE   "+1 (555) 000-0000"

const struct service prospiq_service = {.name = "enrich",
                                        .kind = SERVICE_PERSON,
                                        .salt = 0x70726f73,
                                        .fields = FIELDS,
                                        .field = {"first_name", "last_name", "company", "type"}};

/* ---- what is asked ---- */

static bool wants_email(const struct question *q)
{
    return !slice_eq(q->field[FIELD_TYPE], SLICE_LIT("phone"));
}

static bool wants_phone(const struct question *q)
{
    return !slice_eq(q->field[FIELD_TYPE], SLICE_LIT("email"));
}

static int64_t price_max(const struct question *q)
{
    return (wants_email(q) ? PRICE_EMAIL : 0) + (wants_phone(q) ? PRICE_PHONE : 0);
}

static struct person_hints hints_of(const struct question *q)
{
    return (struct person_hints){.first = q->normal[FIELD_FIRST],
                                 .last = q->normal[FIELD_LAST],
                                 .company = q->normal[FIELD_COMPANY]};
}

static bool read_type(struct json_value root, struct slice *type)
{
    struct json_value value;
    *type = SLICE_LIT("email");
    if (!json_get(root, "type", &value))
        return true;
    return json_string(value, type) &&
           (slice_eq(*type, SLICE_LIT("email")) || slice_eq(*type, SLICE_LIT("phone")) ||
            slice_eq(*type, SLICE_LIT("both")));
}

/* A contact, normalised; false with what is wrong. where: before the name of a field. */
static bool read_contact(struct shop *shop, struct json_value from, struct slice type,
                         const char *where, struct question *q, char detail[160])
{
    *q = (struct question){.service = &prospiq_service, .field[FIELD_TYPE] = type};
    for (unsigned i = 0; i < FIELD_INPUTS; i++) {
        size_t least = i == FIELD_LAST ? 1 : NAME_MIN;
        const char *name = prospiq_service.field[i];
        if (!json_get_string(from, name, &q->field[i])) {
            snprintf(detail, 160, "%s%s is required", where, name);
            return false;
        }
        if (utf8_count(q->field[i]) > FIELD_MAX || utf8_count(utf8_trim(q->field[i])) < least) {
            snprintf(detail, 160, "%s%s must have %zu to %d characters", where, name, least,
                     FIELD_MAX);
            return false;
        }
    }
    shop_normalise(shop, q);
    struct person_hints h = hints_of(q);
    enum truth_refusal refusal = person_refuses(&h);
    if (refusal == TRUTH_REFUSED)
        snprintf(detail, 160, "%scompany is not valid", where);
    if (refusal == TRUTH_POISON)
        snprintf(detail, 160, "Validation failed");
    return refusal == TRUTH_TAKEN;
}

/* The members of an answer, as bits: which of them are wanted. */
enum part { PART_EMAIL, PART_PHONE, PART_TITLE, PART_DOMAIN, PART_CONFIDENCE, PARTS };
#define PARTS_ALL ((1u << PARTS) - 1)

static bool read_parts(struct json_value root, unsigned *parts)
{
    static const char *const names[] = {"email", "phone", "job_title", "company_domain",
                                        "confidence"};
    struct json_value value;
    struct json_walk w;
    *parts = PARTS_ALL;
    if (!json_get(root, "fields", &value))
        return true;
    if (json_type(value) != JSON_ARRAY)
        return false;
    *parts = 0;
    for (bool more = json_walk_begin(&w, value); more; more = json_walk_next(&w)) {
        struct slice name;
        unsigned i = 0;
        if (!json_string(w.value, &name))
            return false;
        while (i < PARTS && !slice_eq(name, slice_of(names[i])))
            i++;
        if (i == PARTS)
            return false;
        *parts |= 1u << i;
    }
    return true;
}

/* ---- what is found ---- */

struct finding {
    struct person person;
    bool email, phone; /* found, and asked for */
    unsigned confidence;
    int64_t credits;
};

static void find(const struct truth *t, const struct question *q, struct finding *f)
{
    struct person_hints h = hints_of(q);
    struct person *p = &f->person;
    person_know(t, prospiq_service.salt, &h, p);
    f->email = wants_email(q) && p->work && p->work_status == VERDICT_VALID;
    f->phone = wants_phone(q) && p->phone;
    f->confidence = 80 + (unsigned)(p->digest.low64 >> 24 & 0xff) % 20;
    f->credits = (f->email ? PRICE_EMAIL : 0) + (f->phone ? PRICE_PHONE : 0);
}

static bool verified(const struct finding *f)
{
    return f->email || f->phone;
}

/* What a sandbox key gets: everything, and obviously made up. */
static void mock(const struct truth *t, const struct question *q, struct finding *f)
{
    find(t, q, f);
    f->email = wants_email(q);
    f->phone = wants_phone(q);
    f->confidence = 95;
    f->credits = 0;
    f->person.profile = true;
    f->person.phones = f->phone ? 1 : 0;
    strcpy(f->person.title, "Example Title");
}

static int64_t draw_latency(const struct shop *shop, const struct question *q)
{
    uint64_t bits = XXH3_64bits_withSeed(q->key.data, q->key.len, shop->truth.seed + 1);
    return latency_draw(&shop->settings.latency[0], bits);
}

static void print_phones(struct buf *out, const struct finding *f, bool sandbox)
{
    static const char *const types[] = {"mobile", "direct", "office"};
    buf_append_char(out, '[');
    for (unsigned i = 0; i < f->person.phones; i++) {
        bool first = true;
        char pretty[24] = SANDBOX_PHONE;
        if (!sandbox)
            person_pretty_phone(f->person.phone_number[i], pretty);
        buf_append_text(out, i ? ",{" : "{");
        json_write_member_string(out, &first, "number", slice_of(pretty));
        json_write_member_string(out, &first, "type", slice_of(types[i]));
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

/* A member that is known or, where that is said, null. */
static bool begin_member(struct buf *out, bool *first, const char *name, bool known, bool explicit)
{
    if (known || explicit)
        json_write_key(out, first, name);
    if (!known && explicit)
        buf_append_text(out, "null");
    return known;
}

/* email to confidence, those of the parts. */
static void print_parts(struct buf *out, bool *first, const struct finding *f, unsigned parts,
                        bool explicit, bool sandbox)
{
    const struct person *p = &f->person;
    const unsigned *const wanted = &parts;
#define WANTED(part) (*wanted >> (part)&1)
    if (WANTED(PART_EMAIL) && begin_member(out, first, "email", f->email, explicit))
        json_write_string(out, slice_of(p->work_email));
    if (WANTED(PART_PHONE) && begin_member(out, first, "phone", f->phone, explicit))
        print_phones(out, f, sandbox);
    if (WANTED(PART_TITLE) &&
        begin_member(out, first, "job_title", verified(f) && p->profile, explicit))
        json_write_string(out, slice_of(p->title));
    if (WANTED(PART_DOMAIN))
        json_write_member_string(out, first, "company_domain", slice_of(p->domain));
    if (WANTED(PART_CONFIDENCE) && begin_member(out, first, "confidence", verified(f), explicit))
        buf_append_u64(out, f->confidence);
#undef WANTED
}

/* ---- events ---- */

/* The id of a search that will be verified, after so many others. */
static void search_id(struct shop *shop, uint64_t ahead, char id[ACCOUNT_ID_MAX])
{
    uint64_t number = hooks_count(prospiq_own(shop)->hooks, HOOK_VERIFIED) + ahead;
    /* An odd factor: no two of 2^32 are the same. */
    snprintf(id, ACCOUNT_ID_MAX, "srch_%08x",
             account_nonce(shop->account) + (uint32_t)number * 2654435761u);
}

static void tell_verified(struct shop *shop, const struct question *q, const struct finding *f,
                          int64_t at_ms)
{
    static const unsigned parts = 1u << PART_EMAIL | 1u << PART_PHONE | 1u << PART_TITLE;
    struct buf *out = &prospiq_own(shop)->event;
    char id[ACCOUNT_ID_MAX];
    bool first = true;
    search_id(shop, 0, id);
    buf_reset(out);
    buf_append_char(out, '{');
    for (unsigned i = 0; i < FIELD_INPUTS; i++)
        json_write_member_string(out, &first, prospiq_service.field[i], q->field[i]);
    print_parts(out, &first, f, parts, true, false);
    json_write_member_i64(out, &first, "confidence", f->confidence);
    json_write_member_string(out, &first, "search_id", slice_of(id));
    buf_append_char(out, '}');
    hooks_add(prospiq_own(shop)->hooks, HOOK_VERIFIED, at_ms, buf_slice(out), SLICE_EMPTY);
}

/* Of what the plan gives a month. */
static int64_t allowance(const struct shop *shop)
{
    return strcmp(prospiq_plan(shop), "growth") == 0 ? 1500 : 3500;
}

/* Credits were spent: that they run low, and that they are gone. */
static void tell_credits(struct shop *shop, int64_t before, int64_t at_ms)
{
    int64_t after = account_available(shop->account);
    struct buf *out = &prospiq_own(shop)->event;
    if (before * 2 >= allowance(shop) && after * 2 < allowance(shop)) {
        buf_reset(out);
        buf_append_format(out, "{\"credits\":%lld,\"plan\":\"%s\",\"threshold\":%lld}",
                          (long long)after, prospiq_plan(shop), (long long)allowance(shop));
        hooks_add(prospiq_own(shop)->hooks, HOOK_LOW, at_ms, buf_slice(out), SLICE_EMPTY);
    }
    if (before > 0 && after == 0) {
        buf_reset(out);
        buf_append_format(out, "{\"credits\":0,\"plan\":\"%s\"}", prospiq_plan(shop));
        hooks_add(prospiq_own(shop)->hooks, HOOK_EXHAUSTED, at_ms, buf_slice(out), SLICE_EMPTY);
    }
}

/* ---- one contact ---- */

static void no_credits(struct shop *shop, struct call *c)
{
    prospiq_problem(shop, c, 402, "Insufficient credits");
}

static void reply_enrich(struct shop *shop, struct call *c, const struct finding *f, unsigned parts,
                         const char *search, bool sandbox)
{
    struct buf *out = &shop->data;
    bool first = true, explicit = shop->settings.form == FORM_EXPLICIT;
    buf_reset(out);
    json_write_member_string(out, &first, "status",
                             verified(f) ? SLICE_LIT("VERIFIED") : SLICE_LIT("NOT_FOUND"));
    print_parts(out, &first, f, parts, explicit, sandbox);
    if (explicit && search[0])
        json_write_member_string(out, &first, "search_id", slice_of(search));
    json_write_member_i64(out, &first, "credits_remaining",
                          sandbox ? SANDBOX_CREDITS : account_available(shop->account));
    if (sandbox)
        json_write_member_bool(out, &first, "_sandbox", true);
    call_data(c, 200, "", NULL, buf_slice(out));
}

/* There is not enough for it. */
static void skip_enrich(struct shop *shop, struct call *c)
{
    if (shop->settings.form != FORM_SKIPPING)
        no_credits(shop, c);
    else
        buf_append_format(call_json(c, 200),
                          "{\"status\":\"NO_CREDITS\",\"credits_remaining\":%lld}",
                          (long long)account_available(shop->account));
}

void prospiq_enrich(struct shop *shop, struct call *c)
{
    struct json_value root;
    struct slice type;
    struct question q;
    struct finding f;
    char detail[160], search[ACCOUNT_ID_MAX] = "";
    unsigned parts;
    int64_t before = account_available(shop->account);
    if (!prospiq_read(shop, c, &root))
        return;
    if (!read_type(root, &type) || !read_parts(root, &parts)) {
        prospiq_problem(
            shop, c, 422,
            "type must be one of email, phone, both; fields a list of email, phone, job_title, "
            "company_domain, confidence");
        return;
    }
    if (!read_contact(shop, root, type, "", &q, detail)) {
        prospiq_problem(shop, c, 422, detail);
        return;
    }
    if (prospiq_sandbox(shop, c->request)) {
        mock(&shop->truth, &q, &f);
        reply_enrich(shop, c, &f, parts, "", true);
        return;
    }
    if (before < price_max(&q)) {
        skip_enrich(shop, c);
        return;
    }
    find(&shop->truth, &q, &f);
    account_answer(shop->account, &c->post, &shop->truth, &q, f.credits);
    c->accepted = true;
    c->hold_ms = shop_real_ms(shop, draw_latency(shop, &q));
    int64_t at_ms = clock_wall_ms() + c->hold_ms;
    if (verified(&f)) {
        search_id(shop, 0, search);
        tell_verified(shop, &q, &f, at_ms);
    }
    tell_credits(shop, before, at_ms);
    reply_enrich(shop, c, &f, parts, search, false);
}

/* ---- many contacts ---- */

struct bulk {
    struct json_value contacts;
    struct slice type, url;
    bool sandbox;
    uint32_t total, verified, not_found;
    int64_t price_max;    /* of each */
    int64_t before, left; /* credits */
    int64_t latency_ms;
};

static bool read_contacts(struct shop *shop, struct bulk *b, char detail[160])
{
    struct json_walk w;
    size_t max = prospiq_bulk_max(shop);
    if (json_type(b->contacts) != JSON_ARRAY || json_count(b->contacts) == 0 ||
        json_count(b->contacts) > max) {
        snprintf(detail, 160, "contacts must be a list of 1 to %zu on the %s plan", max,
                 prospiq_plan(shop));
        return false;
    }
    for (bool more = json_walk_begin(&w, b->contacts); more; more = json_walk_next(&w)) {
        char where[32];
        struct question q;
        snprintf(where, sizeof where, "contacts[%u].", b->total++);
        if (!read_contact(shop, w.value, b->type, where, &q, detail))
            return false;
        b->price_max = price_max(&q);
    }
    return true;
}

/* All of it is fine before any of it is worked on. False with the reply made. */
static bool read_bulk(struct shop *shop, struct call *c, struct bulk *b)
{
    struct json_value root, url;
    char detail[160];
    *b = (struct bulk){.sandbox = prospiq_sandbox(shop, c->request), .url = SLICE_EMPTY};
    b->before = b->left = account_available(shop->account);
    if (!prospiq_read(shop, c, &root))
        return false;
    bool has_url = json_get(root, "webhook_url", &url) && json_type(url) != JSON_NULL;
    if (has_url && (!json_string(url, &b->url) || !hooks_url_valid(b->url)))
        snprintf(detail, sizeof detail, "webhook_url must be an HTTPS URL");
    else if (!read_type(root, &b->type))
        snprintf(detail, sizeof detail, "type must be one of email, phone, both");
    else if (!json_get(root, "contacts", &b->contacts))
        snprintf(detail, sizeof detail, "contacts is required");
    else if (read_contacts(shop, b, detail))
        return true;
    prospiq_problem(shop, c, 422, detail);
    return false;
}

/* f: NULL for one that was skipped. */
static void print_row(struct shop *shop, const struct question *q, const struct finding *f,
                      const char *search, bool sandbox)
{
    struct buf *out = &prospiq_own(shop)->rows.text;
    bool first = true, explicit = shop->settings.form == FORM_EXPLICIT;
    buf_append_char(out, '{');
    for (unsigned i = 0; i < FIELD_INPUTS; i++)
        json_write_member_string(out, &first, prospiq_service.field[i], q->field[i]);
    json_write_member_string(out, &first, "status",
                             !f            ? SLICE_LIT("NO_CREDITS")
                             : verified(f) ? SLICE_LIT("VERIFIED")
                                           : SLICE_LIT("NOT_FOUND"));
    if (f)
        print_parts(out, &first, f, PARTS_ALL, explicit, sandbox);
    if (explicit && search[0])
        json_write_member_string(out, &first, "search_id", slice_of(search));
    buf_append_char(out, '}');
}

static void work_on(struct shop *shop, struct bulk *b, struct json_value contact)
{
    struct question q;
    struct finding f;
    char detail[160], search[ACCOUNT_ID_MAX] = "";
    read_contact(shop, contact, b->type, "", &q, detail);
    if (b->sandbox) {
        mock(&shop->truth, &q, &f);
    } else if (b->left < b->price_max) {
        print_row(shop, &q, NULL, "", false);
        return;
    } else {
        find(&shop->truth, &q, &f);
        account_answer_add(shop->account, &q, f.credits);
        b->left -= f.credits;
        b->latency_ms += draw_latency(shop, &q);
        if (verified(&f))
            search_id(shop, b->verified, search);
    }
    b->verified += verified(&f);
    b->not_found += !verified(&f);
    print_row(shop, &q, &f, search, b->sandbox);
}

/* A row that nobody asked for. */
static void print_stranger(struct shop *shop, const struct bulk *b, uint64_t number)
{
    char name[32];
    struct finding f;
    struct question q = {.service = &prospiq_service,
                         .field = {[FIELD_FIRST] = SLICE_LIT("Stranger"),
                                   [FIELD_COMPANY] = SLICE_LIT("everybody.example"),
                                   [FIELD_TYPE] = b->type}};
    snprintf(name, sizeof name, "Number%llx", (unsigned long long)number);
    q.field[FIELD_LAST] = slice_of(name);
    shop_normalise(shop, &q);
    find(&shop->truth, &q, &f);
    print_row(shop, &q, &f, "", false);
}

/* total to credits_remaining, as in the reply and in the event. */
static void print_totals(struct buf *out, bool *first, const struct bulk *b)
{
    json_write_member_i64(out, first, "total", b->total);
    json_write_member_i64(out, first, "verified", b->verified);
    json_write_member_i64(out, first, "not_found", b->not_found);
    json_write_member_i64(out, first, "credits_used", b->before - b->left);
    json_write_member_i64(out, first, "credits_remaining", b->sandbox ? SANDBOX_CREDITS : b->left);
}

static void reply_bulk(struct shop *shop, struct call *c, const struct bulk *b)
{
    struct buf *out = &shop->data;
    bool first = true;
    buf_reset(out);
    json_write_member_string(out, &first, "status", SLICE_LIT("completed"));
    print_totals(out, &first, b);
    json_write_key(out, &first, "results");
    buf_append_char(out, '[');
    elements_print(&prospiq_own(shop)->rows, c,
                   shop->settings.shuffle || shop->settings.form == FORM_SHUFFLED, out);
    buf_append_char(out, ']');
    if (b->sandbox)
        json_write_member_bool(out, &first, "_sandbox", true);
    call_data(c, 200, "", NULL, buf_slice(out));
}

/* contact.verified for each, then bulk.completed: when the last one is done. */
static void tell_bulk(struct shop *shop, const struct bulk *b, int64_t at_ms)
{
    struct json_walk w;
    struct buf *out = &prospiq_own(shop)->event;
    int64_t left = b->before;
    bool first = true;
    for (bool more = json_walk_begin(&w, b->contacts); more; more = json_walk_next(&w)) {
        struct question q;
        struct finding f;
        char detail[160];
        read_contact(shop, w.value, b->type, "", &q, detail);
        if (left < b->price_max)
            continue;
        find(&shop->truth, &q, &f);
        left -= f.credits;
        if (verified(&f))
            tell_verified(shop, &q, &f, at_ms);
    }
    buf_reset(out);
    buf_append_char(out, '{');
    print_totals(out, &first, b);
    buf_append_char(out, '}');
    hooks_add(prospiq_own(shop)->hooks, HOOK_BULK, at_ms, buf_slice(out), b->url);
    tell_credits(shop, b->before, at_ms);
}

void prospiq_enrich_bulk(struct shop *shop, struct call *c)
{
    struct prospiq *v = prospiq_own(shop);
    struct json_walk w;
    struct bulk b;
    if (!read_bulk(shop, c, &b))
        return;
    bool payable = b.left >= b.price_max;
    if (!b.sandbox && !payable && shop->settings.form != FORM_SKIPPING) {
        no_credits(shop, c);
        return;
    }
    c->accepted = payable && !b.sandbox;
    if (c->accepted)
        account_answer_begin(shop->account, &c->post, &shop->truth);
    elements_reset(&v->rows);
    for (bool more = json_walk_begin(&w, b.contacts); more; more = json_walk_next(&w)) {
        work_on(shop, &b, w.value);
        elements_add(&v->rows);
    }
    for (uint32_t i = 0; i < elements_extra(c); i++) {
        print_stranger(shop, &b, c->fault.dice + i);
        elements_add_extra(&v->rows);
    }
    if (c->accepted)
        account_answer_end(shop->account);
    c->hold_ms = shop_real_ms(shop, b.latency_ms);
    if (!b.sandbox)
        tell_bulk(shop, &b, clock_wall_ms() + c->hold_ms);
    reply_bulk(shop, c, &b);
}

int64_t prospiq_judge(struct shop *shop, const struct truth *truth, const struct question *q,
                      struct buf *out)
{
    struct finding f;
    bool first = false, inner = true;
    (void)shop;
    find(truth, q, &f);
    json_write_member_string(out, &first, "outcome",
                             verified(&f) ? SLICE_LIT("found") : SLICE_LIT("not_found"));
    json_write_key(out, &first, "values");
    buf_append_char(out, '{');
    print_parts(out, &inner, &f, PARTS_ALL, false, false);
    buf_append_char(out, '}');
    return f.credits;
}
