/* The bodies of paid requests: checked as the vendor checks them, turned into questions. */
#ifndef TRANCHE_SIM_BODY_H
#define TRANCHE_SIM_BODY_H

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "sim/account.h"
#include "sim/items.h"
#include "sim/question.h"
#include "sim/truth.h"

enum body_verdict {
    BODY_GOOD,
    BODY_BAD,    /* 400: detail says why */
    BODY_FAILED, /* 500: the error says why */
};

/* One of the lists in a body. */
struct body_list {
    const char *name; /* NULL: there is none */
    int field;        /* its strings are this field of questions; BODY_OBJECTS: it holds objects */
    bool exact;       /* duplicates are told byte by byte, not as normal questions */
};
#define BODY_OBJECTS   (-1)
#define BODY_LISTS_MAX 2

/* How the vendor reads the batches of a service. */
struct body_rules {
    struct body_list list[BODY_LISTS_MAX]; /* at least one item in all of them together */
    bool addresses;                        /* field 0 is one that mail could go to, or refused */
    /* Whether an answer to the normal question is one that finds something. */
    bool (*finds)(const struct truth *truth, const struct question *q);
};

struct body_batch {
    uint32_t original; /* items in the body */
    uint32_t found;    /* of those without duplicates, how many questions find something */
    char callback[ACCOUNT_URL_MAX]; /* its webhookUrl, or "" */
};

/* A batch: every question that is new goes to the writer (begun by the caller, who commits or
 * abandons it). */
enum body_verdict body_read_batch(const struct service *service, const struct body_rules *rules,
                                  const struct truth *truth, struct slice body,
                                  struct items_writer *w, struct body_batch *out, char detail[256],
                                  struct error *e);

/* Whether it has the form of a mail address: dots and names on both sides of one @. */
bool body_address(struct slice text);
/* NULL when the field is as long as it may be, else the rule that it breaks. */
const char *body_field_problem(const struct service *service, unsigned field, struct slice text,
                               char rule[64]);

/* One question, normalised. Its slices live in body or in text until that is used again. */
struct body_text {
    struct buf field[QUESTION_FIELDS_MAX], key, normal;
};
void body_text_init(struct body_text *t);
void body_text_deinit(struct body_text *t);
/* addresses: see body_rules. */
enum body_verdict body_read_single(const struct service *service, bool addresses, struct slice body,
                                   struct body_text *text, struct question *q, char detail[256]);

#endif
