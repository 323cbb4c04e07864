/* Gives the bytes of a list, whatever they are packed in.
 *
 * 1. `raw` holds packed bytes that were read and not yet unpacked; a source that is read in place
 * does not use it after the open.
 * 2. Several gzip members or zstd frames in a row are one list, as gzip and zstd themselves have
 * it; so pigz, bgzip and `cat a.gz b.gz` work.
 * 3. The end of the file inside a member or frame is an error, never an end of the list.
 *
 * Failure modes: every message begins with the source's name; what was given before an error is
 * good. One thread at a time, but source_fd, source_name and source_packing never change. */
#include "input/source.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/file.h"

#define RAW_BYTES ((size_t)128 << 10)
#define RATIO_RUN ((uint64_t)64 << 20) /* unpacked bytes over which LIST_RATIO_MAX is held */
#define MAGIC_LEN 4
/* What the zstd tool accepts without being asked: larger windows need --long=31 there too. */
#define ZSTD_WINDOW_LOG 27

struct source {
    char *name;
    int fd;
    bool own_fd, in_place;
    enum list_packing packing;
    uint64_t size; /* at the open, of a regular file */
    uint64_t at;   /* bytes read from the file; in place: the offset that is read next */

    char *raw;
    size_t raw_at, raw_end;
    bool raw_eof;

    z_stream gzip;
    bool gzip_ready;
    ZSTD_DStream *zstd;
    bool open; /* inside a member or frame */

    uint64_t run_out, run_in; /* of the current RATIO_RUN */
};

const char *source_name(const struct source *s)
{
    return s->name;
}

enum list_packing source_packing(const struct source *s)
{
    return s->packing;
}

bool source_in_place(const struct source *s)
{
    return s->in_place;
}

int source_fd(const struct source *s)
{
    return s->fd;
}

uint64_t source_bytes(const struct source *s)
{
    return s->size;
}

uint64_t source_done(const struct source *s)
{
    return s->at - (s->raw_end - s->raw_at);
}

/* read(), over EINTR, and waiting where somebody made standard input non-blocking. */
static int read_some(struct source *s, char *to, size_t room, size_t *got, struct error *e)
{
    for (;;) {
        ssize_t n = read(s->fd, to, room);
        if (n >= 0) {
            *got = (size_t)n;
            s->at += (uint64_t)n;
            return 0;
        }
        if (errno == EAGAIN) {
            struct pollfd p = {.fd = s->fd, .events = POLLIN};
            if (poll(&p, 1, -1) >= 0 || errno == EINTR)
                continue;
        }
        if (errno != EINTR)
            return error_errno(e, ERR_IO, errno, "cannot read %s", s->name);
    }
}

/* Make raw bytes be there, unless the file has ended. */
static int fill_raw(struct source *s, struct error *e)
{
    size_t got;

    if (s->raw_at < s->raw_end || s->raw_eof)
        return 0;
    int rc = read_some(s, s->raw, RAW_BYTES, &got, e);
    if (rc < 0)
        return rc;
    s->raw_at = 0;
    s->raw_end = got;
    s->raw_eof = got == 0;
    return 0;
}

static enum list_packing packing_of(const unsigned char *p, size_t len)
{
    if (len >= 2 && p[0] == 0x1f && p[1] == 0x8b)
        return LIST_GZIP;
    if (len < 4)
        return LIST_PLAIN;
    uint32_t magic =
        (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    /* A skippable frame may come first: pzstd writes one. */
    bool zstd = magic == ZSTD_MAGICNUMBER ||
                (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
    return zstd ? LIST_ZSTD : LIST_PLAIN;
}

/* Read the first bytes and see by them what it is packed in. */
static int sniff(struct source *s, struct error *e)
{
    while (s->raw_end < MAGIC_LEN && !s->raw_eof) {
        size_t got;
        int rc = read_some(s, s->raw + s->raw_end, RAW_BYTES - s->raw_end, &got, e);
        if (rc < 0)
            return rc;
        s->raw_end += got;
        s->raw_eof = got == 0;
    }
    if (s->raw_end == 0)
        return error_set(e, ERR_DATA, "%s is empty", s->name);
    s->packing = packing_of((const unsigned char *)s->raw, s->raw_end);
    return 0;
}

static int start_unpacking(struct source *s, struct error *e)
{
    switch (s->packing) {
    case LIST_PLAIN:
        return 0;
    case LIST_GZIP:
        /* 16: expect a gzip header, and check its trailer. */
        s->gzip_ready = inflateInit2(&s->gzip, 16 + MAX_WBITS) == Z_OK;
        s->open = true;
        return s->gzip_ready ? 0 : error_set(e, ERR_INTERNAL, "out of memory");
    case LIST_ZSTD:
        s->zstd = ZSTD_createDStream();
        if (!s->zstd ||
            ZSTD_isError(ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG)))
            return error_set(e, ERR_INTERNAL, "out of memory");
        return 0;
    }
    return 0;
}

static int open_path(struct source *s, const char *path, struct error *e)
{
    struct stat st;

    if (strcmp(path, "-") != 0) {
        s->fd = file_open_read(path, e);
        s->own_fd = true;
        if (s->fd < 0)
            return s->fd;
    } else {
        s->fd = STDIN_FILENO;
    }
    if (fstat(s->fd, &st) != 0)
        return error_errno(e, ERR_IO, errno, "cannot examine %s", s->name);
    if (S_ISDIR(st.st_mode))
        return error_set(e, ERR_NOINPUT, "%s is a folder, not a file", s->name);
    if (S_ISREG(st.st_mode)) {
        s->size = (uint64_t)st.st_size;
        s->in_place = s->own_fd;
    }
    return 0;
}

int source_open(struct source **out, const char *path, struct error *e)
{
    struct source *s = calloc(1, sizeof(*s));
    int rc = 0;

    *out = NULL;
    if (!s)
        return error_set(e, ERR_INTERNAL, "out of memory");
    s->fd = -1;
    s->name = strdup(strcmp(path, "-") == 0 ? "standard input" : path);
    s->raw = malloc(RAW_BYTES);
    if (!s->name || !s->raw)
        rc = error_set(e, ERR_INTERNAL, "out of memory");
    if (rc == 0)
        rc = open_path(s, path, e);
    if (rc == 0)
        rc = sniff(s, e);
    if (rc == 0)
        rc = start_unpacking(s, e);
    if (rc < 0) {
        source_close(s);
        return rc;
    }
    s->in_place = s->in_place && s->packing == LIST_PLAIN;
    if (s->in_place)
        source_seek(s, 0);
    *out = s;
    return 0;
}

void source_close(struct source *s)
{
    if (!s)
        return;
    if (s->gzip_ready)
        inflateEnd(&s->gzip);
    ZSTD_freeDStream(s->zstd);
    if (s->own_fd && s->fd >= 0)
        close(s->fd);
    free(s->raw);
    free(s->name);
    free(s);
}

void source_seek(struct source *s, uint64_t offset)
{
    s->at = offset;
    s->raw_at = s->raw_end = 0;
}

static int read_in_place(struct source *s, char *to, size_t room, size_t *got, struct error *e)
{
    uint64_t left = s->size > s->at ? s->size - s->at : 0;

    *got = 0;
    if (left == 0)
        return 0;
    for (;;) {
        ssize_t n = pread(s->fd, to, left < room ? (size_t)left : room, (off_t)s->at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(e, ERR_IO, errno, "cannot read %s", s->name);
        if (n == 0)
            return error_set(e, ERR_DATA,
                             "%s became shorter while it was read: from %llu to %llu bytes",
                             s->name, (unsigned long long)s->size, (unsigned long long)s->at);
        s->at += (uint64_t)n;
        *got = (size_t)n;
        return 0;
    }
}

static int read_plain(struct source *s, char *to, size_t room, size_t *got, struct error *e)
{
    size_t left = s->raw_end - s->raw_at;

    if (left == 0) {
        *got = 0;
        return s->raw_eof ? 0 : read_some(s, to, room, got, e);
    }
    *got = left < room ? left : room;
    memcpy(to, s->raw + s->raw_at, *got);
    s->raw_at += *got;
    return 0;
}

static int cut_short(const struct source *s, const char *kind, struct error *e)
{
    return error_set(
        e, ERR_DATA,
        "%s ends inside its %s stream, after %llu bytes: it was cut short; copy it again", s->name,
        kind, (unsigned long long)s->at);
}

static int broken(const struct source *s, const char *kind, const char *why, struct error *e)
{
    return error_set(e, ERR_DATA, "%s: the %s stream is broken at about byte %llu: %s", s->name,
                     kind, (unsigned long long)source_done(s), why);
}

/* Whether what follows a gzip member is another one; zeros that pad a tape's or disk's block are
 * none. *more is false at the end of the file. */
static int next_member(struct source *s, bool *more, struct error *e)
{
    for (;;) {
        int rc = fill_raw(s, e);
        if (rc < 0)
            return rc;
        *more = s->raw_at < s->raw_end;
        if (!*more || s->raw[s->raw_at] != '\0')
            return 0;
        s->raw_at++;
    }
}

static int read_gzip(struct source *s, char *to, size_t room, size_t *got, struct error *e)
{
    *got = 0;
    while (*got == 0) {
        bool more = true;
        int rc = s->open ? fill_raw(s, e) : next_member(s, &more, e);
        if (rc < 0 || !more)
            return rc;
        if (!s->open && inflateReset(&s->gzip) != Z_OK)
            return error_set(e, ERR_INTERNAL, "zlib cannot start again");
        s->open = true;
        if (s->raw_at == s->raw_end)
            return cut_short(s, "gzip", e);
        s->gzip.next_in = (unsigned char *)s->raw + s->raw_at;
        s->gzip.avail_in = (unsigned)(s->raw_end - s->raw_at);
        s->gzip.next_out = (unsigned char *)to;
        s->gzip.avail_out = (unsigned)room;
        int end = inflate(&s->gzip, Z_NO_FLUSH);
        s->raw_at = s->raw_end - s->gzip.avail_in;
        *got = room - s->gzip.avail_out;
        if (end == Z_STREAM_END)
            s->open = false;
        else if (end == Z_MEM_ERROR)
            return error_set(e, ERR_INTERNAL, "out of memory");
        else if (end != Z_OK && end != Z_BUF_ERROR)
            return broken(s, "gzip", s->gzip.msg ? s->gzip.msg : "no gzip data", e);
    }
    return 0;
}

static int read_zstd(struct source *s, char *to, size_t room, size_t *got, struct error *e)
{
    *got = 0;
    while (*got == 0) {
        int rc = fill_raw(s, e);
        if (rc < 0)
            return rc;
        bool dry = s->raw_at == s->raw_end;
        if (dry && !s->open)
            return 0;
        ZSTD_inBuffer in = {s->raw, s->raw_end, s->raw_at};
        ZSTD_outBuffer out = {to, room, 0};
        size_t left = ZSTD_decompressStream(s->zstd, &out, &in);
        s->raw_at = in.pos;
        *got = out.pos;
        if (ZSTD_isError(left) &&
            ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge)
            return error_set(
                e, ERR_DATA,
                "%s needs more than %u MiB to unpack: compress it again without --long", s->name,
                1u << (ZSTD_WINDOW_LOG - 20));
        if (ZSTD_isError(left))
            return broken(s, "zstd", ZSTD_getErrorName(left), e);
        s->open = left != 0;
        /* Without input it can still have had output to give, but only so. */
        if (dry && s->open && out.pos == 0)
            return cut_short(s, "zstd", e);
    }
    return 0;
}

/* 1 GiB of zeros is 33 kB of zstd: nobody's list, and hours of work for nothing. */
static int hold_ratio(struct source *s, uint64_t in, size_t out, struct error *e)
{
    s->run_in += in;
    s->run_out += out;
    if (s->run_out < RATIO_RUN)
        return 0;
    if (s->run_in * LIST_RATIO_MAX < s->run_out)
        return error_set(e, ERR_DATA, "%s unpacks to more than %d times its size: it is not a list",
                         s->name, LIST_RATIO_MAX);
    s->run_in = s->run_out = 0;
    return 0;
}

int source_read(struct source *s, char *to, size_t room, size_t *got, struct error *e)
{
    uint64_t before = source_done(s);
    int rc = 0;

    switch (s->packing) {
    case LIST_PLAIN:
        return s->in_place ? read_in_place(s, to, room, got, e) : read_plain(s, to, room, got, e);
    case LIST_GZIP:
        rc = read_gzip(s, to, room, got, e);
        break;
    case LIST_ZSTD:
        rc = read_zstd(s, to, room, got, e);
        break;
    }
    return rc < 0 ? rc : hold_ratio(s, source_done(s) - before, *got, e);
}
