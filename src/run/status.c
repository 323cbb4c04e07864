/* tranche status: of a live run from its status.json, which the run replaces about once a second;
 * of any other from its ledger, which is then ours to lock. */
#include "run/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "plan/batch.h"
#include "report/report.h"
#include "run/home.h"
#include "run/totals.h"

#define STATUS_MAX ((size_t)1 << 20)

static void show(const struct report *r, bool json)
{
    struct buf text;
    buf_init(&text, STATUS_MAX);
    if (json)
        report_json(r, &text);
    else
        report_status(r, &text);
    fputs(buf_text(&text), stdout);
    fflush(stdout);
    buf_deinit(&text);
}

/* What status.json says; texts in the arena. */
static int read_status(const char *dir, struct report *r, struct arena *a, struct error *e)
{
    char *path = file_join(dir, "status.json"), *text = NULL;
    size_t len;
    int rc = file_read_all(path, STATUS_MAX, &text, &len, e);
    if (rc == 0)
        rc = report_json_parse(r, (struct slice){text, len}, a, e);
    free(text);
    free(path);
    return rc;
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

/* The same numbers out of the ledger. Texts are borrowed from the home. */
static int gather(struct home *h, struct report *r, char *advice, size_t size, struct error *e)
{
    struct totals totals;
    int64_t whole = 0, resubmitted = 0;
    uint32_t emitted;
    memset(r, 0, sizeof *r);
    r->run_dir = h->dir;
    r->list = h->stored.list;
    r->output = h->stored.output;
    r->operation = h->stored.provider;
    r->sandbox = h->stored.sandbox == 1;
    r->state = h->complete ? "complete" : "stopped";
    r->now_ms = r->started_ms = clock_wall_ms();
    r->balance = r->cap = -1;
    r->exit_status = h->complete ? h->exit_status : error_exit_status(ERR_STOPPED);
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
    if (rc < 0)
        return rc;
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
    r->answered_before = r->answered;
    snprintf(advice, size, "tranche %s %s",
             h->complete && r->batches_in_doubt > 0 ? "resolve" : "resume", h->dir);
    r->advice = h->complete && r->batches_in_doubt == 0 ? "" : advice;
    r->waiting = r->problem = "";
    return 0;
}

/* 1: shown, and the run lives; 0: shown, and it does not. */
static int status_once(const char *dir, bool json, struct error *e)
{
    struct home h;
    struct report r;
    char advice[1200];
    int rc = home_open(&h, dir, false, e);
    if (rc == 0) {
        rc = gather(&h, &r, advice, sizeof advice, e);
        if (rc == 0)
            show(&r, json);
        home_close(&h);
        return rc;
    }
    if (rc != ERR_STOPPED)
        return rc;
    struct arena arena;
    struct error none = {0};
    arena_init(&arena, STATUS_MAX);
    rc = read_status(dir, &r, &arena, &none);
    if (rc == 0) {
        *e = (struct error){0}; /* that it lives was no failure */
        show(&r, json);
    } else if (none.code == ERR_NOINPUT) {
        rc = error_set(e, ERR_STOPPED, "%s is live and has no status yet; ask again in a second",
                       dir);
    } else {
        *e = none;
    }
    arena_deinit(&arena);
    return rc == 0 ? 1 : rc;
}

int run_status(const char *dir, bool json, bool watch, struct error *e)
{
    int rc;
    while ((rc = status_once(dir, json, e)) == 1 && watch)
        sleep(1);
    return rc < 0 ? error_exit_status(rc) : 0;
}
