/* What the files of the simulated prospiq share; see prospiq.c. */
#ifndef TRANCHE_SIM_PROSPIQ_H
#define TRANCHE_SIM_PROSPIQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/elements.h"
#include "sim/hooks.h"
#include "sim/shop.h"
#include "wire/json.h"

#define PROSPIQ_BULK_MAX 100 /* contacts, of the largest plan */

enum prospiq_form { FORM_DOCUMENT, FORM_SHUFFLED, FORM_SKIPPING, FORM_EXPLICIT };

enum prospiq_field { FIELD_FIRST, FIELD_LAST, FIELD_COMPANY, FIELD_TYPE, FIELDS };
#define FIELD_INPUTS FIELD_TYPE /* those before it tell who is meant */

#define PROSPIQ_LISTS 2

struct prospiq {
    struct elements rows; /* of a bulk */
    struct buf event;     /* the data of one */
    struct hooks *hooks;
    struct prospiq_member *member; /* of lists */
    unsigned members;
    int64_t updated_ms[PROSPIQ_LISTS];
    /* Requests of that day of the vendor's clock. */
    int64_t day, live, sandbox;
};

struct prospiq *prospiq_own(struct shop *shop);
extern const struct service prospiq_service;

/* Whether the request came with a sandbox key. */
bool prospiq_sandbox(const struct shop *shop, const struct server_request *r);
/* The plan as the vendor calls it, and how many contacts a bulk may have. */
const char *prospiq_plan(const struct shop *shop);
size_t prospiq_bulk_max(const struct shop *shop);

void prospiq_problem(struct shop *shop, struct call *c, int status, const char *detail);
/* The body; false, with the reply made, when it is not a JSON object. */
bool prospiq_read(struct shop *shop, struct call *c, struct json_value *root);

/* The paid requests: prospiq_enrich.c. */
void prospiq_enrich(struct shop *shop, struct call *c);
void prospiq_enrich_bulk(struct shop *shop, struct call *c);
int64_t prospiq_judge(struct shop *shop, const struct truth *truth, const struct question *q,
                      struct buf *out);

#endif
