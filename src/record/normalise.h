/* One value of a list in canonical form, by the kind of field; record.h says what that is.
 *
 * Each takes clean text (text_clean) that is not empty, with the flags text_clean gave. It puts the
 * canonical value into *out, borrowed from the text or in the arena, and returns NULL; or returns
 * what is wrong with it, to be read after the field's name
 * ("is not an email address"), a static text, and leaves *out as it is. Useful for what a vendor
 * echoes too. */
#ifndef TRANCHE_RECORD_NORMALISE_H
#define TRANCHE_RECORD_NORMALISE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/slice.h"

#define NORMALISE_EMAIL_MAX    254
#define NORMALISE_DOMAIN_MAX   253
#define NORMALISE_LINKEDIN_MAX 1000

/* The text of every problem that is for want of memory, so that callers can tell. */
extern const char normalise_no_memory[];

typedef const char *normalise_fn(struct slice text, unsigned flags, struct arena *a,
                                 struct slice *out);

/* Names, titles, companies: any text without control characters. */
normalise_fn normalise_text;
normalise_fn normalise_email;
/* An email address gives its domain, save one at a mailbox provider: that is a problem. */
normalise_fn normalise_domain;
normalise_fn normalise_linkedin;
/* "+" and digits where it begins with a plus sign and nothing but digits and signs of layout
 * follow, else as it stands. */
normalise_fn normalise_phone;

/* Whether a canonical LinkedIn address is that of a person. */
bool normalise_is_profile(struct slice linkedin);

#endif
