/* Posts the results of lists to the webhookUrl that came with them.
 *
 * One POST per item once it is processed, and one when all of them are; none of these are retried,
 * and no order is promised. That is the OpenAPI description's reading: the document promises the
 * last one alone. A batch that fails is announced for what was processed, and never as completed: no
 * form is given for that.
 *
 * A list may have 500,000 items, so callbacks are handed over little by little: PER_SECOND by the
 * vendor's clock, and none while OUT_MAX of them have not ended.
 *
 * The cookie is the batch's number and, in its lower half, the place among the processed items, or
 * LAST for the completion. The account remembers a batch as called when its last callback has
 * ended; restarted before that, all of them go again. One thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sim/enrichso.h"
#include "wire/json_write.h"

#define TICK_MS    20
#define PER_SECOND 2000
#define PER_TICK   (PER_SECOND * TICK_MS / 1000)
#define OUT_MAX    16384
#define LAST       UINT32_MAX

struct hook {
    uint32_t batch; /* its number */
    uint32_t next;  /* the place of the next item to be posted */
};

struct enrichso_hooks {
    struct hook *hook; /* of batches with something left to be posted */
    uint32_t count, places;
    uint32_t out; /* posted, and not ended */
    bool ticking;
};

static struct enrichso_hooks *hooks_of(struct shop *shop)
{
    return enrichso_own(shop)->hooks;
}

/* ---- which ---- */

static void add(struct shop *shop, uint32_t batch)
{
    struct enrichso_hooks *h = hooks_of(shop);
    if (h->count == h->places) {
        h->places = h->places ? h->places * 2 : 16;
        h->hook = realloc(h->hook, h->places * sizeof *h->hook);
        /* The simulator has nothing sensible to do without memory for its account. */
        if (!h->hook)
            abort();
    }
    h->hook[h->count++] = (struct hook){batch, 0};
    if (!h->ticking)
        shop_wake(shop, TICK_MS, 0);
    h->ticking = true;
}

void enrichso_hooks_open(struct shop *shop)
{
    enrichso_own(shop)->hooks = calloc(1, sizeof(struct enrichso_hooks));
    if (!enrichso_own(shop)->hooks)
        abort();
    for (uint32_t i = 0; i < account_batches(shop->account); i++) {
        const struct account_batch *b = account_batch(shop->account, i);
        if (b->callback[0] && !b->called)
            add(shop, i);
    }
}

void enrichso_hooks_close(struct shop *shop)
{
    free(hooks_of(shop)->hook);
    free(hooks_of(shop));
}

void enrichso_hooks_add(struct shop *shop, const struct account_batch *b)
{
    (void)b;
    add(shop, account_batches(shop->account) - 1);
}

/* ---- when ---- */

static void post(struct shop *shop, uint32_t batch, uint32_t place)
{
    callbacks_post(shop->callbacks, (uint64_t)batch << 32 | place);
    hooks_of(shop)->out++;
}

/* As much as there is to post, and may be; true when nothing of the batch is left. */
static bool advance(struct shop *shop, struct hook *hook, uint32_t *room)
{
    const struct account_batch *b = account_batch(shop->account, hook->batch);
    struct enrichso_progress p = enrichso_progress(shop, b);
    for (; hook->next<p.processed && * room> 0; (*room)--)
        post(shop, hook->batch, hook->next++);
    if (!p.ended || hook->next < p.processed || *room == 0)
        return false;
    if (b->fate == FATE_COMPLETES) {
        post(shop, hook->batch, LAST);
        (*room)--;
    } else {
        account_batch_called(shop->account, hook->batch);
    }
    return true;
}

void enrichso_hooks_alarm(struct shop *shop, uint64_t cookie)
{
    struct enrichso_hooks *h = hooks_of(shop);
    uint32_t free_places = h->out < OUT_MAX ? OUT_MAX - h->out : 0;
    uint32_t room = free_places < PER_TICK ? free_places : PER_TICK, kept = 0;
    uint32_t before = room;
    (void)cookie;
    for (uint32_t i = 0; i < h->count; i++)
        if (!advance(shop, &h->hook[i], &room))
            h->hook[kept++] = h->hook[i];
    if (room < before || kept < h->count)
        shop->changed(shop->changed_arg);
    h->count = kept;
    h->ticking = kept > 0;
    if (h->ticking)
        shop_wake(shop, TICK_MS, 0);
}

void enrichso_hooks_called(struct shop *shop, uint64_t cookie, bool delivered)
{
    (void)delivered;
    hooks_of(shop)->out--;
    if ((uint32_t)cookie != LAST)
        return;
    account_batch_called(shop->account, (uint32_t)(cookie >> 32));
    shop->changed(shop->changed_arg);
}

/* ---- what ---- */

static const struct {
    const char *item, *last;
} events[ENRICHSO_SERVICES] = {
    [ENRICHSO_FINDER] = {"webhook:finder_lookup.completed", "finder.completed"},
    [ENRICHSO_VALIDATION] = {"webhook:email_lookup.completed", "validation.completed"},
    [ENRICHSO_LOOKUP] = {"webhook:email_result.completed", "webhook:email_completion.completed"},
    [ENRICHSO_PHONES] = {"webhook:phone_result.completed", "webhook:phone_completion.completed"},
};

/* "2025-06-03T14:35:00.000Z" */
static void now_text(char text[32])
{
    int64_t now = clock_wall_ms();
    clock_format_utc(now, text);
    snprintf(text + 19, 13, ".%03dZ", (int)(now % 1000));
}

/* What became of a batch's items. */
struct tally {
    uint32_t found, valid, invalid, risky;
};

static struct tally count(struct shop *shop, const struct account_batch *b,
                          const struct items_view *view)
{
    struct tally t = {0};
    for (uint32_t i = 0; i < b->range.count; i++) {
        struct question q = enrichso_batch_question(shop, b, view, i);
        struct enrichso_answer a = enrichso_answer(&b->truth, &q);
        bool valid = a.verdict.status == VERDICT_VALID;
        bool invalid = a.verdict.status == VERDICT_INVALID;
        t.found += a.found;
        t.valid += valid;
        t.invalid += invalid;
        t.risky += !valid && !invalid;
    }
    return t;
}

/* What counts as successful is not said of validations: here those that came to a definite end, as
 * in the vendor's example, where 4 items are 3 successful, with 2 valid, 1 invalid and 1 risky. */
static void print_completion(const struct account_batch *b, const struct tally *t, const char *now,
                             struct buf *out)
{
    enum enrichso_service which = enrichso_which(b->service);
    bool first = false, validation = which == ENRICHSO_VALIDATION;
    uint32_t total = b->range.count, good = validation ? t->valid + t->invalid : t->found;
    json_write_member_string(out, &first, "status", SLICE_LIT("completed"));
    json_write_member_i64(out, &first, "total_items", total);
    if (validation || which == ENRICHSO_FINDER) {
        json_write_member_i64(out, &first, "successful", good);
        json_write_member_i64(out, &first, "failed", total - good);
    }
    if (validation) {
        json_write_member_i64(out, &first, "valid", t->valid);
        json_write_member_i64(out, &first, "invalid", t->invalid);
        json_write_member_i64(out, &first, "risky", t->risky);
    } else {
        json_write_member_i64(out, &first, "found", t->found);
        json_write_member_i64(out, &first, "not_found", total - t->found);
    }
    json_write_member_string(out, &first, "completed_at", slice_of(now));
}

/* The members of data behind the id: about an item, or somebody that nobody asked about. */
static void print_item(struct shop *shop, const struct account_batch *b,
                       const struct items_view *view, uint32_t place, bool forged, struct buf *out)
{
    struct question q;
    char text[64];
    if (forged)
        enrichso_stranger(shop, b->service, place, text, &q);
    else
        q = enrichso_batch_question(shop, b, view,
                                    enrichso_batch_item(shop, b, enrichso_batch_last(b), place));
    struct enrichso_answer a = enrichso_answer(&b->truth, &q);
    enrichso_row_hook(&a, out);
}

/* There is no signature to be forged: both kinds are about somebody else, a completion about another
 * batch. */
bool enrichso_hooks_draft(struct shop *shop, uint64_t cookie, enum callback_forgery forgery,
                          struct callback_draft *draft)
{
    const struct account_batch *b = account_batch(shop->account, (uint32_t)(cookie >> 32));
    uint32_t place = (uint32_t)cookie;
    bool first = true, last = place == LAST, forged = forgery != FORGERY_NONE;
    const struct items_view *view;
    struct error e = {0};
    struct buf *out = &draft->body;
    enum enrichso_service which = enrichso_which(b->service);
    char now[32], id[ACCOUNT_ID_MAX];
    if (items_open_view(account_items(shop->account), &b->range, &view, &e) != 0)
        return false;
    snprintf(draft->url, sizeof draft->url, "%s", b->callback);
    snprintf(id, sizeof id, "%s", b->id);
    if (last && forged)
        id[strlen(id) - 1] = id[strlen(id) - 1] == 'f' ? '0' : 'f';
    now_text(now);
    buf_append_char(out, '{');
    json_write_member_string(out, &first, "event",
                             slice_of(last ? events[which].last : events[which].item));
    json_write_member_string(out, &first, "timestamp", slice_of(now));
    json_write_key(out, &first, "data");
    first = true;
    buf_append_char(out, '{');
    json_write_member_string(out, &first, "job_id", slice_of(id));
    if (last) {
        struct tally t = count(shop, b, view);
        print_completion(b, &t, now, out);
    } else {
        print_item(shop, b, view, place, forged, out);
    }
    buf_append_text(out, "}}");
    return true;
}
