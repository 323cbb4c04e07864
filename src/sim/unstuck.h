/* What the files of the simulated Unstuck share; see unstuck.c. Here is what is asked and what is
 * found. */
#ifndef TRANCHE_SIM_UNSTUCK_H
#define TRANCHE_SIM_UNSTUCK_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/person.h"
#include "sim/question.h"
#include "sim/shop.h"

enum unstuck_endpoint {
    ENDPOINT_SINGLE,
    ENDPOINT_DISCOVER,
    ENDPOINT_ACCOUNT,
    ENDPOINT_BULK,
    ENDPOINT_UNKNOWN
};
enum unstuck_form { FORM_DOCUMENT, FORM_RESULTS, FORM_RECORDS, FORM_DATA };

/* Of all services but the company's. */
enum unstuck_field {
    FIELD_EMAIL,
    FIELD_URL,
    FIELD_DOMAIN,
    FIELD_CHANNELS,
    FIELD_FIRST,
    FIELD_LAST,
    FIELDS
};
#define ACCOUNT_DOMAIN 0 /* the company's only one */

enum unstuck_channel { CHANNEL_WORK, CHANNEL_PERSONAL, CHANNEL_PHONE, CHANNEL_URL, CHANNELS };
#define CHANNELS_ALL ((1u << CHANNELS) - 1)

/* By endpoint. */
#define UNSTUCK_SERVICES ENDPOINT_UNKNOWN
extern const struct service unstuck_services[UNSTUCK_SERVICES];

/* The channel of that name; CHANNELS when there is none. */
unsigned unstuck_channel(struct slice name);
/* "work_email,phone": in one order, however they were asked for. */
struct slice unstuck_name_channels(unsigned bits, char text[64]);

/* Of a normal question. */
bool unstuck_discovers(const struct question *q);
bool unstuck_asks_company(const struct question *q);
int64_t unstuck_price_max(const struct question *q);
struct person_hints unstuck_hints(const struct question *q);

struct unstuck_finding {
    struct person person;
    unsigned wanted, found; /* channels */
    bool error;             /* of a record in a bulk */
    int64_t credits;
};

void unstuck_find(const struct truth *t, const struct question *q, struct unstuck_finding *f);

/* Append members without braces. Of a person: record_id to credits_used; echo: what was sent of the
 * identity first. */
void unstuck_print_record(const struct shop *shop, const struct question *q,
                          const struct unstuck_finding *f, bool echo, int64_t credits,
                          struct buf *out);
/* Of a company: account_id and fields. */
void unstuck_print_company(const struct shop *shop, const struct unstuck_finding *f,
                           struct buf *out);
/* The whole element of a record that failed. f: NULL for one that could not be paid for. */
void unstuck_print_error(const struct shop *shop, const struct question *q,
                         const struct unstuck_finding *f, struct buf *out);

int64_t unstuck_judge(struct shop *shop, const struct truth *truth, const struct question *q,
                      struct buf *out);

#endif
