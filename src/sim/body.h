/* The bodies of paid requests: checked as the vendor checks them, turned into questions. */
#ifndef TRANCHE_SIM_BODY_H
#define TRANCHE_SIM_BODY_H

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "sim/items.h"
#include "sim/question.h"
#include "sim/truth.h"

enum body_verdict {
    BODY_GOOD,
    BODY_BAD,    /* 400: detail says why */
    BODY_FAILED, /* 500: the error says why */
};

struct body_batch {
    uint32_t original;     /* items in the body */
    uint32_t charge_items; /* of those without duplicates, how many an answer is charged for */
};

/* A batch: every question that is new goes to the writer (begun by the caller, who commits or
 * abandons it). */
enum body_verdict body_read_batch(const struct service *service, const struct truth *truth,
                                  struct slice body, struct items_writer *w, struct body_batch *out,
                                  char detail[256], struct error *e);

/* One question, normalised. Its slices live in body or in text until that is used again. */
struct body_text {
    struct buf field[QUESTION_FIELDS_MAX], key, normal;
};
void body_text_init(struct body_text *t);
void body_text_deinit(struct body_text *t);
enum body_verdict body_read_single(const struct service *service, struct slice body,
                                   struct body_text *text, struct question *q, char detail[256]);

#endif
