/* Lists as the rest of the program uses them: every packing and shape gives the same rows, shards
 * can be read again and scans be continued, and what is wrong is said. */
#include "test_list.h"

#include <pthread.h>

#define ROWS 9000 /* two full shards and a third */

/* Every shape, every way: the rows, shards and hashes are those of the plain file, and every shard
 * read again gives what the scan gave. */
static void check_way(enum shape shape, enum way way, struct slice data,
                      const struct list_shard *expected, const struct buf *rows)
{
    struct list_shard shards[SHARDS_MAX];
    struct error e = {0};
    struct input in;
    struct dump d, again;
    const char *path = input_open(&in, way, "list", data);
    const char *spool = path_of("spool");

    unlink(spool);
    struct list *l = open_or_fail(
        &(struct list_options){.path = path, .spool_path = spool, .keep = way == WAY_KEEP});
    dump_init(&d, false);
    int count = scan_all(l, shards, SHARDS_MAX, &d, &e);
    if (count != 3)
        fail_msg("shape %d, way %d: %d %s", shape, way, count, e.message);
    assert_same(&d.text, rows);
    assert_int_equal(list_spooled(l), !way_in_place(way));
    assert_int_equal(list_scan(l, &shards[3], dump_row, &d, &e), 0);
    if (way != WAY_STDIN_PIPE)
        assert_int_equal(list_source_done(l), list_source_bytes(l));
    for (int i = 2; i >= 0; i--) {
        assert_memory_equal(shards[i].hash, expected[i].hash, 16);
        assert_int_equal(shards[i].offset, expected[i].offset);
        assert_int_equal(shards[i].bytes, expected[i].bytes);
        assert_int_equal(shards[i].line, expected[i].line);
        assert_int_equal(shards[i].spool_bytes > 0, !way_in_place(way));
    }
    dump_init(&again, false);
    again.columns = d.columns;
    for (int i = 0; i < 3; i++)
        assert_int_equal(list_read(l, &shards[i], dump_row, &again, &e), 0);
    assert_same(&d.text, &again.text);
    /* In any order. */
    assert_int_equal(list_read(l, &shards[0], dump_row, &again, &e), 0);
    list_close(l);
    input_close(&in);
    buf_deinit(&d.text);
    buf_deinit(&again.text);
}

static void test_ways(void **state)
{
    (void)state;
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        struct list_shard shards[SHARDS_MAX];
        struct error e = {0};
        struct dump d;
        struct buf b;
        struct slice data = make_list(&b, shape, ROWS);

        struct list *l = open_or_fail(&(struct list_options){.path = put("plain", data)});
        dump_init(&d, false);
        assert_int_equal(scan_all(l, shards, SHARDS_MAX, &d, &e), 3);
        assert_int_equal(d.rows, ROWS);
        assert_int_equal(d.bad, 0);
        assert_int_equal(shards[0].records, SHARD_RECORDS);
        assert_int_equal(shards[2].first_record, 2 * SHARD_RECORDS + 1);
        assert_int_equal(shards[2].records, ROWS - 2 * SHARD_RECORDS);
        assert_int_equal(shards[1].offset, shards[0].offset + shards[0].bytes);
        assert_int_equal(shards[2].offset + shards[2].bytes, data.len);
        list_close(l);
        for (enum way way = 0; way < WAYS; way++)
            check_way(shape, way, data, shards, &d.text);
        buf_deinit(&d.text);
        buf_deinit(&b);
    }
}

/* The cells of the generated rows, by a rule of their own. */
static int check_cells(void *arg, const struct list_row *row, struct error *e)
{
    static const char *const before[SHAPES] = {"Anna ", " Bob ", "Carla, ",
                                               "D \"",  "Eve ",  "F\xc3\xa9 "};
    static const char *const behind[SHAPES] = {"", " ", "", "\"\nline two, ", "", ""};
    enum shape shape = *(enum shape *)arg;
    unsigned i = (unsigned)row->record;
    char id[32], first[96];

    (void)e;
    snprintf(id, sizeof(id), "%u", i);
    snprintf(first, sizeof(first), "%s%u%s%s", before[shape], i * 7, behind[shape],
             shape == SHAPE_QUOTED && i % 3 ? "\r\nthree" : "");
    assert_true(slice_eq(row->cells[0], slice_of(id)));
    assert_true(slice_eq(row->cells[1], slice_of(first)));
    if (shape != SHAPE_NDJSON) {
        assert_true(slice_starts(row->cells[4], (struct slice){&"abcde"[shape], 1}));
        return 0;
    }
    assert_true(slice_eq(row->cells[2], SLICE_LIT("[1,\"x\"]")));
    /* "ok" is not in the second row; the columns are those of the rows before. */
    assert_true(slice_eq(row->cells[3], i % 2 ? SLICE_LIT("true") : SLICE_EMPTY));
    assert_true(slice_ends(row->cells[4], SLICE_LIT("@example.com")));
    assert_true(slice_eq(row->json, row->text));
    return 0;
}

static void test_cells(void **state)
{
    (void)state;
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        struct list_shard shard;
        struct error e = {0};
        struct buf b;
        struct slice data = make_list(&b, shape, 5000);

        struct list *l = open_or_fail(&(struct list_options){.path = put("cells", data)});
        assert_int_equal(list_columns(l), 5);
        assert_int_equal(list_scan(l, &shard, check_cells, &shape, &e), 1);
        assert_int_equal(list_scan(l, &shard, check_cells, &shape, &e), 1);
        list_close(l);
        buf_deinit(&b);
    }
}

static void assert_same_shard(const struct list_shard *a, const struct list_shard *b)
{
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->first_record, b->first_record);
    assert_int_equal(a->records, b->records);
    assert_int_equal(a->line, b->line);
    assert_int_equal(a->offset, b->offset);
    assert_int_equal(a->bytes, b->bytes);
    assert_memory_equal(a->hash, b->hash, sizeof(a->hash));
    assert_int_equal(a->spool_offset, b->spool_offset);
    assert_int_equal(a->spool_bytes, b->spool_bytes);
}

/* A scan that goes on after `from` shards gives what an undisturbed one gives, whatever the spool
 * has behind its last durable frame. */
static void check_resume(enum shape shape, enum way way, unsigned from)
{
    struct list_shard all[SHARDS_MAX], shards[SHARDS_MAX], rest[SHARDS_MAX];
    struct error e = {0};
    struct input in;
    struct dump first, expected, d;
    struct buf b;
    const char *spool = path_of("spool");
    struct list_options o = {.spool_path = spool, .keep = way == WAY_KEEP};

    unlink(spool);
    o.path = input_open(&in, way, "list", make_list(&b, shape, ROWS));
    struct list *l = open_or_fail(&o);
    dump_init(&first, false);
    dump_init(&expected, false);
    dump_init(&d, false);
    assert_int_equal(scan_all(l, shards, from, &first, &e), from);
    assert_int_equal(scan_all(l, all, SHARDS_MAX, &expected, &e), 3 - from);
    char *columns = list_columns_json(l);
    list_close(l);
    input_close(&in);

    o.path = input_open(&in, way, "list", buf_slice(&b));
    o.columns_json = columns;
    o.known = shards;
    o.known_count = from;
    l = open_or_fail(&o);
    assert_int_equal(list_format(l), shape == SHAPE_NDJSON ? LIST_NDJSON : LIST_CSV);
    int count = scan_all(l, rest, SHARDS_MAX, &d, &e);
    if (count != (int)(3 - from))
        fail_msg("shape %d, way %d, from %u: %d %s", shape, way, from, count, e.message);
    assert_same(&d.text, &expected.text);
    for (int i = 0; i < count; i++)
        assert_same_shard(&rest[i], &all[i]);
    for (unsigned i = 0; i < from; i++)
        assert_int_equal(list_read(l, &shards[i], dump_row, &d, &e), 0);
    list_close(l);
    input_close(&in);
    free(columns);
    buf_deinit(&first.text);
    buf_deinit(&expected.text);
    buf_deinit(&d.text);
    buf_deinit(&b);
}

static void test_resume(void **state)
{
    static const enum shape shapes[] = {SHAPE_CRLF, SHAPE_QUOTED, SHAPE_CR, SHAPE_NDJSON};
    static const enum way ways[] = {WAY_PLAIN, WAY_KEEP, WAY_ZSTD, WAY_GZIP, WAY_STDIN_PIPE};

    (void)state;
    for (size_t s = 0; s < 4; s++) {
        for (size_t w = 0; w < 5; w++) {
            for (unsigned from = 0; from <= 3; from++)
                check_resume(shapes[s], ways[w], from);
        }
    }
}

/* A list of which `known` shards were scanned, to be opened again after something happened to it.
 */
struct scanned {
    struct list_shard shards[SHARDS_MAX];
    struct dump rows;
    struct buf data;
    char *columns;
    struct list_options o;
};

static void scan_first(struct scanned *s, enum way way, unsigned known)
{
    struct error e = {0};
    struct input in;

    unlink(path_of("spool"));
    *s = (struct scanned){.o = {.spool_path = path_of("spool"), .keep = way == WAY_KEEP}};
    s->o.path = input_open(&in, way, "list", make_list(&s->data, SHAPE_CSV, ROWS));
    dump_init(&s->rows, false);
    struct list *l = open_or_fail(&s->o);
    assert_int_equal(scan_all(l, s->shards, known, &s->rows, &e), known);
    s->columns = list_columns_json(l);
    list_close(l);
    input_close(&in);
    s->o.columns_json = s->columns;
    s->o.known = s->shards;
    s->o.known_count = known;
}

static void scanned_deinit(struct scanned *s)
{
    buf_deinit(&s->data);
    buf_deinit(&s->rows.text);
    free(s->columns);
}

/* Open it and scan on; both say `expected`. */
static void expect_failure(struct scanned *s, const char *path, const char *expected)
{
    struct list_shard shard;
    struct error e = {0};
    struct dump d;
    struct list *l;

    s->o.path = path;
    dump_init(&d, false);
    int rc = list_open(&l, &s->o, &e);
    if (rc == 0)
        rc = list_scan(l, &shard, dump_row, &d, &e);
    if (rc != ERR_DATA || !strstr(e.message, expected))
        fail_msg("expected \"%s\", got %d: %s", expected, rc, e.message);
    assert_int_equal(d.rows, 0);
    if (l) {
        struct error again = {0};
        assert_int_equal(list_scan(l, &shard, dump_row, &d, &again), ERR_DATA);
    }
    list_close(l);
    buf_deinit(&d.text);
}

static void test_changed(void **state)
{
    static const enum way ways[] = {WAY_PLAIN, WAY_KEEP, WAY_ZSTD, WAY_GZIP};
    struct scanned s;

    (void)state;
    for (size_t w = 0; w < 4; w++) {
        struct input in;
        scan_first(&s, ways[w], 2);
        char *inside = s.data.data + s.shards[1].offset + 1000, was = *inside;
        *inside ^= 1;
        const char *path = input_open(&in, ways[w], "list", buf_slice(&s.data));
        expect_failure(&s, path, "the list changed: shard 1 (records 4097-8192) of ");
        *inside = was;
        path = input_open(&in, ways[w], "list",
                          (struct slice){s.data.data, (size_t)s.shards[1].offset + 10});
        expect_failure(&s, path, "the list changed: shard 1 ");
        memcpy(s.data.data, "id,FIRST", 8);
        path = input_open(&in, ways[w], "list", buf_slice(&s.data));
        expect_failure(&s, path, "the list changed: the columns of ");
        scanned_deinit(&s);
    }
    scan_first(&s, WAY_PLAIN, 2);
    expect_failure(&s, put("list", SLICE_LIT("{\"a\":1}\n{\"a\":2}\n")), "the list changed: ");
    struct input in;
    expect_failure(&s, input_open(&in, WAY_GZIP, "list", buf_slice(&s.data)), "the list changed: ");
    scanned_deinit(&s);
    /* Spooled: what the source says in the first shard counts too. */
    scan_first(&s, WAY_GZIP, 2);
    s.data.data[s.shards[0].offset + 5] ^= 1;
    expect_failure(&s, input_open(&in, WAY_GZIP, "list", buf_slice(&s.data)),
                   "the list changed: shard 0 (records 1-4096) of ");
    scanned_deinit(&s);
}

/* A file that changes while it is open: reading a shard again tells. */
static void test_read_changed(void **state)
{
    struct scanned s;
    struct error e = {0};
    struct dump d;

    (void)state;
    scan_first(&s, WAY_PLAIN, 3);
    s.o.whole = true;
    struct list *l = open_or_fail(&s.o);
    dump_init(&d, false);
    d.columns = list_columns(l);
    int fd = open(s.o.path, O_RDWR);
    assert_int_equal(list_read(l, &s.shards[1], dump_row, &d, &e), 0);
    for (unsigned i = 0; i < 3; i++) {
        /* A letter, a row more, a quote that is never closed. */
        off_t at = (off_t)(s.shards[1].offset + 5000 * i + 7);
        assert_int_equal(pwrite(fd, &"Z\n\""[i], 1, at), 1);
        assert_int_equal(list_read(l, &s.shards[1], dump_row, &d, &e), ERR_DATA);
        assert_non_null(strstr(e.message, "the list changed: shard 1 (records 4097-8192) of "));
        assert_int_equal(pwrite(fd, s.data.data + at, 1, at), 1);
        assert_int_equal(list_read(l, &s.shards[1], dump_row, &d, &e), 0);
    }
    assert_int_equal(ftruncate(fd, (off_t)s.shards[2].offset + 100), 0);
    assert_int_equal(list_read(l, &s.shards[1], dump_row, &d, &e), 0);
    assert_int_equal(list_read(l, &s.shards[2], dump_row, &d, &e), ERR_DATA);
    assert_non_null(strstr(e.message, "the list changed: shard 2 (records 8193-9000) of "));
    close(fd);
    list_close(l);
    buf_deinit(&d.text);
    scanned_deinit(&s);
}

/* All of a spooled list is known: the source may be gone. */
static void test_whole(void **state)
{
    struct list_shard shard;
    struct scanned s;
    struct error e = {0};
    struct dump d;

    (void)state;
    scan_first(&s, WAY_GZIP, 3);
    s.o.whole = true;
    unlink(s.o.path);
    struct list *l = open_or_fail(&s.o);
    dump_init(&d, false);
    d.columns = list_columns(l);
    assert_int_equal(d.columns, 5);
    assert_true(slice_eq(list_column_keys(l)[4], SLICE_LIT("email")));
    assert_int_equal(list_packing(l), LIST_GZIP);
    assert_int_equal(list_delimiter(l), ',');
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(list_read(l, &s.shards[i], dump_row, &d, &e), 0);
    assert_same(&d.text, &s.rows.text);
    assert_int_equal(list_scan(l, &shard, dump_row, &d, &e), 0);
    list_close(l);
    /* A run that knows no shard yet is looked at: nobody waits for standard input. */
    s.o.path = "-";
    s.o.known_count = 0;
    l = open_or_fail(&s.o);
    assert_int_equal(list_columns(l), 5);
    assert_int_equal(list_scan(l, &shard, dump_row, &d, &e), 0);
    assert_int_equal(list_source_bytes(l), 0);
    list_close(l);
    buf_deinit(&d.text);
    scanned_deinit(&s);
}

/* What was durable and is not there is never mended; what was torn is cut off. */
static void test_spool_damage(void **state)
{
    struct list_shard shards[SHARDS_MAX];
    struct scanned s;
    struct error e = {0};
    struct input in;
    struct dump d;
    struct stat st;
    struct list *l;

    (void)state;
    scan_first(&s, WAY_ZSTD, 2);
    const char *spool = path_of("spool");
    uint64_t end = s.shards[1].spool_offset + s.shards[1].spool_bytes;
    int fd = open(spool, O_RDWR);
    assert_int_equal(pwrite(fd, "torn frame that no ledger knows", 31, (off_t)end), 31);
    dump_init(&d, false);
    const char *path = input_open(&in, WAY_ZSTD, "list", buf_slice(&s.data));
    s.o.path = path;
    s.o.spool_path = spool;
    l = open_or_fail(&s.o);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, end);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(scan_all(l, shards, SHARDS_MAX, &d, &e), 1);
    assert_int_equal(shards[0].spool_offset, end);
    /* A byte of the first frame. */
    char byte;
    off_t at = (off_t)s.shards[0].spool_bytes / 2;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    assert_int_equal(list_read(l, &s.shards[0], dump_row, &d, &e), ERR_DATA);
    assert_non_null(strstr(e.message, "damaged"));
    assert_int_equal(list_read(l, &s.shards[1], dump_row, &d, &e), 0);
    list_close(l);
    assert_int_equal(ftruncate(fd, (off_t)end - 1), 0);
    assert_int_equal(list_open(&l, &s.o, &e), ERR_DATA);
    assert_non_null(strstr(e.message, "is damaged: it has "));
    assert_null(l);
    close(fd);
    buf_deinit(&d.text);
    scanned_deinit(&s);
}

/* Shards that are read by several threads while the scan goes on. */
struct reader {
    const struct list *list;
    const struct list_shard *shards;
    struct dump dump;
    int rc;
};

static void *read_shards(void *arg)
{
    struct reader *r = arg;
    struct error e = {0};

    for (unsigned i = 0; i < 6 && r->rc == 0; i++)
        r->rc = list_read(r->list, &r->shards[i % 2], dump_row, &r->dump, &e);
    return NULL;
}

static void test_threads(void **state)
{
    static const enum way ways[] = {WAY_PLAIN, WAY_ZSTD};

    (void)state;
    for (size_t w = 0; w < 2; w++) {
        struct list_shard shards[SHARDS_MAX];
        struct reader readers[4];
        pthread_t threads[4];
        struct error e = {0};
        struct input in;
        struct dump d, later;
        struct buf b;

        unlink(path_of("spool"));
        const char *path = input_open(&in, ways[w], "list", make_list(&b, SHAPE_QUOTED, 30000));
        struct list *l =
            open_or_fail(&(struct list_options){.path = path, .spool_path = path_of("spool")});
        dump_init(&d, false);
        dump_init(&later, false);
        assert_int_equal(scan_all(l, shards, 2, &d, &e), 2);
        for (unsigned i = 0; i < 4; i++) {
            readers[i] = (struct reader){.list = l, .shards = shards};
            dump_init(&readers[i].dump, false);
            readers[i].dump.columns = d.columns;
            pthread_create(&threads[i], NULL, read_shards, &readers[i]);
        }
        assert_int_equal(scan_all(l, shards + 2, SHARDS_MAX - 2, &later, &e), 6);
        for (unsigned i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
            assert_int_equal(readers[i].rc, 0);
            assert_int_equal(readers[i].dump.text.len, 3 * d.text.len);
            assert_memory_equal(readers[i].dump.text.data, d.text.data, d.text.len);
            buf_deinit(&readers[i].dump.text);
        }
        list_close(l);
        buf_deinit(&d.text);
        buf_deinit(&later.text);
        buf_deinit(&b);
    }
}

/* records_max cuts a list, within a shard and at its end. */
static void test_records_max(void **state)
{
    static const uint64_t limits[] = {1, 4095, 4096, 4097, 8192, 8999, 9000, 20000};
    struct buf b;

    (void)state;
    const char *path = put("list", make_list(&b, SHAPE_CSV, ROWS));
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct list_shard shards[SHARDS_MAX];
        struct error e = {0};
        struct dump d;
        uint64_t rows = limits[i] < ROWS ? limits[i] : ROWS;

        dump_init(&d, true);
        struct list *l =
            open_or_fail(&(struct list_options){.path = path, .records_max = limits[i]});
        int count = scan_all(l, shards, SHARDS_MAX, &d, &e);
        assert_int_equal(count, (rows + SHARD_RECORDS - 1) / SHARD_RECORDS);
        assert_int_equal(d.rows, rows);
        assert_int_equal(list_scan(l, &shards[count], dump_row, &d, &e), 0);
        list_close(l);
        buf_deinit(&d.text);
    }
    buf_deinit(&b);
}

/* A file that grows while it is read is read as far as it went at the open. */
static void test_growing(void **state)
{
    struct list_shard shards[SHARDS_MAX];
    struct error e = {0};
    struct dump d;
    struct buf b;

    (void)state;
    const char *path = put("growing", make_list(&b, SHAPE_CSV, ROWS));
    struct list *l = open_or_fail(&(struct list_options){.path = path});
    dump_init(&d, true);
    assert_int_equal(scan_all(l, shards, 1, &d, &e), 1);
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, b.data + 100, 50000), 50000);
    close(fd);
    assert_int_equal(scan_all(l, shards, SHARDS_MAX, &d, &e), 2);
    assert_int_equal(d.rows, ROWS);
    list_close(l);
    /* One that shrinks is an error. */
    put("growing", buf_slice(&b));
    l = open_or_fail(&(struct list_options){.path = path});
    assert_int_equal(truncate(path, (off_t)b.len - 20000), 0);
    assert_int_equal(scan_all(l, shards, SHARDS_MAX, &d, &e), ERR_DATA);
    assert_non_null(strstr(e.message, "became shorter"));
    list_close(l);
    buf_deinit(&d.text);
    buf_deinit(&b);
}

/* The caller's error ends a scan and a read, and is not changed. */
static int refuse(void *arg, const struct list_row *row, struct error *e)
{
    return row->record == *(uint64_t *)arg ? error_set(e, ERR_DATA, "enough") : 0;
}

static void test_callback_error(void **state)
{
    struct list_shard shard, first;
    uint64_t never = 0, at = 5000, early = 17;
    struct error e = {0};
    struct buf b;

    (void)state;
    struct list *l =
        open_or_fail(&(struct list_options){.path = put("list", make_list(&b, SHAPE_CSV, ROWS))});
    assert_int_equal(list_scan(l, &first, refuse, &never, &e), 1);
    assert_int_equal(list_scan(l, &shard, refuse, &at, &e), ERR_DATA);
    assert_string_equal(e.message, "enough");
    assert_int_equal(list_scan(l, &shard, refuse, &never, &e), ERR_DATA);
    assert_int_equal(list_read(l, &first, refuse, &early, &e), ERR_DATA);
    assert_string_equal(e.message, "enough");
    assert_int_equal(list_read(l, &first, refuse, &never, &e), 0);
    list_close(l);
    buf_deinit(&b);
}

/* Without a place for a spool a packed list can be scanned, which is all that a plan needs. */
static void test_no_spool(void **state)
{
    struct list_shard shards[SHARDS_MAX];
    struct error e = {0};
    struct input in;
    struct dump d;
    struct buf b;

    (void)state;
    const char *path = input_open(&in, WAY_ZSTD, "list", make_list(&b, SHAPE_CSV, ROWS));
    struct list *l = open_or_fail(&(struct list_options){.path = path});
    dump_init(&d, true);
    assert_int_equal(scan_all(l, shards, SHARDS_MAX, &d, &e), 3);
    assert_false(list_spooled(l));
    assert_int_equal(list_read(l, &shards[0], dump_row, &d, &e), ERR_INTERNAL);
    list_close(l);
    buf_deinit(&d.text);
    buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ways),           cmocka_unit_test(test_cells),
        cmocka_unit_test(test_resume),         cmocka_unit_test(test_changed),
        cmocka_unit_test(test_read_changed),   cmocka_unit_test(test_whole),
        cmocka_unit_test(test_spool_damage),   cmocka_unit_test(test_threads),
        cmocka_unit_test(test_records_max),    cmocka_unit_test(test_growing),
        cmocka_unit_test(test_callback_error), cmocka_unit_test(test_no_spool),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
