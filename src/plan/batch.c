/* The batch machine; see batch.h for its states.
 *
 * Invariants:
 *  1. An item of a batch is a member of exactly one of its slices; slices are in rising order of
 * shards.
 *  2. `answered` counts items whose answer is durable; each of them has its bit in the slices'
 * `answered`, which are subsets of `members`.
 *  3. A batch that holds its items (batch_holds) is the only one to do so for each of them.
 *
 * Called on the loop's thread only. */
#include "plan/batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TO(state) ((uint32_t)1 << (BATCH_##state))

static const struct machine_state states[BATCH_STATES] = {
    [BATCH_PREPARED] = {"PREPARED", TO(SENDING) | TO(SPLIT) | TO(FAILED)},
    [BATCH_SENDING] = {"SENDING", TO(PREPARED) | TO(ACCEPTED) | TO(IN_DOUBT)},
    [BATCH_ACCEPTED] = {"ACCEPTED", TO(WAITING) | TO(FETCHING) | TO(IN_DOUBT)},
    [BATCH_WAITING] = {"WAITING", TO(FETCHING) | TO(IN_DOUBT)},
    [BATCH_FETCHING] = {"FETCHING", TO(DONE) | TO(IN_DOUBT) | TO(SPLIT)},
    [BATCH_DONE] = {"DONE", 0},
    [BATCH_IN_DOUBT] = {"IN_DOUBT", TO(PREPARED) | TO(ACCEPTED) | TO(SKIPPED)},
    [BATCH_SPLIT] = {"SPLIT", 0},
    [BATCH_FAILED] = {"FAILED", 0},
    [BATCH_SKIPPED] = {"SKIPPED", 0},
};

const struct machine batch_machine = {"batch", "plan", states, BATCH_STATES};

bool batch_holds(enum batch_state s)
{
    return s != BATCH_SPLIT;
}

bool batch_owes(enum batch_state s)
{
    return s == BATCH_SENDING || s == BATCH_ACCEPTED || s == BATCH_WAITING || s == BATCH_FETCHING ||
           s == BATCH_IN_DOUBT;
}

bool batch_live(enum batch_state s)
{
    return s <= BATCH_FETCHING;
}

struct batch *batch_create(uint32_t id, unsigned step)
{
    struct batch *b = calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    b->id = id;
    b->step = step;
    b->credits = -1;
    b->vendor_items = -1;
    b->used = -1;
    return b;
}

void batch_destroy(struct batch *b)
{
    if (b == NULL)
        return;
    free(b->slices);
    free(b->pages);
    free(b->body);
    free(b);
}

bool batch_add(struct batch *b, uint32_t shard, const struct bits *members)
{
    unsigned count = bits_count(members);
    if (count == 0)
        return true;
    assert(b->slice_count == 0 || b->slices[b->slice_count - 1].shard < shard);

    /* Capacities are powers of two: grow when the count is one. */
    if ((b->slice_count & (b->slice_count - 1)) == 0) {
        size_t capacity = b->slice_count == 0 ? 1 : (size_t)b->slice_count * 2;
        struct batch_slice *more = realloc(b->slices, capacity * sizeof *more);
        if (more == NULL)
            return false;
        b->slices = more;
    }
    struct batch_slice *s = &b->slices[b->slice_count++];
    s->shard = shard;
    s->members = *members;
    memset(&s->answered, 0, sizeof s->answered);
    b->items += count;
    return true;
}

struct batch_slice *batch_slice(struct batch *b, uint32_t shard)
{
    uint32_t low = 0, high = b->slice_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (b->slices[middle].shard < shard)
            low = middle + 1;
        else
            high = middle;
    }
    return low < b->slice_count && b->slices[low].shard == shard ? &b->slices[low] : NULL;
}

void batch_move(struct batch *b, enum batch_state to)
{
    b->state = (enum batch_state)machine_move(&batch_machine, b->id, b->state, to);
    b->tries = 0;
    b->not_before_ms = 0;
}

bool batch_halve(const struct batch *b, struct batch *first, struct batch *second)
{
    if (b->items < 2)
        return false;
    uint32_t left = (b->items + 1) / 2;
    for (uint32_t i = 0; i < b->slice_count; i++) {
        const struct bits *members = &b->slices[i].members;
        struct bits head = {{0}}, tail = {{0}};
        for (unsigned k = bits_next(members, 0); k < SHARD_RECORDS; k = bits_next(members, k + 1)) {
            if (left > 0) {
                bits_set(&head, k);
                left--;
            } else {
                bits_set(&tail, k);
            }
        }
        if (!batch_add(first, b->slices[i].shard, &head) ||
            !batch_add(second, b->slices[i].shard, &tail))
            return false;
    }
    return true;
}

bool batch_single_out(const struct batch *b, uint32_t place, struct batch *one, struct batch *rest)
{
    if (b->items < 2 || place >= b->items)
        return false;
    for (uint32_t i = 0; i < b->slice_count; i++) {
        struct bits others = b->slices[i].members, single = {{0}};
        uint32_t count = bits_count(&others);
        if (place < count) {
            unsigned k = bits_next(&others, 0);
            for (uint32_t n = 0; n < place; n++)
                k = bits_next(&others, k + 1);
            bits_set(&single, k);
            bits_clear(&others, k);
            place = UINT32_MAX;
        } else if (place != UINT32_MAX) {
            place -= count;
        }
        if (!batch_add(one, b->slices[i].shard, &single) ||
            !batch_add(rest, b->slices[i].shard, &others))
            return false;
    }
    return true;
}

enum batch_match batch_match(const struct batch *b, uint32_t shard, unsigned index)
{
    const struct batch_slice *s = batch_slice((struct batch *)b, shard);
    if (s == NULL || !bits_test(&s->members, index))
        return MATCH_FOREIGN;
    return bits_test(&s->answered, index) ? MATCH_AGAIN : MATCH_NEW;
}

void batch_claim(struct batch *b, uint32_t shard, unsigned index)
{
    struct batch_slice *s = batch_slice(b, shard);
    assert(s != NULL && bits_test(&s->members, index));
    bits_set(&s->answered, index);
}

void batch_let_go(struct batch *b, uint32_t shard, unsigned index)
{
    struct batch_slice *s = batch_slice(b, shard);
    assert(s != NULL && bits_test(&s->members, index) && bits_test(&s->answered, index));
    bits_clear(&s->members, index);
    bits_clear(&s->answered, index);
    b->items--;
}

bool batch_place(const struct batch *b, uint32_t place, uint32_t *shard, unsigned *index)
{
    for (uint32_t i = 0; i < b->slice_count; i++) {
        const struct bits *members = &b->slices[i].members;
        unsigned count = bits_count(members);
        if (place >= count) {
            place -= count;
            continue;
        }
        *shard = b->slices[i].shard;
        *index = bits_next(members, 0);
        while (place-- > 0)
            *index = bits_next(members, *index + 1);
        return true;
    }
    return false;
}

static struct batch_need fetching_need(const struct batch *b, unsigned pages_max)
{
    struct batch_need need = {BATCH_WANTS_NOTHING, 0, INT64_MAX};
    if (b->pages_done == b->page_count) {
        need.want = BATCH_WANTS_END;
        need.not_before_ms = 0;
        return need;
    }
    if (b->pages_busy >= pages_max)
        return need;
    for (uint32_t i = 0; i < b->page_count; i++) {
        if (b->pages[i] == PAGE_WANTED) {
            need.want = BATCH_WANTS_PAGE;
            need.page = i + 1;
            need.not_before_ms = b->not_before_ms;
            break;
        }
    }
    return need;
}

struct batch_need batch_need(const struct batch *b, enum delivery delivery, unsigned pages_max)
{
    struct batch_need need = {BATCH_WANTS_NOTHING, 0, INT64_MAX};
    if (b->busy)
        return need;
    switch (b->state) {
    case BATCH_PREPARED:
        need.want = b->body_ready ? BATCH_WANTS_SUBMIT : BATCH_WANTS_BODY;
        need.not_before_ms = b->not_before_ms;
        return need;
    case BATCH_ACCEPTED:
    case BATCH_WAITING:
        need.want = delivery == DELIVERY_CALLBACK ? BATCH_WANTS_GIVE_UP : BATCH_WANTS_POLL;
        need.not_before_ms = b->not_before_ms;
        return need;
    case BATCH_FETCHING:
        return fetching_need(b, pages_max);
    case BATCH_SENDING:
    case BATCH_DONE:
    case BATCH_IN_DOUBT:
    case BATCH_SPLIT:
    case BATCH_FAILED:
    case BATCH_SKIPPED:
    case BATCH_STATES:
        break;
    }
    return need;
}

static bool pages_grow(struct batch *b, uint32_t count)
{
    uint8_t *pages = realloc(b->pages, count);
    if (pages == NULL)
        return false;
    memset(pages + b->page_count, PAGE_WANTED, count - b->page_count);
    b->pages = pages;
    b->page_count = count;
    return true;
}

bool batch_pages_begin(struct batch *b, int64_t items, uint32_t page_rows)
{
    /* Never fewer pages than our own items would need could be right after the vendor's dedupe, and
     * a count beyond them is the vendor's mistake: no more than one page past our own. */
    uint64_t rows = items >= 0 && (uint64_t)items <= b->items ? (uint64_t)items : b->items;
    uint32_t count = (uint32_t)((rows + page_rows - 1) / page_rows);
    b->page_rows = page_rows;
    /* What an earlier submission's results were says nothing about these. */
    b->page_count = b->pages_done = b->pages_busy = b->last_rows = 0;
    b->rows = 0;
    b->unmatched = b->unnamed = b->repeated = b->short_pages = 0;
    return pages_grow(b, count == 0 ? 1 : count);
}

bool batch_pages_more(struct batch *b)
{
    return pages_grow(b, b->page_count + 1);
}

void batch_page_busy(struct batch *b, uint32_t page)
{
    assert(b->pages[page - 1] == PAGE_WANTED);
    b->pages[page - 1] = PAGE_BUSY;
    b->pages_busy++;
}

void batch_page_again(struct batch *b, uint32_t page)
{
    assert(b->pages[page - 1] == PAGE_BUSY);
    b->pages[page - 1] = PAGE_WANTED;
    b->pages_busy--;
}

void batch_page_stored(struct batch *b, uint32_t page)
{
    b->pages_busy += b->pages[page - 1] != PAGE_BUSY; /* of an earlier process */
    b->pages[page - 1] = PAGE_STORED;
}

void batch_page_done(struct batch *b, uint32_t page, uint32_t rows)
{
    b->pages_busy -= b->pages[page - 1] == PAGE_BUSY || b->pages[page - 1] == PAGE_STORED;
    b->pages[page - 1] = PAGE_DONE;
    b->pages_done++;
    b->rows += rows;
    if (page == b->page_count)
        b->last_rows = rows;
    /* The vendor's count may be short of what it delivers: a full last page means that there may be
     * more. Bounded by our own items, as every further page must bring answers for them. */
    uint32_t most = b->items / b->page_rows + 2;
    if (b->pages_done == b->page_count && b->last_rows >= b->page_rows && b->answered < b->items &&
        b->page_count < most)
        (void)batch_pages_more(b);
}

int64_t batch_poll_pause_ms(const struct batch *b, int64_t now_ms, int64_t first_ms, int64_t max_ms)
{
    int64_t pause = (now_ms - b->waited_ms) / 4;
    if (pause < first_ms)
        return first_ms;
    return pause > max_ms ? max_ms : pause;
}
