/* Keeps the bytes of shards in zstd frames.
 *
 * 1. Frames up to `end` are whole and durable; what lies behind is the frame being written, or what
 * is left of one.
 * 2. A frame has a checksum: damage on the disk is told from a list that changed.
 *
 * Happy path: write, write, end_frame; fdatasync has returned before anybody learns where the frame
 * is. Failure modes: a crash leaves a tail behind `keep`, which is cut off; a file shorter than
 * `keep` lost durable bytes, and is never mended.
 *
 * Writing: one thread. Reading: any, beside the writer, because frames never change. */
#include "input/spool.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/file.h"

/* The fastest that zstd has by number: a list is spooled while vendors are waited for, but the
 * first request waits for the first shard. */
#define SPOOL_LEVEL 1
#define IO_BYTES    ((size_t)128 << 10)

struct spool {
    int fd;
    char *path;
    uint64_t end;
    /* The frame being written. */
    ZSTD_CCtx *zstd;
    char *packed;
    size_t packed_len;
    uint64_t frame_bytes; /* of it, in the file */
};

struct spool_frame {
    const struct spool *spool;
    uint64_t at, left; /* what of the file was not read yet */
    ZSTD_DCtx *zstd;
    char *packed;
    size_t packed_at, packed_end;
    bool whole; /* its last byte was given */
};

void spool_close(struct spool *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    ZSTD_freeCCtx(s->zstd);
    free(s->packed);
    free(s->path);
    free(s);
}

static int check_length(const struct spool *s, uint64_t *len, struct error *e)
{
    struct stat st;

    if (fstat(s->fd, &st) != 0)
        return error_errno(e, ERR_IO, errno, "cannot examine %s", s->path);
    *len = (uint64_t)st.st_size;
    if (*len < s->end)
        return error_set(e, ERR_DATA,
                         "the spooled list %s is damaged: it has %llu bytes and should have %llu",
                         s->path, (unsigned long long)*len, (unsigned long long)s->end);
    return 0;
}

/* fd: negative with *e set, as opening gave it. */
static int begin(struct spool **out, int fd, const char *path, uint64_t keep, uint64_t *len,
                 struct error *e)
{
    *out = NULL;
    if (fd < 0)
        return fd;
    struct spool *s = calloc(1, sizeof(*s));
    if (!s) {
        close(fd);
        return error_set(e, ERR_INTERNAL, "out of memory");
    }
    s->fd = fd;
    s->end = keep;
    s->path = strdup(path);
    int rc = s->path ? check_length(s, len, e) : error_set(e, ERR_INTERNAL, "out of memory");
    if (rc < 0)
        spool_close(s);
    else
        *out = s;
    return rc;
}

int spool_open(struct spool **out, const char *path, uint64_t keep, struct error *e)
{
    uint64_t len;

    return begin(out, file_open_read(path, e), path, keep, &len, e);
}

static int prepare_writing(struct spool *s, uint64_t len, struct error *e)
{
    if (len > s->end && ftruncate(s->fd, (off_t)s->end) != 0)
        return error_errno(e, ERR_IO, errno, "cannot shorten %s", s->path);
    s->zstd = ZSTD_createCCtx();
    s->packed = malloc(IO_BYTES);
    if (!s->zstd || !s->packed)
        return error_set(e, ERR_INTERNAL, "out of memory");
    if (ZSTD_isError(ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_compressionLevel, SPOOL_LEVEL)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_checksumFlag, 1)))
        return error_set(e, ERR_INTERNAL, "zstd refuses its own parameters");
    return file_sync_folder(s->path, e);
}

int spool_append(struct spool **out, const char *path, uint64_t keep, struct error *e)
{
    uint64_t len;
    int rc = begin(out, file_create(path, false, e), path, keep, &len, e);

    if (rc == 0)
        rc = prepare_writing(*out, len, e);
    if (rc < 0) {
        spool_close(*out);
        *out = NULL;
    }
    return rc;
}

static int flush_packed(struct spool *s, struct error *e)
{
    int rc = file_write_at(s->fd, s->packed, s->packed_len, s->end + s->frame_bytes, e);

    if (rc < 0)
        return error_prefix(e, "%s", s->path);
    s->frame_bytes += s->packed_len;
    s->packed_len = 0;
    return 0;
}

/* Compress all of `in`, and end the frame if so asked. */
static int pack(struct spool *s, ZSTD_inBuffer in, ZSTD_EndDirective how, struct error *e)
{
    size_t left;

    do {
        ZSTD_outBuffer out = {s->packed, IO_BYTES, s->packed_len};
        left = ZSTD_compressStream2(s->zstd, &out, &in, how);
        if (ZSTD_isError(left))
            return error_set(e, ERR_INTERNAL, "cannot compress the list: %s",
                             ZSTD_getErrorName(left));
        s->packed_len = out.pos;
        if (s->packed_len == IO_BYTES) {
            int rc = flush_packed(s, e);
            if (rc < 0)
                return rc;
        }
    } while (in.pos < in.size || (how == ZSTD_e_end && left > 0));
    return 0;
}

int spool_write(struct spool *s, const char *data, size_t len, struct error *e)
{
    return pack(s, (ZSTD_inBuffer){data, len, 0}, ZSTD_e_continue, e);
}

int spool_end_frame(struct spool *s, uint64_t *offset, uint64_t *bytes, struct error *e)
{
    int rc = pack(s, (ZSTD_inBuffer){NULL, 0, 0}, ZSTD_e_end, e);

    if (rc == 0)
        rc = flush_packed(s, e);
    if (rc < 0)
        return rc;
    if (file_sync(s->fd, e) < 0)
        return error_prefix(e, "%s", s->path);
    *offset = s->end;
    *bytes = s->frame_bytes;
    s->end += s->frame_bytes;
    s->frame_bytes = 0;
    return 0;
}

struct spool_frame *spool_frame_open(const struct spool *s, uint64_t offset, uint64_t bytes)
{
    struct spool_frame *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->spool = s;
    f->at = offset;
    f->left = bytes;
    f->zstd = ZSTD_createDCtx();
    f->packed = malloc(IO_BYTES);
    if (!f->zstd || !f->packed) {
        spool_frame_close(f);
        return NULL;
    }
    return f;
}

void spool_frame_close(struct spool_frame *f)
{
    if (!f)
        return;
    ZSTD_freeDCtx(f->zstd);
    free(f->packed);
    free(f);
}

static int damaged(const struct spool_frame *f, const char *why, struct error *e)
{
    return error_set(e, ERR_DATA, "the spooled list %s is damaged near byte %llu: %s",
                     f->spool->path, (unsigned long long)f->at, why);
}

static int fill(struct spool_frame *f, struct error *e)
{
    size_t len = f->left < IO_BYTES ? (size_t)f->left : IO_BYTES;

    if (f->packed_at < f->packed_end || len == 0)
        return 0;
    if (file_read_at(f->spool->fd, f->packed, len, f->at, e) < 0)
        return error_prefix(e, "%s", f->spool->path);
    f->at += len;
    f->left -= len;
    f->packed_at = 0;
    f->packed_end = len;
    return 0;
}

int spool_frame_read(struct spool_frame *f, char *to, size_t room, size_t *got, struct error *e)
{
    *got = 0;
    while (*got == 0 && !f->whole) {
        int rc = fill(f, e);
        if (rc < 0)
            return rc;
        bool dry = f->packed_at == f->packed_end;
        ZSTD_inBuffer in = {f->packed, f->packed_end, f->packed_at};
        ZSTD_outBuffer out = {to, room, 0};
        size_t left = ZSTD_decompressStream(f->zstd, &out, &in);
        if (ZSTD_isError(left))
            return damaged(f, ZSTD_getErrorName(left), e);
        f->packed_at = in.pos;
        *got = out.pos;
        f->whole = left == 0;
        if (dry && !f->whole && out.pos == 0)
            return damaged(f, "the frame is cut short", e);
    }
    return 0;
}
