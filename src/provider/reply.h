/* Values out of vendors' replies, read leniently: what is absent, null or of another type is
 * unknown. What the parsers of several vendors need alike. */
#ifndef TRANCHE_PROVIDER_REPLY_H
#define TRANCHE_PROVIDER_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"
#include "provider/provider.h"
#include "record/answer.h"
#include "wire/json.h"

/* A vendor's sentence is kept as a reason up to here, so that an answer has a size. */
#define REPLY_REASON_MAX 256

/* Memory for what must be written anew, all of it in the arena. `failed` is sticky, as a buffer's
 * is: parsers read a whole row and check once. */
struct reply_memory {
    struct arena *arena;
    struct buf scratch; /* over memory of the arena */
    bool failed;
};

void reply_memory_init(struct reply_memory *m, struct arena *a);

/* The member's text without white space at its ends; false, and *out untouched, where it is no
 * string or has nothing else in it. Borrowed from the document. */
bool reply_text(struct json_value object, const char *key, struct slice *out);

/* "true", "false", or empty where the member is neither. Static. */
struct slice reply_flag(struct json_value object, const char *key);

/* A string's text as reply_text gives it, or a number as the vendor's JSON has it; else empty. */
struct slice reply_scalar(struct reply_memory *m, struct json_value object, const char *key);

/* The value as JSON text in the arena; empty and m->failed without memory. */
struct slice reply_print(struct reply_memory *m, struct json_value value);

/* What `write` appends, in the arena; empty and m->failed without memory. It is called again when
 * there was too little room. */
typedef void reply_write_fn(const void *what, struct buf *out);
struct slice reply_write(struct reply_memory *m, reply_write_fn *write, const void *what);

/* How sure the vendor is, on one scale for all of them: a number becomes a decimal from 0 to 1
 * (`full` is the vendor's number for certainty, 1 or 100; one beyond it is unknown), a word stays
 * the vendor's. */
struct slice reply_confidence(struct reply_memory *m, struct json_value object, const char *key,
                              double full);

/* The place (from 0) of the item that an error text names by list and index, as validators do:
 * "contacts[3].company", "contacts.3", "body/contacts/3"; -1 where it names none. */
int64_t reply_item_place(const char *text, const char *list);

/* Ends a row: with raw the row itself into FIELD_RAW, then the item to fn. ERR_INTERNAL when memory
 * ran out while it was read, else what fn returns. */
int reply_give(struct reply_memory *m, struct json_value row, bool raw, struct page_item *item,
               page_item_fn *fn, void *arg, struct page_reply *out, struct error *e);

/* A count or an amount: a number, also one written as a text, rounded up where it has a fraction;
 * -1 where it is neither, negative, or beyond REPLY_AMOUNT_MAX, so that sums are far from overflow.
 */
#define REPLY_AMOUNT_MAX 1000000000000000
int64_t reply_amount(struct json_value object, const char *key);

/* Credits left: a number, also one written as a text, rounded down because of a broken credit
 * nothing can be bought, and 0 for a debt; -1, not limited, for "unlimited". False, and *credits
 * untouched, for anything else. */
bool reply_balance(struct json_value object, const char *key, int64_t *credits);

/* A vendor's id, as a text or a whole number. False, and id untouched, for what http_id_valid
 * refuses. */
#define REPLY_ID_SIZE 65
bool reply_id(struct json_value object, const char *key, char id[REPLY_ID_SIZE]);

/* The word with ASCII letters in lower case, in the arena; empty and m->failed without memory. */
struct slice reply_lower(struct reply_memory *m, struct slice word);

/* Its first REPLY_REASON_MAX bytes, not ending inside a character. */
struct slice reply_cut(struct slice text);

/* Whether a row carries an explicit error: `error` as a text, as an object with message, detail or
 * code, or as true. *reason: its text, else the row's `message`, else a sentence of our own. False,
 * and *reason untouched, for an absent, null, false or empty one. */
bool reply_error(struct json_value row, struct slice *reason);

/* The canonical form (record/normalise.h) of a LinkedIn page and of a domain; what has none stays
 * as it stands. */
struct slice reply_linkedin(struct reply_memory *m, struct slice text);
struct slice reply_domain(struct reply_memory *m, struct slice text);

/* The member's text where it is an address by its form: something on both sides of an "@". So what
 * vendors write for "none" is none. False, and *out untouched, for anything else. */
bool reply_email(struct json_value object, const char *key, struct slice *out);

/* The state of an address as vendors say it, in lower case, with one spelling of the word that has
 * several: "catch_all". */
struct slice reply_email_status(struct reply_memory *m, struct slice word);

/* "+14155551234" of "+1 (415) 555-1234" and of "0014155551234"; where the vendor leaves the plus
 * sign out (international) also of "14155551234". Anything else stays as it stands. */
struct slice reply_phone(struct reply_memory *m, struct slice text, bool international);

/* The addresses and numbers of an answer, collected from wherever a vendor puts them, the best one
 * first. */
#define REPLY_CONTACTS_MAX 16
struct reply_contact {
    struct slice value;
    struct slice status, type; /* empty: unknown */
};
struct reply_contacts {
    struct reply_contact email[REPLY_CONTACTS_MAX], phone[REPLY_CONTACTS_MAX];
    unsigned emails, phones;
};
/* An empty one is left out; one that is there already only fills in what is unknown; beyond
 * REPLY_CONTACTS_MAX they are dropped. The texts must outlive the answer: the document's or the
 * arena's. */
void reply_add_email(struct reply_contacts *c, struct slice email, struct slice status,
                     struct slice type);
/* Bring the first address to the front that is not called invalid, if there is one. */
void reply_best_email(struct reply_contacts *c);
/* As reply_phone gave it. One without a digit says that there is none, and is left out. */
void reply_add_phone(struct reply_contacts *c, struct slice phone, struct slice type);
/* Puts them into the answer: EMAIL, EMAIL_STATUS, EMAIL_TYPE, PHONE and PHONE_TYPE of the first,
 * all in EMAILS ([{"email","status","type"}]) and PHONES ([{"number","type"}]). */
void reply_put_contacts(struct reply_memory *m, const struct reply_contacts *c, struct answer *a);

#endif
