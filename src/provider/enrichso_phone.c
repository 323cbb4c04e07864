/* Enrich.so's phone numbers, by a person's LinkedIn address or email address.
 *
 * A batch holds both kinds, each in a list of its own, and each row says which one it answers.
 *
 * Known contradictions:
 * - `phones` holds {number, type} in the document, bare numbers in the schemas.
 * - A row without numbers is a miss in the schema's text and has an `error` in its example: "No
 *   phone numbers found for this profile". What says so is a miss, any other error a failure.
 * - The schema's page says 10 credits an item where its example and the document say 500.
 *
 * Pure; any thread. */
#include "provider/enrichso.h"

#include "record/normalise.h"
#include "wire/http.h"
#include "wire/json_write.h"

/* Schema PhoneBatchRequest. */
#define LINKEDIN_BYTES_MAX 500

const char *enrichso_phones_check(const struct operation *op, struct record *r)
{
    struct slice page = r->value[FIELD_LINKEDIN_URL];

    if (page.len == 0 || r->problem[FIELD_LINKEDIN_URL])
        return enrichso_lookup_check(op, r); /* it is asked by the email address */
    if (!normalise_is_profile(page))
        return "linkedin_url is not a person's profile";
    if (page.len > LINKEDIN_BYTES_MAX)
        return "linkedin_url is longer than 500 bytes";
    return NULL;
}

/* --- requests ------------------------------------------------------------------------------- */

/* Pass 0 is of the email addresses, pass 1 of the LinkedIn addresses. A list can be empty: only
 * both together must have something ("Total of emails + linkedins"). */
bool enrichso_phones_item(struct body_writer *w, const struct record *r, field_set set)
{
    enum field asked = set == FIELD_BIT(EMAIL) ? FIELD_EMAIL : FIELD_LINKEDIN_URL;

    if ((asked == FIELD_EMAIL) != (w->pass == 0))
        return false;
    if (w->items > 0)
        buf_append_char(w->out, ',');
    json_write_string(w->out, r->value[asked]);
    return true;
}

void enrichso_phones_pass(struct body_writer *w)
{
    buf_append_text(w->out, "],\"linkedins\":[");
}

static bool phone_ask(struct body_writer *w, const struct record *r, field_set set)
{
    bool email = set == FIELD_BIT(EMAIL);

    buf_append_text(w->out, email ? "?email=" : "?linkedin=");
    http_encode_query(w->out, r->value[email ? FIELD_EMAIL : FIELD_LINKEDIN_URL]);
    return true;
}

/* --- rows ----------------------------------------------------------------------------------- */

/* The looked-up address, of either kind. */
static void phone_named(struct reply_memory *m, struct slice id, struct page_item *item)
{
    struct slice page = reply_linkedin(m, id);

    if (!normalise_is_profile(page) && memchr(id.data, '@', id.len)) {
        enrichso_named_email(m, id, item);
        return;
    }
    item->echo.value[FIELD_LINKEDIN_URL] = page;
    item->echoed = FIELD_BIT(LINKEDIN_URL);
}

static void add_phones(struct reply_memory *m, struct json_value row, struct reply_contacts *c)
{
    struct json_value list;
    struct json_walk w;

    if (!json_get(row, "phones", &list))
        return;
    for (bool more = json_walk_begin(&w, list); more; more = json_walk_next(&w)) {
        struct slice number = SLICE_EMPTY, type = SLICE_EMPTY;
        if (!json_string(w.value, &number))
            ENRICHSO_TEXT(w.value, &number, "number", "phone", "phone_number");
        reply_text(w.value, "type", &type);
        reply_add_phone(c, reply_phone(m, slice_trim(number), false), reply_lower(m, type));
    }
}

/* Whether an error only says that there is no number. */
static bool says_none(struct reply_memory *m, struct slice reason)
{
    static const char *const words[] = {"no phone", "not found", "no match", "no_match"};
    struct slice text = reply_lower(m, reason);

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (text.len > 0 && memmem(text.data, text.len, words[i], strlen(words[i])))
            return true;
    return false;
}

static void phone_row(struct reply_memory *m, struct json_value row, struct page_item *item)
{
    struct answer *a = &item->answer;
    struct reply_contacts contacts = {.phones = 0};
    struct slice reason = slice_of(enrichso_phone.miss), id;
    bool found = true;

    /* A row has the one or the other. */
    if (reply_text(row, "email", &id))
        enrichso_named_email(m, id, item);
    else if (ENRICHSO_TEXT(row, &id, "linkedin", "linkedinUrl", "linkedin_url"))
        phone_named(m, id, item);
    add_phones(m, row, &contacts);
    bool said = json_get_bool(row, "found", &found);
    if (found && contacts.phones > 0) {
        a->outcome = OUTCOME_FOUND;
        a->credits = ENRICHSO_PHONE_PRICE;
        reply_put_contacts(m, &contacts, a);
    } else if (reply_error(row, &reason)) {
        enrichso_end(a, says_none(m, reason) ? OUTCOME_NOT_FOUND : OUTCOME_FAILED, reason);
    } else if (said && found) {
        enrichso_end(a, OUTCOME_FAILED,
                     SLICE_LIT("the reply says found but gives no phone number"));
    } else {
        reply_text(row, "message", &reason);
        enrichso_end(a, OUTCOME_NOT_FOUND, reason);
    }
}

const struct enrichso_product enrichso_phone = {
    .operation = "phone-finder",
    .batch = "reverse-lookup/phones/bulk",
    .single = "reverse-lookup/phones",
    .query = true,
    .miss = "no phone number found",
    .row = phone_row,
    .named = phone_named,
    .ask = phone_ask,
};
