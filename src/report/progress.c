/* Shows how a run goes while it goes: a bar redrawn in place, a line now and then, or JSON lines.
 *
 * 1. The bar never reaches the last column, so that no terminal wraps it; what does not fit is left
 * out, the least useful first.
 * 2. Time is r->now_ms. A clock that was set back shows at once instead of keeping still.
 * 3. What was shown last is copied, so that destroy can show it although it came between two
 * drawings.
 * 4. From lift to drop the lock is held: nothing is drawn into a line of log.
 *
 * show and destroy are the loop's; lift and drop are called by whoever logs, never inside show. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "report/figure.h"
#include "report/report.h"

#define BAR_EVERY_MS  100
#define LINE_FIRST_MS 1000
#define LINE_EVERY_MS 5000
#define JSON_EVERY_MS 1000

#define WIDTH_USUAL 80
#define NARROW      60 /* fewer columns want fewer words */
#define BAR_MIN     10 /* columns of the bar itself, brackets included */
#define BAR_MAX     30
#define WAITING_MIN 20         /* a shorter rest of what is waited for tells nothing */
#define TEXT_MAX    (64 << 10) /* of all texts of a snapshot; paths are at most 4 KiB each */

#define TEXTS (9 + REPORT_OUTCOMES)

struct progress {
    FILE *stream;
    enum progress_mode mode;
    pthread_mutex_t lock;
    bool shown;     /* `last` holds something */
    bool drawn;     /* and is on screen */
    int64_t due_ms; /* of the next drawing */
    int64_t last_ms;
    struct report last;
    struct buf texts;  /* those of `last` */
    struct buf screen; /* what was drawn last, without the control characters */
};

struct progress *progress_create(FILE *stream, enum progress_mode mode)
{
    struct progress *p = calloc(1, sizeof(*p));
    const char *term = getenv("TERM");

    if (!p)
        return NULL;
    p->stream = stream;
    p->mode = mode;
    if (mode == PROGRESS_AUTO) {
        bool able = isatty(fileno(stream)) && term && *term && strcmp(term, "dumb") != 0;
        p->mode = able ? PROGRESS_BAR : PROGRESS_LINE;
    }
    pthread_mutex_init(&p->lock, NULL);
    buf_init(&p->texts, TEXT_MAX);
    buf_init(&p->screen, 2 * TEXT_MAX);
    return p;
}

/* The texts of a snapshot, in the order in which they are copied. */
static void list_texts(struct report *r, const char **texts[TEXTS])
{
    const char **known[] = {&r->list,  &r->output,  &r->run_dir, &r->operation, &r->provider_title,
                            &r->state, &r->waiting, &r->problem, &r->advice};
    unsigned n = 0;

    for (; n < sizeof(known) / sizeof(*known); n++)
        texts[n] = known[n];
    for (unsigned i = 0; i < REPORT_OUTCOMES; i++)
        texts[n++] = &r->outcome_names[i];
}

/* Copy the snapshot with its texts. Texts that find no room are dropped, for a display can do
 * without. */
static void keep(struct progress *p, const struct report *r)
{
    const char **texts[TEXTS];
    size_t place[TEXTS];

    p->last = *r;
    list_texts(&p->last, texts);
    buf_reset(&p->texts);
    for (unsigned i = 0; i < TEXTS; i++) {
        place[i] = p->texts.len;
        if (*texts[i])
            buf_append(&p->texts, *texts[i], strlen(*texts[i]) + 1);
    }
    for (unsigned i = 0; i < TEXTS; i++)
        if (*texts[i])
            *texts[i] = p->texts.failed ? NULL : p->texts.data + place[i];
    p->shown = true;
    p->drawn = false;
}

/* Parts of the bar's line in their order; those of the least rank go first when it is narrow. */
enum part { PERCENT, RECORDS, RATE, LEFT, CREDITS, DOUBT, WAITING, PARTS };

static const int rank[PARTS] = {
    [PERCENT] = 7, [RECORDS] = 6, [DOUBT] = 5, [LEFT] = 4, [WAITING] = 3, [RATE] = 2, [CREDITS] = 1,
};

struct parts {
    char text[PARTS][128];
    size_t len[PARTS]; /* 0: not shown */
    uint64_t done, total;
};

static uint64_t done_now(const struct report *r)
{
    return r->answered > r->answered_before ? r->answered - r->answered_before : 0;
}

/* The number of records there are, as far as it is known: "10,000", "~9,800", "5,000 read". */
static void put_total(struct buf *b, const struct report *r, uint64_t total)
{
    if (total > 0 && !r->list_whole)
        buf_append_char(b, '~');
    figure_count(b, total > 0 ? total : r->records);
    if (total == 0 && !r->list_whole)
        buf_append_text(b, " read");
}

static void put_left(struct buf *b, const struct report *r)
{
    char text[32];
    int64_t eta_ms = report_eta_ms(r);

    if (report_has_ended(r) || eta_ms < 0)
        return;
    clock_format_duration((eta_ms + 999) / 1000 * 1000, text);
    buf_append_text(b, eta_ms == 0 ? "0 s" : text);
    buf_append_text(b, " left");
}

/* As wide as "100.0 %", so that what follows does not jump about. */
static void put_percent(struct buf *b, uint64_t part, uint64_t whole)
{
    const size_t width = strlen("100.0 %");
    char space[16];
    struct buf text = {.data = space, .cap = sizeof(space), .max = sizeof(space)};

    figure_percent(&text, part, whole);
    for (size_t i = text.len; i < width; i++)
        buf_append_char(b, ' ');
    buf_append_slice(b, buf_slice(&text));
}

static void put_part(struct buf *b, const struct report *r, enum part part, bool brief)
{
    uint64_t total = report_total(r);

    switch (part) {
    case PERCENT:
        if (total > 0)
            put_percent(b, r->answered, total);
        break;
    case RECORDS:
        figure_count(b, r->answered);
        buf_append_char(b, '/');
        put_total(b, r, total);
        break;
    case RATE:
        if (done_now(r) > 0)
            figure_rate(b, done_now(r), r->now_ms - r->started_ms);
        break;
    case LEFT:
        put_left(b, r);
        break;
    case CREDITS:
        figure_amount(b, r->spent);
        buf_append_text(b, r->spent == 1 ? " credit" : " credits");
        break;
    case DOUBT:
        if (r->batches_in_doubt > 0) {
            figure_count(b, r->batches_in_doubt);
            if (!brief)
                buf_append_text(b, r->batches_in_doubt == 1 ? " batch" : " batches");
            buf_append_text(b, " in doubt");
        }
        break;
    case WAITING:
        if (r->waiting && *r->waiting && !report_has_ended(r)) {
            buf_append_text(b, "waits: ");
            figure_text(b, r->waiting);
        }
        break;
    case PARTS:
        break;
    }
}

/* One byte is one column: whatever is not ASCII becomes a '?'. */
static void make_parts(struct parts *parts, const struct report *r, bool brief)
{
    struct buf b;

    buf_init(&b, TEXT_MAX);
    for (unsigned i = 0; i < PARTS; i++) {
        buf_reset(&b);
        put_part(&b, r, (enum part)i, brief);
        size_t len = b.failed ? 0 : b.len;
        len = len < sizeof(parts->text[i]) ? len : sizeof(parts->text[i]);
        for (size_t k = 0; k < len; k++)
            parts->text[i][k] = (unsigned char)b.data[k] < 0x80 ? b.data[k] : '?';
        parts->len[i] = len;
    }
    buf_deinit(&b);
    parts->done = r->answered;
    parts->total = report_total(r);
}

/* Columns of all parts with two spaces between them. */
static size_t columns_of(const struct parts *parts)
{
    size_t columns = 0;

    for (unsigned i = 0; i < PARTS; i++)
        if (parts->len[i] > 0)
            columns += parts->len[i] + (columns > 0 ? 2 : 0);
    return columns;
}

/* What is waited for may be shortened before it is left out. */
static void shorten(struct parts *parts, enum part part, size_t over)
{
    size_t *len = &parts->len[part];

    if (part == WAITING && *len >= over + WAITING_MIN) {
        *len -= over;
        memcpy(parts->text[part] + *len - 2, "..", 2);
    } else {
        *len = 0;
    }
}

static void fit(struct parts *parts, size_t room)
{
    size_t columns;

    while ((columns = columns_of(parts)) > room) {
        int least = -1;
        for (int i = 0; i < PARTS; i++)
            if (parts->len[i] > 0 && (least < 0 || rank[i] < rank[least]))
                least = i;
        if (columns == parts->len[least]) {
            parts->len[least] = room;
            return;
        }
        shorten(parts, (enum part)least, columns - room);
    }
}

/* "[=====>    ]": full only when everything is done. */
static void put_bar(struct buf *b, uint64_t done, uint64_t total, size_t columns)
{
    size_t inner = columns - 2;
    uint64_t share = done < total ? done : total;
    size_t full = (size_t)((double)share / (double)total * (double)inner);

    buf_append_char(b, '[');
    for (size_t i = 0; i < inner; i++)
        buf_append_char(b, i < full ? '=' : i == full && full > 0 ? '>' : ' ');
    buf_append_text(b, "]");
}

/* The line of the bar into p->screen, at most `room` columns. */
static void compose_bar(struct progress *p, size_t room)
{
    struct parts parts;
    bool first = true;

    make_parts(&parts, &p->last, room < NARROW);
    fit(&parts, room);
    size_t columns = columns_of(&parts);
    size_t bar = room > columns + 2 ? room - columns - 2 : 0;
    buf_reset(&p->screen);
    for (unsigned i = 0; i < PARTS; i++) {
        if (parts.len[i] == 0)
            continue;
        if (!first)
            buf_append_text(&p->screen, "  ");
        first = false;
        buf_append(&p->screen, parts.text[i], parts.len[i]);
        if (i == PERCENT && parts.total > 0 && bar >= BAR_MIN) {
            buf_append_text(&p->screen, "  ");
            put_bar(&p->screen, parts.done, parts.total, bar < BAR_MAX ? bar : BAR_MAX);
        }
    }
}

/* "16:04:11Z 5,000 of 10,000 records (50.0 %), 806/s, 7 s left, 35,000 credits" */
static void compose_line(struct progress *p)
{
    const struct report *r = &p->last;
    uint64_t total = report_total(r);
    struct parts parts;
    char when[21];

    make_parts(&parts, r, false);
    clock_format_utc(r->now_ms, when);
    buf_reset(&p->screen);
    buf_append_text(&p->screen, when + strlen("2026-11-20T"));
    buf_append_char(&p->screen, ' ');
    figure_count(&p->screen, r->answered);
    buf_append_text(&p->screen, total > 0 && !r->list_whole ? " of about " : " of ");
    figure_things(&p->screen, total > 0 ? total : r->records, "record", "records");
    if (total > 0) {
        buf_append_text(&p->screen, " (");
        figure_percent(&p->screen, r->answered, total);
        buf_append_char(&p->screen, ')');
    } else if (!r->list_whole) {
        buf_append_text(&p->screen, " read so far");
    }
    for (unsigned i = RATE; i < PARTS; i++) {
        if (parts.len[i] == 0)
            continue;
        buf_append_text(&p->screen, ", ");
        buf_append(&p->screen, parts.text[i], parts.len[i]);
    }
}

static size_t width_of(FILE *stream)
{
    struct winsize size;

    if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
        return size.ws_col;
    return WIDTH_USUAL;
}

/* A stream that cannot be written to must not stop a run. */
static void put_screen(struct progress *p, const char *before, const char *after)
{
    struct buf b;

    buf_init(&b, 4 * TEXT_MAX);
    buf_append_text(&b, before);
    buf_append_slice(&b, buf_slice(&p->screen));
    buf_append_text(&b, after);
    if (!b.failed && !p->screen.failed) {
        fwrite(b.data, 1, b.len, p->stream);
        fflush(p->stream);
    }
    buf_deinit(&b);
}

static void draw(struct progress *p)
{
    switch (p->mode) {
    case PROGRESS_BAR:
        compose_bar(p, width_of(p->stream) - 1);
        put_screen(p, "\r\033[K", "");
        break;
    case PROGRESS_LINE:
        compose_line(p);
        put_screen(p, "", "\n");
        break;
    case PROGRESS_JSON:
        buf_reset(&p->screen);
        report_json(&p->last, &p->screen);
        put_screen(p, "", "");
        break;
    case PROGRESS_AUTO:
    case PROGRESS_NONE:
        break;
    }
    p->drawn = true;
}

static int64_t every_ms(enum progress_mode mode)
{
    switch (mode) {
    case PROGRESS_BAR:
        return BAR_EVERY_MS;
    case PROGRESS_LINE:
        return LINE_EVERY_MS;
    case PROGRESS_JSON:
        return JSON_EVERY_MS;
    case PROGRESS_AUTO:
    case PROGRESS_NONE:
        break;
    }
    return INT64_MAX;
}

void progress_show(struct progress *p, const struct report *r)
{
    if (!p || p->mode == PROGRESS_NONE)
        return;
    pthread_mutex_lock(&p->lock);
    int64_t now_ms = r->now_ms;
    if (!p->shown)
        p->due_ms = p->mode == PROGRESS_LINE ? now_ms + LINE_FIRST_MS : now_ms;
    bool set_back = p->shown && now_ms < p->last_ms;
    p->last_ms = now_ms;
    keep(p, r);
    if (now_ms >= p->due_ms || set_back) {
        draw(p);
        p->due_ms = now_ms + every_ms(p->mode);
    }
    pthread_mutex_unlock(&p->lock);
}

void progress_lift(void *arg)
{
    struct progress *p = arg;

    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    if (p->mode == PROGRESS_BAR && p->screen.len > 0) {
        fwrite("\r\033[K", 1, 4, p->stream);
        fflush(p->stream);
    }
}

void progress_drop(void *arg)
{
    struct progress *p = arg;

    if (!p)
        return;
    if (p->mode == PROGRESS_BAR && p->screen.len > 0)
        put_screen(p, "\r\033[K", "");
    pthread_mutex_unlock(&p->lock);
}

void progress_destroy(struct progress *p)
{
    if (!p)
        return;
    if (p->shown && !p->drawn)
        draw(p);
    if (p->mode == PROGRESS_BAR && p->shown) {
        fwrite("\n", 1, 1, p->stream);
        fflush(p->stream);
    }
    buf_deinit(&p->screen);
    buf_deinit(&p->texts);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
