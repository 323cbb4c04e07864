/* The answers of a shard out of a real ledger: own ones, those of the records that are repeated,
 * and which of several counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "run/collect.h"

static char folder[64];
static struct ledger *ledger;
static struct collected *got;
static struct error e;

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/tranche-collect-XXXXXX");
    assert_non_null(mkdtemp(folder));
    e = (struct error){0};
    assert_int_equal(ledger_open(&ledger, folder, true, &e), 0);
    got = calloc(1, sizeof *got);
    assert_non_null(got);
    collect_init(got);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char *path = file_join(folder, "ledger.db");
    ledger_close(ledger);
    collect_deinit(got);
    free(got);
    unlink(path);
    free(path);
    return rmdir(folder);
}

static struct list_shard place_of(uint32_t shard, uint32_t records)
{
    return (struct list_shard){.number = shard,
                               .first_record = (uint64_t)shard * SHARD_RECORDS + 1,
                               .records = records,
                               .line = 1,
                               .bytes = 1};
}

/* A shard whose records are what `firsts` says. */
static struct list_shard add_shard(uint32_t shard, const uint32_t *firsts, uint32_t records)
{
    struct list_shard place = place_of(shard, records);
    struct slice bytes = {(const char *)firsts, records * sizeof *firsts};
    char *identities = calloc(records, 16);
    assert_non_null(identities);
    assert_int_equal(ledger_add_shard(ledger, &place, &e), 0);
    assert_int_equal(ledger_add_entry(ledger, 0, shard,
                                      (struct slice){identities, (size_t)records * 16}, bytes, &e),
                     0);
    free(identities);
    return place;
}

/* An answer to a record (from 1) is a text, so that one can see whose it is. */
struct say {
    uint32_t record;
    const char *email;
};

static void add_answers(uint32_t shard, uint32_t batch, uint32_t page, const struct say *say,
                        unsigned count)
{
    struct buf bytes;
    buf_init(&bytes, 1 << 20);
    for (unsigned i = 0; i < count; i++) {
        struct answer a = {.outcome = OUTCOME_FOUND, .credits = 10};
        a.value[FIELD_EMAIL] = slice_of(say[i].email);
        assert_int_equal((say[i].record - 1) / SHARD_RECORDS, shard);
        answer_encode(&bytes, (say[i].record - 1) % SHARD_RECORDS, &a);
    }
    assert_int_equal(ledger_add_answers(ledger, 0, shard, batch, page, buf_slice(&bytes), &e), 0);
    buf_deinit(&bytes);
}

static void add_answer(uint32_t record, const char *email, uint32_t batch, uint32_t page)
{
    struct say say = {record, email};
    add_answers((record - 1) / SHARD_RECORDS, batch, page, &say, 1);
}

static void collect(const struct list_shard *place)
{
    if (collect_shard(got, ledger, place, &e) != 0)
        fail_msg("%s", e.message);
}

static void expect(unsigned index, const char *email, uint32_t batch)
{
    struct answer a;
    if (email == NULL) {
        assert_false(collect_answer(got, index, &a));
        return;
    }
    assert_true(collect_answer(got, index, &a));
    assert_int_equal(a.outcome, OUTCOME_FOUND);
    assert_int_equal(a.credits, 10);
    if (!slice_eq(a.value[FIELD_EMAIL], slice_of(email)))
        fail_msg("record %u has %.*s, not %s", index + 1, SLICE_ARG(a.value[FIELD_EMAIL]), email);
    assert_int_equal(got->answer[index].batch, batch);
}

static void test_own(void **state)
{
    (void)state;
    static const uint32_t firsts[] = {1, 0, 3, 4};
    struct list_shard place = add_shard(0, firsts, 4);
    static const struct say say[] = {{4, "d"}, {1, "a"}};
    add_answers(0, 7, 1, say, 2);
    collect(&place);
    expect(0, "a", 7);
    expect(1, NULL, 0); /* invalid */
    expect(2, NULL, 0); /* no answer yet */
    expect(3, "d", 7);
    assert_memory_equal(got->firsts, firsts, sizeof firsts);
    assert_int_equal(got->firsts[4], 0);
}

static void test_repeated_within(void **state)
{
    (void)state;
    static const uint32_t firsts[] = {1, 1, 3, 1, 3, 0};
    struct list_shard place = add_shard(0, firsts, 6);
    add_answer(1, "a", 1, 1);
    add_answer(3, "c", 2, 1);
    collect(&place);
    expect(0, "a", 1);
    expect(1, "a", 1);
    expect(2, "c", 2);
    expect(3, "a", 1);
    expect(4, "c", 2);
    expect(5, NULL, 0);
}

static void test_repeated_across(void **state)
{
    (void)state;
    static uint32_t first_shard[SHARD_RECORDS], second_shard[SHARD_RECORDS];
    for (uint32_t i = 0; i < SHARD_RECORDS; i++) {
        first_shard[i] = i + 1;
        second_shard[i] = i % 2 ? i : SHARD_RECORDS + i + 1; /* every other one repeats */
    }
    static const uint32_t third_shard[] = {
        1, SHARD_RECORDS, SHARD_RECORDS + 1, 2 * SHARD_RECORDS - 1, 2 * SHARD_RECORDS + 5, 1};
    struct list_shard first = add_shard(0, first_shard, SHARD_RECORDS);
    add_shard(1, second_shard, SHARD_RECORDS);
    struct list_shard third = add_shard(2, third_shard, 6);
    add_answer(1, "first", 1, 1);
    add_answer(SHARD_RECORDS, "last of the first", 1, 2);
    add_answer(SHARD_RECORDS + 1, "first of the second", 1, 1);
    add_answer(2 * SHARD_RECORDS - 1, "late in the second", 3, 1);
    add_answer(2 * SHARD_RECORDS + 5, "own", 4, 1);
    collect(&third);
    expect(0, "first", 1);
    expect(1, "last of the first", 1);
    expect(2, "first of the second", 1);
    expect(3, "late in the second", 3);
    expect(4, "own", 4);
    expect(5, "first", 1);
    /* The same memory for another shard keeps nothing of the one before. */
    collect(&first);
    expect(0, "first", 1);
    expect(1, NULL, 0);
    expect(4, NULL, 0);
    expect(SHARD_RECORDS - 1, "last of the first", 1);
}

static void test_which_counts(void **state)
{
    (void)state;
    static const uint32_t firsts[] = {1, 2, 3, 4, 1};
    struct list_shard place = add_shard(0, firsts, 5);
    add_answer(1, "page 2", 5, 2);
    add_answer(1, "page 1", 5, 1);
    add_answer(2, "earlier batch", 3, 1);
    add_answer(2, "later batch", 5, 9);
    add_answer(3, "concluded without a batch", 0, 0);
    add_answer(3, "batch", 2, 7);
    add_answer(4, "concluded", 8, 0);
    add_answer(4, "row", 8, 1);
    collect(&place);
    expect(0, "page 1", 5);
    expect(1, "later batch", 5);
    expect(2, "batch", 2);
    expect(3, "concluded", 8);
    expect(4, "page 1", 5); /* the one that repeats gets the same */
}

/* Answers of callbacks stand behind those of pages. What was concluded without either stands before
 * both, until it is dropped because something came after all. */
static void test_callbacks(void **state)
{
    (void)state;
    enum { CALLBACK = 0x1000000 };
    static const uint32_t firsts[] = {1, 2, 3, 3};
    struct list_shard place = add_shard(0, firsts, 4);
    struct ledger_batch b = {.id = 6, .state = "DONE", .items = 3};
    struct bits members = {{0x7}};
    assert_int_equal(ledger_put_batch(ledger, &b, &e), 0);
    assert_int_equal(ledger_add_slice(ledger, 6, 0, &members, &e), 0);
    add_answer(1, "callback", 6, CALLBACK + 1);
    add_answer(1, "page", 6, 2);
    add_answer(2, "tenth callback", 6, CALLBACK + 10);
    add_answer(2, "second callback", 6, CALLBACK + 2);
    add_answer(3, "concluded", 6, 0);
    add_answer(3, "late callback", 6, CALLBACK + 11);
    collect(&place);
    expect(0, "page", 6);
    expect(1, "second callback", 6);
    expect(2, "concluded", 6);
    assert_int_equal(ledger_drop_conclusions(ledger, 6, &e), 1);
    collect(&place);
    expect(0, "page", 6);
    expect(2, "late callback", 6);
    expect(3, "late callback", 6);
}

/* Of two on one page the first one counts. */
static void test_twice_on_a_page(void **state)
{
    (void)state;
    static const uint32_t firsts[] = {1};
    static const struct say say[] = {{1, "one"}, {1, "two"}};
    struct list_shard place = add_shard(0, firsts, 1);
    add_answers(0, 1, 1, say, 2);
    collect(&place);
    expect(0, "one", 1);
}

/* Answers to records that nobody of the shard takes are left out of memory. */
static void test_only_what_is_taken(void **state)
{
    (void)state;
    static uint32_t whole[SHARD_RECORDS];
    static const uint32_t second[] = {9};
    static struct say say[SHARD_RECORDS];
    for (uint32_t i = 0; i < SHARD_RECORDS; i++) {
        whole[i] = i + 1;
        say[i] = (struct say){i + 1, "somebody@example.com"};
    }
    struct list_shard first = add_shard(0, whole, SHARD_RECORDS);
    struct list_shard one = add_shard(1, second, 1);
    add_answers(0, 1, 1, say, SHARD_RECORDS);
    collect(&first);
    size_t all = got->bytes.len;
    for (unsigned i = 0; i < SHARD_RECORDS; i++)
        expect(i, "somebody@example.com", 1);
    collect(&one);
    expect(0, "somebody@example.com", 1);
    assert_int_equal(got->bytes.len, all / SHARD_RECORDS);
}

static void test_damage(void **state)
{
    (void)state;
    static const uint32_t firsts[] = {1, 2};
    struct list_shard place = add_shard(0, firsts, 2);
    assert_int_equal(
        ledger_add_answers(ledger, 0, 0, 1, 1, SLICE_LIT("\x00\x00\x05\x00\x00\x00junk"), &e), 0);
    assert_int_equal(collect_shard(got, ledger, &place, &e), ERR_DATA);
    assert_non_null(strstr(e.message, "shard 0"));
}

/* Answers in random order over batches, pages and shards, against a table of what should count. */
static void test_random(void **state)
{
    (void)state;
    enum { ADDED = 2000 };
    static char texts[ADDED][24];
    static struct {
        int text;
        uint32_t batch, page;
    } best[3 * SHARD_RECORDS + 1];
    static bool taken[3][60][20];
    uint32_t firsts[3][200];
    srand(5);
    memset(best, 0, sizeof best);
    memset(taken, 0, sizeof taken);
    for (uint32_t s = 0; s < 3; s++)
        for (uint32_t i = 0; i < 200; i++) {
            uint32_t record = s * SHARD_RECORDS + i + 1;
            uint32_t earlier =
                (uint32_t)rand() % (s + 1) * SHARD_RECORDS + (uint32_t)rand() % 200 + 1;
            bool repeats = rand() % 3 == 0 && earlier < record;
            firsts[s][i] = rand() % 10 == 0 ? 0 : repeats ? earlier : record;
        }
    struct list_shard place[3];
    for (uint32_t s = 0; s < 3; s++)
        place[s] = add_shard(s, firsts[s], 200);
    for (int n = 1; n < ADDED; n++) {
        uint32_t s = (uint32_t)rand() % 3, batch = 1 + (uint32_t)rand() % 59;
        uint32_t page = (uint32_t)rand() % 20;
        uint32_t record = s * SHARD_RECORDS + (uint32_t)rand() % 200 + 1;
        if (taken[s][batch][page])
            continue; /* a page is stored once */
        taken[s][batch][page] = true;
        snprintf(texts[n], sizeof texts[n], "answer %d", n);
        add_answer(record, texts[n], batch, page);
        if (best[record].text == 0 || batch > best[record].batch ||
            (batch == best[record].batch && page < best[record].page)) {
            best[record].text = n;
            best[record].batch = batch;
            best[record].page = page;
        }
    }
    for (uint32_t s = 0; s < 3; s++) {
        collect(&place[s]);
        for (uint32_t i = 0; i < 200; i++) {
            uint32_t of = firsts[s][i];
            bool has = of != 0 && best[of].text != 0;
            expect(i, has ? texts[best[of].text] : NULL, has ? best[of].batch : 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_own, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeated_within, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeated_across, setup, teardown),
        cmocka_unit_test_setup_teardown(test_which_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_callbacks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_twice_on_a_page, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_what_is_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random, setup, teardown),
    };
    return cmocka_run_group_tests_name("collect", tests, NULL, NULL);
}
