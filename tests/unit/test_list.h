/* What the tests of lists share: files in a folder of their own, packed every way; and rows as text
 * that can be compared. */
#ifndef TRANCHE_TEST_LIST_H
#define TRANCHE_TEST_LIST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/file.h"
#include "input/list.h"

#define SHARDS_MAX 64

static char test_folder[] = "/tmp/tranche-list-XXXXXX";

static inline int make_folder(void **state)
{
    (void)state;
    return mkdtemp(test_folder) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", test_folder);
    return system(command);
}

/* Good until the 32nd call after it. */
static inline const char *path_of(const char *name)
{
    static char paths[32][128];
    static unsigned next;
    char *path = paths[next++ % 32];

    snprintf(path, sizeof(paths[0]), "%s/%s", test_folder, name);
    return path;
}

static inline const char *put(const char *name, struct slice data)
{
    const char *path = path_of(name);
    struct error e = {0};

    if (file_replace(path, data, false, &e) < 0)
        fail_msg("%s", e.message);
    return path;
}

static inline void put_all(struct buf *b, struct slice s)
{
    buf_append_slice(b, s);
    assert_false(b->failed);
}

static inline void gzip_append(struct buf *b, struct slice data)
{
    z_stream z = {0};

    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&z, data.len) + 64;
    char *to = buf_reserve(b, room);
    z.next_in = (unsigned char *)(uintptr_t)data.data;
    z.avail_in = (unsigned)data.len;
    z.next_out = (unsigned char *)to;
    z.avail_out = (unsigned)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    b->len += room - z.avail_out;
    deflateEnd(&z);
}

static inline void zstd_append(struct buf *b, struct slice data)
{
    size_t room = ZSTD_compressBound(data.len);
    char *to = buf_reserve(b, room);
    size_t len = ZSTD_compress(to, room, data.data, data.len, 3);

    assert_false(ZSTD_isError(len));
    b->len += len;
}

/* How the bytes of a list reach the program. */
enum way {
    WAY_PLAIN,
    WAY_KEEP,
    WAY_GZIP,
    WAY_GZIP_MEMBERS,
    WAY_ZSTD,
    WAY_ZSTD_FRAMES,
    WAY_STDIN_FILE,
    WAY_STDIN_PIPE,
    WAY_STDIN_GZIP,
    WAYS
};

static inline bool way_in_place(enum way way)
{
    return way == WAY_PLAIN;
}

static inline void pack(struct buf *b, enum way way, struct slice data)
{
    struct slice half = {data.data, data.len / 2};
    struct slice rest = {data.data + half.len, data.len - half.len};

    switch (way) {
    case WAY_GZIP:
    case WAY_STDIN_GZIP:
        gzip_append(b, data);
        return;
    case WAY_GZIP_MEMBERS:
        gzip_append(b, half);
        gzip_append(b, SLICE_EMPTY);
        gzip_append(b, rest);
        buf_append(b, "\0\0\0\0", 4); /* padding, as tapes have it */
        return;
    case WAY_ZSTD:
        zstd_append(b, data);
        return;
    case WAY_ZSTD_FRAMES:
        put_all(b, (struct slice){"\x50\x2a\x4d\x18\x04\0\0\0skip", 12}); /* a skippable frame */
        zstd_append(b, half);
        zstd_append(b, SLICE_EMPTY);
        zstd_append(b, rest);
        return;
    case WAY_PLAIN:
    case WAY_KEEP:
    case WAY_STDIN_FILE:
    case WAY_STDIN_PIPE:
    case WAYS:
        put_all(b, data);
        return;
    }
}

/* Standard input is replaced while a list that reads it is open. */
struct input {
    int saved;
    pid_t writer;
};

static inline pid_t write_into_pipe(int to[2], struct slice data)
{
    struct error e;
    pid_t pid = fork();

    if (pid == 0) {
        close(to[0]);
        file_write(to[1], data.data, data.len, &e);
        _exit(0);
    }
    return pid;
}

/* Make the list reachable; returns the path to open. */
static inline const char *input_open(struct input *in, enum way way, const char *name,
                                     struct slice data)
{
    struct buf b;
    const char *path;

    *in = (struct input){.saved = -1};
    buf_init(&b, SIZE_MAX);
    pack(&b, way, data);
    path = put(name, buf_slice(&b));
    if (way >= WAY_STDIN_FILE) {
        int fd = open(path, O_RDONLY), to[2];
        in->saved = dup(0);
        if (way == WAY_STDIN_PIPE) {
            close(fd);
            assert_int_equal(pipe(to), 0);
            in->writer = write_into_pipe(to, buf_slice(&b));
            close(to[1]);
            fd = to[0];
        }
        dup2(fd, 0);
        close(fd);
        path = "-";
    }
    buf_deinit(&b);
    return path;
}

static inline void input_close(struct input *in)
{
    if (in->saved < 0)
        return;
    dup2(in->saved, 0);
    close(in->saved);
    if (in->writer > 0)
        waitpid(in->writer, NULL, 0);
}

/* Rows as text: everything that a row says. */
struct dump {
    struct buf text;
    unsigned columns;
    uint64_t rows, bad;
    bool brief; /* cells between bars and `bad`, for expectations that people write */
};

static inline void dump_init(struct dump *d, bool brief)
{
    *d = (struct dump){.brief = brief};
    buf_init(&d->text, SIZE_MAX);
}

static inline int dump_row(void *arg, const struct list_row *row, struct error *e)
{
    struct dump *d = arg;

    (void)e;
    d->rows++;
    d->bad += row->bad != NULL;
    if (!d->brief)
        buf_append_format(&d->text, "%llu@%llu ", (unsigned long long)row->record,
                          (unsigned long long)row->line);
    for (unsigned i = 0; i < d->columns; i++) {
        if (!d->brief)
            buf_append_format(&d->text, "%zu:", row->cells[i].len);
        buf_append_slice(&d->text, row->cells[i]);
        buf_append_char(&d->text, i + 1 < d->columns ? '|' : ' ');
    }
    if (!d->brief) {
        buf_append_slice(&d->text, row->json);
        buf_append_char(&d->text, '~');
        buf_append_slice(&d->text, row->text);
    }
    if (row->bad)
        buf_append_format(&d->text, "!%s", row->bad);
    buf_append_char(&d->text, '\n');
    assert_false(d->text.failed);
    return 0;
}

/* Scan to the end, or `max` shards; returns the number of shards, or the error. */
static inline int scan_all(struct list *l, struct list_shard *shards, unsigned max, struct dump *d,
                           struct error *e)
{
    unsigned count = 0;
    int rc = 1;

    d->columns = list_columns(l);
    while (count < max && (rc = list_scan(l, &shards[count], dump_row, d, e)) > 0)
        count++;
    return rc < 0 ? rc : (int)count;
}

static inline void assert_same(const struct buf *a, const struct buf *b)
{
    assert_int_equal(a->len, b->len);
    if (a->len > 0)
        assert_memory_equal(a->data, b->data, a->len);
}

static inline struct list *open_or_fail(const struct list_options *o)
{
    struct list *l = NULL;
    struct error e = {0};

    if (list_open(&l, o, &e) < 0)
        fail_msg("%s", e.message);
    return l;
}

/* A list of `rows` rows in one of these shapes. */
enum shape { SHAPE_CSV, SHAPE_CRLF, SHAPE_TSV, SHAPE_QUOTED, SHAPE_CR, SHAPE_NDJSON, SHAPES };

static inline void make_row(struct buf *b, enum shape shape, unsigned i)
{
    switch (shape) {
    case SHAPE_CSV:
        buf_append_format(b, "%u,Anna %u,Müller,,a%u@example.com\n", i, i * 7, i);
        return;
    case SHAPE_CRLF:
        buf_append_format(b, "%u, Bob %u ,O'Neil,x,b%u@example.com\r\n%s", i, i * 7, i,
                          i % 1000 == 0 ? "\r\n" : "");
        return;
    case SHAPE_TSV:
        buf_append_format(b, "%u\tCarla, %u\tDoe\t\tc%u@example.com\n", i, i * 7, i);
        return;
    case SHAPE_QUOTED:
        buf_append_format(b, "%u,\"D \"\"%u\"\"\nline two, %s\",\"Doe\",  ,d%u@example.com\n", i,
                          i * 7, i % 3 ? "\r\nthree" : "", i);
        return;
    case SHAPE_CR:
        buf_append_format(b, "%u;Eve %u;\"Doe\rdoe\";;e%u@example.com\r", i, i * 7, i);
        return;
    case SHAPE_NDJSON:
        buf_append_format(b,
                          "{\"id\": %u, \"first\":\"F\\u00e9 %u\",\"tags\":[1, \"x\"],%s"
                          "\"email\":\"f%u@example.com\"}\n",
                          i, i * 7, i % 2 ? "\"ok\":true," : "", i);
        return;
    case SHAPES:
        return;
    }
}

static inline struct slice make_list(struct buf *b, enum shape shape, unsigned rows)
{
    static const char *const headers[SHAPES] = {
        "id,first,last,note,email\n",     "id,first,last,note,email\r\n",
        "id\tfirst\tlast\tnote\temail\n", "id,first,last,note,\"e\nmail\"\n",
        "id;first;last;note;email\r",     "",
    };

    buf_init(b, SIZE_MAX);
    buf_append_text(b, headers[shape]);
    for (unsigned i = 1; i <= rows; i++)
        make_row(b, shape, i);
    assert_false(b->failed);
    return buf_slice(b);
}

#endif
