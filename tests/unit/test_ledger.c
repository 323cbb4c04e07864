/* The ledger: what is written is read back in the promised order; what was committed survives a
 * kill; what is damaged is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "ledger/db.h"
#include "ledger/ledger.h"

/* A run directory of its own for each test. */
struct fixture {
    char dir[64];
    struct ledger *l;
    struct error e;
};

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != 0)                                                                           \
            fail_msg("%s: %s", #call, f->e.message);                                               \
    } while (0)

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    strcpy(f->dir, "/tmp/test_ledger.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    OK(ledger_open(&f->l, f->dir, true, &f->e));
    *state = f;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    ledger_close(f->l);
    assert_int_equal(nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    free(f);
    return 0;
}

static void reopen(struct fixture *f)
{
    ledger_close(f->l);
    f->l = NULL;
    OK(ledger_open(&f->l, f->dir, false, &f->e));
}

static char *in_dir(const struct fixture *f, const char *name)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    return path;
}

static bool exists(const struct fixture *f, const char *name)
{
    return access(in_dir(f, name), F_OK) == 0;
}

static struct slice bytes_of(const void *data, size_t len)
{
    return (struct slice){data, len};
}

static struct list_shard shard_of(uint32_t number)
{
    struct list_shard s = {.number = number,
                           .first_record = (uint64_t)number * SHARD_RECORDS + 1,
                           .records = SHARD_RECORDS,
                           .line = 2 + number * UINT64_C(5000),
                           .offset = (uint64_t)number << 33,
                           .bytes = 1000000 + number,
                           .spool_offset = number * UINT64_C(300000),
                           .spool_bytes = 299999};

    memset(s.hash, (int)(0x80 + number), sizeof(s.hash));
    return s;
}

static void add_shards(struct fixture *f, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct list_shard s = shard_of(i);
        OK(ledger_add_shard(f->l, &s, &f->e));
    }
}

static struct ledger_batch batch_of(uint32_t id)
{
    struct ledger_batch b = {.id = id, .step = 1, .state = "PREPARED", .credits = -1};

    b.items = 100 + id;
    b.vendor_items = -1;
    return b;
}

static void add_batch(struct fixture *f, uint32_t id)
{
    struct ledger_batch b = batch_of(id);

    OK(ledger_put_batch(f->l, &b, &f->e));
}

/* Walks are written down as text and compared as a whole. */
struct walk {
    char text[8192];
    size_t len;
    struct fixture *f;
    unsigned left; /* rows before it stops by itself; 0: never */
};

__attribute__((format(printf, 2, 3))) static int note(struct walk *w, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    w->len += (size_t)vsnprintf(w->text + w->len, sizeof(w->text) - w->len, format, args);
    va_end(args);
    assert_true(w->len < sizeof(w->text));
    return w->left > 0 && --w->left == 0 ? 7 : 0;
}

/* Files and settings of the connection */

static void test_creates_private_and_clean(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    assert_int_equal(stat(in_dir(f, "ledger.db"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(exists(f, "ledger.db-wal"));
    OK(ledger_set_i64(f->l, LEDGER_KEY_WHOLE, 1, &f->e));
    assert_int_equal(stat(in_dir(f, "ledger.db-wal"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_false(exists(f, "ledger.db-shm"));
    assert_false(exists(f, "ledger.db.new"));
    ledger_close(f->l);
    f->l = NULL;
    assert_false(exists(f, "ledger.db-wal"));
    OK(ledger_open(&f->l, f->dir, true, &f->e));
    OK(ledger_check(f->l, &f->e));
}

static void test_settings_of_the_connection(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *pragma, *is;
    } table[] = {
        {"PRAGMA journal_mode", "wal"},       {"PRAGMA synchronous", "2"},
        {"PRAGMA locking_mode", "exclusive"}, {"PRAGMA foreign_keys", "1"},
        {"PRAGMA trusted_schema", "0"},       {"PRAGMA cache_size", "-16384"},
        {"PRAGMA temp_store", "2"},           {"PRAGMA application_id", "1953656419"},
        {"PRAGMA user_version", "1"},         {"PRAGMA wal_autocheckpoint", "0"},
    };

    for (int again = 0; again < 2; again++) {
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
            char is[32];
            OK(db_ask(f->l, "test", table[i].pragma, is, sizeof(is), &f->e));
            if (strcmp(is, table[i].is) != 0)
                fail_msg("%s is %s, not %s", table[i].pragma, is, table[i].is);
        }
        reopen(f);
    }
}

static void test_every_walk_follows_an_index(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < DB_SQL_COUNT; i++) {
        const char *sql = sqlite3_sql(f->l->stmt[i]);
        char explain[2048];
        sqlite3_stmt *stmt;
        snprintf(explain, sizeof(explain), "EXPLAIN QUERY PLAN %s", sql);
        assert_int_equal(sqlite3_prepare_v2(f->l->db, explain, -1, &stmt, NULL), SQLITE_OK);
        while (sqlite3_step(stmt) == SQLITE_ROW) {
            const char *plan = (const char *)sqlite3_column_text(stmt, 3);
            bool whole = strncmp(plan, "SCAN", 4) == 0 && strstr(sql, "WHERE");
            if (strstr(plan, "TEMP B-TREE") || whole)
                fail_msg("%s: %s", sql, plan);
        }
        sqlite3_finalize(stmt);
    }
}

static int try_to_open(const char *dir, int go)
{
    struct ledger *l;
    struct error e = {0};
    char byte;

    if (read(go, &byte, 1) != 1)
        return 1;
    int code = ledger_open(&l, dir, false, &e);
    return code == ERR_STOPPED && strstr(e.message, "another program uses it") ? 0 : 1;
}

static void test_second_process_is_refused(void **state)
{
    struct fixture *f = *state;
    int ends[2], status;

    /* It is started while nothing is open: a copy of SQLite's memory would know of our lock without
     * asking the kernel. */
    ledger_close(f->l);
    f->l = NULL;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(try_to_open(f->dir, ends[0]));
    OK(ledger_open(&f->l, f->dir, false, &f->e));
    add_shards(f, 1);
    assert_int_equal(write(ends[1], "", 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(status, 0);
    OK(ledger_check(f->l, &f->e));
}

/* What is written is read back */

static void test_settings(void **state)
{
    struct fixture *f = *state;
    struct buf out;
    int64_t number = 42;
    static const char text[] = "{\"set\":{\"level\":\"f\xc3\xbcll\"},\"nul\":\"\0\"}";

    buf_init(&out, 1000);
    assert_int_equal(ledger_get(f->l, LEDGER_KEY_OPTIONS, &out, &f->e), 0);
    assert_int_equal(ledger_get_i64(f->l, LEDGER_KEY_EXIT, &number, &f->e), 0);
    assert_int_equal(number, 42);
    OK(ledger_set(f->l, LEDGER_KEY_OPTIONS, SLICE_LIT("first"), &f->e));
    OK(ledger_set(f->l, LEDGER_KEY_OPTIONS, bytes_of(text, sizeof(text)), &f->e));
    OK(ledger_set(f->l, LEDGER_KEY_STATE, SLICE_EMPTY, &f->e));
    OK(ledger_set_i64(f->l, LEDGER_KEY_EXIT, INT64_MIN, &f->e));
    reopen(f);
    assert_int_equal(ledger_get(f->l, LEDGER_KEY_OPTIONS, &out, &f->e), 1);
    assert_int_equal(out.len, sizeof(text));
    assert_memory_equal(out.data, text, sizeof(text));
    assert_int_equal(ledger_get(f->l, LEDGER_KEY_STATE, &out, &f->e), 1);
    assert_int_equal(out.len, 0);
    assert_int_equal(ledger_get_i64(f->l, LEDGER_KEY_EXIT, &number, &f->e), 1);
    assert_true(number == INT64_MIN);
    assert_int_equal(ledger_get(f->l, LEDGER_KEY_EXIT, &out, &f->e), 1);
    assert_string_equal(buf_text(&out), "-9223372036854775808");
    buf_deinit(&out);

    buf_init(&out, 4);
    assert_int_equal(ledger_get(f->l, LEDGER_KEY_OPTIONS, &out, &f->e), ERR_INTERNAL);
    buf_deinit(&out);
    assert_int_equal(ledger_get_i64(f->l, LEDGER_KEY_OPTIONS, &number, &f->e), ERR_DATA);
}

static void test_output(void **state)
{
    struct fixture *f = *state;
    uint64_t bytes = 1;
    uint32_t shards = 1;

    OK(ledger_get_output(f->l, &bytes, &shards, &f->e));
    assert_int_equal(bytes, 0);
    assert_int_equal(shards, 0);
    OK(ledger_set_output(f->l, UINT64_C(1) << 40, 2442, &f->e));
    reopen(f);
    OK(ledger_get_output(f->l, &bytes, &shards, &f->e));
    assert_int_equal(bytes, UINT64_C(1) << 40);
    assert_int_equal(shards, 2442);
}

static int note_shard(void *arg, const struct list_shard *s, struct error *e)
{
    struct list_shard want = shard_of(s->number);

    (void)e;
    assert_int_equal(s->first_record, want.first_record);
    assert_int_equal(s->records, want.records);
    assert_int_equal(s->line, want.line);
    assert_int_equal(s->offset, want.offset);
    assert_int_equal(s->bytes, want.bytes);
    assert_memory_equal(s->hash, want.hash, sizeof(s->hash));
    assert_int_equal(s->spool_offset, want.spool_offset);
    assert_int_equal(s->spool_bytes, want.spool_bytes);
    return note(arg, "%u ", s->number);
}

static void test_shards(void **state)
{
    struct fixture *f = *state;
    struct walk w = {.f = f};
    uint32_t count = 9;

    OK(ledger_shard_count(f->l, &count, &f->e));
    assert_int_equal(count, 0);
    OK(ledger_each_shard(f->l, note_shard, &w, &f->e));
    add_shards(f, 5);
    reopen(f);
    OK(ledger_shard_count(f->l, &count, &f->e));
    assert_int_equal(count, 5);
    OK(ledger_each_shard(f->l, note_shard, &w, &f->e));
    assert_string_equal(w.text, "0 1 2 3 4 ");
    /* What the callback says ends the walk, which can then start again. */
    w = (struct walk){.f = f, .left = 2};
    assert_int_equal(ledger_each_shard(f->l, note_shard, &w, &f->e), 7);
    OK(ledger_each_shard(f->l, note_shard, &w, &f->e));
    assert_string_equal(w.text, "0 1 0 1 2 3 4 ");
}

static void test_missing_shard_is_damage(void **state)
{
    struct fixture *f = *state;
    struct walk w = {.f = f};
    struct list_shard s = shard_of(3);

    add_shards(f, 2);
    OK(ledger_add_shard(f->l, &s, &f->e));
    assert_int_equal(ledger_each_shard(f->l, note_shard, &w, &f->e), ERR_DATA);
    assert_non_null(strstr(f->e.message, "shard 2 is missing"));
}

static int note_entry(void *arg, uint32_t shard, struct slice identities, struct slice firsts,
                      struct error *e)
{
    (void)e;
    return note(arg, "%u:%.*s/%.*s ", shard, SLICE_ARG(identities), SLICE_ARG(firsts));
}

static void test_entries(void **state)
{
    struct fixture *f = *state;
    struct walk w = {.f = f};

    add_shards(f, 3);
    for (uint32_t shard = 3; shard-- > 0;)
        OK(ledger_add_entry(f->l, 0, shard, SLICE_LIT("abcdefghijklmnop"), SLICE_LIT("0001"),
                            &f->e));
    OK(ledger_add_entry(f->l, 1, 1, SLICE_LIT("ABCDEFGHIJKLMNOP"), SLICE_LIT("0009"), &f->e));
    OK(ledger_add_entry(f->l, 1, 1, SLICE_LIT("ABCDEFGHIJKLMNOP0123456789abcdef"),
                        SLICE_LIT("00020003"), &f->e));
    reopen(f);
    OK(ledger_each_entry(f->l, 0, 1, UINT32_MAX, note_entry, &w, &f->e));
    OK(ledger_each_entry(f->l, 0, 0, 0, note_entry, &w, &f->e));
    OK(ledger_each_entry(f->l, 1, 0, UINT32_MAX, note_entry, &w, &f->e));
    OK(ledger_each_entry(f->l, 2, 0, UINT32_MAX, note_entry, &w, &f->e));
    assert_string_equal(w.text, "1:abcdefghijklmnop/0001 2:abcdefghijklmnop/0001 "
                                "0:abcdefghijklmnop/0001 "
                                "1:ABCDEFGHIJKLMNOP0123456789abcdef/00020003 ");
    assert_int_equal(
        ledger_add_entry(f->l, 0, 0, SLICE_LIT("abcdefghijklmnop"), SLICE_LIT("00"), &f->e),
        ERR_INTERNAL);
}

static int note_batch(void *arg, const struct ledger_batch *b, struct error *e)
{
    (void)e;
    return note(arg, "%u<%u %u %s %u%s %llx %u %s %s %llu %lld %lld %s %lld %lld %lld %lld %s\n",
                b->id, b->parent, b->step, b->state, b->items, b->alone ? " alone" : "",
                (unsigned long long)b->form, b->attempt, b->token, b->body_sha256,
                (unsigned long long)b->body_bytes, (long long)b->cost_max, (long long)b->credits,
                b->vendor_id, (long long)b->vendor_items, (long long)b->armed_ms,
                (long long)b->accepted_ms, (long long)b->ended_ms, b->note);
}

static void test_batches(void **state)
{
    struct fixture *f = *state;
    struct walk w = {.f = f};
    struct ledger_batch b = batch_of(1), found;

    OK(ledger_put_batch(f->l, &b, &f->e));
    add_batch(f, 3);
    b = (struct ledger_batch){.id = 2,
                              .parent = 1,
                              .step = 4,
                              .state = "IN_DOUBT",
                              .items = 500000,
                              .alone = true,
                              .form = UINT64_C(1) << 62,
                              .attempt = 2,
                              .body_bytes = UINT64_C(1) << 33,
                              .cost_max = 5000000,
                              .credits = 0,
                              .vendor_items = 499999,
                              .armed_ms = 1,
                              .accepted_ms = 2,
                              .ended_ms = 1795190645123,
                              .note = "no reply"};
    memset(b.token, 't', sizeof(b.token) - 1);
    memset(b.body_sha256, 's', sizeof(b.body_sha256) - 1);
    memset(b.vendor_id, 'v', sizeof(b.vendor_id) - 1);
    OK(ledger_put_batch(f->l, &b, &f->e));
    memset(b.note, 'n', sizeof(b.note) - 1);
    OK(ledger_put_batch(f->l, &b, &f->e));
    reopen(f);
    OK(ledger_each_batch(f->l, note_batch, &w, &f->e));
    struct walk want = {.f = f};
    struct ledger_batch one = batch_of(1), three = batch_of(3);
    note_batch(&want, &one, NULL);
    note_batch(&want, &b, NULL);
    note_batch(&want, &three, NULL);
    assert_string_equal(w.text, want.text);
    assert_int_equal(ledger_find_batch(f->l, 2, &found, &f->e), 1);
    assert_string_equal(found.note, b.note);
    assert_int_equal(found.parent, 1);
    assert_true(found.alone);
    assert_true(found.form == UINT64_C(1) << 62);
    /* A batch becomes another one in place, every column of it. */
    b.alone = false;
    b.form = 1;
    OK(ledger_put_batch(f->l, &b, &f->e));
    assert_int_equal(ledger_find_batch(f->l, 2, &found, &f->e), 1);
    assert_false(found.alone);
    assert_true(found.form == 1);
    assert_int_equal(found.vendor_items, 499999);
    assert_int_equal(ledger_find_batch(f->l, 4, &found, &f->e), 0);
}

static void test_batch_text_without_an_end(void **state)
{
    struct fixture *f = *state;
    struct ledger_batch b = batch_of(1);

    memset(b.state, 'x', sizeof(b.state));
    assert_int_equal(ledger_put_batch(f->l, &b, &f->e), ERR_INTERNAL);
}

static int note_slice(void *arg, uint32_t batch, uint32_t shard, const struct bits *members,
                      struct error *e)
{
    (void)e;
    return note(arg, "%u.%u:%u@%u ", batch, shard, bits_count(members), bits_next(members, 0));
}

static void test_slices(void **state)
{
    struct fixture *f = *state;
    struct walk w = {.f = f};

    add_shards(f, 4);
    for (uint32_t batch = 1; batch <= 2; batch++) {
        add_batch(f, batch);
        for (uint32_t shard = 4; shard-- > batch - 1;) {
            struct bits members = {0};
            for (unsigned i = shard; i < SHARD_RECORDS; i += batch == 1 ? 1 : 50)
                bits_set(&members, i);
            OK(ledger_add_slice(f->l, batch, shard, &members, &f->e));
        }
    }
    reopen(f);
    OK(ledger_each_slice(f->l, 2, note_slice, &w, &f->e));
    note(&w, "| ");
    OK(ledger_each_slice(f->l, 0, note_slice, &w, &f->e));
    assert_string_equal(w.text, "2.1:82@1 2.2:82@2 2.3:82@3 | 1.0:4096@0 1.1:4095@1 1.2:4094@2 "
                                "1.3:4093@3 2.1:82@1 2.2:82@2 2.3:82@3 ");
    OK(ledger_check(f->l, &f->e));
    struct bits none = {0};
    assert_int_equal(ledger_add_slice(f->l, 9, 0, &none, &f->e), ERR_INTERNAL);
    assert_non_null(strstr(f->e.message, "FOREIGN KEY"));
}

/* What a vendor did not look at goes out of the batch: its slices are written again. */
static void test_slices_are_replaced(void **state)
{
    struct fixture *f = *state;
    struct walk w = {.f = f};
    struct bits members = {{0}};

    add_shards(f, 2);
    add_batch(f, 1);
    add_batch(f, 2);
    for (unsigned i = 100; i < 200; i++)
        bits_set(&members, i);
    for (uint32_t i = 0; i < 4; i++)
        OK(ledger_add_slice(f->l, 1 + i / 2, i % 2, &members, &f->e));
    for (unsigned i = 100; i < 150; i++)
        bits_clear(&members, i);
    OK(ledger_add_slice(f->l, 1, 1, &members, &f->e));
    /* All of them may go. */
    OK(ledger_add_slice(f->l, 2, 0, &(struct bits){{0}}, &f->e));
    reopen(f);
    OK(ledger_each_slice(f->l, 0, note_slice, &w, &f->e));
    assert_string_equal(w.text, "1.0:100@100 1.1:50@150 2.0:0@4096 2.1:100@100 ");
    OK(ledger_check(f->l, &f->e));
}

static int note_attempt(void *arg, const struct ledger_attempt *a, struct error *e)
{
    (void)e;
    return note(arg, "%u.%u %s %s %llu %lld %lld-%lld %s (%s)\n", a->batch, a->attempt, a->token,
                a->body_sha256, (unsigned long long)a->body_bytes, (long long)a->cost_max,
                (long long)a->armed_ms, (long long)a->ended_ms, a->end, a->detail);
}

static void test_attempts(void **state)
{
    struct fixture *f = *state;
    struct walk w = {.f = f};
    struct ledger_batch b = batch_of(5);

    strcpy(b.token, "t1");
    strcpy(b.body_sha256, "abc");
    b.body_bytes = 77;
    b.cost_max = 100;
    OK(ledger_put_batch(f->l, &b, &f->e));
    for (b.attempt = 1; b.attempt <= 2; b.attempt++) {
        b.armed_ms = b.attempt * 1000;
        OK(ledger_add_attempt(f->l, &b, &f->e));
    }
    OK(ledger_end_attempt(f->l, 5, 1, "in-doubt", "reset", 1500, &f->e));
    OK(ledger_end_attempt(f->l, 5, 1, "not-sent", "balance unchanged", 1600, &f->e));
    reopen(f);
    OK(ledger_each_attempt(f->l, note_attempt, &w, &f->e));
    assert_string_equal(w.text, "5.1 t1 abc 77 100 1000-1600 not-sent (balance unchanged)\n"
                                "5.2 t1 abc 77 100 2000-0  ()\n");
    /* The caller's mistake is said, and is not SQLite's: the ledger goes on. */
    assert_int_equal(ledger_end_attempt(f->l, 5, 3, "refused", "", 1, &f->e), ERR_INTERNAL);
    OK(ledger_shard_count(f->l, &b.items, &f->e));
    b.attempt = 2;
    assert_int_equal(ledger_add_attempt(f->l, &b, &f->e), ERR_INTERNAL);
}

static int note_detail(void *arg, const struct ledger_attempt *a, struct error *e)
{
    (void)e;
    return note(arg, "%zu", strlen(a->detail));
}

static void test_long_detail_is_cut_between_characters(void **state)
{
    struct fixture *f = *state;
    struct walk w = {.f = f};
    struct ledger_batch b = batch_of(1);
    char detail[400] = "";

    for (int i = 0; i < 100; i++)
        strcat(detail, "\xe2\x82\xac");
    b.attempt = 1;
    OK(ledger_put_batch(f->l, &b, &f->e));
    OK(ledger_add_attempt(f->l, &b, &f->e));
    OK(ledger_end_attempt(f->l, 1, 1, "refused", detail, 1, &f->e));
    OK(ledger_each_attempt(f->l, note_detail, &w, &f->e));
    OK(ledger_end_attempt(f->l, 1, 1, "refused", detail + 1, 1, &f->e));
    w.text[w.len++] = ' ';
    OK(ledger_each_attempt(f->l, note_detail, &w, &f->e));
    assert_string_equal(w.text, "255 254");
}

static int note_decision(void *arg, const struct ledger_decision *d, struct error *e)
{
    (void)e;
    return note(arg, "%u %s %s %s %lld\n", d->batch, d->choice, d->vendor_id, d->by,
                (long long)d->at_ms);
}

static void test_decisions(void **state)
{
    struct fixture *f = *state;
    struct walk w = {.f = f};

    add_batch(f, 1);
    add_batch(f, 2);
    OK(ledger_add_decision(f->l, 2, "not-sent", NULL, "evidence", 30, &f->e));
    OK(ledger_add_decision(f->l, 1, "sent", "job_7", "resolve", 20, &f->e));
    OK(ledger_add_decision(f->l, 2, "skip", "", "on-in-doubt", 10, &f->e));
    reopen(f);
    OK(ledger_each_decision(f->l, note_decision, &w, &f->e));
    assert_string_equal(w.text, "2 not-sent  evidence 30\n1 sent job_7 resolve 20\n"
                                "2 skip  on-in-doubt 10\n");
}

static int note_reply(void *arg, const struct ledger_reply_row *r, struct error *e)
{
    (void)e;
    return note(arg, "%u %d.%u %ld %llu [%.*s]%s\n", r->batch, (int)r->kind, r->page, r->status,
                (unsigned long long)r->raw_bytes, SLICE_ARG(r->zstd), r->scattered ? "*" : "");
}

static void test_replies(void **state)
{
    struct fixture *f = *state;
    struct walk w = {.f = f};

    add_batch(f, 1);
    add_batch(f, 2);
    OK(ledger_add_reply(f->l, 1, LEDGER_PAGE, 2, 200, 10, SLICE_LIT("page two"), &f->e));
    OK(ledger_add_reply(f->l, 1, LEDGER_PAGE, 1, 200, 11, SLICE_LIT("page one"), &f->e));
    OK(ledger_add_reply(f->l, 1, LEDGER_PAGE, 1, 500, 12, SLICE_LIT("late copy"), &f->e));
    OK(ledger_add_reply(f->l, 1, LEDGER_SUBMIT, 0, 202, UINT64_C(1) << 34, SLICE_EMPTY, &f->e));
    OK(ledger_add_reply(f->l, 2, LEDGER_SUBMIT, 0, 200, 1, SLICE_LIT("other"), &f->e));
    OK(ledger_mark_scattered(f->l, 1, LEDGER_PAGE, 1, &f->e));
    OK(ledger_mark_scattered(f->l, 1, LEDGER_PAGE, 1, &f->e));
    assert_int_equal(ledger_mark_scattered(f->l, 1, LEDGER_PAGE, 3, &f->e), ERR_INTERNAL);
    reopen(f);
    OK(ledger_each_reply(f->l, 1, true, note_reply, &w, &f->e));
    OK(ledger_each_reply(f->l, 1, false, note_reply, &w, &f->e));
    assert_string_equal(w.text, "1 1.0 202 17179869184 []\n1 2.1 200 11 [page one]*\n"
                                "1 2.2 200 10 [page two]\n"
                                "1 1.0 202 17179869184 []\n1 2.1 200 11 []*\n1 2.2 200 10 []\n");
}

/* Callbacks are numbered as they came, apart from pages; those that came for an attempt which was
 * decided otherwise are strays. */
static void test_callbacks(void **state)
{
    struct fixture *f = *state;
    struct walk w = {.f = f};

    add_batch(f, 1);
    OK(ledger_add_reply(f->l, 1, LEDGER_STRAY, 1, 0, 7, SLICE_LIT("stray"), &f->e));
    OK(ledger_add_reply(f->l, 1, LEDGER_CALLBACK, 2, 0, 6, SLICE_LIT("second"), &f->e));
    OK(ledger_add_reply(f->l, 1, LEDGER_CALLBACK, 1, 0, 5, SLICE_LIT("first"), &f->e));
    OK(ledger_add_reply(f->l, 1, LEDGER_PAGE, 1, 200, 4, SLICE_LIT("page"), &f->e));
    OK(ledger_mark_scattered(f->l, 1, LEDGER_CALLBACK, 1, &f->e));
    assert_int_equal(ledger_mark_scattered(f->l, 1, LEDGER_STRAY, 2, &f->e), ERR_INTERNAL);
    reopen(f);
    OK(ledger_each_reply(f->l, 1, true, note_reply, &w, &f->e));
    assert_string_equal(w.text, "1 2.1 200 4 [page]\n1 3.1 0 5 [first]*\n1 3.2 0 6 [second]\n"
                                "1 4.1 0 7 [stray]\n");
    /* No fifth kind, and none before the first. */
    for (int kind = 0; kind <= 5; kind += 5) {
        reopen(f);
        assert_int_equal(
            ledger_add_reply(f->l, 1, (enum ledger_reply)kind, 1, 0, 1, SLICE_LIT("x"), &f->e),
            ERR_INTERNAL);
        assert_non_null(strstr(f->e.message, "CHECK"));
    }
}

/* Takes one off arg's status for each reply that is as arg says. */
static int same_body(void *arg, const struct ledger_reply_row *r, struct error *e)
{
    struct ledger_reply_row *want = arg;

    (void)e;
    assert_true(r->scattered);
    assert_true(slice_eq(r->zstd, want->zstd));
    want->status--;
    return 0;
}

static void test_marking_keeps_a_long_reply(void **state)
{
    struct fixture *f = *state;
    size_t len = 3 << 20;
    char *body = malloc(len);

    for (size_t i = 0; i < len; i++)
        body[i] = (char)(i * 2654435761U >> 24);
    struct ledger_reply_row want = {.zstd = bytes_of(body, len), .status = 1};
    add_batch(f, 1);
    OK(ledger_add_reply(f->l, 1, LEDGER_PAGE, 1, 200, len, bytes_of(body, len), &f->e));
    OK(ledger_begin(f->l, &f->e));
    OK(ledger_mark_scattered(f->l, 1, LEDGER_PAGE, 1, &f->e));
    OK(ledger_commit(f->l, &f->e));
    /* The mark is a page or two of the log, not the reply once more. */
    assert_in_range(f->l->log_pages, len / 8192, len / 8192 + 20);
    OK(ledger_each_reply(f->l, 1, true, same_body, &want, &f->e));
    assert_int_equal(want.status, 0);
    free(body);
}

static int note_answers(void *arg, unsigned step, uint32_t batch, uint32_t page,
                        struct slice answers, struct error *e)
{
    (void)e;
    return note(arg, "%u/%u/%u=%.*s ", step, batch, page, SLICE_ARG(answers));
}

static void test_answers_come_in_order(void **state)
{
    struct fixture *f = *state;
    struct walk w = {.f = f};
    static const struct {
        unsigned step;
        uint32_t shard, batch, page;
        const char *text;
    } table[] = {
        {1, 0, 2, 2, "g"}, {0, 0, 1, 3, "d"},    {1, 0, 2, 1, "x"}, {0, 1, 1, 1, "other shard"},
        {0, 0, 4, 0, "a"}, {0, 0, 1, 1, "c"},    {1, 0, 9, 5, "e"}, {0, 0, 3, 7, "b"},
        {1, 0, 2, 1, "f"}, {0, 0, 0, 0, "zero"},
    };

    add_shards(f, 2);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        OK(ledger_add_answers(f->l, table[i].step, table[i].shard, table[i].batch, table[i].page,
                              slice_of(table[i].text), &f->e));
    reopen(f);
    OK(ledger_each_answers(f->l, 0, note_answers, &w, &f->e));
    assert_string_equal(w.text, "0/4/0=a 0/3/7=b 0/1/1=c 0/1/3=d 0/0/0=zero "
                                "1/9/5=e 1/2/1=f 1/2/2=g ");
    OK(ledger_check(f->l, &f->e));
}

static void test_drop_forgets_one_batch(void **state)
{
    struct fixture *f = *state;
    struct walk w = {.f = f};
    struct bits some = {{1}};

    add_shards(f, 2);
    for (uint32_t batch = 1; batch <= 2; batch++) {
        add_batch(f, batch);
        OK(ledger_add_reply(f->l, batch, LEDGER_SUBMIT, 0, 200, 1, SLICE_LIT("s"), &f->e));
        OK(ledger_add_reply(f->l, batch, LEDGER_PAGE, 1, 200, 1, SLICE_LIT("p"), &f->e));
        OK(ledger_add_reply(f->l, batch, LEDGER_CALLBACK, 1, 0, 1, SLICE_LIT("c"), &f->e));
        OK(ledger_add_reply(f->l, batch, LEDGER_STRAY, 1, 0, 1, SLICE_LIT("t"), &f->e));
        for (uint32_t shard = 0; shard < 2; shard++) {
            OK(ledger_add_slice(f->l, batch, shard, &some, &f->e));
            OK(ledger_add_answers(f->l, 1, shard, batch, 1, SLICE_LIT("x"), &f->e));
            OK(ledger_add_answers(f->l, 1, shard, batch, 2, SLICE_LIT("y"), &f->e));
        }
    }
    OK(ledger_begin(f->l, &f->e));
    OK(ledger_drop_replies(f->l, 1, &f->e));
    OK(ledger_commit(f->l, &f->e));
    for (uint32_t i = 0; i < 2; i++) {
        OK(ledger_each_answers(f->l, i, note_answers, &w, &f->e));
        OK(ledger_each_reply(f->l, 1 + i, true, note_reply, &w, &f->e));
    }
    /* What is a stray stays one: it was never used, and the vendor said it. */
    assert_string_equal(w.text, "1/2/1=x 1/2/2=y 1 4.1 0 1 [t]\n1/2/1=x 1/2/2=y 2 1.0 200 1 [s]\n"
                                "2 2.1 200 1 [p]\n2 3.1 0 1 [c]\n2 4.1 0 1 [t]\n");
}

/* What was concluded without a page goes, of this batch and its step alone; pages stay. */
static void test_drop_forgets_conclusions(void **state)
{
    struct fixture *f = *state;
    struct walk w = {.f = f};
    struct bits some = {{1}};

    add_shards(f, 3);
    for (uint32_t batch = 1; batch <= 2; batch++) {
        add_batch(f, batch);
        for (uint32_t shard = 0; shard < 2; shard++) {
            OK(ledger_add_slice(f->l, batch, shard, &some, &f->e));
            OK(ledger_add_answers(f->l, 1, shard, batch, 0, SLICE_LIT("none"), &f->e));
            OK(ledger_add_answers(f->l, 1, shard, batch, 1, SLICE_LIT("row"), &f->e));
        }
    }
    OK(ledger_add_answers(f->l, 1, 0, 0, 0, SLICE_LIT("no batch"), &f->e));
    assert_int_equal(ledger_drop_conclusions(f->l, 1, &f->e), 1);
    assert_int_equal(ledger_drop_conclusions(f->l, 1, &f->e), 0);
    assert_int_equal(ledger_drop_conclusions(f->l, 3, &f->e), 0); /* there is none such */
    reopen(f);
    for (uint32_t shard = 0; shard < 3; shard++) {
        OK(ledger_each_answers(f->l, shard, note_answers, &w, &f->e));
        note(&w, "| ");
    }
    assert_string_equal(w.text, "1/2/0=none 1/2/1=row 1/1/1=row 1/0/0=no batch | "
                                "1/2/0=none 1/2/1=row 1/1/1=row | | ");
    assert_int_equal(ledger_drop_conclusions(f->l, 2, &f->e), 1);
    OK(ledger_check(f->l, &f->e));
}

/* Transactions */

static void test_rollback_undoes(void **state)
{
    struct fixture *f = *state;
    uint32_t count;

    ledger_rollback(f->l);
    OK(ledger_begin(f->l, &f->e));
    add_shards(f, 3);
    ledger_rollback(f->l);
    OK(ledger_begin(f->l, &f->e));
    add_shards(f, 2);
    OK(ledger_commit(f->l, &f->e));
    /* Closing undoes what was not committed. */
    OK(ledger_begin(f->l, &f->e));
    OK(ledger_set_i64(f->l, "left", 1, &f->e));
    reopen(f);
    OK(ledger_shard_count(f->l, &count, &f->e));
    assert_int_equal(count, 2);
    int64_t left;
    assert_int_equal(ledger_get_i64(f->l, "left", &left, &f->e), 0);
}

/* A callback that does on the same handle what a run does: other walks, writes, whole transactions.
 */
static int busy_shard(void *arg, const struct list_shard *s, struct error *e)
{
    struct walk *w = arg;
    struct fixture *f = w->f;
    struct bits some = {{s->number + 1}};

    OK(ledger_begin(f->l, e));
    add_batch(f, s->number + 1);
    OK(ledger_add_slice(f->l, s->number + 1, s->number, &some, e));
    OK(ledger_add_answers(f->l, 0, s->number, s->number + 1, 1, SLICE_LIT("a"), e));
    OK(ledger_commit(f->l, e));
    OK(ledger_begin(f->l, e));
    OK(ledger_set_i64(f->l, "undone", 1, e));
    ledger_rollback(f->l);
    OK(ledger_each_slice(f->l, s->number + 1, note_slice, w, e));
    OK(ledger_each_answers(f->l, s->number, note_answers, w, e));
    return 0;
}

static void test_walks_stand_what_their_callback_does(void **state)
{
    struct fixture *f = *state;
    struct walk w = {.f = f};

    add_shards(f, 4);
    f->l->log_pages = 1000000; /* makes every transaction want to shorten the log */
    OK(ledger_each_shard(f->l, busy_shard, &w, &f->e));
    assert_string_equal(w.text, "1.0:1@0 0/1/1=a 2.1:1@1 0/2/1=a 3.2:2@0 0/3/1=a "
                                "4.3:1@2 0/4/1=a ");
    OK(ledger_check(f->l, &f->e));
}

static void test_log_stays_small(void **state)
{
    struct fixture *f = *state;
    char *body = calloc(1, 100000);
    struct stat st;

    memset(body, 'b', 100000);
    for (uint32_t i = 1; i <= 600; i++) {
        OK(ledger_begin(f->l, &f->e));
        add_batch(f, i);
        OK(ledger_add_reply(f->l, i, LEDGER_SUBMIT, 0, 200, 1, bytes_of(body, 100000), &f->e));
        OK(ledger_commit(f->l, &f->e));
    }
    free(body);
    assert_int_equal(stat(in_dir(f, "ledger.db-wal"), &st), 0);
    assert_in_range(st.st_size, 1 << 20, 20 << 20);
}

/* Failures */

static void test_disk_full_is_final(void **state)
{
    struct fixture *f = *state;
    char *body = calloc(1, 1 << 20);
    uint32_t count;

    add_shards(f, 1);
    add_batch(f, 1);
    OK(db_exec(f->l, "test", "PRAGMA max_page_count = 40", &f->e));
    OK(ledger_begin(f->l, &f->e));
    OK(ledger_set_i64(f->l, "torn", 1, &f->e));
    assert_int_equal(
        ledger_add_reply(f->l, 1, LEDGER_SUBMIT, 0, 200, 1, bytes_of(body, 1 << 20), &f->e),
        ERR_IO);
    free(body);
    assert_non_null(strstr(f->e.message, "cannot keep a reply: the disk is full"));
    /* Nothing works any more, and says why. */
    f->e = (struct error){0};
    assert_int_equal(ledger_set_i64(f->l, "torn", 2, &f->e), ERR_IO);
    assert_non_null(strstr(f->e.message, "the disk is full"));
    assert_int_equal(ledger_commit(f->l, &f->e), ERR_IO);
    ledger_rollback(f->l);
    assert_int_equal(ledger_begin(f->l, &f->e), ERR_IO);
    assert_int_equal(ledger_shard_count(f->l, &count, &f->e), ERR_IO);
    assert_int_equal(ledger_check(f->l, &f->e), ERR_IO);
    reopen(f);
    int64_t torn;
    assert_int_equal(ledger_get_i64(f->l, "torn", &torn, &f->e), 0);
    OK(ledger_shard_count(f->l, &count, &f->e));
    assert_int_equal(count, 1);
}

/* The kernel refuses to let the log grow: a commit fails in the middle of its writes. What was
 * committed before stays, and the log is left for the next opening. */
static void test_write_error_leaves_the_log(void **state)
{
    struct fixture *f = *state;
    struct rlimit before, small = {300000, RLIM_INFINITY};
    int64_t last = 0, is;
    char body[20000] = "";

    add_batch(f, 1);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int code = 0;
    for (int64_t i = 1; code == 0 && i < 1000; i++) {
        code = ledger_begin(f->l, &f->e);
        if (code == 0)
            code = ledger_set_i64(f->l, "n", i, &f->e);
        if (code == 0)
            code = ledger_add_reply(f->l, 1, LEDGER_PAGE, (uint32_t)i, 200, 1,
                                    bytes_of(body, sizeof(body)), &f->e);
        if (code == 0)
            code = ledger_commit(f->l, &f->e);
        if (code == 0)
            last = i;
    }
    assert_int_equal(code, ERR_IO);
    assert_non_null(strstr(f->e.message, strerror(EFBIG)));
    assert_true(last > 0);
    ledger_close(f->l);
    f->l = NULL;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(exists(f, "ledger.db-wal"));
    OK(ledger_open(&f->l, f->dir, false, &f->e));
    assert_int_equal(ledger_get_i64(f->l, "n", &is, &f->e), 1);
    assert_int_equal(is, last);
    OK(ledger_check(f->l, &f->e));
}

static void put_file(const struct fixture *f, const char *name, const char *text, size_t len)
{
    int fd = open(in_dir(f, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
}

static void run_sql(const struct fixture *f, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(in_dir(f, "ledger.db"), &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void remove_ledger(const struct fixture *f)
{
    assert_int_equal(unlink(in_dir(f, "ledger.db")), 0);
}

static void make_empty(const struct fixture *f)
{
    put_file(f, "ledger.db", "", 0);
}

static void make_text(const struct fixture *f)
{
    static char text[4096];

    memset(text, 'x', sizeof(text));
    put_file(f, "ledger.db", text, sizeof(text));
}

static void make_short(const struct fixture *f)
{
    assert_int_equal(truncate(in_dir(f, "ledger.db"), 3 * 8192), 0);
}

static void make_torn(const struct fixture *f)
{
    assert_int_equal(truncate(in_dir(f, "ledger.db"), 50), 0);
}

static void make_foreign(const struct fixture *f)
{
    remove_ledger(f);
    run_sql(f, "CREATE TABLE cookies (id INTEGER)");
}

static void make_newer(const struct fixture *f)
{
    run_sql(f, "PRAGMA user_version = 2");
}

static void make_older(const struct fixture *f)
{
    run_sql(f, "PRAGMA user_version = 0");
}

static void make_incomplete(const struct fixture *f)
{
    run_sql(f, "DROP TABLE decision");
}

static void make_link(const struct fixture *f)
{
    char to[128];

    snprintf(to, sizeof(to), "%s/elsewhere", f->dir);
    assert_int_equal(rename(in_dir(f, "ledger.db"), to), 0);
    assert_int_equal(symlink(to, in_dir(f, "ledger.db")), 0);
}

static void make_folder(const struct fixture *f)
{
    remove_ledger(f);
    assert_int_equal(mkdir(in_dir(f, "ledger.db"), 0700), 0);
}

static void make_lone_log(const struct fixture *f)
{
    remove_ledger(f);
    put_file(f, "ledger.db-wal", "x", 1);
}

static void test_what_is_no_ledger(void **state)
{
    static const struct {
        void (*make)(const struct fixture *f);
        bool create;
        int code;
        const char *says;
    } table[] = {
        {remove_ledger, false, ERR_NOINPUT, "cannot open"},
        {make_empty, true, ERR_DATA, "all that is left of it is 0 bytes"},
        {make_empty, false, ERR_DATA, "all that is left of it is 0 bytes"},
        {make_text, true, ERR_DATA, "not a database"},
        {make_short, true, ERR_DATA, "malformed"},
        {make_torn, true, ERR_DATA, "all that is left of it is 50 bytes"},
        {make_foreign, true, ERR_DATA, "no ledger of a run"},
        {make_newer, true, ERR_DATA, "written by a newer version: its format is 2"},
        {make_older, true, ERR_DATA, "format is 0"},
        {make_incomplete, true, ERR_DATA, "no such table: decision"},
        {make_link, true, ERR_DATA, "no regular file"},
        {make_folder, true, ERR_DATA, "no regular file"},
        {make_lone_log, true, ERR_DATA, "its log"},
        {make_lone_log, false, ERR_DATA, "its log"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        void *one = NULL;
        setup(&one);
        struct fixture *f = one;
        struct stat before = {0}, after = {0};
        add_shards(f, 50);
        ledger_close(f->l);
        f->l = NULL;
        table[i].make(f);
        int rc = lstat(in_dir(f, "ledger.db"), &before);
        int code = ledger_open(&f->l, f->dir, table[i].create, &f->e);
        if (code != table[i].code || !strstr(f->e.message, table[i].says))
            fail_msg("row %zu: %d, %s", i, code, f->e.message);
        assert_null(f->l);
        /* What is refused is left as it was. */
        assert_int_equal(lstat(in_dir(f, "ledger.db"), &after), rc);
        assert_int_equal(after.st_size, before.st_size);
        assert_int_equal(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
        teardown(&one);
    }
}

static void test_unfinished_creation_is_started_again(void **state)
{
    struct fixture *f = *state;

    ledger_close(f->l);
    f->l = NULL;
    remove_ledger(f);
    put_file(f, "ledger.db.new", "half a database", 15);
    put_file(f, "ledger.db.new-wal", "and a log", 9);
    assert_int_equal(ledger_open(&f->l, f->dir, false, &f->e), ERR_NOINPUT);
    OK(ledger_open(&f->l, f->dir, true, &f->e));
    OK(ledger_check(f->l, &f->e));
    assert_false(exists(f, "ledger.db.new"));
    assert_false(exists(f, "ledger.db.new-wal"));
}

static void test_folder_that_is_not_there(void **state)
{
    struct fixture *f = *state;
    struct ledger *l;

    assert_int_equal(ledger_open(&l, in_dir(f, "nowhere"), false, &f->e), ERR_NOINPUT);
    assert_int_equal(ledger_open(&l, in_dir(f, "nowhere"), true, &f->e), ERR_CANTCREATE);
    assert_null(l);
    ledger_close(NULL);
}

/* A relative name that SQLite would take for a URI. */
static void test_odd_folder_name(void **state)
{
    struct fixture *f = *state;
    struct ledger *l;
    char *here = getcwd(NULL, 0);

    assert_int_equal(chdir(f->dir), 0);
    assert_int_equal(mkdir("file:a?mode=ro#%41", 0700), 0);
    OK(ledger_open(&l, "file:a?mode=ro#%41", true, &f->e));
    OK(ledger_set_i64(l, "n", 1, &f->e));
    ledger_close(l);
    assert_int_equal(access("file:a?mode=ro#%41/ledger.db", F_OK), 0);
    assert_int_equal(chdir(here), 0);
    free(here);
}

static void flip_last_page(const struct fixture *f)
{
    char page[8192];
    struct stat st;
    int fd = open(in_dir(f, "ledger.db"), O_RDWR);

    assert_int_equal(fstat(fd, &st), 0);
    memset(page, 0x5a, sizeof(page));
    assert_int_equal(pwrite(fd, page, sizeof(page), st.st_size - (off_t)sizeof(page)),
                     sizeof(page));
    close(fd);
}

static void test_check_finds_a_bad_page(void **state)
{
    struct fixture *f = *state;
    char body[50000];

    memset(body, 'b', sizeof(body));
    add_batch(f, 1);
    OK(ledger_add_reply(f->l, 1, LEDGER_SUBMIT, 0, 200, 1, bytes_of(body, sizeof(body)), &f->e));
    OK(db_exec(f->l, "test", "CREATE TABLE last (a); INSERT INTO last VALUES (1)", &f->e));
    OK(ledger_check(f->l, &f->e));
    ledger_close(f->l);
    f->l = NULL;
    flip_last_page(f);
    OK(ledger_open(&f->l, f->dir, false, &f->e));
    assert_int_equal(ledger_check(f->l, &f->e), ERR_DATA);
    assert_non_null(strstr(f->e.message, "damaged"));
}

static void test_check_finds_a_row_that_points_to_nothing(void **state)
{
    struct fixture *f = *state;

    ledger_close(f->l);
    f->l = NULL;
    run_sql(f, "PRAGMA foreign_keys = OFF;"
               "INSERT INTO decision (batch, choice, vendor_id, decided_by, at_ms)"
               " VALUES (7, 'skip', '', 'resolve', 1)");
    OK(ledger_open(&f->l, f->dir, false, &f->e));
    assert_int_equal(ledger_check(f->l, &f->e), ERR_DATA);
    assert_non_null(strstr(f->e.message, "decision"));
}

static void test_values_that_were_never_written(void **state)
{
    struct fixture *f = *state;
    struct ledger_batch b;

    add_batch(f, 1);
    ledger_close(f->l);
    f->l = NULL;
    run_sql(f, "UPDATE batch SET state = 'A_STATE_OF_TOO_MANY_LETTERS'");
    OK(ledger_open(&f->l, f->dir, false, &f->e));
    assert_int_equal(ledger_find_batch(f->l, 1, &b, &f->e), ERR_DATA);
    assert_non_null(strstr(f->e.message, "a value is not what was written"));
    ledger_close(f->l);
    f->l = NULL;
    run_sql(f, "UPDATE batch SET state = 'DONE', items = -1");
    OK(ledger_open(&f->l, f->dir, false, &f->e));
    assert_int_equal(ledger_find_batch(f->l, 1, &b, &f->e), ERR_DATA);
}

/* Killed at any moment, everything that was reported as committed is there, and nothing by half. */

static int commit_one(struct ledger *l, uint32_t i, struct error *e)
{
    struct ledger_batch b = batch_of(i);
    char body[3000];

    memset(body, (int)i, sizeof(body));
    if (ledger_begin(l, e) != 0 || ledger_put_batch(l, &b, e) != 0 ||
        ledger_add_reply(l, i, LEDGER_SUBMIT, 0, 200, i, bytes_of(body, sizeof(body)), e) != 0 ||
        ledger_set_i64(l, "last", i, e) != 0)
        return e->code;
    return ledger_commit(l, e);
}

static void commit_for_ever(const char *dir, uint32_t from, int to)
{
    struct ledger *l;
    struct error e = {0};

    if (ledger_open(&l, dir, false, &e) != 0)
        _exit(1);
    l->log_pages = 100000; /* let the log move at once, so that kills fall into that too */
    for (uint32_t i = from;; i++) {
        if (commit_one(l, i, &e) != 0 || write(to, &i, sizeof(i)) != sizeof(i))
            _exit(1);
        if (i % 16 == 0)
            l->log_pages = 100000;
    }
}

static uint32_t kill_while_committing(const char *dir, uint32_t from, long after_us)
{
    int ends[2];
    uint32_t seen, reported = from - 1;
    int status;

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        commit_for_ever(dir, from, ends[1]);
    }
    close(ends[1]);
    /* The clock starts at the first commit, so that slow machines kill commits too. */
    if (read(ends[0], &seen, sizeof(seen)) == sizeof(seen))
        reported = seen;
    nanosleep(&(struct timespec){0, after_us * 1000}, NULL);
    assert_int_equal(kill(child, SIGKILL), 0);
    while (read(ends[0], &seen, sizeof(seen)) == sizeof(seen))
        reported = seen;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return reported;
}

struct tally {
    struct ledger *l;
    uint32_t batches, replies;
};

static int count_reply(void *arg, const struct ledger_reply_row *r, struct error *e)
{
    struct tally *t = arg;

    (void)e;
    assert_int_equal(r->raw_bytes, r->batch);
    t->replies++;
    return 0;
}

static int count_batch(void *arg, const struct ledger_batch *b, struct error *e)
{
    struct tally *t = arg;

    t->batches++;
    assert_int_equal(b->id, t->batches);
    assert_int_equal(b->items, 100 + b->id);
    return ledger_each_reply(t->l, b->id, false, count_reply, t, e);
}

static void test_kill_loses_no_commit(void **state)
{
    struct fixture *f = *state;
    uint32_t from = 1;
    uint64_t random = 88172645463325252U ^ (uint64_t)getpid() << 20;

    ledger_close(f->l);
    f->l = NULL;
    for (int round = 0; round < 20; round++) {
        int64_t last = 0;
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        uint32_t reported = kill_while_committing(f->dir, from, (long)(random % 30000));
        assert_true(reported >= from);
        OK(ledger_open(&f->l, f->dir, false, &f->e));
        assert_int_equal(ledger_get_i64(f->l, "last", &last, &f->e), 1);
        /* The one that was under way may be there too. */
        assert_in_range(last, reported, reported + 1);
        struct tally t = {.l = f->l};
        OK(ledger_each_batch(f->l, count_batch, &t, &f->e));
        assert_int_equal(t.batches, last);
        assert_int_equal(t.replies, last);
        OK(ledger_check(f->l, &f->e));
        ledger_close(f->l);
        f->l = NULL;
        from = (uint32_t)last + 1;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_creates_private_and_clean),
        TEST(test_settings_of_the_connection),
        TEST(test_every_walk_follows_an_index),
        TEST(test_second_process_is_refused),
        TEST(test_settings),
        TEST(test_output),
        TEST(test_shards),
        TEST(test_missing_shard_is_damage),
        TEST(test_entries),
        TEST(test_batches),
        TEST(test_batch_text_without_an_end),
        TEST(test_slices),
        TEST(test_slices_are_replaced),
        TEST(test_attempts),
        TEST(test_long_detail_is_cut_between_characters),
        TEST(test_decisions),
        TEST(test_replies),
        TEST(test_callbacks),
        TEST(test_marking_keeps_a_long_reply),
        TEST(test_answers_come_in_order),
        TEST(test_drop_forgets_one_batch),
        TEST(test_drop_forgets_conclusions),
        TEST(test_rollback_undoes),
        TEST(test_walks_stand_what_their_callback_does),
        TEST(test_log_stays_small),
        TEST(test_disk_full_is_final),
        TEST(test_write_error_leaves_the_log),
        cmocka_unit_test(test_what_is_no_ledger),
        TEST(test_unfinished_creation_is_started_again),
        TEST(test_folder_that_is_not_there),
        TEST(test_odd_folder_name),
        TEST(test_check_finds_a_bad_page),
        TEST(test_check_finds_a_row_that_points_to_nothing),
        TEST(test_values_that_were_never_written),
        TEST(test_kill_loses_no_commit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
