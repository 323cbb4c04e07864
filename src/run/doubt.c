/* What becomes of batches in doubt when nothing else is left to do: evidence is waited for as long
 * as it can come and the user allows, then
 * --on-in-doubt is carried out. `hold` marks their records, so that the rest is published; tranche
 * resolve decides them later.
 *
 * A decision is a durable row of its own before anything follows from it. On the loop's thread. */
#include "run/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "run/totals.h"

struct deciding {
    struct commit_op op;
    struct engine *engine;
    struct batch *batch;
    struct ledger_batch row;
    const char *choice;
};

static int apply_decision(struct commit_op *op, struct ledger *l, struct error *e)
{
    struct deciding *d = (struct deciding *)op;
    int rc = ledger_add_decision(l, d->row.id, d->choice, "", "on-in-doubt", clock_wall_ms(), e);
    /* Pages of results that were not ours would stand in the place of those to come. */
    if (rc == 0)
        rc = ledger_drop_replies(l, d->row.id, e);
    return rc != 0 ? rc : ledger_put_batch(l, &d->row, e);
}

static void decision_is_durable(struct commit_op *op, const struct error *e)
{
    struct deciding *d = (struct deciding *)op;
    struct engine *g = d->engine;
    if (engine_committed(g, e)) {
        d->batch->busy = false;
        if (d->batch->state == BATCH_IN_DOUBT) { /* skip; the vendor may have it, and may charge */
            d->batch->credits = d->batch->cost_max;
            scatter_conclude(g, d->batch, OUTCOME_SKIPPED, "skipped: its submission is in doubt",
                             BATCH_SKIPPED);
        }
    }
    free(d);
}

static void decide(struct engine *g, struct batch *b, const char *choice)
{
    struct deciding *d = calloc(1, sizeof *d);
    if (d == NULL)
        abort();
    d->engine = g;
    d->batch = b;
    d->choice = choice;
    b->busy = true;
    if (g->setup.on_in_doubt == DOUBT_RESUBMIT)
        batch_move(b, BATCH_PREPARED);
    shape_row(b, &d->row);
    d->op.apply = apply_decision;
    d->op.done = decision_is_durable;
    engine_commit(g, &d->op);
}

static void hold(struct engine *g, struct batch *b)
{
    char reason[128];
    if (b->items > 1)
        log_write(LOG_WARN, "run", "batch %u stays in doubt; tranche resolve %s decides it", b->id,
                  g->dir);
    snprintf(reason, sizeof reason, "in doubt: batch %u was submitted and no answer came", b->id);
    scatter_conclude(g, b, OUTCOME_IN_DOUBT, reason, BATCH_STATES);
}

static void settle(struct engine *g, struct batch *b)
{
    if (b->settled || b->busy)
        return;
    b->settled = true;
    switch (g->setup.on_in_doubt) {
    case DOUBT_HOLD:
        hold(g, b);
        break;
    case DOUBT_RESUBMIT:
        if (b->resubmitted) { /* a second doubt is no accident: a person must look */
            hold(g, b);
            break;
        }
        b->settled = false; /* it starts anew, and what it may have cost counts as spent */
        b->resubmitted = true;
        g->spent += b->cost_max;
        decide(g, b, "not-sent");
        break;
    case DOUBT_SKIP:
        decide(g, b, "skip");
        break;
    }
}

/* --- looking again ---------------------------------------------------------------------------- */

static bool in_state(const struct ledger_batch *row, enum batch_state s)
{
    return strcmp(row->state, batch_machine.states[s].name) == 0;
}

bool doubt_reopens(const struct setup *s, const struct ledger_batch *row)
{
    if (!in_state(row, BATCH_IN_DOUBT))
        return false;
    return s->called || (s->operation->delivery == DELIVERY_POLL && row->vendor_id[0] != '\0');
}

struct reopening {
    struct engine *engine;
    bool published;
};

static int reopen(void *arg, const struct ledger_batch *b, struct error *e)
{
    struct reopening *r = arg;
    struct engine *g = r->engine;
    struct ledger_batch row = *b;
    if (!doubt_reopens(&g->setup, b))
        return 0;
    int rc = ledger_drop_conclusions(g->ledger, b->id, e);
    if (rc < 0)
        return rc;
    r->published |= rc == 1;
    if (g->setup.operation->delivery != DELIVERY_POLL || row.vendor_id[0] == '\0')
        return 0;
    /* Its id is known: asking costs nothing. */
    snprintf(row.state, sizeof row.state, "%s", batch_machine.states[BATCH_ACCEPTED].name);
    rc = ledger_add_decision(g->ledger, b->id, "sent", row.vendor_id, "evidence", clock_wall_ms(),
                             e);
    return rc == 0 ? ledger_put_batch(g->ledger, &row, e) : rc;
}

int doubt_reopen(struct engine *g, struct error *e)
{
    struct reopening r = {.engine = g};
    int rc = ledger_begin(g->ledger, e);
    if (rc == 0)
        rc = ledger_each_batch(g->ledger, reopen, &r, e);
    /* In the same transaction: a process that dies here must find a run with work to do. */
    if (rc == 0 && r.published)
        rc = totals_start_over(g->ledger, e);
    if (rc == 0 && r.published)
        rc = ledger_set(g->ledger, LEDGER_KEY_STATE, SLICE_LIT("running"), e);
    return rc == 0 ? ledger_commit(g->ledger, e) : rc;
}

void doubt_pump(struct engine *g)
{
    /* Evidence comes by callbacks or not at all; what is here already need not be waited for. */
    if (arrivals_behind(g))
        return;
    int64_t now = clock_mono_ms(), wait = g->arrivals != NULL ? g->setup.operation->doubt_ms : 0;
    if (g->doubt_since_ms == 0)
        g->doubt_since_ms = now;
    if (wait > g->setup.doubt_wait_ms)
        wait = g->setup.doubt_wait_ms;
    if (now < g->doubt_since_ms + wait) {
        snprintf(g->waiting, sizeof g->waiting, "evidence about batches in doubt");
        engine_wake_at(g, g->doubt_since_ms + wait);
        return;
    }
    for (unsigned i = 0; i < g->batch_count; i++)
        settle(g, g->batches[i]);
}
