/* Compresses output piece by piece, each piece a zstd frame, a gzip member or plain bytes.
 *
 * 1. The same bytes give the same piece, however they were cut into frame_add calls and whatever
 *    was compressed before: the library sees whole blocks of BLOCK bytes and one rest, never the
 *    caller's cuts, and starts each piece afresh.
 * 2. A piece to which nothing was added leaves no bytes.
 * 3. After an error the piece begun is forgotten; the next frame_add begins a new one.
 *
 * A frame is used by one thread at a time; frame_pack and frame_unpack by any. */
#include "output/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

/* What zstd cuts its own blocks to, so that collecting costs nothing in size. */
#define BLOCK ((size_t)128 << 10)

#define ZSTD_USUAL 3
#define GZIP_USUAL 6
#define GZIP_BITS  (MAX_WBITS + 16) /* +16: with a gzip header and trailer */
#define GZIP_OS    255              /* unknown: the header must not tell where it was written */

/* The largest window a reply may ask for when it is unpacked (128 MiB is zstd's own limit). */
#define UNPACK_WINDOW_LOG 27

struct frame {
    enum frame_packing packing;
    bool begun; /* bytes were added to the piece */
    ZSTD_CCtx *zstd;
    z_stream gzip;
    bool gzip_ready;
    gz_header gzip_header;
    size_t held; /* bytes in block */
    unsigned char block[BLOCK];
};

static bool create_zstd(struct frame *f, int level)
{
    f->zstd = ZSTD_createCCtx();
    if (!f->zstd)
        return false;
    /* A level beyond the library's range is brought into it. */
    size_t rc = ZSTD_CCtx_setParameter(f->zstd, ZSTD_c_compressionLevel, level);
    if (!ZSTD_isError(rc))
        rc = ZSTD_CCtx_setParameter(f->zstd, ZSTD_c_checksumFlag, 1);
    return !ZSTD_isError(rc);
}

static bool create_gzip(struct frame *f, int level)
{
    int bounded = level < 1 ? 1 : level > 9 ? 9 : level;

    f->gzip_header.os = GZIP_OS; /* the rest, time included, is zero */
    f->gzip_ready = deflateInit2(&f->gzip, bounded, Z_DEFLATED, GZIP_BITS, MAX_MEM_LEVEL - 1,
                                 Z_DEFAULT_STRATEGY) == Z_OK;
    return f->gzip_ready;
}

struct frame *frame_create(enum frame_packing packing, int level)
{
    struct frame *f = calloc(1, sizeof(*f));
    bool ready = true;

    if (!f)
        return NULL;
    f->packing = packing;
    switch (packing) {
    case FRAME_PLAIN:
        break;
    case FRAME_ZSTD:
        ready = create_zstd(f, level ? level : ZSTD_USUAL);
        break;
    case FRAME_GZIP:
        ready = create_gzip(f, level ? level : GZIP_USUAL);
        break;
    }
    if (ready)
        return f;
    frame_destroy(f);
    return NULL;
}

void frame_destroy(struct frame *f)
{
    if (!f)
        return;
    ZSTD_freeCCtx(f->zstd);
    if (f->gzip_ready)
        deflateEnd(&f->gzip);
    free(f);
}

static int no_room(const struct buf *out, struct error *e)
{
    return error_set(e, ERR_INTERNAL,
                     "compressed output finds no memory or passes its limit of %zu bytes",
                     out->max);
}

/* Give the library some bytes; `last` ends the piece. The room offered each time is a whole block's
 * worst case, so that the library always takes the same way through its code. */
static int feed_zstd(struct frame *f, struct slice bytes, bool last, struct buf *out,
                     struct error *e)
{
    const size_t room = ZSTD_CStreamOutSize();
    ZSTD_inBuffer in = {bytes.data, bytes.len, 0};
    size_t left;

    do {
        char *to = buf_reserve(out, room);
        if (!to)
            return no_room(out, e);
        ZSTD_outBuffer part = {to, room, 0};
        left = ZSTD_compressStream2(f->zstd, &part, &in, last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left))
            return error_set(e, ERR_INTERNAL, "zstd: %s", ZSTD_getErrorName(left));
        out->len += part.pos;
    } while (last ? left > 0 : in.pos < in.size);
    return 0;
}

static int feed_gzip(struct frame *f, struct slice bytes, bool last, struct buf *out,
                     struct error *e)
{
    int rc;

    f->gzip.next_in = (z_const Bytef *)bytes.data;
    f->gzip.avail_in = (uInt)bytes.len;
    do {
        char *to = buf_reserve(out, BLOCK);
        if (!to)
            return no_room(out, e);
        f->gzip.next_out = (Bytef *)to;
        f->gzip.avail_out = (uInt)BLOCK;
        rc = deflate(&f->gzip, last ? Z_FINISH : Z_NO_FLUSH);
        if (rc == Z_STREAM_ERROR)
            return error_set(e, ERR_INTERNAL, "zlib: %s",
                             f->gzip.msg ? f->gzip.msg : "inconsistent stream");
        out->len += BLOCK - f->gzip.avail_out;
    } while (last ? rc != Z_STREAM_END : f->gzip.avail_out == 0);
    return 0;
}

/* bytes.len is at most BLOCK, which fits zlib's 32 bits. */
static int feed(struct frame *f, struct slice bytes, bool last, struct buf *out, struct error *e)
{
    switch (f->packing) {
    case FRAME_PLAIN:
        buf_append_slice(out, bytes);
        return out->failed ? no_room(out, e) : 0;
    case FRAME_ZSTD:
        return feed_zstd(f, bytes, last, out, e);
    case FRAME_GZIP:
        return feed_gzip(f, bytes, last, out, e);
    }
    return error_set(e, ERR_INTERNAL, "no such packing: %d", (int)f->packing);
}

static void forget(struct frame *f)
{
    f->begun = false;
    f->held = 0;
    if (f->zstd)
        ZSTD_CCtx_reset(f->zstd, ZSTD_reset_session_only);
}

/* Nothing of an earlier piece may be left: deflateReset also forgets the header. */
static int begin(struct frame *f, struct error *e)
{
    if (f->gzip_ready &&
        (deflateReset(&f->gzip) != Z_OK || deflateSetHeader(&f->gzip, &f->gzip_header) != Z_OK))
        return error_set(e, ERR_INTERNAL, "zlib: the stream cannot be begun again");
    f->begun = true;
    return 0;
}

/* Take bytes into the block, at most as many as it has room for. */
static void hold(struct frame *f, struct slice *bytes)
{
    size_t take = BLOCK - f->held < bytes->len ? BLOCK - f->held : bytes->len;

    memcpy(f->block + f->held, bytes->data, take);
    f->held += take;
    bytes->data += take;
    bytes->len -= take;
}

/* Whole blocks leave, the rest is held. Where nothing is held, blocks leave from where they are. */
static int add_blocks(struct frame *f, struct slice bytes, struct buf *out, struct error *e)
{
    int code = 0;

    while (code == 0 && bytes.len > 0) {
        if (f->held == 0 && bytes.len >= BLOCK) {
            code = feed(f, (struct slice){bytes.data, BLOCK}, false, out, e);
            bytes.data += BLOCK;
            bytes.len -= BLOCK;
            continue;
        }
        hold(f, &bytes);
        if (f->held < BLOCK)
            break;
        f->held = 0;
        code = feed(f, (struct slice){(const char *)f->block, BLOCK}, false, out, e);
    }
    return code;
}

int frame_add(struct frame *f, struct slice bytes, struct buf *out, struct error *e)
{
    int code = 0;

    if (bytes.len == 0)
        return 0;
    if (!f->begun)
        code = begin(f, e);
    if (code == 0)
        code = add_blocks(f, bytes, out, e);
    if (code != 0)
        forget(f);
    return code;
}

int frame_end(struct frame *f, struct buf *out, struct error *e)
{
    int code = 0;

    if (f->begun)
        code = feed(f, (struct slice){(const char *)f->block, f->held}, true, out, e);
    forget(f);
    return code;
}

int frame_pack(struct slice bytes, struct buf *out, struct error *e)
{
    size_t room = ZSTD_compressBound(bytes.len);
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    int code = 0;

    if (!zstd)
        return error_set(e, ERR_INTERNAL, "out of memory");
    /* The worst case is far from what is needed: a buffer that has less may do, and zstd says when
     * it does not. */
    if (!out->failed && room > out->max - out->len)
        room = out->max - out->len;
    char *to = buf_reserve(out, room);
    if (!to) {
        code = no_room(out, e);
        goto done;
    }
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, ZSTD_USUAL);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
    size_t len = ZSTD_compress2(zstd, to, room, bytes.data, bytes.len);
    if (ZSTD_isError(len))
        code = error_set(e, ERR_INTERNAL, "zstd: %s", ZSTD_getErrorName(len));
    else
        out->len += len;
done:
    ZSTD_freeCCtx(zstd);
    return code;
}

/* How many bytes to offer next: what the frame says it holds, then ever more, and never beyond what
 * it or the buffer may have. */
static size_t unpack_room(struct slice zstd, size_t done, size_t max, const struct buf *out)
{
    unsigned long long said = ZSTD_getFrameContentSize(zstd.data, zstd.len);
    bool unsaid = said == ZSTD_CONTENTSIZE_UNKNOWN || said == ZSTD_CONTENTSIZE_ERROR;
    size_t room = done > 0 || unsaid ? 2 * BLOCK + done : (size_t)said;

    if (room > max - done)
        room = max - done;
    if (room > out->max - out->len)
        room = out->max - out->len;
    return room;
}

/* One step into the buffer. Where there is no more room a single byte beside it shows whether more
 * comes, or only the checksum. */
static int unpack_step(ZSTD_DCtx *ctx, ZSTD_inBuffer *in, size_t room, bool *full, size_t *left,
                       struct buf *out, struct error *e)
{
    char beyond;
    char *to = room > 0 ? buf_reserve(out, room) : &beyond;

    if (!to)
        return no_room(out, e);
    ZSTD_outBuffer part = {to, room > 0 ? room : 1, 0};
    *left = ZSTD_decompressStream(ctx, &part, in);
    if (ZSTD_isError(*left))
        return error_set(e, ERR_DATA, "not a sound zstd frame: %s", ZSTD_getErrorName(*left));
    if (room == 0 && part.pos > 0)
        return error_set(e, ERR_DATA, "unpacks to more bytes than it may have");
    if (room > 0)
        out->len += part.pos;
    *full = part.pos == part.size && *left > 0;
    return 0;
}

static int unpack_all(ZSTD_DCtx *ctx, struct slice zstd, size_t max, struct buf *out,
                      struct error *e)
{
    const size_t from = out->len;
    ZSTD_inBuffer in = {zstd.data, zstd.len, 0};
    size_t left = 1; /* 0: the frame is whole */
    bool full = false;
    int code = 0;

    while (code == 0 && (in.pos < in.size || full)) {
        size_t room = unpack_room(zstd, out->len - from, max, out);
        code = unpack_step(ctx, &in, room, &full, &left, out, e);
    }
    if (code == 0 && left != 0)
        return error_set(e, ERR_DATA, "the zstd frame is cut off");
    return code;
}

int frame_unpack(struct slice zstd, size_t max, struct buf *out, struct error *e)
{
    const size_t from = out->len;
    ZSTD_DCtx *ctx = ZSTD_createDCtx();

    if (!ctx)
        return error_set(e, ERR_INTERNAL, "out of memory");
    ZSTD_DCtx_setParameter(ctx, ZSTD_d_windowLogMax, UNPACK_WINDOW_LOG);
    int code = unpack_all(ctx, zstd, max, out, e);
    ZSTD_freeDCtx(ctx);
    if (code != 0 && !out->failed)
        out->len = from;
    return code;
}
