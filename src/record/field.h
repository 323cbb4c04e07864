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
    X(RAW, "raw", FIELD_JSON) /* the vendor's own item; kept only under --raw, shown beside data   \
                               */

enum field {
#define X(id, name, kind) FIELD_##id,
    FIELD_LIST(X)
#undef X
        FIELD_COUNT
};

/* A set of fields: bit n is field n. */
#define FIELD_BIT(id) ((uint32_t)1 << (FIELD_##id))

const char *field_name(enum field f);
enum field_kind field_kind(enum field f);
/* The field of that name, or -1. */
int field_find(struct slice name);

#endif
