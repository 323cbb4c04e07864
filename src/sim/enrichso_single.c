/* Answers one question at once. No state; one thread. */
#include <stdio.h>

#include "sim/enrichso.h"
#include "wire/json_write.h"
#include "wire/utf8.h"

/* The question is taken: the answer, charged. */
static void reply(struct shop *shop, struct call *c, const struct question *q)
{
    bool first;
    int64_t available = account_available(shop->account);
    if (available < q->service->price) {
        enrichso_no_credits(shop, c, q->service->price);
        return;
    }
    struct enrichso_answer answer = enrichso_answer(&shop->truth, q);
    int64_t price = enrichso_price_single(shop, &answer);
    account_answer(shop->account, &c->post, &shop->truth, q, price);
    c->accepted = true;
    enrichso_row_print(shop, &answer, true, enrichso_begin_data(shop, &first));
    struct buf *meta = enrichso_begin_meta(shop, &first);
    json_write_member_i64(meta, &first, "creditsUsed", price);
    json_write_member_i64(meta, &first, "creditsRemaining", available - price);
    enrichso_succeed(shop, c, true);
}

void enrichso_single_post(struct shop *shop, const struct route *route, struct call *c)
{
    struct question q;
    char detail[256];
    bool addresses = enrichso_which(route->service) == ENRICHSO_LOOKUP;
    if (body_read_single(route->service, addresses, server_body(c->request),
                         &enrichso_own(shop)->text, &q, detail) == BODY_GOOD)
        reply(shop, c, &q);
    else
        enrichso_problem(shop, c, 400, detail);
}

/* A field of the query, as far as it is there; false, with the reply made, when it cannot be. */
static bool read_query(struct shop *shop, struct call *c, unsigned field, struct question *q)
{
    const char *text = server_query(c->request, q->service->field[field]);
    const char *problem = NULL;
    char rule[64], detail[160];
    q->field[field] = slice_of(text);
    if (text)
        problem = body_field_problem(q->service, field, q->field[field], rule);
    if (text && !problem && !utf8_valid(q->field[field]))
        problem = "must be UTF-8";
    if (text && !problem && field == ENRICHSO_EMAIL && !body_address(q->field[field]))
        problem = "must match format \"email\"";
    if (!problem)
        return true;
    snprintf(detail, sizeof detail, "querystring/%s %s", q->service->field[field], problem);
    enrichso_problem(shop, c, 400, detail);
    return false;
}

void enrichso_single_get(struct shop *shop, const struct route *route, struct call *c)
{
    struct question q = {.service = route->service};
    if (!read_query(shop, c, ENRICHSO_EMAIL, &q) || !read_query(shop, c, ENRICHSO_LINKEDIN, &q))
        return;
    if (q.field[ENRICHSO_EMAIL].len == 0 && q.field[ENRICHSO_LINKEDIN].len == 0) {
        enrichso_problem(shop, c, 400, "querystring must have email or linkedin");
        return;
    }
    shop_normalise(shop, &q);
    switch (truth_refuses(&q)) {
    case TRUTH_TAKEN:
        reply(shop, c, &q);
        return;
    case TRUTH_REFUSED:
        enrichso_problem(shop, c, 400, "querystring/email is refused");
        return;
    case TRUTH_POISON:
        enrichso_problem(shop, c, 400, "The request is not valid");
        return;
    }
}
