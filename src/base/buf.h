/* A growing byte buffer with a maximum and a sticky failure, so that writers append without
 * checking and check once: after an append that would pass `max` or finds no memory, `failed` is
 * true, the contents are unspecified and every later append does nothing. */
#ifndef TRANCHE_BASE_BUF_H
#define TRANCHE_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* Readable (zeroed) bytes that buf_reserve_padding keeps behind the contents, for readers that load
 * whole vectors. */
#define BUF_PADDING 64

struct buf {
    char *data;
    size_t len;
    size_t cap; /* bytes the contents may have before it grows */
    size_t max;
    bool failed;
};

/* max: the most bytes it will ever hold. Allocates nothing yet. */
void buf_init(struct buf *b, size_t max);
void buf_deinit(struct buf *b);
/* Empty it, keep its memory, clear the failure. */
void buf_reset(struct buf *b);

void buf_append(struct buf *b, const void *data, size_t len);
void buf_append_slice(struct buf *b, struct slice s);
void buf_append_text(struct buf *b, const char *text);
void buf_append_char(struct buf *b, char c);
void buf_append_u64(struct buf *b, uint64_t value);
void buf_append_i64(struct buf *b, int64_t value);
void buf_append_format(struct buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Room for `len` more bytes at data+len, which the caller fills and then adds to b->len. NULL when
 * the buffer failed. */
char *buf_reserve(struct buf *b, size_t len);

/* Make BUF_PADDING zero bytes readable behind the contents. False when there is no memory. */
bool buf_reserve_padding(struct buf *b);

/* A NUL behind the contents, not counted in len; "" when failed or empty. */
const char *buf_text(struct buf *b);

static inline struct slice buf_slice(const struct buf *b)
{
    return (struct slice){b->data ? b->data : "", b->len};
}

/* Move the contents out of `from` into `to` (deinit'ing what `to` had); `from` is left empty. */
void buf_take(struct buf *to, struct buf *from);

#endif
