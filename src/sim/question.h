/* What a client may ask the vendor: the services, and one question in the form that decides whether
 * two are the same. */
#ifndef TRANCHE_SIM_QUESTION_H
#define TRANCHE_SIM_QUESTION_H

#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum service { SERVICE_FINDER, SERVICE_VALIDATION, SERVICES };

#define QUESTION_FIELDS_MAX 3

/* The facts of a service as the vendor's document and its OpenAPI description have them. */
struct service_facts {
    const char *name; /* "email-finder", also its place in paths */
    const char *list; /* the member of a batch body that holds the items */
    uint32_t items_max;
    int64_t price;
    unsigned fields;
    const char *field[QUESTION_FIELDS_MAX];
    unsigned field_max[QUESTION_FIELDS_MAX]; /* characters */
};
extern const struct service_facts question_services[SERVICES];

struct question {
    enum service service;
    struct slice field[QUESTION_FIELDS_MAX];  /* as sent */
    struct slice normal[QUESTION_FIELDS_MAX]; /* trimmed, in lower case */
    struct slice key; /* the normal fields with their lengths: equal for equal questions only */
};

/* Fill normal and key from field. They live in scratch until its next use. */
void question_normalise(struct question *q, struct buf *scratch);

/* The part of a normal question that names a domain. */
struct slice question_domain(const struct question *q);

/* {"firstName":"jane",...}: the normal fields. */
void question_print(const struct question *q, struct buf *out);

#endif
