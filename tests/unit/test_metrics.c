/* Metrics, held against the text exposition format 0.0.4 by a reader of our own that knows no
 * mercy: what it takes, Prometheus takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/metrics.h"

#define FAMILIES_MAX 64
#define SAMPLES_MAX  256

/* What the reader keeps. */
struct reading {
    struct family {
        char name[80], type[16];
        unsigned samples;
    } families[FAMILIES_MAX];
    unsigned family_count;
    char samples[SAMPLES_MAX][300]; /* name and labels: each once */
    unsigned sample_count;
    char problem[400];
};

/* [a-zA-Z_:][a-zA-Z0-9_:]*; a label has no colon. The length, 0 for none. */
static size_t name_len(const char *at, bool label)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    size_t len = 0;
    while (at[len] != '\0' && (strchr(letters, at[len]) || (!label && at[len] == ':') ||
                               (len > 0 && at[len] >= '0' && at[len] <= '9')))
        len++;
    return len;
}

static bool wrong(struct reading *r, const char *line, const char *what)
{
    snprintf(r->problem, sizeof r->problem, "%s: %.300s", what, line);
    return false;
}

/* "{a="b",c="d"}", in place; *at goes behind it. */
static bool read_labels(struct reading *r, const char *line, const char **at)
{
    const char *p = *at;
    char seen[8][40];
    unsigned count = 0;
    do {
        size_t len = name_len(++p, true);
        if (len == 0 || len >= sizeof seen[0] || count == 8)
            return wrong(r, line, "not a label's name");
        snprintf(seen[count], sizeof seen[count], "%.*s", (int)len, p);
        for (unsigned i = 0; i < count; i++)
            if (strcmp(seen[i], seen[count]) == 0)
                return wrong(r, line, "a label twice");
        count++;
        p += len;
        if (p[0] != '=' || p[1] != '"')
            return wrong(r, line, "a label without a value");
        for (p += 2; *p != '"'; p++) {
            if (*p == '\0')
                return wrong(r, line, "a value without an end");
            if (*p == '\\' && strchr("\\\"n", *++p) == NULL)
                return wrong(r, line, "an escape that there is not");
        }
        p++;
    } while (*p == ',');
    if (*p != '}')
        return wrong(r, line, "labels without an end");
    *at = p + 1;
    return true;
}

static bool ends(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

static bool read_sample(struct reading *r, const char *line)
{
    struct family *f = r->family_count > 0 ? &r->families[r->family_count - 1] : NULL;
    size_t len = name_len(line, false);
    const char *at = line + len;
    char *end;
    if (len == 0 || f == NULL || f->type[0] == '\0' || strlen(f->name) != len ||
        strncmp(f->name, line, len) != 0)
        return wrong(r, line, "not a sample of the family above");
    if (*at == '{' && !read_labels(r, line, &at))
        return false;
    size_t key = (size_t)(at - line);
    assert_true(r->sample_count < SAMPLES_MAX && key < sizeof r->samples[0]);
    snprintf(r->samples[r->sample_count], sizeof r->samples[0], "%.*s", (int)key, line);
    for (unsigned i = 0; i < r->sample_count; i++)
        if (strcmp(r->samples[i], r->samples[r->sample_count]) == 0)
            return wrong(r, line, "a sample twice");
    r->sample_count++;
    f->samples++;
    if (*at != ' ')
        return wrong(r, line, "no space before the value");
    double value = strtod(at + 1, &end);
    if (end == at + 1 || *end != '\0' || at[1] == ' ')
        return wrong(r, line, "not a number");
    if (strcmp(f->type, "counter") == 0 && value < 0)
        return wrong(r, line, "a counter below 0");
    return true;
}

/* "# HELP name text" begins a family, "# TYPE name type" is its second line. */
static bool read_comment(struct reading *r, const char *line)
{
    bool help = strncmp(line, "# HELP ", 7) == 0;
    if (!help && strncmp(line, "# TYPE ", 7) != 0)
        return wrong(r, line, "neither HELP nor TYPE");
    const char *name = line + 7;
    size_t len = name_len(name, false);
    if (len == 0 || len >= 80 || name[len] != ' ' || name[len + 1] == '\0')
        return wrong(r, line, "no name or nothing behind it");
    if (help) {
        struct family *f = &r->families[r->family_count];
        assert_true(r->family_count < FAMILIES_MAX);
        snprintf(f->name, sizeof f->name, "%.*s", (int)len, name);
        for (unsigned i = 0; i < r->family_count; i++)
            if (strcmp(r->families[i].name, f->name) == 0)
                return wrong(r, line, "a family twice");
        for (const char *at = name + len; *at != '\0'; at++)
            if (*at == '\\' && strchr("\\n", *++at) == NULL)
                return wrong(r, line, "an escape that there is not");
        r->family_count++;
        return true;
    }
    struct family *f = r->family_count > 0 ? &r->families[r->family_count - 1] : NULL;
    if (f == NULL || strlen(f->name) != len || strncmp(f->name, name, len) != 0 || f->type[0] ||
        f->samples > 0)
        return wrong(r, line, "a TYPE that does not follow its HELP");
    snprintf(f->type, sizeof f->type, "%s", name + len + 1);
    if (strcmp(f->type, "counter") != 0 && strcmp(f->type, "gauge") != 0)
        return wrong(r, line, "a type that we do not use");
    /* By convention, which promtool checks. */
    if ((strcmp(f->type, "counter") == 0) != ends(f->name, "_total"))
        return wrong(r, line, "counters, and only they, end in _total");
    return strncmp(f->name, "tranche_", 8) == 0 ? true : wrong(r, line, "not ours");
}

/* False with r->problem. */
static bool read_metrics(struct reading *r, const char *text)
{
    char line[1024];
    memset(r, 0, sizeof *r);
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        if (text[len] != '\n')
            return wrong(r, text, "no newline at the end");
        assert_true(len < sizeof line);
        memcpy(line, text, len);
        line[len] = '\0';
        if (strchr(line, '\r') != NULL || len == 0)
            return wrong(r, line, "not a line of ours");
        if (!(line[0] == '#' ? read_comment(r, line) : read_sample(r, line)))
            return false;
        text += len + 1;
    }
    return true;
}

/* ---- the reader itself ---- */

static void the_reader_refuses(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"tranche_a 1\n", "family above"},
        {"# HELP tranche_a x\n# TYPE tranche_a gauge\ntranche_a 1", "newline"},
        {"# HELP tranche_a x\n# TYPE tranche_a gauge\ntranche_b 1\n", "family above"},
        {"# HELP tranche_a x\n# TYPE tranche_a gauge\ntranche_a 1\ntranche_a 2\n", "sample twice"},
        {"# HELP tranche_a x\n# TYPE tranche_a gauge\ntranche_a{b=\"1\",b=\"2\"} 1\n",
         "label twice"},
        {"# HELP tranche_a x\n# TYPE tranche_a gauge\ntranche_a{b=\"\\x\"} 1\n", "escape"},
        {"# HELP tranche_a x\n# TYPE tranche_a gauge\ntranche_a{b=\"1} 1\n", "without an end"},
        {"# HELP tranche_a x\n# TYPE tranche_a gauge\ntranche_a{1b=\"1\"} 1\n", "label's name"},
        {"# HELP tranche_a x\n# TYPE tranche_a gauge\ntranche_a{} 1\n", "label's name"},
        {"# HELP tranche_a x\n# TYPE tranche_a gauge\ntranche_a 1,5\n", "not a number"},
        {"# HELP tranche_a x\n# TYPE tranche_a gauge\ntranche_a  1\n", "not a number"},
        {"# HELP tranche_a x\n# TYPE tranche_a counter\ntranche_a 1\n", "_total"},
        {"# HELP tranche_a_total x\n# TYPE tranche_a_total gauge\n", "_total"},
        {"# HELP tranche_a_total x\n# TYPE tranche_a_total counter\ntranche_a_total -1\n",
         "below 0"},
        {"# TYPE tranche_a gauge\n", "follow its HELP"},
        {"# HELP tranche_a x\n# HELP tranche_a y\n", "family twice"},
        {"# HELP tranche_a x\n# TYPE tranche_a gauge\n\n", "line of ours"},
        {"# HELP a x\n# TYPE a gauge\n", "not ours"},
    };
    struct reading r;
    (void)state;
    assert_true(read_metrics(&r, "# HELP tranche_a x\n# TYPE tranche_a gauge\n"
                                 "tranche_a{b=\"\\\\ \\\" \\n , } =\"} 1.5\ntranche_a 2\n"));
    assert_int_equal(r.sample_count, 2);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (read_metrics(&r, rows[i].text) || strstr(r.problem, rows[i].says) == NULL)
            fail_msg("%s: '%s'", rows[i].text, r.problem);
}

/* ---- what is written ---- */

static struct metrics some_metrics(void)
{
    return (struct metrics){
        .report = {.operation = "wiza/reveal",
                   .state = "waiting",
                   .waiting = "the vendor's work",
                   .list = "people of ACME.csv",
                   .sandbox = true,
                   .started_ms = INT64_C(1795190645042),
                   .now_ms = INT64_C(1795190655042),
                   .records = 1200,
                   .list_whole = true,
                   .valid = 1168,
                   .duplicates = 54,
                   .answered = 900,
                   .emitted = 800,
                   .outcomes = {0, 501, 267, 32},
                   .outcome_names = {"none", "found", "not_found", "invalid", "failed",
                                     "no_credits", "skipped", "in_doubt"},
                   .batches_done = 40,
                   .strays = 3,
                   .spent = 8010,
                   .reserved = 400,
                   .balance = 91990,
                   .cap = -1,
                   .priced = 8000,
                   .requests = 14,
                   .retries = 2,
                   .throttled = 1,
                   .failures = 4,
                   .output_bytes = 91234},
        .version = "1.2.3",
        .provider = "wiza",
        .batch_states = {"prepared", "sending"},
        .batches = {7, 1},
        .live_max = 90,
        .classes = {"submit", "read"},
        .flight = {1, 2},
        .pause_ms = {0, 2500},
        .windows = {{"60/min", "submit", 60, 59}, {"60/min", "all", 60, 60}},
        .window_count = 2,
    };
}

static char *write_metrics(const struct metrics *m)
{
    struct buf out;
    buf_init(&out, METRICS_BYTES_MAX);
    metrics_write(m, &out);
    assert_false(out.failed);
    char *text = strdup(buf_text(&out));
    buf_deinit(&out);
    return text;
}

/* Each of these lines is there; `lines` ends with NULL. */
static void expect_lines(const char *text, const char *const *lines)
{
    for (; *lines != NULL; lines++) {
        char line[300];
        snprintf(line, sizeof line, "\n%s\n", *lines);
        if (strstr(text, line) == NULL)
            fail_msg("missing: %s\nin:\n%s", *lines, text);
    }
}

#define OF "{operation=\"wiza/reveal\",provider=\"wiza\""

static void says_all_in_the_format(void **state)
{
    static const char *const lines[] = {
        "tranche_build_info" OF ",version=\"1.2.3\"} 1",
        "tranche_start_time_seconds" OF "} 1795190645.042",
        "tranche_sandbox" OF "} 1",
        "tranche_state" OF ",state=\"waiting\"} 1",
        "tranche_state" OF ",state=\"running\"} 0",
        "tranche_records_read_total" OF "} 1200",
        "tranche_records_expected" OF "} 1200",
        "tranche_records_duplicate_total" OF "} 54",
        "tranche_records_answered_total" OF "} 900",
        "# TYPE tranche_records_total counter",
        "tranche_records_total" OF ",outcome=\"found\"} 501",
        "tranche_records_total" OF ",outcome=\"in_doubt\"} 0",
        "tranche_eta_seconds" OF "} 3.333",
        "tranche_credits_spent_total" OF "} 8010",
        "tranche_credits_owed" OF "} 400",
        "tranche_credits_balance" OF "} 91990",
        "tranche_batches" OF ",state=\"prepared\"} 7",
        "tranche_batches_ended_total" OF "} 40",
        "tranche_requests_total" OF "} 14",
        "tranche_requests_throttled_total" OF "} 1",
        "tranche_requests_in_flight" OF ",requests=\"read\"} 2",
        "tranche_pause_seconds" OF ",requests=\"read\"} 2.500",
        "tranche_rate_window_limit" OF ",window=\"60/min\",requests=\"submit\"} 60",
        "tranche_rate_window_used" OF ",window=\"60/min\",requests=\"submit\"} 59",
        "tranche_output_bytes_total" OF "} 91234",
        NULL,
    };
    struct metrics m = some_metrics();
    struct reading r;
    char *text = write_metrics(&m);
    (void)state;
    if (!read_metrics(&r, text))
        fail_msg("%s", r.problem);
    expect_lines(text, lines);
    /* Neither names of files nor what people read. */
    assert_null(strstr(text, "ACME"));
    assert_null(strstr(text, "vendor's"));
    assert_null(strstr(text, "tranche_slots"));
    assert_null(strstr(text, "tranche_callbacks"));
    free(text);
}

static void the_unknown_has_no_sample(void **state)
{
    struct metrics m = some_metrics();
    struct reading r;
    m.report.balance = -1;
    m.report.list_whole = false;
    m.report.answered = 0;
    char *text = write_metrics(&m);
    (void)state;
    assert_true(read_metrics(&r, text));
    assert_null(strstr(text, "tranche_credits_balance{"));
    assert_null(strstr(text, "tranche_credits_cap{"));
    assert_null(strstr(text, "tranche_records_expected{"));
    assert_null(strstr(text, "tranche_eta_seconds{"));
    free(text);
}

static void slots_and_callbacks_where_there_are_any(void **state)
{
    static const char *const lines[] = {
        "tranche_slots" OF "} 15",
        "tranche_slots_busy" OF "} 15",
        "tranche_slots_queued" OF "} 11",
        "tranche_callbacks_accepted_total" OF "} 20",
        "tranche_callbacks_duplicate_total" OF "} 5",
        "tranche_callbacks_stray_total" OF "} 3",
        "tranche_callbacks_refused_total" OF ",reason=\"token\"} 9",
        "tranche_callbacks_pending" OF "} 2",
        NULL,
    };
    struct metrics m = some_metrics();
    struct reading r;
    m.has_slots = true;
    m.slots = m.slots_busy = 15;
    m.slots_queued = 11;
    m.has_callbacks = true;
    m.callbacks_accepted = 20;
    m.callbacks_duplicate = 5;
    m.reasons[0] = "path";
    m.reasons[1] = "token";
    m.refused[1] = 9;
    m.callbacks_pending = 2;
    char *text = write_metrics(&m);
    (void)state;
    if (!read_metrics(&r, text))
        fail_msg("%s", r.problem);
    expect_lines(text, lines);
    free(text);
}

static void labels_are_escaped(void **state)
{
    struct metrics m = some_metrics();
    struct reading r;
    m.provider = "a\"b\\c\nd";
    char *text = write_metrics(&m);
    (void)state;
    if (!read_metrics(&r, text))
        fail_msg("%s", r.problem);
    assert_non_null(strstr(text, "provider=\"a\\\"b\\\\c\\nd\""));
    free(text);
}

/* Everything as large as it gets stays below what the header promises. */
static void all_fits(void **state)
{
    struct metrics m = some_metrics();
    struct reading r;
    m.has_slots = m.has_callbacks = true;
    m.report.records = m.report.valid = m.report.requests = UINT64_MAX;
    m.report.spent = m.report.balance = m.report.cap = INT64_MAX;
    for (unsigned i = 0; i < METRICS_REASONS; i++)
        m.reasons[i] = (const char *const[]){"a", "b", "c", "d", "e", "f", "g", "h"}[i];
    m.window_count = METRICS_WINDOWS;
    for (unsigned i = 0; i < METRICS_WINDOWS; i++) {
        snprintf(m.windows[i].name, sizeof m.windows[i].name, "1000000/31536%02u000ms", i);
        m.windows[i].requests = "submit";
    }
    char *text = write_metrics(&m);
    (void)state;
    if (!read_metrics(&r, text))
        fail_msg("%s", r.problem);
    assert_true(strlen(text) < METRICS_BYTES_MAX / 4);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reader_refuses),
        cmocka_unit_test(says_all_in_the_format),
        cmocka_unit_test(the_unknown_has_no_sample),
        cmocka_unit_test(slots_and_callbacks_where_there_are_any),
        cmocka_unit_test(labels_are_escaped),
        cmocka_unit_test(all_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
