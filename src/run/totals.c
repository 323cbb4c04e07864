/* What the emitted records add up to. */
#include "run/totals.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void key_of(int outcome, char *key, size_t size)
{
    snprintf(key, size, "emitted_%s", outcome_name((enum outcome)outcome));
}

int totals_load(struct totals *t, struct ledger *l, struct error *e)
{
    int64_t value = 0;
    char key[64];
    int rc = 0;
    memset(t, 0, sizeof *t);
    for (int i = OUTCOME_FOUND; rc >= 0 && i < OUTCOME_COUNT; i++, value = 0) {
        key_of(i, key, sizeof key);
        rc = ledger_get_i64(l, key, &value, e);
        t->outcomes[i] = rc == 1 ? (uint64_t)value : 0;
    }
    if (rc >= 0 && (rc = ledger_get_i64(l, "emitted_priced", &value, e)) == 1)
        t->priced = value;
    if (rc >= 0 && (rc = ledger_get_i64(l, "emitted_rejects_bytes", &value, e)) == 1)
        t->rejects_bytes = (uint64_t)value;
    return rc < 0 ? rc : 0;
}

int totals_store(const struct totals *t, struct ledger *l, struct error *e)
{
    char key[64];
    int rc = 0;
    for (int i = OUTCOME_FOUND; rc == 0 && i < OUTCOME_COUNT; i++) {
        key_of(i, key, sizeof key);
        rc = ledger_set_i64(l, key, (int64_t)t->outcomes[i], e);
    }
    if (rc == 0)
        rc = ledger_set_i64(l, "emitted_priced", t->priced, e);
    if (rc == 0)
        rc = ledger_set_i64(l, "emitted_rejects_bytes", (int64_t)t->rejects_bytes, e);
    return rc;
}

int totals_start_over(struct ledger *l, struct error *e)
{
    struct totals none = {0};
    int rc = ledger_set_output(l, 0, 0, e);
    return rc != 0 ? rc : totals_store(&none, l, e);
}

void totals_add(struct totals *t, const uint64_t outcomes[OUTCOME_COUNT], int64_t priced,
                uint64_t rejects_bytes)
{
    for (int i = 0; i < OUTCOME_COUNT; i++)
        t->outcomes[i] += outcomes[i];
    t->priced += priced;
    t->rejects_bytes += rejects_bytes;
}

int totals_exit_status(const struct totals *t)
{
    return t->outcomes[OUTCOME_FAILED] + t->outcomes[OUTCOME_NO_CREDITS] +
                       t->outcomes[OUTCOME_IN_DOUBT] >
                   0
               ? 1
               : 0;
}

bool totals_resubmission(const struct ledger_decision *d)
{
    return strcmp(d->by, "on-in-doubt") == 0 && strcmp(d->choice, "not-sent") == 0;
}

struct resubmitted {
    struct ledger *ledger;
    int64_t credits;
};

static int add_resubmitted(void *arg, const struct ledger_decision *d, struct error *e)
{
    struct resubmitted *r = arg;
    struct ledger_batch b;
    int rc = totals_resubmission(d) ? ledger_find_batch(r->ledger, d->batch, &b, e) : 0;
    if (rc == 1)
        r->credits += b.cost_max;
    return rc < 0 ? rc : 0;
}

int totals_resubmitted(struct ledger *l, int64_t *credits, struct error *e)
{
    struct resubmitted r = {l, 0};
    int rc = ledger_each_decision(l, add_resubmitted, &r, e);
    *credits = r.credits;
    return rc;
}
