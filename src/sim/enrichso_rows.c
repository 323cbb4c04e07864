/* Prints Enrich.so's answers, in each of its forms.
 *
 * The document shows results with `email` and `confidence` or `status`; it does not show a finder's
 * miss, which here has both empty, as its `subStatus` is. The OpenAPI description has `found`, and no
 * email when that is false; its reverse lookup says nothing of a miss but what it cost. Callbacks are
 * of the OpenAPI description in every form: the document has none. No state; any thread. */
#include <stdio.h>

#include "sim/enrichso.h"
#include "wire/json_write.h"

static const char *const mail_hosts[] = {"GOOGLE", "MICROSOFT", "SMTP"};

static void print_names(struct buf *out, bool *first, const struct question *q)
{
    json_write_member_string(out, first, "firstName", q->field[0]);
    json_write_member_string(out, first, "lastName", q->field[1]);
    json_write_member_string(out, first, "domain", q->field[2]);
}

static void print_email(struct buf *out, bool *first, const struct enrichso_answer *a)
{
    /* Nothing to escape: what is found has a plausible domain and a local part of letters and
     * digits. */
    json_write_key(out, first, "email");
    buf_append_char(out, '"');
    truth_email(a->question, a->digest, out);
    buf_append_char(out, '"');
}

/* The document's and the callbacks' finder knows high, medium and low. */
static const char *finder_confidence(const struct verdict *v)
{
    return v->confidence == CONFIDENCE_DEFINITIVE ? "high" : truth_confidence_name(v->confidence);
}

static void print_finder_document(struct buf *out, const struct enrichso_answer *a)
{
    bool first = true;
    const char *confidence = "";
    if (a->found) {
        print_email(out, &first, a);
        confidence = finder_confidence(&a->verdict);
    } else {
        json_write_member_string(out, &first, "email", SLICE_EMPTY);
    }
    json_write_member_string(out, &first, "confidence", slice_of(confidence));
    print_names(out, &first, a->question);
}

static const char *finder_message(bool found)
{
    return found ? "Email found" : "No professional email could be found for this person";
}

static void print_finder_openapi(struct buf *out, const struct enrichso_answer *a)
{
    bool first = true;
    const struct verdict *v = &a->verdict;
    print_names(out, &first, a->question);
    json_write_member_bool(out, &first, "found", a->found);
    if (a->found) {
        print_email(out, &first, a);
        json_write_member_string(out, &first, "confidence",
                                 slice_of(truth_confidence_name(v->confidence)));
        json_write_member_bool(out, &first, "isCatchAll", v->catch_all);
        json_write_member_string(out, &first, "provider", slice_of(mail_hosts[v->mail_host]));
    }
    json_write_member_string(out, &first, "message", slice_of(finder_message(a->found)));
}

static void print_validation_document(struct buf *out, const struct enrichso_answer *a, bool single)
{
    bool first = true;
    const struct verdict *v = &a->verdict;
    json_write_member_string(out, &first, "email", a->question->field[0]);
    json_write_member_string(out, &first, "status", slice_of(truth_status_name(v->status)));
    if (!single)
        return;
    json_write_member_string(out, &first, "subStatus", SLICE_EMPTY);
    json_write_member_bool(out, &first, "freeEmail", v->free_mail);
    json_write_member_bool(out, &first, "disposable", v->disposable);
    json_write_member_bool(out, &first, "catchAll", v->catch_all);
}

static const char *validation_message(enum verdict_status status)
{
    switch (status) {
    case VERDICT_VALID:
        return "The mailbox exists and is accepting mail";
    case VERDICT_INVALID:
        return "The mailbox does not exist on this server";
    case VERDICT_RISKY:
        return "Delivery cannot be confirmed";
    case VERDICT_CATCH_ALL:
        return "The domain accepts all addresses, so delivery cannot be guaranteed";
    }
    return "";
}

/* These forms have no word for a domain that takes everything but the flag. */
static const char *validation_result(const struct verdict *v)
{
    return truth_status_name(v->status == VERDICT_CATCH_ALL ? VERDICT_RISKY : v->status);
}

static void print_validation_openapi(struct buf *out, const struct enrichso_answer *a)
{
    bool first = true;
    const struct verdict *v = &a->verdict;
    json_write_member_string(out, &first, "email", a->question->field[0]);
    json_write_member_string(out, &first, "result", slice_of(validation_result(v)));
    json_write_member_string(out, &first, "message", slice_of(validation_message(v->status)));
    json_write_member_bool(out, &first, "isCatchAll", v->catch_all);
    json_write_member_string(out, &first, "provider", slice_of(mail_hosts[v->mail_host]));
    json_write_member_string(out, &first, "confidence",
                             slice_of(truth_confidence_name(v->confidence)));
}

/* ---- profiles ---- */

static void member_text(struct buf *out, bool *first, const char *name, const char *text)
{
    json_write_member_string(out, first, name, slice_of(text));
}

static void print_profile_document(struct buf *out, bool *first, const struct person *p)
{
    member_text(out, first, "linkedinUrl", p->url);
    member_text(out, first, "firstName", p->first);
    member_text(out, first, "lastName", p->last);
    member_text(out, first, "title", p->title);
    member_text(out, first, "company", p->company);
}

static void print_dates(struct buf *out, bool *first, unsigned from, unsigned to)
{
    json_write_key(out, first, "startEndDate");
    buf_append_format(out, "{\"start\":{\"month\":%u,\"year\":%u},\"end\":", from % 12 + 1,
                      from / 12);
    if (to == 0)
        buf_append_text(out, "null}");
    else
        buf_append_format(out, "{\"month\":%u,\"year\":%u}}", to % 12 + 1, to / 12);
}

/* One to three, the present one first; each begins in the month after the one before it ended. */
static void print_positions(struct buf *out, bool *first, const struct person *p)
{
    static const char *const titles[] = {"Team Lead", "Specialist", "Trainee"};
    static const char *const firms[] = {"Former Works", "Sample Labs", "Erstwhile Ltd",
                                        "Placeholder Group"};
    uint64_t bits = p->digest.high64;
    unsigned count = 1 + (unsigned)(bits % 3), to = 0;
    unsigned from = 2018 * 12 + (unsigned)(bits >> 2 & 0x3f);
    json_write_key(out, first, "positions");
    buf_append_format(out, "{\"positionsCount\":%u,\"positionHistory\":[", count);
    for (unsigned i = 0; i < count; i++) {
        bool inner = true;
        buf_append_text(out, i ? ",{" : "{");
        member_text(out, &inner, "title", i ? titles[(bits >> (8 + i)) % 3] : p->title);
        member_text(out, &inner, "companyName", i ? firms[(bits >> (12 + i)) % 4] : p->company);
        member_text(out, &inner, "companyLocation", p->location);
        print_dates(out, &inner, from, to);
        buf_append_char(out, '}');
        to = from - 1;
        from -= 13 + (unsigned)(bits >> (16 + 4 * i) & 0x1f);
    }
    buf_append_text(out, "]}");
}

/* None to two. */
static void print_schools(struct buf *out, bool *first, const struct person *p)
{
    static const char *const schools[] = {"Invented University", "Example Institute of Technology",
                                          "Madeup College"};
    static const char *const degrees[] = {"B.A. Examples", "M.Sc. Placeholders",
                                          "B.Sc. Applied Fiction"};
    uint64_t bits = p->digest.high64 >> 24;
    unsigned count = (unsigned)(bits % 3);
    unsigned to = 2010 * 12 + 8;
    json_write_key(out, first, "schools");
    buf_append_format(out, "{\"educationsCount\":%u,\"educationHistory\":[", count);
    for (unsigned i = 0; i < count; i++) {
        bool inner = true;
        buf_append_text(out, i ? ",{" : "{");
        member_text(out, &inner, "degreeName", degrees[(bits >> (2 + i)) % 3]);
        member_text(out, &inner, "schoolName", schools[(bits >> (6 + i)) % 3]);
        print_dates(out, &inner, to - 35, to);
        buf_append_char(out, '}');
        to -= 36;
    }
    buf_append_text(out, "]}");
}

static void print_profile_openapi(struct buf *out, bool *first, const struct person *p)
{
    char text[2 * PERSON_TEXT_MAX + 8];
    snprintf(text, sizeof text, "ACoAA%015llx", (unsigned long long)p->digest.low64 >> 4);
    member_text(out, first, "id", text);
    member_text(out, first, "displayName", p->full);
    member_text(out, first, "firstName", p->first);
    member_text(out, first, "lastName", p->last);
    snprintf(text, sizeof text, "%s at %s", p->title, p->company);
    member_text(out, first, "headline", text);
    member_text(out, first, "companyName", p->company);
    member_text(out, first, "location", p->location);
    member_text(out, first, "profileUrl", p->url);
    json_write_member_bool(out, first, "isPublic", true);
    print_schools(out, first, p);
    print_positions(out, first, p);
}

static void print_lookup(const struct shop *shop, struct buf *out, const struct enrichso_answer *a,
                         bool single)
{
    bool first = true, document = !enrichso_openapi(shop);
    struct person p;
    if (document)
        json_write_member_bool(out, &first, "found", a->found);
    if (document || (shop->settings.form == ENRICHSO_ECHOED && a->found))
        json_write_member_string(out, &first, "email", a->question->field[0]);
    if (a->found) {
        enrichso_person(a, &p);
        if (document)
            print_profile_document(out, &first, &p);
        else
            print_profile_openapi(out, &first, &p);
    }
    if (!document && single)
        json_write_member_i64(out, &first, "creditsConsumed", enrichso_price_single(shop, a));
}

/* ---- phone numbers ---- */

static void print_numbers(struct buf *out, bool *first, const struct enrichso_answer *a,
                          bool objects)
{
    struct person p = {0};
    json_write_key(out, first, "phones");
    buf_append_char(out, '[');
    if (a->found)
        enrichso_person(a, &p);
    for (unsigned i = 0; i < p.phones; i++) {
        /* Nothing to escape. */
        const char *number = p.phone_number[i];
        const char *comma = i ? "," : "";
        if (objects)
            buf_append_format(out, "%s{\"number\":\"%s\",\"type\":\"%s\"}", comma, number,
                              i ? "direct" : "mobile");
        else
            buf_append_format(out, "%s\"%s\"", comma, number);
    }
    buf_append_char(out, ']');
}

/* What a row of a list is about, as it was sent. */
static void print_phone_item(struct buf *out, bool *first, const struct question *q)
{
    unsigned i = q->field[ENRICHSO_EMAIL].len > 0 ? ENRICHSO_EMAIL : ENRICHSO_LINKEDIN;
    json_write_member_string(out, first, q->service->field[i], q->field[i]);
}

static void print_phones(const struct shop *shop, struct buf *out, const struct enrichso_answer *a,
                         bool single)
{
    bool first = true, document = !enrichso_openapi(shop);
    if (!single)
        print_phone_item(out, &first, a->question);
    if (single && document)
        json_write_member_bool(out, &first, "found", a->found);
    print_numbers(out, &first, a, document);
    if (!single && !a->found)
        member_text(out, &first, "error", "No phone numbers found for this profile");
}

/* ---- rows ---- */

bool enrichso_row_shown(const struct shop *shop, const struct enrichso_answer *a)
{
    bool lookup = enrichso_which(a->question->service) == ENRICHSO_LOOKUP;
    return a->found || !lookup || !enrichso_openapi(shop);
}

void enrichso_row_print(const struct shop *shop, const struct enrichso_answer *a, bool single,
                        struct buf *out)
{
    bool openapi = enrichso_openapi(shop);
    switch (enrichso_which(a->question->service)) {
    case ENRICHSO_FINDER:
        if (openapi)
            print_finder_openapi(out, a);
        else
            print_finder_document(out, a);
        return;
    case ENRICHSO_VALIDATION:
        if (openapi)
            print_validation_openapi(out, a);
        else
            print_validation_document(out, a, single);
        return;
    case ENRICHSO_LOOKUP:
        print_lookup(shop, out, a, single);
        return;
    case ENRICHSO_PHONES:
        print_phones(shop, out, a, single);
        return;
    case ENRICHSO_SERVICES:
        return;
    }
}

void enrichso_row_values(const struct shop *shop, const struct enrichso_answer *a, struct buf *out)
{
    bool first = true;
    struct person p;
    enum enrichso_service which = enrichso_which(a->question->service);
    if (!a->found)
        return;
    if (which == ENRICHSO_FINDER)
        print_email(out, &first, a);
    if (which == ENRICHSO_FINDER || which == ENRICHSO_VALIDATION)
        member_text(out, &first, "confidence", truth_confidence_name(a->verdict.confidence));
    if (which == ENRICHSO_PHONES)
        print_numbers(out, &first, a, false);
    if (which != ENRICHSO_LOOKUP)
        return;
    enrichso_person(a, &p);
    if (enrichso_openapi(shop))
        print_profile_openapi(out, &first, &p);
    else
        print_profile_document(out, &first, &p);
}

/* ---- callbacks ---- */

static void hook_finder(struct buf *out, const struct enrichso_answer *a)
{
    bool first = false, inner = true;
    json_write_key(out, &first, "result_id");
    buf_append_char(out, '"');
    /* Of what is not found there is no address: nothing says which lead it was. */
    if (a->found)
        truth_email(a->question, a->digest, out);
    buf_append_text(out, "\",\"result\":{");
    if (a->found)
        print_email(out, &inner, a);
    else
        member_text(out, &inner, "email", "");
    member_text(out, &inner, "result", a->found ? "found" : "not_found");
    if (a->found)
        member_text(out, &inner, "confidence", finder_confidence(&a->verdict));
    json_write_member_bool(out, &inner, "is_catch_all", a->found && a->verdict.catch_all);
    json_write_member_string(out, &inner, "domain", a->question->field[2]);
    if (a->found)
        member_text(out, &inner, "provider", mail_hosts[a->verdict.mail_host]);
    member_text(out, &inner, "message", finder_message(a->found));
    buf_append_char(out, '}');
}

static void hook_validation(struct buf *out, const struct enrichso_answer *a)
{
    bool first = false, inner = true;
    const struct verdict *v = &a->verdict;
    json_write_member_string(out, &first, "result_id", a->question->field[0]);
    json_write_key(out, &first, "result");
    buf_append_char(out, '{');
    json_write_member_string(out, &inner, "email", a->question->field[0]);
    member_text(out, &inner, "result", validation_result(v));
    member_text(out, &inner, "message", validation_message(v->status));
    member_text(out, &inner, "provider", mail_hosts[v->mail_host]);
    member_text(out, &inner, "confidence", truth_confidence_name(v->confidence));
    json_write_member_bool(out, &inner, "is_catch_all", v->catch_all);
    json_write_member_string(out, &inner, "domain", question_domain(a->question));
    buf_append_char(out, '}');
}

static void hook_lookup(struct buf *out, const struct enrichso_answer *a)
{
    bool first = false, inner = true;
    json_write_member_string(out, &first, "result_id", a->question->field[0]);
    member_text(out, &first, "type", a->found ? "success" : "no_match");
    if (a->found) {
        struct person p;
        enrichso_person(a, &p);
        json_write_key(out, &first, "result");
        buf_append_char(out, '{');
        print_profile_openapi(out, &inner, &p);
        buf_append_char(out, '}');
    }
    member_text(out, &first, "message", a->found ? "Person found" : "No information found");
}

static void hook_phones(struct buf *out, const struct enrichso_answer *a)
{
    const struct question *q = a->question;
    bool first = false;
    json_write_member_string(out, &first, "result_id",
                             q->field[ENRICHSO_EMAIL].len > 0 ? q->field[ENRICHSO_EMAIL]
                                                              : q->field[ENRICHSO_LINKEDIN]);
    member_text(out, &first, "type", a->found ? "success" : "no_match");
    if (a->found)
        print_numbers(out, &first, a, false);
    member_text(out, &first, "message",
                a->found ? "Phone numbers found" : "No phone numbers found");
}

void enrichso_row_hook(const struct enrichso_answer *a, struct buf *out)
{
    switch (enrichso_which(a->question->service)) {
    case ENRICHSO_FINDER:
        hook_finder(out, a);
        return;
    case ENRICHSO_VALIDATION:
        hook_validation(out, a);
        return;
    case ENRICHSO_LOOKUP:
        hook_lookup(out, a);
        return;
    case ENRICHSO_PHONES:
        hook_phones(out, a);
        return;
    case ENRICHSO_SERVICES:
        return;
    }
}
