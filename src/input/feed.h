/* A sliding window over a stream of bytes: what has been read and not yet used up, in one piece, so
 * that rows can be looked at where they lie. */
#ifndef TRANCHE_INPUT_FEED_H
#define TRANCHE_INPUT_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "input/list.h"

#define FEED_FIRST ((size_t)256 << 10) /* fits the second-level cache */
#define FEED_MAX   (LIST_LINE_MAX + FEED_FIRST)

/* Put up to `room` bytes into `to`; *got 0: the stream has ended. 0 or a negative code. */
typedef int feed_fill_fn(void *arg, char *to, size_t room, size_t *got, struct error *e);
/* Gets every byte that was used up, in order, in large pieces. 0 or a negative code. */
typedef int feed_tap_fn(void *arg, const char *data, size_t len, struct error *e);

struct feed {
    char *data;    /* SCAN_SLACK bytes behind cap are readable */
    size_t cap;    /* grows from FEED_FIRST to FEED_MAX, for rows longer than that */
    size_t at;     /* what lies before is used up; whoever uses bytes up moves it */
    size_t end;    /* of what has been read */
    uint64_t base; /* the stream's offset of data[0] */
    uint64_t line; /* the stream's line, from 1, in which data[at] is; moved along with `at` */
    bool eof;      /* nothing will come behind `end` */
    feed_fill_fn *fill;
    void *fill_arg;
    feed_tap_fn *tap; /* or NULL */
    void *tap_arg;
    size_t tapped; /* what lies before went to the tap, or was not meant for it */
};

/* offset, line: of the first byte that fill will give. 0 or ERR_INTERNAL (no memory). */
int feed_init(struct feed *w, feed_fill_fn *fill, void *arg, uint64_t offset, uint64_t line,
                struct error *e);
void feed_deinit(struct feed *w);

/* Read at least `want` more bytes (fewer where the stream ends or the window is full), which may
 * move the contents: only offsets from `at` stay true. Returns 1; 0 when nothing follows; a
 * negative code. Who calls holds fewer than FEED_MAX bytes from `at` on. */
int feed_more(struct feed *w, size_t want, struct error *e);

/* Forget what was read, for going on elsewhere in the stream. */
void feed_restart(struct feed *w, uint64_t offset, uint64_t line);

/* From here on bytes go to this tap (NULL: to none). */
void feed_set_tap(struct feed *w, feed_tap_fn *tap, void *arg);
/* Give the tap what was used up and it has not had yet. 0 or its negative code. */
int feed_flush(struct feed *w, struct error *e);

/* The line end at `at` is used up (LF, CR, or both) and the line counted. 0 or a negative code. The
 * byte at `at` is CR or LF. */
int feed_skip_line_end(struct feed *w, struct error *e);
/* The same for all line ends from `at` on. Returns 1 when a byte follows; 0 at the end of the
 * stream; a negative code. */
int feed_skip_line_ends(struct feed *w, struct error *e);

static inline uint64_t feed_offset(const struct feed *w)
{
    return w->base + w->at;
}

#endif
