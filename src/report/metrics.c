/* Writes a run's metrics as Prometheus reads them.
 *
 * 1. One table names the families; each has one HELP, one TYPE and its samples in a row, as the
 * format asks.
 * 2. Every sample carries operation and provider, so that runs side by side can be told apart.
 * 3. A number that is not known has no sample: 0 would be a lie that an alert believes.
 * 4. Counters go on where the run's last process ended, but those of requests and callbacks, which
 * begin anew; both are what a counter may do.
 *
 * Pure but for the buffer; any thread. */
#include "report/metrics.h"

#include <string.h>

enum kind {
    COUNT,   /* uint64_t */
    SMALL,   /* unsigned */
    AMOUNT,  /* int64_t */
    AMOUNT_, /* int64_t; no sample below 0 */
    FLAG,    /* bool: 1 or 0 */
    SECONDS, /* int64_t, in milliseconds */
};

enum only { ALWAYS, WITH_SLOTS, WITH_CALLBACKS };

struct family {
    const char *name; /* behind "tranche_" */
    const char *type, *help;
    enum kind kind;
    size_t at; /* of the number, in struct metrics */
    /* Appends the samples instead, where there are several or they depend. */
    void (*write)(const struct metrics *m, const struct family *f, struct buf *out);
    enum only only;
};

/* The format's escapes of a label's value. */
static void put_escaped(struct buf *out, const char *text)
{
    for (; text != NULL && *text != '\0'; text++) {
        if (*text == '\\' || *text == '"')
            buf_append_char(out, '\\');
        if (*text == '\n')
            buf_append_text(out, "\\n");
        else
            buf_append_char(out, *text);
    }
}

static void put_label(struct buf *out, const char *name, const char *value)
{
    buf_append_format(out, "%s=\"", name);
    put_escaped(out, value);
    buf_append_char(out, '"');
}

/* Up to the value. More labels come as pairs of name and value, and then NULL. */
static void put_sample(struct buf *out, const struct metrics *m, const struct family *f,
                       const char *const *labels)
{
    buf_append_format(out, "tranche_%s{", f->name);
    put_label(out, "operation", m->report.operation);
    buf_append_char(out, ',');
    put_label(out, "provider", m->provider);
    for (; labels != NULL && *labels != NULL; labels += 2) {
        buf_append_char(out, ',');
        put_label(out, labels[0], labels[1]);
    }
    buf_append_text(out, "} ");
}

static void put_count(struct buf *out, const struct metrics *m, const struct family *f,
                      const char *label, const char *value, uint64_t count)
{
    const char *labels[] = {label, value, NULL};

    put_sample(out, m, f, labels);
    buf_append_u64(out, count);
    buf_append_char(out, '\n');
}

static void put_seconds(struct buf *out, int64_t ms)
{
    buf_append_format(out, "%lld.%03lld\n", (long long)(ms / 1000), (long long)(ms % 1000));
}

static void write_build(const struct metrics *m, const struct family *f, struct buf *out)
{
    put_count(out, m, f, "version", m->version, 1);
}

static void write_state(const struct metrics *m, const struct family *f, struct buf *out)
{
    static const char *const states[] = {"reading",  "running",  "waiting",
                                         "draining", "complete", "stopped"};

    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        put_count(out, m, f, "state", states[i], strcmp(m->report.state, states[i]) == 0);
}

static void write_expected(const struct metrics *m, const struct family *f, struct buf *out)
{
    uint64_t total = report_total(&m->report);

    if (total > 0 || m->report.list_whole)
        put_count(out, m, f, NULL, NULL, total);
}

static void write_outcomes(const struct metrics *m, const struct family *f, struct buf *out)
{
    for (unsigned i = 1; i < REPORT_OUTCOMES; i++)
        if (m->report.outcome_names[i] != NULL)
            put_count(out, m, f, "outcome", m->report.outcome_names[i], m->report.outcomes[i]);
}

static void write_batches(const struct metrics *m, const struct family *f, struct buf *out)
{
    for (unsigned i = 0; i < METRICS_STATES && m->batch_states[i] != NULL; i++)
        put_count(out, m, f, "state", m->batch_states[i], m->batches[i]);
}

static void write_flight(const struct metrics *m, const struct family *f, struct buf *out)
{
    for (unsigned i = 0; i < METRICS_CLASSES && m->classes[i] != NULL; i++)
        put_count(out, m, f, "requests", m->classes[i], m->flight[i]);
}

static void write_pauses(const struct metrics *m, const struct family *f, struct buf *out)
{
    for (unsigned i = 0; i < METRICS_CLASSES && m->classes[i] != NULL; i++) {
        const char *labels[] = {"requests", m->classes[i], NULL};
        put_sample(out, m, f, labels);
        put_seconds(out, m->pause_ms[i] > 0 ? m->pause_ms[i] : 0);
    }
}

static void put_windows(const struct metrics *m, const struct family *f, bool used, struct buf *out)
{
    for (unsigned i = 0; i < m->window_count && i < METRICS_WINDOWS; i++) {
        const struct metrics_window *w = &m->windows[i];
        const char *labels[] = {"window", w->name, "requests", w->requests, NULL};
        put_sample(out, m, f, labels);
        buf_append_u64(out, used ? w->used : w->limit);
        buf_append_char(out, '\n');
    }
}

static void write_limits(const struct metrics *m, const struct family *f, struct buf *out)
{
    put_windows(m, f, false, out);
}

static void write_used(const struct metrics *m, const struct family *f, struct buf *out)
{
    put_windows(m, f, true, out);
}

static void write_eta(const struct metrics *m, const struct family *f, struct buf *out)
{
    int64_t eta_ms = report_eta_ms(&m->report);

    if (eta_ms < 0)
        return;
    put_sample(out, m, f, NULL);
    put_seconds(out, eta_ms);
}

static void write_refused(const struct metrics *m, const struct family *f, struct buf *out)
{
    for (unsigned i = 0; i < METRICS_REASONS && m->reasons[i] != NULL; i++)
        put_count(out, m, f, "reason", m->reasons[i], m->refused[i]);
}

#define IN_REPORT(field) offsetof(struct metrics, report.field)
#define IN(field)        offsetof(struct metrics, field)

static const struct family families[] = {
    {"build_info", "gauge", "1; the version is in its label.", .write = write_build},
    {"start_time_seconds", "gauge", "When this process began, since 1970.", .kind = SECONDS,
     .at = IN_REPORT(started_ms)},
    {"sandbox", "gauge", "1 when nothing is sent to a vendor.", .kind = FLAG,
     .at = IN_REPORT(sandbox)},
    {"state", "gauge", "1 for the state the run is in, 0 for the others.", .write = write_state},

    {"records_read_total", "counter", "Records of the list that were read.",
     .at = IN_REPORT(records)},
    {"records_expected", "gauge", "Records of the whole list; an estimate while it is being read.",
     .write = write_expected},
    {"records_valid_total", "counter", "Records that something can be asked about.",
     .at = IN_REPORT(valid)},
    {"records_duplicate_total", "counter",
     "Records that share the answer of an earlier one, for nothing.", .at = IN_REPORT(duplicates)},
    {"records_answered_total", "counter", "Records that have their outcome.",
     .at = IN_REPORT(answered)},
    {"records_total", "counter", "Records written to the output, by outcome.",
     .write = write_outcomes},
    {"eta_seconds", "gauge", "Until every record is answered, at the rate so far.",
     .write = write_eta},
    {"list_bytes", "gauge", "Size of the list as it lies on disk; 0 when unknown.",
     .at = IN_REPORT(list_bytes)},
    {"list_read_bytes_total", "counter", "How much of it was read.",
     .at = IN_REPORT(list_bytes_done)},
    {"output_bytes_total", "counter", "Bytes of the output that are durable.",
     .at = IN_REPORT(output_bytes)},

    {"credits_spent_total", "counter", "Credits of ended batches, as the vendor says.",
     .kind = AMOUNT, .at = IN_REPORT(spent)},
    {"credits_priced_total", "counter", "Credits of written records, as the price list says.",
     .kind = AMOUNT, .at = IN_REPORT(priced)},
    {"credits_owed", "gauge",
     "The most that batches in flight and in doubt can cost beside what is spent.", .kind = AMOUNT,
     .at = IN_REPORT(reserved)},
    {"credits_balance", "gauge", "Credits on the account; no sample while unknown.",
     .kind = AMOUNT_, .at = IN_REPORT(balance)},
    {"credits_cap", "gauge", "What --max-credits allows; no sample without it.", .kind = AMOUNT_,
     .at = IN_REPORT(cap)},

    {"batches", "gauge", "Batches that have not ended, by state.", .write = write_batches},
    {"batches_ended_total", "counter", "Batches that have ended.", .kind = SMALL,
     .at = IN_REPORT(batches_done)},
    {"batches_live_max", "gauge", "Batches that may be with the vendor at once.", .kind = SMALL,
     .at = IN(live_max)},

    {"requests_total", "counter", "Requests of this process, of any kind.",
     .at = IN_REPORT(requests)},
    {"requests_repeated_total", "counter", "Requests that were tried again.",
     .at = IN_REPORT(retries)},
    {"requests_throttled_total", "counter", "Requests that the vendor answered with 429.",
     .at = IN_REPORT(throttled)},
    {"requests_failed_total", "counter", "Requests that failed.", .at = IN_REPORT(failures)},
    {"requests_in_flight", "gauge", "Requests under way: paid (submit), free (read).",
     .write = write_flight},
    {"pause_seconds", "gauge",
     "How long no such request goes, because the vendor asked for it or is down.",
     .write = write_pauses},
    {"rate_window_limit", "gauge", "Requests that the rate window allows.", .write = write_limits},
    {"rate_window_used", "gauge", "Requests of the window that are used up now.",
     .write = write_used},

    {"slots", "gauge", "Records that the vendor works on at once.", .kind = SMALL, .at = IN(slots),
     .only = WITH_SLOTS},
    {"slots_busy", "gauge", "Records that it works on now.", .kind = SMALL, .at = IN(slots_busy),
     .only = WITH_SLOTS},
    {"slots_queued", "gauge", "Records that stand in its queue.", .kind = SMALL,
     .at = IN(slots_queued), .only = WITH_SLOTS},

    {"callbacks_accepted_total", "counter", "Callbacks that are durable.",
     .at = IN(callbacks_accepted), .only = WITH_CALLBACKS},
    {"callbacks_duplicate_total", "counter", "Accepted callbacks that said nothing new.",
     .at = IN(callbacks_duplicate), .only = WITH_CALLBACKS},
    {"callbacks_stray_total", "counter",
     "Callbacks that came after their batch had ended otherwise: kept, not used.", .kind = SMALL,
     .at = IN_REPORT(strays), .only = WITH_CALLBACKS},
    {"callbacks_failed_total", "counter", "Callbacks that could not be kept: answered 503.",
     .at = IN(callbacks_failed), .only = WITH_CALLBACKS},
    {"callbacks_oversized_total", "counter", "Callbacks that were too long: answered 413.",
     .at = IN(callbacks_oversized), .only = WITH_CALLBACKS},
    {"callbacks_refused_total", "counter", "Callbacks that were refused, by reason.",
     .write = write_refused, .only = WITH_CALLBACKS},
    {"callbacks_pending", "gauge", "Callbacks that are taken and not read yet.", .kind = SMALL,
     .at = IN(callbacks_pending), .only = WITH_CALLBACKS},
};

static bool applies(const struct metrics *m, const struct family *f)
{
    return f->only == ALWAYS || (f->only == WITH_SLOTS ? m->has_slots : m->has_callbacks);
}

static void write_one(const struct metrics *m, const struct family *f, struct buf *out)
{
    const void *at = (const char *)m + f->at;

    if (f->kind == AMOUNT_ && *(const int64_t *)at < 0)
        return;
    put_sample(out, m, f, NULL);
    switch (f->kind) {
    case COUNT:
        buf_append_u64(out, *(const uint64_t *)at);
        break;
    case SMALL:
        buf_append_u64(out, *(const unsigned *)at);
        break;
    case AMOUNT:
    case AMOUNT_:
        buf_append_i64(out, *(const int64_t *)at);
        break;
    case FLAG:
        buf_append_char(out, *(const bool *)at ? '1' : '0');
        break;
    case SECONDS:
        put_seconds(out, *(const int64_t *)at);
        return;
    }
    buf_append_char(out, '\n');
}

void metrics_write(const struct metrics *m, struct buf *out)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        const struct family *f = &families[i];
        if (!applies(m, f))
            continue;
        buf_append_format(out, "# HELP tranche_%s %s\n# TYPE tranche_%s %s\n", f->name, f->help,
                          f->name, f->type);
        if (f->write != NULL)
            f->write(m, f, out);
        else
            write_one(m, f, out);
    }
}
