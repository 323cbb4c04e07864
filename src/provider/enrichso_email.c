/* Enrich.so's email addresses: the finder and the validation.
 *
 * Known contradictions:
 * - Credits of a validation. The document charges each address. The schema says `risky` is free,
 *   and the schema's own example of four rows settles at what its two `valid` ones cost. Here each
 *   validation costs its price; the vendor's total rules in the summary.
 * - Names of up to 100 "characters" are taken as code points.
 *
 * Pure; any thread. */
#include "provider/enrichso.h"

#include "wire/json_write.h"
#include "wire/utf8.h"

/* Schemas EmailFinderRequest and Lead. */
#define NAME_CHARACTERS_MAX 100
#define DOMAIN_BYTES_MAX    253

/* Rows say isCatchAll (schemas) or catchAll (document), callbacks is_catch_all. */
static struct slice catch_all_of(struct json_value row)
{
    static const char *const names[] = {"isCatchAll", "catchAll", "is_catch_all"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct slice flag = reply_flag(row, names[i]);
        if (flag.len > 0)
            return flag;
    }
    return SLICE_EMPTY;
}

/* --- finder --------------------------------------------------------------------------------- */

const char *enrichso_leads_check(const struct operation *op, struct record *r)
{
    (void)op;
    if (utf8_count(r->value[FIELD_FIRST_NAME]) > NAME_CHARACTERS_MAX)
        return "first_name is longer than 100 characters";
    if (utf8_count(r->value[FIELD_LAST_NAME]) > NAME_CHARACTERS_MAX)
        return "last_name is longer than 100 characters";
    if (r->value[FIELD_DOMAIN].len > DOMAIN_BYTES_MAX)
        return "domain is longer than 253 bytes";
    return NULL;
}

void enrichso_leads_begin(struct body_writer *w)
{
    buf_append_text(w->out, "{\"leads\":[");
}

bool enrichso_leads_item(struct body_writer *w, const struct record *r, field_set set)
{
    bool first = true;

    (void)set;
    buf_append_text(w->out, w->items == 0 ? "{" : ",{");
    json_write_member_string(w->out, &first, "firstName", r->value[FIELD_FIRST_NAME]);
    json_write_member_string(w->out, &first, "lastName", r->value[FIELD_LAST_NAME]);
    json_write_member_string(w->out, &first, "domain", r->value[FIELD_DOMAIN]);
    buf_append_char(w->out, '}');
    return true;
}

/* Three names that lead back to the question, or none do. */
static void lead_echo(struct reply_memory *m, struct json_value row, struct page_item *item)
{
    struct slice *value = item->echo.value;

    ENRICHSO_TEXT(row, &value[FIELD_FIRST_NAME], "firstName", "first_name");
    ENRICHSO_TEXT(row, &value[FIELD_LAST_NAME], "lastName", "last_name");
    if (reply_text(row, "domain", &value[FIELD_DOMAIN]))
        value[FIELD_DOMAIN] = reply_domain(m, value[FIELD_DOMAIN]);
    if (value[FIELD_FIRST_NAME].len > 0 && value[FIELD_LAST_NAME].len > 0 &&
        value[FIELD_DOMAIN].len > 0)
        item->echoed = ENRICHSO_LEAD;
}

/* Whether the row says that an address was found: a flag in replies, a word in callbacks. False,
 * and *found untouched, where it says neither. */
static bool found_said(struct json_value row, bool *found)
{
    struct slice word;

    if (json_get_bool(row, "found", found))
        return true;
    if (!reply_text(row, "result", &word))
        return false;
    *found = slice_eq_nocase(word, SLICE_LIT("found"));
    return *found || slice_eq_nocase(word, SLICE_LIT("not_found"));
}

static void finder_row(struct reply_memory *m, struct json_value row, struct page_item *item)
{
    struct answer *a = &item->answer;
    struct slice email = SLICE_EMPTY;
    struct slice reason = slice_of(enrichso_finder.miss);
    bool found = true;

    lead_echo(m, row, item);
    bool said = found_said(row, &found);
    if (found && reply_email(row, "email", &email)) {
        a->outcome = OUTCOME_FOUND;
        a->credits = ENRICHSO_FINDER_PRICE;
        a->value[FIELD_EMAIL] = email;
        a->value[FIELD_CONFIDENCE] = reply_confidence(m, row, "confidence", 1);
        a->value[FIELD_EMAIL_CATCH_ALL] = catch_all_of(row);
        a->value[FIELD_COMPANY_DOMAIN] = item->echo.value[FIELD_DOMAIN];
        a->value[FIELD_FIRST_NAME] = item->echo.value[FIELD_FIRST_NAME];
        a->value[FIELD_LAST_NAME] = item->echo.value[FIELD_LAST_NAME];
    } else if (reply_error(row, &reason)) {
        enrichso_end(a, OUTCOME_FAILED, reason);
    } else if (said && found) {
        enrichso_end(a, OUTCOME_FAILED, SLICE_LIT("the reply says found but gives no email"));
    } else {
        reply_text(row, "message", &reason);
        enrichso_end(a, OUTCOME_NOT_FOUND, reason);
    }
}

/* A callback names no lead: its result_id is the address that was found. So `named` is left out,
 * and callbacks of items only tell that the batch goes on. */
const struct enrichso_product enrichso_finder = {
    .operation = "email-finder",
    .batch = "email-finder/batch",
    .single = "email-finder",
    .miss = "no email found",
    .row = finder_row,
    .ask = enrichso_leads_item,
};

/* --- validation ----------------------------------------------------------------------------- */

void enrichso_emails_begin(struct body_writer *w)
{
    buf_append_text(w->out, "{\"emails\":[");
}

bool enrichso_emails_item(struct body_writer *w, const struct record *r, field_set set)
{
    (void)set;
    if (w->items > 0)
        buf_append_char(w->out, ',');
    json_write_string(w->out, r->value[FIELD_EMAIL]);
    return true;
}

bool enrichso_email_ask(struct body_writer *w, const struct record *r, field_set set)
{
    bool first = true;

    (void)set;
    buf_append_char(w->out, '{');
    json_write_member_string(w->out, &first, "email", r->value[FIELD_EMAIL]);
    buf_append_char(w->out, '}');
    return true;
}

static void validation_row(struct reply_memory *m, struct json_value row, struct page_item *item)
{
    struct answer *a = &item->answer;
    struct slice word;
    struct slice reason = SLICE_EMPTY;

    if (reply_text(row, "email", &item->echo.value[FIELD_EMAIL]))
        item->echoed = FIELD_BIT(EMAIL);
    /* `result` first: where a reply has both, `status` may be that of the work, not of the
     * address. */
    if (!ENRICHSO_TEXT(row, &word, "result", "status")) {
        if (!reply_error(row, &reason))
            reason = slice_of(enrichso_validation.miss);
        enrichso_end(a, OUTCOME_FAILED, reason);
        return;
    }
    struct slice status = reply_email_status(m, word);
    if (slice_eq(status, SLICE_LIT("error")) || slice_eq(status, SLICE_LIT("failed"))) {
        if (!reply_error(row, &reason) && !reply_text(row, "message", &reason))
            reason = SLICE_LIT("the vendor could not validate it");
        enrichso_end(a, OUTCOME_FAILED, reason);
        return;
    }
    a->outcome = OUTCOME_FOUND;
    a->credits = ENRICHSO_VALIDATION_PRICE;
    a->value[FIELD_EMAIL] = item->echo.value[FIELD_EMAIL];
    a->value[FIELD_EMAIL_STATUS] = status;
    ENRICHSO_TEXT(row, &a->value[FIELD_EMAIL_SUB_STATUS], "subStatus", "sub_status");
    a->value[FIELD_EMAIL_FREE] = reply_flag(row, "freeEmail");
    a->value[FIELD_EMAIL_DISPOSABLE] = reply_flag(row, "disposable");
    a->value[FIELD_EMAIL_CATCH_ALL] = catch_all_of(row);
    a->value[FIELD_CONFIDENCE] = reply_confidence(m, row, "confidence", 1);
}

const struct enrichso_product enrichso_validation = {
    .operation = "email-validation",
    .batch = "email-validation/batch",
    .single = "email-validation",
    .miss = "the reply gives no status",
    .row = validation_row,
    .named = enrichso_named_email,
    .ask = enrichso_email_ask,
};
