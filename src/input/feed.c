/* Keeps the part of a stream that is being looked at in one piece of memory.
 *
 * 1. tapped <= at <= end <= cap <= FEED_MAX.
 * 2. A tap sees each byte once: before bytes that were used up are overwritten, and at a flush.
 * 3. Contents move only in feed_more, which never gives up bytes from `at` on.
 *
 * One thread at a time. */
#include "input/feed.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "input/scan.h"

static bool grow(struct feed *w, size_t cap)
{
    char *data = realloc(w->data, cap + SCAN_SLACK);

    if (!data)
        return false;
    w->data = data;
    w->cap = cap;
    return true;
}

int feed_init(struct feed *w, feed_fill_fn *fill, void *arg, uint64_t offset, uint64_t line,
                struct error *e)
{
    *w = (struct feed){.fill = fill, .fill_arg = arg, .base = offset, .line = line};
    if (!grow(w, FEED_FIRST))
        return error_set(e, ERR_INTERNAL, "out of memory");
    return 0;
}

void feed_deinit(struct feed *w)
{
    free(w->data);
    *w = (struct feed){0};
}

/* Room for `want` more bytes, as far as FEED_MAX allows; and at least half of the window, so that
 * bytes are moved seldom and reads stay large. */
static int make_room(struct feed *w, size_t want, struct error *e)
{
    if (w->at > 0 && w->cap - w->end < (want > w->cap / 2 ? want : w->cap / 2)) {
        int rc = feed_flush(w, e);
        if (rc < 0)
            return rc;
        memmove(w->data, w->data + w->at, w->end - w->at);
        w->base += w->at;
        w->end -= w->at;
        w->at = w->tapped = 0;
    }
    size_t cap = w->cap;
    while (cap - w->end < want && cap < FEED_MAX)
        cap = cap > FEED_MAX / 2 ? FEED_MAX : cap * 2;
    if (cap > w->cap && !grow(w, cap))
        return error_set(e, ERR_INTERNAL, "out of memory");
    assert(w->end < w->cap);
    return 0;
}

int feed_more(struct feed *w, size_t want, struct error *e)
{
    size_t before, got = 0;

    if (w->eof)
        return 0;
    int rc = make_room(w, want, e);
    if (rc < 0)
        return rc;
    before = w->end;
    do {
        rc = w->fill(w->fill_arg, w->data + w->end, w->cap - w->end, &got, e);
        if (rc < 0)
            return rc;
        w->end += got;
        w->eof = got == 0;
    } while (!w->eof && w->end < w->cap && w->end - before < want);
    return w->end > before;
}

void feed_restart(struct feed *w, uint64_t offset, uint64_t line)
{
    w->at = w->end = w->tapped = 0;
    w->base = offset;
    w->line = line;
    w->eof = false;
}

void feed_set_tap(struct feed *w, feed_tap_fn *tap, void *arg)
{
    w->tap = tap;
    w->tap_arg = arg;
    w->tapped = w->at;
}

int feed_flush(struct feed *w, struct error *e)
{
    int rc = 0;

    if (w->tap && w->at > w->tapped)
        rc = w->tap(w->tap_arg, w->data + w->tapped, w->at - w->tapped, e);
    w->tapped = w->at;
    return rc;
}

int feed_skip_line_end(struct feed *w, struct error *e)
{
    bool cr = w->data[w->at] == '\r';

    /* A CR that ends what has been read may be half of a CRLF. */
    if (cr && w->at + 1 == w->end) {
        int rc = feed_more(w, 1, e);
        if (rc < 0)
            return rc;
    }
    w->at++;
    if (cr && w->at < w->end && w->data[w->at] == '\n')
        w->at++;
    w->line++;
    return 0;
}

int feed_skip_line_ends(struct feed *w, struct error *e)
{
    for (;;) {
        int rc = w->at < w->end ? 1 : feed_more(w, 1, e);
        if (rc <= 0)
            return rc;
        if (w->data[w->at] != '\n' && w->data[w->at] != '\r')
            return 1;
        rc = feed_skip_line_end(w, e);
        if (rc < 0)
            return rc;
    }
}
