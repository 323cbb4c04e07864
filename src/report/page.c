/* Renders the live page of a run.
 *
 * 1. The body is fixed (page_text.c) but for its marks. One table says what each mark reads from the
 * snapshot; the element written for it carries the member of status.json that the script will read
 * in its place, so that the page says the same with a script and without.
 * 2. Every text of the run is escaped, and what is not UTF-8 is replaced.
 *
 * Pure but for the buffer; any thread. */
#include "report/page.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "report/figure.h"
#include "report/page_text.h"
#include "wire/utf8.h"

enum kind {
    TEXT,     /* const char * */
    FLAG,     /* bool; for conditions */
    COUNT,    /* uint64_t */
    SMALL,    /* unsigned */
    CREDITS,  /* int64_t; unknown below 0 */
    BYTES,    /* uint64_t */
    TIME,     /* int64_t: of day, in UTC */
    TOTAL,    /* the rest is worked out */
    PROGRESS, /* part of all records that is answered */
    RATE,
    ETA,
    ELAPSED,
    UNWRITTEN, /* answered and not in the output yet */
    OPEN,      /* read and not answered yet */
};

static const struct field {
    const char *name;   /* of the mark */
    const char *member; /* of status.json; NULL: the same */
    const char *as;     /* the script's way to read it */
    enum kind kind;
    size_t at;
} fields[] = {
#define AT(field) offsetof(struct report, field)
    {"state", NULL, "text", TEXT, AT(state)},
    {"waiting_for", NULL, "text", TEXT, AT(waiting)},
    {"list", NULL, "text", TEXT, AT(list)},
    {"output", NULL, "text", TEXT, AT(output)},
    {"run_dir", NULL, "text", TEXT, AT(run_dir)},
    {"operation", NULL, "text", TEXT, AT(operation)},
    {"problem", NULL, "text", TEXT, AT(problem)},
    {"sandbox", NULL, "text", FLAG, AT(sandbox)},
    {"started", NULL, "text", TIME, AT(started_ms)},
    {"updated", NULL, "text", TIME, AT(now_ms)},
    {"records.read", NULL, "count", COUNT, AT(records)},
    {"records.whole", NULL, "text", FLAG, AT(list_whole)},
    {"records.total", NULL, "count", TOTAL, 0},
    {"records.answered", NULL, "count", COUNT, AT(answered)},
    {"credits.spent", NULL, "count", CREDITS, AT(spent)},
    {"credits.reserved", NULL, "count", CREDITS, AT(reserved)},
    {"credits.balance", NULL, "count", CREDITS, AT(balance)},
    {"credits.cap", NULL, "count", CREDITS, AT(cap)},
    {"batches.done", NULL, "count", SMALL, AT(batches_done)},
    {"batches.live", NULL, "count", SMALL, AT(batches_live)},
    {"batches.waiting", NULL, "count", SMALL, AT(batches_waiting)},
    {"batches.in_doubt", NULL, "count", SMALL, AT(batches_in_doubt)},
    {"requests.sent", NULL, "count", COUNT, AT(requests)},
    {"requests.repeated", NULL, "count", COUNT, AT(retries)},
    {"requests.throttled", NULL, "count", COUNT, AT(throttled)},
    {"requests.failed", NULL, "count", COUNT, AT(failures)},
    {"output_bytes", NULL, "bytes", BYTES, AT(output_bytes)},
    {"rate_per_s", NULL, "rate", RATE, 0},
    {"eta_s", NULL, "duration", ETA, 0},
    {"progress", "records.answered", "progress", PROGRESS, 0},
    {"elapsed", "updated_ms", "elapsed", ELAPSED, 0},
    {"unwritten", "records.answered", "unwritten", UNWRITTEN, 0},
    {"open", "records.answered", "open", OPEN, 0},
#undef AT
};

/* --- texts ----------------------------------------------------------------------------------- */

static void put_char(struct buf *out, char c)
{
    switch (c) {
    case '&':
        buf_append_text(out, "&amp;");
        break;
    case '<':
        buf_append_text(out, "&lt;");
        break;
    case '>':
        buf_append_text(out, "&gt;");
        break;
    case '"':
        buf_append_text(out, "&quot;");
        break;
    case '\'':
        buf_append_text(out, "&#39;");
        break;
    default:
        buf_append_char(out, (unsigned char)c < 0x20 || c == 0x7f ? '?' : c);
    }
}

/* As the content of an element or of an attribute in double quotes. */
static void put_text(struct buf *out, const char *text)
{
    struct slice rest = slice_of(text != NULL ? text : "");

    for (size_t good; rest.len > 0; rest.data += good, rest.len -= good) {
        good = utf8_bad(rest);
        for (size_t i = 0; i < good; i++)
            put_char(out, rest.data[i]);
        if (good < rest.len) {
            buf_append_text(out, "\xef\xbf\xbd"); /* U+FFFD */
            good++;
        }
    }
}

static void put_seconds(struct buf *out, int64_t seconds)
{
    char text[32];

    clock_format_duration(seconds * 1000, text);
    buf_append_text(out, seconds > 0 ? text : "0 s");
}

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static void put_progress(const struct report *r, struct buf *out)
{
    char space[32];
    struct buf b = {.data = space, .cap = sizeof space, .max = sizeof space};

    if (report_total(r) == 0) {
        buf_append_text(out, r->list_whole ? "0.0 %" : "Reading");
        return;
    }
    figure_percent(&b, r->answered, report_total(r));
    put_text(out, buf_text(&b)); /* "<0.1 %" */
}

static void put_credits(int64_t credits, struct buf *out)
{
    if (credits >= 0)
        figure_amount(out, credits);
    else
        buf_append_text(out, "unknown");
}

static void put_value(const struct report *r, const struct field *f, struct buf *out)
{
    const void *at = (const char *)r + f->at;
    char time[21];

    switch (f->kind) {
    case TEXT:
        put_text(out, *(const char *const *)at);
        break;
    case FLAG:
        break;
    case COUNT:
        figure_count(out, *(const uint64_t *)at);
        break;
    case SMALL:
        figure_count(out, *(const unsigned *)at);
        break;
    case CREDITS:
        put_credits(*(const int64_t *)at, out);
        break;
    case BYTES:
        figure_bytes(out, *(const uint64_t *)at);
        break;
    case TIME:
        clock_format_utc(*(const int64_t *)at, time);
        buf_append_text(out, time);
        break;
    case TOTAL:
        figure_count(out, report_total(r));
        break;
    case PROGRESS:
        put_progress(r, out);
        break;
    case RATE:
        figure_rate(out, minus(r->answered, r->answered_before), r->now_ms - r->started_ms);
        break;
    case ETA:
        put_seconds(out, (report_eta_ms(r) + 999) / 1000);
        break;
    case ELAPSED:
        put_seconds(out, (r->now_ms - r->started_ms) / 1000);
        break;
    case UNWRITTEN:
        figure_count(out, minus(r->answered, r->emitted));
        break;
    case OPEN:
        figure_count(out, minus(r->records, r->answered));
        break;
    }
}

/* --- marks ----------------------------------------------------------------------------------- */

static const struct field *find_field(struct slice name)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (slice_eq(name, slice_of(fields[i].name)))
            return &fields[i];
    assert(!"a mark that the table knows");
    return &fields[0];
}

static void put_field(const struct report *r, struct slice name, struct buf *out)
{
    const struct field *f = find_field(name);

    buf_append_format(out, "<span data-v=\"%s\" data-as=\"%s\">",
                      f->member != NULL ? f->member : f->name, f->as);
    put_value(r, f, out);
    buf_append_text(out, "</span>");
}

/* As the script's own sense of what there is: not null, false, 0 or "". */
static bool holds(const struct report *r, const struct field *f)
{
    const void *at = (const char *)r + f->at;

    switch (f->kind) {
    case TEXT:
        return *(const char *const *)at != NULL && **(const char *const *)at != '\0';
    case FLAG:
        return *(const bool *)at;
    case SMALL:
        return *(const unsigned *)at > 0;
    case CREDITS:
        return *(const int64_t *)at > 0;
    case TOTAL:
        return report_total(r) > 0;
    case ETA:
        return report_eta_ms(r) > 0;
    case COUNT:
    case BYTES:
        return *(const uint64_t *)at > 0;
    case TIME:
    case PROGRESS:
    case RATE:
    case ELAPSED:
    case UNWRITTEN:
    case OPEN:
        break;
    }
    return true;
}

static void put_condition(const struct report *r, struct slice name, struct buf *out)
{
    static const struct slice state = SLICE_LIT("state=");
    bool shown;

    buf_append_text(out, "data-if=\"");
    buf_append_slice(out, name);
    buf_append_char(out, '"');
    if (slice_starts(name, state)) {
        struct slice value = {name.data + state.len, name.len - state.len};
        shown = slice_eq(value, slice_of(r->state != NULL ? r->state : ""));
    } else {
        bool not = name.data[0] == '!';
        shown = holds(r, find_field((struct slice){name.data + not, name.len - not })) != not ;
    }
    buf_append_text(out, shown ? "" : " hidden");
}

/* --- what is made of several numbers --------------------------------------------------------- */

struct bar {
    struct buf *out;
    uint64_t total, at;
};

static void put_part(struct bar *b, const char *class, uint64_t count)
{
    /* Thousandths of a percent. */
    double unit = b->total > 0 ? 100000 / (double)b->total : 0;
    unsigned x = (unsigned)((double)b->at * unit), width = (unsigned)((double)count * unit);

    buf_append_format(b->out,
                      "<rect class=\"%s\" x=\"%u.%03u%%\" width=\"%u.%03u%%\" height=\"100%%\"/>",
                      class, x / 1000, x % 1000, width / 1000, width % 1000);
    b->at += count;
}

static uint64_t outcome_count(const struct report *r, const char *name)
{
    for (unsigned i = 1; i < REPORT_OUTCOMES; i++)
        if (r->outcome_names[i] != NULL && strcmp(r->outcome_names[i], name) == 0)
            return r->outcomes[i];
    return 0;
}

/* The records of the list, each part as wide as its share. */
static void put_bar(const struct report *r, struct buf *out)
{
    uint64_t total = report_total(r), found = outcome_count(r, "found");
    uint64_t not_found = outcome_count(r, "not_found");
    struct bar b = {.out = out, .total = total > 0 ? total : r->records};

    buf_append_text(out, "<svg role=\"img\" aria-label=\"how much is answered\">");
    put_part(&b, "found", found);
    put_part(&b, "not_found", not_found);
    put_part(&b, "bad", minus(r->emitted, found + not_found));
    put_part(&b, "fresh", minus(r->answered, r->emitted));
    buf_append_text(out, "</svg>\n");
}

static void put_row(const char *class, const char *label, struct buf *out)
{
    buf_append_format(out, "<th class=\"key\"><span class=\"dot %s\"></span>", class);
    for (; *label != '\0'; label++)
        put_char(out, *label == '_' ? ' ' : *label);
    buf_append_text(out, "</th><td>");
}

/* The names are the program's own words. */
static void put_outcome(const struct report *r, unsigned i, struct buf *out)
{
    const char *name = r->outcome_names[i];
    bool found = strcmp(name, "found") == 0, usual = found || strcmp(name, "not_found") == 0;

    buf_append_text(out, "<tr");
    if (!usual)
        buf_append_format(out, " data-if=\"outcomes.%s\"%s", name, r->outcomes[i] ? "" : " hidden");
    buf_append_char(out, '>');
    put_row(usual ? name : "bad", name, out);
    buf_append_format(out, "<span data-v=\"outcomes.%s\" data-as=\"count\">", name);
    figure_count(out, r->outcomes[i]);
    buf_append_format(
        out, "</span></td><td class=\"share\"><span data-v=\"outcomes.%s\" data-as=\"share\">",
        name);
    char space[32];
    struct buf share = {.data = space, .cap = sizeof space, .max = sizeof space};
    figure_percent(&share, r->outcomes[i], r->emitted);
    put_text(out, buf_text(&share));
    buf_append_text(out, "</span></td></tr>");
}

static void put_outcomes(const struct report *r, struct buf *out)
{
    for (unsigned i = 1; i < REPORT_OUTCOMES; i++)
        if (r->outcome_names[i] != NULL)
            put_outcome(r, i, out);
    buf_append_text(out, "<tr>");
    put_row("fresh", "answered, not written yet", out);
    put_field(r, SLICE_LIT("unwritten"), out);
    buf_append_text(out, "</td><td class=\"share\"></td></tr><tr>");
    put_row("open", "not answered yet", out);
    put_field(r, SLICE_LIT("open"), out);
    buf_append_text(out, "</td><td class=\"share\"></td></tr>");
}

/* --- the document ---------------------------------------------------------------------------- */

static void put_mark(const struct report *r, struct slice mark, struct buf *out)
{
    struct slice name = {mark.data + 1, mark.len - 1};

    if (mark.data[0] == '?')
        put_condition(r, name, out);
    else if (slice_eq(mark, SLICE_LIT("!bar")))
        put_bar(r, out);
    else if (slice_eq(mark, SLICE_LIT("!outcomes")))
        put_outcomes(r, out);
    else
        put_field(r, mark, out);
}

static void put_body(const struct report *r, struct buf *out)
{
    const char *at = page_body;

    for (const char *mark; (mark = strchr(at, '{')) != NULL;) {
        const char *end = strchr(mark, '}');
        buf_append(out, at, (size_t)(mark - at));
        put_mark(r, (struct slice){mark + 1, (size_t)(end - mark - 1)}, out);
        at = end + 1;
    }
    buf_append_text(out, at);
}

void page_write(const struct report *r, const char *nonce, struct buf *out)
{
    buf_append_text(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                         "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                         "<meta name=\"robots\" content=\"noindex\">\n"
                         "<noscript><meta http-equiv=\"refresh\" content=\"3\"></noscript>\n"
                         "<title>");
    put_progress(r, out);
    buf_append_char(out, ' ');
    put_text(out, r->operation);
    buf_append_format(out, "</title>\n<style nonce=\"%s\">\n", nonce);
    buf_append_text(out, page_style);
    buf_append_text(out, "</style></head>\n<body>\n");
    put_body(r, out);
    buf_append_format(out, "<script nonce=\"%s\">\n", nonce);
    buf_append_text(out, page_script);
    buf_append_text(out, "</script></body></html>\n");
}
