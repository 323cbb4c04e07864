/* The batch machine: its moves, what it wants in each state, its items and its pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plan/batch.h"

#define BIT(state) (1u << BATCH_##state)

/* ---- moves ---- */

/* Written down a second time, on purpose: a move that appears or goes must be meant. */
static const struct {
    enum batch_state state;
    const char *name;
    unsigned next;
    bool holds, owes, live;
} moves[] = {
    {BATCH_PREPARED, "PREPARED", BIT(SENDING) | BIT(SPLIT) | BIT(FAILED), true, false, true},
    {BATCH_SENDING, "SENDING", BIT(PREPARED) | BIT(ACCEPTED) | BIT(IN_DOUBT), true, true, true},
    {BATCH_ACCEPTED, "ACCEPTED", BIT(WAITING) | BIT(FETCHING) | BIT(IN_DOUBT), true, true, true},
    {BATCH_WAITING, "WAITING", BIT(FETCHING) | BIT(IN_DOUBT), true, true, true},
    {BATCH_FETCHING, "FETCHING", BIT(DONE) | BIT(IN_DOUBT) | BIT(SPLIT), true, true, true},
    {BATCH_DONE, "DONE", 0, true, false, false},
    {BATCH_IN_DOUBT, "IN_DOUBT", BIT(PREPARED) | BIT(ACCEPTED) | BIT(SKIPPED), true, true, false},
    {BATCH_SPLIT, "SPLIT", 0, false, false, false},
    {BATCH_FAILED, "FAILED", 0, true, false, false},
    {BATCH_SKIPPED, "SKIPPED", 0, true, false, false},
};

/* How the process that makes the move ends: 0, or the signal that kills it. */
static int end_of_move(enum batch_state from, enum batch_state to)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGABRT, SIG_DFL);
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(9);
        struct batch b = {.id = 1, .state = from};
        batch_move(&b, to);
        _exit(b.state == to ? 0 : 8);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_moves(void **state)
{
    (void)state;
    assert_int_equal(sizeof moves / sizeof *moves, BATCH_STATES);
    assert_int_equal(batch_machine.count, BATCH_STATES);
    for (int from = 0; from < BATCH_STATES; from++) {
        assert_int_equal(moves[from].state, from);
        assert_string_equal(batch_machine.states[from].name, moves[from].name);
        assert_int_equal(machine_find(&batch_machine, moves[from].name), from);
        assert_int_equal(batch_holds((enum batch_state)from), moves[from].holds);
        assert_int_equal(batch_owes((enum batch_state)from), moves[from].owes);
        assert_int_equal(batch_live((enum batch_state)from), moves[from].live);
        for (int to = 0; to < BATCH_STATES; to++) {
            bool legal = moves[from].next >> to & 1;
            assert_int_equal(machine_can(&batch_machine, (unsigned)from, (unsigned)to), legal);
            assert_int_equal(end_of_move((enum batch_state)from, (enum batch_state)to),
                             legal ? 0 : SIGABRT);
        }
    }
    assert_int_equal(machine_find(&batch_machine, "LOST"), -1);
}

/* What can be charged holds its items, or they could be sent a second time. */
static void test_single_spend(void **state)
{
    (void)state;
    for (int s = 0; s < BATCH_STATES; s++)
        if (batch_owes((enum batch_state)s))
            assert_true(batch_holds((enum batch_state)s));
}

static void test_move_begins_anew(void **state)
{
    (void)state;
    struct batch *b = batch_create(3, 2);
    assert_int_equal(b->id, 3);
    assert_int_equal(b->step, 2);
    assert_int_equal(b->state, BATCH_PREPARED);
    assert_int_equal(b->credits, -1);
    assert_int_equal(b->used, -1);
    assert_int_equal(b->vendor_items, -1);
    b->tries = 5;
    b->not_before_ms = 99;
    batch_move(b, BATCH_SENDING);
    assert_int_equal(b->tries, 0);
    assert_int_equal(b->not_before_ms, 0);
    batch_destroy(b);
    batch_destroy(NULL);
}

/* ---- items ---- */

static struct bits range(unsigned from, unsigned to)
{
    struct bits set = {{0}};
    for (unsigned i = from; i < to; i++)
        bits_set(&set, i);
    return set;
}

static struct batch *batch_of(uint32_t id, uint32_t shard, unsigned from, unsigned to)
{
    struct batch *b = batch_create(id, 0);
    struct bits set = range(from, to);
    assert_non_null(b);
    assert_true(batch_add(b, shard, &set));
    return b;
}

static void test_slices(void **state)
{
    (void)state;
    struct batch *b = batch_create(1, 0);
    struct bits none = {{0}}, all = range(0, SHARD_RECORDS);
    assert_true(batch_add(b, 4, &none));
    assert_int_equal(b->slice_count, 0);
    for (uint32_t i = 0; i < 100; i++)
        assert_true(batch_add(b, 3 * i + 1, &all));
    assert_int_equal(b->slice_count, 100);
    assert_int_equal(b->items, 100 * SHARD_RECORDS);
    for (uint32_t shard = 0; shard < 310; shard++) {
        struct batch_slice *s = batch_slice(b, shard);
        if (shard % 3 == 1 && shard < 300) {
            assert_non_null(s);
            assert_int_equal(s->shard, shard);
            assert_int_equal(bits_count(&s->members), SHARD_RECORDS);
            assert_int_equal(bits_count(&s->answered), 0);
        } else {
            assert_null(s);
        }
    }
    batch_destroy(b);
}

static void test_match(void **state)
{
    (void)state;
    struct batch *b = batch_of(1, 7, 10, 20);
    assert_int_equal(batch_match(b, 7, 9), MATCH_FOREIGN);
    assert_int_equal(batch_match(b, 7, 20), MATCH_FOREIGN);
    assert_int_equal(batch_match(b, 6, 10), MATCH_FOREIGN);
    assert_int_equal(batch_match(b, 8, 10), MATCH_FOREIGN);
    assert_int_equal(batch_match(b, 7, 10), MATCH_NEW);
    batch_claim(b, 7, 10);
    assert_int_equal(batch_match(b, 7, 10), MATCH_AGAIN);
    assert_int_equal(batch_match(b, 7, 11), MATCH_NEW);
    /* A claim is not yet an answer: that is durable first. */
    assert_int_equal(b->answered, 0);
    batch_destroy(b);
}

/* Every item of the batch is in one half or the other, in order. */
static void check_halves(const struct batch *b)
{
    struct batch *first = batch_create(8, 0), *second = batch_create(9, 0);
    bool in_second = false;
    uint32_t found = 0;
    assert_true(batch_halve(b, first, second));
    assert_int_equal(first->items, (b->items + 1) / 2);
    assert_int_equal(first->items + second->items, b->items);
    for (uint32_t i = 0; i < b->slice_count; i++) {
        const struct batch_slice *s = &b->slices[i];
        for (unsigned k = 0; k < SHARD_RECORDS; k++) {
            bool one = batch_match(first, s->shard, k) == MATCH_NEW;
            bool two = batch_match(second, s->shard, k) == MATCH_NEW;
            assert_int_equal(one + two, bits_test(&s->members, k));
            assert_false(one && in_second);
            in_second = in_second || two;
            found += one + two;
        }
    }
    assert_int_equal(found, b->items);
    batch_destroy(first);
    batch_destroy(second);
}

static void test_halve(void **state)
{
    (void)state;
    struct batch *one = batch_of(1, 0, 5, 6), *first = batch_create(2, 0),
                 *second = batch_create(3, 0);
    assert_false(batch_halve(one, first, second));
    assert_int_equal(first->items + second->items, 0);
    batch_destroy(one);
    batch_destroy(first);
    batch_destroy(second);

    static const unsigned sizes[] = {2, 3, 4, 5, 63, 64, 65, 1000, SHARD_RECORDS};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct batch *b = batch_of(1, 2, 0, sizes[i]);
        check_halves(b);
        batch_destroy(b);
    }
    /* Over several shards, with holes. */
    struct batch *b = batch_create(1, 0);
    srand(1);
    for (uint32_t shard = 0; shard < 9; shard += 2) {
        struct bits set = {{0}};
        for (unsigned k = 0; k < SHARD_RECORDS; k++)
            if (rand() % 3 == 0)
                bits_set(&set, k);
        assert_true(batch_add(b, shard, &set));
    }
    check_halves(b);
    batch_destroy(b);
}

/* Halved until nothing can be: as many singles as items, each item once. */
static uint32_t halve_down(struct batch *b, struct bits *seen)
{
    struct batch *first = batch_create(1, 0), *second = batch_create(2, 0);
    uint32_t singles = 1;
    if (batch_halve(b, first, second)) {
        singles = halve_down(first, seen) + halve_down(second, seen);
    } else {
        unsigned k = bits_next(&b->slices[0].members, 0);
        assert_false(bits_test(seen, k));
        bits_set(seen, k);
        batch_destroy(first);
        batch_destroy(second);
    }
    batch_destroy(b);
    return singles;
}

static void test_halve_down(void **state)
{
    (void)state;
    struct bits seen = {{0}};
    assert_int_equal(halve_down(batch_of(1, 0, 100, 337), &seen), 237);
    assert_int_equal(bits_count(&seen), 237);
}

/* What the vendor did not look at is asked again elsewhere: here it is no item any more, and its
 * row, should one come after all, is a stranger's. */
static void test_let_go(void **state)
{
    (void)state;
    struct batch *b = batch_create(1, 0);
    struct bits set = range(0, 3);
    assert_true(batch_add(b, 2, &set) && batch_add(b, 5, &set));
    batch_claim(b, 2, 1);
    batch_claim(b, 5, 0);
    batch_let_go(b, 2, 1);
    assert_int_equal(b->items, 5);
    assert_int_equal(batch_match(b, 2, 1), MATCH_FOREIGN);
    assert_int_equal(batch_match(b, 2, 0), MATCH_NEW);
    assert_int_equal(batch_match(b, 2, 2), MATCH_NEW);
    assert_int_equal(batch_match(b, 5, 0), MATCH_AGAIN);
    assert_int_equal(batch_match(b, 5, 1), MATCH_NEW);
    assert_int_equal(b->answered, 0);
    /* Down to none: a batch whose items all went is empty, and its slices stay. */
    for (uint32_t shard = 2; shard <= 5; shard += 3)
        for (unsigned k = 0; k < 3; k++) {
            if (shard == 2 && k == 1)
                continue;
            if (batch_match(b, shard, k) == MATCH_NEW)
                batch_claim(b, shard, k);
            batch_let_go(b, shard, k);
        }
    assert_int_equal(b->items, 0);
    assert_int_equal(b->slice_count, 2);
    uint32_t shard;
    unsigned index;
    assert_false(batch_place(b, 0, &shard, &index));
    batch_destroy(b);
}

/* Places count in the order of the body: by shard, then by record; what was let go has none. */
static void test_place(void **state)
{
    (void)state;
    struct batch *b = batch_create(1, 0);
    uint32_t shard = 77, places = 0;
    unsigned index = 77;
    assert_false(batch_place(b, 0, &shard, &index));
    srand(2);
    for (uint32_t s = 1; s < 30; s += 3) {
        struct bits set = {{0}};
        for (unsigned k = 0; k < SHARD_RECORDS; k++)
            if (rand() % 50 == 0)
                bits_set(&set, k);
        assert_true(batch_add(b, s, &set));
    }
    /* Let one in each shard go. */
    for (uint32_t i = 0; i < b->slice_count; i++) {
        unsigned k = bits_next(&b->slices[i].members, rand() % 2000);
        batch_claim(b, b->slices[i].shard, k);
        batch_let_go(b, b->slices[i].shard, k);
    }
    for (uint32_t i = 0; i < b->slice_count; i++) {
        const struct bits *members = &b->slices[i].members;
        for (unsigned k = bits_next(members, 0); k < SHARD_RECORDS; k = bits_next(members, k + 1)) {
            assert_true(batch_place(b, places++, &shard, &index));
            assert_int_equal(shard, b->slices[i].shard);
            assert_int_equal(index, k);
        }
    }
    assert_int_equal(places, b->items);
    shard = index = 77;
    assert_false(batch_place(b, places, &shard, &index));
    assert_false(batch_place(b, UINT32_MAX, &shard, &index));
    assert_int_equal(shard, 77);
    assert_int_equal(index, 77);
    batch_destroy(b);
}

/* ---- what it wants ---- */

static void assert_need(const struct batch *b, enum batch_want want, uint32_t page, int64_t at)
{
    struct batch_need need = batch_need(b, DELIVERY_PAGES, 2);
    assert_int_equal(need.want, want);
    assert_int_equal(need.page, page);
    assert_true(need.not_before_ms == at);
}

static void test_need(void **state)
{
    (void)state;
    static const struct {
        enum batch_state state;
        bool body_ready;
        enum batch_want want;
    } rows[] = {
        {BATCH_PREPARED, false, BATCH_WANTS_BODY},   {BATCH_PREPARED, true, BATCH_WANTS_SUBMIT},
        {BATCH_SENDING, true, BATCH_WANTS_NOTHING},  {BATCH_ACCEPTED, false, BATCH_WANTS_POLL},
        {BATCH_WAITING, false, BATCH_WANTS_POLL},    {BATCH_FETCHING, false, BATCH_WANTS_PAGE},
        {BATCH_DONE, false, BATCH_WANTS_NOTHING},    {BATCH_IN_DOUBT, false, BATCH_WANTS_NOTHING},
        {BATCH_SPLIT, false, BATCH_WANTS_NOTHING},   {BATCH_FAILED, false, BATCH_WANTS_NOTHING},
        {BATCH_SKIPPED, false, BATCH_WANTS_NOTHING},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct batch *b = batch_of(1, 0, 0, 30);
        assert_true(batch_pages_begin(b, 30, 10));
        b->state = rows[i].state;
        b->body_ready = rows[i].body_ready;
        b->not_before_ms = 1234;
        bool wants = rows[i].want != BATCH_WANTS_NOTHING;
        assert_need(b, rows[i].want, rows[i].want == BATCH_WANTS_PAGE, wants ? 1234 : INT64_MAX);
        b->busy = true;
        assert_need(b, BATCH_WANTS_NOTHING, 0, INT64_MAX);
        batch_destroy(b);
    }
}

/* How results are delivered changes what an accepted batch waits for, and nothing else. */
static void test_need_by_delivery(void **state)
{
    (void)state;
    static const enum delivery deliveries[] = {DELIVERY_REPLY, DELIVERY_PAGES, DELIVERY_POLL,
                                               DELIVERY_CALLBACK};
    for (int s = 0; s < BATCH_STATES; s++) {
        bool accepted = s == BATCH_ACCEPTED || s == BATCH_WAITING;
        struct batch *b = batch_of(1, 0, 0, 30);
        assert_true(batch_pages_begin(b, 30, 10));
        b->state = (enum batch_state)s;
        b->not_before_ms = 1234;
        struct batch_need usual = batch_need(b, DELIVERY_PAGES, 2);
        assert_int_equal(usual.want == BATCH_WANTS_POLL, accepted);
        for (size_t i = 0; i < sizeof deliveries / sizeof *deliveries; i++) {
            struct batch_need need = batch_need(b, deliveries[i], 2);
            /* Nothing can be asked of a vendor that only calls back: the deadline is its time. */
            bool gives_up = accepted && deliveries[i] == DELIVERY_CALLBACK;
            assert_int_equal(need.want, gives_up ? BATCH_WANTS_GIVE_UP : usual.want);
            assert_int_equal(need.page, usual.page);
            assert_true(need.not_before_ms == usual.not_before_ms);
        }
        b->busy = true;
        assert_int_equal(batch_need(b, DELIVERY_CALLBACK, 2).want, BATCH_WANTS_NOTHING);
        batch_destroy(b);
    }
}

/* ---- pages ---- */

static struct batch *fetching(unsigned items, int64_t vendor_items)
{
    struct batch *b = batch_of(1, 0, 0, items);
    b->state = BATCH_FETCHING;
    assert_true(batch_pages_begin(b, vendor_items, 10));
    return b;
}

static void test_pages_count(void **state)
{
    (void)state;
    static const struct {
        unsigned items;
        int64_t vendor_items;
        uint32_t pages;
    } rows[] = {
        {1, -1, 1},  {10, -1, 1},  {11, -1, 2}, {100, -1, 10}, {101, 101, 11},
        {100, 5, 1}, {100, 11, 2}, {100, 0, 1}, {25, 1000, 3}, {25, INT64_MAX, 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct batch *b = fetching(rows[i].items, rows[i].vendor_items);
        assert_int_equal(b->page_count, rows[i].pages);
        assert_int_equal(b->page_rows, 10);
        batch_destroy(b);
    }
}

static void test_single_out(void **state)
{
    (void)state;
    struct bits members = {{0}};
    bits_set(&members, 5);
    bits_set(&members, 4095);
    struct batch *b = batch_create(1, 0);
    assert_true(batch_add(b, 2, &members) && batch_add(b, 9, &members));
    for (uint32_t place = 0; place < 4; place++) {
        struct batch *one = batch_create(2, 0), *rest = batch_create(3, 0);
        assert_true(batch_single_out(b, place, one, rest));
        assert_int_equal(one->items, 1);
        assert_int_equal(rest->items, 3);
        uint32_t shard = place < 2 ? 2 : 9;
        unsigned index = place % 2 == 0 ? 5 : 4095;
        assert_int_equal(batch_match(one, shard, index), MATCH_NEW);
        assert_int_equal(batch_match(rest, shard, index), MATCH_FOREIGN);
        batch_destroy(one);
        batch_destroy(rest);
    }
    struct batch *one = batch_create(2, 0), *rest = batch_create(3, 0);
    assert_false(batch_single_out(b, 4, one, rest));
    batch_destroy(one);
    batch_destroy(rest);
    batch_destroy(b);
}

/* Under way is a page until its answers are durable: that is what is bounded. */
static void test_pages_in_flight(void **state)
{
    (void)state;
    struct batch *b = fetching(40, 40);
    assert_need(b, BATCH_WANTS_PAGE, 1, 0);
    batch_page_busy(b, 1);
    assert_need(b, BATCH_WANTS_PAGE, 2, 0);
    batch_page_busy(b, 2);
    assert_need(b, BATCH_WANTS_NOTHING, 0, INT64_MAX); /* two at once */
    batch_page_again(b, 1);
    b->not_before_ms = 70;
    assert_need(b, BATCH_WANTS_PAGE, 1, 70);
    batch_page_stored(b, 2);
    assert_int_equal(b->pages_busy, 1); /* stored, and not yet scattered */
    batch_page_busy(b, 1);
    assert_need(b, BATCH_WANTS_NOTHING, 0, INT64_MAX);
    b->answered = 10;
    batch_page_done(b, 1, 10);
    assert_need(b, BATCH_WANTS_PAGE, 3, 70);
    batch_page_busy(b, 3);
    batch_page_done(b, 2, 10);
    batch_page_done(b, 3, 10);
    batch_page_busy(b, 4);
    assert_need(b, BATCH_WANTS_NOTHING, 0, INT64_MAX);
    b->answered = 40;
    batch_page_stored(b, 4);
    assert_int_equal(b->pages_busy, 1);
    batch_page_done(b, 4, 10);
    assert_int_equal(b->rows, 40);
    assert_int_equal(b->pages_busy, 0);
    assert_need(b, BATCH_WANTS_END, 0, 0);
    /* One that an earlier process stored is under way from the start. */
    batch_destroy(b);
    b = fetching(40, 40);
    batch_page_stored(b, 3);
    assert_int_equal(b->pages_busy, 1);
    batch_page_done(b, 3, 10);
    assert_int_equal(b->pages_busy, 0);
    batch_destroy(b);
}

/* The vendor's count was short of what it delivers: pages are asked for until one is not full, all
 * items are answered, or our own items cannot fill more. */
static void test_pages_grow(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned items;
        int64_t vendor_items;
        unsigned rows[8];     /* of each page */
        unsigned answered[8]; /* items, when that page is in */
        uint32_t pages;
    } rows[] = {
        {"as it said", 25, 25, {10, 10, 5}, {10, 20, 25}, 3},
        {"one more", 25, 10, {10, 10, 5}, {10, 20, 25}, 3},
        {"to an empty page", 25, 20, {10, 10, 0}, {10, 20, 20}, 3},
        {"the vendor removed some", 25, 15, {10, 5}, {10, 15}, 2},
        {"full, and all answered", 20, 10, {10, 10}, {10, 20}, 2},
        {"it never ends", 25, 10, {10, 10, 10, 10}, {1, 2, 3, 4}, 4},
        {"more rows than a page has", 25, 10, {12, 4}, {12, 16}, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct batch *b = fetching(rows[i].items, rows[i].vendor_items);
        uint32_t page = 0;
        for (struct batch_need need;
             (need = batch_need(b, DELIVERY_PAGES, 1)).want == BATCH_WANTS_PAGE; page++) {
            assert_int_equal(need.page, page + 1);
            assert_true(page < 8);
            batch_page_busy(b, need.page);
            b->answered = rows[i].answered[page];
            batch_page_done(b, need.page, rows[i].rows[page]);
        }
        if (page != rows[i].pages)
            fail_msg("%s: %u pages", rows[i].name, page);
        assert_need(b, BATCH_WANTS_END, 0, 0);
        batch_destroy(b);
    }
}

/* The last page in order decides, whichever came last. */
static void test_pages_grow_out_of_order(void **state)
{
    (void)state;
    struct batch *b = fetching(40, 20);
    batch_page_busy(b, 1);
    batch_page_busy(b, 2);
    batch_page_done(b, 2, 10);
    assert_int_equal(b->page_count, 2);
    b->answered = 20;
    batch_page_done(b, 1, 10);
    assert_int_equal(b->page_count, 3);
    assert_need(b, BATCH_WANTS_PAGE, 3, 0);
    batch_destroy(b);

    b = fetching(40, 20);
    batch_page_busy(b, 1);
    batch_page_busy(b, 2);
    batch_page_done(b, 2, 9);
    batch_page_done(b, 1, 10);
    assert_need(b, BATCH_WANTS_END, 0, 0);
    batch_destroy(b);
}

/* After a resubmission the results of the first submission, whatever they were, count no more. */
static void test_pages_begin_anew(void **state)
{
    (void)state;
    static const unsigned sizes[] = {25, 10, 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct batch *b = fetching(25, sizes[0]);
        for (uint32_t page = 1; page <= 3; page++) {
            batch_page_busy(b, page);
            batch_page_done(b, page, page == 3 ? 5 : 10);
        }
        b->unmatched = 30;
        b->short_pages = 3;
        assert_need(b, BATCH_WANTS_END, 0, 0);
        assert_true(batch_pages_begin(b, sizes[i], 10));
        assert_int_equal(b->page_count, (sizes[i] + 9) / 10);
        assert_int_equal(b->rows, 0);
        assert_int_equal(b->unmatched + b->short_pages, 0);
        assert_need(b, BATCH_WANTS_PAGE, 1, 0);
        batch_destroy(b);
    }
}

static void test_pages_more(void **state)
{
    (void)state;
    struct batch *b = fetching(10, 10);
    assert_true(batch_pages_more(b));
    assert_int_equal(b->page_count, 2);
    batch_page_done(b, 1, 10);
    assert_need(b, BATCH_WANTS_PAGE, 2, 0);
    batch_destroy(b);
}

/* ---- polls ---- */

static void test_poll_pause(void **state)
{
    (void)state;
    static const struct {
        int64_t waited, pause;
    } rows[] = {
        {0, 500},      {100, 500},     {2000, 500},      {2004, 501},
        {20000, 5000}, {40000, 10000}, {3600000, 10000}, {1000000000000, 10000},
    };
    struct batch *b = batch_create(1, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        b->waited_ms = 777;
        assert_int_equal(batch_poll_pause_ms(b, 777 + rows[i].waited, 500, 10000), rows[i].pause);
    }
    /* A batch that takes an hour is seen within a quarter more, and at every rate by few polls. */
    int64_t now = 777, polls = 0;
    for (; now < 777 + 3600000; polls++)
        now += batch_poll_pause_ms(b, now, 500, 600000);
    assert_true(polls < 40);
    assert_true(now - 777 <= 3600000 * 5 / 4);
    batch_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_single_spend),
        cmocka_unit_test(test_move_begins_anew),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_halve),
        cmocka_unit_test(test_halve_down),
        cmocka_unit_test(test_let_go),
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_need),
        cmocka_unit_test(test_need_by_delivery),
        cmocka_unit_test(test_pages_count),
        cmocka_unit_test(test_single_out),
        cmocka_unit_test(test_pages_in_flight),
        cmocka_unit_test(test_pages_grow),
        cmocka_unit_test(test_pages_grow_out_of_order),
        cmocka_unit_test(test_pages_begin_anew),
        cmocka_unit_test(test_pages_more),
        cmocka_unit_test(test_poll_pause),
    };
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
