/* Knows what Enrich.so would answer, and what it asks for it.
 *
 * Prices of the document: a validation 1; a found address 10; a profile 10; numbers 500. What it
 * leaves open, or says twice, is read as follows.
 *
 * 1. A single validation of a risky address is free as the OpenAPI description promises, and costs 1
 *    in the document's form.
 * 2. A reverse lookup that finds nothing is free alone. In bulk the document charges "10 credits per
 *    processed email", where it says "found" and "with results" of the other lists: in its form
 *    misses are paid. The OpenAPI description refunds them.
 * 3. "Results are cached for 7 days" promises the same answer, which it is anyway, and no discount:
 *    asked again, a lookup is charged again.
 *
 * No state; any thread. */
#include <stdio.h>

#include "sim/enrichso.h"

static struct person_hints hints_of(const struct question *q)
{
    struct person_hints h = {.email = q->normal[0]};
    if (enrichso_which(q->service) == ENRICHSO_PHONES) {
        h.email = q->normal[ENRICHSO_EMAIL];
        /* Both given: the address is the surer one, and tells the person alone. */
        if (h.email.len == 0)
            h.url = q->normal[ENRICHSO_LINKEDIN];
    }
    return h;
}

struct enrichso_answer enrichso_answer(const struct truth *truth, const struct question *q)
{
    struct enrichso_answer a = {.truth = truth, .question = q};
    struct person_hints h;
    switch (enrichso_which(q->service)) {
    case ENRICHSO_FINDER:
    case ENRICHSO_VALIDATION:
        a.digest = truth_digest(truth, q);
        a.verdict = truth_judge(truth, q, a.digest);
        a.found = truth_charges(q->service->kind, &a.verdict);
        break;
    case ENRICHSO_LOOKUP:
        h = hints_of(q);
        a.found = person_decide(truth, q->service->salt, &h).profile;
        break;
    case ENRICHSO_PHONES:
        h = hints_of(q);
        a.found = person_decide(truth, q->service->salt, &h).phone;
        break;
    case ENRICHSO_SERVICES:
        break;
    }
    return a;
}

bool enrichso_finds(const struct truth *truth, const struct question *q)
{
    return enrichso_answer(truth, q).found;
}

void enrichso_person(const struct enrichso_answer *a, struct person *p)
{
    struct person_hints h = hints_of(a->question);
    person_know(a->truth, a->question->service->salt, &h, p);
}

int64_t enrichso_price_single(const struct shop *shop, const struct enrichso_answer *a)
{
    const struct service *service = a->question->service;
    bool risky = enrichso_which(service) == ENRICHSO_VALIDATION &&
                 (a->verdict.status == VERDICT_RISKY || a->verdict.status == VERDICT_CATCH_ALL);
    return a->found && !(risky && enrichso_openapi(shop)) ? service->price : 0;
}

int64_t enrichso_price_item(const struct shop *shop, const struct enrichso_answer *a)
{
    const struct service *service = a->question->service;
    bool processed_is_paid = enrichso_which(service) == ENRICHSO_LOOKUP && !enrichso_openapi(shop);
    return a->found || processed_is_paid ? service->price : 0;
}

void enrichso_stranger(struct shop *shop, const struct service *service, uint64_t number,
                       char text[64], struct question *q)
{
    bool finder = enrichso_which(service) == ENRICHSO_FINDER;
    *q = (struct question){.service = service};
    for (unsigned i = 0; i < service->fields; i++)
        q->field[i] = SLICE_EMPTY;
    snprintf(text, 64, "stranger%016llx%s", (unsigned long long)number,
             finder ? "" : "@everybody.example");
    q->field[0] = slice_of(text);
    if (finder) {
        q->field[1] = SLICE_LIT("Stranger");
        q->field[2] = SLICE_LIT("everybody.example");
    }
    shop_normalise(shop, q);
}
