/* What the simulated Unstuck knows, and how it says so in each of its forms. No state; any
 * thread. */
#include "sim/unstuck.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "wire/json_write.h"

#define PRICE_DISCOVER 2
#define PRICE_ACCOUNT  3
#define ERROR_PERCENT  1

static const struct {
    const char *name;
    int64_t price;
} channels[CHANNELS] = {[CHANNEL_WORK] = {"work_email", 2},
                        [CHANNEL_PERSONAL] = {"personal_email", 2},
                        [CHANNEL_PHONE] = {"phone", 4},
                        [CHANNEL_URL] = {"linkedin_url", 1}};

#define PERSON_SERVICE(service)                                                                    \
    {                                                                                              \
        .name = (service), .kind = SERVICE_PERSON, .salt = 0x756e7374,                             \
        .fields = FIELDS, .field = {"email",    "linkedin_url", "company_domain",                  \
                                    "channels", "first_name",   "last_name"},                      \
        .urls = 1u << FIELD_URL                                                                    \
    }
/* By endpoint. */
const struct service unstuck_services[UNSTUCK_SERVICES] = {
    [ENDPOINT_SINGLE] = PERSON_SERVICE("enrichment"),
    [ENDPOINT_DISCOVER] = PERSON_SERVICE("enrichment-discover"),
    [ENDPOINT_ACCOUNT] = {.name = "enrichment-account",
                          .kind = SERVICE_PERSON,
                          .salt = 0x756e7375,
                          .fields = 1,
                          .field = {"domain"}},
    [ENDPOINT_BULK] = PERSON_SERVICE("enrichment-bulk"),
};

/* ---- what is asked ---- */

unsigned unstuck_channel(struct slice name)
{
    unsigned i = 0;
    while (i < CHANNELS && !slice_eq(name, slice_of(channels[i].name)))
        i++;
    return i;
}

/* "work_email,phone": in one order, however they were asked for. */
struct slice unstuck_name_channels(unsigned bits, char text[64])
{
    size_t len = 0;
    for (unsigned i = 0; i < CHANNELS; i++)
        if (bits >> i & 1)
            len += (size_t)snprintf(text + len, 64 - len, "%s%s", len ? "," : "", channels[i].name);
    return (struct slice){text, len};
}

static unsigned channels_of(const struct question *q)
{
    unsigned bits = 0;
    for (struct slice rest = q->normal[FIELD_CHANNELS]; rest.len > 0;) {
        const char *comma = memchr(rest.data, ',', rest.len);
        struct slice name = {rest.data, comma ? (size_t)(comma - rest.data) : rest.len};
        for (unsigned i = 0; i < CHANNELS; i++)
            bits |= (unsigned)slice_eq(name, slice_of(channels[i].name)) << i;
        rest = comma ? (struct slice){comma + 1, rest.len - name.len - 1} : SLICE_EMPTY;
    }
    return bits;
}

bool unstuck_discovers(const struct question *q)
{
    return q->service == &unstuck_services[ENDPOINT_DISCOVER];
}

bool unstuck_asks_company(const struct question *q)
{
    return q->service == &unstuck_services[ENDPOINT_ACCOUNT];
}

int64_t unstuck_price_max(const struct question *q)
{
    int64_t price = unstuck_discovers(q) ? PRICE_DISCOVER : 0;
    unsigned bits = unstuck_asks_company(q) ? 0 : channels_of(q);
    for (unsigned i = 0; i < CHANNELS; i++)
        price += bits >> i & 1 ? channels[i].price : 0;
    return unstuck_asks_company(q) ? PRICE_ACCOUNT : price;
}

struct person_hints unstuck_hints(const struct question *q)
{
    if (unstuck_asks_company(q))
        return (struct person_hints){.domain = q->normal[ACCOUNT_DOMAIN]};
    return (struct person_hints){.email = q->normal[FIELD_EMAIL],
                                 .url = q->normal[FIELD_URL],
                                 .domain = q->normal[FIELD_DOMAIN],
                                 .first = q->normal[FIELD_FIRST],
                                 .last = q->normal[FIELD_LAST]};
}

/* ---- what is found ---- */

static bool is_error(const struct truth *t, const struct question *q)
{
    struct person_hints h = unstuck_hints(q);
    uint64_t bits = XXH3_64bits_withSeed(q->key.data, q->key.len, t->seed + 7);
    return q->service == &unstuck_services[ENDPOINT_BULK] && person_forced(&h) == FORCED_NOT &&
           truth_percent(bits, 0) < ERROR_PERCENT;
}

void unstuck_find(const struct truth *t, const struct question *q, struct unstuck_finding *f)
{
    struct person_hints h = unstuck_hints(q);
    const struct person *p = &f->person;
    person_know(t, q->service->salt, &h, &f->person);
    f->error = is_error(t, q);
    f->found = 0;
    f->credits = 0;
    if (unstuck_asks_company(q)) {
        f->wanted = 0;
        f->credits = p->profile ? PRICE_ACCOUNT : 0;
        return;
    }
    const bool known[CHANNELS] = {p->work, p->personal, p->phone, p->profile};
    f->wanted = channels_of(q);
    for (unsigned i = 0; i < CHANNELS && !f->error; i++)
        if (known[i] && f->wanted >> i & 1) {
            f->found |= 1u << i;
            f->credits += channels[i].price;
        }
    if (unstuck_discovers(q) && f->found)
        f->credits += PRICE_DISCOVER;
}

/* ---- how it is said ---- */

static const char *channel_value(const struct unstuck_finding *f, unsigned channel)
{
    const struct person *p = &f->person;
    const char *const values[CHANNELS] = {p->work_email, p->personal_email, p->phone_number[0],
                                          p->url};
    return values[channel];
}

static void print_channel(const struct unstuck_finding *f, unsigned channel, struct buf *out)
{
    /* 2025-01-01T00:00:00Z, and some time in the year that follows: the same in every reply. */
    static const int64_t year_2025 = 1735689600;
    uint64_t bits = f->person.digest.low64 >> (channel * 8);
    bool first = true;
    char text[32];
    buf_append_char(out, '{');
    json_write_member_string(out, &first, "value", slice_of(channel_value(f, channel)));
    snprintf(text, sizeof text, "Provider %c", (char)('A' + bits % 4));
    json_write_member_string(out, &first, "source", slice_of(text));
    bool risky = channel == CHANNEL_WORK && f->person.work_status != VERDICT_VALID;
    buf_append_format(out, ",\"confidence\":0.%02u", (unsigned)(bits % 20) + (risky ? 40 : 80));
    clock_format_utc((year_2025 + (int64_t)(bits % 31536000)) * 1000, text);
    json_write_member_string(out, &first, "enriched_at", slice_of(text));
    buf_append_char(out, '}');
}

static void print_channels(const struct shop *shop, const struct unstuck_finding *f,
                           struct buf *out)
{
    static const char *const nothing[] = {
        [FORM_DOCUMENT] = "null",
        [FORM_RESULTS] = "{\"value\":null,\"tried_providers\":[\"Provider A\",\"Provider B\","
                         "\"Provider C\"]}",
        [FORM_RECORDS] = NULL,
        [FORM_DATA] = "{\"value\":\"\"}"};
    const char *empty = nothing[shop->settings.form];
    bool first = true;
    buf_append_char(out, '{');
    for (unsigned i = 0; i < CHANNELS; i++) {
        bool found = f->found >> i & 1;
        if (!(f->wanted >> i & 1) || (!found && !empty))
            continue;
        json_write_key(out, &first, channels[i].name);
        if (found)
            print_channel(f, i, out);
        else
            buf_append_text(out, empty);
    }
    buf_append_char(out, '}');
}

/* record_id to credits_used; echo: what was sent of the identity first. */
void unstuck_print_record(const struct shop *shop, const struct question *q,
                          const struct unstuck_finding *f, bool echo, int64_t credits,
                          struct buf *out)
{
    bool first = true;
    char id[ACCOUNT_ID_MAX];
    snprintf(id, sizeof id, "lead_%012llx", (unsigned long long)(f->person.digest.low64 >> 16));
    for (unsigned i = FIELD_EMAIL; i <= FIELD_URL && echo; i++)
        if (q->field[i].len > 0)
            json_write_member_string(out, &first, q->service->field[i], q->field[i]);
    json_write_member_string(out, &first, "record_id", slice_of(id));
    json_write_key(out, &first, "channels");
    print_channels(shop, f, out);
    json_write_member_i64(out, &first, "credits_used", credits);
}

#define PICK(table, bits) table[(bits) % (sizeof table / sizeof *table)]

static void print_fields(const struct person *p, struct buf *out)
{
    static const char *const industries[] = {"Robotics / Hardware", "Software", "Logistics",
                                             "Healthcare"};
    static const char *const bands[] = {"$1M-$10M", "$10M-$50M", "$50M-$100M", "$100M-$500M"};
    static const char *const places[][2] = {
        {"UK", "Bristol"}, {"DE", "Leipzig"}, {"FR", "Lyon"}, {"PT", "Porto"}};
    static const char *const stacks[] = {"[\"Snowflake\",\"Okta\",\"Datadog\"]",
                                         "[\"PostgreSQL\",\"Grafana\"]", "[]"};
    static const char *const stages[] = {"Seed", "Series A", "Series B", "Series C"};
    uint64_t bits = p->digest.low64;
    const char *const *place = PICK(places, bits >> 8);
    buf_append_format(out,
                      "\"industry\":\"%s\",\"employee_count\":%u,\"revenue_band\":\"%s\","
                      "\"founded_year\":%u,\"hq_country\":\"%s\",\"hq_city\":\"%s\","
                      "\"tech_stack\":%s,\"funding_stage\":\"%s\","
                      "\"last_funding_date\":\"%u-%02u-%02u\",\"total_raised_usd\":%u",
                      PICK(industries, bits), p->employees, PICK(bands, bits >> 4),
                      1990 + (unsigned)(bits >> 12) % 35, place[0], place[1],
                      PICK(stacks, bits >> 20), PICK(stages, bits >> 24),
                      2018 + (unsigned)(bits >> 28) % 8, 1 + (unsigned)(bits >> 32) % 12,
                      1 + (unsigned)(bits >> 36) % 28,
                      1000000 * (1 + (unsigned)(bits >> 40) % 200));
}

void unstuck_print_company(const struct shop *shop, const struct unstuck_finding *f,
                           struct buf *out)
{
    buf_append_format(out, "\"account_id\":\"acc_%012llx\",\"fields\":{",
                      (unsigned long long)(f->person.digest.low64 >> 16));
    if (f->credits > 0)
        print_fields(&f->person, out);
    else if (shop->settings.form == FORM_DOCUMENT)
        buf_append_text(out, "\"industry\":null,\"employee_count\":null,\"revenue_band\":null,"
                             "\"founded_year\":null,\"hq_country\":null,\"hq_city\":null,"
                             "\"tech_stack\":null,\"funding_stage\":null,"
                             "\"last_funding_date\":null,\"total_raised_usd\":null");
    buf_append_char(out, '}');
}

/* The element of a record that failed. f: NULL for one that could not be paid for. */
void unstuck_print_error(const struct shop *shop, const struct question *q,
                         const struct unstuck_finding *f, struct buf *out)
{
    bool first = true;
    char id[ACCOUNT_ID_MAX];
    switch ((enum unstuck_form)shop->settings.form) {
    case FORM_DOCUMENT:
        buf_append_text(out, "{\"error\":\"All providers timed out\"}");
        return;
    case FORM_RESULTS:
        buf_append_char(out, '{');
        for (unsigned i = FIELD_EMAIL; i <= FIELD_URL; i++)
            if (q->field[i].len > 0)
                json_write_member_string(out, &first, q->service->field[i], q->field[i]);
        json_write_key(out, &first, "error");
        buf_append_text(out, "{\"code\":\"provider_timeout\",\"message\":\"All providers timed "
                             "out\"}}");
        return;
    case FORM_RECORDS:
        if (!f) {
            buf_append_text(out, "{\"error\":\"insufficient_credits\"}");
            return;
        }
        snprintf(id, sizeof id, "lead_%012llx", (unsigned long long)(f->person.digest.low64 >> 16));
        buf_append_format(out, "{\"record_id\":\"%s\"}", id);
        return;
    case FORM_DATA:
        buf_append_text(out, "null");
        return;
    }
}

int64_t unstuck_judge(struct shop *shop, const struct truth *truth, const struct question *q,
                      struct buf *out)
{
    struct unstuck_finding f;
    bool first = false, inner = true;
    (void)shop;
    unstuck_find(truth, q, &f);
    json_write_member_string(out, &first, "outcome",
                             f.error         ? SLICE_LIT("error")
                             : f.credits > 0 ? SLICE_LIT("found")
                                             : SLICE_LIT("not_found"));
    json_write_key(out, &first, "values");
    buf_append_char(out, '{');
    for (unsigned i = 0; i < CHANNELS; i++)
        if (f.found >> i & 1)
            json_write_member_string(out, &inner, channels[i].name, slice_of(channel_value(&f, i)));
    if (unstuck_asks_company(q) && f.credits > 0)
        print_fields(&f.person, out);
    buf_append_char(out, '}');
    return f.credits;
}
