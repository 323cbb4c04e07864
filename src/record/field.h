/* The canonical fields: one list drives column recognition, records, answers, output columns and
 * the docs. */
#ifndef TRANCHE_RECORD_FIELD_H
#define TRANCHE_RECORD_FIELD_H

#include <stdint.h>

#include "base/slice.h"

/* How a value stands in NDJSON. */
enum field_kind {
    FIELD_TEXT,   /* a string */
    FIELD_SCALAR, /* a number or true/false where the text is one, else a string */
    FIELD_JSON,   /* JSON text, as it is */
};

/* name, kind. The order is the order in `data`; the numbers are part of the ledger's format: append
 * only. */
#define FIELD_LIST(X)                                                                              \
    X(EMAIL, "email", FIELD_TEXT)                                                                  \
    X(EMAIL_STATUS, "email_status", FIELD_TEXT)                                                    \
    X(EMAILS, "emails", FIELD_JSON)                                                                \
    X(PHONE, "phone", FIELD_TEXT)                                                                  \
    X(PHONES, "phones", FIELD_JSON)                                                                \
    X(LINKEDIN_URL, "linkedin_url", FIELD_TEXT)                                                    \
    X(FIRST_NAME, "first_name", FIELD_TEXT)                                                        \
    X(LAST_NAME, "last_name", FIELD_TEXT)                                                          \
    X(FULL_NAME, "full_name", FIELD_TEXT)                                                          \
    X(JOB_TITLE, "job_title", FIELD_TEXT)                                                          \
    X(COMPANY, "company", FIELD_TEXT)                                                              \
    X(DOMAIN, "domain", FIELD_TEXT)                 /* of the list */                              \
    X(COMPANY_DOMAIN, "company_domain", FIELD_TEXT) /* of an answer */                             \
    X(CONFIDENCE, "confidence", FIELD_SCALAR)                                                      \
    X(EMAIL_SUB_STATUS, "email_sub_status", FIELD_TEXT)                                            \
    X(EMAIL_FREE, "email_free", FIELD_SCALAR)                                                      \
    X(EMAIL_DISPOSABLE, "email_disposable", FIELD_SCALAR)                                          \
    X(EMAIL_CATCH_ALL, "email_catch_all", FIELD_SCALAR)                                            \
    X(RAW, "raw", FIELD_JSON)               /* the vendor's own item, shown beside data */         \
    X(EMAIL_TYPE, "email_type", FIELD_TEXT) /* work, personal */                                   \
    X(PHONE_TYPE, "phone_type", FIELD_TEXT) /* mobile, direct, office, ... */                      \
    X(HEADLINE, "headline", FIELD_TEXT)                                                            \
    X(LOCATION, "location", FIELD_TEXT)                                                            \
    X(INDUSTRY, "industry", FIELD_TEXT)                                                            \
    X(EMPLOYEE_COUNT, "employee_count", FIELD_SCALAR)                                              \
    X(EMPLOYEE_RANGE, "employee_range", FIELD_TEXT) /* "11-50" */                                  \
    X(REVENUE_BAND, "revenue_band", FIELD_TEXT)                                                    \
    X(FOUNDED_YEAR, "founded_year", FIELD_SCALAR)                                                  \
    X(HQ_COUNTRY, "hq_country", FIELD_TEXT)                                                        \
    X(HQ_CITY, "hq_city", FIELD_TEXT)                                                              \
    X(TECH_STACK, "tech_stack", FIELD_JSON)                                                        \
    X(FUNDING_STAGE, "funding_stage", FIELD_TEXT)                                                  \
    X(LAST_FUNDING_DATE, "last_funding_date", FIELD_TEXT)                                          \
    X(TOTAL_RAISED_USD, "total_raised_usd", FIELD_SCALAR)                                          \
    X(COMPANY_LINKEDIN_URL, "company_linkedin_url", FIELD_TEXT)                                    \
    X(POSITIONS, "positions", FIELD_JSON)                                                          \
    X(SCHOOLS, "schools", FIELD_JSON)                                                              \
    X(ACCOUNT_FIELDS, "account_fields", FIELD_JSON) /* of a company, without a name of ours */     \
    X(CHANNELS, "channels", FIELD_JSON)             /* per channel: source, confidence, when */    \
    X(VENDOR_ID, "vendor_id", FIELD_TEXT)           /* the vendor's id of the person or company */ \
    X(SANDBOX, "sandbox", FIELD_SCALAR) /* true: the vendor says that this is mock data */         \
    X(MISMATCH, "mismatch",                                                                        \
      FIELD_JSON) /* names of fields in which the answer is about somebody  \
                                             a little different */

enum field {
#define X(id, name, kind) FIELD_##id,
    FIELD_LIST(X)
#undef X
        FIELD_COUNT
};

/* A set of fields: bit n is field n. */
typedef uint64_t field_set;
#define FIELD_BIT(id) ((field_set)1 << (FIELD_##id))

/* Of a company: columns of their own where an operation gives them. */
#define FIELDS_ACCOUNT                                                                             \
    (FIELD_BIT(INDUSTRY) | FIELD_BIT(EMPLOYEE_COUNT) | FIELD_BIT(EMPLOYEE_RANGE) |                 \
     FIELD_BIT(REVENUE_BAND) | FIELD_BIT(FOUNDED_YEAR) | FIELD_BIT(HQ_COUNTRY) |                   \
     FIELD_BIT(HQ_CITY) | FIELD_BIT(TECH_STACK) | FIELD_BIT(FUNDING_STAGE) |                       \
     FIELD_BIT(LAST_FUNDING_DATE) | FIELD_BIT(TOTAL_RAISED_USD) |                                  \
     FIELD_BIT(COMPANY_LINKEDIN_URL) | FIELD_BIT(ACCOUNT_FIELDS))

const char *field_name(enum field f);
enum field_kind field_kind(enum field f);
/* The field of that name, or -1. */
int field_find(struct slice name);

#endif
