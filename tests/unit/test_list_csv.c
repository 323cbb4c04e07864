/* CSV: the rows that src/input/csv.c cuts are those that libcsv gives, byte by byte, on random
 * input read in pieces of every size; and a table of what people's lists hold. */
#include "test_list.h"

#include <csv.h>

#include "input/csv.h"
#include "input/feed.h"

/* The judge: libcsv, fed one byte at a time. Blanks are blanks to it in quoted cells only. */
struct judge {
    struct buf *out;
    unsigned cells;
};

static int no_blank(unsigned char c)
{
    (void)c;
    return 0;
}

static int blank(unsigned char c)
{
    return c == ' ' || c == '\t';
}

static void judge_cell(void *data, size_t len, void *arg)
{
    struct judge *j = arg;

    buf_append_format(j->out, "[%zu:", len);
    buf_append(j->out, data, len);
    buf_append_char(j->out, ']');
    j->cells++;
}

static void judge_row(int c, void *arg)
{
    struct judge *j = arg;

    (void)c;
    buf_append_format(j->out, " %u\n", j->cells);
    j->cells = 0;
}

/* False when a quote is open at the end. */
static bool judge(struct slice text, char delimiter, struct buf *out)
{
    struct judge j = {.out = out};
    struct csv_parser p;

    assert_int_equal(csv_init(&p, 0), 0);
    csv_set_delim(&p, (unsigned char)delimiter);
    for (size_t i = 0; i < text.len; i++) {
        csv_set_space_func(&p, p.quoted && text.data[i] != delimiter ? blank : no_blank);
        assert_int_equal(csv_parse(&p, text.data + i, 1, judge_cell, judge_row, &j), 1);
    }
    csv_set_opts(&p, CSV_STRICT | CSV_STRICT_FINI);
    bool closed = csv_fini(&p, judge_cell, judge_row, &j) == 0;
    csv_free(&p);
    return closed;
}

/* A stream that comes in pieces of 1 to `piece` bytes. */
struct pieces {
    struct slice left;
    unsigned piece, seed;
};

static int fill_piece(void *arg, char *to, size_t room, size_t *got, struct error *e)
{
    struct pieces *p = arg;
    size_t len = 1 + (p->seed = p->seed * 1103515245 + 12345) / 65536 % p->piece;

    (void)e;
    len = len < p->left.len ? len : p->left.len;
    *got = len < room ? len : room;
    memcpy(to, p->left.data, *got);
    p->left = (struct slice){p->left.data + *got, p->left.len - *got};
    return 0;
}

static int tap_bytes(void *arg, const char *data, size_t len, struct error *e)
{
    (void)e;
    buf_append(arg, data, len);
    return 0;
}

/* Line ends in a text, written apart from how src/ counts them. */
static uint64_t lines_in(struct slice s)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] == '\r' && i + 1 < s.len && s.data[i + 1] == '\n')
            i++;
        else if (s.data[i] != '\r' && s.data[i] != '\n')
            continue;
        lines++;
    }
    return lines;
}

/* The same by csv_next; also that lines and texts are where the stream has them. Returns its code.
 */
static int cut(struct slice text, char delimiter, unsigned piece, unsigned seed, struct buf *out)
{
    struct pieces stream = {text, piece, seed};
    struct slice cells[1024];
    struct feed w;
    struct csv_row row;
    struct error e = {0};
    struct buf tapped;
    struct csv *c = csv_create(delimiter, "test", NULL);
    uint64_t at = 0, lines = 1;
    int rc;

    assert_non_null(c);
    buf_init(&tapped, SIZE_MAX);
    assert_int_equal(feed_init(&w, fill_piece, &stream, 0, 1, &e), 0);
    feed_set_tap(&w, tap_bytes, &tapped);
    while ((rc = csv_next(c, &w, cells, 1024, &row, &e)) > 0) {
        uint64_t start = w.base + (uint64_t)(row.text.data - w.data);
        assert_memory_equal(text.data + start, row.text.data, row.text.len);
        lines += lines_in((struct slice){text.data + at, start - at});
        assert_int_equal(row.line, lines);
        at = feed_offset(&w);
        lines += lines_in((struct slice){text.data + start, at - start});
        assert_int_equal(w.line, lines);
        /* A row, and so a shard, never ends inside a CRLF. */
        assert_false(at < text.len && text.data[at - 1] == '\r' && text.data[at] == '\n');
        for (unsigned i = 0; i < row.count; i++)
            judge_cell((void *)(uintptr_t)cells[i].data, cells[i].len, &(struct judge){.out = out});
        buf_append_format(out, " %u\n", row.count);
    }
    if (rc == 0) {
        assert_int_equal(feed_flush(&w, &e), 0);
        assert_int_equal(tapped.len, text.len);
        assert_true(slice_eq(buf_slice(&tapped), text));
    } else {
        assert_non_null(strstr(e.message, "never closed"));
    }
    buf_deinit(&tapped);
    feed_deinit(&w);
    csv_destroy(c);
    return rc;
}

static void compare(struct slice text, char delimiter, unsigned piece, unsigned seed)
{
    struct buf expected, got;

    buf_init(&expected, SIZE_MAX);
    buf_init(&got, SIZE_MAX);
    bool closed = judge(text, delimiter, &expected);
    int rc = cut(text, delimiter, piece, seed, &got);
    bool same = closed ? rc == 0 && slice_eq(buf_slice(&got), buf_slice(&expected))
                       : rc == ERR_DATA && slice_starts(buf_slice(&expected), buf_slice(&got));
    if (!same)
        fail_msg("seed %u, pieces of %u: %.*s\nlibcsv: %.*s\nours (%d): %.*s", seed, piece,
                 SLICE_ARG(text), SLICE_ARG(buf_slice(&expected)), rc, SLICE_ARG(buf_slice(&got)));
    buf_deinit(&expected);
    buf_deinit(&got);
}

/* Bytes that matter to CSV, often; each alphabet makes other accidents likely. */
static void test_random(void **state)
{
    static const char *const alphabets[] = {
        "a,\"\n", "ab, \"\r\n\t", "aaaaaaaaaaaa,,,\n",  "aaaaaaaaaaaaaaaaaa,\r\n\"",
        "\r\n,a", "\" \t,",       "abcdefgh,,\"\"  \n", "a;\t|,\"\n",
    };
    char text[700];

    (void)state;
    srandom(20261120);
    for (unsigned round = 0; round < 5000; round++) {
        const char *alphabet = alphabets[round % 8];
        size_t len = (size_t)random() % (round % 16 < 8 ? 24 : sizeof(text));
        for (size_t i = 0; i < len; i++)
            text[i] = alphabet[(size_t)random() % strlen(alphabet)];
        compare((struct slice){text, len}, round % 5 == 0 ? '\t' : ',', 1 + round % 7 * 37, round);
    }
}

/* A whole block of the scanner more and less: what is found must not depend on where it lies. */
static void test_offsets(void **state)
{
    static const char *const tails[] = {"\"",    "\"x\" ,y",     ",", "\r", "\r\nz",
                                        "a\" b", ",\"\"\r\n\r\n"};
    char text[200];

    (void)state;
    for (unsigned pad = 0; pad < 140; pad++) {
        for (unsigned t = 0; t < sizeof(tails) / sizeof(tails[0]); t++) {
            memset(text, 'a', pad);
            if (pad > 0)
                text[pad - 1] = ',';
            strcpy(text + pad, tails[t]);
            compare(slice_of(text), ',', 256, 1);
            compare(slice_of(text), ',', 3, pad);
        }
    }
}

/* Rows longer than the first window, simple and quoted, and cells as long as they may be. */
static void test_long_rows(void **state)
{
    struct buf b;

    (void)state;
    for (int quoted = 0; quoted < 2; quoted++) {
        buf_init(&b, SIZE_MAX);
        for (unsigned i = 0; i < 3; i++) {
            buf_append_text(&b, quoted ? "\"" : "x");
            char *to = buf_reserve(&b, LIST_CELL_MAX);
            memset(to, 'y', LIST_CELL_MAX);
            b.len += LIST_CELL_MAX - 1;
            buf_append_text(&b, quoted ? "y\"," : ",");
        }
        buf_append_text(&b, "end\r\nsecond,row\n");
        compare(buf_slice(&b), ',', 100000, 7);
        compare(buf_slice(&b), ',', 4000000, 7);
        buf_deinit(&b);
    }
}

/* Bytes are moved in the window while a row, or a CR that may be half of a CRLF, is at its end. */
static void test_moves(void **state)
{
    static const char *const rows[] = {"a,b\r\n", "\"a\",b\r\n", "\"a\r\n\"\r\n", "a\r"};
    struct buf b;

    (void)state;
    for (unsigned r = 0; r < 4; r++) {
        buf_init(&b, SIZE_MAX);
        while (b.len < 3 * FEED_FIRST)
            buf_append_text(&b, rows[r]);
        for (unsigned seed = 0; seed < 3; seed++) {
            compare(buf_slice(&b), ',', 3, seed);
            b.data[seed] = 'x'; /* so that the rest falls otherwise */
        }
        buf_deinit(&b);
    }
}

struct row_case {
    const char *list;
    const char *rows; /* cells between bars, one line per row */
};

static const struct row_case row_cases[] = {
    {"a,b\n1,2\n", "1|2 \n"},
    {"a,b\n1,2", "1|2 \n"},
    {"a,b\r\n1,2\r\n", "1|2 \n"},
    {"a,b\r1,2\r3,4\r", "1|2 \n3|4 \n"},
    {"\xef\xbb\xbf"
     "a,b\n1,2\n",
     "1|2 \n"},
    {"\n\r\n\na,b\n\n1,2\n\n\n3,4\n\n", "1|2 \n3|4 \n"},
    /* Cells are byte for byte. */
    {"a,b\n 1 , 2\t\n", " 1 | 2\t \n"},
    {"a,b\n\" 1 \",\"\"\n", " 1 | \n"},
    {"a,b\n\"x \"\"y\"\"\",\"1,2\"\n", "x \"y\"|1,2 \n"},
    {"a,b\n\"x\ny\",\"z\r\n\"\n", "x\ny|z\r\n \n"},
    {"a,b\n5\" disk,x\n", "5\" disk|x \n"},
    {"a,b\n\"it\"s\",x\n", "it\"s|x \n"},
    /* Blanks behind a closing quote do not leave it open. */
    {"a,b\n\"x\" ,1\ny,\"2\"\t\n", "x|1 \ny|2 \n"},
    {"a,b\n\"x\" ,1\ny,\"2\" ", "x|1 \ny|2 \n"},
    {"a\tb\n\"x\" \t 1\n", "x| 1 \n"},
    {"a,b\n \"x\",1\n", " \"x\"|1 \n"},
    /* Ragged. */
    {"a,b,c\n1\n1,2\n1,2,3\n", "1|| \n1|2| \n1|2|3 \n"},
    {"a,b\n1,2,,\n1,2,,x\n", "1|2 \n1|2 !4 cells where the header has 2\n"},
    {"a,b\n1,\"2\",\"\"\n1,2,\"x\"\n", "1|2 \n1|2 !3 cells where the header has 2\n"},
    {"a,b\n,\n", "| \n"},
    {"a,b\n   \n", "   | \n"},
    /* One column. */
    {"email\na@b.example\nc@d.example\n", "a@b.example \nc@d.example \n"},
    /* Bad UTF-8 is told where it is, once, and only there. */
    {"Name,City\nx,y\nx,K\xf6ln\nz,K\xc3\xb6ln\n",
     "x|y \nx|K\xf6ln !not UTF-8 in column 2 (City)\nz|K\xc3\xb6ln \n"},
    {"a,b\n\"\xff\",1", "\xff|1 !not UTF-8 in column 1 (a)\n"},
    {"a,b\nx,1,\xff\ny,1\n", "x|1 !not UTF-8\ny|1 \n"},
    {"a,b\nx,1\xc3\n\xb6,2\n",
     "x|1\xc3 !not UTF-8 in column 2 (b)\n\xb6|2 !not UTF-8 in column 1 (a)\n"},
    /* NDJSON. */
    {"{\"a\":\"x\",\"b\":1}\n", "x|1 \n"},
    {" {\"a\":\"x\"}\r\n\n  \n{\"b\":\"\\u00e9\\n\",\"a\":null}", "x| \n|\xc3\xa9\n \n"},
    {"{\"a\":[1, {\"c\":2}],\"b\":{\"d\": true}}\n{\"a\":false,\"b\":-1.5}\n",
     "[1,{\"c\":2}]|{\"d\":true} \nfalse|-1.5 \n"},
    {"{\"a\":1,\"a\":2}\n{\"a\":null,\"a\":3}\n", "1 \n \n"},
    {"{\"a\":1}\n[1]\n\"x\"\n{\"a\":2}\n", "1 \n !not a JSON object\n !not a JSON object\n2 \n"},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(row_cases) / sizeof(row_cases[0]); i++) {
        const struct row_case *t = &row_cases[i];
        struct list_shard shards[2];
        struct error e = {0};
        struct dump d, again;

        dump_init(&d, true);
        dump_init(&again, true);
        struct list *l =
            open_or_fail(&(struct list_options){.path = put("rows", slice_of(t->list))});
        if (scan_all(l, shards, 2, &d, &e) != 1)
            fail_msg("row %zu: %s", i, e.message);
        if (!slice_eq(buf_slice(&d.text), slice_of(t->rows)))
            fail_msg("row %zu: %.*s", i, SLICE_ARG(buf_slice(&d.text)));
        again.columns = d.columns;
        assert_int_equal(list_read(l, &shards[0], dump_row, &again, &e), 0);
        assert_same(&d.text, &again.text);
        list_close(l);
        buf_deinit(&d.text);
        buf_deinit(&again.text);
    }
}

/* What is not JSON keeps its text, and says why; bad bytes and depth are told too. */
static int check_bad(void *arg, const struct list_row *row, struct error *e)
{
    unsigned *seen = arg;

    (void)e;
    if (++*seen == 1) {
        assert_null(row->bad);
        assert_true(slice_eq(row->json, SLICE_LIT("{\"a\": 1}")));
        assert_true(slice_eq(row->text, SLICE_LIT("  {\"a\": 1} ")));
        return 0;
    }
    assert_non_null(row->bad);
    assert_ptr_equal(strstr(row->bad, "not JSON: "), row->bad);
    assert_int_equal(row->json.len, 0);
    assert_int_equal(row->cells[0].len, 0);
    assert_true(row->text.len > 0);
    return 0;
}

static void test_bad_json(void **state)
{
    struct list_shard shard;
    struct error e = {0};
    unsigned seen = 0;
    struct buf b;

    (void)state;
    buf_init(&b, SIZE_MAX);
    buf_append_text(&b,
                    "  {\"a\": 1} \r\n{\"a\":1\n{\"a\":1} x\nnull{\n{\"a\":\"\xff\"}\n{'a':1}\n");
    for (int i = 0; i < 100; i++)
        buf_append_text(&b, "{\"a\":");
    struct list *l = open_or_fail(&(struct list_options){.path = put("bad", buf_slice(&b))});
    assert_int_equal(list_scan(l, &shard, check_bad, &seen, &e), 1);
    assert_int_equal(seen, 7);
    list_close(l);
    buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),    cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_long_rows), cmocka_unit_test(test_moves),
        cmocka_unit_test(test_rows),      cmocka_unit_test(test_bad_json),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
