/* Keeps lines in a file.
 *
 * 1. A line is in the file whole, or it is the last one.
 * 2. After an error nothing is written any more: the end of the file is not known.
 *
 * Killed while writing: the torn last line is cut off when the file is opened again. One thread. */
#include "sim/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

/* Lines that wait for one sync; those of a loop's turn, so never near it. */
#define PENDING_MAX (64u << 20)

struct journal {
    int fd;
    bool failed;
    uint64_t len; /* of whole lines in the file */
    struct buf pending;
};

struct journal_map {
    void *data;
    size_t len;
};

static int map_file(int fd, struct journal_map *m, struct error *e)
{
    struct stat st;
    *m = (struct journal_map){0};
    if (fstat(fd, &st) != 0)
        return error_errno(e, ERR_IO, errno, "cannot look at the journal");
    if (st.st_size == 0)
        return 0;
    m->len = (size_t)st.st_size;
    m->data = mmap(NULL, m->len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (m->data == MAP_FAILED) {
        m->data = NULL;
        return error_errno(e, ERR_IO, errno, "cannot map the journal");
    }
    return 0;
}

/* Give out the lines of the first `len` bytes; *whole is the length of those that were taken. */
static int walk_lines(const char *data, size_t len, size_t *whole, journal_line_fn *fn, void *arg,
                      struct error *e)
{
    *whole = 0;
    while (*whole < len) {
        const char *at = data + *whole;
        const char *end = memchr(at, '\n', len - *whole);
        if (!end)
            return 0;
        int code = fn(arg, (struct slice){at, (size_t)(end - at)}, e);
        if (code == ERR_DATA && end + 1 == data + len)
            return 0;
        if (code != 0)
            return error_prefix(e, "line at byte %zu", *whole);
        *whole = (size_t)(end + 1 - data);
    }
    return 0;
}

static int replay(struct journal *j, journal_line_fn *fn, void *arg, struct error *e)
{
    struct journal_map m;
    size_t whole = 0;
    int code = map_file(j->fd, &m, e);
    if (code == 0)
        code = walk_lines(m.data, m.len, &whole, fn, arg, e);
    if (m.data)
        munmap(m.data, m.len);
    if (code != 0)
        return code;
    e->code = 0;
    j->len = whole;
    if (whole < m.len && ftruncate(j->fd, (off_t)whole) != 0)
        return error_errno(e, ERR_IO, errno, "cannot cut off a torn line");
    return 0;
}

int journal_open(struct journal **out, const char *path, journal_line_fn *fn, void *arg,
                 struct error *e)
{
    struct journal *j = calloc(1, sizeof *j);
    *out = NULL;
    if (!j)
        return error_set(e, ERR_INTERNAL, "no memory for the journal");
    buf_init(&j->pending, PENDING_MAX);
    j->fd = file_create(path, false, e);
    if (j->fd < 0 || file_sync_folder(path, e) != 0 || replay(j, fn, arg, e) != 0) {
        error_prefix(e, "%s", path);
        journal_close(j);
        return e->code;
    }
    *out = j;
    return 0;
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    buf_deinit(&j->pending);
    if (j->fd >= 0)
        close(j->fd);
    free(j);
}

struct buf *journal_pending(struct journal *j)
{
    return &j->pending;
}

int journal_sync(struct journal *j, bool durable, struct error *e)
{
    if (j->failed)
        return error_set(e, ERR_IO, "the simulator's journal failed before");
    j->failed = true;
    if (j->pending.failed)
        return error_set(e, ERR_INTERNAL, "no memory for lines of the journal");
    if (j->pending.len > 0) {
        if (file_write_at(j->fd, j->pending.data, j->pending.len, j->len, e) != 0)
            return e->code;
        j->len += j->pending.len;
        buf_reset(&j->pending);
    }
    if (durable && file_sync(j->fd, e) != 0)
        return e->code;
    j->failed = false;
    return 0;
}

int journal_read(struct journal *j, journal_line_fn *fn, void *arg, struct error *e)
{
    struct journal_map m;
    size_t whole;
    int code = map_file(j->fd, &m, e);
    if (code == 0)
        code = walk_lines(m.data, m.len < j->len ? m.len : j->len, &whole, fn, arg, e);
    if (m.data)
        munmap(m.data, m.len);
    return code;
}
