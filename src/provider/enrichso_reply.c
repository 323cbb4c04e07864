/* Reads what is alike in all replies of Enrich.so: envelopes, batches, pages, callbacks.
 *
 * The vendor describes its replies twice, in the document (doc.enrich.so, "API Reference") and in
 * the OpenAPI schemas of its single pages, with different keys; live replies have also been seen
 * without the `data` envelope. All of it is accepted:
 * 1. `data` is unwrapped if it is an object, else the root is read.
 * 2. What is absent, null or of another type is unknown. A reply is refused only when it lacks what
 *    nothing can go on without: the batch id, the status, the results.
 *
 * Pure; any thread. */
#include "provider/enrichso.h"

#include <stdio.h>

struct envelope {
    struct json_value root;
    struct json_value data, meta; /* the root where there is none */
    bool wrapped;                 /* there is data */
};

static struct envelope unwrap(struct json_value root)
{
    struct envelope v = {root, root, root, false};
    struct json_value inner;

    if (json_get(root, "data", &inner) && json_type(inner) == JSON_OBJECT) {
        v.data = inner;
        v.wrapped = true;
    }
    if (json_get(root, "meta", &inner) && json_type(inner) == JSON_OBJECT)
        v.meta = inner;
    return v;
}

/* A count or an amount under the first of the names that any part of the reply has; -1 unknown. */
static int64_t amount(const struct envelope *v, const char *const *names)
{
    const struct json_value parts[] = {v->data, v->meta, v->root};

    for (; *names; names++) {
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
            int64_t value = reply_amount(parts[i], *names);
            if (value >= 0)
                return value;
        }
    }
    return -1;
}

#define AMOUNT(v, ...) amount((v), (const char *const[]){__VA_ARGS__, NULL})

static int64_t total_items(const struct envelope *v)
{
    return AMOUNT(v, "totalItems", "total_items", "totalEmails", "itemCount");
}

static bool batch_id(const struct envelope *v, const char *const *names, char id[REPLY_ID_SIZE])
{
    for (; *names; names++)
        if (reply_id(v->data, *names, id) || reply_id(v->root, *names, id))
            return true;
    return false;
}

bool enrichso_text(struct json_value row, const char *const *names, struct slice *out)
{
    for (; *names; names++)
        if (reply_text(row, *names, out))
            return true;
    return false;
}

void enrichso_end(struct answer *a, enum outcome outcome, struct slice reason)
{
    *a = (struct answer){.outcome = outcome, .reason = reply_cut(reason)};
}

void enrichso_named_email(struct reply_memory *m, struct slice id, struct page_item *item)
{
    (void)m;
    item->echo.value[FIELD_EMAIL] = id;
    item->echoed = FIELD_BIT(EMAIL);
}

/* --- batches -------------------------------------------------------------------------------- */

bool enrichso_balance(struct json_value root, struct balance_reply *out)
{
    struct envelope v = unwrap(root);

    *out = (struct balance_reply){.used_today = -1, .limit_today = -1};
    return reply_balance(v.data, "balance", &out->credits);
}

int enrichso_submitted(const struct operation *op, struct json_value root, struct submit_reply *out,
                       struct error *e)
{
    /* The document says batchId, also of the job of phone numbers; a public client reads id. */
    static const char *const names[] = {"batchId", "jobId", "id", NULL};
    struct envelope v = unwrap(root);

    (void)op;
    *out = (struct submit_reply){.items = AMOUNT(&v, "itemCount", "totalItems", "totalEmails"),
                                 .reserved = AMOUNT(&v, "creditsReserved", "estimatedCredits"),
                                 .price = AMOUNT(&v, "creditsPerItem"),
                                 .balance = AMOUNT(&v, "creditsRemaining")};
    if (!batch_id(&v, names, out->id))
        return error_set(e, ERR_DATA, "the reply to the submission names no batch");
    return 0;
}

static bool is_one_of(struct slice word, const char *const *words)
{
    for (; *words; words++)
        if (slice_eq_nocase(word, slice_of(*words)))
            return true;
    return false;
}

int enrichso_polled(const struct operation *op, struct json_value root, struct poll_reply *out,
                    struct error *e)
{
    /* Only `failed` is in the document; the others can mean nothing else. */
    static const char *const failed[] = {"failed", "cancelled", "canceled", "expired", NULL};
    struct envelope v = unwrap(root);
    struct slice status;

    (void)op;
    if (!reply_text(v.data, "status", &status))
        return error_set(e, ERR_DATA, "the reply gives no status of the batch");
    /* `progress` is for people: it is fractional, and 100 is not yet completed. */
    *out = (struct poll_reply){.phase = POLL_PENDING,
                               .queued = slice_eq_nocase(status, SLICE_LIT("queued")),
                               .total = total_items(&v),
                               .processed = AMOUNT(&v, "processedItems", "processedCount")};
    if (slice_eq_nocase(status, SLICE_LIT("completed")))
        out->phase = POLL_COMPLETED;
    else if (is_one_of(status, failed))
        out->phase = POLL_FAILED;
    return 0;
}

/* --- pages ---------------------------------------------------------------------------------- */

static int rows_parse(const struct operation *op, struct json_value results, bool raw,
                      struct reply_memory *m, page_item_fn *fn, void *arg, struct page_reply *out,
                      struct error *e)
{
    const struct enrichso_product *p = enrichso_product(op);
    struct json_walk w;

    for (bool more = json_walk_begin(&w, results); more; more = json_walk_next(&w)) {
        struct page_item item = {.answer = {.outcome = OUTCOME_NONE}};
        p->row(m, w.value, &item);
        int rc = reply_give(m, w.value, raw, &item, fn, arg, out, e);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int enrichso_page(const struct operation *op, struct json_value root, bool raw, struct arena *a,
                  page_item_fn *fn, void *arg, struct page_reply *out, struct error *e)
{
    /* The results of a batch that still runs may be a part of them; taken for the whole, the rest
     * would end as failed. */
    static const char *const running[] = {"queued", "processing", NULL};
    struct envelope v = unwrap(root);
    struct reply_memory m;
    struct json_value results;
    struct slice status = SLICE_EMPTY;

    /* Where misses are left out, `successful` says how many rows there are. */
    *out = (struct page_reply){.total = op->omitted ? AMOUNT(&v, "successful") : total_items(&v),
                               .used = AMOUNT(&v, "creditsUsed"),
                               .refunded = AMOUNT(&v, "creditsRefunded"),
                               .balance = AMOUNT(&v, "creditsRemaining")};
    reply_memory_init(&m, a);
    if (reply_text(v.data, "status", &status) && is_one_of(status, running))
        return error_set(e, ERR_DATA, "the batch is %.*s: its results are not complete",
                         SLICE_ARG(status));
    if (json_get(v.data, "results", &results) && json_type(results) == JSON_ARRAY)
        return rows_parse(op, results, raw, &m, fn, arg, out, e);
    /* A failed batch may have none; reading the page has settled its credits all the same. */
    if (slice_eq_nocase(status, SLICE_LIT("failed")))
        return 0;
    return error_set(e, ERR_DATA, "the reply holds no results");
}

/* --- single questions ----------------------------------------------------------------------- */

/* Whether a reply without `data` can be an answer: an error that is no HTTP status has none of
 * these. */
static bool is_answer(const struct envelope *v)
{
    static const char *const members[] = {"success", "found",       "email",     "result",
                                          "phones",  "displayName", "firstName", NULL};
    struct json_value member;

    if (v->wrapped)
        return true;
    for (const char *const *name = members; *name; name++)
        if (json_get(v->root, *name, &member))
            return true;
    return false;
}

int enrichso_single(const struct operation *op, struct json_value root, bool raw, struct arena *a,
                    page_item_fn *fn, void *arg, struct page_reply *out, struct error *e)
{
    const struct enrichso_product *p = enrichso_product(op);
    struct page_item item = {.answer = {.outcome = OUTCOME_NONE}};
    struct envelope v = unwrap(root);
    struct reply_memory m;
    struct slice reason = SLICE_LIT("the vendor reports a failure");
    bool success = true;

    *out = (struct page_reply){.total = 1,
                               .used = AMOUNT(&v, "creditsUsed", "creditsConsumed"),
                               .refunded = -1,
                               .balance = AMOUNT(&v, "creditsRemaining")};
    reply_memory_init(&m, a);
    if (!is_answer(&v) && !reply_error(root, &reason))
        return error_set(e, ERR_DATA, "the reply holds no answer");
    p->row(&m, v.data, &item);
    json_get_bool(root, "success", &success);
    if (!success || !is_answer(&v)) {
        if (!reply_error(root, &reason))
            reply_text(root, "message", &reason);
        enrichso_end(&item.answer, OUTCOME_FAILED, reason);
    }
    /* The only item is known by its place. A name may come back spelled otherwise; an address may
     * not. */
    if (!p->named)
        item.echoed = 0;
    if (out->used >= 0)
        item.answer.credits = out->used;
    return reply_give(&m, v.data, raw, &item, fn, arg, out, e);
}

/* --- callbacks ------------------------------------------------------------------------------ */

/* The vendor calls once for each item and once for the batch ("webhookUrl" in the schemas; the
 * document speaks of the second only), as {event, timestamp, data}, in snake case. Which of both it
 * is, data tells better than the name of the event, which has no common form: "finder.completed" is
 * of the batch, "webhook:finder_lookup.completed" of an item. */

/* What the result says of itself, beside its data. */
static void type_read(struct json_value data, const char *miss, struct answer *a)
{
    struct slice type;
    struct slice reason = slice_of(miss);

    if (!reply_text(data, "type", &type))
        return;
    if (slice_eq_nocase(type, SLICE_LIT("error"))) {
        reason = SLICE_LIT("the vendor reports an error");
        if (!reply_error(data, &reason))
            reply_text(data, "message", &reason);
        enrichso_end(a, OUTCOME_FAILED, reason);
    } else if (slice_eq_nocase(type, SLICE_LIT("no_match"))) {
        reply_text(data, "message", &reason);
        enrichso_end(a, OUTCOME_NOT_FOUND, reason);
    }
}

static int result_parse(const struct enrichso_product *p, struct json_value data, bool raw,
                        struct reply_memory *m, page_item_fn *fn, void *arg,
                        struct callback_reply *out, struct error *e)
{
    struct page_item item = {.answer = {.outcome = OUTCOME_NONE}};
    struct json_value row;
    struct slice id;

    if (!json_get(data, "result", &row) || json_type(row) != JSON_OBJECT)
        row = data;
    p->row(m, row, &item);
    type_read(data, p->miss, &item.answer);
    if (p->named && reply_text(data, "result_id", &id))
        p->named(m, id, &item);
    if (item.echoed == 0) {
        out->kind = CALLBACK_EVENT;
        return 0;
    }
    out->kind = CALLBACK_RESULT;
    return reply_give(m, data, raw, &item, fn, arg, &out->page, e);
}

int enrichso_callback(const struct operation *op, struct json_value root, bool raw, struct arena *a,
                      page_item_fn *fn, void *arg, struct callback_reply *out, struct error *e)
{
    static const char *const names[] = {"job_id", "jobId", "batchId", "batch_id", NULL};
    struct envelope v = unwrap(root);
    struct reply_memory m;
    struct json_value result;
    struct slice text;

    *out = (struct callback_reply){
        .kind = CALLBACK_EVENT,
        .page = {.total = total_items(&v), .used = -1, .refunded = -1, .balance = -1}};
    if (json_type(root) != JSON_OBJECT)
        return error_set(e, ERR_DATA, "the callback is not a JSON object");
    bool named = batch_id(&v, names, out->id);
    reply_memory_init(&m, a);
    if (reply_text(v.data, "result_id", &text) ||
        (json_get(v.data, "result", &result) && json_type(result) == JSON_OBJECT))
        return result_parse(enrichso_product(op), v.data, raw, &m, fn, arg, out, e);
    if (named || reply_text(v.data, "status", &text))
        out->kind = CALLBACK_PROGRESS;
    return 0;
}
