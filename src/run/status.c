/* tranche status: of a live run from its status.json, which the run replaces about once a second;
 * of any other from its ledger, which is then ours to lock, and from what its last process said.
 *
 * 1. What the ledger knows (records, batches, credits, outcomes) is taken from the ledger.
 * 2. What only the process knew (its times, requests, the balance) is from the newer of status.json
 * and report.json. A process that ends in order leaves both saying how; one that is killed leaves a
 * status.json that still says it runs.
 * 3. What neither says is not made up: a run that was killed has no exit status. */
#include "run/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "plan/batch.h"
#include "report/figure.h"
#include "report/report.h"
#include "run/home.h"
#include "run/totals.h"

#define STATUS_MAX ((size_t)1 << 20)

/* How it is shown. */
struct view {
    bool json, watch;
    unsigned shown; /* times */
};

/* On a terminal each time replaces the last; elsewhere an empty line is between two, and JSON is
 * one object on each line. */
static int show(struct view *v, const struct report *r, struct error *e)
{
    struct buf text;
    char now[21];
    bool people = v->watch && !v->json, redraw = people && isatty(STDOUT_FILENO);
    buf_init(&text, STATUS_MAX);
    if (redraw) {
        clock_format_utc(clock_wall_ms(), now);
        buf_append_format(
            &text, "\033[H\033[2J%s, every second; Ctrl-C ends watching, not the run\n\n", now);
    } else if (people && v->shown > 0) {
        buf_append_char(&text, '\n');
    }
    if (v->json)
        report_json(r, &text);
    else
        report_status(r, &text);
    v->shown++;
    fputs(buf_text(&text), stdout);
    buf_deinit(&text);
    return fflush(stdout) == 0 ? 0 : error_errno(e, ERR_IO, errno, "standard output");
}

/* What status.json or report.json says; texts in the arena. */
static int read_snapshot(const char *dir, const char *name, struct report *r, struct arena *a,
                         struct error *e)
{
    char *path = file_join(dir, name), *text = NULL;
    size_t len;
    int rc = file_read_all(path, STATUS_MAX, &text, &len, e);
    if (rc == 0)
        rc = report_json_parse(r, (struct slice){text, len}, a, e);
    free(text);
    free(path);
    return rc;
}

/* The last that was said of the run. All zero when nothing is there or can be read: status.json is
 * not durable, and either is only a help. */
static void read_last(const char *dir, struct report *last, struct arena *a)
{
    struct error ignored = {0};
    struct report end;
    if (read_snapshot(dir, "status.json", last, a, &ignored) != 0)
        *last = (struct report){.balance = -1};
    if (read_snapshot(dir, "report.json", &end, a, &ignored) == 0 && end.now_ms >= last->now_ms)
        *last = end;
}

static int add_batch(void *arg, const struct ledger_batch *b, struct error *e)
{
    struct report *r = arg;
    int state = machine_find(&batch_machine, b->state);
    if (state < 0)
        return error_set(e, ERR_DATA, "batch %u has the unknown state \"%s\"", b->id, b->state);
    enum batch_state s = (enum batch_state)state;
    /* A submission that was under way when the process ended is in doubt from its next start on. */
    bool doubt = s == BATCH_IN_DOUBT || s == BATCH_SENDING;
    r->batches++;
    r->batches_in_doubt += doubt;
    r->batches_waiting += s == BATCH_PREPARED;
    r->batches_live += batch_live(s) && !doubt;
    r->batches_done += !batch_live(s) && !doubt;
    if (!batch_live(s) && !doubt && batch_holds(s))
        r->answered += b->items;
    if (batch_owes(s))
        r->reserved += b->cost_max;
    else if (b->credits > 0)
        r->spent += b->credits;
    return 0;
}

static int add_shard(void *arg, const struct list_shard *shard, struct error *e)
{
    struct report *r = arg;
    (void)e;
    r->records += shard->records;
    return 0;
}

static int add_entry(void *arg, uint32_t shard, struct slice identities, struct slice firsts,
                     struct error *e)
{
    struct report *r = arg;
    (void)identities, (void)e;
    for (uint32_t i = 0; i < firsts.len / 4; i++) {
        uint32_t first;
        memcpy(&first, firsts.data + i * 4, 4);
        r->valid += first != 0;
        r->duplicates += first != 0 && first != shard * SHARD_RECORDS + i + 1;
    }
    return 0;
}

/* The numbers that are in the ledger. Texts are borrowed from the home. */
static int gather(struct home *h, struct report *r, struct error *e)
{
    struct totals totals;
    int64_t whole = 0, resubmitted = 0, strays = 0;
    uint32_t emitted;
    memset(r, 0, sizeof *r);
    r->run_dir = h->dir;
    r->list = h->stored.list;
    r->output = h->stored.output;
    r->operation = h->stored.provider;
    r->sandbox = h->stored.sandbox == 1;
    r->state = h->complete ? "complete" : "stopped";
    r->balance = r->cap = -1;
    if (h->stored.max_credits != SETTING_ABSENT)
        r->cap = h->stored.max_credits;
    int rc = ledger_each_shard(h->ledger, add_shard, r, e);
    if (rc == 0)
        rc = ledger_each_entry(h->ledger, 0, 0, UINT32_MAX, add_entry, r, e);
    if (rc == 0)
        rc = ledger_each_batch(h->ledger, add_batch, r, e);
    if (rc == 0)
        rc = totals_load(&totals, h->ledger, e);
    if (rc == 0)
        rc = ledger_get_output(h->ledger, &r->output_bytes, &emitted, e);
    if (rc >= 0)
        rc = ledger_get_i64(h->ledger, LEDGER_KEY_WHOLE, &whole, e);
    if (rc >= 0)
        rc = ledger_get_i64(h->ledger, LEDGER_KEY_STRAYS, &strays, e);
    if (rc < 0)
        return rc;
    r->strays = (unsigned)strays;
    rc = totals_resubmitted(h->ledger, &resubmitted, e);
    if (rc < 0)
        return rc;
    r->spent += resubmitted;
    r->list_whole = whole == 1;
    r->priced = totals.priced;
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        r->outcome_names[i] = outcome_name((enum outcome)i);
        r->outcomes[i] = totals.outcomes[i];
        r->emitted += totals.outcomes[i];
    }
    /* As the engine counts: what is not asked has its outcome, and so have the items of batches
     * that ended; those of a batch half fetched are not looked up. */
    r->answered += r->records - (r->valid - r->duplicates);
    if (r->answered < r->emitted || r->answered > r->records)
        r->answered = r->emitted;
    r->waiting = r->problem = r->advice = "";
    return 0;
}

/* What only the last process knew. */
static void add_process(struct report *r, const struct report *last)
{
    r->started_ms = last->started_ms;
    r->now_ms = last->now_ms;
    r->provider_title = last->provider_title;
    r->balance = last->balance;
    r->list_bytes = last->list_bytes;
    r->list_bytes_done = last->list_bytes_done;
    r->requests = last->requests;
    r->retries = last->retries;
    r->throttled = last->throttled;
    r->failures = last->failures;
    r->answered_before = last->answered_before < r->answered ? last->answered_before : r->answered;
}

struct since {
    int64_t ms;
    bool decided;
};

static int note_decision(void *arg, const struct ledger_decision *d, struct error *e)
{
    struct since *s = arg;
    (void)e;
    s->decided |= strcmp(d->by, "resolve") == 0 && d->at_ms >= s->ms;
    return 0;
}

/* A run that is not complete: why, in the words of the process that ended, if these still fit what
 * the ledger holds. `command` is the one that continues. */
static int tell_why(struct home *h, struct report *r, const struct report *last,
                    const char *command, struct arena *a, struct error *e)
{
    bool ended = report_has_ended(last);
    r->advice = command;
    if (ended && strcmp(last->state, "stopped") == 0 && last->emitted == r->emitted) {
        /* It also knew the answers of batches that are half fetched. */
        if (last->answered > r->answered && last->answered <= r->records)
            r->answered = last->answered;
        r->exit_status = last->exit_status;
        r->problem = last->problem;
        if (last->advice[0] != '\0' && strcmp(last->run_dir, h->dir) == 0)
            r->advice = last->advice; /* else it is for another folder to be in */
        return 0;
    }
    struct since since = {.ms = last->now_ms};
    int rc = ended ? ledger_each_decision(h->ledger, note_decision, &since, e) : 0;
    if (rc != 0)
        return rc;
    if (since.decided) {
        r->exit_status = error_exit_status(ERR_STOPPED);
        r->problem = "what tranche resolve decided since then is not carried out yet";
        return 0;
    }
    struct buf why;
    buf_init(&why, STATUS_MAX);
    if (!ended && last->problem != NULL && last->problem[0] != '\0') {
        buf_append_text(&why, last->problem);
        buf_append_text(&why, "; then it ");
    }
    buf_append_text(&why, "ended without a word (killed?)");
    r->exit_status = -1;
    r->problem = arena_text(a, buf_slice(&why));
    buf_deinit(&why);
    return r->problem != NULL ? 0 : error_set(e, ERR_INTERNAL, "out of memory");
}

/* Of a run that nobody is at work on. */
static int show_ended(struct home *h, struct view *v, struct arena *a, struct error *e)
{
    struct report r, last;
    struct buf command;
    buf_init(&command, STATUS_MAX);
    buf_append_text(&command, h->complete ? "tranche resolve " : "tranche resume ");
    figure_word(&command, h->dir);
    int rc = gather(h, &r, e);
    if (rc == 0) {
        read_last(h->dir, &last, a);
        add_process(&r, &last);
    }
    if (rc == 0 && h->complete) {
        r.exit_status = h->exit_status < 0 ? 0 : h->exit_status;
        r.advice = r.batches_in_doubt > 0 ? buf_text(&command) : "";
    } else if (rc == 0) {
        rc = tell_why(h, &r, &last, buf_text(&command), a, e);
    }
    if (rc == 0)
        rc = show(v, &r, e);
    buf_deinit(&command);
    return rc;
}

/* Of a run whose lock another process holds. */
static int show_live(const char *dir, struct view *v, struct arena *a, struct error *e)
{
    struct report r;
    struct error none = {0};
    int rc = read_snapshot(dir, "status.json", &r, a, &none);
    *e = (struct error){0}; /* that it lives was no failure */
    if (rc == 0)
        return show(v, &r, e);
    if (none.code == ERR_NOINPUT && v->watch)
        return 0;
    if (none.code == ERR_NOINPUT)
        return error_set(e, ERR_STOPPED, "%s is live and has no status yet; ask again in a second",
                         dir);
    *e = none;
    return rc;
}

/* 1: the run lives; 0: it does not. */
static int status_once(const char *dir, struct view *v, struct error *e)
{
    struct home h;
    struct arena arena;
    arena_init(&arena, 4 * STATUS_MAX);
    int rc = home_open(&h, dir, false, e);
    if (rc == 0) {
        rc = show_ended(&h, v, &arena, e);
        home_close(&h);
    } else if (rc == ERR_STOPPED) {
        rc = show_live(dir, v, &arena, e);
        rc = rc == 0 ? 1 : rc;
    }
    arena_deinit(&arena);
    return rc;
}

int run_status(const char *dir, bool json, bool watch, struct error *e)
{
    struct view view = {json, watch, 0};
    int rc;
    while ((rc = status_once(dir, &view, e)) == 1 && watch)
        sleep(1);
    return rc < 0 ? error_exit_status(rc) : 0;
}
