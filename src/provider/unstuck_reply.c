/* Reads the replies of the Unstuck Engine API: people by channels, companies by fields.
 *
 * A channel is answered in three ways:
 * 1. a value, with source, confidence and time;
 * 2. null, or an object whose value is null: asked for and not found;
 * 3. not at all: not asked for, or not known to have been looked for.
 *
 * The bulk reply is "an array of per-record results", of which no example is published. Accepted are
 * an array, and an object that has it as results, records or data. A row without a result is null,
 * or has an error, or no channels. One that repeats the question, at its top or under input or
 * query, is matched by it, else by place.
 *
 * Pure; any thread. */
#include "provider/reply.h"
#include "provider/unstuck.h"
#include "wire/json_write.h"
#include "wire/utf8.h"

/* --- people --------------------------------------------------------------------------------- */

static void answer_end(struct answer *a, enum outcome outcome, struct slice reason)
{
    a->outcome = outcome;
    a->reason = reply_cut(reason);
}

/* What a row says of the channels that were asked for. */
struct findings {
    struct reply_contacts contacts;
    bool found, empty; /* at least one has a value; at least one has none */
    bool settled;      /* the confidence is that of a value which is not known to be invalid */
    int64_t price;     /* of those found */
};

/* "Invalid emails are marked verified: false": by the workspace's own verification service. */
static struct slice email_status(struct json_value channel)
{
    bool verified;

    if (!json_get_bool(channel, "verified", &verified))
        return SLICE_EMPTY;
    return verified ? SLICE_LIT("valid") : SLICE_LIT("invalid");
}

/* Whether the text can be the value of the channel at all: words for "none" are none. */
static bool has_form(const struct unstuck_channel *c, struct slice text)
{
    if (c->email_type)
        return memchr(text.data, '@', text.len) != NULL;
    if (c->gives & FIELD_BIT(LINKEDIN_URL))
        return memchr(text.data, '/', text.len) != NULL;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] >= '0' && text.data[i] <= '9')
            return true;
    return false;
}

static void take_channel(struct reply_memory *m, const struct unstuck_channel *c,
                         struct json_value value, struct findings *f, struct answer *a)
{
    struct slice text = SLICE_EMPTY, status = email_status(value);

    if (json_type(value) == JSON_OBJECT)
        text = reply_scalar(m, value, "value");
    else if (json_string(value, &text))
        text = utf8_trim(text);
    if (!has_form(c, text)) {
        f->empty = true;
        return;
    }
    if (c->email_type)
        reply_add_email(&f->contacts, text, status, slice_of(c->email_type));
    else if (c->gives & FIELD_BIT(LINKEDIN_URL))
        a->value[FIELD_LINKEDIN_URL] = reply_linkedin(m, text);
    else
        reply_add_phone(&f->contacts, reply_phone(m, text, false), SLICE_EMPTY);
    bool valid = !slice_eq(status, SLICE_LIT("invalid"));
    if (!f->settled && (valid || !f->found))
        a->value[FIELD_CONFIDENCE] = reply_confidence(m, value, "confidence", 1);
    f->settled = f->settled || valid;
    f->found = true;
    f->price += c->price;
}

/* factor: of the prices. */
static void person_outcome(struct reply_memory *m, const struct operation *op,
                           struct json_value row, int64_t factor, struct answer *a)
{
    struct findings f = {.found = false};
    struct json_value found, value;
    struct slice reason;
    bool has = json_get(row, "channels", &found) && json_type(found) == JSON_OBJECT;

    for (size_t i = 0; has && i < UNSTUCK_CHANNELS; i++)
        if (unstuck_asked(op, &unstuck_channels[i]) &&
            json_get(found, unstuck_channels[i].name, &value))
            take_channel(m, &unstuck_channels[i], value, &f, a);
    if (has && json_count(found) > 0)
        a->value[FIELD_CHANNELS] = reply_print(m, found);
    if (f.found) {
        a->outcome = OUTCOME_FOUND;
        a->credits = f.price * factor;
        reply_best_email(&f.contacts);
        reply_put_contacts(m, &f.contacts, a);
    } else if (reply_error(row, &reason)) {
        answer_end(a, OUTCOME_FAILED, reason);
    } else if (!has) {
        answer_end(a, OUTCOME_FAILED, SLICE_LIT("the vendor gives no result for this record"));
    } else if (f.empty) {
        answer_end(a, OUTCOME_NOT_FOUND, SLICE_LIT("nothing found in the channels asked for"));
    } else {
        answer_end(a, OUTCOME_FAILED,
                   SLICE_LIT("the reply says nothing of the channels asked for"));
    }
}

/* *unsaid: whether the vendor left open what it charges for something found. */
static void person_row(struct reply_memory *m, const struct operation *op, struct json_value row,
                       int64_t factor, struct answer *a, bool *unsaid)
{
    person_outcome(m, op, row, factor, a);
    reply_text(row, "record_id", &a->value[FIELD_VENDOR_ID]);
    int64_t said = reply_amount(row, "credits_used");
    if (said >= 0)
        a->credits = said;
    else if (a->outcome == OUTCOME_FOUND)
        *unsaid = true;
}

/* The question as a row repeats it, at its top or in an object of its own. */
static void read_echo(struct reply_memory *m, struct json_value row, struct page_item *item)
{
    static const char *const places[] = {"input", "query"};
    struct json_value echo = row, inner;
    struct slice text;

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (json_get(row, places[i], &inner) && json_type(inner) == JSON_OBJECT) {
            echo = inner;
            break;
        }
    }
    if (reply_text(echo, "email", &item->echo.value[FIELD_EMAIL]))
        item->echoed = FIELD_BIT(EMAIL);
    if (reply_text(echo, "linkedin_url", &text)) {
        item->echo.value[FIELD_LINKEDIN_URL] = reply_linkedin(m, text);
        if (!item->echoed)
            item->echoed = FIELD_BIT(LINKEDIN_URL);
    }
    if (reply_text(echo, "company_domain", &text)) {
        text = reply_domain(m, text);
        if (!unstuck_repeats(item->echo.value[FIELD_EMAIL], text))
            item->echo.value[FIELD_DOMAIN] = text;
    }
}

static bool find_rows(struct json_value root, struct json_value *rows)
{
    static const char *const names[] = {"results", "records", "data"};

    *rows = root;
    if (json_type(root) == JSON_ARRAY)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (json_get(root, names[i], rows) && json_type(*rows) == JSON_ARRAY)
            return true;
    return false;
}

int unstuck_parse_bulk(const struct operation *op, struct json_value root, bool raw,
                       struct arena *a, page_item_fn *fn, void *arg, struct page_reply *out,
                       struct error *e)
{
    struct reply_memory m;
    struct json_value rows;
    struct json_walk w;
    int64_t sum = 0;
    bool unsaid = false;

    *out = (struct page_reply){.total = -1, .used = -1, .refunded = -1, .balance = -1};
    reply_memory_init(&m, a);
    if (!find_rows(root, &rows))
        return error_set(e, ERR_DATA, "the reply holds no array of results");
    for (bool more = json_walk_begin(&w, rows); more; more = json_walk_next(&w)) {
        struct page_item item = {.echoed = 0};
        read_echo(&m, w.value, &item);
        person_row(&m, op, w.value, 1, &item.answer, &unsaid);
        sum += item.answer.credits;
        int rc = reply_give(&m, w.value, raw, &item, fn, arg, out, e);
        if (rc != 0)
            return rc;
    }
    out->used = reply_amount(root, "credits_used");
    if (out->used < 0 && !unsaid)
        out->used = sum;
    return 0;
}

static int person_parse(const struct operation *op, struct json_value root, bool raw,
                        int64_t factor, struct arena *a, page_item_fn *fn, void *arg,
                        struct page_reply *out, struct error *e)
{
    struct reply_memory m;
    struct page_item item = {.echoed = 0};
    bool unsaid = false;

    *out = (struct page_reply){.total = -1, .used = -1, .refunded = -1, .balance = -1};
    reply_memory_init(&m, a);
    if (json_type(root) != JSON_OBJECT)
        return error_set(e, ERR_DATA, "the reply is not an object");
    person_row(&m, op, root, factor, &item.answer, &unsaid);
    out->used = reply_amount(root, "credits_used");
    return reply_give(&m, root, raw, &item, fn, arg, out, e);
}

int unstuck_parse_single(const struct operation *op, struct json_value root, bool raw,
                         struct arena *a, page_item_fn *fn, void *arg, struct page_reply *out,
                         struct error *e)
{
    return person_parse(op, root, raw, 1, a, fn, arg, out, e);
}

int unstuck_parse_discover(const struct operation *op, struct json_value root, bool raw,
                           struct arena *a, page_item_fn *fn, void *arg, struct page_reply *out,
                           struct error *e)
{
    return person_parse(op, root, raw, UNSTUCK_DISCOVER_FACTOR, a, fn, arg, out, e);
}

/* --- companies ------------------------------------------------------------------------------ */

/* The vendor's names are the canonical ones. */
static const enum field account_fields[] = {
    FIELD_INDUSTRY,          FIELD_EMPLOYEE_COUNT,   FIELD_REVENUE_BAND, FIELD_FOUNDED_YEAR,
    FIELD_HQ_COUNTRY,        FIELD_HQ_CITY,          FIELD_TECH_STACK,   FIELD_FUNDING_STAGE,
    FIELD_LAST_FUNDING_DATE, FIELD_TOTAL_RAISED_USD,
};
#define ACCOUNT_FIELDS_COUNT (sizeof account_fields / sizeof account_fields[0])

/* null, "", [] and {} say nothing. */
static bool says_something(struct json_value v)
{
    struct slice text;

    switch (json_type(v)) {
    case JSON_NULL:
        return false;
    case JSON_STRING:
        return json_string(v, &text) && utf8_trim(text).len > 0;
    case JSON_ARRAY:
    case JSON_OBJECT:
        return json_count(v) > 0;
    case JSON_BOOL:
    case JSON_NUMBER:
        return true;
    }
    return false;
}

/* Whether the canonical field takes a value of that type. */
static bool fits(enum field f, struct json_value v)
{
    enum json_type type = json_type(v);

    return field_kind(f) == FIELD_JSON ? type == JSON_ARRAY || type == JSON_STRING
                                       : type == JSON_STRING || type == JSON_NUMBER;
}

static int canonical_field(struct slice key)
{
    int f = field_find(key);

    for (size_t i = 0; i < ACCOUNT_FIELDS_COUNT; i++)
        if (f == (int)account_fields[i])
            return f;
    return -1;
}

static bool is_other(const struct json_walk *w)
{
    int f = canonical_field(w->key);

    return says_something(w->value) && (f < 0 || !fits((enum field)f, w->value));
}

/* What has no name of ours, or not the type that ours has. */
static void write_others(const void *what, struct buf *out)
{
    const struct json_value *fields = what;
    struct json_walk w;
    bool first = true;

    buf_append_char(out, '{');
    for (bool more = json_walk_begin(&w, *fields); more; more = json_walk_next(&w)) {
        if (!is_other(&w))
            continue;
        if (!first)
            buf_append_char(out, ',');
        first = false;
        json_write_string(out, w.key);
        buf_append_char(out, ':');
        json_print(w.value, out);
    }
    buf_append_char(out, '}');
}

/* Whether anything is known of the company. */
static bool take_fields(struct reply_memory *m, struct json_value fields, struct answer *a)
{
    struct json_walk w;
    bool known = false, others = false;

    for (bool more = json_walk_begin(&w, fields); more; more = json_walk_next(&w)) {
        if (!says_something(w.value))
            continue;
        known = true;
        if (is_other(&w)) {
            others = true;
            continue;
        }
        enum field f = (enum field)canonical_field(w.key);
        a->value[f] = field_kind(f) == FIELD_JSON ? reply_print(m, w.value)
                                                  : reply_scalar(m, fields, field_name(f));
    }
    if (others)
        a->value[FIELD_ACCOUNT_FIELDS] = reply_write(m, write_others, &fields);
    return known;
}

int unstuck_parse_account(const struct operation *op, struct json_value root, bool raw,
                          struct arena *a, page_item_fn *fn, void *arg, struct page_reply *out,
                          struct error *e)
{
    struct reply_memory m;
    struct page_item item = {.echoed = 0};
    struct answer *answer = &item.answer;
    struct json_value fields;
    struct slice reason;

    (void)op;
    *out = (struct page_reply){.total = -1, .used = -1, .refunded = -1, .balance = -1};
    reply_memory_init(&m, a);
    if (json_type(root) != JSON_OBJECT)
        return error_set(e, ERR_DATA, "the reply is not an object");
    if (json_get(root, "fields", &fields) && json_type(fields) == JSON_OBJECT &&
        take_fields(&m, fields, answer)) {
        answer->outcome = OUTCOME_FOUND;
        answer->credits = UNSTUCK_ACCOUNT_PRICE;
    } else if (reply_error(root, &reason)) {
        answer_end(answer, OUTCOME_FAILED, reason);
    } else {
        answer_end(answer, OUTCOME_NOT_FOUND, SLICE_LIT("nothing known of this company"));
    }
    reply_text(root, "account_id", &answer->value[FIELD_VENDOR_ID]);
    out->used = reply_amount(root, "credits_used");
    if (out->used >= 0)
        answer->credits = out->used;
    return reply_give(&m, root, raw, &item, fn, arg, out, e);
}
