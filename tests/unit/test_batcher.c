/* Records waiting for a batch: cuts, lingering, what comes back; and all of it against a list of
 * numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/batcher.h"

static struct bits range(unsigned from, unsigned to)
{
    struct bits set = {{0}};
    for (unsigned i = from; i < to; i++)
        bits_set(&set, i);
    return set;
}

static void add(struct batcher *b, uint32_t shard, unsigned from, unsigned to, int64_t now)
{
    struct bits set = range(from, to);
    assert_true(batcher_add(b, shard, &set, now));
}

static struct batch *cut(struct batcher *b, uint64_t most)
{
    struct batch *out = batch_create(1, 0);
    assert_non_null(out);
    assert_true(batcher_cut(b, most, out));
    return out;
}

static void test_empty(void **state)
{
    (void)state;
    struct batcher b;
    int64_t at = 5;
    batcher_init(&b);
    assert_false(batcher_ready(&b, 10, 0, 100, &at));
    assert_true(at == INT64_MAX);
    batcher_close(&b);
    assert_false(batcher_ready(&b, 10, 0, 100, &at));
    struct batch *none = cut(&b, 10);
    assert_int_equal(none->items, 0);
    batch_destroy(none);
    add(&b, 3, 0, 0, 1); /* a shard of which nothing is asked */
    assert_int_equal(b.waiting, 0);
    batcher_deinit(&b);
}

static void test_ready(void **state)
{
    (void)state;
    static const struct {
        unsigned records;
        bool closed;
        uint64_t most;
        int64_t linger, now;
        bool ready;
        int64_t at;
    } rows[] = {
        /* records came at 1000 */
        {9, false, 10, 30, 1000, false, 1030},
        {9, false, 10, 30, 1029, false, 1030},
        {9, false, 10, 30, 1030, true, 1030},
        {9, false, 10, 0, 1000, true, 1000},
        {9, false, 10, INT64_MAX, 5000, false, INT64_MAX}, /* for ever */
        {10, false, 10, 30, 1000, true, INT64_MAX},        /* full */
        {4000, false, 10, 30, 1000, true, INT64_MAX},
        {1, true, 10, 30, 1000, true, INT64_MAX},  /* nothing more can come */
        {9, true, 0, 30, 1000, false, INT64_MAX},  /* nothing may be sent */
        {9, false, 0, 30, 5000, false, INT64_MAX}, /* nor after any time */
        {9, false, UINT64_MAX, 30, 1030, true, 1030},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct batcher b;
        int64_t at;
        batcher_init(&b);
        add(&b, 0, 0, rows[i].records, 1000);
        if (rows[i].closed)
            batcher_close(&b);
        bool ready = batcher_ready(&b, rows[i].most, rows[i].linger, rows[i].now, &at);
        if (ready != rows[i].ready || at != rows[i].at)
            fail_msg("row %zu: %d at %lld", i, ready, (long long)at);
        batcher_deinit(&b);
    }
}

/* The wait is that of the oldest record, and begins anew when none was left. */
static void test_linger_of_the_oldest(void **state)
{
    (void)state;
    struct batcher b;
    int64_t at;
    batcher_init(&b);
    add(&b, 0, 0, 3, 1000);
    add(&b, 1, 0, 3, 2000);
    assert_false(batcher_ready(&b, 100, 5000, 2000, &at));
    assert_int_equal(at, 6000);
    batch_destroy(cut(&b, 100));
    assert_int_equal(b.waiting, 0);
    add(&b, 2, 0, 3, 9000);
    assert_false(batcher_ready(&b, 100, 5000, 9000, &at));
    assert_int_equal(at, 14000);
    batcher_deinit(&b);
}

static void test_cut_across_shards(void **state)
{
    (void)state;
    struct batcher b;
    batcher_init(&b);
    add(&b, 0, 0, 100, 0);
    add(&b, 1, 50, 60, 0);
    add(&b, 5, 0, SHARD_RECORDS, 0);
    struct batch *one = cut(&b, 105);
    assert_int_equal(one->items, 105);
    assert_int_equal(one->slice_count, 2);
    assert_int_equal(bits_count(&batch_slice(one, 0)->members), 100);
    assert_int_equal(bits_next(&batch_slice(one, 1)->members, 0), 50);
    assert_int_equal(bits_count(&batch_slice(one, 1)->members), 5);
    struct batch *two = cut(&b, 1000);
    assert_int_equal(two->items, 1000);
    assert_int_equal(bits_next(&batch_slice(two, 1)->members, 0), 55);
    assert_int_equal(bits_count(&batch_slice(two, 5)->members), 995);
    assert_int_equal(b.waiting, SHARD_RECORDS - 995);
    struct batch *rest = cut(&b, UINT64_MAX);
    assert_int_equal(rest->items, SHARD_RECORDS - 995);
    assert_int_equal(bits_next(&batch_slice(rest, 5)->members, 0), 995);
    assert_int_equal(b.waiting, 0);
    batch_destroy(one);
    batch_destroy(two);
    batch_destroy(rest);
    batcher_deinit(&b);
}

/* What comes back from a split is the first to go again, also when it was closed. */
static void test_return(void **state)
{
    (void)state;
    struct batcher b;
    int64_t at;
    batcher_init(&b);
    add(&b, 2, 0, 10, 0);
    add(&b, 3, 0, 10, 0);
    batcher_close(&b);
    struct batch *first = cut(&b, 10);
    assert_true(batcher_add(&b, 2, &first->slices[0].members, 50));
    assert_int_equal(b.waiting, 20);
    assert_true(batcher_ready(&b, 1000, 30, 50, &at));
    struct batch *again = cut(&b, 12);
    assert_int_equal(bits_count(&batch_slice(again, 2)->members), 10);
    assert_int_equal(bits_count(&batch_slice(again, 3)->members), 2);
    /* Of a shard before all that were ever there. */
    add(&b, 0, 7, 8, 60);
    struct batch *early = cut(&b, 1);
    assert_non_null(batch_slice(early, 0));
    batch_destroy(first);
    batch_destroy(again);
    batch_destroy(early);
    batcher_deinit(&b);
}

/* ---- against a list of numbers ---- */

#define SHARDS  12
#define RECORDS (SHARDS * SHARD_RECORDS)
#define OUT_MAX 64

struct model {
    bool waiting[RECORDS];
    uint64_t count;
    struct batch *out[OUT_MAX]; /* cut and not come back */
    unsigned outs;
    uint32_t next_shard;
};

static void model_add(struct model *m, struct batcher *b)
{
    struct bits set = {{0}};
    uint32_t shard = m->next_shard++;
    unsigned density = 1 + (unsigned)rand() % 5;
    for (unsigned k = 0; k < SHARD_RECORDS; k++)
        if ((unsigned)rand() % density == 0) {
            bits_set(&set, k);
            m->waiting[shard * SHARD_RECORDS + k] = true;
            m->count++;
        }
    assert_true(batcher_add(b, shard, &set, 0));
}

static void model_return(struct model *m, struct batcher *b)
{
    unsigned which = (unsigned)rand() % m->outs;
    struct batch *back = m->out[which];
    m->out[which] = m->out[--m->outs];
    for (uint32_t i = 0; i < back->slice_count; i++) {
        const struct batch_slice *s = &back->slices[i];
        for (unsigned k = bits_next(&s->members, 0); k < SHARD_RECORDS;
             k = bits_next(&s->members, k + 1)) {
            m->waiting[s->shard * SHARD_RECORDS + k] = true;
            m->count++;
        }
        assert_true(batcher_add(b, s->shard, &s->members, 0));
    }
    batch_destroy(back);
}

/* The batch holds exactly the first records that waited. */
static void model_cut(struct model *m, struct batcher *b)
{
    uint64_t most = rand() % 3 == 0 ? (uint64_t)rand() % 20 : (uint64_t)rand() % 9000;
    uint64_t left = most < m->count ? most : m->count;
    struct batch *out = cut(b, most);
    assert_int_equal(out->items, left);
    for (uint32_t r = 0; r < RECORDS; r++) {
        bool taken = batch_match(out, r / SHARD_RECORDS, r % SHARD_RECORDS) == MATCH_NEW;
        bool should = m->waiting[r] && left > 0;
        assert_int_equal(taken, should);
        if (should) {
            m->waiting[r] = false;
            m->count--;
            left--;
        }
    }
    if (out->items > 0 && m->outs < OUT_MAX)
        m->out[m->outs++] = out;
    else
        batch_destroy(out);
}

static void test_random(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 25; seed++) {
        struct model *m = calloc(1, sizeof *m);
        struct batcher b;
        assert_non_null(m);
        batcher_init(&b);
        srand(seed);
        for (int turn = 0; turn < 60; turn++) {
            int dice = rand() % 10;
            if (dice < 3 && m->next_shard < SHARDS)
                model_add(m, &b);
            else if (dice < 5 && m->outs > 0)
                model_return(m, &b);
            else
                model_cut(m, &b);
            assert_int_equal(b.waiting, m->count);
        }
        while (m->outs > 0)
            batch_destroy(m->out[--m->outs]);
        batcher_deinit(&b);
        free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_ready),
        cmocka_unit_test(test_linger_of_the_oldest),
        cmocka_unit_test(test_cut_across_shards),
        cmocka_unit_test(test_return),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests_name("batcher", tests, NULL, NULL);
}
