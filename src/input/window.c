/* Keeps the part of a stream that is being looked at in one piece of memory.
 *
 * 1. tapped <= at <= end <= cap <= WINDOW_MAX.
 * 2. A tap sees each byte once: before bytes that were used up are overwritten, and at a flush.
 * 3. Contents move only in window_more, which never gives up bytes from `at` on.
 *
 * One thread at a time. */
#include "input/window.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "input/scan.h"

static bool grow(struct window *w, size_t cap)
{
    char *data = realloc(w->data, cap + SCAN_SLACK);

    if (!data)
        return false;
    w->data = data;
    w->cap = cap;
    return true;
}

int window_init(struct window *w, window_fill_fn *fill, void *arg, uint64_t offset, uint64_t line,
                struct error *e)
{
    *w = (struct window){.fill = fill, .fill_arg = arg, .base = offset, .line = line};
    if (!grow(w, WINDOW_FIRST))
        return error_set(e, ERR_INTERNAL, "out of memory");
    return 0;
}

void window_deinit(struct window *w)
{
    free(w->data);
    *w = (struct window){0};
}

/* Room for `want` more bytes, as far as WINDOW_MAX allows; and at least half of the window, so that
 * bytes are moved seldom and reads stay large. */
static int make_room(struct window *w, size_t want, struct error *e)
{
    if (w->at > 0 && w->cap - w->end < (want > w->cap / 2 ? want : w->cap / 2)) {
        int rc = window_flush(w, e);
        if (rc < 0)
            return rc;
        memmove(w->data, w->data + w->at, w->end - w->at);
        w->base += w->at;
        w->end -= w->at;
        w->at = w->tapped = 0;
    }
    size_t cap = w->cap;
    while (cap - w->end < want && cap < WINDOW_MAX)
        cap = cap > WINDOW_MAX / 2 ? WINDOW_MAX : cap * 2;
    if (cap > w->cap && !grow(w, cap))
        return error_set(e, ERR_INTERNAL, "out of memory");
    assert(w->end < w->cap);
    return 0;
}

int window_more(struct window *w, size_t want, struct error *e)
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

void window_restart(struct window *w, uint64_t offset, uint64_t line)
{
    w->at = w->end = w->tapped = 0;
    w->base = offset;
    w->line = line;
    w->eof = false;
}

void window_set_tap(struct window *w, window_tap_fn *tap, void *arg)
{
    w->tap = tap;
    w->tap_arg = arg;
    w->tapped = w->at;
}

int window_flush(struct window *w, struct error *e)
{
    int rc = 0;

    if (w->tap && w->at > w->tapped)
        rc = w->tap(w->tap_arg, w->data + w->tapped, w->at - w->tapped, e);
    w->tapped = w->at;
    return rc;
}

int window_skip_line_end(struct window *w, struct error *e)
{
    bool cr = w->data[w->at] == '\r';

    /* A CR that ends what has been read may be half of a CRLF. */
    if (cr && w->at + 1 == w->end) {
        int rc = window_more(w, 1, e);
        if (rc < 0)
            return rc;
    }
    w->at++;
    if (cr && w->at < w->end && w->data[w->at] == '\n')
        w->at++;
    w->line++;
    return 0;
}

int window_skip_line_ends(struct window *w, struct error *e)
{
    for (;;) {
        int rc = w->at < w->end ? 1 : window_more(w, 1, e);
        if (rc <= 0)
            return rc;
        if (w->data[w->at] != '\n' && w->data[w->at] != '\r')
            return 1;
        rc = window_skip_line_end(w, e);
        if (rc < 0)
            return rc;
    }
}
