/* A record: the canonical fields of one row, normalised, with what is wrong with them; and its
 * identity for a step: the hash of the normalised fields the step asks about. */
#ifndef TRANCHE_RECORD_RECORD_H
#define TRANCHE_RECORD_RECORD_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"
#include "record/field.h"
#include "record/mapping.h"

struct record {
    struct slice value[FIELD_COUNT];  /* normalised; empty: absent */
    const char *problem[FIELD_COUNT]; /* why a given value cannot be used ("is not an email
                                         address"); NULL */
};

/* Fill *r from a row's cells. Values are in the arena or borrowed from the cells. Normalised means:
 * - trimmed of white space of every kind, inner runs of white space made one space;
 * - email: lower case, "mailto:" and <angle brackets> removed, checked for form (local@domain.tld,
 * at most 254 bytes, no spaces);
 * - domain: from a URL, host, or email: scheme, user, port, path, "www." and a final dot removed,
 * lower case, checked for form (labels of 1 to 63 of letters, digits, inner hyphens or UTF-8
 * letters, at least two labels, at most 253); where no domain was given, that of the email address,
 * unless it is a well-known mailbox provider (gmail.com, ...); a LinkedIn page is no domain, a
 * person's becomes the linkedin_url where none was given;
 * - linkedin_url: "https://www.linkedin.com/in/<id>" from every form people have (country hosts, no
 * scheme, mobile, query, trailing slash, percent-encoding kept; /pub/ and /company/ kept as such,
 * a bare "in/<id>"; a Sales Navigator profile by the id it has under /in/ too);
 * - first_name, last_name: as given, whole; where absent, from full_name ("Last, First" with a
 * comma, behind which suffixes such as Jr. or PhD are left out; else the first word and the rest);
 * full_name where absent from both, with one space;
 * - phone: as it stands; "+" and digits where it begins with a plus sign;
 * - placeholders that mean "none" (N/A, NULL, none, -, n.a., #N/A) are absent.
 * A value that cannot be used stays in `value` as it was given, with its problem. Cells are valid
 * UTF-8. When the arena is full the fields concerned have a problem that says so. */
void record_from_cells(struct record *r, const struct mapping *m, const struct slice *cells,
                       struct arena *a);

/* Whether the record has, without problem, all fields of one of the sets (tried in order). Returns
 * the set, or 0 with *reason saying what is missing or wrong ('no domain', 'no last_name; email is
 * not an email address: "jane@"'), in the arena. Of several sets it is about the one that lacks
 * least. */
field_set record_choose(const struct record *r, const field_set *sets, unsigned count,
                        struct arena *a, const char **reason);

/* Identities are equal when vendors would treat the questions as the same: fields compared trimmed,
 * in lower case. All zero never occurs for a real identity. */
struct identity {
    uint8_t hash[16];
};

/* Of the named fields (in the order of enum field), of which there is one at least: XXH3-128 of the
 * set and of their texts with a byte 0x1f between, empty ones included. The values need not be normalised as
 * to case and white space, so an echo of a vendor will do, save that LinkedIn addresses and domains
 * must be in their canonical form (normalise.h). scratch is reset and used; all zero when it could
 * not grow. */
struct identity record_identity(const struct record *r, field_set fields, struct buf *scratch);

#endif
