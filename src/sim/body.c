/* Reads submitted bodies in one pass, item by item, so that the memory it takes does not grow with
 * the list but for what finds duplicates.
 *
 * The rules are those of the vendor's OpenAPI description: names of 1 to 100 characters, domains of
 * 1 to 253, addresses of 1 to 254, 1 to 500,000 items; members it does not know are passed over.
 * One bad item refuses the whole body. No state; one thread a body. */
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

/* NULL when the field is as long as it may be, else the rule it breaks. */
static const char *field_problem(const struct service *facts, unsigned i, struct slice text,
                                 char rule[64])
{
    unsigned max = facts->field_max[i];
    if (utf8_trim(text).len == 0)
        return "must NOT have fewer than 1 characters";
    if (text.len > max && utf8_count(text) > max) {
        snprintf(rule, 64, "must NOT have more than %u characters", max);
        return rule;
    }
    return NULL;
}

static enum body_verdict check_question(const struct service *facts, const struct question *q,
                                        struct body_place at, char detail[256])
{
    char rule[64];
    for (unsigned i = 0; i < facts->fields; i++) {
        /* An item of a list of strings has no member that could be named. */
        const char *name = at.list && facts->fields == 1 ? NULL : facts->field[i];
        if (!q->field[i].data)
            return bad_item(detail, at, name, "must be present");
        const char *problem = field_problem(facts, i, q->field[i], rule);
        if (problem)
            return bad_item(detail, at, name, problem);
    }
    return BODY_GOOD;
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

static enum body_verdict read_item(struct scan *s, const struct service *facts, struct question *q,
                                   struct body_text *text, struct body_place at, char detail[256])
{
    enum body_verdict verdict = BODY_GOOD;
    for (unsigned i = 0; i < facts->fields; i++)
        q->field[i] = (struct slice){NULL, 0};
    if (facts->fields > 1)
        verdict = read_object(s, facts, q, text, at, detail);
    else if (scan_peek(s) != '"')
        return scan_skip(s) ? bad_item(detail, at, NULL, "must be string") : bad_json(detail, s);
    else if (!scan_string(s, &text->field[0], &q->field[0]))
        return bad_json(detail, s);
    if (verdict == BODY_GOOD)
        verdict = check_question(facts, q, at, detail);
    return verdict;
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
    const struct truth *truth;
    struct scan scan;
    struct body_text text;
    struct question question;
    struct items_writer *writer;
    struct body_batch *out;
    char *detail;
    struct error *error;
};

static enum body_verdict keep_item(struct batch_reader *r, struct body_place at)
{
    struct question *q = &r->question;
    bool fresh;
    question_normalise(q, &r->text.normal);
    XXH128_hash_t digest = truth_digest(r->truth, q);
    enum body_verdict verdict = check_refusal(q, at, r->detail);
    if (verdict != BODY_GOOD)
        return verdict;
    if (items_add(r->writer, q->field, digest, &fresh, r->error) != 0)
        return BODY_FAILED;
    if (fresh) {
        struct verdict v = truth_judge(r->truth, q, digest);
        r->out->charge_items += truth_charges(q->service->kind, &v);
    }
    return BODY_GOOD;
}

static enum body_verdict read_list(struct batch_reader *r)
{
    const struct service *facts = r->facts;
    struct body_place at = {facts->list, 0};
    bool first;
    if (r->out->original > 0)
        return bad_item(r->detail, (struct body_place){0}, facts->list, "must not come twice");
    if (scan_peek(&r->scan) != '[')
        return scan_skip(&r->scan)
                   ? bad_item(r->detail, (struct body_place){0}, facts->list, "must be array")
                   : bad_json(r->detail, &r->scan);
    scan_open(&r->scan, '[', &first);
    while (scan_element(&r->scan, &first)) {
        if (at.index == facts->items_max) {
            snprintf(r->detail, 256, "body/%s must NOT have more than %u items", facts->list,
                     facts->items_max);
            return BODY_BAD;
        }
        enum body_verdict verdict =
            read_item(&r->scan, facts, &r->question, &r->text, at, r->detail);
        if (verdict == BODY_GOOD)
            verdict = keep_item(r, at);
        if (verdict != BODY_GOOD)
            return verdict;
        at.index++;
    }
    r->out->original = at.index;
    return r->scan.problem ? bad_json(r->detail, &r->scan) : BODY_GOOD;
}

static enum body_verdict read_batch(struct batch_reader *r)
{
    bool first;
    struct slice key;
    bool seen = false;
    if (!scan_open(&r->scan, '{', &first))
        return bad_json(r->detail, &r->scan);
    while (scan_member(&r->scan, &first, &r->text.key, &key)) {
        enum body_verdict verdict = BODY_GOOD;
        if (slice_eq(key, slice_of(r->facts->list))) {
            seen = true;
            verdict = read_list(r);
        } else if (slice_eq(key, SLICE_LIT("webhookUrl")) && scan_peek(&r->scan) != '"') {
            verdict = bad_item(r->detail, (struct body_place){0}, "webhookUrl", "must be string");
        } else if (!scan_skip(&r->scan)) {
            break;
        }
        if (verdict != BODY_GOOD)
            return verdict;
    }
    if (r->scan.problem || !scan_end(&r->scan))
        return bad_json(r->detail, &r->scan);
    if (!seen || r->out->original == 0)
        return bad_item(r->detail, (struct body_place){0}, r->facts->list,
                        seen ? "must NOT have fewer than 1 items" : "must be present");
    return BODY_GOOD;
}

enum body_verdict body_read_batch(const struct service *service, const struct truth *truth,
                                  struct slice body, struct items_writer *w, struct body_batch *out,
                                  char detail[256], struct error *e)
{
    struct batch_reader r = {.facts = service,
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

enum body_verdict body_read_single(const struct service *service, struct slice body,
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
        verdict = check_question(facts, q, nowhere, detail);
    if (verdict != BODY_GOOD)
        return verdict;
    question_normalise(q, &text->normal);
    if (service->kind == SERVICE_VALIDATION && question_domain(q).len == 0)
        return bad_item(detail, nowhere, "email", "Invalid email");
    return check_refusal(q, nowhere, detail);
}
