/* Renders the snapshot of a run for people: the closing summary and the status.
 *
 * 1. What is added to the paths and texts given is ASCII, the same in every locale, and what is
 * given cannot move a cursor.
 * 2. A command that is shown can be copied into a shell as it stands.
 * 3. A number that cannot be known yet is left out, never guessed.
 *
 * Pure but for the buffer; any thread. */
#include "report/report.h"

#include <string.h>

#include "base/clock.h"
#include "report/figure.h"

static bool is_state(const struct report *r, const char *state)
{
    return r->state && strcmp(r->state, state) == 0;
}

bool report_has_ended(const struct report *r)
{
    return is_state(r, "complete") || is_state(r, "stopped");
}

static bool is_given(const char *text)
{
    return text && *text;
}

uint64_t report_total(const struct report *r)
{
    if (r->list_whole)
        return r->records;
    if (r->list_bytes == 0 || r->list_bytes_done == 0 || r->records == 0)
        return 0;
    double whole = (double)r->records * (double)r->list_bytes / (double)r->list_bytes_done;
    return whole <= (double)r->records ? r->records : (uint64_t)whole;
}

static uint64_t answered_now(const struct report *r)
{
    return r->answered > r->answered_before ? r->answered - r->answered_before : 0;
}

double report_rate(const struct report *r)
{
    int64_t ms = r->now_ms - r->started_ms;

    return ms > 0 ? (double)answered_now(r) * 1000 / (double)ms : 0;
}

int64_t report_eta_ms(const struct report *r)
{
    double rate = report_rate(r);
    uint64_t total = report_total(r);

    if (is_state(r, "complete"))
        return 0;
    if (is_state(r, "stopped") || total == 0)
        return -1;
    if (r->answered >= total)
        return r->list_whole ? 0 : -1;
    double ms = rate > 0 ? (double)(total - r->answered) * 1000 / rate : -1;
    return ms < 0 || ms > 9e15 ? -1 : (int64_t)ms;
}

static void put(struct buf *out, const char *text)
{
    buf_append_text(out, text);
}

static void put_spaces(struct buf *out, size_t count)
{
    while (count-- > 0)
        buf_append_char(out, ' ');
}

static void put_duration(struct buf *out, int64_t ms)
{
    char text[32];

    /* A rate counts the time that passed, however short; people read seconds. */
    clock_format_duration(ms < 0 ? 0 : ms, text);
    put(out, text);
}

/* "tranche resolve people.run" */
static void put_command(struct buf *out, const char *command, const char *run_dir)
{
    put(out, "tranche ");
    put(out, command);
    buf_append_char(out, ' ');
    figure_word(out, is_given(run_dir) ? run_dir : "RUN");
}

/* A line of the table of outcomes. */
struct line {
    const char *name; /* with _ for a space */
    uint64_t count;
    bool share;   /* show the part of all */
    bool rejects; /* say where they are */
};

/* Outcomes, two of which are always shown once there are any, then what is not in the output yet.
 */
static unsigned collect_lines(const struct report *r, struct line *lines)
{
    unsigned n = 0;
    bool rejects = is_given(r->run_dir);

    for (unsigned i = 1; i < REPORT_OUTCOMES; i++) {
        const char *name = r->outcome_names[i];
        if (!name)
            continue;
        bool usual = strcmp(name, "found") == 0 || strcmp(name, "not_found") == 0;
        if (r->outcomes[i] == 0 && (!usual || (r->emitted == 0 && !is_state(r, "complete"))))
            continue;
        lines[n++] = (struct line){name, r->outcomes[i], true, !usual && rejects};
        rejects = rejects && usual; /* said once */
    }
    if (r->answered > r->emitted)
        lines[n++] = (struct line){"not_written_yet", r->answered - r->emitted, false, false};
    if (r->records > r->answered)
        lines[n++] = (struct line){"not_answered_yet", r->records - r->answered, false, false};
    return n;
}

/* Append what `text` holds, at the right of a column of this width. */
static void put_right(struct buf *out, struct slice text, size_t width)
{
    put_spaces(out, text.len < width ? width - text.len : 0);
    buf_append_slice(out, text);
}

static size_t count_width(uint64_t n)
{
    char space[32];
    struct buf b = {.data = space, .cap = sizeof(space), .max = sizeof(space)};

    figure_count(&b, n);
    return b.len;
}

static void put_line(struct buf *out, const struct report *r, const struct line *line,
                     size_t name_width, size_t number_width)
{
    char space[32];
    struct buf b = {.data = space, .cap = sizeof(space), .max = sizeof(space)};

    put(out, "  ");
    for (const char *at = line->name; *at; at++)
        buf_append_char(out, *at == '_' ? ' ' : *at);
    put_spaces(out, name_width - strlen(line->name) + 2);
    figure_count(&b, line->count);
    put_right(out, buf_slice(&b), number_width);
    if (line->share && r->emitted > 0) {
        b.len = 0;
        figure_percent(&b, line->count, r->emitted);
        put_right(out, buf_slice(&b), 9);
    }
    if (line->rejects) {
        put(out, "   (see ");
        figure_text(out, r->run_dir);
        put(out, "/rejects.ndjson)");
    }
    buf_append_char(out, '\n');
}

static void put_outcomes(const struct report *r, struct buf *out)
{
    struct line lines[REPORT_OUTCOMES + 2];
    unsigned n = collect_lines(r, lines);
    size_t name_width = 0;
    size_t number_width = 0;

    for (unsigned i = 0; i < n; i++) {
        size_t name = strlen(lines[i].name);
        size_t number = count_width(lines[i].count);
        name_width = name > name_width ? name : name_width;
        number_width = number > number_width ? number : number_width;
    }
    for (unsigned i = 0; i < n; i++)
        put_line(out, r, &lines[i], name_width, number_width);
}

/* "8,010 spent of at most 10,000, up to 400 more in flight or in doubt; balance 91,990" */
static void put_credits(const struct report *r, struct buf *out)
{
    figure_amount(out, r->spent);
    put(out, " spent");
    if (r->cap >= 0) {
        put(out, " of at most ");
        figure_amount(out, r->cap);
    }
    if (r->reserved > 0) {
        put(out, ", up to ");
        figure_amount(out, r->reserved);
        put(out, " more for what is in flight or in doubt");
    }
    if (r->balance >= 0) {
        put(out, "; balance ");
        figure_amount(out, r->balance);
    }
}

/* The vendor's total rules; where the price list says otherwise, people should hear of it. While
 * answers are on their way the two cannot agree. */
static void put_difference(const struct report *r, const char *indent, struct buf *out)
{
    int64_t more;

    if (r->emitted < r->answered || r->emitted == 0 || r->batches_live > 0 ||
        __builtin_sub_overflow(r->spent, r->priced, &more) || more == 0)
        return;
    put(out, indent);
    put(out, "By the price list it should be ");
    figure_amount(out, r->priced);
    put(out, ": the vendor charged ");
    figure_count(out, more < 0 ? -(uint64_t)more : (uint64_t)more);
    put(out, more < 0 ? " less.\n" : " more.\n");
}

static void put_rate(const struct report *r, struct buf *out)
{
    if (answered_now(r) == 0)
        return;
    put(out, " (");
    figure_rate(out, answered_now(r), r->now_ms - r->started_ms);
    buf_append_char(out, ')');
}

static void put_headline(const struct report *r, struct buf *out)
{
    if (is_state(r, "complete")) {
        figure_things(out, r->records, "record", "records");
        if (answered_now(r) == 0 && r->answered_before > 0) {
            put(out, ", all answered before");
        } else {
            if (r->answered_before > 0) {
                put(out, ", the last ");
                figure_count(out, answered_now(r));
            }
            put(out, " in ");
            put_duration(out, r->now_ms - r->started_ms);
        }
    } else {
        put(out, is_state(r, "stopped") ? "Stopped after " : "After ");
        put_duration(out, r->now_ms - r->started_ms);
        put(out, ": ");
        figure_count(out, r->answered);
        put(out, r->list_whole ? " of " : " of the ");
        figure_things(out, r->records, "record", "records");
        put(out, r->list_whole ? " answered" : " read so far answered");
    }
    put_rate(r, out);
    buf_append_char(out, '\n');
}

static void put_output(const struct report *r, struct buf *out)
{
    bool standard = r->output && strcmp(r->output, "-") == 0;
    bool complete = is_state(r, "complete");

    if (!is_given(r->output))
        return;
    put(out, "Output: ");
    if (standard)
        put(out, complete ? "standard output" : "goes to standard output when it is complete");
    else
        figure_text(out, r->output);
    if (!complete && !standard) {
        put(out, ".partial, ");
        figure_things(out, r->emitted, "record", "records");
        put(out, " so far");
    }
    if (complete || !standard) {
        put(out, " (");
        figure_bytes(out, r->output_bytes);
        buf_append_char(out, ')');
    }
    buf_append_char(out, '\n');
}

static void put_doubt(const struct report *r, struct buf *out)
{
    if (r->batches_in_doubt == 0)
        return;
    put(out, "In doubt: ");
    figure_things(out, r->batches_in_doubt, "batch was sent and may or may not have been charged.",
                  "batches were sent and may or may not have been charged.");
    put(out, "\nLook and decide with:\n  ");
    put_command(out, "resolve", r->run_dir);
    buf_append_char(out, '\n');
}

/* Whether put_doubt has just said what is advised. */
static bool is_said(const struct report *r)
{
    static const char resolve[] = "tranche resolve ";

    return r->batches_in_doubt > 0 && strncmp(r->advice, resolve, sizeof(resolve) - 1) == 0;
}

/* What happened, and the command that goes on, on a line of its own. */
static void put_next(const struct report *r, struct buf *out)
{
    bool failed = report_has_ended(r) && r->exit_status > 0;

    if (is_given(r->problem)) {
        put(out, is_state(r, "stopped") ? "Reason: " : "Note: ");
        figure_text(out, r->problem);
        buf_append_char(out, '\n');
    }
    if (is_given(r->advice) && !is_said(r)) {
        put(out, is_state(r, "stopped") ? "Continue with:\n  " : "Next:\n  ");
        figure_text(out, r->advice);
        buf_append_char(out, '\n');
    }
    if (failed) {
        buf_append_format(out, "Exit status %d", r->exit_status);
        put(out, r->exit_status == 1 ? ": some records have no result.\n" : ".\n");
    }
}

void report_summary(const struct report *r, struct buf *out)
{
    put_headline(r, out);
    put_outcomes(r, out);
    if (r->duplicates > 0) {
        put(out, "Duplicates: ");
        figure_things(out, r->duplicates, "record shares", "records share");
        put(out, " the answer of an earlier one and ");
        put(out, r->duplicates == 1 ? "costs nothing.\n" : "cost nothing.\n");
    }
    put(out, "Credits: ");
    put_credits(r, out);
    put(out, r->sandbox ? ". Sandbox: no real credits.\n" : ".\n");
    put_difference(r, "  ", out);
    put_output(r, out);
    put_doubt(r, out);
    put_next(r, out);
}

/* Status: a label and a text on each line. */
#define LABEL 11

static void put_label(struct buf *out, const char *label)
{
    put(out, "  ");
    put(out, label);
    put_spaces(out, LABEL - strlen(label));
}

static void put_state(const struct report *r, struct buf *out)
{
    char when[21];
    bool ended = report_has_ended(r);

    figure_text(out, is_given(r->run_dir) ? r->run_dir : "run");
    put(out, ": ");
    figure_text(out, is_given(r->state) ? r->state : "unknown");
    if (r->now_ms > 0) {
        clock_format_utc(ended ? r->now_ms : r->started_ms, when);
        if (!ended)
            put(out, " since ");
        else
            put(out, r->exit_status < 0 ? ", last heard of at " : " at ");
        put(out, when);
        put(out, ended ? ", after " : ", for ");
        put_duration(out, r->now_ms - r->started_ms);
    }
    if (r->sandbox)
        put(out, " (sandbox)");
    buf_append_char(out, '\n');
}

static void put_paths(const struct report *r, struct buf *out)
{
    put_label(out, "list");
    figure_text(out, r->list);
    if (r->list_bytes > 0) {
        put(out, " (");
        figure_bytes(out, r->list_bytes);
        put(out, ", ");
        if (r->list_whole)
            put(out, "all");
        else
            figure_percent(out, r->list_bytes_done, r->list_bytes);
        put(out, " read)");
    }
    buf_append_char(out, '\n');
    put_label(out, "asks");
    figure_text(out, r->operation);
    if (is_given(r->provider_title)) {
        put(out, " (");
        figure_text(out, r->provider_title);
        buf_append_char(out, ')');
    }
    buf_append_char(out, '\n');
    put_label(out, "output");
    figure_text(out, r->output);
    put(out, is_state(r, "complete") ? ", " : ", so far ");
    figure_things(out, r->emitted, "record", "records");
    put(out, ", ");
    figure_bytes(out, r->output_bytes);
    buf_append_char(out, '\n');
}

static void put_records(const struct report *r, struct buf *out)
{
    uint64_t total = report_total(r);
    int64_t eta_ms = report_eta_ms(r);

    put_label(out, "records");
    figure_count(out, r->answered);
    put(out, " answered of ");
    if (total > 0 && !r->list_whole)
        put(out, "about ");
    figure_count(out, total > 0 ? total : r->records);
    if (total > 0) {
        put(out, " (");
        figure_percent(out, r->answered, total);
        buf_append_char(out, ')');
    } else if (!r->list_whole) {
        put(out, " read so far");
    }
    if (answered_now(r) > 0) {
        put(out, ", ");
        figure_rate(out, answered_now(r), r->now_ms - r->started_ms);
    }
    if (!report_has_ended(r) && eta_ms >= 0) {
        put(out, ", about ");
        put_duration(out, (eta_ms + 999) / 1000 * 1000);
        put(out, " left");
    }
    buf_append_char(out, '\n');
}

static void put_strays(const struct report *r, struct buf *out)
{
    if (r->strays == 0)
        return;
    put_label(out, "callbacks");
    figure_things(out, r->strays, "came after its batch had ended otherwise: kept, not used\n",
                  "came after their batches had ended otherwise: kept, not used\n");
}

static void put_traffic(const struct report *r, struct buf *out)
{
    put_label(out, "batches");
    figure_count(out, r->batches);
    buf_append_format(out, ": %u done, %u live, %u waiting, %u in doubt\n", r->batches_done,
                      r->batches_live, r->batches_waiting, r->batches_in_doubt);
    put_strays(r, out);
    put_label(out, "credits");
    put_credits(r, out);
    buf_append_char(out, '\n');
    put_label(out, "requests");
    figure_count(out, r->requests);
    put(out, " sent, ");
    figure_count(out, r->retries);
    put(out, " repeated, ");
    figure_count(out, r->throttled);
    put(out, " told to slow down, ");
    figure_count(out, r->failures);
    put(out, " failed\n");
}

void report_status(const struct report *r, struct buf *out)
{
    put_state(r, out);
    put_paths(r, out);
    put_records(r, out);
    put_traffic(r, out);
    if (!report_has_ended(r) && is_given(r->waiting)) {
        put_label(out, "waits for");
        figure_text(out, r->waiting);
        buf_append_char(out, '\n');
    }
    if (r->emitted > 0) {
        put(out, "Outcomes of what is written:\n");
        put_outcomes(r, out);
    }
    put_doubt(r, out);
    put_next(r, out);
}
