/* What a list is taken for, and what is said about files that are none or are broken. */
#include "test_list.h"

#include "input/columns.h"

/* Open a list of these bytes, and scan it if `scan`; returns the error, 0 for none. */
static int try_list(const char *path, bool scan, struct error *e)
{
    struct list_shard shards[SHARDS_MAX];
    struct dump d;
    struct list *l = NULL;
    struct list_options o = {.path = path, .spool_path = path_of("spool")};

    *e = (struct error){0};
    dump_init(&d, true);
    int rc = list_open(&l, &o, e);
    assert_true((rc == 0) == (l != NULL));
    if (rc == 0 && scan)
        rc = scan_all(l, shards, SHARDS_MAX, &d, e);
    list_close(l);
    buf_deinit(&d.text);
    return rc < 0 ? rc : 0;
}

static void expect(const char *path, bool scan, int code, const char *message)
{
    struct error e;
    int rc = try_list(path, scan, &e);

    if (rc != code || !strstr(e.message, message) || (code && !strstr(e.message, path)))
        fail_msg("expected %d \"%s\", got %d \"%s\"", code, message, rc, e.message);
}

struct refusal {
    struct slice bytes;
    const char *message;
};
#define BYTES(text)                                                                                \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const struct refusal refusals[] = {
    {BYTES(""), " is empty"},
    {BYTES("\n\r\n  \n"), " is empty"},
    {BYTES("\xef\xbb\xbf"), " is empty"},
    {BYTES("a,b,c\n"), " has a header but no rows"},
    {BYTES("a,b,c"), " has a header but no rows"},
    {BYTES("a,b,c\r\n\r\n\r\n"), " has a header but no rows"},
    {BYTES("\xff\xfe"
           "a\0,\0b\0\n\0"),
     "iconv -f UTF-16 -t UTF-8"},
    {BYTES("\xfe\xff\0a\0,\0b\0\n"), "iconv -f UTF-16 -t UTF-8"},
    {BYTES("\xff\xfe\0\0a\0\0\0"), "iconv -f UTF-32 -t UTF-8"},
    {BYTES("a\0,\0b\0\n\0x\0"), "looks like UTF-16: convert it with `iconv -f UTF-16LE"},
    {BYTES("\0a\0,\0b\0\n\0x"), "looks like UTF-16: convert it with `iconv -f UTF-16BE"},
    {BYTES("a,b\nx\0y,1\n"), " is not a list: binary data"},
    {BYTES("\x7f"
           "ELF\2\1\1\0\0\0"),
     " is not a list: binary data"},
    {BYTES("\1\2\3\4\5\6\7,b\n"), " is not a list: binary data"},
    {BYTES("PK\3\4\x14\0\6\0"), "looks like a spreadsheet or zip archive: save it as CSV"},
    {BYTES("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0"), "looks like a spreadsheet: save it as CSV"},
    {BYTES("BZh91AY&SY\1\2\3"), "bzip2, which is not supported: gzip and zstd are"},
    {BYTES("\xfd"
           "7zXZ\0\0\4"),
     "xz, which is not supported: gzip and zstd are"},
    {BYTES("\x04\x22\x4d\x18\x64\x40"), "lz4, which is not supported: gzip and zstd are"},
    {BYTES("PAR1\x15\x04"), "is a Parquet file"},
    {BYTES("[{\"a\":1}]"), "jq -c '.[]'"},
    {BYTES(" \n [1]\n"), "jq -c '.[]'"},
    {BYTES("{\n  \"a\": 1\n}\n"), "jq -c ."},
    {BYTES("{a\n{b\n"), "none of its first rows is a JSON object: not JSON: "},
    {BYTES("a,K\xf6ln\n1,2\n"), "the header is not UTF-8 in column 2: convert the list"},
    {BYTES("a,\"b\n1,2\n"), ":1: the quote that opens cell 2 is never closed"},
    {BYTES("\na,b\n1,2\nx,\"y\n3,4\n"), ":4: the quote that opens cell 2 (b) is never closed"},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
        expect(put("list", refusals[i].bytes), true, ERR_DATA, refusals[i].message);
    expect(path_of("missing.csv"), false, ERR_NOINPUT, "cannot open ");
    expect(test_folder, false, ERR_NOINPUT, "is a folder");
    /* The same inside a packing; an empty one has no rows either. */
    for (enum way way = WAY_GZIP; way <= WAY_ZSTD_FRAMES; way++) {
        struct input in;
        expect(input_open(&in, way, "list", SLICE_EMPTY), false, ERR_DATA, " is empty");
        expect(input_open(&in, way, "list", SLICE_LIT("a,b\n")), false, ERR_DATA, " has a header");
        expect(input_open(&in, way, "list", SLICE_LIT("\0\0\0\0\0\0")), false, ERR_DATA, "binary");
    }
    struct buf b;
    buf_init(&b, SIZE_MAX);
    gzip_append(&b, SLICE_LIT("a,b\n1,2\n"));
    struct input in;
    expect(input_open(&in, WAY_GZIP, "list", buf_slice(&b)), false, ERR_DATA, "is packed twice");
    buf_deinit(&b);
}

/* Real files of other programs. */
static void test_samples(void **state)
{
    (void)state;
    expect(TEST_DATA "/input/people.xlsx", false, ERR_DATA, "spreadsheet");
    expect(TEST_DATA "/input/people.tar", false, ERR_DATA, "is a tar archive");
    expect(TEST_DATA "/input/people.tar.gz", false, ERR_DATA, "is a tar archive");
    expect(TEST_DATA "/input/people.csv.bz2", false, ERR_DATA, "bzip2");
    expect(TEST_DATA "/input/people.csv.xz", false, ERR_DATA, "xz");
    expect(TEST_DATA "/input/people-utf16.csv", false, ERR_DATA, "UTF-16");
    expect(TEST_DATA "/input/people-array.json", false, ERR_DATA, "jq -c '.[]'");
    expect(TEST_DATA "/input/people-excel.csv", true, 0, "");
    expect(TEST_DATA "/input/people.csv.gz", true, 0, "");
    expect(TEST_DATA "/input/people.csv.zst", true, 0, "");
    expect(TEST_DATA "/input/people.ndjson", true, 0, "");
}

/* A row of the table: columns that are found, by their keys, and the delimiter ('{' for NDJSON). */
struct sniffed {
    const char *list;
    char delimiter;
    const char *keys;
};

static const struct sniffed sniffs[] = {
    {"a,b,c\n1,2,3\n", ',', "a|b|c"},
    {"a;b;c\n1;2;3\n", ';', "a|b|c"},
    {"a\tb\tc\n1\t2\t3\n", '\t', "a|b|c"},
    {"a|b|c\n1|2|3\n", '|', "a|b|c"},
    {"email\nx@y.example\n", ',', "email"},
    {"Full Name\nAnna, Müller\nBob, Doe\n", ',', "Full Name"},
    {"name;city, state;mail\nx;Paris, TX;m\ny;Rome;n\n", ';', "name|city, state|mail"},
    {"name\tcity, state\nx\tParis, TX\ny\tRome, NY\nz\tBonn\n", '\t', "name|city, state"},
    {"name,notes\nx,a;b;c\ny,a;b\n", ',', "name|notes"},
    {"\"a;b\",\"c;d\"\n\"1;2\",3\n", ',', "a;b|c;d"},
    {"\"a\n;;;\",b\n1,2\n", ',', "a\n;;;|b"},
    {"a,b;c\n1,2;3\n", ',', "a|b;c"},
    {"size;5\" disk;x\n1;2\";3\n4;5;6\n", ';', "size|5\" disk|x"},
    {"a;b\r\n1;2,5\r\n3;4,5\r\n", ';', "a|b"},
    {"a;b\r1;2\r3;4\r", ';', "a|b"},
    {"\n\na;b\n1;2\n", ';', "a|b"},
    {"\ta\tb\n1\t2\t3\n", '\t', "column_1|a|b"},
    {"{\"b\":1,\"a\":2}\n{\"c\":3,\"b\":1}\n", '{', "b|a|c"},
    {" \n\t{\"b\":1}\nbad\n{\"\":2}\n", '{', "b|column_2"},
    {"\xef\xbb\xbf{\"a\":1}", '{', "a"},
    /* Keys. */
    {"a,,a,c,\n1,2,3,4,5\n", ',', "a|column_2|a_2|c|column_5"},
    {"a,a,a_2,a\n1,2,3,4\n", ',', "a|a_3|a_2|a_4"},
    {"a,a_2,a\n1,2,3\n", ',', "a|a_2|a_3"},
    {"column_2, ,column_2\n1,2,3\n", ',', "column_2|column_3|column_2_2"},
    {" a ,\"a\"\n1,2\n", ',', " a |a"},
};

static void test_sniffs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(sniffs) / sizeof(sniffs[0]); i++) {
        const struct sniffed *t = &sniffs[i];
        struct buf keys;

        struct list *l =
            open_or_fail(&(struct list_options){.path = put("list", slice_of(t->list))});
        buf_init(&keys, SIZE_MAX);
        for (unsigned k = 0; k < list_columns(l); k++) {
            if (k > 0)
                buf_append_char(&keys, '|');
            buf_append_slice(&keys, list_column_keys(l)[k]);
        }
        char found = list_format(l) == LIST_NDJSON ? '{' : list_delimiter(l);
        if (found != t->delimiter || !slice_eq(buf_slice(&keys), slice_of(t->keys)))
            fail_msg("row %zu: '%c' %.*s", i, found, SLICE_ARG(buf_slice(&keys)));
        list_close(l);
        buf_deinit(&keys);
    }
    /* The option wins, and makes it CSV. */
    struct list_options o = {.path = put("list", SLICE_LIT("{a:b,c\n1:2,3\n")), .delimiter = ':'};
    struct list *l = open_or_fail(&o);
    assert_int_equal(list_format(l), LIST_CSV);
    assert_int_equal(list_columns(l), 2);
    assert_true(slice_eq(list_column_names(l)[1], SLICE_LIT("b,c")));
    list_close(l);
}

/* What is frozen at a run's start comes back as it was. */
static void test_columns_json(void **state)
{
    static const char *const lists[] = {"a\t\"b\"\"\nx\"\t\t\xc3\xa9\n1\t2\t3\t4\n",
                                        "{\"b\\u0001\":1,\"a\":2}\n"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct list_options o = {.path = put("list", slice_of(lists[i]))};
        struct list *l = open_or_fail(&o), *again;
        char *json = list_columns_json(l);

        o.columns_json = json;
        again = open_or_fail(&o);
        char *json_again = list_columns_json(again);
        assert_string_equal(json, json_again);
        assert_int_equal(list_columns(again), list_columns(l));
        for (unsigned k = 0; k < list_columns(l); k++) {
            assert_true(slice_eq(list_column_names(again)[k], list_column_names(l)[k]));
            assert_true(slice_eq(list_column_keys(again)[k], list_column_keys(l)[k]));
        }
        free(json);
        free(json_again);
        list_close(l);
        list_close(again);
    }
    static const char *const damaged[] = {
        "", "[]", "{}",
        "{\"format\":\"csv\",\"packing\":\"plain\",\"delimiter\":\",\",\"columns\":[1]}"};
    for (size_t i = 0; i < 4; i++) {
        struct list *l;
        struct error e = {0};
        struct list_options o = {.path = put("list", SLICE_LIT("a\n1\n")),
                                 .columns_json = damaged[i]};
        assert_int_equal(list_open(&l, &o, &e), ERR_DATA);
        assert_non_null(strstr(e.message, "stored columns"));
    }
}

/* Limits: the longest that passes, and one byte more. */
static void put_run(struct buf *b, char c, size_t len)
{
    char *to = buf_reserve(b, len);

    memset(to, c, len);
    b->len += len;
}

struct limit {
    const char *before; /* the long part */
    size_t len;
    const char *behind;
    const char *message; /* for one byte more; with exactly len it passes */
};

static const struct limit limits[] = {
    {"id,Notes\n1,ok\n2,", LIST_CELL_MAX, "\n",
     ":3: cell 2 (Notes) is longer than 1 MiB; is a quote left open?"},
    {"id,Notes\n1,ok\n2,", LIST_CELL_MAX, "", ":3: cell 2 (Notes) is longer than 1 MiB"},
    {"id,Notes\n\"1\n\",ok\n2,\"", LIST_CELL_MAX, "\"\n3,\"4\"\n",
     ":4: cell 2 (Notes) is longer than 1 MiB"},
    {"id,Notes\n2,\"", LIST_CELL_MAX, "\"  ,", ":2: cell 2 (Notes) is longer than 1 MiB"},
    {"id,Notes\n2,,,", LIST_CELL_MAX, "\n", ":2: cell 4 is longer than 1 MiB"},
    {"id,Notes\n2,,,\"", LIST_CELL_MAX, "\"\n", ":2: cell 4 is longer than 1 MiB"},
    {"", LIST_CELL_MAX, "\nx\n", ":1: cell 1 is longer than 1 MiB"},
    {"{\"a\":1}\n{\"a\":\"", LIST_CELL_MAX, "\"}\n", ":2: cell 1 (a) is longer than 1 MiB"},
    {"{\"a\":1}\n{\"b\":\"", LIST_LINE_MAX - 8, "\"}\n{\"a\":2}\n",
     ":2: the line is longer than 4 MiB"},
    {"{\"a\":1}\n{\"b\":\"", LIST_LINE_MAX - 8, "\"}", ":2: the line is longer than 4 MiB"},
};

static void test_limits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        for (size_t more = 0; more < 2; more++) {
            struct buf b;
            buf_init(&b, SIZE_MAX);
            buf_append_text(&b, limits[i].before);
            put_run(&b, 'x', limits[i].len + more);
            buf_append_text(&b, limits[i].behind);
            expect(put("list", buf_slice(&b)), true, more ? ERR_DATA : 0,
                   more ? limits[i].message : "");
            buf_deinit(&b);
        }
    }
}

/* The row's own limit, with cells that are short; simple and quoted. */
static void test_row_limit(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct buf b;
        size_t more = (size_t)i % 2;
        buf_init(&b, SIZE_MAX);
        buf_append_text(&b, "a,b\n");
        buf_append_text(&b, i < 2 ? "xx" : "\"\"");
        put_run(&b, ',', LIST_LINE_MAX - 2 + more);
        buf_append_text(&b, "\r\n1,2\n");
        expect(put("list", buf_slice(&b)), true, more ? ERR_DATA : 0,
               more ? ":2: the row is longer than 4 MiB" : "");
        buf_deinit(&b);
    }
}

static void test_column_limit(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        struct buf b;
        buf_init(&b, SIZE_MAX);
        put_run(&b, ',', LIST_COLUMNS_MAX - 1 + more);
        buf_append_text(&b, "\n1,2\n");
        expect(put("list", buf_slice(&b)), false, more ? ERR_DATA : 0,
               more ? "the header has 1001 columns; at most 1000 are supported" : "");
        /* Keys beyond that are no columns. */
        buf_reset(&b);
        for (unsigned i = 0; i < LIST_COLUMNS_MAX + more; i++)
            buf_append_format(&b, "{\"k%u\":%u}\n", i, i);
        struct list *l = open_or_fail(&(struct list_options){.path = put("list", buf_slice(&b))});
        assert_int_equal(list_columns(l), LIST_COLUMNS_MAX);
        list_close(l);
        buf_deinit(&b);
    }
}

/* A quote that is left open in a large list: bounded work, and the line where it was opened. */
static void test_endless(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, SIZE_MAX);
    buf_append_text(&b, "id,Notes\n1,\"open\n");
    for (unsigned i = 0; i < 400000; i++)
        buf_append_text(&b, "2,more than a MiB of rows\n");
    expect(put("list", buf_slice(&b)), true, ERR_DATA,
           ":2: cell 2 (Notes) is longer than 1 MiB; is a quote left open?");
    buf_reset(&b);
    put_run(&b, 'a', (size_t)10 << 20);
    expect(put("list", buf_slice(&b)), true, ERR_DATA, ":1: cell 1 is longer than 1 MiB");
    buf_deinit(&b);
}

/* Every way to break a stream is told, wherever it is cut; what is whole passes. */
static void test_broken_streams(void **state)
{
    struct buf list, packed;

    (void)state;
    make_list(&list, SHAPE_CSV, 3000);
    for (int zstd = 0; zstd < 2; zstd++) {
        const char *kind = zstd ? "zstd" : "gzip";
        buf_init(&packed, SIZE_MAX);
        for (int twice = 0; twice < 2; twice++)
            (zstd ? zstd_append : gzip_append)(&packed, buf_slice(&list));
        expect(put("whole", buf_slice(&packed)), true, 0, "");
        size_t one = packed.len / 2;
        for (size_t cut = 4; cut < packed.len; cut += cut < 40 || packed.len - cut < 40 ? 1 : 991) {
            if (cut == one)
                continue;
            expect(put("cut", (struct slice){packed.data, cut}), true, ERR_DATA,
                   "it was cut short");
        }
        expect(put("cut", (struct slice){packed.data, one}), true, 0, "");
        packed.data[one / 2] ^= 0x55;
        expect(put("flipped", buf_slice(&packed)), true, ERR_DATA, "stream is broken");
        packed.data[one / 2] ^= 0x55;
        buf_append_text(&packed, "garbage");
        expect(put("garbage", buf_slice(&packed)), true, ERR_DATA, kind);
        buf_deinit(&packed);
    }
    buf_deinit(&list);
}

/* 1 GiB that is nothing but one byte: told at once, or after a window. */
static void put_bomb(struct buf *b, const char *start, char c)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    static char block[1 << 20];
    ZSTD_inBuffer in = {start, strlen(start), 0};

    buf_init(b, SIZE_MAX);
    memset(block, c, sizeof(block));
    for (int i = 0; i <= 1025; i++) {
        ZSTD_EndDirective how = i == 1025 ? ZSTD_e_end : ZSTD_e_continue;
        size_t left;
        do {
            char *to = buf_reserve(b, 1 << 16);
            ZSTD_outBuffer out = {to, 1 << 16, 0};
            left = ZSTD_compressStream2(z, &out, &in, how);
            b->len += out.pos;
        } while (in.pos < in.size || (how == ZSTD_e_end && left > 0));
        in = (ZSTD_inBuffer){block, i < 1024 ? sizeof(block) : 0, 0};
    }
    ZSTD_freeCCtx(z);
}

static void test_bombs(void **state)
{
    struct buf b;

    (void)state;
    put_bomb(&b, "", '\0');
    assert_true(b.len < 100000);
    expect(put("bomb", buf_slice(&b)), true, ERR_DATA, "binary data");
    buf_deinit(&b);
    put_bomb(&b, "a,b\n1,2\n", 'x');
    expect(put("bomb", buf_slice(&b)), true, ERR_DATA, ":3: cell 1 (a) is longer than 1 MiB");
    buf_deinit(&b);
    put_bomb(&b, "a,b\n1,2\n", '\n');
    expect(put("bomb", buf_slice(&b)), true, ERR_DATA, "unpacks to more than 2000 times its size");
    buf_deinit(&b);
}

/* Labels of columns in messages stay short and on one line. */
static void test_labels(void **state)
{
    struct columns *c = malloc(sizeof(*c));
    char text[COLUMNS_LABEL_MAX], name[200];

    (void)state;
    memset(name, 'n', sizeof(name));
    memcpy(name + 39, "\xc3\xa9", 2);
    columns_init(c);
    assert_true(columns_add(c, (struct slice){name, sizeof(name)}));
    assert_true(columns_add(c, SLICE_LIT("a\nb")));
    columns_label(c, "cell", 0, text);
    assert_int_equal(strlen(text), strlen("cell 1 ()") + 39);
    columns_label(c, "cell", 1, text);
    assert_string_equal(text, "cell 2 (a)");
    columns_label(c, "cell", 2, text);
    assert_string_equal(text, "cell 3");
    columns_deinit(c);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),       cmocka_unit_test(test_samples),
        cmocka_unit_test(test_sniffs),         cmocka_unit_test(test_columns_json),
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_row_limit),
        cmocka_unit_test(test_column_limit),   cmocka_unit_test(test_endless),
        cmocka_unit_test(test_broken_streams), cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_labels),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
