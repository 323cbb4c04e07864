/* When records in a vendor's slots are asked for: the arithmetic by hand, and a vendor simulated by
 * its queue, whose slots must never run empty for want of a poll. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "sched/slots.h"

#define COUNT      15
#define WORK_MS    25000
#define LONGEST_MS 380000
#define POLL_MS    10000 /* no sooner again */

/* ---- by hand ---- */

static void test_queue(void **state)
{
    (void)state;
    struct slots s;
    slots_init(&s, COUNT, WORK_MS, LONGEST_MS);
    /* A free slot: no queue. Else as many must leave as stand before it and hold the last slot. */
    for (unsigned ahead = 0; ahead < COUNT; ahead++)
        assert_int_equal(slots_queue_ms(&s, ahead), 0);
    assert_int_equal(slots_queue_ms(&s, 15), WORK_MS / COUNT);
    assert_int_equal(slots_queue_ms(&s, 14.5), WORK_MS / COUNT / 2);
    assert_int_equal(slots_queue_ms(&s, 44), 30 * WORK_MS / COUNT);
    assert_int_equal(slots_queue_ms(&s, 3014), 3000 * (int64_t)WORK_MS / COUNT);

    slots_init(&s, 1, 700, 9000);
    assert_int_equal(slots_queue_ms(&s, 0), 0);
    assert_int_equal(slots_queue_ms(&s, 1), 700);
    assert_int_equal(slots_queue_ms(&s, 5), 3500);
}

/* Surely unfinished until its turn, then less and less probably. */
static void test_unfinished(void **state)
{
    (void)state;
    struct slots s;
    slots_init(&s, COUNT, WORK_MS, LONGEST_MS);
    assert_true(slots_unfinished(&s, 1000, 0) == 1);
    assert_true(slots_unfinished(&s, 1000, 1000) == 1);
    assert_true(fabs(slots_unfinished(&s, 1000, 1000 + WORK_MS) - 1 / exp(1)) < 1e-9);
    assert_true(fabs(slots_unfinished(&s, 1000, 1000 + 2 * WORK_MS) - 1 / exp(2)) < 1e-9);
    assert_true(slots_unfinished(&s, 0, INT64_C(1) << 50) == 0);
}

/* What first polls find moves the mean, slowly, to where 632 in 1000 are done, and not beyond all
 * reason. */
static void test_learning(void **state)
{
    (void)state;
    struct slots s;
    slots_init(&s, COUNT, WORK_MS, LONGEST_MS);
    for (unsigned i = 0; i < 2000; i++)
        slots_learn(&s, i * 632 / 1000 != (i + 1) * 632 / 1000);
    assert_true(fabs(s.work_ms - WORK_MS) < WORK_MS / 20.0);
    slots_learn(&s, true);
    assert_true(s.work_ms < WORK_MS * 1.01);
    for (unsigned i = 0; i < 100000; i++)
        slots_learn(&s, true);
    assert_true(s.work_ms == WORK_MS / 8.0);
    for (unsigned i = 0; i < 100000; i++)
        slots_learn(&s, false);
    assert_true(s.work_ms == WORK_MS * 8.0);
}

/* Each poll is later than the one before, and the third is after the longest that work can last. */
static void test_polls_rise(void **state)
{
    (void)state;
    static const struct {
        unsigned count;
        int64_t work_ms, longest_ms;
    } vendors[] = {{15, 25000, 380000}, {5, 25000, 380000}, {1, 1000, 1000}, {15, 250, 3800}};
    static const int64_t queues[] = {0, 1, 1666, 75000, 5000000};
    for (size_t v = 0; v < sizeof vendors / sizeof *vendors; v++)
        for (size_t q = 0; q < sizeof queues / sizeof *queues; q++) {
            struct slots s;
            slots_init(&s, vendors[v].count, vendors[v].work_ms, vendors[v].longest_ms);
            int64_t before = 0;
            for (unsigned n = 0; n < 6; n++) {
                int64_t at = slots_poll_ms(&s, queues[q], n);
                /* A vendor that always takes its longest has nothing between the two. */
                if (vendors[v].longest_ms > 3 * vendors[v].work_ms)
                    assert_true(at > before);
                assert_true(at > 0);
                before = at;
            }
            assert_true(slots_poll_ms(&s, queues[q], 0) >= vendors[v].work_ms);
            assert_true(slots_poll_ms(&s, queues[q], 2) > queues[q] + vendors[v].longest_ms);
            /* Where the vendor calls back that is the first moment to ask. */
            for (unsigned n = 0; n < 4; n++)
                assert_true(slots_safety_ms(&s, queues[q], n) ==
                            slots_poll_ms(&s, queues[q], n + 2));
        }
}

/* ---- a vendor of slots and a queue ---- */

#define FLIGHT_MAX 256

struct reveal {
    bool live;
    int64_t waited, queue_ms, turn, begin, done, next;
    unsigned number; /* in the order of acceptance */
    unsigned polls;
};

struct sim {
    struct slots slots;
    unsigned count, flight;
    int64_t work_ms, longest_ms;
    int64_t factor;      /* the vendor works at so many percent of its documented time */
    int64_t free_at[64]; /* when each slot is free again */
    int64_t busy;        /* time of work in all slots, of what is finished by the end */
    struct reveal reveal[FLIGHT_MAX];
    unsigned accepted;
    uint64_t random;
};

/* What came of it. */
struct result {
    double busy;          /* the part of the slots' time in which they worked */
    double mean;          /* polls a record */
    unsigned most;        /* of one record */
    unsigned by_polls[8]; /* records that took so many */
};

static double draw(struct sim *v)
{
    v->random = v->random * 6364136223846793005u + 1442695040888963407u;
    return (double)(v->random >> 11) / 9007199254740992.0;
}

/* As the client sees it, by what was accepted before it and is not known to be done. */
static void stand_in_queue(struct sim *v, struct reveal *r, int64_t now)
{
    double unfinished = 0;
    for (unsigned i = 0; i < v->flight; i++)
        if (v->reveal[i].live && v->reveal[i].number < r->number)
            unfinished += slots_unfinished(&v->slots, v->reveal[i].turn, now);
    r->waited = now;
    r->queue_ms = slots_queue_ms(&v->slots, unfinished);
    r->turn = now + r->queue_ms;
    r->next = now + slots_poll_ms(&v->slots, r->queue_ms, r->polls);
}

/* First come, first served: the slot that is free first takes it, at once or when it is. */
static void accept_one(struct sim *v, struct reveal *r, int64_t now)
{
    unsigned slot = 0;
    for (unsigned i = 1; i < v->count; i++)
        if (v->free_at[i] < v->free_at[slot])
            slot = i;
    int64_t work = (int64_t)(-log(1 - draw(v)) * (double)v->work_ms);
    work = (work < v->longest_ms ? work : v->longest_ms) * v->factor / 100;
    int64_t begin = v->free_at[slot] > now ? v->free_at[slot] : now;
    v->free_at[slot] = begin + work;
    v->busy += work;
    *r = (struct reveal){
        .live = true, .number = v->accepted++, .begin = begin, .done = begin + work};
    stand_in_queue(v, r, now);
}

/* The time that slots had work up to `end`, without what lies behind it. */
static double busy_part(const struct sim *v, int64_t end)
{
    int64_t busy = v->busy;
    for (unsigned i = 0; i < v->count; i++)
        busy -= v->free_at[i] > end ? v->free_at[i] - end : 0;
    return (double)busy / ((double)end * v->count);
}

/* `records` in all, of which `flight` are under way at any time: each that is found done makes room
 * for another at once. */
static struct result simulate(struct sim *v, unsigned records)
{
    struct result out = {0};
    int64_t now = 0;
    unsigned done = 0;
    assert_true(v->flight <= FLIGHT_MAX && v->count <= 64);
    slots_init(&v->slots, v->count, v->work_ms, v->longest_ms);
    for (unsigned i = 0; i < v->flight; i++)
        accept_one(v, &v->reveal[i], now);
    while (done < records) {
        struct reveal *r = &v->reveal[0];
        for (unsigned i = 1; i < v->flight; i++)
            if (v->reveal[i].next < r->next)
                r = &v->reveal[i];
        assert_true(r->next >= now);
        now = r->next;
        if (r->polls++ == 0)
            slots_learn(&v->slots, r->done <= now);
        out.mean += 1;
        if (r->begin > now) { /* the vendor says that it waits still */
            stand_in_queue(v, r, now);
            continue;
        }
        if (r->done > now) {
            r->turn = now;
            r->next = r->waited + slots_poll_ms(&v->slots, r->queue_ms, r->polls);
            if (r->next < now + POLL_MS)
                r->next = now + POLL_MS;
            continue;
        }
        out.by_polls[r->polls < 7 ? r->polls : 7]++;
        out.most = r->polls > out.most ? r->polls : out.most;
        r->live = false;
        accept_one(v, r, now);
        done++;
    }
    out.mean /= done;
    out.busy = busy_part(v, now);
    return out;
}

static struct result run(unsigned count, unsigned flight, int64_t factor, uint64_t seed)
{
    static struct sim v;
    v = (struct sim){.count = count,
                     .flight = flight,
                     .work_ms = WORK_MS,
                     .longest_ms = LONGEST_MS,
                     .factor = factor,
                     .random = seed};
    struct result r = simulate(&v, 20000);
    print_message(
        "%2u slots, %3u in flight, %3lld %% of the time: busy %.2f %%, %.2f polls a record "
        "(1: %u, 2: %u, 3: %u, more: %u)\n",
        count, flight, (long long)factor, 100 * r.busy, r.mean, r.by_polls[1], r.by_polls[2],
        r.by_polls[3], r.by_polls[4] + r.by_polls[5] + r.by_polls[6] + r.by_polls[7]);
    return r;
}

/* As documented: no slot is idle, and nothing is asked for more than three times. */
static void test_vendor_as_documented(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct result r = run(15, 60, 100, seed);
        assert_true(r.busy >= 0.998);
        assert_true(r.most <= 3);
        assert_true(r.mean < 1.42);
    }
    /* A small account has few in its queue, which chance empties more often. */
    struct result r = run(5, 20, 100, 4);
    assert_true(r.busy >= 0.98);
    assert_true(r.most <= 3);
    assert_true(r.mean < 1.5);
}

/* A vendor that is faster or slower than its document is nearly as busy. */
static void test_vendor_of_another_speed(void **state)
{
    (void)state;
    static const struct {
        int64_t factor;
        double busy;
    } rows[] = {{50, 0.98}, {75, 0.99}, {120, 0.99}, {150, 0.99}, {200, 0.99}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct result r = run(15, 60, rows[i].factor, 5 + i);
        assert_true(r.busy >= rows[i].busy);
        assert_true(r.mean < 1.5);
        if (rows[i].factor <= 100)
            assert_true(r.most <= 3);
    }
}

/* Fewer under way than there are slots: nothing stands in a queue, and each is asked for soon. */
static void test_vendor_without_queue(void **state)
{
    (void)state;
    struct result r = run(15, 10, 100, 11);
    assert_true(r.most <= 3);
    assert_true(r.by_polls[1] > 20000 * 60 / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_unfinished),
        cmocka_unit_test(test_learning),
        cmocka_unit_test(test_polls_rise),
        cmocka_unit_test(test_vendor_as_documented),
        cmocka_unit_test(test_vendor_of_another_speed),
        cmocka_unit_test(test_vendor_without_queue),
    };
    return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}
