/* What a client may ask a vendor: the services, and one question in the form that decides whether
 * two are the same. */
#ifndef TRANCHE_SIM_QUESTION_H
#define TRANCHE_SIM_QUESTION_H

#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

#define QUESTION_FIELDS_MAX 8

/* What is asked for, and so which part of the truth answers: see sim/truth.h. */
enum service_kind {
    SERVICE_FINDER,     /* first name, last name, domain: an address */
    SERVICE_VALIDATION, /* an address: whether it is good */
    SERVICE_PERSON      /* any hints: a person, see sim/person.h */
};

/* The facts of a service as the vendor's document has them. */
struct service {
    const char *name; /* "email-finder": in the journal and the judge's pages; one per vendor */
    enum service_kind kind;
    /* Services with different salts know different things about the same people. */
    uint64_t salt;
    unsigned fields;
    const char *field[QUESTION_FIELDS_MAX];
    unsigned field_max[QUESTION_FIELDS_MAX]; /* characters */
    unsigned urls; /* bit i: field i is the address of a page, compared without scheme and "www." */
    uint32_t items_max; /* of a list of questions */
    int64_t price;      /* of an answer, where it is always the same */
};

struct question {
    const struct service *service;
    struct slice field[QUESTION_FIELDS_MAX];  /* as sent; empty where it was not */
    struct slice normal[QUESTION_FIELDS_MAX]; /* trimmed, in lower case */
    struct slice key; /* the normal fields with their lengths: equal for equal questions only */
};

/* The longest field that is told apart in the key, in bytes; what is longer is refused by those who
 * read requests. */
#define QUESTION_FIELD_BYTES_MAX UINT16_MAX

/* Fill normal and key from field. They live in scratch until its next use. */
void question_normalise(struct question *q, struct buf *scratch);

/* The fields as one text, malloc'ed and the caller's; NULL without memory. Each is at most
 * QUESTION_FIELD_BYTES_MAX bytes. */
char *question_pack(const struct question *q);
/* The reverse: service and fields, as views of the text. */
void question_unpack(struct question *q, const struct service *service, const char *text);

/* The part of a normal question of a finder or a validation that names a domain. */
struct slice question_domain(const struct question *q);

/* {"firstName":"jane",...}: the normal fields, without those that were not sent. */
void question_print(const struct question *q, struct buf *out);
/* The same of the fields as they were sent. */
void question_print_sent(const struct question *q, struct buf *out);

#endif
