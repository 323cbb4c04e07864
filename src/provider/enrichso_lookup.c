/* Enrich.so's reverse lookup: the professional profile behind an email address.
 *
 * Known contradictions:
 * - The document's profile has found, email, linkedinUrl, title and company; the schema's
 *   (ReverseLookupResult) has neither found nor email, and says profileUrl, companyName, headline,
 *   positions and schools. Results of batches are shown in the schema's form only, so that a row
 *   may not say whose it is.
 * - Misses: the document charges "per processed email", the schema leaves misses out of the results
 *   and refunds them.
 *
 * Pure; any thread. */
#include "provider/enrichso.h"

const char *enrichso_lookup_check(const struct operation *op, struct record *r)
{
    struct slice email = r->value[FIELD_EMAIL];

    (void)op;
    for (size_t i = 0; i < email.len; i++)
        if ((unsigned char)email.data[i] >= 0x80)
            return "email has letters beyond ASCII, which this vendor does not take";
    return NULL;
}

/* The title of the position that the person still has: one without an end ("null means the person
 * is still in this role", schema StartEndDate), at the company that the profile names as current.
 */
static void current_title(struct json_value row, struct answer *a)
{
    struct json_value list;
    struct json_walk w;

    if (!json_path(row, "positions.positionHistory", &list))
        return;
    for (bool more = json_walk_begin(&w, list); more; more = json_walk_next(&w)) {
        struct json_value end;
        struct slice company;
        if (json_path(w.value, "startEndDate.end", &end) && json_type(end) == JSON_NULL &&
            reply_text(w.value, "companyName", &company) &&
            slice_eq_nocase(company, a->value[FIELD_COMPANY]) &&
            reply_text(w.value, "title", &a->value[FIELD_JOB_TITLE]))
            return;
    }
}

/* The list inside {"positionsCount":2,"positionHistory":[...]}; also one that stands bare. */
static struct slice history(struct reply_memory *m, struct json_value row, const char *name,
                            const char *list)
{
    struct json_value value, inner;

    if (!json_get(row, name, &value))
        return SLICE_EMPTY;
    if (json_get(value, list, &inner))
        value = inner;
    return json_type(value) == JSON_ARRAY && json_count(value) > 0 ? reply_print(m, value)
                                                                   : SLICE_EMPTY;
}

/* Whether there is anything in it that tells who it is. */
static bool profile(struct reply_memory *m, struct json_value row, struct answer *a)
{
    struct slice *value = a->value;

    bool any = ENRICHSO_TEXT(row, &value[FIELD_FIRST_NAME], "firstName", "first_name");
    any |= ENRICHSO_TEXT(row, &value[FIELD_LAST_NAME], "lastName", "last_name");
    any |= ENRICHSO_TEXT(row, &value[FIELD_FULL_NAME], "displayName", "display_name", "fullName");
    any |= ENRICHSO_TEXT(row, &value[FIELD_COMPANY], "company", "companyName", "company_name");
    any |= ENRICHSO_TEXT(row, &value[FIELD_HEADLINE], "headline");
    if (ENRICHSO_TEXT(row, &value[FIELD_LINKEDIN_URL], "linkedinUrl", "profileUrl", "linkedInUrl",
                      "linkedin_url", "profile_url")) {
        value[FIELD_LINKEDIN_URL] = reply_linkedin(m, value[FIELD_LINKEDIN_URL]);
        any = true;
    }
    if (ENRICHSO_TEXT(row, &value[FIELD_JOB_TITLE], "title", "jobTitle", "job_title"))
        any = true;
    else
        current_title(row, a);
    if (!any)
        return false;
    reply_text(row, "location", &value[FIELD_LOCATION]);
    reply_text(row, "id", &value[FIELD_VENDOR_ID]);
    value[FIELD_POSITIONS] = history(m, row, "positions", "positionHistory");
    value[FIELD_SCHOOLS] = history(m, row, "schools", "educationHistory");
    return true;
}

static void lookup_row(struct reply_memory *m, struct json_value row, struct page_item *item)
{
    struct answer *a = &item->answer;
    struct slice reason = slice_of(enrichso_lookup.miss);
    bool found = true;

    if (reply_text(row, "email", &item->echo.value[FIELD_EMAIL]))
        item->echoed = FIELD_BIT(EMAIL);
    bool said = json_get_bool(row, "found", &found);
    if (found && profile(m, row, a)) {
        /* Also 0: the vendor answers from its memory for 7 days. */
        int64_t consumed = reply_amount(row, "creditsConsumed");
        a->outcome = OUTCOME_FOUND;
        a->credits = consumed >= 0 ? consumed : ENRICHSO_LOOKUP_PRICE;
    } else if (reply_error(row, &reason)) {
        enrichso_end(a, OUTCOME_FAILED, reason);
    } else if (said && found) {
        enrichso_end(a, OUTCOME_FAILED, SLICE_LIT("the reply says found but gives no profile"));
    } else {
        reply_text(row, "message", &reason);
        enrichso_end(a, OUTCOME_NOT_FOUND, reason);
    }
}

const struct enrichso_product enrichso_lookup = {
    .operation = "reverse-lookup",
    .batch = "reverse-lookup/bulk-lookup",
    .single = "reverse-lookup/lookup",
    .miss = "no profile found",
    .row = lookup_row,
    .named = enrichso_named_email,
    .ask = enrichso_email_ask,
};
