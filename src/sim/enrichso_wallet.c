/* Shows Enrich.so's wallet: the balance, and what moved it. No state; one thread. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "sim/enrichso.h"
#include "wire/json_write.h"

#define WALLET_LIMIT     20
#define WALLET_LIMIT_MAX 100
#define ORGANIZATION     "665e0b2f4a6d8c001abc1234"

static void format_time(int64_t wall_ms, char text[32])
{
    clock_format_utc(wall_ms, text);
}

void enrichso_wallet_balance(struct shop *shop, struct call *c)
{
    bool first;
    char now[32];
    struct buf *data = enrichso_begin_data(shop, &first);
    format_time(clock_wall_ms(), now);
    if (enrichso_openapi(shop))
        json_write_member_string(data, &first, "organizationId", SLICE_LIT(ORGANIZATION));
    json_write_member_i64(data, &first, "balance", account_available(shop->account));
    if (enrichso_openapi(shop)) {
        json_write_member_string(data, &first, "currency", SLICE_LIT("credits"));
        json_write_member_string(data, &first, "asOf", slice_of(now));
    }
    enrichso_succeed(shop, c, false);
}

static const char *const move_names[] = {"topup", "deduction", "refund"};

static void print_transaction(struct shop *shop, uint64_t number,
                              const struct account_transaction *t)
{
    bool first = true;
    struct buf *data = &shop->data;
    char text[96];
    snprintf(text, sizeof text, "tx_%012llx", (unsigned long long)number);
    buf_append_char(data, '{');
    json_write_member_string(data, &first, "id", slice_of(text));
    json_write_member_string(data, &first, "organizationId", SLICE_LIT(ORGANIZATION));
    json_write_member_string(data, &first, "type", slice_of(move_names[t->move]));
    json_write_member_i64(data, &first, "amount", t->amount);
    json_write_member_i64(data, &first, "balanceAfter", t->balance_after);
    snprintf(text, sizeof text, "%s%s", t->batch >= 0 ? "Batch " : "Credits",
             t->batch >= 0 ? account_batch(shop->account, (uint32_t)t->batch)->id : "");
    json_write_member_string(data, &first, "description", slice_of(text));
    format_time(t->at_ms, text);
    json_write_member_string(data, &first, "createdAt", slice_of(text));
    buf_append_char(data, '}');
}

/* Transactions of the type, newest first; those of the page are printed. Returns how many there are
 * in all. */
static uint64_t print_transactions(struct shop *shop, const char *type, uint64_t from, uint64_t to)
{
    uint64_t forgotten, count = account_transactions(shop->account, &forgotten), total = 0;
    for (uint64_t i = count; i > 0; i--) {
        const struct account_transaction *t = account_transaction(shop->account, i - 1);
        if (type && strcmp(type, move_names[t->move]) != 0)
            continue;
        if (total >= from && total < to) {
            if (total > from)
                buf_append_char(&shop->data, ',');
            print_transaction(shop, forgotten + i, t);
        }
        total++;
    }
    return total;
}

void enrichso_wallet_transactions(struct shop *shop, struct call *c)
{
    uint32_t page = 1, limit = WALLET_LIMIT;
    bool first;
    if (!enrichso_query_number(shop, c, "page", UINT32_MAX, &page) ||
        !enrichso_query_number(shop, c, "limit", WALLET_LIMIT_MAX, &limit))
        return;
    uint64_t from = (uint64_t)(page - 1) * limit;
    struct buf *data = enrichso_begin_data(shop, &first);
    json_write_key(data, &first, "transactions");
    buf_append_char(data, '[');
    uint64_t total = print_transactions(shop, server_query(c->request, "type"), from, from + limit);
    buf_append_char(data, ']');
    json_write_key(data, &first, "pagination");
    buf_append_format(data, "{\"page\":%u,\"limit\":%u,\"total\":%llu,\"totalPages\":%llu}", page,
                      limit, (unsigned long long)total,
                      (unsigned long long)((total + limit - 1) / limit));
    enrichso_succeed(shop, c, false);
}
