/* Reads submitted bodies in one pass, item by item, so that the memory it takes does not grow with
 * the list but for what finds duplicates.
 *
 * The rules are those of the vendor's OpenAPI description: lengths and numbers of items are the
 * service's; members it does not know are passed over. One bad item refuses the whole body. No
 * state; one thread a body. */
#include "sim/body.h"

#include <stdio.h>
#include <string.h>

#include "sim/scan.h"
#include "wire/utf8.h"

/* A field of the longest kind, every character an escaped surrogate pair, and then some: longer
 * ones are refused. */
#define TEXT_MAX 65536

void body_text_init(struct body_text *t)
{
    for (unsigned i = 0; i < QUESTION_FIELDS_MAX; i++)
        buf_init(&t->field[i], TEXT_MAX);
    buf_init(&t->key, TEXT_MAX);
    buf_init(&t->normal, 4 * TEXT_MAX);
}

void body_text_deinit(struct body_text *t)
{
    for (unsigned i = 0; i < QUESTION_FIELDS_MAX; i++)
        buf_deinit(&t->field[i]);
    buf_deinit(&t->key);
    buf_deinit(&t->normal);
}

/* Where in a body an item is: for messages. */
struct body_place {
    const char *list; /* NULL: the body itself */
    uint32_t index;
    bool strings; /* the list's items are strings */
};

static enum body_verdict bad_item(char detail[256], struct body_place at, const char *field,
                                  const char *rule)
{
    if (at.list)
        snprintf(detail, 256, "body/%s/%u%s%s %s", at.list, at.index, field ? "/" : "",
                 field ? field : "", rule);
    else
        snprintf(detail, 256, "body/%s %s", field, rule);
    return BODY_BAD;
}

static enum body_verdict bad_json(char detail[256], const struct scan *s)
{
    snprintf(detail, 256, "Body is not valid JSON: %s at byte %zu",
             s->problem ? s->problem : "error", (size_t)(s->at - s->start));
    return BODY_BAD;
}

const char *body_field_problem(const struct service *service, unsigned field, struct slice text,
                               char rule[64])
{
    unsigned max = service->field_max[field];
    if (utf8_trim(text).len == 0)
        return "must NOT have fewer than 1 characters";
    if (text.len > max && utf8_count(text) > max) {
        snprintf(rule, 64, "must NOT have more than %u characters", max);
        return rule;
    }
    return NULL;
}

/* A run of names with dots between them, each of letters, digits and what `extra` holds. */
static bool dotted(struct slice text, const char *extra, unsigned dots_min)
{
    unsigned dots = 0;
    size_t label = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool letter = ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9');
        if (c == '.' && label > 0) {
            dots++;
            label = 0;
        } else if (c != '\0' && (letter || strchr(extra, c))) {
            label++;
        } else {
            return false;
        }
    }
    return label > 0 && dots >= dots_min;
}

bool body_address(struct slice text)
{
    const char *at = text.len ? memrchr(text.data, '@', text.len) : NULL;
    if (!at)
        return false;
    struct slice local = {text.data, (size_t)(at - text.data)};
    struct slice domain = {at + 1, text.len - local.len - 1};
    return dotted(local, "!#$%&'*+/=?^_`{|}~-", 0) && dotted(domain, "-", 1) &&
           domain.data[0] != '-' && domain.data[domain.len - 1] != '-';
}

static enum body_verdict check_field(const struct service *facts, bool addresses, unsigned i,
                                     struct slice text, struct body_place at, char detail[256])
{
    char rule[64];
    /* An item of a list of strings has no member that could be named. */
    const char *name = at.list && at.strings ? NULL : facts->field[i];
    if (!text.data)
        return bad_item(detail, at, name, "must be present");
    const char *problem = body_field_problem(facts, i, text, rule);
    if (!problem && addresses && i == 0 && !body_address(text))
        problem = at.list ? "must match format \"email\"" : "Invalid email";
    return problem ? bad_item(detail, at, name, problem) : BODY_GOOD;
}

static enum body_verdict check_question(const struct service *facts, bool addresses,
                                        const struct question *q, struct body_place at,
                                        char detail[256])
{
    enum body_verdict verdict = BODY_GOOD;
    for (unsigned i = 0; i < facts->fields && verdict == BODY_GOOD; i++)
        verdict = check_field(facts, addresses, i, q->field[i], at, detail);
    return verdict;
}

/* The members of an object that are fields of the question; the last of two of one name counts, as
 * with most parsers. */
static enum body_verdict read_object(struct scan *s, const struct service *facts,
                                     struct question *q, struct body_text *text,
                                     struct body_place at, char detail[256])
{
    bool first;
    struct slice key;
    if (at.list && scan_peek(s) != '{')
        return scan_skip(s) ? bad_item(detail, at, NULL, "must be object") : bad_json(detail, s);
    if (!scan_open(s, '{', &first))
        return bad_json(detail, s);
    while (scan_member(s, &first, &text->key, &key)) {
        unsigned i = 0;
        while (i < facts->fields && !slice_eq(key, slice_of(facts->field[i])))
            i++;
        if (i == facts->fields) {
            if (!scan_skip(s))
                break;
            continue;
        }
        if (scan_peek(s) != '"')
            return scan_skip(s) ? bad_item(detail, at, facts->field[i], "must be string")
                                : bad_json(detail, s);
        if (!scan_string(s, &text->field[i], &q->field[i]))
            break;
    }
    return s->problem ? bad_json(detail, s) : BODY_GOOD;
}

/* What the vendor finds wrong with an item that is well formed: only for the domains that say so.
 */
static enum body_verdict check_refusal(const struct question *q, struct body_place at,
                                       char detail[256])
{
    switch (truth_refuses(q)) {
    case TRUTH_TAKEN:
        return BODY_GOOD;
    case TRUTH_REFUSED:
        return bad_item(detail, at,
                        q->service->kind == SERVICE_FINDER ? "domain"
                        : at.list                          ? NULL
                                                           : "email",
                        "is refused");
    case TRUTH_POISON:
        snprintf(detail, 256, "The request holds an item that is not valid");
        return BODY_BAD;
    }
    return BODY_GOOD;
}

struct batch_reader {
    const struct service *facts;
    const struct body_rules *rules;
    const struct truth *truth;
    struct scan scan;
    struct body_text text;
    struct question question;
    struct items_writer *writer;
    bool seen[BODY_LISTS_MAX];
    struct body_batch *out;
    char *detail;
    struct error *error;
};

static enum body_verdict read_string(struct batch_reader *r, unsigned field, struct body_place at)
{
    struct scan *s = &r->scan;
    struct question *q = &r->question;
    if (scan_peek(s) != '"')
        return scan_skip(s) ? bad_item(r->detail, at, NULL, "must be string")
                            : bad_json(r->detail, s);
    for (unsigned i = 0; i < r->facts->fields; i++)
        q->field[i] = SLICE_EMPTY;
    if (!scan_string(s, &r->text.field[field], &q->field[field]))
        return bad_json(r->detail, s);
    return check_field(r->facts, r->rules->addresses, field, q->field[field], at, r->detail);
}

static enum body_verdict read_item(struct batch_reader *r, const struct body_list *list,
                                   struct body_place at)
{
    struct question *q = &r->question;
    if (list->field != BODY_OBJECTS)
        return read_string(r, (unsigned)list->field, at);
    for (unsigned i = 0; i < r->facts->fields; i++)
        q->field[i] = (struct slice){NULL, 0};
    enum body_verdict verdict = read_object(&r->scan, r->facts, q, &r->text, at, r->detail);
    return verdict == BODY_GOOD ? check_question(r->facts, r->rules->addresses, q, at, r->detail)
                                : verdict;
}

/* What tells two items of the list apart. */
static XXH128_hash_t identity(const struct batch_reader *r, const struct body_list *list)
{
    const struct question *q = &r->question;
    if (!list->exact)
        return truth_digest(r->truth, q);
    struct slice text = q->field[list->field];
    return XXH3_128bits_withSeed(text.data, text.len, (uint64_t)list->field + 1);
}

static enum body_verdict keep_item(struct batch_reader *r, const struct body_list *list,
                                   struct body_place at)
{
    struct question *q = &r->question;
    bool fresh;
    question_normalise(q, &r->text.normal);
    enum body_verdict verdict = check_refusal(q, at, r->detail);
    if (verdict != BODY_GOOD)
        return verdict;
    if (items_add(r->writer, q->field, identity(r, list), &fresh, r->error) != 0)
        return BODY_FAILED;
    r->out->found += fresh && r->rules->finds(r->truth, q);
    r->out->original++;
    return BODY_GOOD;
}

static enum body_verdict too_many(struct batch_reader *r)
{
    const struct body_list *list = r->rules->list;
    snprintf(r->detail, 256, "body/%s%s%s must NOT have more than %u items", list[0].name,
             list[1].name ? " and body/" : "", list[1].name ? list[1].name : "",
             r->facts->items_max);
    return BODY_BAD;
}

static enum body_verdict read_list(struct batch_reader *r, const struct body_list *list)
{
    struct body_place nowhere = {0};
    struct body_place at = {list->name, 0, list->field != BODY_OBJECTS};
    bool first, *seen = &r->seen[list - r->rules->list];
    if (*seen)
        return bad_item(r->detail, nowhere, list->name, "must not come twice");
    *seen = true;
    if (scan_peek(&r->scan) != '[')
        return scan_skip(&r->scan) ? bad_item(r->detail, nowhere, list->name, "must be array")
                                   : bad_json(r->detail, &r->scan);
    scan_open(&r->scan, '[', &first);
    for (; scan_element(&r->scan, &first); at.index++) {
        if (r->out->original == r->facts->items_max)
            return too_many(r);
        enum body_verdict verdict = read_item(r, list, at);
        if (verdict == BODY_GOOD)
            verdict = keep_item(r, list, at);
        if (verdict != BODY_GOOD)
            return verdict;
    }
    return r->scan.problem ? bad_json(r->detail, &r->scan) : BODY_GOOD;
}

static enum body_verdict read_callback(struct batch_reader *r)
{
    struct body_place nowhere = {0};
    struct slice url;
    if (scan_peek(&r->scan) != '"')
        return bad_item(r->detail, nowhere, "webhookUrl", "must be string");
    if (!scan_string(&r->scan, &r->text.key, &url))
        return bad_json(r->detail, &r->scan);
    if (url.len >= sizeof r->out->callback || memchr(url.data, '\0', url.len) ||
        (!slice_starts(url, SLICE_LIT("http://")) && !slice_starts(url, SLICE_LIT("https://"))))
        return bad_item(r->detail, nowhere, "webhookUrl", "must match format \"uri\"");
    memcpy(r->out->callback, url.data, url.len);
    r->out->callback[url.len] = '\0';
    return BODY_GOOD;
}

static enum body_verdict read_member(struct batch_reader *r, struct slice key)
{
    for (unsigned i = 0; i < BODY_LISTS_MAX; i++)
        if (r->rules->list[i].name && slice_eq(key, slice_of(r->rules->list[i].name)))
            return read_list(r, &r->rules->list[i]);
    if (slice_eq(key, SLICE_LIT("webhookUrl")))
        return read_callback(r);
    return scan_skip(&r->scan) ? BODY_GOOD : bad_json(r->detail, &r->scan);
}

static enum body_verdict read_batch(struct batch_reader *r)
{
    const struct body_list *list = r->rules->list;
    bool first;
    struct slice key;
    if (!scan_open(&r->scan, '{', &first))
        return bad_json(r->detail, &r->scan);
    while (scan_member(&r->scan, &first, &r->text.key, &key)) {
        enum body_verdict verdict = read_member(r, key);
        if (verdict != BODY_GOOD)
            return verdict;
    }
    if (r->scan.problem || !scan_end(&r->scan))
        return bad_json(r->detail, &r->scan);
    if (r->out->original > 0)
        return BODY_GOOD;
    if (list[1].name) {
        snprintf(r->detail, 256, "body must have at least 1 item in %s and %s", list[0].name,
                 list[1].name);
        return BODY_BAD;
    }
    return bad_item(r->detail, (struct body_place){0}, list[0].name,
                    r->seen[0] ? "must NOT have fewer than 1 items" : "must be present");
}

enum body_verdict body_read_batch(const struct service *service, const struct body_rules *rules,
                                  const struct truth *truth, struct slice body,
                                  struct items_writer *w, struct body_batch *out, char detail[256],
                                  struct error *e)
{
    struct batch_reader r = {.facts = service,
                             .rules = rules,
                             .truth = truth,
                             .question = {.service = service},
                             .writer = w,
                             .out = out,
                             .detail = detail,
                             .error = e};
    *out = (struct body_batch){0};
    if (!utf8_valid(body)) {
        snprintf(detail, 256, "Body is not UTF-8 at byte %zu", utf8_bad(body));
        return BODY_BAD;
    }
    scan_init(&r.scan, body);
    body_text_init(&r.text);
    enum body_verdict verdict = read_batch(&r);
    body_text_deinit(&r.text);
    return verdict;
}

enum body_verdict body_read_single(const struct service *service, bool addresses, struct slice body,
                                   struct body_text *text, struct question *q, char detail[256])
{
    const struct service *facts = service;
    struct body_place nowhere = {0};
    struct scan s;
    *q = (struct question){.service = service};
    if (!utf8_valid(body)) {
        snprintf(detail, 256, "Body is not UTF-8 at byte %zu", utf8_bad(body));
        return BODY_BAD;
    }
    scan_init(&s, body);
    enum body_verdict verdict = read_object(&s, facts, q, text, nowhere, detail);
    if (verdict == BODY_GOOD && !scan_end(&s))
        verdict = bad_json(detail, &s);
    if (verdict == BODY_GOOD)
        verdict = check_question(facts, addresses, q, nowhere, detail);
    if (verdict != BODY_GOOD)
        return verdict;
    question_normalise(q, &text->normal);
    if (service->kind == SERVICE_VALIDATION && question_domain(q).len == 0)
        return bad_item(detail, nowhere, "email", "Invalid email");
    return check_refusal(q, nowhere, detail);
}
