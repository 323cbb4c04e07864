/* Values out of vendors' replies, read leniently: what is absent, null or of another type is
 * unknown. What the parsers of several vendors need alike. */
#ifndef TRANCHE_PROVIDER_REPLY_H
#define TRANCHE_PROVIDER_REPLY_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"
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

/* The word with ASCII letters in lower case, in the arena; empty and m->failed without memory. */
struct slice reply_lower(struct reply_memory *m, struct slice word);

/* Its first REPLY_REASON_MAX bytes, not ending inside a character. */
struct slice reply_cut(struct slice text);

/* Whether a row carries an explicit error: `error` as a text, as an object with message, detail or
 * code, or as true. *reason: its text, else the row's `message`, else a sentence of our own. False,
 * and *reason untouched, for an absent, null, false or empty one. */
bool reply_error(struct json_value row, struct slice *reason);

#endif
